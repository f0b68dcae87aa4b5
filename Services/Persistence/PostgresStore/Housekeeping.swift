// The sweep, the probe, and the end of what expired. The rules are those of the embedded engine.
//
// A sweep walks through the owners by name, and passes over those of other partitions. Its position has a number for the
// owner; the names behind the numbers are remembered here, and a number from before a restart begins the round anew.

import Messages
import Primitives
import Storage

extension PostgresStore {
    /// What `probe` writes and deletes again.
    private static let probeBytes = 16 * 1024
    /// Names of owners that are remembered: a round has one step under way.
    private static let sweepOwnerCountMax = 16

    func probe() throws(PostgresError) {
        try write(.insertProbe, [.parameter(share.partition), [UInt8](repeating: 0, count: Self.probeBytes)])
        try write(.deleteProbe, [.parameter(share.partition)])
    }

    func dropExpired(_ request: DropExpired) {
        guard !policy.isArchive else { return }
        for number in request.numbers where number > 0 { writes.blank(request.owner, after: number - 1, through: number) }
    }

    private struct SweepRow {
        let owner: UserID
        let number: UInt64
        let stamp: Stamp
        let kind: InboxEntry.Kind
        let author: UserID?
        let id: MessageID?
        let hasText: Bool
    }

    func sweep(_ request: Sweep, now: Stamp) throws(PostgresError) -> Swept {
        let limit = max(1, request.limit)
        var swept = Swept(next: .start, expired: [], purgedCount: 0)
        let after = sweepOwners[request.position.owner]
        let found = try query(
            .sweep,
            [
                .parameter(after?.text ?? ""), .parameter(after == nil ? 0 : Int64(clamping: request.position.number)),
                .parameter(Int64(limit)),
            ])
        var rows: [SweepRow] = []
        for row in 0..<found.count {
            let owner = try found.user(row, 0)
            if row == limit - 1 { swept.next = remember(owner, number: found.uint64(row, 1), after: request.position) }
            guard share.owns(owner), let kind = InboxEntry.Kind(rawValue: UInt8(clamping: found.int64(row, 3))) else { continue }
            rows.append(
                SweepRow(
                    owner: owner, number: found.uint64(row, 1), stamp: found.stamp(row, 2), kind: kind,
                    author: UserID(found.text(row, 4)), id: MessageID(found.text(row, 5)), hasText: found.int64(row, 6) == 1))
        }
        try loadInboxes(Array(Set(rows.map(\.owner))))
        var index = 0
        while index < rows.count {
            let owner = rows[index].owner
            let state = try forgetUnused(of: owner, now: now)
            while index < rows.count, rows[index].owner == owner {
                try sweep(rows[index], state, now: now, into: &swept)
                index += 1
            }
        }
        return swept
    }

    private func remember(_ owner: UserID, number: UInt64, after position: Sweep.Position) -> Sweep.Position {
        let next = position.owner &+ 1
        let key = next > 0 ? next : 1
        if sweepOwners.count >= Self.sweepOwnerCountMax { sweepOwners = sweepOwners.filter { $0.key == position.owner } }
        sweepOwners[key] = owner
        return Sweep.Position(owner: key, number: number)
    }

    private func sweep(_ row: SweepRow, _ state: InboxState, now: Stamp, into swept: inout Swept) throws(PostgresError) {
        if row.hasText {
            guard !policy.isArchive else { return }
            let isExpired = row.stamp + policy.expiry < now
            guard row.number <= state.devices.lowest || isExpired else { return }
            if row.kind == .message, row.number > state.devices.delivered, let id = row.id, let author = row.author {
                let item = ExpiredReport.Item(number: row.number, author: author, id: id)
                if let last = swept.expired.last, last.owner == row.owner, last.items.count < MessageLimits.expiredCountMax {
                    swept.expired[swept.expired.count - 1].items.append(item)
                } else {
                    swept.expired.append(ExpiredReport(owner: row.owner, items: [item]))
                }
                return
            }
            writes.blank(row.owner, after: row.number - 1, through: row.number)
        }
        // The newest entry carries the inbox's number on.
        guard row.stamp + StoreLimits.idempotency < now, row.number < state.head.number else { return }
        writes.purge(row.owner, row.number)
        swept.purgedCount += 1
        if !row.kind.isOfGroup, let author = row.author, let id = row.id {
            let name = EntryName(owner: row.owner, kind: row.kind, author: author, id: id)
            recent[name] = nil
            looked[name] = .some(nil)
        }
    }
}
