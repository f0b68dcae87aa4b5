// What those are told who write to groups and change them: what is confirmed is in the log, and what is refused for good the
// rules refused, at some moment since it was asked and before it was stored after all.

import ClientProtocol
import Groups
import Messages
import Primitives

extension Checker {
    mutating func onGroupSent(_ id: MessageID, _ to: UserID, _ at: Stamp, _ device: Int, _ moment: Moment) {
        guard let place = groupPlaces[id], groupMessages[place].device == device, groupIndex(to) == groupMessages[place].group else {
            return fail(.nobodyElse, moment, "ticks for one's own messages", "\(name(device)) has one for \(id) in \(to)", id)
        }
        let author = shape.users[shape.devices[device].user]
        let entry = groups[groupMessages[place].group].entries.first { $0.id == id && $0.author == author }
        guard let entry, entry.stamp == at else {
            return fail(.honestTicks, moment, "\(id) is in the log when its author is told so", entry.map { "stamped \($0.stamp.microseconds), not \(at.microseconds)" } ?? "it is not", id)
        }
        groupMessages[place].sentAt = moment
    }

    mutating func onGroupRefused(_ id: MessageID, _ error: ErrorFrame, _ device: Int, _ moment: Moment) {
        guard let place = groupPlaces[id] else { return }
        groupMessages[place].wasRefused = true
        groupRefusedCount += 1
        let message = groupMessages[place]
        let author = shape.users[shape.devices[device].user]
        // It may be stored and refused when a repeat overtakes it; then it was refused before it was stored.
        let until = groups[message.group].entry(of: author, id)?.seenAt ?? .max
        guard groups[message.group].wasEver(since: message.writtenAt, until: until, { $0.judgeMessage(by: author)?.code == error.code }) else {
            return fail(.loss, moment, "\(id) is accepted: since it was written its author was a member and could write", "refused for good: \(error.code.name)", id)
        }
    }

    mutating func onChanged(_ ref: MessageID, _ group: UserID, _ number: UInt64, _ device: Int, _ moment: Moment) {
        let author = shape.users[shape.devices[device].user]
        guard let index = groupIndex(group), let entry = groups[index][number], entry.id == ref, entry.author == author else {
            return fail(.honestTicks, moment, "the change \(ref) of \(name(device)) is number \(number) of \(group)", "it is not", ref)
        }
        answer(ref, device)
    }

    mutating func onChangeFailed(_ ref: MessageID, _ error: ErrorFrame, _ device: Int, _ moment: Moment) {
        defer { answer(ref, device) }
        groupRefusedCount += 1
        let author = shape.users[shape.devices[device].user]
        let asked = changes.filter { $0.ref == ref && shape.devices[$0.device].user == shape.devices[device].user }
        guard !isRude(device), let first = asked.first else { return }
        let story = groups[first.group]
        let until = story.entry(of: author, ref)?.seenAt ?? .max
        let isJust = story.wasEver(since: first.askedAt, until: until) { state in
            guard case .failure(let refusal) = state.judge(
                first.change, by: author, memberCountMax: shape.cluster.groupRules.memberCountMax)
            else { return false }
            return refusal.code == error.code
        }
        guard !isJust else { return }
        fail(.loss, moment, "\(ref), \(first.change.name) by \(author), is done: since it was asked for the rules allowed it", "\(error.code.name)\(until == .max ? "" : ", though it is in the log")", ref)
    }

    private mutating func answer(_ ref: MessageID, _ device: Int) {
        for index in changes.indices where changes[index].ref == ref && changes[index].device == device { changes[index].isAnswered = true }
    }
}

extension GroupRefusal {
    /// What a client is told.
    var code: ErrorCode {
        switch self {
        case .noSuchGroup: .noSuchGroup
        case .notMember: .notMember
        case .notAllowed: .notAllowed
        case .full: .groupFull
        case .noChange: .noChange
        case .badUsers: .badUsers
        }
    }
}
