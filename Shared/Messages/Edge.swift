// What travels between a gateway and the services behind it.

import Primitives

/// Where a client's frame came from, and therefore where its answers go. It travels with the message, so that nobody on the
/// way has to ask who sits where.
public struct Origin: Equatable, Sendable {
    public var gateway: NodeID
    public var connection: ConnectionID
    public var user: UserID
    public var device: DeviceID
    public var encoding: ClientEncoding
    /// A session shard holds this connection: its `hello` was answered.
    public var isAttached: Bool
    /// The user has more devices than this one: what it sends must reach them too.
    public var hasSiblings: Bool
    /// When the connection's token was issued; zero when it does not say. Only of one that is not attached yet: a shard must know
    /// it before it puts another connection out for this one.
    public var issuedAt: Stamp

    public init(
        gateway: NodeID, connection: ConnectionID, user: UserID, device: DeviceID, encoding: ClientEncoding,
        isAttached: Bool, hasSiblings: Bool, issuedAt: Stamp = .zero
    ) {
        self.gateway = gateway
        self.connection = connection
        self.user = user
        self.device = device
        self.encoding = encoding
        self.isAttached = isAttached
        self.hasSiblings = hasSiblings
        self.issuedAt = isAttached ? .zero : issuedAt
    }

    func encode(into writer: inout ByteWriter) {
        writer.u32(gateway.rawValue)
        writer.u64(connection.rawValue)
        writer.user(user)
        writer.device(device)
        writer.u8(encoding.rawValue)
        writer.bool(isAttached)
        writer.bool(hasSiblings)
        if !isAttached { writer.stamp(issuedAt) }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        gateway = NodeID(rawValue: try reader.u32())
        connection = ConnectionID(rawValue: try reader.u64())
        user = try reader.user()
        device = try reader.device()
        guard let encoding = ClientEncoding(rawValue: try reader.u8()) else { throw .badValue(field: "encoding") }
        self.encoding = encoding
        isAttached = try reader.bool()
        hasSiblings = try reader.bool()
        issuedAt = isAttached ? .zero : try reader.stamp()
    }
}

/// Gateway to parser, one-way: a whole WebSocket message as it came.
public struct ClientInput: Equatable, Sendable {
    public var origin: Origin
    /// 0...`clientFrameBytesMax` bytes.
    public var bytes: [UInt8]

    public init(origin: Origin, bytes: [UInt8]) {
        self.origin = origin
        self.bytes = bytes
    }

    func encode(into writer: inout ByteWriter) {
        origin.encode(into: &writer)
        writer.blob(bytes)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        origin = try Origin(from: &reader)
        bytes = try reader.blob(max: MessageLimits.clientFrameBytesMax)
    }
}

/// Anyone to a gateway, one-way: a frame for one connection, rendered in that connection's encoding.
public struct ClientOutput: Equatable, Sendable {
    public var connection: ConnectionID
    /// 1...`clientOutputBytesMax` bytes.
    public var bytes: [UInt8]

    public init(connection: ConnectionID, bytes: [UInt8]) {
        self.connection = connection
        self.bytes = bytes
    }

    func encode(into writer: inout ByteWriter) {
        writer.u64(connection.rawValue)
        writer.blob(bytes)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        connection = ConnectionID(rawValue: try reader.u64())
        bytes = try reader.blob(max: MessageLimits.clientOutputBytesMax)
    }
}

/// Anyone to a gateway, one-way: say why, then close this connection.
public struct CloseConnection: Equatable, Sendable {
    public var connection: ConnectionID
    /// RFC 6455, section 7.4, or one of ours from 4000 on.
    public var code: UInt16
    public var reason: String

    public init(connection: ConnectionID, code: UInt16, reason: String) {
        self.connection = connection
        self.code = code
        self.reason = reason
    }

    func encode(into writer: inout ByteWriter) {
        writer.u64(connection.rawValue)
        writer.u16(code)
        writer.string(reason)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        connection = ConnectionID(rawValue: try reader.u64())
        code = try reader.u16()
        reason = try reader.string(max: MessageLimits.reasonBytesMax)
    }
}

/// Session shard to gateway, one-way: tokens of this connection's user that were issued before this hold no more. It comes before the
/// `attached` of a connection that is to be judged.
public struct TokenRule: Equatable, Sendable {
    public var connection: ConnectionID
    public var before: Stamp

    public init(connection: ConnectionID, before: Stamp) {
        self.connection = connection
        self.before = before
    }

