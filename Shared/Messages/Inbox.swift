// What session shards ask of persistence: inboxes, device cursors, receipt watermarks.

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
    }

    /// Dense within the inbox, from 1.
    public var number: UInt64
    /// Strictly rising within the inbox.
    public var stamp: Stamp
    public var kind: Kind
    public var author: UserID
    /// The other party of the conversation.
    public var chat: UserID
    public var id: MessageID
    /// Empty in a page of headers.
    public var body: [UInt8]

    public init(
        number: UInt64, stamp: Stamp, kind: Kind, author: UserID, chat: UserID, id: MessageID, body: [UInt8]
    ) {
        self.number = number
        self.stamp = stamp
        self.kind = kind
        self.author = author
        self.chat = chat
        self.id = id
        self.body = body
    }

    func encode(into writer: inout ByteWriter) {
        writer.varint(number)
        writer.stamp(stamp)
        writer.u8(kind.rawValue)
        writer.user(author)
        writer.user(chat)
        writer.message(id)
        writer.blob(body)
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
    }
}

/// Request: append to an inbox. Idempotent by (owner, kind, author, id) for at least 24 hours.
public struct Append: Equatable, Sendable {
    public var owner: UserID
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
        guard let kind = InboxEntry.Kind(rawValue: try reader.u8()) else { throw .badValue(field: "entry kind") }
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

/// Request: a device begins. Registers it when it is new; a new device starts after what any other device of the user has.
public struct OpenDevice: Equatable, Sendable {
    public var owner: UserID
    public var device: DeviceID
    /// What the device says it has; nil: what the store remembers.
    public var cursor: UInt64?

    public init(owner: UserID, device: DeviceID, cursor: UInt64?) {
        self.owner = owner
        self.device = device
        self.cursor = cursor
    }

    func encode(into writer: inout ByteWriter) {
        writer.user(owner)
        writer.device(device)
        writer.bool(cursor != nil)
        if let cursor { writer.varint(cursor) }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        owner = try reader.user()
        device = try reader.device()
        cursor = try reader.bool() ? try reader.varint() : nil
    }
}

/// Answer to `OpenDevice`.
public struct DeviceOpened: Equatable, Sendable {
    public enum Outcome: UInt8, Sendable, CaseIterable {
        case opened = 1
        /// The device claims more than the inbox has: it belongs to another history. Nothing was changed.
        case cursorAhead = 2
        /// The user has `deviceCountMax` devices already. Nothing was changed.
        case tooManyDevices = 3
    }

    public var outcome: Outcome
    /// What the store has as acknowledged by this device. For a new device: where it starts.
    public var cursor: UInt64
    /// Number and stamp of the newest entry ever appended; 0 for an empty inbox.
    public var head: UInt64
    public var headStamp: Stamp
    /// The highest cursor of any device: everything up to it counts as delivered.
    public var delivered: UInt64
    /// Revision of the newest receipt watermark of this user.
    public var revision: Stamp
    /// Devices of this user, this one included.
    public var deviceCount: Int

    public init(
        outcome: Outcome, cursor: UInt64, head: UInt64, headStamp: Stamp, delivered: UInt64, revision: Stamp,
        deviceCount: Int
    ) {
        self.outcome = outcome
        self.cursor = cursor
        self.head = head
        self.headStamp = headStamp
        self.delivered = delivered
        self.revision = revision
        self.deviceCount = deviceCount
    }

