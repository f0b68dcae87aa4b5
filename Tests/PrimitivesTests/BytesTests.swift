// Fields as bytes: the writer's layout is fixed, the reader believes nothing.

import Primitives
import Testing

@Suite struct BytesTests {
    private func written(_ write: (inout ByteWriter) -> Void) -> [UInt8] {
        var writer = ByteWriter()
        write(&writer)
        return writer.bytes
    }

    private func expectBytes(
        _ bytes: [UInt8], at location: SourceLocation = #_sourceLocation, _ write: (inout ByteWriter) -> Void
    ) {
        let actual = written(write)
        #expect(actual == bytes, sourceLocation: location)
    }

    @Test func integersAreLittleEndian() {
        expectBytes([0xAB]) { $0.u8(0xAB) }
        expectBytes([0x34, 0x12]) { $0.u16(0x1234) }
        expectBytes([0x78, 0x56, 0x34, 0x12]) { $0.u32(0x1234_5678) }
        expectBytes([8, 7, 6, 5, 4, 3, 2, 1]) { $0.u64(0x0102_0304_0506_0708) }
        expectBytes([0xFE] + [UInt8](repeating: 0xFF, count: 7)) { $0.i64(-2) }
        expectBytes([1, 0]) { $0.bool(true); $0.bool(false) }
    }

    @Test func textAndBlobsStandBehindTheirLength() {
        expectBytes([3, 0xC3, 0xA9, 0x21]) { $0.string("é!") }
        expectBytes([2, 7, 8]) { $0.blob([7, 8]) }
        expectBytes([0]) { $0.string("") }
        let start = written { $0.blob([UInt8](repeating: 9, count: 200)) }.prefix(3)
        #expect(start == [0xC8, 0x01, 9])
    }

    @Test func aLengthCanBePatchedAfterwards() {
        var writer = ByteWriter(reserving: 16)
        writer.u8(1)
        writer.u32(0)
        writer.u8(2)
        writer.patch(u32: 0xAABB_CCDD, at: 1)
        #expect(writer.bytes == [1, 0xDD, 0xCC, 0xBB, 0xAA, 2])
        #expect(writer.count == 6)
    }