    func encode(into writer: inout ByteWriter) {
        writer.u64(connection.rawValue)
        writer.stamp(before)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        connection = ConnectionID(rawValue: try reader.u64())
        before = try reader.stamp()
    }
}

/// To a session shard, one-way: this device of this user is connected here.
///
/// A parser sends it for the client's `hello`; a gateway sends it again, with `isResume`, when the user's shard has changed
/// or lost its memory.
public struct Attach: Equatable, Sendable {
    public var origin: Origin
    /// The highest inbox number that the device says it has; nil: what the store remembers.
    public var cursor: UInt64?
    /// Receipts up to this revision are known to the device; nil: it wants only new ones.
    public var revision: Stamp?
    public var isResume: Bool
    /// Rises with each connection of the device, by its own count; nil: the device does not say.
    public var attempt: UInt64?

    public init(origin: Origin, cursor: UInt64?, revision: Stamp?, isResume: Bool, attempt: UInt64?) {
        self.origin = origin
        self.cursor = cursor
        self.revision = revision
        self.isResume = isResume
        self.attempt = attempt
    }

    func encode(into writer: inout ByteWriter) {
        origin.encode(into: &writer)
        writer.bool(cursor != nil)
        if let cursor { writer.varint(cursor) }
        writer.bool(revision != nil)
        if let revision { writer.stamp(revision) }
        writer.bool(isResume)
        writer.bool(attempt != nil)
        if let attempt { writer.varint(attempt) }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        origin = try Origin(from: &reader)
        cursor = try reader.bool() ? try reader.varint() : nil
        revision = try reader.bool() ? try reader.stamp() : nil
        isResume = try reader.bool()
        attempt = try reader.bool() ? try reader.varint() : nil
    }
}

/// Session shard to gateway, one-way: I hold this connection now. Sent again when `hasSiblings` changes.
public struct Attached: Equatable, Sendable {
    public var connection: ConnectionID
    /// Where the receipts of this connection began; comes back in a resuming `Attach`.
    public var revision: Stamp
    public var hasSiblings: Bool
    /// What the device's `hello` said; comes back likewise.
    public var attempt: UInt64?

    public init(connection: ConnectionID, revision: Stamp, hasSiblings: Bool, attempt: UInt64?) {
        self.connection = connection
        self.revision = revision
        self.hasSiblings = hasSiblings
        self.attempt = attempt
    }

    func encode(into writer: inout ByteWriter) {
        writer.u64(connection.rawValue)
        writer.stamp(revision)
        writer.bool(hasSiblings)
        writer.bool(attempt != nil)
        if let attempt { writer.varint(attempt) }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        connection = ConnectionID(rawValue: try reader.u64())
        revision = try reader.stamp()
        hasSiblings = try reader.bool()
        attempt = try reader.bool() ? try reader.varint() : nil
    }
}

/// Gateway to session shard, one-way: this connection is gone, or lives at another shard.
public struct Detach: Equatable, Sendable {
    public var user: UserID
    public var connection: ConnectionID
    /// It lives on, at another shard.
    public var hasMoved: Bool

    public init(user: UserID, connection: ConnectionID, hasMoved: Bool = false) {
        self.user = user
        self.connection = connection
        self.hasMoved = hasMoved
    }

    func encode(into writer: inout ByteWriter) {
        writer.user(user)
        writer.u64(connection.rawValue)
        writer.bool(hasMoved)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        user = try reader.user()
        connection = ConnectionID(rawValue: try reader.u64())
        hasMoved = try reader.bool()
    }
}

/// Parser to `group` or `last-seen`, one-way: a client asks for something that this release does not do yet.
public struct FeatureRequest: Equatable, Sendable {
    public var origin: Origin
    /// The frame's type, 1...`featureBytesMax` bytes.
    public var feature: String
    /// The client's own mark on its request, given back in the answer.
    public var reference: MessageID?

    public init(origin: Origin, feature: String, reference: MessageID?) {
        self.origin = origin
        self.feature = feature
        self.reference = reference
    }

    func encode(into writer: inout ByteWriter) {
        origin.encode(into: &writer)
        writer.string(feature)
        writer.bool(reference != nil)
        if let reference { writer.message(reference) }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        origin = try Origin(from: &reader)
        feature = try reader.string(max: MessageLimits.featureBytesMax)
        guard !feature.isEmpty else { throw .badValue(field: "feature") }
        reference = try reader.bool() ? try reader.message() : nil
    }
}
