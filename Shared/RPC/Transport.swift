// What pure code knows of sockets: numbers, bytes, and that they end.

import Primitives

/// A socket of one process, never used again after it closed.
public struct SocketID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: UInt64
    @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
    public var description: String { "s\(rawValue)" }
    @inlinable public static func < (a: SocketID, b: SocketID) -> Bool { a.rawValue < b.rawValue }
}

/// Which door a connection came in by.
public enum Door: UInt8, Sendable {
    case peers
    case clients
}

/// Where a client comes from: an IPv4 address, or whatever else tells two of them apart.
public struct ClientAddress: Hashable, Sendable {
    public let rawValue: UInt32
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
}

/// A fact about sockets.
public enum TransportEvent: Equatable, Sendable {
    /// - `from`: the other side's address, where the door is one for clients.
    case accepted(SocketID, Door, from: ClientAddress? = nil)
    /// The answer to `dial`.
    case dialed(NodeID, SocketID)
    case dialFailed(NodeID)
    /// A connection that was accepted from a peer has shown a certificate for these names of peers; before anything is received.
    case certified(SocketID, names: [String])
    /// The slice is valid during the call; keeping it costs a copy.
    case received(SocketID, ArraySlice<UInt8>)
    /// The send queue went over `sendQueueBytesSoft` (true) or under half of it again (false).
    case congested(SocketID, Bool)
    /// Ended by the other side, by an error, or because its send queue was full. Not told for sockets closed by `close`.
    case closed(SocketID)
}

/// An order about sockets.
public enum TransportEffect: Equatable, Sendable {
    case dial(NodeID)
    case write(SocketID, [UInt8])
    /// Sends what was written before, then closes. The socket is not mentioned again.
    case close(SocketID)
}
