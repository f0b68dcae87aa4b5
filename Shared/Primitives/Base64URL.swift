// Base64url: bytes as text that survives URLs and headers, `-` and `_` instead of `+` and `/`, no padding.
//
// The rule is that one byte string has exactly one spelling. Four characters carry three bytes; a tail of two or three
// characters carries one or two bytes and has four or two bits left over. A lenient decoder ignores those spare bits, and
// then several texts mean the same bytes: a token could be altered in its last character and still verify. So spare bits
// must be zero here, `=` is refused, and so is every character outside the alphabet, white space included.

/// Strict base64url without padding. Source: RFC 4648, section 5, with RFC 7515, section 2.
public enum Base64URL {
    /// Why a text is not base64url; offsets count characters from the start of the text.
    public enum Refusal: Error, Equatable, Sendable {
        /// A character outside A-Z a-z 0-9 - _ (this includes `=`).
        case badCharacter(offset: Int)
        /// A lone last character: six bits are no byte.
        case badLength
        /// The last character carries bits that belong to no byte.
        case strayBits
    }

    /// The text for `bytes`: ceil(bytes.count * 4 / 3) ASCII characters.
    /// - Complexity: O(bytes.count).
    public static func encode(_ bytes: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count * 4 + 2) / 3)
        var pending: UInt32 = 0
        var pendingBits: UInt32 = 0
        for byte in bytes {
            pending = (pending << 8 | UInt32(byte)) & 0xFFFF
            pendingBits += 8
            while pendingBits >= 6 {
                pendingBits -= 6
                text.append(character(of: UInt8(truncatingIfNeeded: pending >> pendingBits) & 63))
            }
        }
        if pendingBits > 0 {
            text.append(character(of: UInt8(truncatingIfNeeded: pending << (6 - pendingBits)) & 63))
        }
        return text
    }

    /// `encode`, as a `String`.
    public static func string(_ bytes: [UInt8]) -> String {
        String(decoding: encode(bytes), as: UTF8.self)
    }

    /// The bytes that `text` spells: floor(text.count * 3 / 4) of them. The empty text spells no bytes.
    /// - Complexity: O(text.count).
    public static func decode(_ text: ArraySlice<UInt8>) throws(Refusal) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count * 3 / 4)
        var pending: UInt32 = 0
        var pendingBits: UInt32 = 0
        for index in text.indices {
            guard let six = value(of: text[index]) else {
                throw .badCharacter(offset: index - text.startIndex)
            }
            pending = (pending << 6 | UInt32(six)) & 0xFFFF
            pendingBits += 6
            if pendingBits >= 8 {
                pendingBits -= 8
                bytes.append(UInt8(truncatingIfNeeded: pending >> pendingBits))
            }
        }
        guard pendingBits < 6 else { throw .badLength }
        guard pending & (1 << pendingBits - 1) == 0 else { throw .strayBits }
        return bytes
    }

    /// `decode` of a whole array.
    public static func decode(_ text: [UInt8]) throws(Refusal) -> [UInt8] {
        try decode(text[...])
    }

    private static func character(of six: UInt8) -> UInt8 {
        switch six {
        case 0...25: UInt8(ascii: "A") + six
        case 26...51: UInt8(ascii: "a") + (six - 26)
        case 52...61: UInt8(ascii: "0") + (six - 52)
        case 62: UInt8(ascii: "-")
        default: UInt8(ascii: "_")
        }
    }

    private static func value(of character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0") + 52
        case UInt8(ascii: "-"): 62
        case UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
