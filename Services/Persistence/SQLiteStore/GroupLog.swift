// Logs of groups. A log is read and written like an inbox, by dense numbers and rising stamps, and besides it knows its
// newest event, by whose rules one writes, and how far it was brought to the members' inboxes.
//
// In temporary mode an entry's text goes when the fan-out has passed it, and the entry itself when it is older than the
// expiry; events stay for ever, for they say who is a member. Whoever appends one entry looks at the two oldest that
// nobody looked at before: so the log shrinks as fast as it grows, and nobody has to search for what may go.

import Messages
import Primitives
import Storage

/// The state of one log. All zeros: the group was never made.
struct GroupLogState {
    var head: Head = .empty
    var eventNumber: UInt64 = 0
    var fannedOut: UInt64 = 0
    /// Nothing up to here has to be looked at again for what may go.
    var pruned: UInt64 = 0
    /// Counts what can move a tick (see `GroupMarks`), and up to which of these authors know.
    var revision: UInt64 = 0
    var told: UInt64 = 0
}

extension SQLiteStore {
    /// Nil when the group has no log here.
    func findLog(_ group: Int64) throws(SQLiteError) -> GroupLogState? {
        let row = groupSQL.findLog
        defer { row.reset() }
        row.bind(1, group)
        guard try row.step() else { return nil }
        return GroupLogState(
            head: Head(number: UInt64(row.int64(0)), stamp: row.stamp(1)), eventNumber: UInt64(row.int64(2)),
            fannedOut: UInt64(row.int64(3)), pruned: UInt64(row.int64(4)), revision: UInt64(row.int64(5)),
            told: UInt64(row.int64(6)))
    }

    func updateLog(_ group: Int64, _ log: GroupLogState) throws(SQLiteError) {
        groupSQL.updateLog.bind(1, group)
        groupSQL.updateLog.bind(2, Int64(log.head.number))
        groupSQL.updateLog.bind(3, log.head.stamp)
        groupSQL.updateLog.bind(4, Int64(log.eventNumber))
        groupSQL.updateLog.bind(5, Int64(log.fannedOut))
        groupSQL.updateLog.bind(6, Int64(log.pruned))
        groupSQL.updateLog.bind(7, Int64(log.revision))
        groupSQL.updateLog.bind(8, Int64(log.told))
        try groupSQL.updateLog.run()
    }

    func appendGroup(_ request: AppendGroup, now: Stamp) throws(SQLiteError) -> GroupAppended {
        let digest = ContentDigest.of(request.asked ?? request.body)
        let knownGroup = try findUser(request.group)
        let knownAuthor = try findUser(request.author)
        if let group = knownGroup, let author = knownAuthor,
            let known = try findGroupEntry(group, author: author, id: request.id)
        {
            return known.kind == Int64(request.kind.rawValue) && known.digest == digest
                ? GroupAppended(outcome: .duplicate, number: known.number, stamp: known.stamp)
                : GroupAppended(outcome: .conflict)
        }
        let known = try knownGroup.map { id throws(SQLiteError) in try findLog(id) } ?? nil
        guard request.eventNumber == known?.eventNumber ?? 0 else {
            return GroupAppended(outcome: .stale)
        }
        if let after = request.after {
            guard let knownGroup, let knownAuthor, try findGroupEntry(knownGroup, author: knownAuthor, id: after) != nil
            else { return GroupAppended(outcome: .predecessorMissing) }
        }

        let group = try makeUser(request.group)
        let author = try makeUser(request.author)
        if known == nil { try insertLog(group, name: request.group) }
        var log = known ?? GroupLogState()
        log.head = try next(after: log.head, of: request.group, now: now)
        try insert(request, group: group, author: author, head: log.head, digest: digest)
        switch request.kind {
        case .event:
            log.eventNumber = log.head.number
            log.revision += 1
        case .message: _ = try raise(groupSQL.raiseWrote, group, request.author, member: author, to: log.head.stamp)
        }
        try prune(group, &log, now: now)
        try updateLog(group, log)
        return GroupAppended(outcome: .stored, number: log.head.number, stamp: log.head.stamp, revision: log.revision)
    }

    private func insertLog(_ group: Int64, name: UserID) throws(SQLiteError) {
        groupSQL.insertLog.bind(1, group)
        groupSQL.insertLog.bind(2, name.text)
        try groupSQL.insertLog.run()
    }

    private func insert(
        _ request: AppendGroup, group: Int64, author: Int64, head: Head, digest: UInt64
    ) throws(SQLiteError) {
        groupSQL.insertEntry.bind(1, EntryKey.of(owner: group, number: head.number))
        groupSQL.insertEntry.bind(2, group)
        groupSQL.insertEntry.bind(3, author)
        groupSQL.insertEntry.bind(4, Int64(request.kind.rawValue))
        groupSQL.insertEntry.bind(5, request.id.text)
        groupSQL.insertEntry.bind(6, head.stamp)
        groupSQL.insertEntry.bind(7, Int64(bitPattern: digest))
        groupSQL.insertEntry.bind(8, request.body)
        try groupSQL.insertEntry.run()
    }

    private struct KnownGroupEntry {
        let number: UInt64
        let stamp: Stamp
        let kind: Int64
        let digest: UInt64
    }

