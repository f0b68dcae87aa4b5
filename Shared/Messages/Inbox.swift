// What session shards ask of persistence: the entries of inboxes.

import Primitives

/// One entry of an inbox.
public struct InboxEntry: Equatable, Sendable {
    public enum Kind: UInt8, Sendable, CaseIterable {
        /// `author` wrote to the owner.
        case message = 1
        /// The owner wrote to `chat`, on another device (or, in archive mode, on any).
        case copy = 2
        /// What the owner wrote to `chat` under this id waited for too long and was dropped.
        case expired = 3
        /// `author` wrote to the group `chat`.
        case groupMessage = 4
        /// `author` changed the group `chat`; the body is a `GroupChange`.
        case groupEvent = 5

        public var isOfGroup: Bool { self == .groupMessage || self == .groupEvent }
    }

    /// Dense within the inbox, from 1.
    public var number: UInt64
    /// Strictly rising within the inbox; of a copy the message's own, of a group's entries the group's.
    public var stamp: Stamp
    public var kind: Kind
    public var author: UserID
    /// The other party of the conversation.
    public var chat: UserID
    public var id: MessageID
    /// Empty in a page of headers.
    public var body: [UInt8]
    /// Of a group's entries: the number in the group's log. Otherwise 0.
    public var groupNumber: UInt64

    public init(
        number: UInt64, stamp: Stamp, kind: Kind, author: UserID, chat: UserID, id: MessageID, body: [UInt8],
        groupNumber: UInt64 = 0
    ) {
        self.number = number
        self.stamp = stamp
        self.kind = kind
        self.author = author
        self.chat = chat
        self.id = id
        self.body = body
        self.groupNumber = groupNumber
    }

    func encode(into writer: inout ByteWriter) {
        writer.varint(number)
        writer.stamp(stamp)
        writer.u8(kind.rawValue)
        writer.user(author)
        writer.user(chat)
        writer.message(id)
        writer.blob(body)
        if kind.isOfGroup { writer.varint(groupNumber) }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        number = try reader.varint()
        stamp = try reader.stamp()
        guard let kind = Kind(rawValue: try reader.u8()) else { throw .badValue(field: "entry kind") }
        self.kind = kind
        author = try reader.user()
        chat = try reader.user()
        id = try reader.message()
        body = try reader.blob(max: MessageLimits.bodyBytesMax)
        groupNumber = kind.isOfGroup ? try reader.varint() : 0
    }
}

/// Request: append to an inbox. Idempotent by (owner, kind, author, id) for at least 24 hours.
public struct Append: Equatable, Sendable {
    public var owner: UserID
    /// Not of a group.
    public var kind: InboxEntry.Kind
    public var author: UserID
    public var chat: UserID
    public var id: MessageID
    /// Refused as `predecessorMissing` unless the inbox has this id from the same author.
    public var after: MessageID?
    public var body: [UInt8]
    /// For a copy: the message's own stamp, which `sent` told and ticks count by. Nil: the entry's.
    public var messageStamp: Stamp?

    public init(
        owner: UserID, kind: InboxEntry.Kind, author: UserID, chat: UserID, id: MessageID, after: MessageID?,
        body: [UInt8], messageStamp: Stamp? = nil
    ) {
        self.owner = owner
        self.kind = kind
        self.author = author
        self.chat = chat
        self.id = id
        self.after = after
        self.body = body
        self.messageStamp = messageStamp
    }

    func encode(into writer: inout ByteWriter) {
        writer.user(owner)
        writer.u8(kind.rawValue)
        writer.user(author)
        writer.user(chat)
        writer.message(id)
        writer.bool(after != nil)
        if let after { writer.message(after) }
        writer.blob(body)
        writer.bool(messageStamp != nil)
        if let messageStamp { writer.stamp(messageStamp) }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        owner = try reader.user()
        // What groups bring comes by `GroupBatch`.
        guard let kind = InboxEntry.Kind(rawValue: try reader.u8()), !kind.isOfGroup else {
            throw .badValue(field: "entry kind")
        }
        self.kind = kind
        author = try reader.user()
        chat = try reader.user()
        id = try reader.message()
        after = try reader.bool() ? try reader.message() : nil
        body = try reader.blob(max: MessageLimits.bodyBytesMax)
        messageStamp = try reader.bool() ? try reader.stamp() : nil
    }
}

