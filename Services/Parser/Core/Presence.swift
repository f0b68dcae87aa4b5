// What a person does, and what they ask about others: on its way to last-seen.

import ClientProtocol
import CoreKit
import Messages
import Primitives
import Privacy

extension ParserCore {
    /// A person, not an app, did something at this connection.
    mutating func noteActivity(_ origin: Origin, now: Now, _ effects: inout [Effect]) {
        guard load.admits(.lastSeen) else { return }
        activity.note(origin.user, now: now)
        if activity.isFull { flushActivity(&effects) }
    }

    /// One batch for each shard. What belongs to a shard that is away is lost, as it would be with the shard.
    mutating func flushActivity(_ effects: inout [Effect]) {
        var shares: [NodeID: [SeenBatch.Item]] = [:]
        for item in activity.drain() {
            guard let node = lastSeens.route(item.user) else {
                counters.activityLost += 1
                continue
            }
            shares[node, default: []].append(item)
        }
        for node in lastSeens.up {
            guard let share = shares[node] else { continue }
            counters.activityTold += UInt64(share.count)
            effects.append(.send(node, .activity(SeenBatch(items: share))))
        }
    }

    mutating func onActive(_ isInFront: Bool, _ origin: Origin, now: Now, _ effects: inout [Effect]) {
        guard load.admits(.lastSeen) else { return }
        let place = ConnectionPlace(gateway: origin.gateway, connection: origin.connection)
        let front = AppFront(user: origin.user, place: place, isInFront: isInFront, at: now.stamp)
        guard let node = lastSeens.route(origin.user) else { return counters.activityLost += 1 }
        effects.append(.send(node, .appFront(front)))
    }

    /// What a client asks of last-seen, and the reference of the answer.
    /// - Precondition: a frame of presence or settings that has an answer.
    func lastSeenRequest(_ frame: ClientFrame, _ origin: Origin) -> (message: Message, ref: MessageID?) {
        switch frame {
        case .presence(let ref, let users):
            (.presenceQuery(PresenceQuery(origin: origin, reference: ref, users: users, isWatch: false)), ref)
        case .presenceWatch(let ref, let users):
            (.presenceQuery(PresenceQuery(origin: origin, reference: ref, users: users, isWatch: true)), ref)
        case .settings(let ref, let lastSeen, let exceptions, let readReceipts):
            (
                .settingsQuery(
                    SettingsQuery(
                        origin: origin, reference: ref,
                        change: .set(lastSeen: lastSeen, exceptions: exceptions, readReceipts: readReceipts))), ref
            )
        case .block(let ref, let user, let on):
            (.settingsQuery(SettingsQuery(origin: origin, reference: ref, change: on ? .block(user) : .unblock(user))), ref)
        case .hello, .send, .ack, .read, .history, .ping, .group, .groupInfo, .groupList, .receipts, .groupHistory, .typing,
            .active, .mediaUpload, .mediaLink, .mediaKeep, .feature:
            preconditionFailure("not a question for last-seen")
        }
    }
}