    private func findGroupEntry(_ group: Int64, author: Int64, id: MessageID) throws(SQLiteError) -> KnownGroupEntry? {
        let row = groupSQL.findEntry
        defer { row.reset() }
        row.bind(1, group)
        row.bind(2, author)
        row.bind(3, id.text)
        guard try row.step() else { return nil }
        return KnownGroupEntry(
            number: EntryKey.number(row.int64(0)), stamp: row.stamp(1), kind: row.int64(2),
            digest: UInt64(bitPattern: row.int64(3)))
    }

    /// Removes what is old, brought to all and no event, looking at no more than two entries.
    private func prune(_ group: Int64, _ log: inout GroupLogState, now: Stamp) throws(SQLiteError) {
        guard !policy.isArchive else { return }
        for _ in 0..<2 {
            let oldest = try oldestEntry(group, after: log.pruned, through: log.fannedOut)
            guard let oldest, oldest.stamp + max(policy.expiry, StoreLimits.idempotency) < now else { return }
            if oldest.kind == Int64(GroupEntry.Kind.message.rawValue) {
                groupSQL.deleteEntry.bind(1, oldest.key)
                try groupSQL.deleteEntry.run()
            }
            log.pruned = EntryKey.number(oldest.key)
        }
    }

    private func oldestEntry(
        _ group: Int64, after: UInt64, through: UInt64
    ) throws(SQLiteError) -> (key: Int64, stamp: Stamp, kind: Int64)? {
        let row = groupSQL.nextEntry
        defer { row.reset() }
        row.bind(1, EntryKey.of(owner: group, number: after))
        row.bind(2, EntryKey.of(owner: group, number: through))
        return try row.step() ? (row.int64(0), row.stamp(1), row.int64(2)) : nil
    }

    func readGroup(_ request: ReadGroup) throws(SQLiteError) -> GroupPage {
        var page = GroupPage(entries: [], hasMore: false, head: 0, headStamp: .zero, eventNumber: 0, fannedOut: 0)
        guard let group = try findUser(request.group), let log = try findLog(group) else { return page }
        page.head = log.head.number
        page.headStamp = log.head.stamp
        page.eventNumber = log.eventNumber
        page.fannedOut = log.fannedOut
        let rows: Statement
        var (after, through) = (UInt64(0), log.head.number)
        switch request.part {
        case .entries(let number): (rows, after) = (groupSQL.readEntries, number)
        case .events(let number): (rows, after) = (groupSQL.readEvents, number)
        case .newest(let before): (rows, through) = (groupSQL.readNewest, min(max(before, 1) - 1, through))
        }
        guard after < through else { return page }
        defer { rows.reset() }
        rows.bind(1, EntryKey.of(owner: group, number: after))
        rows.bind(2, EntryKey.of(owner: group, number: through))
        if case .events = request.part { rows.bind(3, group) }
        let limit = min(max(request.limit, 1), MessageLimits.pageEntryCountMax)
        var bodyBytes = 0
        while try rows.step() {
            let body = rows.blob(5)
            bodyBytes += body.count
            let isFull = bodyBytes > MessageLimits.pageBodyBytesMax && !page.entries.isEmpty
            guard page.entries.count < limit, !isFull else {
                page.hasMore = true
                break
            }
            guard let kind = GroupEntry.Kind(rawValue: UInt8(clamping: rows.int64(2))) else {
                throw .badRow("no kind of a group's entry has the number \(rows.int64(2))")
            }
            page.entries.append(
                GroupEntry(
                    number: EntryKey.number(rows.int64(0)), stamp: rows.stamp(1), kind: kind,
                    author: try nameUser(rows.int64(3)), id: try rows.messageID(4), body: body))
        }
        return page
    }

    /// Drops text in temporary mode. O(entries in between).
    func settleGroup(_ request: SettleGroup) throws(SQLiteError) {
        guard let group = try findUser(request.group), var log = try findLog(group) else { return }
        let through = max(log.fannedOut, min(request.fannedOut, log.head.number))
        let told = max(log.told, min(request.told, log.revision))
        guard through > log.fannedOut || told > log.told else { return }
        if !policy.isArchive, through > log.fannedOut {
            groupSQL.dropTexts.bind(1, EntryKey.of(owner: group, number: log.fannedOut))
            groupSQL.dropTexts.bind(2, EntryKey.of(owner: group, number: through))
            try groupSQL.dropTexts.run()
        }
        log.fannedOut = through
        log.told = told
        try updateLog(group, log)
    }

    /// O(groups that owe something).
    func readPendingGroups(_ request: ReadPendingGroups) throws(SQLiteError) -> PendingGroups {
        var pending = PendingGroups(groups: [], hasMore: false)
        let rows = groupSQL.pendingGroups
        defer { rows.reset() }
        rows.bind(1, request.after?.text ?? "")
        rows.bind(2, Int64(MessageLimits.pageEntryCountMax + 1))
        while try rows.step() {
            guard pending.groups.count < MessageLimits.pageEntryCountMax else {
                pending.hasMore = true
                break
            }
            pending.groups.append(try rows.userID(0))
        }
        return pending
    }
}
