// Frames out of a stream: the same ones however the stream is cut, and a fault at the first byte that cannot be one.

import Messages
import Primitives
import RPC
import Testing

@Suite struct FrameTests {
    private struct Taken: Equatable {
        var header: FrameHeader
        var payload: [UInt8]
    }

    private func split(_ pieces: [ArraySlice<UInt8>], limitBytes: Int = RPCLimits.frameBytesMax) -> (frames: [Taken], fault: FrameError?) {
        var splitter = FrameSplitter()
        var frames: [Taken] = []
        for piece in pieces {
            splitter.append(piece)
            do throws(FrameError) {
                while case (let header, var reader)? = try splitter.next(limitBytes: limitBytes) {
                    var payload: [UInt8] = []
                    while let byte = try? reader.u8() { payload.append(byte) }
                    frames.append(Taken(header: header, payload: payload))
                }
            } catch {
                return (frames, error)
            }
            #expect(splitter.bufferedBytes <= 4 + limitBytes)
        }
        return (frames, nil)
    }

    @Test func theLayoutIsLengthVersionKindMethodCallPayload() {
        var writer = ByteWriter()
        writer.frame(FrameHeader(kind: .request, method: 0x0203, call: 0x0405_0607)) { $0.u16(0xBBAA) }
        #expect(writer.bytes == [10, 0, 0, 0, 1, 3, 0x03, 0x02, 0x07, 0x06, 0x05, 0x04, 0xAA, 0xBB])

        var ping = ByteWriter()
        ping.frame(FrameHeader(kind: .ping))
        #expect(ping.bytes == [8, 0, 0, 0, 1, 7, 0, 0, 0, 0, 0, 0])

        var message = ByteWriter()
        message.frame(.oneWay, call: 0, poke("ana"))
        #expect(message.bytes == [12, 0, 0, 0, 1, 6, 21, 0, 0, 0, 0, 0, 3, 0x61, 0x6E, 0x61])
    }

    @Test func kindsKeepTheirNumbers() {
        #expect(FrameKind.allCases == [.hello, .proof, .request, .answer, .refusal, .oneWay, .ping, .pong])
        #expect(FrameKind.allCases.map(\.rawValue) == Array(1...8))
    }

    @Test(arguments: 0...20 as ClosedRange<UInt64>)
    func framesComeOutOfAnyCut(seed: UInt64) {
        var dice = SeededGenerator(seed: 77)
        var bytes: [UInt8] = []
        var expected: [Taken] = []
        for index in 0..<50 {
            let header = FrameHeader(
                kind: FrameKind.allCases[dice.pick(0..<8)], method: UInt16(index), call: UInt32(truncatingIfNeeded: dice.next()))
            let payload = (0..<dice.pick(0..<200)).map { _ in UInt8(truncatingIfNeeded: dice.next()) }
            expected.append(Taken(header: header, payload: payload))
            bytes += rawFrame(header.kind, method: header.method, call: header.call, payload: payload)
        }
        let (frames, fault) = split(pieces(bytes, seed: seed))
        #expect(frames == expected)
        #expect(fault == nil)
    }

    @Test(arguments: [0, 7, 521, 0xFFFF_FFFF] as [UInt32])
    func aLengthOutsideItsBoundsIsAFaultAtItsFourthByte(length: UInt32) {
        let bytes = rawFrame(kind: 7, length: length)
        #expect(split([bytes[..<3]], limitBytes: 520).fault == nil)
        #expect(split([bytes[..<4]], limitBytes: 520).fault == .badLength(length))
        #expect(split(pieces(bytes, seed: 1), limitBytes: 520).fault == .badLength(length))
    }

    @Test func theLongestFrameIsTakenAndOneByteMoreIsNot() {
        let longest = rawFrame(.oneWay, payload: [UInt8](repeating: 5, count: MessageLimits.payloadBytesMax))
        let (frames, fault) = split([longest[...]])
        #expect(frames.map(\.payload.count) == [MessageLimits.payloadBytesMax])
        #expect(fault == nil)
        let over = UInt32(RPCLimits.frameBytesMax + 1)
        #expect(split([rawFrame(kind: 6, length: over)[...]]).fault == .badLength(over))
    }

    @Test func anotherVersionAndAnUnknownKindAreFaultsAsSoonAsTheyAreSeen() {
        #expect(split([rawFrame(version: 2, kind: 1)[..<5]]).fault == .badVersion(2))
        #expect(split([rawFrame(kind: 0)[..<6]]).fault == .badKind(0))
        #expect(split([rawFrame(kind: 9)[..<6]]).fault == .badKind(9))
        #expect(split([Array("GET / HTTP/1.1\r\n".utf8)[...]]).fault == .badLength(0x2054_4547))
    }

    @Test func framesBeforeAFaultAreStillTaken() {
        let bytes = rawFrame(.ping) + rawFrame(.pong) + rawFrame(kind: 99)
        for seed in 0...2 as ClosedRange<UInt64> {
            let (frames, fault) = split(pieces(bytes, seed: seed))
            #expect(frames.map(\.header.kind) == [.ping, .pong])
            #expect(fault == .badKind(99))
        }
    }

    @Test func garbageIsCutOrRefusedAndNeverTraps() {
        var dice = SeededGenerator(seed: 5)
        var faults = 0
        for _ in 0..<2_000 {
            var bytes = rawFrame(.answer, payload: [1, 2, 3]) + rawFrame(.ping)
            for _ in 0..<1 + dice.pick(0..<4) { bytes[dice.pick(0..<bytes.count)] = UInt8(truncatingIfNeeded: dice.next()) }
            let whole = split([bytes[...]])
            let single = split(pieces(bytes, seed: 1))
            #expect(whole.frames == single.frames)
            #expect(whole.fault == single.fault)
            if whole.fault != nil { faults += 1 }
        }
        #expect(faults > 500)
    }
}
