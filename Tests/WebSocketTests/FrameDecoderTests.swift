// The frame stream, read like a transcript: bytes on the left, events on the right.
import Testing
import WebSocket

@Suite struct FrameDecoderTests {
    private let hello = Array("Hello".utf8)

    // MARK: RFC 6455, section 5.7

    @Test func theExamplesOfTheStandardAreUnderstood() {
        #expect(decodeBothWays([0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F], role: .client) == [.text(hello)])
        #expect(
            decodeBothWays([0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58], role: .server) == [.text(hello)])
        #expect(decodeBothWays([0x01, 0x03, 0x48, 0x65, 0x6C, 0x80, 0x02, 0x6C, 0x6F], role: .client) == [.text(hello)])
        #expect(decodeBothWays([0x89, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F], role: .client) == [.ping(hello)])
        #expect(
            decodeBothWays([0x8A, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58], role: .server) == [.pong(hello)])
        let bytes256 = [UInt8](repeating: 7, count: 256)
        #expect(decodeBothWays([0x82, 0x7E, 0x01, 0x00] + bytes256, role: .client) == [.binary(bytes256)])
        let bytes65536 = [UInt8](repeating: 9, count: 65536)
        #expect(
            decodeBothWays([0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0] + bytes65536, role: .client) == [.binary(bytes65536)])
    }

    // MARK: Lengths

    @Test(arguments: [0, 1, 7, 8, 9, 124, 125, 126, 127, 255, 256, 65535, 65536, 65537, 262_144])
    func everyLengthComesThroughMaskedAndUnmasked(count: Int) {
        var dice = SeededDice(seed: UInt64(count))
        let payload = dice.bytes(count)
        let text = [UInt8](repeating: UInt8(ascii: "a"), count: count)
        #expect(decodeBothWays(frame(.binary, payload), role: .server) == [.binary(payload)])
        #expect(decodeBothWays(frame(.binary, payload, mask: nil), role: .client) == [.binary(payload)])
        #expect(decodeBothWays(frame(.text, text), role: .server) == [.text(text)])
        #expect(frame(.text, text).count == FrameEncoder.frameBytesCount(payloadBytesCount: count, masked: true))
        #expect(frame(.text, text, mask: nil).count == FrameEncoder.frameBytesCount(payloadBytesCount: count))
    }

    @Test func theEncoderTakesTheShortestLength() {
        #expect(Array(frame(.binary, [UInt8](repeating: 0, count: 125), mask: nil).prefix(2)) == [0x82, 125])
        #expect(Array(frame(.binary, [UInt8](repeating: 0, count: 126), mask: nil).prefix(4)) == [0x82, 126, 0, 126])
        #expect(Array(frame(.binary, [UInt8](repeating: 0, count: 65535), mask: nil).prefix(4)) == [0x82, 126, 0xFF, 0xFF])
        #expect(
            Array(frame(.binary, [UInt8](repeating: 0, count: 65536), mask: nil).prefix(10)) == [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0])
    }

    // MARK: Broken rules

    struct Broken: Sendable, CustomTestStringConvertible {
        let bytes: [UInt8]
        let failure: WebSocketFailure
        var role = WebSocketRole.client
        var testDescription: String { "\(failure.rawValue) \(bytes.prefix(12))" }
    }

    static let broken: [Broken] = [
        Broken(bytes: [0xC1, 0x00], failure: .reservedBits),
        Broken(bytes: [0xA1, 0x00], failure: .reservedBits),
        Broken(bytes: [0x91, 0x00], failure: .reservedBits),
        Broken(bytes: [0x83, 0x00], failure: .reservedOpcode),
        Broken(bytes: [0x87, 0x00], failure: .reservedOpcode),
        Broken(bytes: [0x8B, 0x00], failure: .reservedOpcode),
        Broken(bytes: [0x8F, 0x00], failure: .reservedOpcode),
        Broken(bytes: [0x09, 0x00], failure: .fragmentedControl),
        Broken(bytes: [0x0A, 0x00], failure: .fragmentedControl),
        Broken(bytes: [0x08, 0x00], failure: .fragmentedControl),
        Broken(bytes: [0x89, 126, 0, 126], failure: .controlTooLong),
        Broken(bytes: [0x88, 127], failure: .controlTooLong),
        Broken(bytes: [0x81, 0x00], failure: .unmaskedFrame, role: .server),
        Broken(bytes: [0x81, 0x80, 0, 0, 0, 0], failure: .maskedFrame),
        Broken(bytes: [0x82, 126, 0, 125], failure: .lengthNotMinimal),
        Broken(bytes: [0x82, 126, 0, 0], failure: .lengthNotMinimal),
        Broken(bytes: [0x82, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], failure: .lengthNotMinimal),
        Broken(bytes: [0x82, 127, 0, 0, 0, 0, 0, 0, 0, 1], failure: .lengthNotMinimal),
        Broken(bytes: [0x82, 127, 0x80, 0, 0, 0, 0, 1, 0, 0], failure: .lengthOutOfRange),
        Broken(bytes: [0x82, 127, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], failure: .lengthOutOfRange),
        Broken(bytes: [0x82, 127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], failure: .messageTooBig),
        Broken(bytes: [0x82, 127, 0, 0, 0, 0, 0, 4, 0, 1], failure: .messageTooBig),
        Broken(bytes: [0x80, 0x00], failure: .unexpectedContinuation),
        Broken(bytes: [0x00, 0x00], failure: .unexpectedContinuation),
        Broken(bytes: [0x01, 0x00, 0x81, 0x00], failure: .expectedContinuation),
        Broken(bytes: [0x02, 0x00, 0x01, 0x00], failure: .expectedContinuation),
        Broken(bytes: [0x81, 0x01, 0xFF], failure: .invalidUTF8),
        Broken(bytes: [0x81, 0x01, 0xC3], failure: .invalidUTF8),
        Broken(bytes: [0x88, 0x01, 0x03], failure: .closePayloadLength),
        Broken(bytes: [0x88, 0x03, 0x03, 0xE8, 0xC3], failure: .invalidUTF8),
        Broken(bytes: [0x88, 0x02, 0x03, 0xED], failure: .closeCodeInvalid),
    ]

    @Test(arguments: broken)
    func aBrokenRuleEndsTheStreamWithItsName(_ broken: Broken) {
        // A good frame behind it must not be heard any more.
        let bytes = broken.bytes + frame(.text, hello, mask: broken.role == .server ? 1 : nil)
        #expect(decodeBothWays(bytes, role: broken.role) == [.failure(broken.failure)])
    }

    @Test func everyFailureIsInTheTableOrHasATestOfItsOwn() {
        let inTable = Set(Self.broken.map(\.failure))
        #expect(WebSocketFailure.allCases.filter { !inTable.contains($0) } == [.tooManyFragments])
    }

    @Test func failuresCarryTheCodeOfTheStandard() {
        #expect(WebSocketFailure.messageTooBig.closeCode.rawValue == 1009)
        #expect(WebSocketFailure.tooManyFragments.closeCode.rawValue == 1009)
        #expect(WebSocketFailure.invalidUTF8.closeCode.rawValue == 1007)
        let others = WebSocketFailure.allCases.filter { ![.messageTooBig, .tooManyFragments, .invalidUTF8].contains($0) }
        #expect(others.allSatisfy { $0.closeCode.rawValue == 1002 })
    }

    // MARK: Close

    @Test func aCloseIsTheLastEvent() {
        #expect(decodeBothWays(frame(.close, []) + frame(.ping, []), role: .server) == [.close(code: nil, reason: [])])
        #expect(
            decodeBothWays(frame(.close, [0x03, 0xE8] + Array("žába".utf8)) + frame(.text, hello), role: .server)
                == [.close(code: 1000, reason: Array("žába".utf8))])
    }

    @Test func onlyCodesThatMayTravelAreAccepted() {
        let good: [UInt16] = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
        let bad: [UInt16] = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]
        for code in good {
            let payload = [UInt8(code >> 8), UInt8(code & 0xFF)]
            #expect(decodeBothWays(frame(.close, payload), role: .server) == [.close(code: code, reason: [])])
        }
        for code in bad {
            let payload = [UInt8(code >> 8), UInt8(code & 0xFF)]
            #expect(decodeBothWays(frame(.close, payload), role: .server) == [.failure(.closeCodeInvalid)])
        }
    }

    @Test func ourCodesTravelAndTheirReasonsFit() {
        for code in CloseCode.allCases {
            var bytes: [UInt8] = []
            FrameEncoder.appendClose(code, to: &bytes)
            #expect(decodeBothWays(bytes, role: .client) == [.close(code: code.rawValue, reason: Array(code.reason.utf8))])
        }
        #expect(CloseCode(rawValue: 4001)?.reason == "token_expired")
        #expect(CloseCode(rawValue: 4002)?.reason == "slow_consumer")
        #expect(CloseCode(rawValue: 4003)?.reason == "replaced")
        #expect(CloseCode(rawValue: 4004)?.reason == "ack_overdue")
    }

    @Test func aLongCloseReasonIsCutBetweenCodePoints() {
        var bytes: [UInt8] = []
        FrameEncoder.appendClose(code: 1000, reason: String(repeating: "é", count: 100), mask: 0xDEAD_BEEF, to: &bytes)
        #expect(
            decodeBothWays(bytes, role: .server) == [.close(code: 1000, reason: Array(String(repeating: "é", count: 61).utf8))])
    }

    @Test func aFailureBecomesACloseThatNamesTheRule() {
        var bytes: [UInt8] = []
        FrameEncoder.appendClose(WebSocketFailure.reservedBits, to: &bytes)
        #expect(decodeBothWays(bytes, role: .client) == [.close(code: 1002, reason: Array("reserved_bits".utf8))])
    }

    // MARK: Fragments

    @Test func controlFramesPassBetweenFragments() {
        let bytes =
            frame(.text, Array("Fan".utf8), isFinal: false) + frame(.ping, [1, 2, 3], mask: 0xA1B2_C3D4)
            + frame(.continuation, Array("ta".utf8), isFinal: false, mask: 5) + frame(.pong, []) + frame(.continuation, [], isFinal: false)
            + frame(.continuation, Array("il".utf8), mask: 0xFFFF_0000) + frame(.binary, [0xFF])
        #expect(
            decodeBothWays(bytes, role: .server) == [.ping([1, 2, 3]), .pong([]), .text(Array("Fantail".utf8)), .binary([0xFF])])
    }

    @Test func aCloseInsideAMessageDropsTheMessage() {
        let bytes = frame(.text, hello, isFinal: false) + frame(.close, [0x03, 0xE9]) + frame(.continuation, hello)
        #expect(decodeBothWays(bytes, role: .server) == [.close(code: 1001, reason: [])])
    }

    @Test func aCodePointMayBeCutByAFragment() {
        let text = Array("a€😀".utf8)
        for cut in 0...text.count {
            let bytes = frame(.text, Array(text[..<cut]), isFinal: false) + frame(.continuation, Array(text[cut...]))
            #expect(decodeBothWays(bytes, role: .server) == [.text(text)])
        }
    }

    @Test func aHalfCodePointAtTheEndOfTheMessageFails() {
        let bytes = frame(.text, [0xE2, 0x82], isFinal: false) + frame(.continuation, [])
        #expect(decodeBothWays(bytes, role: .server) == [.failure(.invalidUTF8)])
    }

    @Test func badTextFailsBeforeTheMessageIsComplete() {
        var decoder = FrameDecoder(role: .client)
        var events: [WebSocketEvent] = []
        // A frame of 100 bytes, of which three came.
        decoder.receive([0x01, 100, 0x61, 0xED, 0xA0], into: &events)
        #expect(events == [.failure(.invalidUTF8)])
        #expect(decoder.isFinished)
        #expect(decoder.bufferedBytesCount == 0)
    }

    @Test func oneMessageDoesNotInheritTheTextStateOfAnother() {
        let bytes = frame(.binary, [0xE2, 0x82]) + frame(.text, hello) + frame(.text, [], isFinal: false) + frame(.continuation, hello)
        #expect(decodeBothWays(bytes, role: .server) == [.binary([0xE2, 0x82]), .text(hello), .text(hello)])
    }

    // MARK: Limits

    @Test func aMessageOfExactlyTheLimitPassesAndOneByteMoreDoesNot() {
        let limits = WebSocketLimits(messageBytesMax: 1000)
        let exact = [UInt8](repeating: 1, count: 1000)
        #expect(decodeBothWays(frame(.binary, exact), role: .server, limits: limits) == [.binary(exact)])
        #expect(decodeBothWays(frame(.binary, exact + [1]), role: .server, limits: limits) == [.failure(.messageTooBig)])
        let inTwo = frame(.binary, Array(exact[..<400]), isFinal: false)
        #expect(decodeBothWays(inTwo + frame(.continuation, Array(exact[400...])), role: .server, limits: limits) == [.binary(exact)])
        #expect(
            decodeBothWays(inTwo + frame(.continuation, Array(exact[399...])), role: .server, limits: limits)
                == [.failure(.messageTooBig)])
    }

    @Test func tooBigIsSaidAtTheHeaderBeforeAnyPayload() {
        #expect(decode([[0x82, 0xFF, 0, 0, 0, 0, 0, 4, 0, 1]], role: .server) == [.failure(.messageTooBig)])
    }

    @Test func sixtyFourFragmentsPassAndSixtyFiveDoNot() {
        func fragments(_ count: Int) -> [UInt8] {
            (0..<count).flatMap { frame($0 == 0 ? .binary : .continuation, [UInt8($0)], isFinal: $0 == count - 1) }
        }
        #expect(decodeBothWays(fragments(64), role: .server) == [.binary((0..<64).map { UInt8($0) })])
        #expect(decodeBothWays(fragments(65), role: .server) == [.failure(.tooManyFragments)])
        // The count starts anew with each message.
        #expect(decodeBothWays(fragments(64) + fragments(64), role: .server)?.count == 2)
        #expect(
            decodeBothWays(fragments(2), role: .server, limits: WebSocketLimits(fragmentsCountMax: 1)) == [.failure(.tooManyFragments)])
    }

    @Test func anIdleDecoderHoldsNothing() {
        var decoder = FrameDecoder(role: .server)
        var events: [WebSocketEvent] = []
        #expect(decoder.isIdle)
        let bytes = frame(.binary, [UInt8](repeating: 1, count: 5000))
        decoder.receive(bytes[..<3000], into: &events)
        #expect(!decoder.isIdle)
        #expect(decoder.bufferedBytesCount == 3000 - 8)
        decoder.receive(bytes[3000...], into: &events)
        #expect(decoder.isIdle)
        #expect(decoder.bufferedBytesCount == 0)
        #expect(MemoryLayout<FrameDecoder>.size <= 80, "100,000 connections pay for each byte")
    }

    @Test func aHeaderAloneReservesNothing() {
        var decoder = FrameDecoder(role: .client)
        var events: [WebSocketEvent] = []
        decoder.receive([0x82, 127, 0, 0, 0, 0, 0, 4, 0, 0], into: &events)
        #expect(decoder.bufferedBytesCount == 0)
        #expect(events.isEmpty)
    }
}
