// Bytes in: every read is checked against the end, every length against its bound. Nothing traps on foreign bytes.

/// What is wrong with bytes that somebody else wrote.
public enum DecodeError: Error, Equatable, Sendable {
    /// The bytes end inside a field.
    case truncated
    /// A length is over the bound of its field.
    case tooLong(limitBytes: Int)
    /// A number, an enum or a text has a value that its field does not allow.
    case badValue(field: StaticName)
}

/// The name of a field in an error; a static string with equality.
public struct StaticName: Equatable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    public let description: String
    public init(stringLiteral value: StaticString) { description = value.description }
}

/// Reads fields from `bytes[start..<end]`. Its mirror image is `ByteWriter`.
public struct ByteReader: Sendable {
    @usableFromInline let bytes: [UInt8]
    public private(set) var index: Int
    public let end: Int

    /// - Precondition: `0 <= start <= end <= bytes.count`.
    public init(_ bytes: [UInt8], start: Int = 0, end: Int? = nil) {
        self.bytes = bytes
        self.index = start
        self.end = end ?? bytes.count
        precondition(start >= 0)
        precondition(start <= self.end)
        precondition(self.end <= bytes.count)
    }

    public var remaining: Int { end - index }
    public var isAtEnd: Bool { index == end }

    public mutating func u8() throws(DecodeError) -> UInt8 {
        guard index < end else { throw .truncated }
        defer { index += 1 }
        return bytes[index]
    }

    /// 0 or 1; anything else is refused, so that spare bits stay spare.
    public mutating func bool() throws(DecodeError) -> Bool {
        switch try u8() {
        case 0: return false
        case 1: return true
        default: throw .badValue(field: "bool")
        }
    }

    public mutating func u16() throws(DecodeError) -> UInt16 { UInt16(truncatingIfNeeded: try fixed(2)) }
    public mutating func u32() throws(DecodeError) -> UInt32 { UInt32(truncatingIfNeeded: try fixed(4)) }
    public mutating func u64() throws(DecodeError) -> UInt64 { try fixed(8) }
    public mutating func i64() throws(DecodeError) -> Int64 { Int64(bitPattern: try fixed(8)) }

    private mutating func fixed(_ width: Int) throws(DecodeError) -> UInt64 {
        guard remaining >= width else { throw .truncated }
        var value: UInt64 = 0
        for i in 0..<width { value |= UInt64(bytes[index + i]) << UInt64(8 * i) }
        index += width
        return value
    }

    /// Unsigned LEB128, shortest form only.
    public mutating func varint() throws(DecodeError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let byte = try u8()
            if shift == 63 && byte > 1 { throw .badValue(field: "varint") }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 {
                if byte == 0 && shift > 0 { throw .badValue(field: "varint") }
                return value
            }
            shift += 7
            if shift > 63 { throw .badValue(field: "varint") }
        }
    }

    /// A varint that counts things: at most `limit`.
    public mutating func count(max limit: Int) throws(DecodeError) -> Int {
        let value = try varint()
        guard value <= UInt64(limit) else { throw .tooLong(limitBytes: limit) }
        return Int(value)
    }

    public mutating func blob(max limit: Int) throws(DecodeError) -> [UInt8] {
        let length = try count(max: limit)
        guard remaining >= length else { throw .truncated }
        defer { index += length }
        return Array(bytes[index..<index + length])
    }

    /// UTF-8 text of at most `limit` bytes; ill-formed text is refused, not repaired.
    public mutating func string(max limit: Int) throws(DecodeError) -> String {
        let length = try count(max: limit)
        guard remaining >= length else { throw .truncated }
        defer { index += length }
        let range = index..<index + length
        // Nearly every text here is a name, and names are ASCII: nothing to validate. The general way is ten times as slow.
        let isASCII = bytes.withUnsafeBufferPointer { bytes in range.allSatisfy { bytes[$0] < 0x80 } }
        if isASCII {
            return bytes.withUnsafeBufferPointer { String(decoding: UnsafeBufferPointer(rebasing: $0[range]), as: UTF8.self) }
        }
        guard let text = String(validating: bytes[range], as: UTF8.self) else { throw .badValue(field: "utf8") }
        return text
    }

    public mutating func skip(_ length: Int) throws(DecodeError) {
        guard remaining >= length else { throw .truncated }
        index += length
    }
}
