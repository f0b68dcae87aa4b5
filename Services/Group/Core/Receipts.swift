// Marks of members become ticks and counts of authors.
//
// A member's session shard says how far she has come; that is made durable and answered before anything else, because her
// cursor moves, and the text may go, once it is. What follows from it gathers for a moment: when thousands of marks come in,
// authors hear of one tick. An author's second tick is the lowest mark of all others, the blue one likewise; counts tell how
// far it is until then.

import CoreKit
import Groups
import Messages
import Primitives
import RPC

extension GroupCore {
    mutating func take(
        _ receipts: GroupMarkBatch, _ call: RemoteCall, _ submission: Submission, now: Now, _ effects: inout [Effect]
    ) {
        let record = groups[receipts.group]!
        if receipts.marks.contains(where: { $0.upTo > record.headStamp }), submission.tries == 0 {
            // Entries that we have not heard of, appended elsewhere: look once.
            var again = submission
            again.tries += 1
            groups[receipts.group]!.waiting.append(again)
            return check(receipts.group, &effects)
        }
        var outcomes: [GroupMarked.Outcome] = []
        var raised: [GroupMark] = []
        for mark in receipts.marks {
            guard record.state.members[mark.member] != nil else {
                outcomes.append(.notMember)
                continue
            }
            guard mark.upTo <= record.headStamp else {
                outcomes.append(.ahead)
                continue
            }
            outcomes.append(.taken)
            let known = record.marks[mark.member]
            if mark.upTo > (mark.kind == .delivered ? known?.delivered : known?.read) ?? .zero { raised.append(mark) }
            // What is read has been delivered.
            if mark.kind == .read, mark.upTo > known?.delivered ?? .zero {
                raised.append(GroupMark(member: mark.member, kind: .delivered, upTo: mark.upTo))
            }
        }
        guard !raised.isEmpty else {
            return effects.append(.answer(call, .groupMarked(GroupMarked(outcomes: outcomes))))
        }
        groups[receipts.group]!.marksInFlight += 1
        ask(
            receipts.group, .storeGroupMarks(GroupMarkBatch(group: receipts.group, marks: raised)),
            .storeMarks(receipts.group, call, raised, outcomes), &effects)
    }

    mutating func onMarksStored(
        _ group: UserID, _ call: RemoteCall, _ marks: [GroupMark], _ outcomes: [GroupMarked.Outcome],
        _ result: Result<Message, Refusal>, now: Now, _ effects: inout [Effect]
    ) {
        if groups[group] != nil { groups[group]!.marksInFlight = max(0, groups[group]!.marksInFlight - 1) }
        guard case .success(.groupMarksStored(let stored)) = result else {
            return effects.append(.refuse(call, Refusal(.unavailable, retryAfterMs: unavailableRetryMs)))
        }
        counters.marksStored += UInt64(marks.count)
        effects.append(.answer(call, .groupMarked(GroupMarked(outcomes: outcomes))))
        guard groups[group] != nil else { return }
        groups[group]!.hear(stored.revision, isOurs: stored.hasRisen)
        for mark in marks {
            var known = groups[group]!.marks[mark.member] ?? MemberMarks()
            switch mark.kind {
            case .delivered: known.delivered = max(known.delivered, mark.upTo)
            case .read: known.read = max(known.read, mark.upTo)
            }
            groups[group]!.marks[mark.member] = known
        }
        let isDelayed = load.delays(.receipts)
        if isDelayed { load.count(.receipts, timers.isArmed(.ticks(group)) ? .merged : .delayed) }
        timers.armIfIdle(.ticks(group), at: now.instant + (isDelayed ? LoadLimits.receiptWindow : GroupServiceLimits.tickWindow))
        timers.armIfIdle(.counts(group), at: now.instant + GroupServiceLimits.countWindow)
    }

    // MARK: Ticks

    /// The lowest mark of all, whose it is, and the lowest of the others: enough to leave any one author out.
    private struct Lowest {
        var first = Stamp.max
        var owner: UserID?
        var second = Stamp.max

        mutating func take(_ mark: Stamp, of member: UserID) {
            if mark < first {
                (second, first, owner) = (first, mark, member)
            } else {
                second = min(second, mark)
            }
        }

        func without(_ author: UserID) -> Stamp { author == owner ? second : first }
    }

