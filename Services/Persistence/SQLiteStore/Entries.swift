// Appending to inboxes. The one path that every message takes, so it asks the file as little as it can: a message without
// predecessor from known people is one INSERT, and that INSERT itself finds out whether the id was there before.

import CSQLite
import Messages
import Primitives
import Storage

extension SQLiteStore {
    func head(of owner: Int64) throws(SQLiteError) -> Head {
        if let head = heads[owner] { return head }
        defer { sql.head.reset() }
        sql.head.bind(1, EntryKey.of(owner: owner, number: 0))
        sql.head.bind(2, EntryKey.last(of: owner))
        let head =
            try sql.head.step()
            ? Head(number: EntryKey.number(sql.head.int64(0)), stamp: sql.head.stamp(1)) : .empty
        heads[owner] = head
        return head
    }

    /// The head after one more entry.
    func next(after last: Head, of owner: UserID, now: Stamp) throws(SQLiteError) -> Head {
        guard last.number < EntryKey.numberMax else {
            throw SQLiteError(code: -1, message: "the inbox or log of \(owner) has all the entries it can number")
        }
        return Head(number: last.number + 1, stamp: max(now, Stamp(microseconds: last.stamp.microseconds + 1)))
    }

    /// A repeat is recognised before the predecessor is looked for: what is stored is stored, whatever was purged since.
    func append(_ request: Append, now: Stamp) throws(SQLiteError) -> Appended {
        precondition(!request.kind.isOfGroup, "these come by `GroupBatch`")
        let digest = ContentDigest.of(request.body)
        let owner = try findUser(request.owner)
        let author = try findUser(request.author)
        let chat = try findUser(request.chat)
        if request.kind == .message, let owner, try settings(of: owner).blocks(request.author) {
            return try block(request, owner: owner, author: author, chat: chat, digest: digest, now: now)
        }
        if request.after == nil, let owner, let author, let chat {
            if let appended = try insert(request, owner: owner, author: author, chat: chat, digest: digest, now: now) {
                return appended
            }
        }
        if let owner, let author {
            if let known = try findEntry(owner: owner, author: author, kind: request.kind, id: request.id) {
                return known.isSame(chat: chat, digest: digest)
                    ? Appended(outcome: .duplicate, number: known.number, stamp: known.stamp)
                    : Appended(outcome: .conflict, number: 0, stamp: .zero)
            }
        }
        if let after = request.after {
            guard let owner, let author, try findEntry(owner: owner, author: author, kind: request.kind, id: after) != nil
            else { return Appended(outcome: .predecessorMissing, number: 0, stamp: .zero) }
        }
        let appended = try insert(
            request, owner: try makeUser(request.owner), author: try makeUser(request.author),
            chat: try makeUser(request.chat), digest: digest, now: now)
        guard let appended else { throw .badRow("an id is in the index and cannot be found there") }
        return appended
    }

    /// What the author of a message is told whom the owner has blocked: what was stored before stays stored, and nothing is added.
    /// The stamp is what the message would have got, above every tick that the author may have.
    private func block(
        _ request: Append, owner: Int64, author: Int64?, chat: Int64?, digest: UInt64, now: Stamp
    ) throws(SQLiteError) -> Appended {
        if let author, let known = try findEntry(owner: owner, author: author, kind: request.kind, id: request.id) {
            return known.isSame(chat: chat, digest: digest)
                ? Appended(outcome: .duplicate, number: known.number, stamp: known.stamp)
                : Appended(outcome: .conflict, number: 0, stamp: .zero)
        }
        return Appended(outcome: .blocked, number: 0, stamp: try next(after: try head(of: owner), of: request.owner, now: now).stamp)
    }

    /// Nil when the id is known.
    private func insert(
        _ request: Append, owner: Int64, author: Int64, chat: Int64, digest: UInt64, now: Stamp
    ) throws(SQLiteError) -> Appended? {
        let next = try next(after: try head(of: owner), of: request.owner, now: now)
        sql.insertEntry.bind(1, EntryKey.of(owner: owner, number: next.number))
        sql.insertEntry.bind(2, owner)
        sql.insertEntry.bind(3, author)
        sql.insertEntry.bind(4, Int64(request.kind.rawValue))
        sql.insertEntry.bind(5, request.id.text)
        sql.insertEntry.bind(6, next.stamp)
        sql.insertEntry.bind(7, chat)
        sql.insertEntry.bind(8, Int64(bitPattern: digest))
        sql.insertEntry.bind(9, request.body)
        sql.insertEntry.bind(10, request.messageStamp)
        try sql.insertEntry.run()
        guard database.changeCount == 1 else { return nil }
        heads[owner] = next
        return Appended(outcome: .stored, number: next.number, stamp: next.stamp)
    }

    private struct Known {
        let number: UInt64
        let stamp: Stamp
        let chat: Int64
        let digest: UInt64

        func isSame(chat: Int64?, digest: UInt64) -> Bool { self.chat == chat && self.digest == digest }
    }

    private func findEntry(
        owner: Int64, author: Int64, kind: InboxEntry.Kind, id: MessageID
    ) throws(SQLiteError) -> Known? {
        defer { sql.findEntry.reset() }
        sql.findEntry.bind(1, owner)
        sql.findEntry.bind(2, author)
        sql.findEntry.bind(3, Int64(kind.rawValue))
        sql.findEntry.bind(4, id.text)
        guard try sql.findEntry.step() else { return nil }
        return Known(
            number: EntryKey.number(sql.findEntry.int64(0)), stamp: sql.findEntry.stamp(1), chat: sql.findEntry.int64(2),
            digest: UInt64(bitPattern: sql.findEntry.int64(3)))
    }
}
