// What a product's backend is told: gathered here, and handed to an api node, which keeps it until it was told.
//
// Messages never wait for this. Events gather in memory, one batch is on its way at a time, and a batch that was not taken goes again.
// What a shard had not handed over when it died, and what does not fit while no api node takes anything, is lost: the message
// itself is in its inbox, and whoever comes finds it there.

import Cluster
import CoreKit
import Messages
import Primitives
import RPC

/// Events that no api node has yet.
struct HookOutbox: Sendable {
    /// What the cluster file wants told; empty: nothing.
    var kinds: Set<WebhookKind> = []
    var nodes: [NodeID] = []
    var nodesUp: [NodeID] = []
    var events: [HookEvent] = []
    /// Of `events`, the first ones, on their way.
    var sentCount = 0
    var isResting = false
    var nodeNext = 0
    var droppedCount: UInt64 = 0

    init(_ cluster: ClusterMap) { adopt(cluster) }

    mutating func adopt(_ cluster: ClusterMap) {
        kinds = cluster.webhooks?.kinds ?? []
        nodes = cluster.nodes(of: .api).map(\.id)
        nodesUp = nodesUp.filter(nodes.contains)
        if kinds.isEmpty { events.removeSubrange(sentCount...) }
    }

    mutating func set(_ node: NodeID, isUp: Bool) {
        guard nodes.contains(node) else { return }
        nodesUp.removeAll { $0 == node }
        if isUp { nodesUp = (nodesUp + [node]).sorted() }
    }

    mutating func add(_ event: @autoclosure () -> HookEvent, _ kind: WebhookKind) {
        guard kinds.contains(kind) else { return }
        guard events.count < SessionLimits.hookEventCountMax else { return droppedCount += 1 }
        events.append(event())
    }
}

extension SessionCore {
    /// The end of a tick: the next batch goes, if none is on its way.
    mutating func sendHooks(_ effects: inout [Effect]) {
        guard !hooks.events.isEmpty, hooks.sentCount == 0, !hooks.isResting, !hooks.nodesUp.isEmpty else { return }
        let node = hooks.nodesUp[hooks.nodeNext % hooks.nodesUp.count]
        var bytes = 0
        let batch = hooks.events.prefix(MessageLimits.hookCountMax).prefix { event in
            bytes += event.body.count
            return bytes <= MessageLimits.pageBodyBytesMax
        }
        hooks.sentCount = batch.count
        call(node, .hookBatch(HookBatch(events: Array(batch))), .hooks, &effects)
    }

    mutating func onHooksTaken(_ result: Result<Message, Refusal>, now: Now) {
        let count = hooks.sentCount
        hooks.sentCount = 0
        if case .success(.done) = result { return hooks.events.removeFirst(count) }
        // Nobody wants any more what nobody took.
        if hooks.kinds.isEmpty { return hooks.events.removeAll() }
        // Another node may take them, in a moment.
        hooks.nodeNext += 1
        hooks.isResting = true
        timers.arm(.hooks, at: now.instant + SessionLimits.retry)
    }

    /// Of a message that was stored before, the first answer was lost perhaps, and with it this: it is told again while it is fresh. Its
    /// `id` is the same, so whoever has it drops it.
    func isFresh(_ stamp: Stamp, _ now: Now) -> Bool { now.stamp.microseconds - stamp.microseconds < SessionLimits.hookRepeatMax.nanoseconds / 1_000 }

    /// Somebody is here who has shown that she is.
    private func isHere(_ user: UserID) -> Bool { users[user]?.devices.contains(where: \.isLive) == true }

    /// A message is in somebody's inbox.
    mutating func noteStored(_ delivery: PendingDelivery, _ appended: Appended, now: Now) {
        guard appended.outcome == .stored || isFresh(appended.stamp, now) else { return }
        let (user, author) = (delivery.to, delivery.origin.user)
        func event(_ kind: HookEvent.Kind) -> HookEvent {
            HookEvent(kind, user: user, author: author, chat: author, id: delivery.id, at: appended.stamp, body: delivery.body)
        }
        hooks.add(event(.stored), .stored)
        if !isHere(user) { hooks.add(event(.offline), .offline) }
    }

    /// A group's message is in a member's inbox.
    mutating func noteStored(_ entry: GroupEntry, of group: UserID, to user: UserID) {
        guard entry.kind == .message, entry.author != user, !isHere(user) else { return }
        hooks.add(
            HookEvent(.offline, user: user, author: entry.author, chat: group, id: entry.id, at: entry.stamp, body: entry.body), .offline)
    }

    /// A device has gone. What was pushed into a connection that was dead already is told now, if nobody else is here to show it.
    mutating func noteUnseen(_ id: UserID, _ device: DeviceState) {
        guard device.isLive, let user = users[id], !user.hasConnection, device.acknowledged < user.head else { return }
        hooks.add(
            HookEvent(.waiting, user: id, author: id, chat: id, at: user.headStamp, count: user.head - device.acknowledged), .offline)
    }

    mutating func noteReceipt(_ receipt: Receipt, _ stored: WatermarkStored) {
        // A repeat changes nothing.
        guard stored.watermark.revision > stored.previous else { return }
        let kind: (HookEvent.Kind, WebhookKind) = receipt.kind == .delivered ? (.delivered, .delivered) : (.read, .read)
        hooks.add(
            HookEvent(kind.0, user: receipt.peer, author: receipt.author, chat: receipt.peer, at: stored.watermark.upTo), kind.1)
    }
}
