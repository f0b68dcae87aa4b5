// One frame as JSON: a place for each known field, filled in one pass, taken out by type.
//
// The type of a frame may stand behind its other fields, so the pass first notes where every known field stands. What a field
// must be is only asked when the frame's type wants it: a field that this type does not have is an unknown field, whatever
// its value, and is ignored.

import Primitives

struct JSONObject {
    let bytes: [UInt8]
    private var values = InlineArray<58, JSONValue>(repeating: JSONValue())

    init(_ bytes: [UInt8]) {
        precondition(JSONKey.keyCount == values.count)
        self.bytes = bytes
    }

    subscript(key: JSONKey) -> JSONValue { values[Int(key.rawValue)] }

    // MARK: Reading

    /// Reads the object that fills `range`. What was noted before a fault stays, so that the fault can name its frame.
    /// - Parameter depth: objects and arrays around this object.
    mutating func read(_ range: Range<Int>, depth: Int = 0) throws(FrameFault) {
        precondition(depth < ClientLimits.jsonDepthMax)
        var reader = JSONReader(bytes, range)
        reader.skipSpace()
        try reader.expect(UInt8(ascii: "{"), "a frame is a JSON object")
        try readMembers(&reader, depth: depth + 1)
        reader.skipSpace()
        guard reader.isAtEnd else { throw reader.fault("bytes behind the frame") }
    }

    private mutating func readMembers(_ reader: inout JSONReader, depth: Int) throws(FrameFault) {
        var unknown: [[UInt8]] = []
        var count = 0
        reader.skipSpace()
        if reader.take(UInt8(ascii: "}")) { return }
        while true {
            count += 1
            guard count <= ClientLimits.jsonMemberCountMax else { throw reader.fault("too many fields") }
            let name = try reader.text()
            let key = key(named: name)
            if let key {
                guard self[key].kind == .absent else { throw reader.fault("`\(key.name)` stands twice") }
            } else {
                let letters = text(name)
                guard !unknown.contains(letters) else { throw reader.fault("a field stands twice") }
                unknown.append(letters)
            }
            reader.skipSpace()
            try reader.expect(UInt8(ascii: ":"), "a colon was expected")
            reader.skipSpace()
            let value = try reader.value(depth: depth)
            if let key { values[Int(key.rawValue)] = value }
            reader.skipSpace()
            if reader.take(UInt8(ascii: "}")) { return }
            try reader.expect(UInt8(ascii: ","), "a comma or the end of the object was expected")
            reader.skipSpace()
        }
    }

    private func key(named name: JSONValue) -> JSONKey? {
        if name.kind == .escaped {
            let letters = text(name)
            return Self.key(letters, letters.indices)
        }
        return Self.key(bytes, name.range)
    }

    private static func key(_ bytes: [UInt8], _ range: Range<Int>) -> JSONKey? {
        range.count > 8 ? JSONKey(long: bytes, range) : word(bytes, range).flatMap { JSONKey(word: $0) }
    }

    /// The letters as one number; nil when there are more than eight, or a NUL, which would pass for no letter at all.
    private static func word(_ bytes: [UInt8], _ range: Range<Int>) -> UInt64? {
        guard range.count <= 8 else { return nil }
        var word: UInt64 = 0
        for i in range.reversed() {
            guard bytes[i] != 0 else { return nil }
            word = word << 8 | UInt64(bytes[i])
        }
        return word
    }

    // MARK: Taking out

    /// The bytes of a text, escapes undone. One copy when there are none.
    func text(_ value: JSONValue) -> [UInt8] {
        if value.kind == .text { return Array(bytes[value.range]) }
        precondition(value.kind == .escaped)
        var out: [UInt8] = []
        out.reserveCapacity(value.range.count)
        var reader = JSONReader(bytes, value.range)
        var isASCII = true
        while !reader.isAtEnd {
            let stop = TextScan.special(in: bytes, from: reader.index, to: value.range.upperBound, isASCII: &isASCII)
            out.append(contentsOf: bytes[reader.index..<stop])
            reader.index = stop
            if reader.isAtEnd { break }
            guard let scalar = try? reader.escape() else { preconditionFailure("the first pass let a bad escape through") }
            out.append(contentsOf: UTF8.encode(scalar)!)
        }
        return out
    }

    /// A short text, nil when the value is none, or is longer than `limitBytes`, so that no long string is made in vain.
    private func name(_ value: JSONValue, limitBytes: Int) -> String? {
        switch value.kind {
        case .text where value.range.count <= limitBytes: String(decoding: bytes[value.range], as: UTF8.self)
        // An escape has at most six bytes per byte of its text.
        case .escaped where value.range.count <= 6 * limitBytes: String(decoding: text(value), as: UTF8.self)
        default: nil
        }
    }

    private func required(_ key: JSONKey) throws(FrameFault) -> JSONValue {
        let value = self[key]
        guard value.isPresent else { throw .missing(key.name) }
        return value
    }

    func user(_ key: JSONKey) throws(FrameFault) -> UserID {
        guard let id = user(try required(key)) else { throw .bad(key.name, must: FieldRule.user) }
        return id
    }

    /// The user id that stands there; nil when something else does.
    func user(_ value: JSONValue) -> UserID? { name(value, limitBytes: UserID.bytesMax).flatMap { UserID($0) } }

    func userIfPresent(_ key: JSONKey) throws(FrameFault) -> UserID? {
        self[key].isPresent ? try user(key) : nil
    }