    /// Tells authors what they do not know yet. O(members).
    mutating func tellTicks(_ group: UserID, now: Now, _ effects: inout [Effect]) {
        guard let record = groups[group], record.isLoaded else { return }
        guard record.revision == record.revisionHeard else {
            // Another shard took marks that this one does not know.
            if record.isReady { return readMarks(group, after: nil, first: nil, &effects) }
            return timers.armIfIdle(.ticks(group), at: now.instant + GroupServiceLimits.tickWindow)
        }
        groups[group]!.ticking.from = record.revision
        for receipt in ticks(group, record) {
            guard let node = sessions.route(receipt.author) else {
                groups[group]!.ticking.hasFailed = true
                continue
            }
            groups[group]!.ticking.inFlight += 1
            call(node, .receipt(receipt), .receipt(receipt, generation: record.generation), &effects)
        }
        if groups[group]!.ticking.inFlight == 0 { onTicksTold(group, now: now) }
    }

    /// What authors ought to know now and were not told.
    private func ticks(_ group: UserID, _ record: GroupRecord) -> [Receipt] {
        let people = record.state.people
        var delivered = Lowest()
        var read = Lowest()
        for member in people {
            delivered.take(record.effective(member, .delivered), of: member)
            read.take(record.effective(member, .read), of: member)
        }
        var receipts: [Receipt] = []
        for author in record.state.roster {
            guard let marks = record.marks[author], marks.wrote > .zero, people.contains(where: { $0 != author }) else { continue }
            for (kind, lowest) in [(ReceiptKind.delivered, delivered), (.read, read)] {
                let upTo = min(lowest.without(author), marks.wrote)
                let told = marks.told(kind)
                guard upTo > told, record.mayHaveWritten(author, after: told, through: upTo) else { continue }
                receipts.append(Receipt(author: author, peer: group, kind: kind, upTo: upTo))
            }
        }
        return receipts
    }

    /// Authors know everything that follows from what was read: a former life of this shard, or another one, told them.
    mutating func assumeTold(_ group: UserID) {
        for receipt in ticks(group, groups[group]!) {
            groups[group]!.marks[receipt.author]!.raiseTold(receipt.kind, to: receipt.upTo)
        }
    }

    mutating func onTickTold(_ receipt: Receipt, _ generation: UInt32, _ result: Result<Message, Refusal>, now: Now) {
        let group = receipt.peer
        guard groups[group]?.generation == generation else { return }
        groups[group]!.ticking.inFlight -= 1
        if case .success(.done) = result {
            groups[group]!.marks[receipt.author]?.raiseTold(receipt.kind, to: receipt.upTo)
        } else {
            groups[group]!.ticking.hasFailed = true
        }
        if groups[group]!.ticking.inFlight == 0 { onTicksTold(group, now: now) }
    }

    /// None is on its way. What failed is told again after a pause, otherwise the store may forget that it is owed.
    private mutating func onTicksTold(_ group: UserID, now: Now) {
        let ticking = groups[group]!.ticking
        groups[group]!.ticking.hasFailed = false
        guard !ticking.hasFailed else { return retryLater(group, now: now) }
        groups[group]!.told = max(groups[group]!.told, ticking.from)
        settleLater(group, now: now)
    }

    // MARK: Counts

    /// Tells authors of the newest messages how many have each, where that has changed. O(members).
    mutating func tellCounts(_ group: UserID, _ effects: inout [Effect]) {
        guard let record = groups[group], record.isLoaded else { return }
        let open = record.known.indices.suffix(GroupServiceLimits.countedMessageCountMax).filter { !record.known[$0].isDone }
        guard !open.isEmpty else { return }
        for index in open {
            var message = record.known[index]
            var others = 0
            var deliveredCount = 0
            var readCount = 0
            // Who came later never gets it, and is not counted.
            for (member, place) in record.state.members where member != message.author && place.joinedAt < message.stamp {
                others += 1
                guard let marks = record.marks[member] else { continue }
                if marks.delivered >= message.stamp { deliveredCount += 1 }
                if marks.read >= message.stamp { readCount += 1 }
            }
            guard deliveredCount != message.delivered || readCount != message.read else { continue }
            message.delivered = deliveredCount
            message.read = readCount
            message.isDone = readCount == others
            groups[group]!.known[index] = message
            notify(
                message.author, group, message.stamp,
                .counts(delivered: deliveredCount, read: readCount, of: others), &effects)
        }
    }
}
