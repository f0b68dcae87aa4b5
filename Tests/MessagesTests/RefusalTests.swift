// A no keeps its number for ever, and a no from the future is still a no.

import Messages
import Primitives
import Testing

@Suite struct RefusalTests {
    @Test(arguments: [
        (.unsupported, 1), (.malformed, 2), (.overloaded, 3), (.unavailable, 4), (.storageFull, 5), (.forbidden, 6),
        (.timedOut, 7), (.peerDown, 8), (.moved, 9),
    ] as [(Refusal.Code, UInt8)])
    func itsBytesAreCodeAndWait(code: Refusal.Code, number: UInt8) throws {
        let refusal = Refusal(code, retryAfterMs: 0x0102_0304)
        var writer = ByteWriter()
        refusal.encode(into: &writer)
        #expect(writer.bytes == [number, 4, 3, 2, 1])
        var reader = ByteReader(writer.bytes)
        #expect(try Refusal(from: &reader) == refusal)
        for end in 0..<5 {
            var cut = ByteReader(writer.bytes, end: end)
            #expect(throws: DecodeError.truncated) { try Refusal(from: &cut) }
        }
    }

    @Test func everyCodeIsInTheTableAbove() { #expect(Refusal.Code.allCases.map(\.rawValue) == Array(1...9)) }

    @Test func aCodeOfANewerReleaseMeansUnavailable() throws {
        for number in [0, 10, 255] as [UInt8] {
            var reader = ByteReader([number, 7, 0, 0, 0, 0xFF])
            #expect(try Refusal(from: &reader) == Refusal(.unavailable, retryAfterMs: 7))
        }
    }
}