    @Test(arguments: [
        (0, [0x00]), (1, [0x01]), (127, [0x7F]), (128, [0x80, 0x01]), (300, [0xAC, 0x02]), (16_383, [0xFF, 0x7F]),
        (16_384, [0x80, 0x80, 0x01]),
        (UInt64.max, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]),
        (1 << 63, [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]),
    ] as [(UInt64, [UInt8])])
    func varintsHaveOneSpelling(value: UInt64, bytes: [UInt8]) throws {
        expectBytes(bytes) { $0.varint(value) }
        var reader = ByteReader(bytes)
        #expect(try reader.varint() == value)
        #expect(reader.isAtEnd)
    }

    @Test(arguments: [
        [0x80, 0x00], [0xFF, 0x00], [0x80, 0x80, 0x00],  // longer than need be
        [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02],  // 65 bits
        [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],  // eleven bytes
    ] as [[UInt8]])
    func otherSpellingsOfAVarintAreRefused(bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        #expect(throws: DecodeError.badValue(field: "varint")) { try reader.varint() }
    }

    @Test func everyPowerOfTwoAndItsNeighboursComeBack() throws {
        for shift in 0..<64 {
            for value in [UInt64(1) << shift, (UInt64(1) << shift) &- 1, (UInt64(1) << shift) &+ 1] {
                var reader = ByteReader(written { $0.varint(value); $0.u64(value); $0.i64(Int64(bitPattern: value)) })
                #expect(try reader.varint() == value)
                #expect(try reader.u64() == value)
                #expect(try reader.i64() == Int64(bitPattern: value))
            }
        }
    }

    /// One field of each kind.
    private struct Sheet: Equatable {
        var a: UInt8 = 1
        var b = true
        var c: UInt16 = 2
        var d: UInt32 = 3
        var e: UInt64 = 4
        var f: Int64 = -5
        var g: UInt64 = 300
        var h: [UInt8] = [1, 2, 3]
        var i = "text"
        var user = UserID("ana")!
        var device = DeviceID("phone")!
        var message = MessageID("m1")!
        var stamp = Stamp(microseconds: 1_700_000_000_000_000)

        init() {}

        func encode(_ w: inout ByteWriter) {
            w.u8(a); w.bool(b); w.u16(c); w.u32(d); w.u64(e); w.i64(f); w.varint(g)
            w.blob(h); w.string(i); w.user(user); w.device(device); w.message(message); w.stamp(stamp)
        }

        init(_ r: inout ByteReader) throws(DecodeError) {
            a = try r.u8(); b = try r.bool(); c = try r.u16(); d = try r.u32(); e = try r.u64(); f = try r.i64()
            g = try r.varint(); h = try r.blob(max: 3); i = try r.string(max: 4)
            user = try r.user(); device = try r.device(); message = try r.message(); stamp = try r.stamp()
        }
    }

    @Test func everyFieldComesBackAndASheetCutAnywhereIsTruncated() throws {
        let bytes = written { Sheet().encode(&$0) }
        var whole = ByteReader(bytes)
        #expect(try Sheet(&whole) == Sheet())
        #expect(whole.isAtEnd)
        for end in bytes.indices {
            var cut = ByteReader(bytes, end: end)
            #expect(throws: DecodeError.truncated, "cut at \(end)") { try Sheet(&cut) }
        }
    }

    @Test func aReaderStaysInsideItsWindow() throws {
        let bytes: [UInt8] = [9, 9, 2, 0xAA, 0xBB, 9, 9]
        var reader = ByteReader(bytes, start: 2, end: 5)
        #expect(reader.remaining == 3)
        #expect(try reader.blob(max: 2) == [0xAA, 0xBB])
        #expect(reader.index == 5)
        #expect(throws: DecodeError.truncated) { try reader.u8() }
        #expect(throws: DecodeError.truncated) { try reader.skip(1) }
        var lying = ByteReader(bytes, start: 2, end: 4)
        #expect(throws: DecodeError.truncated) { try lying.blob(max: 100) }
    }

    @Test func lengthsAreHeldToTheirBoundBeforeAnythingIsRead() {
        var blob = ByteReader([4, 1, 2, 3, 4])
        #expect(throws: DecodeError.tooLong(limitBytes: 3)) { try blob.blob(max: 3) }
        var text = ByteReader(written { $0.varint(.max) })
        #expect(throws: DecodeError.tooLong(limitBytes: 1000)) { try text.string(max: 1000) }
        var count = ByteReader([5])
        #expect(throws: DecodeError.tooLong(limitBytes: 4)) { try count.count(max: 4) }
        var exact = ByteReader([4])
        #expect(throws: Never.self) { try exact.count(max: 4) }
    }

    @Test func spareBitsAndIllFormedTextAreRefused() {
        var bool = ByteReader([2])
        #expect(throws: DecodeError.badValue(field: "bool")) { try bool.bool() }
        for bad in [[0xC3], [0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80]] as [[UInt8]] {
            var reader = ByteReader(written { $0.blob(bad) })
            #expect(throws: DecodeError.badValue(field: "utf8"), "\(bad)") { try reader.string(max: 8) }
        }
    }

    @Test func stampsRunFromZeroToTheLargestThatIsBelieved() throws {
        for stamp in [Stamp.zero, Stamp(microseconds: 1), .max] {
            var reader = ByteReader(written { $0.stamp(stamp) })
            #expect(try reader.stamp() == stamp)
        }
        var beyond = ByteReader(written { $0.varint(UInt64(Stamp.max.microseconds) + 1) })
        #expect(throws: DecodeError.badValue(field: "stamp")) { try beyond.stamp() }
        // A clock before 1970 is written as 1970 rather than as the far future.
        expectBytes([0]) { $0.stamp(Stamp(microseconds: -1)) }
    }
}
