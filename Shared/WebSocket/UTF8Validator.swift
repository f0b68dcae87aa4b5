// Is this text UTF-8? Asked piece by piece, answered at the first wrong byte.
//
// A text message may be cut anywhere, also inside a code point. So the validator remembers, in three bytes, how many continuation
// bytes are still owed and between which values the next one must lie. That range is the whole trick: after E0 it starts at A0 (no
// overlong forms), after ED it ends at 9F (no surrogates), after F0 it starts at 90, after F4 it ends at 8F (nothing above 10FFFF);
// otherwise it is 80 to BF. Table: The Unicode Standard, 3.9, "Well-Formed UTF-8 Byte Sequences".
//
// Chat text is mostly ASCII, so eight bytes whose top bits are all zero are passed at once.

/// Incremental UTF-8 check of one message.
public struct UTF8Validator: Equatable, Sendable {
    /// Continuation bytes that the current code point still owes, 0...3.
    private var owedCount: UInt8 = 0
    /// Bounds of the next continuation byte.
    private var nextMin: UInt8 = 0x80
    private var nextMax: UInt8 = 0xBF

    public init() {}

    /// Whether the text may end here: no code point is half read.
    public var isAtBoundary: Bool { owedCount == 0 }

    /// Checks the next piece.
    /// - Returns: false at the first byte that no valid text can have here; the validator must then not be used again.
    /// - Complexity: O(bytes.count), eight ASCII bytes a step.
    public mutating func consume(_ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.withUnsafeBytes { consume($0) }
    }

    mutating func consume(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let count = bytes.count
        var index = 0
        while index < count {
            if owedCount == 0 {
                // The loop condition keeps each load inside the buffer.
                while count - index >= 8,
                    bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
                {
                    index += 8
                }
                while index < count, bytes[index] < 0x80 { index += 1 }
                guard index < count else { return true }
                guard begin(bytes[index]) else { return false }
            } else {
                let byte = bytes[index]
                guard byte >= nextMin, byte <= nextMax else { return false }
                owedCount -= 1
                nextMin = 0x80
                nextMax = 0xBF
            }
            index += 1
        }
        return true
    }

    /// First byte of a code point that is not ASCII.
    private mutating func begin(_ byte: UInt8) -> Bool {
        switch byte {
        case 0xC2...0xDF: owedCount = 1
        case 0xE0: (owedCount, nextMin) = (2, 0xA0)
        case 0xE1...0xEC, 0xEE, 0xEF: owedCount = 2
        case 0xED: (owedCount, nextMax) = (2, 0x9F)
        case 0xF0: (owedCount, nextMin) = (3, 0x90)
        case 0xF1...0xF3: owedCount = 3
        case 0xF4: (owedCount, nextMax) = (3, 0x8F)
        default: return false
        }
        return true
    }
}
