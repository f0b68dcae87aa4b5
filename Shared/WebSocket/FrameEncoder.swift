// Messages to bytes: the shortest header that holds the length, then the payload.
//
// A server passes no mask. A client passes a fresh unpredictable mask key with each frame; the dice are the caller's, so that the
// simulator's bytes repeat. Frames are appended, so that everything of one tick leaves in one write.

/// Appends frames to a buffer of outgoing bytes.
///
/// In every function `mask` is nil for a server; for a client it is the four key bytes read as one big-endian number.
public enum FrameEncoder {
    /// Bytes that a frame takes on the wire, to account for it before it is written.
    public static func frameBytesCount(payloadBytesCount: Int, masked: Bool = false) -> Int {
        let lengthBytesCount = payloadBytesCount <= 125 ? 0 : payloadBytesCount <= 0xFFFF ? 2 : 8
        return 2 + lengthBytesCount + (masked ? 4 : 0) + payloadBytesCount
    }

    /// A whole text message. The payload must be UTF-8; it is not checked again here.
    public static func appendText(_ payload: [UInt8], mask: UInt32? = nil, to out: inout [UInt8]) {
        appendFrame(.text, payload: payload[...], mask: mask, to: &out)
    }

    public static func appendText(_ payload: ArraySlice<UInt8>, mask: UInt32? = nil, to out: inout [UInt8]) {
        appendFrame(.text, payload: payload, mask: mask, to: &out)
    }

    /// A whole binary message.
    public static func appendBinary(_ payload: [UInt8], mask: UInt32? = nil, to out: inout [UInt8]) {
        appendFrame(.binary, payload: payload[...], mask: mask, to: &out)
    }

    public static func appendBinary(_ payload: ArraySlice<UInt8>, mask: UInt32? = nil, to out: inout [UInt8]) {
        appendFrame(.binary, payload: payload, mask: mask, to: &out)
    }

    /// - Precondition: at most 125 bytes.
    public static func appendPing(_ payload: [UInt8] = [], mask: UInt32? = nil, to out: inout [UInt8]) {
        appendFrame(.ping, payload: payload[...], mask: mask, to: &out)
    }

    /// - Parameter payload: the bytes of the ping that is answered. Precondition: at most 125.
    public static func appendPong(_ payload: [UInt8] = [], mask: UInt32? = nil, to out: inout [UInt8]) {
        appendFrame(.pong, payload: payload[...], mask: mask, to: &out)
    }

    /// A close with one of our codes and its own reason text.
    public static func appendClose(_ code: CloseCode, mask: UInt32? = nil, to out: inout [UInt8]) {
        appendClose(code: code.rawValue, reason: code.reason, mask: mask, to: &out)
    }

    /// The answer to a rule that the peer broke; the reason names the rule.
    public static func appendClose(_ failure: WebSocketFailure, mask: UInt32? = nil, to out: inout [UInt8]) {
        appendClose(code: failure.closeCode.rawValue, reason: failure.rawValue, mask: mask, to: &out)
    }

    /// A close. A reason above 123 bytes is cut before the code point that no longer fits; nil sends an empty close, without reason.
    /// - Precondition: the code may travel (`CloseCode.mayTravel`).
    public static func appendClose(code: UInt16?, reason: String = "", mask: UInt32? = nil, to out: inout [UInt8]) {
        var payload: [UInt8] = []
        if let code {
            precondition(CloseCode.mayTravel(code), "a close code that may not travel")
            payload.append(UInt8(truncatingIfNeeded: code >> 8))
            payload.append(UInt8(truncatingIfNeeded: code))
            for scalar in reason.unicodeScalars {
                let encoded = UTF8.encode(scalar).map(Array.init) ?? []
                guard payload.count + encoded.count <= WebSocketLimits.controlBytesMax else { break }
                payload.append(contentsOf: encoded)
            }
        }
        appendFrame(.close, payload: payload[...], mask: mask, to: &out)
    }

    /// One frame, also a fragment (`isFinal` false, then `.continuation`).
    /// - Precondition: a control frame is final and at most 125 bytes.
    /// - Complexity: O(payload.count); one copy. Source: RFC 6455, section 5.2.
    public static func appendFrame(
        _ opcode: FrameOpcode, isFinal: Bool = true, payload: ArraySlice<UInt8>, mask: UInt32? = nil, to out: inout [UInt8]
    ) {
        let count = payload.count
        if opcode.isControl {
            precondition(isFinal, "a control frame in fragments")
            precondition(count <= WebSocketLimits.controlBytesMax, "a control frame above 125 bytes")
        }
        let maskBit: UInt8 = mask == nil ? 0 : 0x80
        out.append(opcode.rawValue | (isFinal ? 0x80 : 0))
        if count <= 125 {
            out.append(maskBit | UInt8(count))
        } else if count <= 0xFFFF {
            out.append(maskBit | 126)
            out.append(UInt8(truncatingIfNeeded: count >> 8))
            out.append(UInt8(truncatingIfNeeded: count))
        } else {
            out.append(maskBit | 127)
            for shift in stride(from: 56, through: 0, by: -8) {
                out.append(UInt8(truncatingIfNeeded: UInt64(count) >> UInt64(shift)))
            }
        }
        guard let mask else {
            out.append(contentsOf: payload)
            return
        }
        for shift in stride(from: UInt32(24), through: 0, by: -8) {
            out.append(UInt8(truncatingIfNeeded: mask >> shift))
        }
        let start = out.count
        out.append(contentsOf: payload)
        Masking.apply(mask, phase: 0, to: &out, from: start)
    }
}
