// Who stands where in a group: one row a member that says so now, found by name, and one row for each time a mark rose, so
// that anybody can be told when a message arrived where.
//
// In temporary mode times older than the expiry go, apart from the newest of each mark: whoever adds one looks at the two
// oldest. When that can find something is remembered, so that hardly anybody has to look.

import Messages
import Primitives
import Storage

/// One member's marks of one kind in one group.
struct MarkSeries: Hashable {
    let group: Int64
    let member: Int64
    let kind: Int64
}

extension SQLiteStore {
    /// True when the mark rose.
    func raise(
        _ mark: Statement, _ group: Int64, _ name: UserID, member: Int64, to stamp: Stamp
    ) throws(SQLiteError) -> Bool {
        mark.bind(1, group)
        mark.bind(2, name.text)
        mark.bind(3, member)
        mark.bind(4, stamp)
        try mark.run()
        return database.changeCount == 1
    }

    func storeGroupMarks(_ request: GroupMarkBatch, now: Stamp) throws(SQLiteError) -> GroupMarksStored {
        var hasRisen = false
        guard let group = try findUser(request.group), var log = try findLog(group) else {
            return GroupMarksStored(revision: 0, hasRisen: false)
        }
        for mark in request.marks where mark.upTo > .zero {
            let member = try makeUser(mark.member)
            let present = mark.kind == .delivered ? groupSQL.raiseDelivered : groupSQL.raiseRead
            guard try raise(present, group, mark.member, member: member, to: mark.upTo) else { continue }
            hasRisen = true
            let kind = Int64(mark.kind.rawValue)
            groupSQL.insertMark.bind(1, group)
            groupSQL.insertMark.bind(2, member)
            groupSQL.insertMark.bind(3, kind)
            groupSQL.insertMark.bind(4, mark.upTo)
            groupSQL.insertMark.bind(5, now)
            try groupSQL.insertMark.run()
            let series = MarkSeries(group: group, member: member, kind: kind)
            if !policy.isArchive { try prune(series, newest: mark.upTo, now: now) }
        }
        if hasRisen {
            log.revision += 1
            try updateLog(group, log)
        }
        return GroupMarksStored(revision: log.revision, hasRisen: hasRisen)
    }

    private func prune(_ series: MarkSeries, newest: Stamp, now: Stamp) throws(SQLiteError) {
        if let oldest = oldestMarks[series], oldest + policy.expiry >= now { return }
        for upTo in try oldMarks(series, newest: newest, now: now) {
            groupSQL.deleteMark.bind(1, series.group)
            groupSQL.deleteMark.bind(2, series.member)
            groupSQL.deleteMark.bind(3, series.kind)
            groupSQL.deleteMark.bind(4, upTo)
            try groupSQL.deleteMark.run()
        }
    }

    /// Of the two oldest, the newest aside, those that may go. Remembers when the one was made that is then the oldest, unless
    /// both go: then it is not known.
    private func oldMarks(_ series: MarkSeries, newest: Stamp, now: Stamp) throws(SQLiteError) -> [Stamp] {
        let rows = groupSQL.oldestMarks
        defer { rows.reset() }
        rows.bind(1, series.group)
        rows.bind(2, series.member)
        rows.bind(3, series.kind)
        rows.bind(4, newest)
        var old: [Stamp] = []
        while try rows.step() {
            guard rows.stamp(1) + policy.expiry < now else {
                oldestMarks[series] = rows.stamp(1)
                return old
            }
            old.append(rows.stamp(0))
        }
        // The newest, made now, is left alone, unless a third is there that was not looked at.
        oldestMarks[series] = old.count < 2 ? now : nil
        return old
    }

    func readGroupMarks(_ request: ReadGroupMarks) throws(SQLiteError) -> GroupMarks {
        var marks = GroupMarks(items: [], hasMore: false)
        guard let group = try findUser(request.group), let log = try findLog(group) else { return marks }
        (marks.revision, marks.told, marks.eventNumber) = (log.revision, log.told, log.eventNumber)
        if let at = request.at { marks.author = try author(group, log, at: at) }
        let rows = groupSQL.readMembers
        defer { rows.reset() }
        rows.bind(1, group)
        rows.bind(2, request.after?.text ?? "")
        rows.bind(3, Int64(MessageLimits.pageEntryCountMax + 1))
        while try rows.step() {
            guard marks.items.count < MessageLimits.pageEntryCountMax else {
                marks.hasMore = true
                break
            }
            var item = GroupMarks.Item(
                member: try rows.userID(0), wrote: rows.stamp(2), delivered: rows.stamp(3), read: rows.stamp(4))
            if let at = request.at {
                let member = rows.int64(1)
                item.delivered = item.delivered < at ? .zero : try arrival(group, member, .delivered, at: at)
                item.read = item.read < at ? .zero : try arrival(group, member, .read, at: at)
            }
            marks.items.append(item)
        }
        return marks
    }

    /// Who wrote the message stamped `at`. Stamps rise with the numbers. O(log head) rows.
    private func author(_ group: Int64, _ log: GroupLogState, at: Stamp) throws(SQLiteError) -> UserID? {
        // What is looked for, if it is there, has a number in this range.
        var range = 1..<log.head.number + 1
        while !range.isEmpty {
            let middle = range.lowerBound + (range.upperBound - range.lowerBound) / 2
            let row = groupSQL.nextEntry
            defer { row.reset() }
            row.bind(1, EntryKey.of(owner: group, number: middle - 1))
            row.bind(2, EntryKey.of(owner: group, number: range.upperBound - 1))
            guard try row.step(), row.stamp(1) <= at else {
                range = range.lowerBound..<middle
                continue
            }
            guard row.stamp(1) < at else {
                let isMessage = row.int64(2) == Int64(GroupEntry.Kind.message.rawValue)
                return isMessage ? try nameUser(row.int64(3)) : nil
            }
            range = EntryKey.number(row.int64(0)) + 1..<range.upperBound
        }
        return nil
    }

    /// When the member came to `at` or beyond.
    private func arrival(
        _ group: Int64, _ member: Int64, _ kind: ReceiptKind, at: Stamp
    ) throws(SQLiteError) -> Stamp {
        let row = groupSQL.firstMark
        defer { row.reset() }
        row.bind(1, group)
        row.bind(2, member)
        row.bind(3, Int64(kind.rawValue))
        row.bind(4, at)
        return try row.step() ? row.stamp(0) : .zero
    }
}
