// Who is calling: a hello each way, then a proof each way that both know the cluster's secret.
//
// The secret itself never travels. Each side proves itself with HMAC-SHA256 over both hellos as they travelled, in order,
// behind a label that says which side speaks; the hellos carry fresh nonces, so that an old proof is worth nothing, and the names and roles, so
// that none can be exchanged on the way. (The idea is that of SCRAM, RFC 5802, section 3, with a key instead of a password.)

import Messages
import Primitives

/// Keyed hashing, handed in: a pure module has no engine of its own.
public protocol MessageAuthenticator: Sendable {
    /// HMAC-SHA256 (RFC 2104): 32 bytes.
    func hmacSHA256(key: [UInt8], message: [UInt8]) -> [UInt8]
}

/// What a process says of itself.
public struct Hello: Equatable, Sendable {
    /// The highest protocol minor version this process speaks. A newer one must understand all older ones.
    public static let minorVersion: UInt16 = 0
    public static let nonceBytes = 32
    static let nameBytesMax = 64

    public var minorVersion: UInt16
    public var cluster: String
    public var service: String
    public var node: String
    public var epoch: UInt64
    /// Drawn at process start: tells a restarted peer from one that was only unreachable.
    public var incarnation: UInt64
    public var nonce: [UInt8]

    public init(cluster: String, service: String, node: String, epoch: UInt64, incarnation: UInt64, nonce: [UInt8]) {
        precondition(nonce.count == Self.nonceBytes)
        self.minorVersion = Self.minorVersion
        self.cluster = cluster
        self.service = service
        self.node = node
        self.epoch = epoch
        self.incarnation = incarnation
        self.nonce = nonce
    }

    public func encode(into writer: inout ByteWriter) {
        writer.u16(minorVersion)
        writer.string(cluster)
        writer.string(service)
        writer.string(node)
        writer.u64(epoch)
        writer.u64(incarnation)
        writer.blob(nonce)
    }

    public init(from reader: inout ByteReader) throws(DecodeError) {
        minorVersion = try reader.u16()
        cluster = try reader.string(max: Self.nameBytesMax)
        service = try reader.string(max: Self.nameBytesMax)
        node = try reader.string(max: Self.nameBytesMax)
        epoch = try reader.u64()
        incarnation = try reader.u64()
        nonce = try reader.blob(max: Self.nonceBytes)
        guard nonce.count == Self.nonceBytes else { throw .badValue(field: "nonce") }
    }

    /// The bytes of `init(from:)`'s reader as they came, fields of a newer release included: these are what a proof covers.
    static func received(_ reader: ByteReader) throws(DecodeError) -> [UInt8] {
        var rest = reader
        var bytes: [UInt8] = []
        bytes.reserveCapacity(rest.remaining)
        while !rest.isAtEnd { bytes.append(try rest.u8()) }
        return bytes
    }

    var encoded: [UInt8] {
        var writer = ByteWriter()
        encode(into: &writer)
        return writer.bytes
    }
}

/// One end's proof.
enum Proof {
    static let bytes = 32

    enum Side { case dialer, acceptor }

    static func make(
        side: Side, dialer: [UInt8], acceptor: [UInt8], secret: [UInt8], authenticator: any MessageAuthenticator
    ) -> [UInt8] {
        let label = side == .dialer ? "fantail rpc 1 dialer" : "fantail rpc 1 acceptor"
        var writer = ByteWriter()
        writer.string(label)
        writer.blob(dialer)
        writer.blob(acceptor)
        return authenticator.hmacSHA256(key: secret, message: writer.bytes)
    }
}
