// Bytes out: little endian, length-prefixed, into one growing buffer.

/// Appends fields to a buffer. Its mirror image is `ByteReader`; every encode stands beside its decode.
public struct ByteWriter: Sendable {
    public var bytes: [UInt8]

    @inlinable public init() { bytes = [] }
    @inlinable public init(reserving capacity: Int) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    @inlinable public var count: Int { bytes.count }

    @inlinable public mutating func u8(_ value: UInt8) { bytes.append(value) }
    @inlinable public mutating func bool(_ value: Bool) { bytes.append(value ? 1 : 0) }
    @inlinable public mutating func u16(_ value: UInt16) { integer(value) }
    @inlinable public mutating func u32(_ value: UInt32) { integer(value) }
    @inlinable public mutating func u64(_ value: UInt64) { integer(value) }
    @inlinable public mutating func i64(_ value: Int64) { integer(UInt64(bitPattern: value)) }

    @inlinable mutating func integer<T: FixedWidthInteger>(_ value: T) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// Unsigned LEB128: 7 bits a byte, low bits first, 1 to 10 bytes.
    @inlinable public mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// UTF-8 behind a varint length.
    @inlinable public mutating func string(_ value: String) {
        let utf8 = value.utf8
        varint(UInt64(utf8.count))
        bytes.append(contentsOf: utf8)
    }

    /// Bytes behind a varint length.
    @inlinable public mutating func blob(_ value: [UInt8]) {
        varint(UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    /// Overwrites the u32 at `offset`, for lengths known only afterwards.
    @inlinable public mutating func patch(u32 value: UInt32, at offset: Int) {
        for i in 0..<4 { bytes[offset + i] = UInt8(truncatingIfNeeded: value >> (8 * UInt32(i))) }
    }
}
