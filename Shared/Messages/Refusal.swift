// A typed no. Its number is for ever: it stands in frames between releases.

import Primitives

/// Why a request was not done. The caller may tell a client; nothing has changed because of a refused request.
public struct Refusal: Error, Equatable, Sendable {
    public enum Code: UInt8, Sendable, CaseIterable {
        /// The receiver does not know this method, or a client asked for a feature that is not there.
        case unsupported = 1
        /// The payload breaks a rule of its message.
        case malformed = 2
        /// Too much work waits; `retryAfterMs` says when to come back.
        case overloaded = 3
        /// Something that the receiver needs is away; `retryAfterMs` says when to come back.
        case unavailable = 4
        /// The disk is full or refuses writes: nothing can be promised until there is room.
        case storageFull = 5
        /// The peer may not ask this.
        case forbidden = 6
        /// Made by the caller's own side: no answer within the bound.
        case timedOut = 7
        /// Made by the caller's own side: the peer is not connected, or the connection ended before the answer.
        case peerDown = 8
        /// The request was routed by an older epoch, and another shard owns its key under the newer one: ask that one, as soon as
        /// the newer file is there.
        case moved = 9
        // Next free number: 10.
    }

    public var code: Code
    /// Milliseconds until a retry makes sense; 0 when time does not help.
    public var retryAfterMs: UInt32

    public init(_ code: Code, retryAfterMs: UInt32 = 0) {
        self.code = code
        self.retryAfterMs = retryAfterMs
    }

    public func encode(into writer: inout ByteWriter) {
        writer.u8(code.rawValue)
        writer.u32(retryAfterMs)
    }

    public init(from reader: inout ByteReader) throws(DecodeError) {
        // A number from a newer release is still a no.
        code = Code(rawValue: try reader.u8()) ?? .unavailable
        retryAfterMs = try reader.u32()
    }
}
