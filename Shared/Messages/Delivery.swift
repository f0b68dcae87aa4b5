// The life of a message between parser and session shards.

import Primitives

/// Parser to the addressee's session shard, one-way: store this, tell the author `sent`, push it.
public struct Deliver: Equatable, Sendable {
    public var origin: Origin
    public var to: UserID
    public var id: MessageID
    /// The author's previous message to this chat that she has no `sent` for: this one must not overtake it.
    public var after: MessageID?
    /// UTF-8 text, 0...`bodyBytesMax` bytes.
    public var body: [UInt8]

    public init(origin: Origin, to: UserID, id: MessageID, after: MessageID?, body: [UInt8]) {
        self.origin = origin
        self.to = to
        self.id = id
        self.after = after
        self.body = body
    }

    func encode(into writer: inout ByteWriter) {
        origin.encode(into: &writer)
        writer.user(to)
        writer.message(id)
        writer.bool(after != nil)
        if let after { writer.message(after) }
        writer.blob(body)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        origin = try Origin(from: &reader)
        to = try reader.user()
        id = try reader.message()
        after = try reader.bool() ? try reader.message() : nil
        body = try reader.blob(max: MessageLimits.bodyBytesMax)
    }
}

/// Parser to the reader's session shard, one-way: this device has everything up to `number`.
public struct Acknowledge: Equatable, Sendable {
    public var origin: Origin
    public var number: UInt64

    public init(origin: Origin, number: UInt64) {
        self.origin = origin
        self.number = number
    }

    func encode(into writer: inout ByteWriter) {
        origin.encode(into: &writer)
        writer.varint(number)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        origin = try Origin(from: &reader)
        number = try reader.varint()
    }
}

/// Parser to the reader's session shard, one-way: the user has read what `with` sent, up to `stamp`.
public struct MarkRead: Equatable, Sendable {
    public var origin: Origin
    public var with: UserID
    public var stamp: Stamp

    public init(origin: Origin, with: UserID, stamp: Stamp) {
        self.origin = origin
        self.with = with
        self.stamp = stamp
    }

    func encode(into writer: inout ByteWriter) {
        origin.encode(into: &writer)
        writer.user(with)
        writer.stamp(stamp)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        origin = try Origin(from: &reader)
        with = try reader.user()
        stamp = try reader.stamp()
    }
}

/// Parser to the user's session shard, one-way: a page of stored messages, newest first (archive mode).
public struct HistoryQuery: Equatable, Sendable {
    public var origin: Origin
    /// Given back in the answer.
    public var reference: MessageID?
    /// One chat; nil: all.
    public var with: UserID?
    /// Only entries with a smaller number; nil: from the newest.
    public var before: UInt64?
    /// 1...`pageEntryCountMax`.
    public var limit: Int

    public init(origin: Origin, reference: MessageID?, with: UserID?, before: UInt64?, limit: Int) {
        self.origin = origin
        self.reference = reference
        self.with = with
        self.before = before
        self.limit = limit
    }

    func encode(into writer: inout ByteWriter) {
        origin.encode(into: &writer)
        writer.bool(reference != nil)
        if let reference { writer.message(reference) }
        writer.bool(with != nil)
        if let with { writer.user(with) }
        writer.bool(before != nil)
        if let before { writer.varint(before) }
        writer.varint(UInt64(limit))
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        origin = try Origin(from: &reader)
        reference = try reader.bool() ? try reader.message() : nil
        with = try reader.bool() ? try reader.user() : nil
        before = try reader.bool() ? try reader.varint() : nil
        limit = try reader.pageLimit()
    }
}

/// What a receipt says of the messages that one author sent to one chat.
public enum ReceiptKind: UInt8, Sendable, CaseIterable {
    /// A device of the addressee has them.
    case delivered = 1
    /// The addressee has read them.
    case read = 2
}

/// Session shard to the author's session shard, request; answered `done` once the watermark is durable.
public struct Receipt: Equatable, Sendable {
    public var author: UserID
    /// Who has received or read.
    public var peer: UserID
    public var kind: ReceiptKind
    /// Everything from `author` to `peer` stamped up to this.
    public var upTo: Stamp

    public init(author: UserID, peer: UserID, kind: ReceiptKind, upTo: Stamp) {
        self.author = author
        self.peer = peer
        self.kind = kind
        self.upTo = upTo
    }

    func encode(into writer: inout ByteWriter) {
        writer.user(author)
        writer.user(peer)
        writer.u8(kind.rawValue)
        writer.stamp(upTo)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        author = try reader.user()
        peer = try reader.user()
        guard let kind = ReceiptKind(rawValue: try reader.u8()) else { throw .badValue(field: "receipt kind") }
        self.kind = kind
        upTo = try reader.stamp()
    }
}

/// Session shard to the other shards in a user's preference order, one-way: this inbox has grown, whoever holds the user
/// should look.
public struct Poke: Equatable, Sendable {
    public var owner: UserID

    public init(owner: UserID) { self.owner = owner }

    func encode(into writer: inout ByteWriter) { writer.user(owner) }

    init(from reader: inout ByteReader) throws(DecodeError) { owner = try reader.user() }
}

/// Persistence to the session shard of `owner`, request: these messages waited for too long and are about to be dropped.
/// Answered `done` once each author's notice is durable.
public struct ExpiredReport: Equatable, Sendable {
    public struct Item: Equatable, Sendable {
        public var number: UInt64
        public var author: UserID
        public var id: MessageID

        public init(number: UInt64, author: UserID, id: MessageID) {
            self.number = number
            self.author = author
            self.id = id
        }
    }

    public var owner: UserID
    public var items: [Item]

    public init(owner: UserID, items: [Item]) {
        self.owner = owner
        self.items = items
    }

    func encode(into writer: inout ByteWriter) {
        writer.user(owner)
        writer.varint(UInt64(items.count))
        for item in items {
            writer.varint(item.number)
            writer.user(item.author)
            writer.message(item.id)
        }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        owner = try reader.user()
        items = []
        for _ in 0..<(try reader.count(max: MessageLimits.expiredCountMax)) {
            items.append(
                Item(number: try reader.varint(), author: try reader.user(), id: try reader.message()))
        }
    }
}
