// What comes out of the frame stream: whole messages, control frames, and one last word.
//
// The decoder turns bytes into these values and never does anything about them: answering a ping, echoing a close and closing the
// socket are the reader's business.

/// One thing that the peer said. After `.close` or `.failure` no other event follows.
public enum WebSocketEvent: Equatable, Sendable {
    /// A whole text message; valid UTF-8, at most `messageBytesMax` bytes.
    case text([UInt8])
    /// A whole binary message, at most `messageBytesMax` bytes.
    case binary([UInt8])
    /// Answer with a pong that carries the same bytes, at most 125.
    case ping([UInt8])
    /// The answer to a ping of ours, or unasked; at most 125 bytes.
    case pong([UInt8])
    /// The peer closes; echo the code if we did not close first, then end the connection. `code` is nil when the frame was empty,
    /// otherwise it is a code that may travel; `reason` is valid UTF-8, at most 123 bytes.
    case close(code: UInt16?, reason: [UInt8])
    /// The peer broke a rule; send a close frame with `failure.closeCode`, then end the connection.
    case failure(WebSocketFailure)
}

/// The rule that the peer broke. The raw value goes into the close frame's reason, logs and counters.
public enum WebSocketFailure: String, Error, Equatable, Sendable, CaseIterable {
    /// RSV1 to RSV3 must be zero, no extension was negotiated. Section 5.2.
    case reservedBits = "reserved_bits"
    /// Opcodes 3 to 7 and 11 to 15. Section 5.2.
    case reservedOpcode = "reserved_opcode"
    /// A ping, pong or close without FIN. Section 5.5.
    case fragmentedControl = "fragmented_control"
    /// A ping, pong or close above 125 bytes. Section 5.5.
    case controlTooLong = "control_too_long"
    /// A client must mask. Section 5.1.
    case unmaskedFrame = "unmasked_frame"
    /// A server must not mask. Section 5.1.
    case maskedFrame = "masked_frame"
    /// A length in more bytes than it needs. Section 5.2.
    case lengthNotMinimal = "length_not_minimal"
    /// The highest bit of a 64-bit length is set. Section 5.2.
    case lengthOutOfRange = "length_out_of_range"
    /// A continuation, but no message is open. Section 5.4.
    case unexpectedContinuation = "unexpected_continuation"
    /// A new message inside a fragmented one. Section 5.4.
    case expectedContinuation = "expected_continuation"
    /// More than `messageBytesMax`.
    case messageTooBig = "message_too_big"
    /// More than `fragmentsCountMax`.
    case tooManyFragments = "too_many_fragments"
    /// Text or a close reason that is not UTF-8. Section 8.1.
    case invalidUTF8 = "invalid_utf8"
    /// A close payload of one byte. Section 5.5.1.
    case closePayloadLength = "close_payload_length"
    /// A close code that may not travel. Section 7.4.
    case closeCodeInvalid = "close_code_invalid"

    /// The code that our close frame must carry: 1002, 1007 or 1009.
    public var closeCode: CloseCode {
        switch self {
        case .messageTooBig, .tooManyFragments: .messageTooBig
        case .invalidUTF8: .invalidPayload
        case .reservedBits, .reservedOpcode, .fragmentedControl, .controlTooLong, .unmaskedFrame, .maskedFrame, .lengthNotMinimal,
            .lengthOutOfRange, .unexpectedContinuation, .expectedContinuation, .closePayloadLength, .closeCodeInvalid:
            .protocolError
        }
    }
}

/// Which side of the connection we are.
public enum WebSocketRole: Equatable, Sendable {
    /// We accept: frames that arrive must be masked, frames that leave are not.
    case server
    /// We connected: frames that arrive must not be masked, frames that leave are.
    case client
}

/// The meaning of a frame, RFC 6455, section 5.2.
public enum FrameOpcode: UInt8, Equatable, Sendable {
    case continuation = 0x0
    case text = 0x1
    case binary = 0x2
    case close = 0x8
    case ping = 0x9
    case pong = 0xA

    /// Close, ping and pong: short, never fragmented, allowed between the fragments of a message.
    public var isControl: Bool { rawValue & 0x8 != 0 }
}
