// What may be a name, and what may not.

import Primitives
import Testing

@Suite struct IdentifiersTests {
    @Test func theAlphabetIsLettersDigitsAndSixMarks() {
        let allowed = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-@+:".utf8)
        for byte in UInt8.min...UInt8.max { #expect(NameAlphabet.contains(byte) == allowed.contains(byte), "\(byte)") }
        #expect(allowed.count == 68)
    }

    @Test func namesHaveOneByteToTheirBound() {
        let a64 = String(repeating: "a", count: 64)
        let a32 = String(repeating: "a", count: 32)
        #expect(UserID(a64)?.text == a64)
        #expect(UserID(a64 + "a") == nil)
        #expect(DeviceID(a32)?.text == a32)
        #expect(DeviceID(a32 + "a") == nil)
        #expect(MessageID(a64)?.text == a64)
        #expect(MessageID(a64 + "a") == nil)
        #expect(UserID("") == nil)
        #expect(DeviceID("") == nil)
        #expect(MessageID("") == nil)
        #expect(NameAlphabet.accepts("abc", limitBytes: 3))
        #expect(!NameAlphabet.accepts("abcd", limitBytes: 3))
    }

    @Test(arguments: ["ana@example.com", "+43-1-234", "urn:uuid:6e8b", "A_b.C"])
    func everydayNamesAreAccepted(text: String) { #expect(UserID(text)?.description == text) }

    @Test func whatWouldNeedQuotingIsRefused() {
        for text in [" ", "a b", "a/b", "é", "a\u{0}", "a\n", "a\"b", "ａ", "a%20", "💬"] {
            #expect(UserID(text) == nil, "\(text.debugDescription)")
            #expect(DeviceID(text) == nil, "\(text.debugDescription)")
            #expect(MessageID(text) == nil, "\(text.debugDescription)")
        }
    }

    @Test func namesAreComparedByTheirBytes() {
        #expect(UserID("Ana")! < UserID("ana")!)
        #expect(UserID("ana")! < UserID("ana2")!)
        #expect(UserID("ana")! != UserID("Ana")!)
        #expect(DeviceID.unnamed.text == "main")
        #expect(NodeID(rawValue: 2) < NodeID(rawValue: 10))
        #expect(ConnectionID(rawValue: 2) < ConnectionID(rawValue: 10))
    }

    @Test func aForeignNameIsRefusedOnTheWire() {
        var writer = ByteWriter()
        writer.string("a b")
        var user = ByteReader(writer.bytes)
        #expect(throws: DecodeError.badValue(field: "user")) { try user.user() }
        var device = ByteReader(writer.bytes)
        #expect(throws: DecodeError.badValue(field: "device")) { try device.device() }
        var message = ByteReader(writer.bytes)
        #expect(throws: DecodeError.badValue(field: "message id")) { try message.message() }
        var long = ByteWriter()
        long.string(String(repeating: "a", count: 65))
        var reader = ByteReader(long.bytes)
        #expect(throws: DecodeError.tooLong(limitBytes: 64)) { try reader.user() }
    }

    @Test func timeAddsUp() {
        #expect(Interval.seconds(2) == .milliseconds(2_000))
        #expect(Interval.milliseconds(3).microseconds == 3_000)
        #expect(Interval.seconds(1) * 3 == .seconds(3))
        #expect((Instant.zero + .seconds(5)) - (Instant.zero + .seconds(2)) == .seconds(3))
        #expect(Stamp.zero + .milliseconds(1) == Stamp(microseconds: 1_000))
        #expect(Stamp.max.microseconds == 9_007_199_254_740_991)
    }
}
