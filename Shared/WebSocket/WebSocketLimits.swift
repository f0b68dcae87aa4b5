// All bounds of this module, with their reasons.
//
// A stranger on the internet chooses every byte that arrives here, so everything that can grow has a number. The numbers that
// an operator may want to change (message bytes, fragments) are fields of `WebSocketLimits`; those that follow from a standard
// or from the memory of one handshake are constants of `HTTPLimits`.

/// Bounds of the opening handshake, RFC 9112 leaves them to the server.
public enum HTTPLimits {
    /// Longest request or response head, bytes, blank line included. A browser sends about 600; a token of 4 KiB in the
    /// `Authorization` header or in the query still fits. Twice as much would let 100,000 half-open handshakes hold 1.6 GB.
    public static let headBytesMax = 8 * 1024

    /// Most header lines in one head. Browsers behind two proxies send about 25; a header is found by a linear search, so
    /// this bounds that search too.
    public static let headersCountMax = 64

    /// Empty lines that may stand before the request line (RFC 9112, section 2.2, asks for at least one).
    public static let leadingEmptyLinesCountMax = 1

    /// Most subprotocols a client may offer. We know two, and a token may ride as a third; duplicates are looked for
    /// pairwise, so this bounds that search.
    public static let subprotocolsCountMax = 16

    /// Longest body of a refusal that a client keeps, bytes; the rest is cut off. Ours are below 200 bytes, a proxy's page
    /// may be long and nobody reads it to the end.
    public static let refusalBodyBytesMax = 4 * 1024
}

/// Bounds of the frame stream of one connection.
///
/// Memory of one connection is at most `messageBytesMax` times two (an array that grows doubles) plus 125 bytes of a control frame.
public struct WebSocketLimits: Equatable, Sendable {
    /// Longest message, bytes, all fragments together. Default 256 KiB: a chat message is at most 64 KiB, and JSON escapes may
    /// blow text up fourfold. Range 125... (a control frame always fits).
    public let messageBytesMax: Int

    /// Most fragments of one message. Default 64: browsers send one; a client that streams 4 KiB pieces still gets a full
    /// message of 256 KiB through. Without this bound empty fragments would keep us busy for ever. Range 1...
    public let fragmentsCountMax: Int

    /// Longest payload of a ping, pong or close, bytes. RFC 6455, section 5.5.
    public static let controlBytesMax = 125

    /// Longest reason text of a close, bytes: a control payload without the two bytes of the code.
    public static let closeReasonBytesMax = controlBytesMax - 2

    /// Longest frame header, bytes: two, eight of length, four of mask. RFC 6455, section 5.2.
    public static let frameHeaderBytesMax = 14

    public static let standard = WebSocketLimits()

    /// - Precondition: `messageBytesMax >= 125`, `fragmentsCountMax >= 1`; both come from checked configuration.
    public init(messageBytesMax: Int = 256 * 1024, fragmentsCountMax: Int = 64) {
        precondition(messageBytesMax >= Self.controlBytesMax, "messageBytesMax below one control frame")
        precondition(messageBytesMax <= Int(Int32.max), "messageBytesMax above 2 GiB")
        precondition(fragmentsCountMax >= 1, "fragmentsCountMax below 1")
        precondition(fragmentsCountMax <= Int(Int32.max), "fragmentsCountMax above 2^31")
        self.messageBytesMax = messageBytesMax
        self.fragmentsCountMax = fragmentsCountMax
    }
}
