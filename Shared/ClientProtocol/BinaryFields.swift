// Fields of a binary frame, with faults that name them.
//
// The primitives are those of `ByteReader`: varint numbers, texts behind a varint length, and a byte 0 or 1 in front of what
// may be absent. Here each gets the name of its field, and the bounds that JSON has too.

import Primitives

struct BinaryFields {
    private var reader: ByteReader
    /// What a client matches an error by, once it was read.
    private(set) var reference: MessageID?

    init(_ bytes: [UInt8], start: Int = 0) { reader = ByteReader(bytes, start: start) }

    var isAtEnd: Bool { reader.isAtEnd }

    /// One read of the primitive reader. What cannot be cut off is a fault of the field, named with its rule.
    private mutating func take<T>(
        _ field: String, _ rule: String, _ read: (inout ByteReader) throws(DecodeError) -> T
    ) throws(FrameFault) -> T {
        do throws(DecodeError) {
            return try read(&reader)
        } catch {
            switch error {
            case .truncated: throw .malformed("the frame ends inside `\(field)`")
            case .tooLong, .badValue: throw .bad(field, must: rule)
            }
        }
    }

    mutating func type() throws(FrameFault) -> UInt8 {
        guard !reader.isAtEnd else { throw .malformed("the frame is empty") }
        return try take("type", "a byte") { r throws(DecodeError) in try r.u8() }
    }

    mutating func isPresent(_ field: String) throws(FrameFault) -> Bool {
        try take(field, "0 (absent), or 1 and a value") { r throws(DecodeError) in try r.bool() }
    }

    mutating func flag(_ field: String) throws(FrameFault) -> Bool {
        try take(field, "0 or 1") { r throws(DecodeError) in try r.bool() }
    }

    /// A flag that ends a frame and may be left away: then it is false.
    mutating func flagAtEnd(_ field: String) throws(FrameFault) -> Bool { isAtEnd ? false : try flag(field) }

    mutating func user(_ field: String) throws(FrameFault) -> UserID {
        try take(field, FieldRule.user) { r throws(DecodeError) in try r.user() }
    }

    mutating func userIfPresent(_ field: String) throws(FrameFault) -> UserID? {
        try isPresent(field) ? try user(field) : nil
    }

    mutating func device(_ field: String) throws(FrameFault) -> DeviceID {
        try take(field, FieldRule.device) { r throws(DecodeError) in try r.device() }
    }

    mutating func message(_ field: String) throws(FrameFault) -> MessageID {
        try take(field, FieldRule.message) { r throws(DecodeError) in try r.message() }
    }

    mutating func messageIfPresent(_ field: String) throws(FrameFault) -> MessageID? {
        try isPresent(field) ? try message(field) : nil
    }

    /// The `id` of a frame: errors from here on carry it.
    mutating func id() throws(FrameFault) -> MessageID {
        let id = try message("id")
        reference = id
        return id
    }

    /// The `ref` of a frame that cannot be without: errors from here on carry it.
    mutating func refRequired() throws(FrameFault) -> MessageID {
        let ref = try message("ref")
        reference = ref
        return ref
    }

    /// The `ref` of a frame: errors from here on carry it.
    mutating func ref() throws(FrameFault) -> MessageID? {
        reference = try messageIfPresent("ref")
        return reference
    }

    mutating func number(
        _ field: String, max limit: UInt64 = ClientLimits.numberMax, rule: String = FieldRule.number
    ) throws(FrameFault) -> UInt64 {
        let value = try take(field, rule) { r throws(DecodeError) in try r.varint() }
        guard value <= limit else { throw .bad(field, must: rule) }
        return value
    }

    mutating func numberIfPresent(_ field: String) throws(FrameFault) -> UInt64? {
        try isPresent(field) ? try number(field) : nil
    }

    mutating func stamp(_ field: String) throws(FrameFault) -> Stamp { Stamp(microseconds: Int64(try number(field))) }

    mutating func stampIfPresent(_ field: String) throws(FrameFault) -> Stamp? {
        try isPresent(field) ? try stamp(field) : nil
    }

    /// UTF-8 text for people.
    mutating func text(_ field: String, max limitBytes: Int) throws(FrameFault) -> String {
        try take(field, "UTF-8 of at most \(limitBytes) bytes") { r throws(DecodeError) in try r.string(max: limitBytes) }
    }

    mutating func blob(_ field: String, max limitBytes: Int) throws(FrameFault) -> [UInt8] {
        try take(field, "at most \(limitBytes) bytes") { r throws(DecodeError) in try r.blob(max: limitBytes) }
    }

    /// The text of a message: UTF-8, 0...`ClientLimits.bodyBytesMax` bytes.
    mutating func body() throws(FrameFault) -> [UInt8] {
        let body: [UInt8]
        do throws(DecodeError) {
            body = try reader.blob(max: ClientLimits.bodyBytesMax)
        } catch {
            switch error {
            case .truncated: throw .malformed("the frame ends inside `body`")
            case .tooLong: throw .bodyTooLong
            case .badValue: throw .bad("body", must: "a length and that many bytes")
            }
        }
        guard TextScan.isUTF8(body, body.indices) else { throw .malformed("`body` is not UTF-8") }
        return body
    }
}

extension ByteWriter {
    /// Begins a frame in a buffer that may hold others; give the buffer back with `finish`.
    init(_ out: inout [UInt8], type: UInt8) {
        self.init()
        swap(&bytes, &out)
        u8(type)
    }

    mutating func finish(_ out: inout [UInt8]) { swap(&bytes, &out) }

    mutating func userIfPresent(_ id: UserID?) {
        bool(id != nil)
        if let id { user(id) }
    }

    mutating func messageIfPresent(_ id: MessageID?) {
        bool(id != nil)
        if let id { message(id) }
    }

    mutating func varintIfPresent(_ value: UInt64?) {
        bool(value != nil)
        if let value { varint(value) }
    }

    mutating func stampIfPresent(_ value: Stamp?) {
        bool(value != nil)
        if let value { stamp(value) }
    }
}