    func device(_ key: JSONKey) throws(FrameFault) -> DeviceID {
        guard let text = name(try required(key), limitBytes: DeviceID.bytesMax), let id = DeviceID(text) else {
            throw .bad(key.name, must: FieldRule.device)
        }
        return id
    }

    func message(_ key: JSONKey) throws(FrameFault) -> MessageID {
        guard let text = name(try required(key), limitBytes: MessageID.bytesMax), let id = MessageID(text) else {
            throw .bad(key.name, must: FieldRule.message)
        }
        return id
    }

    func messageIfPresent(_ key: JSONKey) throws(FrameFault) -> MessageID? {
        self[key].isPresent ? try message(key) : nil
    }

    func flagIfPresent(_ key: JSONKey) throws(FrameFault) -> Bool? {
        self[key].isPresent ? try flag(key) : nil
    }

    /// 0...`ClientLimits.numberMax`, written as digits only.
    func number(_ key: JSONKey) throws(FrameFault) -> UInt64 {
        let value = try required(key)
        // Sixteen digits hold 2^53 - 1 and cannot overflow; the grammar forbids leading zeros.
        guard value.kind == .integer, value.range.count <= 16 else { throw .bad(key.name, must: FieldRule.number) }
        var number: UInt64 = 0
        for i in value.range {
            guard bytes[i] != UInt8(ascii: "-") else { throw .bad(key.name, must: FieldRule.number) }
            number = number * 10 + UInt64(bytes[i] - 0x30)
        }
        guard number <= ClientLimits.numberMax else { throw .bad(key.name, must: FieldRule.number) }
        return number
    }

    func numberIfPresent(_ key: JSONKey) throws(FrameFault) -> UInt64? {
        self[key].isPresent ? try number(key) : nil
    }

    func stamp(_ key: JSONKey) throws(FrameFault) -> Stamp { Stamp(microseconds: Int64(try number(key))) }

    func stampIfPresent(_ key: JSONKey) throws(FrameFault) -> Stamp? {
        self[key].isPresent ? try stamp(key) : nil
    }

    func flag(_ key: JSONKey) throws(FrameFault) -> Bool {
        switch try required(key).kind {
        case .yes: true
        case .no: false
        default: throw .bad(key.name, must: FieldRule.flag)
        }
    }

    /// The text of a message: UTF-8, 0...`ClientLimits.bodyBytesMax` bytes.
    func body() throws(FrameFault) -> [UInt8] {
        let value = try required(.body)
        switch value.kind {
        case .text:
            guard value.range.count <= ClientLimits.bodyBytesMax else { throw .bodyTooLong }
            return text(value)
        case .escaped:
            let body = text(value)
            guard body.count <= ClientLimits.bodyBytesMax else { throw .bodyTooLong }
            return body
        default: throw .bad(JSONKey.body.name, must: FieldRule.text)
        }
    }

    /// Text for people.
    /// - Parameter rule: what it must be; nil: a string of at most so many bytes.
    func sentence(_ key: JSONKey, max limitBytes: Int, rule: String? = nil) throws(FrameFault) -> String {
        let value = try required(key)
        guard value.kind == .text || value.kind == .escaped else { throw .bad(key.name, must: rule ?? FieldRule.text) }
        let letters = text(value)
        guard letters.count <= limitBytes else {
            throw .bad(key.name, must: rule ?? "a string of at most \(limitBytes) bytes")
        }
        return String(decoding: letters, as: UTF8.self)
    }

    /// The items of a list, at most `limit`; an item too many ends the reading, so that a long list is cheap to refuse.
    /// - Parameter item: nil for an item to leave out.
    func list<T>(
        _ key: JSONKey, max limit: Int, rule: String, _ item: (JSONValue) throws(FrameFault) -> T?
    ) throws(FrameFault) -> [T] {
        let list = try required(key)
        guard list.kind == .array else { throw .bad(key.name, must: rule) }
        var reader = JSONReader(bytes, list.range)
        var items: [T] = []
        try reader.expect(UInt8(ascii: "["), "a list was expected")
        reader.skipSpace()
        if reader.take(UInt8(ascii: "]")) { return items }
        var count = 0
        repeat {
            count += 1
            guard count <= limit else { throw .bad(key.name, must: rule) }
            reader.skipSpace()
            if let value = try item(try reader.value(depth: 2)) { items.append(value) }
            reader.skipSpace()
        } while reader.take(UInt8(ascii: ","))
        return items
    }

    /// The same of objects.
    func objects<T>(
        _ key: JSONKey, max limit: Int, rule: String, _ item: (borrowing JSONObject) throws(FrameFault) -> T?
    ) throws(FrameFault) -> [T] {
        try list(key, max: limit, rule: rule) { value throws(FrameFault) in
            guard value.kind == .object else { throw .bad(key.name, must: rule) }
            var object = JSONObject(bytes)
            try object.read(value.range, depth: 2)
            return try item(object)
        }
    }

    /// The bytes and the place of the name of the frame's type.
    func typeName() throws(FrameFault) -> (bytes: [UInt8], range: Range<Int>) {
        let value = self[.type]
        guard value.isPresent else { throw .unknownType("`type` is missing") }
        switch value.kind {
        case .text: return (bytes, value.range)
        case .escaped:
            let letters = text(value)
            return (letters, letters.indices)
        default: throw .bad(JSONKey.type.name, must: FieldRule.text)
        }
    }

    /// What a client matches an error by: `id`, or else `ref`, when it is readable.
    var reference: MessageID? { (try? message(.id)) ?? (try? message(.ref)) }
}
