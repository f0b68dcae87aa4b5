// Every message goes out as its golden bytes and comes back whole; what is no message fails and never traps.

import Messages
import Primitives
import Testing

@Suite struct MessageTests {
    @Test(arguments: samples)
    func itsBytesAreTheGoldenOnes(sample: Sample) throws {
        #expect(sample.message.method == sample.method)
        #expect(encoded(sample.message) == sample.bytes)
        #expect(try decoded(sample.method, sample.bytes) == sample.message)
    }

    @Test func everyKnownNumberHasASampleAndNoOtherNumberIsKnown() {
        // Reading nothing tells: an unknown number is nil, a known one runs out of bytes (or is `done`).
        var known: [UInt16] = []
        for method in UInt16.min...UInt16.max {
            do {
                if try decoded(method, []) != nil { known.append(method) }
            } catch {
                #expect(error == .truncated)
                known.append(method)
            }
        }
        let sampled = Set(samples.map(\.method))
        #expect(known == sampled.sorted())
        #expect(known == Array(1...12) + Array(16...31) + Array(32...52) + Array(64...84) + Array(96...104))
        for sample in samples { #expect(sampleNumber(of: sample.message) == Int(sample.method)) }
    }

    @Test(arguments: samples)
    func cutAnywhereItIsTruncated(sample: Sample) {
        for end in sample.bytes.indices {
            #expect(throws: DecodeError.truncated, "cut at \(end)") {
                try decoded(sample.method, Array(sample.bytes[..<end]))
            }
        }
    }

    @Test(arguments: samples)
    func fieldsOfANewerReleaseAreLeftUnread(sample: Sample) throws {
        var reader = ByteReader(sample.bytes + [0xFF, 0x00, 0xAA])
        #expect(try Message(method: sample.method, from: &reader) == sample.message)
        #expect(reader.remaining == 3)
    }

    @Test(arguments: samples)
    func anythingItsFieldsMayHoldComesBack(sample: Sample) throws {
        var dice = MessageDice(seed: UInt64(sample.method))
        for round in 0..<60 {
            let message = dice.message(like: sample.message)
            let bytes = encoded(message)
            #expect(bytes.count <= MessageLimits.payloadBytesMax)
            #expect(try decoded(sample.method, bytes) == message, "round \(round)")
        }
    }

    @Test func garbageIsRefusedOrReadButNeverTraps() {
        var dice = SeededGenerator(seed: 20)
        let methods = Set(samples.map(\.method)).sorted()
        var refused = 0
        for _ in 0..<20_000 {
            let method = methods[dice.pick(0..<methods.count)]
            let bytes = (0..<dice.pick(0..<120)).map { _ in UInt8(truncatingIfNeeded: dice.next()) }
            do { _ = try decoded(method, bytes) } catch { refused += 1 }
        }
        // `done` takes anything and a few short messages are lucky; most garbage is no message.
        #expect(refused > 15_000)
    }

    @Test func aSampleWithOneByteSpoiltIsRefusedOrReadsBackAsItself() throws {
        for sample in samples {
            for index in sample.bytes.indices {
                for value in [0x00, 0x01, 0x7F, 0x80, 0xFF] as [UInt8] {
                    var bytes = sample.bytes
                    bytes[index] = value
                    var reader = ByteReader(bytes)
                    guard let message = try? Message(method: sample.method, from: &reader) else { continue }
                    // What was read is a legal message: written again it is the very bytes that were taken for it.
                    #expect(encoded(message) == Array(bytes[..<reader.index]))
                }
            }
        }
    }

    // MARK: Rules of single fields

    private func expect(
        _ error: DecodeError, of method: UInt16, at location: SourceLocation = #_sourceLocation,
        reading write: (inout ByteWriter) -> Void
    ) {
        var writer = ByteWriter()
        write(&writer)
        let bytes = writer.bytes
        #expect(throws: error, sourceLocation: location) { try decoded(method, bytes) }
    }

    @Test func aPageOfNothingIsNotAskedFor() {
        expect(.badValue(field: "limit"), of: 34) { $0.user(ana); $0.varint(0); $0.varint(0); $0.bool(false) }
        expect(.badValue(field: "limit"), of: 39) { $0.user(ana); $0.bool(false); $0.bool(false); $0.varint(0) }
        expect(.badValue(field: "limit"), of: 41) { $0.user(team); $0.u8(1); $0.varint(0); $0.varint(0) }
        var query = encoded(.historyQuery(HistoryQuery(origin: origin, reference: nil, with: nil, before: nil, limit: 1)))
        query[query.count - 1] = 0
        #expect(throws: DecodeError.badValue(field: "limit")) { try decoded(19, query) }
    }

