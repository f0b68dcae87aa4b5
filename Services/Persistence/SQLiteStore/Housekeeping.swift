// The sweep: what time does to inboxes, a bounded step at a time, in the order of keys.
//
// For each owner that a step meets it forgets unused devices first, since that may let text go. Then each entry:
// - text that every device has goes at once (only left over when an archive became a temporary store);
// - text older than the expiry goes when some device has it, and when nobody waits for a receipt: copies of one's own
//   messages, notices of expiry and what comes from groups have no author to tell;
// - other text older than the expiry is reported, again and again until `dropExpired` says that the author knows;
// - what has no text and an id older than its promise is purged, the newest entry of an inbox aside.
//
// Owners that never received anything are not met; their devices hold nothing back, and unused ones make room when an
// eighth device is followed by a ninth (see `openDevice`).

import Messages
import Primitives
import Storage

extension SQLiteStore {
    /// What `probe` writes and deletes again: four pages, room for a batch of ordinary messages. A single page could be had
    /// while the next message fails again.
    private static let probeBytes: Int64 = 16 * 1024

    func probe() throws(SQLiteError) {
        sql.insertProbe.bind(1, Self.probeBytes)
        try sql.insertProbe.run()
        try sql.deleteProbe.run()
    }

    func dropExpired(_ request: DropExpired) throws(SQLiteError) {
        guard !policy.isArchive, let owner = try findUser(request.owner) else { return }
        for number in request.numbers where number <= EntryKey.numberMax {
            try blank(through: EntryKey.of(owner: owner, number: number))
        }
    }

    func sweep(_ request: Sweep, now: Stamp) throws(SQLiteError) -> Swept {
        let limit = max(1, request.limit)
        let rows = try sweepRows(after: request.position, limit: limit)
        var swept = Swept(next: .start, expired: [], purgedCount: 0)
        if rows.count == limit, let last = rows.last {
            swept.next = Sweep.Position(owner: last.owner, number: last.number)
        }
        var index = 0
        while index < rows.count {
            let owner = rows[index].owner
            let devices = try forgetUnused(of: owner, now: now)
            while index < rows.count, rows[index].owner == owner {
                try sweep(rows[index], devices: devices, now: now, into: &swept)
                index += 1
            }
        }
        return swept
    }

    private struct SweepRow {
        let key: Int64
        let stamp: Stamp
        let kind: Int64
        let author: Int64
        /// Nil of a group's entries: they have no author to tell.
        let id: MessageID?
        let hasText: Bool
        var owner: Int64 { EntryKey.owner(key) }
        var number: UInt64 { EntryKey.number(key) }
    }

    private func sweepRows(after position: Sweep.Position, limit: Int) throws(SQLiteError) -> [SweepRow] {
        defer { sql.sweepEntries.reset() }
        let owner = min(max(position.owner, 0), EntryKey.ownerMax)
        sql.sweepEntries.bind(1, EntryKey.of(owner: owner, number: position.number))
        sql.sweepEntries.bind(2, Int64(limit))
        var rows: [SweepRow] = []
        while try sql.sweepEntries.step() {
            let isOfGroup = InboxEntry.Kind(rawValue: UInt8(clamping: sql.sweepEntries.int64(2)))?.isOfGroup ?? false
            rows.append(
                SweepRow(
                    key: sql.sweepEntries.int64(0), stamp: sql.sweepEntries.stamp(1), kind: sql.sweepEntries.int64(2),
                    author: sql.sweepEntries.int64(3), id: isOfGroup ? nil : try sql.sweepEntries.messageID(4),
                    hasText: sql.sweepEntries.bool(5)))
        }
        return rows
    }

    private func sweep(
        _ row: SweepRow, devices: DeviceSet, now: Stamp, into swept: inout Swept
    ) throws(SQLiteError) {
        if row.hasText {
            guard !policy.isArchive else { return }
            let isExpired = row.stamp + policy.expiry < now
            let hasAuthorToTell = row.kind == Int64(InboxEntry.Kind.message.rawValue) && row.number > devices.delivered
            guard row.number <= devices.lowest || isExpired else { return }
            if hasAuthorToTell, let id = row.id { return try report(row, id: id, into: &swept) }
            try blank(through: row.key)
        }
        if row.stamp + StoreLimits.idempotency < now, row.number < (try head(of: row.owner).number) {
            sql.deleteEntry.bind(1, row.key)
            try sql.deleteEntry.run()
            swept.purgedCount += 1
        }
    }

    private func report(_ row: SweepRow, id: MessageID, into swept: inout Swept) throws(SQLiteError) {
        let owner = try nameUser(row.owner)
        let item = ExpiredReport.Item(number: row.number, author: try nameUser(row.author), id: id)
        if let last = swept.expired.last, last.owner == owner, last.items.count < MessageLimits.expiredCountMax {
            swept.expired[swept.expired.count - 1].items.append(item)
        } else {
            swept.expired.append(ExpiredReport(owner: owner, items: [item]))
        }
    }
}
