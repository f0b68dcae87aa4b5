// JSON out: appended to a buffer, field by field, nothing built before.
//
// Only what must be escaped is escaped: the quote, the backslash and the control characters. Names of people, devices and
// messages need no look at all, their alphabet has none of these.

import Primitives

/// Appends one frame to `out`. The first field is always `type`.
struct JSONWriter {
    var out: [UInt8]

    /// Begins a frame. Takes the buffer over; give it back with `finish`.
    init(_ out: inout [UInt8], reserving capacity: Int, begin: StaticString) {
        self.out = []
        swap(&self.out, &out)
        // A buffer that holds frames already grows by doubling; an exact reservation would break that.
        if self.out.isEmpty { self.out.reserveCapacity(capacity) }
        literal(begin)
    }

    mutating func finish(_ out: inout [UInt8]) {
        self.out.append(UInt8(ascii: "}"))
        swap(&self.out, &out)
    }

    /// Ready JSON, such as `,"id":`.
    @inline(__always)
    mutating func literal(_ text: StaticString) {
        text.withUTF8Buffer { out.append(contentsOf: $0) }
    }

    /// A name of `NameAlphabet` behind `key`, which opens the quote: `,"id":"`.
    mutating func name(_ key: StaticString, _ text: String) {
        literal(key)
        out.append(contentsOf: text.utf8)
        out.append(UInt8(ascii: "\""))
    }

    mutating func nameIfPresent(_ key: StaticString, _ text: String?) {
        if let text { name(key, text) }
    }

    mutating func number(_ key: StaticString, _ value: UInt64) {
        literal(key)
        digits(value)
    }

    mutating func numberIfPresent(_ key: StaticString, _ value: UInt64?) {
        if let value { number(key, value) }
    }

    mutating func stamp(_ key: StaticString, _ stamp: Stamp) { number(key, UInt64(clamping: stamp.microseconds)) }

    mutating func flag(_ key: StaticString, _ value: Bool) {
        literal(key)
        literal(value ? "true" : "false")
    }

    private mutating func digits(_ value: UInt64) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { places in
            var rest = value
            var first = places.count
            repeat {
                first -= 1
                places[first] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            out.append(contentsOf: UnsafeBufferPointer(rebasing: places[first...]))
        }
    }

    /// A text with its quotes; runs without specials are copied in one go.
    /// - Precondition: `text` is UTF-8; whoever took it in has checked that.
    mutating func text(_ key: StaticString, _ text: [UInt8]) {
        literal(key)
        out.append(UInt8(ascii: "\""))
        var index = 0
        var isASCII = true
        while true {
            let stop = TextScan.special(in: text, from: index, to: text.count, isASCII: &isASCII)
            out.append(contentsOf: text[index..<stop])
            guard stop < text.count else { break }
            escape(text[stop])
            index = stop + 1
        }
        out.append(UInt8(ascii: "\""))
    }

    private mutating func escape(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): literal("\\\"")
        case UInt8(ascii: "\\"): literal("\\\\")
        case 0x08: literal("\\b")
        case 0x09: literal("\\t")
        case 0x0A: literal("\\n")
        case 0x0C: literal("\\f")
        case 0x0D: literal("\\r")
        default:
            literal("\\u00")
            out.append(Self.hexDigit(byte >> 4))
            out.append(Self.hexDigit(byte & 15))
        }
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
}
