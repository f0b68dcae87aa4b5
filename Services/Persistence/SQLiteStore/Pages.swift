// Reading inboxes and histories, a page at a time. A page is bounded by its number of entries and by the bytes of their
// bodies, but the first entry always fits; the row that does not fit any more tells that there is more.

import Messages
import Primitives
import Storage

extension SQLiteStore {
    func readHead(_ request: ReadHead) throws(SQLiteError) -> InboxHead {
        guard let owner = try findUser(request.owner) else {
            return InboxHead(head: 0, headStamp: .zero, revision: .zero)
        }
        let head = try head(of: owner)
        return InboxHead(head: head.number, headStamp: head.stamp, revision: try revision(of: owner))
    }

    func readInbox(_ request: ReadInbox) throws(SQLiteError) -> InboxPage {
        guard let owner = try findUser(request.owner) else {
            return InboxPage(entries: [], through: request.after, head: 0)
        }
        let head = try head(of: owner).number
        // What every device has is gone; a device that asks for it must not make us look at all the remains.
        let after = policy.isArchive ? request.after : max(request.after, try devices(of: owner).lowest)
        guard after < head else { return InboxPage(entries: [], through: max(request.after, head), head: head) }

        let rows = request.headersOnly ? sql.readHeaders : sql.readEntries
        rows.bind(1, EntryKey.of(owner: owner, number: after))
        rows.bind(2, EntryKey.last(of: owner))
        let (entries, hasMore) = try page(rows, limit: request.limit, withBodies: !request.headersOnly)
        return InboxPage(entries: entries, through: hasMore ? entries.last!.number : head, head: head)
    }

    func readHistory(_ request: ReadHistory) throws(SQLiteError) -> HistoryPage {
        let nothing = HistoryPage(entries: [], hasMore: false)
        guard policy.isArchive, let owner = try findUser(request.owner) else { return nothing }
        let rows: Statement
        if let chat = request.chat {
            guard let chat = try findUser(chat), let byChat = sql.historyOfChat else { return nothing }
            rows = byChat
            rows.bind(3, owner)
            rows.bind(4, chat)
        } else {
            rows = sql.history
        }
        rows.bind(1, EntryKey.of(owner: owner, number: 0))
        // Without `before`: the first key of the next owner.
        rows.bind(2, request.before.map { EntryKey.of(owner: owner, number: $0) } ?? EntryKey.last(of: owner) + 1)
        let (entries, hasMore) = try page(rows, limit: request.limit, withBodies: true)
        return HistoryPage(entries: entries, hasMore: hasMore)
    }

    /// Takes rows as long as they fit.
    private func page(
        _ rows: Statement, limit: Int, withBodies: Bool
    ) throws(SQLiteError) -> (entries: [InboxEntry], hasMore: Bool) {
        defer { rows.reset() }
        let limit = min(max(limit, 1), MessageLimits.pageEntryCountMax)
        var entries: [InboxEntry] = []
        var bodyBytes = 0
        while try rows.step() {
            if entries.count == limit { return (entries, true) }
            let body = withBodies ? rows.blob(7) : []
            bodyBytes += body.count
            if bodyBytes > MessageLimits.pageBodyBytesMax && !entries.isEmpty { return (entries, true) }
            guard let kind = InboxEntry.Kind(rawValue: UInt8(clamping: rows.int64(2))) else {
                throw .badRow("no kind of entry has the number \(rows.int64(2))")
            }
            entries.append(
                InboxEntry(
                    number: EntryKey.number(rows.int64(0)), stamp: rows.stamp(1), kind: kind,
                    author: try nameUser(rows.int64(3)), chat: try nameUser(rows.int64(4)), id: try rows.messageID(5),
                    body: body, groupNumber: UInt64(rows.int64(6))))
        }
        return (entries, false)
    }
}