    func encode(into writer: inout ByteWriter) {
        writer.u8(outcome.rawValue)
        writer.varint(cursor)
        writer.varint(head)
        writer.stamp(headStamp)
        writer.varint(delivered)
        writer.stamp(revision)
        writer.varint(UInt64(deviceCount))
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        guard let outcome = Outcome(rawValue: try reader.u8()) else { throw .badValue(field: "open outcome") }
        self.outcome = outcome
        cursor = try reader.varint()
        head = try reader.varint()
        headStamp = try reader.stamp()
        delivered = try reader.varint()
        revision = try reader.stamp()
        deviceCount = try reader.count(max: MessageLimits.deviceCountMax)
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

/// Request: the device has everything up to `number`; drop the text that every device has (temporary mode).
/// Answered `done`. The session shard sends it only after the authors' receipts are durable.
public struct StoreCursor: Equatable, Sendable {
    public var owner: UserID
    public var device: DeviceID
    public var number: UInt64

    public init(owner: UserID, device: DeviceID, number: UInt64) {
        self.owner = owner
        self.device = device
        self.number = number
    }

    func encode(into writer: inout ByteWriter) {
        writer.user(owner)
        writer.device(device)
        writer.varint(number)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        owner = try reader.user()
        device = try reader.device()
        number = try reader.varint()
    }
}

/// Request: raise a receipt watermark. It never falls.
public struct StoreWatermark: Equatable, Sendable {
    public var owner: UserID
    public var peer: UserID
    public var kind: ReceiptKind
    public var upTo: Stamp

    public init(owner: UserID, peer: UserID, kind: ReceiptKind, upTo: Stamp) {
        self.owner = owner
        self.peer = peer
        self.kind = kind
        self.upTo = upTo
    }

    func encode(into writer: inout ByteWriter) {
        writer.user(owner)
        writer.user(peer)
        writer.u8(kind.rawValue)
        writer.stamp(upTo)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        owner = try reader.user()
        peer = try reader.user()
        guard let kind = ReceiptKind(rawValue: try reader.u8()) else { throw .badValue(field: "receipt kind") }
        self.kind = kind
        upTo = try reader.stamp()
    }
}

/// A receipt watermark as it is stored.
public struct Watermark: Equatable, Sendable {
    public var peer: UserID
    public var kind: ReceiptKind
    public var upTo: Stamp
    /// Rises strictly with every change among the watermarks of one owner.
    public var revision: Stamp

    public init(peer: UserID, kind: ReceiptKind, upTo: Stamp, revision: Stamp) {
        self.peer = peer
        self.kind = kind
        self.upTo = upTo
        self.revision = revision
    }

    func encode(into writer: inout ByteWriter) {
        writer.user(peer)
        writer.u8(kind.rawValue)
        writer.stamp(upTo)
        writer.stamp(revision)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        peer = try reader.user()
        guard let kind = ReceiptKind(rawValue: try reader.u8()) else { throw .badValue(field: "receipt kind") }
        self.kind = kind
        upTo = try reader.stamp()
        revision = try reader.stamp()
    }
}

/// Answer to `StoreWatermark`: how it stands now, and what came before, so that a shard sees when it has missed a change.
public struct WatermarkStored: Equatable, Sendable {
    public var watermark: Watermark
    /// The newest revision among the owner's watermarks before this request.
    public var previous: Stamp

    public init(watermark: Watermark, previous: Stamp) {
        self.watermark = watermark
        self.previous = previous
    }

    func encode(into writer: inout ByteWriter) {
        watermark.encode(into: &writer)
        writer.stamp(previous)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        watermark = try Watermark(from: &reader)
        previous = try reader.stamp()
    }
}

/// Request: the owner's watermarks that changed after a revision, oldest change first.
public struct ReadWatermarks: Equatable, Sendable {
    public var owner: UserID
    public var after: Stamp

    public init(owner: UserID, after: Stamp) {
        self.owner = owner
        self.after = after
    }

    func encode(into writer: inout ByteWriter) {
        writer.user(owner)
        writer.stamp(after)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        owner = try reader.user()
        after = try reader.stamp()
    }
}

/// Answer to `ReadWatermarks`: at most `watermarkCountMax`; ask again after the last one while `hasMore`.
public struct WatermarkPage: Equatable, Sendable {
    public var watermarks: [Watermark]
    public var hasMore: Bool

    public init(watermarks: [Watermark], hasMore: Bool) {
        self.watermarks = watermarks
        self.hasMore = hasMore
    }

    func encode(into writer: inout ByteWriter) {
        writer.varint(UInt64(watermarks.count))
        for watermark in watermarks { watermark.encode(into: &writer) }
        writer.bool(hasMore)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        watermarks = []
        for _ in 0..<(try reader.count(max: MessageLimits.watermarkCountMax)) {
            watermarks.append(try Watermark(from: &reader))
        }
        hasMore = try reader.bool()
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