/// Answer to `Append`, after the commit's sync.
public struct Appended: Equatable, Sendable {
    public enum Outcome: UInt8, Sendable, CaseIterable {
        case stored = 1
        /// The same message was stored before; number and stamp are those of then.
        case duplicate = 2
        /// The id was used before for other content. Nothing was stored.
        case conflict = 3
        /// `after` names a message that is not there. Nothing was stored.
        case predecessorMissing = 4
        /// The owner has blocked the author. Nothing was stored and nothing will be; the stamp is what the author is told.
        case blocked = 5
    }

    public var outcome: Outcome
    /// 0 when nothing was stored.
    public var number: UInt64
    public var stamp: Stamp

    public init(outcome: Outcome, number: UInt64, stamp: Stamp) {
        self.outcome = outcome
        self.number = number
        self.stamp = stamp
    }

    func encode(into writer: inout ByteWriter) {
        writer.u8(outcome.rawValue)
        writer.varint(number)
        writer.stamp(stamp)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        guard let outcome = Outcome(rawValue: try reader.u8()) else { throw .badValue(field: "append outcome") }
        self.outcome = outcome
        number = try reader.varint()
        stamp = try reader.stamp()
    }
}

/// Request: entries after a number, in order.
public struct ReadInbox: Equatable, Sendable {
    public var owner: UserID
    public var after: UInt64
    /// 1...`pageEntryCountMax`.
    public var limit: Int
    /// Leave the bodies out: enough for receipts.
    public var headersOnly: Bool

    public init(owner: UserID, after: UInt64, limit: Int, headersOnly: Bool) {
        self.owner = owner
        self.after = after
        self.limit = limit
        self.headersOnly = headersOnly
    }

    func encode(into writer: inout ByteWriter) {
        writer.user(owner)
        writer.varint(after)
        writer.varint(UInt64(limit))
        writer.bool(headersOnly)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        owner = try reader.user()
        after = try reader.varint()
        limit = try reader.pageLimit()
        headersOnly = try reader.bool()
    }
}

extension ByteReader {
    /// How many entries a page may have, 1...`pageEntryCountMax`: a page of none would make its reader ask for ever.
    mutating func pageLimit() throws(DecodeError) -> Int {
        let limit = try count(max: MessageLimits.pageEntryCountMax)
        guard limit >= 1 else { throw .badValue(field: "limit") }
        return limit
    }
}

/// Answer to `ReadInbox`: all that is left of the entries in (`after`, `through`].
public struct InboxPage: Equatable, Sendable {
    /// Rising numbers; a number that is missing below `through` was dropped (delivered everywhere, or expired).
    public var entries: [InboxEntry]
    /// Complete up to here. Equal to the request's `after` when nothing is beyond it.
    public var through: UInt64
    public var head: UInt64

    public init(entries: [InboxEntry], through: UInt64, head: UInt64) {
        self.entries = entries
        self.through = through
        self.head = head
    }

    func encode(into writer: inout ByteWriter) {
        writer.varint(UInt64(entries.count))
        for entry in entries { entry.encode(into: &writer) }
        writer.varint(through)
        writer.varint(head)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        entries = []
        for _ in 0..<(try reader.count(max: MessageLimits.pageEntryCountMax)) {
            entries.append(try InboxEntry(from: &reader))
        }
        through = try reader.varint()
        head = try reader.varint()
    }
}

/// Request: where does this inbox stand? For a shard that holds a user out of turn.
public struct ReadHead: Equatable, Sendable {
    public var owner: UserID

    public init(owner: UserID) { self.owner = owner }

