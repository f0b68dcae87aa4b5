// Draws requests about groups that meet: few groups, few people, few ids. It remembers what logs and inboxes answered, so
// that most of what it brings to inboxes comes next there, and some does not.

import Messages
import Primitives
import Storage

struct GroupDice {
    private var newest = 0
    private var logs: [UserID: Log] = [:]

    static let groups = ["g:1", "g:2", "g:3"].map { UserID($0)! }

    /// What was met, of an archive and of a temporary store.
    static let outcomesWanted: Set<String> = [
        "group stored", "group duplicate", "group conflict", "group stale", "group predecessorMissing", "group page",
        "full group page", "events", "fan-out", "pending", "marks", "arrivals", "shared", "shared in part", "known", "behind",
        "joined", "memberships", "group entries",
    ]
    static let outcomesWantedTemporary: Set<String> = ["group text dropped", "group log pruned"]

    private struct Log {
        /// As first seen: an entry that lost its text since is brought with it.
        var entries: [UInt64: GroupEntry] = [:]
        var head: UInt64 = 0
        var eventNumber: UInt64 = 0
        var last: [UserID: UInt64] = [:]
    }

    mutating func request(_ dice: inout SeededGenerator, people: [UserID], body: (MessageID, inout SeededGenerator) -> [UInt8])
        -> StoreRequest
    {
        let group = Self.groups[dice.pick(0..<Self.groups.count)]
        let person = people[dice.pick(0..<people.count)]
        let log = logs[group] ?? Log()
        switch dice.pick(0..<20) {
        case 0...5:
            let id = messageID(&dice)
            let kind = dice.oneIn(6) ? GroupEntry.Kind.event : .message
            let after: MessageID? = dice.oneIn(8) ? messageID(&dice) : nil
            return .appendGroup(
                AppendGroup(
                    group: group, kind: kind, author: person, id: id, after: after, eventNumber: event(log, &dice),
                    body: body(id, &dice), asked: dice.oneIn(8) ? body(id, &dice) : nil))
        case 6...7:
            let after = dice.oneIn(3) ? 0 : number(log, &dice)
            let parts: [ReadGroup.Part] = [.entries(after: after), .events(after: after), .newest(before: after)]
            return .readGroup(ReadGroup(group: group, parts[dice.pick(0..<3)], limit: dice.pick(1..<60)))
        case 8:
            return .settleGroup(SettleGroup(group: group, fannedOut: number(log, &dice), told: UInt64(dice.pick(0..<40))))
        case 9: return .readPendingGroups(ReadPendingGroups(after: dice.oneIn(2) ? group : nil))
        case 10...11:
            let marks = (0..<dice.pick(0..<8)).map { _ in
                GroupMark(
                    member: people[dice.pick(0..<people.count)], kind: dice.oneIn(2) ? .read : .delivered,
                    upTo: stamp(log, &dice))
            }
            return .storeGroupMarks(GroupMarkBatch(group: group, marks: marks))
        case 12:
            return .readGroupMarks(
                ReadGroupMarks(
                    group: group, after: dice.oneIn(3) ? person : nil, at: dice.oneIn(2) ? stamp(log, &dice) : nil))
        case 13: return .readMemberships(ReadMemberships(owner: person, after: dice.oneIn(4) ? group : nil))
        default: return .appendShared(shared(group, log, person, people: people, &dice))
        }
    }

    /// Without a hole, beginning mostly with what `person` lacks; for a few recipients, some of them named twice.
    private func shared(
        _ group: UserID, _ log: Log, _ person: UserID, people: [UserID], _ dice: inout SeededGenerator
    ) -> GroupBatch {
        let last = log.last[person] ?? 0
        var next = dice.oneIn(5) ? number(log, &dice) : last + 1
        var mark = MembershipMark.none
        switch dice.pick(0..<8) {
        case 0: mark = .renamed(title: "title \(dice.pick(0..<20))")
        case 1 where dice.oneIn(3): mark = .left
        case 2...3:
            mark = .joined(title: "title \(dice.pick(0..<20))")
            if last == 0 || dice.oneIn(2) { next = number(log, &dice) }
        default: break
        }
        let count = mark == .none ? dice.pick(1..<9) : 1
        var entries: [GroupEntry] = []
        while entries.count < count, let entry = log.entries[next] {
            entries.append(entry)
            next += 1
        }
        let others = (0..<dice.pick(0..<5)).map { _ in people[dice.pick(0..<people.count)] }
        return GroupBatch(group: group, entries: entries, recipients: [person] + others, mark: mark)
    }

