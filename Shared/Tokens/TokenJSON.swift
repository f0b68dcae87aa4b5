// A small strict reader of one JSON object: a token's header or its claims.
//
// Two parsers that disagree about a token are a security hole: one service reads the first `sub`, another the second. So
// this reader accepts exactly RFC 8259 and less: the outer value is an object, names do not repeat, text is valid UTF-8 with
// no lone surrogates, numbers follow the grammar, nothing follows the last brace. Depth and member counts are bounded, so
// neither stack nor time can be driven by a stranger. Chat traffic never comes here; it has a reader made for speed.

/// One JSON value of a header or claims.
enum TokenJSON: Equatable, Sendable {
    case null
    case bool(Bool)
    /// Beyond Double's range the value is infinite; whoever reads a number checks its range.
    case number(Double)
    case string(String)
    case array([TokenJSON])
    case object(Object)

    /// Members in the order of the text. Names differ byte by byte.
    struct Object: Equatable, Sendable {
        private(set) var members: [Member] = []

        /// The value of a member, nil when there is none.
        /// - Complexity: O(members.count), at most `TokenLimits.jsonMemberCountMax`.
        subscript(name: StaticString) -> TokenJSON? {
            name.withUTF8Buffer { wanted in
                for member in members where member.name.utf8.elementsEqual(wanted) {
                    return member.value
                }
                return nil
            }
        }

        fileprivate func has(_ name: String) -> Bool {
            members.contains { $0.name.utf8.elementsEqual(name.utf8) }
        }

        fileprivate mutating func append(_ name: String, _ value: TokenJSON) {
            members.append(Member(name: name, value: value))
        }
    }

    struct Member: Equatable, Sendable {
        let name: String
        let value: TokenJSON
    }

    /// The object that `text` spells, nil when it is no acceptable JSON object.
    /// - Parameter text: at most `TokenLimits.tokenBytesMax` bytes.
    /// - Complexity: O(text.count + members squared per object). Source: RFC 8259.
    static func object(in text: [UInt8]) -> Object? {
        var reader = Reader(text: text)
        do throws(NotJSON) {
            reader.skipSpace()
            guard reader.peek == UInt8(ascii: "{") else { return nil }
            let object = try reader.readObject(depth: 1)
            reader.skipSpace()
            return reader.peek == nil ? object : nil
        } catch {
            return nil
        }
    }
}

/// The text is refused; a token's author learns "malformed", which is all that is useful to him.
private struct NotJSON: Error {}

/// A recursive descent over the text; `at` is the next unread byte.
private struct Reader {
    let text: [UInt8]
    var at = 0

    init(text: [UInt8]) {
        self.text = text
    }

    var peek: UInt8? { at < text.count ? text[at] : nil }

    mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D {
            at += 1
        }
    }

    mutating func take(_ expected: UInt8) -> Bool {
        guard peek == expected else { return false }
        at += 1
        return true
    }

    mutating func expect(_ expected: UInt8) throws(NotJSON) {
        guard take(expected) else { throw NotJSON() }
    }

    mutating func readValue(depth: Int) throws(NotJSON) -> TokenJSON {
        switch peek {
        case UInt8(ascii: "{"):
            return .object(try readObject(depth: depth + 1))
        case UInt8(ascii: "["):
            return .array(try readArray(depth: depth + 1))
        case UInt8(ascii: "\""):
            return .string(try readString())
        case UInt8(ascii: "t"):
            try readWord("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try readWord("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try readWord("null")
            return .null
        default:
            return .number(try readNumber())
        }
    }

    mutating func readWord(_ word: StaticString) throws(NotJSON) {
        for offset in 0..<word.utf8CodeUnitCount {
            try expect(word.utf8Start[offset])
        }
    }
}

// MARK: Objects and arrays

extension Reader {
    mutating func readObject(depth: Int) throws(NotJSON) -> TokenJSON.Object {
        guard depth <= TokenLimits.jsonDepthMax else { throw NotJSON() }
        var object = TokenJSON.Object()
        try expect(UInt8(ascii: "{"))
        skipSpace()
        if take(UInt8(ascii: "}")) { return object }
        while true {
            guard object.members.count < TokenLimits.jsonMemberCountMax else { throw NotJSON() }
            skipSpace()
            let name = try readString()
            guard !object.has(name) else { throw NotJSON() }
            skipSpace()
            try expect(UInt8(ascii: ":"))
            skipSpace()
            object.append(name, try readValue(depth: depth))
            skipSpace()
            if take(UInt8(ascii: "}")) { return object }
            try expect(UInt8(ascii: ","))
        }
    }

    mutating func readArray(depth: Int) throws(NotJSON) -> [TokenJSON] {
        guard depth <= TokenLimits.jsonDepthMax else { throw NotJSON() }
        var values: [TokenJSON] = []
        try expect(UInt8(ascii: "["))
        skipSpace()
        if take(UInt8(ascii: "]")) { return values }
        while true {
            skipSpace()
            values.append(try readValue(depth: depth))
            skipSpace()
            if take(UInt8(ascii: "]")) { return values }
            try expect(UInt8(ascii: ","))
        }
    }
}

// MARK: Strings

extension Reader {
    mutating func readString() throws(NotJSON) -> String {
        try expect(UInt8(ascii: "\""))
        var bytes: [UInt8] = []
        while let byte = peek {
            at += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: bytes, as: UTF8.self) else { throw NotJSON() }
                return string
            case UInt8(ascii: "\\"):
                try readEscape(into: &bytes)
            case 0..<0x20:
                throw NotJSON()
            default:
                bytes.append(byte)
            }
        }
        throw NotJSON()
    }

    private mutating func readEscape(into bytes: inout [UInt8]) throws(NotJSON) {
        guard let letter = peek else { throw NotJSON() }
        at += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(letter)
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0C)
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "u"):
            guard let encoded = UTF8.encode(try readScalar()) else { throw NotJSON() }
            bytes.append(contentsOf: encoded)
        default: throw NotJSON()
        }
    }

    /// One scalar after `\u`: four hex digits, or a high and a low surrogate, each spelled `\uXXXX`.
    private mutating func readScalar() throws(NotJSON) -> Unicode.Scalar {
        let first = try readHex4()
        guard 0xD800...0xDBFF ~= first else {
            // A lone low surrogate is no scalar, and ends here.
            guard let scalar = Unicode.Scalar(first) else { throw NotJSON() }
            return scalar
        }
        try expect(UInt8(ascii: "\\"))
        try expect(UInt8(ascii: "u"))
        let second = try readHex4()
        guard 0xDC00...0xDFFF ~= second else { throw NotJSON() }
        guard let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)) else { throw NotJSON() }
        return scalar
    }

    private mutating func readHex4() throws(NotJSON) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek else { throw NotJSON() }
            at += 1
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt32(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt32(byte - UInt8(ascii: "a") + 10)
            case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | UInt32(byte - UInt8(ascii: "A") + 10)
            default: throw NotJSON()
            }
        }
        return value
    }
}

// MARK: Numbers

extension Reader {
    /// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
    mutating func readNumber() throws(NotJSON) -> Double {
        let start = at
        _ = take(UInt8(ascii: "-"))
        if !take(UInt8(ascii: "0")) { try skipDigits() }
        if take(UInt8(ascii: ".")) { try skipDigits() }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try skipDigits()
        }
        guard let value = Double(String(decoding: text[start..<at], as: UTF8.self)) else { throw NotJSON() }
        return value
    }

    private mutating func skipDigits() throws(NotJSON) {
        let start = at
        while let byte = peek, UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte {
            at += 1
        }
        guard at > start else { throw NotJSON() }
    }
}
