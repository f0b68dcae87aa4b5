// Somebody writes to a group, just now.
//
// Members see it, and only members: it is judged by the same rules as a message. What one shard remembers is not enough for
// that, since the group may have changed at another; so a group in which somebody types is compared with the store every few
// seconds. Typing never stands in the way of a message: it has its own place to wait in, and is dropped when that is full.
//
// No more than three are shown at once, and nobody in a large group. What passes leaves as one batch to each session shard.

import ClientProtocol
import CoreKit
import Groups
import Messages
import Primitives

/// Who types in one group.
struct GroupTypists: Sendable {
    var shown = Typists(countMax: GroupServiceLimits.typistCountMax)
    /// They wait until the group is read, or compared with the store; the newest word of each.
    private(set) var waiting: [Typing] = []
    /// From this moment on the group was as it is known here, as far as the store's last answer tells.
    var confirmedAt: Instant
    /// The store is being asked.
    var isChecking = false

    init(confirmedAt: Instant) { self.confirmedAt = confirmedAt }

    /// The group is read anew: who waits goes on waiting.
    mutating func take(over former: GroupTypists) {
        shown = former.shown
        waiting = former.waiting
    }

    func isTrusted(_ now: Instant) -> Bool { now - confirmedAt < GroupServiceLimits.typingTrust }

    /// - Returns: false when too many wait.
    mutating func wait(_ typing: Typing) -> Bool {
        waiting.removeAll { $0.origin.user == typing.origin.user }
        guard waiting.count < GroupServiceLimits.typistWaitingCountMax else { return false }
        waiting.append(typing)
        return true
    }

    mutating func takeWaiting() -> [Typing] {
        defer { waiting = [] }
        return waiting
    }
}

extension GroupCore {
    mutating func onTyping(_ typing: Typing, now: Now, _ effects: inout [Effect]) {
        let group = typing.to
        guard group.isGroup else { return }
        guard let record = groups[group] else { return startForTyping(typing, now: now, &effects) }
        groups[group]!.lastUsed = now.instant
        if record.typing.shown.judge(typing.origin.user, isOn: typing.isOn, now: now.instant) == .merged {
            counters.typingMerged += 1
            return
        }
        // Whoever is told no is told so by what the store says now.
        if record.isLoaded, record.typing.isTrusted(now.instant), !typing.isOn || record.state.judgeMessage(by: typing.origin.user) == nil {
            return show(typing, now: now, &effects)
        }
        guard groups[group]!.typing.wait(typing) else {
            counters.typingDropped += 1
            return
        }
        guard record.isLoaded, !record.typing.isChecking else { return }
        groups[group]!.typing.isChecking = true
        let read = ReadGroup(group: group, .entries(after: record.head), limit: 1)
        ask(group, .readGroup(read), .typing(group, generation: record.generation, askedAt: now.instant), &effects)
    }

    /// The group is not in memory. Whoever begins to type will soon write, so it is read now.
    private mutating func startForTyping(_ typing: Typing, now: Now, _ effects: inout [Effect]) {
        guard typing.isOn, groups.count < GroupServiceLimits.typingGroupCountMax else {
            counters.typingDropped += 1
            return
        }
        serialNext &+= 1
        var record = GroupRecord(generation: serialNext, now: now.instant)
        _ = record.typing.wait(typing)
        groups[typing.to] = record
        read(typing.to, &effects)
    }

    mutating func onTypingChecked(
        _ group: UserID, _ generation: UInt32, askedAt: Instant, _ result: Result<Message, Refusal>, now: Now,
        _ effects: inout [Effect]
    ) {
        guard let record = groups[group], record.generation == generation else { return }
        groups[group]!.typing.isChecking = false
        guard case .success(.groupPage(let page)) = result else { return dropWaitingTypists(group) }
        // Answers come in the order of the questions, so what we append ourselves is known by now.
        if page.head > record.head { return reload(group, now: now, &effects) }
        groups[group]!.typing.confirmedAt = askedAt
        takeWaitingTypists(group, now: now, &effects)
    }

    /// The group is as the store has it: who waited is judged.
    mutating func takeWaitingTypists(_ group: UserID, now: Now, _ effects: inout [Effect]) {
        for typing in groups[group]?.typing.takeWaiting() ?? [] { show(typing, now: now, &effects) }
    }

    /// Nobody knows what the group is like now.
    mutating func dropWaitingTypists(_ group: UserID) {
        counters.typingDropped += UInt64(groups[group]?.typing.takeWaiting().count ?? 0)
    }

    private mutating func show(_ typing: Typing, now: Now, _ effects: inout [Effect]) {
        let group = typing.to
        let author = typing.origin.user
        guard let state = groups[group]?.state else { return }
        if typing.isOn, let refusal = state.judgeMessage(by: author) {
            counters.refused += 1
            return effects.append(.tell(typing.origin, .error(ErrorFrame(refusal, ref: nil))))
        }
        guard state.roster.count <= MessageLimits.typingMemberCountMax else {
            counters.typingDropped += 1
            return
        }
        switch groups[group]!.typing.shown.take(author, isOn: typing.isOn, now: now.instant) {
        case .merged: counters.typingMerged += 1
        case .full: counters.typingDropped += 1
        case .news:
            counters.typingShown += 1
            let shards = Dictionary(grouping: state.people.filter { $0 != author }) { sessions.route($0) }
            for (node, recipients) in shards.compactMap({ node, members in node.map { ($0, members) } }).sorted(by: { $0.0 < $1.0 }) {
                let message = GroupTyping(group: group, author: author, isOn: typing.isOn, recipients: recipients)
                effects.append(.send(node, .groupTyping(message)))
            }
        }
    }
}
