// Reading inboxes and histories, a page at a time: bounded by the number of entries and by the bytes of their bodies, but the
// first entry always fits.

import Messages
import Primitives
import Storage

extension PostgresStore {
    func readInbox(_ request: ReadInbox) throws(PostgresError) -> Pending {
        let state = try inbox(request.owner)
        let head = state.head.number
        let after = policy.isArchive ? request.after : max(request.after, state.devices.lowest)
        guard after < head else {
            return .ready(.inboxPage(InboxPage(entries: [], through: max(request.after, head), head: head)))
        }
        let limit = Self.limit(request.limit)
        return try ask(
            request.headersOnly ? .readHeaders : .readEntries,
            [.parameter(request.owner.text), .parameter(Int64(clamping: after)), .parameter(Int64(limit + 1))]
        ) { rows throws(PostgresError) in
            let (entries, hasMore) = try Self.page(rows, limit: limit)
            return .inboxPage(InboxPage(entries: entries, through: hasMore ? entries.last!.number : head, head: head))
        }
    }

    func readHistory(_ request: ReadHistory) throws(PostgresError) -> Pending {
        guard policy.isArchive else { return .ready(.historyPage(HistoryPage(entries: [], hasMore: false))) }
        let limit = Self.limit(request.limit)
        var parameters: [[UInt8]] = [
            .parameter(request.owner.text), .parameter(Int64(clamping: request.before ?? .max)), .parameter(Int64(limit + 1)),
        ]
        if let chat = request.chat { parameters.append(.parameter(chat.text)) }
        return try ask(request.chat == nil ? .history : .historyOfChat, parameters) { rows throws(PostgresError) in
            let (entries, hasMore) = try Self.page(rows, limit: limit)
            return .historyPage(HistoryPage(entries: entries, hasMore: hasMore))
        }
    }

    private static func limit(_ wanted: Int) -> Int { min(max(wanted, 1), MessageLimits.pageEntryCountMax) }

    private static func page(_ rows: Rows, limit: Int) throws(PostgresError) -> (entries: [InboxEntry], hasMore: Bool) {
        var entries: [InboxEntry] = []
        var bodyBytes = 0
        for row in 0..<rows.count {
            if entries.count == limit { return (entries, true) }
            let body = rows.bytes(row, 7)
            bodyBytes += body.count
            if bodyBytes > MessageLimits.pageBodyBytesMax && !entries.isEmpty { return (entries, true) }
            guard let kind = InboxEntry.Kind(rawValue: UInt8(clamping: rows.int64(row, 2))) else {
                throw .badRow("no kind of entry has the number \(rows.int64(row, 2))")
            }
            entries.append(
                InboxEntry(
                    number: rows.uint64(row, 0), stamp: rows.stamp(row, 1), kind: kind, author: try rows.user(row, 3),
                    chat: try rows.user(row, 4), id: try rows.messageID(row, 5), body: body, groupNumber: rows.uint64(row, 6)))
        }
        return (entries, false)
    }
}
