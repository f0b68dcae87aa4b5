// What cores say to clients: a frame for one connection, and refusals between services in a client's words.

import ClientProtocol
import Messages
import Primitives

extension Effect {
    /// Sends a frame to the connection that `origin` names, in that connection's encoding.
    public static func tell(_ origin: Origin, _ frame: ServerFrame) -> Effect {
        .send(
            origin.gateway,
            .clientOutput(ClientOutput(connection: origin.connection, bytes: frame.encoded(as: origin.encoding))))
    }
}

/// One frame for many connections, rendered once an encoding.
public struct SharedFrame {
    private let frame: ServerFrame
    private var rendered: [ClientEncoding: [UInt8]] = [:]

    public init(_ frame: ServerFrame) { self.frame = frame }

    /// Sends it to the connection that `origin` names.
    public mutating func tell(_ origin: Origin) -> Effect {
        let bytes = rendered[origin.encoding] ?? frame.encoded(as: origin.encoding)
        rendered[origin.encoding] = bytes
        return .send(origin.gateway, .clientOutput(ClientOutput(connection: origin.connection, bytes: bytes)))
    }
}

/// What a client is told to wait when something that its request needs is away, milliseconds. A restart takes about a second.
public let unavailableRetryMs: UInt32 = 1_000

extension ErrorFrame {
    /// A refusal between services, as a client is told.
    public init(_ refusal: Refusal, ref: MessageID?) {
        let retryMs = refusal.retryAfterMs > 0 ? refusal.retryAfterMs : unavailableRetryMs
        switch refusal.code {
        case .storageFull:
            self.init(.storageFull, "the store has no room, nothing can be accepted now", ref: ref, retryMs: retryMs)
        case .overloaded:
            self.init(.overloaded, "too much work waits", ref: ref, retryMs: retryMs)
        case .unavailable, .timedOut, .peerDown, .moved, .unsupported, .malformed, .forbidden:
            self.init(.unavailable, "the store is away", ref: ref, retryMs: retryMs)
        }
    }
}