    @Test func countsAndLengthsAreHeldToTheirBounds() {
        expect(.tooLong(limitBytes: 512), of: 34) { $0.user(ana); $0.varint(0); $0.varint(513); $0.bool(false) }
        expect(.tooLong(limitBytes: 512), of: 67) { $0.varint(513) }
        expect(.tooLong(limitBytes: 512), of: 69) { $0.varint(513) }
        expect(.tooLong(limitBytes: 512), of: 71) { $0.varint(513) }
        expect(.tooLong(limitBytes: 64), of: 27) { $0.user(ana); $0.varint(65) }
        expect(.tooLong(limitBytes: 2_048), of: 46) { $0.user(ana); $0.varint(0); $0.varint(2_049) }
        expect(.tooLong(limitBytes: 4_096), of: 44) { $0.user(ana); $0.varint(4_097) }
        expect(.tooLong(limitBytes: 4_096), of: 28) { $0.user(team); $0.varint(4_097) }
        for page in [73, 74, 75] as [UInt16] { expect(.tooLong(limitBytes: 512), of: page) { $0.varint(513) } }
        expect(.tooLong(limitBytes: 2_048), of: 76) { $0.varint(2_049) }
        expect(.tooLong(limitBytes: 100), of: 77) { $0.varint(101) }
        for page in [49, 81, 102] as [UInt16] { expect(.tooLong(limitBytes: 256), of: page) { $0.varint(257) } }
        for batch in [50, 96, 98] as [UInt16] { expect(.tooLong(limitBytes: 4_096), of: batch) { $0.varint(4_097) } }
        expect(.tooLong(limitBytes: 256), of: 101) { $0.user(ana); $0.varint(257) }
        expect(.tooLong(limitBytes: 256), of: 104) { $0.user(ana); $0.u8(1); $0.varint(257) }
        expect(.tooLong(limitBytes: 1_024), of: 104) { $0.user(ana); $0.u8(1); $0.varint(0); $0.bool(true); $0.varint(1_025) }
        expect(.tooLong(limitBytes: 256), of: 22) { $0.user(ana); $0.varint(257) }
        expect(.tooLong(limitBytes: 458_752), of: 2) { $0.u64(1); $0.varint(458_753) }
        expect(.tooLong(limitBytes: 120), of: 3) { $0.u64(1); $0.u16(1000); $0.varint(121) }
    }

    @Test func featuresHaveNames() {
        let empty = encoded(.featureRequest(FeatureRequest(origin: origin, feature: "", reference: nil)))
        #expect(throws: DecodeError.badValue(field: "feature")) { try decoded(7, empty) }
    }

    @Test func kindsAndOutcomesThatNobodyDefinedAreRefused() {
        for code in [0, 3, 255] as [UInt8] {
            expect(.badValue(field: "receipt kind"), of: 20) { $0.user(ana); $0.user(bob); $0.u8(code); $0.varint(0) }
        }
        expect(.badValue(field: "entry kind"), of: 32) { $0.user(ana); $0.u8(4) }
        expect(.badValue(field: "entry kind"), of: 67) { $0.varint(1); $0.varint(1); $0.varint(1); $0.u8(6) }
        expect(.badValue(field: "append outcome"), of: 65) { $0.u8(6) }
        expect(.badValue(field: "append outcome"), of: 72) { $0.u8(6) }
        expect(.badValue(field: "group entry kind"), of: 40) { $0.user(ana); $0.u8(3) }
        expect(.badValue(field: "membership mark"), of: 46) { $0.user(team); $0.varint(0); $0.varint(0); $0.u8(4) }
        expect(.badValue(field: "notice"), of: 29) { $0.user(ana); $0.user(team); $0.varint(0); $0.u8(3) }
        expect(.badValue(field: "mark outcome"), of: 79) { $0.varint(1); $0.u8(4) }
        expect(.badValue(field: "open outcome"), of: 66) { $0.u8(0) }
        expect(.badValue(field: "settings outcome"), of: 80) { $0.u8(4) }
        expect(.badValue(field: "settings change"), of: 48) { $0.user(ana); $0.u8(6) }
        expect(.badValue(field: "visibility"), of: 48) { $0.user(ana); $0.u8(1); $0.bool(true); $0.u8(3) }
        expect(.badValue(field: "visibility"), of: 104) { $0.user(ana); $0.u8(0) }
        expect(.badValue(field: "encoding"), of: 101) { $0.user(ana); $0.varint(0); $0.bool(true); $0.u32(2); $0.u64(7); $0.u8(3) }
        var encoding = encoded(.acknowledge(Acknowledge(origin: origin, number: 1)))
        encoding[18] = 3
        #expect(throws: DecodeError.badValue(field: "encoding")) { try decoded(17, encoding) }
    }
}
