// Reading text fast: eight bytes in one register, one question to all of them.
//
// Chat is mostly text, and most of a text needs no look at each byte. Three questions are asked of a word at once: is there a
// quote, a backslash, a control character? `x - 0x01…01` borrows into the top bit of a byte that is zero; `& ~x` drops bytes
// that had it set before. A borrow may also mark a byte *above* a true one, never below: the lowest mark is always right, and
// only the lowest is used. Source: H. S. Warren, "Hacker's Delight", section 6-1.

enum TextScan {
    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let tops: UInt64 = 0x8080_8080_8080_8080

    /// First byte at or after `start` that cannot stand in a JSON string as it is: `"`, `\`, or below 0x20. `end` when there
    /// is none. `isASCII` is false when a byte on the way may be beyond ASCII.
    /// - Precondition: `0 <= start <= end <= bytes.count`.
    /// - Complexity: O(distance), about one step per 8 bytes.
    static func special(in bytes: [UInt8], from start: Int, to end: Int, isASCII: inout Bool) -> Int {
        precondition(start >= 0)
        precondition(start <= end)
        precondition(end <= bytes.count)
        return bytes.withUnsafeBytes { raw in
            var index = start
            var seen: UInt64 = 0
            defer { if seen & tops != 0 { isASCII = false } }
            while end - index >= 8 {
                let word = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: index, as: UInt64.self))
                seen |= word
                let quote = word ^ (ones &* 0x22)
                let slash = word ^ (ones &* 0x5C)
                let marks =
                    ((quote &- ones) & ~quote | (slash &- ones) & ~slash | (word &- ones &* 0x20) & ~word) & tops
                if marks != 0 { return index + marks.trailingZeroBitCount / 8 }
                index += 8
            }
            while index < end {
                let byte = raw[index]
                if byte == 0x22 || byte == 0x5C || byte < 0x20 { return index }
                seen |= UInt64(byte)
                index += 1
            }
            return end
        }
    }

    /// True when `bytes[range]` is well-formed UTF-8: shortest forms, no surrogates, nothing above U+10FFFF.
    /// - Complexity: O(range.count). Source: The Unicode Standard, table 3-7.
    static func isUTF8(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        precondition(range.lowerBound >= 0)
        precondition(range.upperBound <= bytes.count)
        return bytes.withUnsafeBytes { raw in
            let end = range.upperBound
            var index = range.lowerBound
            while index < end {
                if end - index >= 8, raw.loadUnaligned(fromByteOffset: index, as: UInt64.self) & tops == 0 {
                    index += 8
                    continue
                }
                let lead = raw[index]
                if lead < 0x80 {
                    index += 1
                    continue
                }
                let length: Int
                var second: ClosedRange<UInt8> = 0x80...0xBF
                switch lead {
                case 0xC2...0xDF: length = 2
                case 0xE0: (length, second) = (3, 0xA0...0xBF)
                case 0xED: (length, second) = (3, 0x80...0x9F)
                case 0xE1...0xEF: length = 3
                case 0xF0: (length, second) = (4, 0x90...0xBF)
                case 0xF1...0xF3: length = 4
                case 0xF4: (length, second) = (4, 0x80...0x8F)
                default: return false
                }
                guard end - index >= length, second.contains(raw[index + 1]) else { return false }
                var next = index + 2
                while next < index + length {
                    guard raw[next] & 0xC0 == 0x80 else { return false }
                    next += 1
                }
                index += length
            }
            return true
        }
    }
}