    private mutating func messageID(_ dice: inout SeededGenerator) -> MessageID {
        newest += 1
        let back = dice.oneIn(3) ? dice.pick(0..<30) : 0
        return id("e\(max(1, newest - back))")
    }

    private func event(_ log: Log, _ dice: inout SeededGenerator) -> UInt64 {
        switch dice.pick(0..<12) {
        case 0: AppendGroup.neverCurrent
        case 1: UInt64(dice.pick(0..<4))
        default: log.eventNumber
        }
    }

    /// Mostly near the head.
    private func number(_ log: Log, _ dice: inout SeededGenerator) -> UInt64 {
        if dice.oneIn(50) { return .max }
        let back = UInt64(dice.pick(0..<(dice.oneIn(3) ? 200 : 12)))
        return log.head + 2 > back ? log.head + 2 - back : 0
    }

    /// Mostly that of an entry.
    private func stamp(_ log: Log, _ dice: inout SeededGenerator) -> Stamp {
        if dice.oneIn(20) { return .zero }
        let stamp = log.entries[number(log, &dice)]?.stamp ?? Stamp(microseconds: Int64(dice.pick(0..<1000)))
        return dice.oneIn(5) ? stamp + .microseconds(1) : stamp
    }

    mutating func learn(_ answer: StoreAnswer, to request: StoreRequest, outcomes: inout Set<String>) {
        switch (request, answer) {
        case (.appendGroup(let request), .groupAppended(let answer)):
            outcomes.insert("group \(answer.outcome)")
            guard answer.outcome == .stored else { return }
            logs[request.group, default: Log()].entries[answer.number] = GroupEntry(
                number: answer.number, stamp: answer.stamp, kind: request.kind, author: request.author, id: request.id,
                body: request.body)
            logs[request.group]!.head = answer.number
            if request.kind == .event { logs[request.group]!.eventNumber = answer.number }
        case (.readGroup(let request), .groupPage(let page)):
            note(page, request, &outcomes)
        case (.readPendingGroups, .pendingGroups(let pending)):
            if !pending.groups.isEmpty { outcomes.insert("pending") }
        case (.readGroupMarks(let request), .groupMarks(let marks)):
            let isAnywhere = marks.items.contains { $0.delivered > .zero || $0.read > .zero }
            if isAnywhere { outcomes.insert(request.at == nil ? "marks" : "arrivals") }
        case (.appendShared(let request), .sharedAppended(let answer)):
            for (recipient, item) in zip(request.recipients, answer.items) { note(item, recipient, request, &outcomes) }
        case (.readMemberships, .membershipPage(let page)):
            if !page.items.isEmpty { outcomes.insert("memberships") }
        case (.readInbox(let request), .inboxPage(let page)):
            if !request.headersOnly, page.entries.contains(where: { $0.kind.isOfGroup }) { outcomes.insert("group entries") }
        default: break
        }
    }

    private func note(_ page: GroupPage, _ request: ReadGroup, _ outcomes: inout Set<String>) {
        guard !page.entries.isEmpty else { return }
        let numbers = page.entries.map(\.number)
        switch request.part {
        case .entries:
            outcomes.insert(page.hasMore ? "full group page" : "group page")
            if zip(numbers, numbers.dropFirst()).contains(where: { $0 + 1 < $1 }) { outcomes.insert("group log pruned") }
        case .events: outcomes.insert("events")
        case .newest: outcomes.insert("newest first")
        }
        if page.fannedOut > 0 { outcomes.insert("fan-out") }
        let log = logs[request.group] ?? Log()
        if page.entries.contains(where: { $0.body.isEmpty && log.entries[$0.number]?.body.isEmpty == false }) {
            outcomes.insert("group text dropped")
        }
    }

    private mutating func note(
        _ item: SharedAppended.Item, _ recipient: UserID, _ request: GroupBatch, _ outcomes: inout Set<String>
    ) {
        let isWhole = item.storedCount == request.entries.count
        if item.isBehind { outcomes.insert("behind") }
        if item.storedCount == 0 && !item.isBehind && !request.entries.isEmpty { outcomes.insert("known") }
        guard item.storedCount > 0, let last = request.entries.last else { return }
        outcomes.insert(isWhole ? "shared" : "shared in part")
        if request.mark.isJoined { outcomes.insert("joined") }
        logs[request.group, default: Log()].last[recipient] = last.number
    }
}
