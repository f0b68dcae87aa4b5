// What session shards ask of persistence: receipts, as watermarks of one author.

import Primitives

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
