// The grammar of JSON, read once from left to right. Source: RFC 8259.
//
// The reader builds nothing. It checks the grammar and says of each value where it stands and what it is; whoever wants the
// value takes it from there (JSONObject.swift). So a field that nobody asks for costs its bytes and nothing else, and a text
// without escapes is copied in one go by whoever keeps it.
//
// Stricter than the RFC demands, where leniency has cost others dearly: no name twice in a frame, no half surrogate, no byte
// behind the frame, a bound on depth. Names inside values that we skip are not compared: nothing there is ever looked up.

/// Where a value stands, and what it is.
struct JSONValue {
    enum Kind: UInt8 {
        case absent, null, yes, no
        /// Digits, perhaps behind a minus sign.
        case integer
        /// A number with a fraction or an exponent.
        case number
        /// A text without escapes, bounds inside the quotes.
        case text
        /// A text with at least one escape.
        case escaped
        case array
        case object
    }

    var kind: Kind = .absent
    /// Offsets fit: a frame is far below 4 GiB.
    private var start: UInt32 = 0
    private var end: UInt32 = 0

    init() {}
    init(_ kind: Kind, _ range: Range<Int>) {
        self.kind = kind
        start = UInt32(range.lowerBound)
        end = UInt32(range.upperBound)
    }

    var range: Range<Int> { Int(start)..<Int(end) }
    /// Null counts as absent: many serialisers write it for a field that is not set.
    var isPresent: Bool { kind != .absent && kind != .null }
}

/// A place in the bytes, moving forward. Every method leaves it behind what it read.
struct JSONReader {
    let bytes: [UInt8]
    var index: Int
    private let end: Int

    init(_ bytes: [UInt8], _ range: Range<Int>) {
        precondition(range.upperBound <= bytes.count)
        self.bytes = bytes
        index = range.lowerBound
        end = range.upperBound
    }

    /// The byte here; 0, which no grammar rule wants, at the end.
    var byte: UInt8 { index < end ? bytes[index] : 0 }
    var isAtEnd: Bool { index == end }

    mutating func skipSpace() {
        while index < end {
            switch bytes[index] {
            case 0x20, 0x0A, 0x0D, 0x09: index += 1
            default: return
            }
        }
    }

    mutating func expect(_ wanted: UInt8, _ what: String) throws(FrameFault) {
        guard index < end, bytes[index] == wanted else { throw fault(what) }
        index += 1
    }

    /// True, and moves on, when `wanted` stands here.
    mutating func take(_ wanted: UInt8) -> Bool {
        guard index < end, bytes[index] == wanted else { return false }
        index += 1
        return true
    }

    /// Any value. `depth`: objects and arrays around it.
    mutating func value(depth: Int) throws(FrameFault) -> JSONValue {
        let start = index
        switch byte {
        case UInt8(ascii: "\""): return try text()
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        case UInt8(ascii: "{"):
            try skipObject(depth: depth + 1)
            return JSONValue(.object, start..<index)
        case UInt8(ascii: "["):
            try skipArray(depth: depth + 1)
            return JSONValue(.array, start..<index)
        case UInt8(ascii: "t"): return try literal("true", .yes)
        case UInt8(ascii: "f"): return try literal("false", .no)
        case UInt8(ascii: "n"): return try literal("null", .null)
        default: throw fault("a value was expected")
        }
    }

    /// A text, from its opening quote on.
    mutating func text() throws(FrameFault) -> JSONValue {
        try expect(UInt8(ascii: "\""), "a string was expected")
        let start = index
        var kind = JSONValue.Kind.text
        var isASCII = true
        while true {
            index = TextScan.special(in: bytes, from: index, to: end, isASCII: &isASCII)
            guard index < end else { throw fault("the frame ends inside a string") }
            switch bytes[index] {
            case UInt8(ascii: "\""):
                guard isASCII || TextScan.isUTF8(bytes, start..<index) else { throw fault("a string is not UTF-8") }
                index += 1
                return JSONValue(kind, start..<index - 1)
            case UInt8(ascii: "\\"):
                kind = .escaped
                _ = try escape()
            default: throw fault("a control character in a string must be escaped")
            }
        }
    }

    /// One escape, from its backslash on; two when they are the halves of a surrogate pair.
    mutating func escape() throws(FrameFault) -> Unicode.Scalar {
        index += 1
        let letter = byte
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): break
        case UInt8(ascii: "b"): return simple("\u{08}")
        case UInt8(ascii: "f"): return simple("\u{0C}")
        case UInt8(ascii: "n"): return simple("\n")
        case UInt8(ascii: "r"): return simple("\r")
        case UInt8(ascii: "t"): return simple("\t")
        case UInt8(ascii: "u"): return try unicodeEscape()
        default: throw fault("an escape that JSON does not have")
        }
        return simple(Unicode.Scalar(letter))
    }

    private mutating func simple(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        index += 1
        return scalar
    }

    private mutating func unicodeEscape() throws(FrameFault) -> Unicode.Scalar {
        index += 1
        let first = try hex4()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xDC00, take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else { throw fault("half a surrogate pair") }
        let second = try hex4()
        guard (0xDC00...0xDFFF).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw fault("half a surrogate pair") }
        return scalar
    }

    private mutating func hex4() throws(FrameFault) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            let digit = byte
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt32(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt32(digit - UInt8(ascii: "a") + 10)
            case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | UInt32(digit - UInt8(ascii: "A") + 10)
            default: throw fault("four hexadecimal digits must follow \\u")
            }
            index += 1
        }
        return value
    }

    private mutating func number() throws(FrameFault) -> JSONValue {
        let start = index
        var kind = JSONValue.Kind.integer
        _ = take(UInt8(ascii: "-"))
        if !take(UInt8(ascii: "0")) { try digits() }
        if take(UInt8(ascii: ".")) {
            kind = .number
            try digits()
        }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            kind = .number
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try digits()
        }
        return JSONValue(kind, start..<index)
    }

    private mutating func digits() throws(FrameFault) {
        let start = index
        while index < end, bytes[index] >= 0x30, bytes[index] <= 0x39 { index += 1 }
        guard index > start else { throw fault("a digit was expected") }
    }

    private mutating func literal(_ word: StaticString, _ kind: JSONValue.Kind) throws(FrameFault) -> JSONValue {
        guard bytes.begin(word, in: index..<end) else { throw fault("a value was expected") }
        let start = index
        index += word.utf8CodeUnitCount
        return JSONValue(kind, start..<index)
    }

    private mutating func skipObject(depth: Int) throws(FrameFault) {
        guard depth <= ClientLimits.jsonDepthMax else { throw fault("nested too deep") }
        index += 1
        skipSpace()
        if take(UInt8(ascii: "}")) { return }
        while true {
            _ = try text()
            skipSpace()
            try expect(UInt8(ascii: ":"), "a colon was expected")
            skipSpace()
            _ = try value(depth: depth)
            skipSpace()
            if take(UInt8(ascii: "}")) { return }
            try expect(UInt8(ascii: ","), "a comma or the end of the object was expected")
            skipSpace()
        }
    }

    private mutating func skipArray(depth: Int) throws(FrameFault) {
        guard depth <= ClientLimits.jsonDepthMax else { throw fault("nested too deep") }
        index += 1
        skipSpace()
        if take(UInt8(ascii: "]")) { return }
        while true {
            _ = try value(depth: depth)
            skipSpace()
            if take(UInt8(ascii: "]")) { return }
            try expect(UInt8(ascii: ","), "a comma or the end of the array was expected")
            skipSpace()
        }
    }

    func fault(_ what: String) -> FrameFault { .malformed(what, at: index) }
}
