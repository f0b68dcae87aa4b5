// Names that people and programs give to people, devices and messages.
//
// All are short and printable, so that they can stand in a URL, a log line and a terminal without quoting, and most fit
// Swift's inline string (15 bytes) without an allocation.

/// What may stand in a name: ASCII letters, digits and `. _ - @ + :`
public enum NameAlphabet {
    @inlinable public static func contains(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: return true  // 0-9 A-Z a-z
        case 0x2E, 0x5F, 0x2D, 0x40, 0x2B, 0x3A: return true  // . _ - @ + :
        default: return false
        }
    }

    /// True when `text` has 1...`limitBytes` bytes, all of the alphabet.
    @inlinable public static func accepts(_ text: String, limitBytes: Int) -> Bool {
        var length = 0
        for byte in text.utf8 {
            length += 1
            if length > limitBytes || !contains(byte) { return false }
        }
        return length > 0
    }
}

/// A person, as the product's own log-in names them. 1...64 bytes.
public struct UserID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// 64 bytes hold an e-mail address, a UUID or a phone number; twice that would double every index of the store.
    public static let bytesMax = 64
    public let text: String

    /// Nil when the text is empty, too long or has a byte outside `NameAlphabet`.
    public init?(_ text: String) {
        guard NameAlphabet.accepts(text, limitBytes: Self.bytesMax) else { return nil }
        self.text = text
    }

    public var description: String { text }
    public static func < (a: UserID, b: UserID) -> Bool { a.text < b.text }
}

/// One device of a person. 1...32 bytes.
public struct DeviceID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// 32 bytes hold a UUID without dashes.
    public static let bytesMax = 32
    /// The device of a token that names none.
    public static let unnamed = DeviceID("main")!
    public let text: String

    public init?(_ text: String) {
        guard NameAlphabet.accepts(text, limitBytes: Self.bytesMax) else { return nil }
        self.text = text
    }

    public var description: String { text }
    public static func < (a: DeviceID, b: DeviceID) -> Bool { a.text < b.text }
}

/// A message, as its author's client names it: unique among that author's messages, so that a repeated send is recognised.
/// 1...64 bytes; 128 random bits as 22...36 characters are plenty.
public struct MessageID: Hashable, Sendable, CustomStringConvertible {
    public static let bytesMax = 64
    public let text: String

    public init?(_ text: String) {
        guard NameAlphabet.accepts(text, limitBytes: Self.bytesMax) else { return nil }
        self.text = text
    }

    public var description: String { text }
}

extension ByteWriter {
    @inlinable public mutating func user(_ id: UserID) { string(id.text) }
    @inlinable public mutating func device(_ id: DeviceID) { string(id.text) }
    @inlinable public mutating func message(_ id: MessageID) { string(id.text) }
    @inlinable public mutating func stamp(_ stamp: Stamp) { varint(UInt64(clamping: stamp.microseconds)) }
}

extension ByteReader {
    public mutating func user() throws(DecodeError) -> UserID {
        guard let id = UserID(try string(max: UserID.bytesMax)) else { throw .badValue(field: "user") }
        return id
    }

    public mutating func device() throws(DecodeError) -> DeviceID {
        guard let id = DeviceID(try string(max: DeviceID.bytesMax)) else { throw .badValue(field: "device") }
        return id
    }

    public mutating func message() throws(DecodeError) -> MessageID {
        guard let id = MessageID(try string(max: MessageID.bytesMax)) else { throw .badValue(field: "message id") }
        return id
    }

    public mutating func stamp() throws(DecodeError) -> Stamp {
        let value = try varint()
        guard value <= UInt64(Stamp.max.microseconds) else { throw .badValue(field: "stamp") }
        return Stamp(microseconds: Int64(value))
    }
}

/// A process of the cluster: 32 bits of a hash of its name. So a name means the same number in every process and under every
/// epoch, whoever else joins or leaves; two names of one cluster never share one (`ClusterProblem.nameClash`).
public struct NodeID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: UInt32
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// - Parameter name: of the node, as `cluster.conf` has it.
    /// - Complexity: O(name).
    public init(name: String) {
        rawValue = UInt32(truncatingIfNeeded: StableHash.hash(Array(name.utf8), k0: 0x6E6F_6465, k1: 0))
    }

    public var description: String { "#\(rawValue)" }
    @inlinable public static func < (a: NodeID, b: NodeID) -> Bool { a.rawValue < b.rawValue }
}

/// A client's connection: the microsecond in which its gateway opened it, raised where two would be equal. Unique within
/// a gateway across restarts, so that an answer meant for a former life finds nobody; and of two connections of one device
/// the greater is the newer.
public struct ConnectionID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: UInt64
    @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
    public var description: String { "c\(rawValue)" }
    @inlinable public static func < (a: ConnectionID, b: ConnectionID) -> Bool { a.rawValue < b.rawValue }
}

/// How a client wants its frames: text for people and browsers, compact for apps. One schema.
public enum ClientEncoding: UInt8, Sendable, CaseIterable {
    case json = 1
    case binary = 2
}