    func encode(into writer: inout ByteWriter) { writer.user(owner) }

    init(from reader: inout ByteReader) throws(DecodeError) { owner = try reader.user() }
}

/// Answer to `ReadHead`.
public struct InboxHead: Equatable, Sendable {
    public var head: UInt64
    public var headStamp: Stamp
    /// Of the newest receipt watermark.
    public var revision: Stamp

    public init(head: UInt64, headStamp: Stamp, revision: Stamp) {
        self.head = head
        self.headStamp = headStamp
        self.revision = revision
    }

    func encode(into writer: inout ByteWriter) {
        writer.varint(head)
        writer.stamp(headStamp)
        writer.stamp(revision)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        head = try reader.varint()
        headStamp = try reader.stamp()
        revision = try reader.stamp()
    }
}

/// Request: drop the text of the first entries behind `after` that have one, whether devices have them or not. For a user whose data
/// is erased. Ids stay known for as long as those of any dropped text, so that a late repeat is not stored anew.
public struct EraseInbox: Equatable, Sendable {
    public var owner: UserID
    /// What the answer before this one said; 0 begins.
    public var after: UInt64
    /// Entries to look at from the first one with a text on, 1...`pageEntryCountMax`.
    public var limit: Int

    public init(owner: UserID, after: UInt64, limit: Int) {
        self.owner = owner
        self.after = after
        self.limit = limit
    }

    func encode(into writer: inout ByteWriter) {
        writer.user(owner)
        writer.varint(after)
        writer.varint(UInt64(limit))
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        owner = try reader.user()
        after = try reader.varint()
        limit = try reader.count(max: MessageLimits.pageEntryCountMax)
        guard limit > 0 else { throw .badValue(field: "limit") }
    }
}

/// Answer to `EraseInbox`, after the commit's sync.
public struct InboxErased: Equatable, Sendable {
    /// No entry up to here has a text.
    public var through: UInt64
    /// There are entries behind it.
    public var hasMore: Bool

    public init(through: UInt64, hasMore: Bool) {
        self.through = through
        self.hasMore = hasMore
    }

    func encode(into writer: inout ByteWriter) {
        writer.varint(through)
        writer.bool(hasMore)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        through = try reader.varint()
        hasMore = try reader.bool()
    }
}

/// Request: a page of what is kept, newest first (archive mode).
public struct ReadHistory: Equatable, Sendable {
    public var owner: UserID
    public var chat: UserID?
    /// Only smaller numbers; nil: from the newest.
    public var before: UInt64?
    /// 1...`pageEntryCountMax`.
    public var limit: Int

    public init(owner: UserID, chat: UserID?, before: UInt64?, limit: Int) {
        self.owner = owner
        self.chat = chat
        self.before = before
        self.limit = limit
    }

    func encode(into writer: inout ByteWriter) {
        writer.user(owner)
        writer.bool(chat != nil)
        if let chat { writer.user(chat) }
        writer.bool(before != nil)
        if let before { writer.varint(before) }
        writer.varint(UInt64(limit))
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        owner = try reader.user()
        chat = try reader.bool() ? try reader.user() : nil
        before = try reader.bool() ? try reader.varint() : nil
        limit = try reader.pageLimit()
    }
}

/// Answer to `ReadHistory`.
public struct HistoryPage: Equatable, Sendable {
    /// Falling numbers.
    public var entries: [InboxEntry]
    /// Older entries exist.
    public var hasMore: Bool

    public init(entries: [InboxEntry], hasMore: Bool) {
        self.entries = entries
        self.hasMore = hasMore
    }

    func encode(into writer: inout ByteWriter) {
        writer.varint(UInt64(entries.count))
        for entry in entries { entry.encode(into: &writer) }
        writer.bool(hasMore)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        entries = []
        for _ in 0..<(try reader.count(max: MessageLimits.pageEntryCountMax)) {
            entries.append(try InboxEntry(from: &reader))
        }
        hasMore = try reader.bool()
    }
}
