// Good and bad UTF-8, in every cut, against the table of the Unicode Standard and against the standard library.
import Testing
import WebSocket

@Suite struct UTF8ValidatorTests {
    static let good: [[UInt8]] = [
        [], [0x00], [0x7F], Array("plain ASCII, longer than eight bytes".utf8),
        [0xC2, 0x80], [0xDF, 0xBF],
        [0xE0, 0xA0, 0x80], [0xE1, 0x80, 0x80], [0xEC, 0xBF, 0xBF], [0xED, 0x80, 0x80], [0xED, 0x9F, 0xBF],
        [0xEE, 0x80, 0x80], [0xEF, 0xBF, 0xBF], [0xEF, 0xBB, 0xBF],
        [0xF0, 0x90, 0x80, 0x80], [0xF1, 0x80, 0x80, 0x80], [0xF3, 0xBF, 0xBF, 0xBF], [0xF4, 0x80, 0x80, 0x80], [0xF4, 0x8F, 0xBF, 0xBF],
        Array("κόσμε, žába, 你好, 👩‍👩‍👧‍👦, ok".utf8), Array("1234567é1234567é12345678é".utf8),
    ]

    /// Wrong at some byte; no continuation can cure it.
    static let bad: [[UInt8]] = [
        [0x80], [0xBF], [0xC0, 0x80], [0xC0, 0xAF], [0xC1, 0xBF], [0xF5, 0x80, 0x80, 0x80], [0xF8], [0xFC], [0xFE], [0xFF],
        // overlong
        [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF], [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x8F, 0xBF, 0xBF],
        // surrogates
        [0xED, 0xA0, 0x80], [0xED, 0xAF, 0xBF], [0xED, 0xB0, 0x80], [0xED, 0xBF, 0xBF],
        // above 10FFFF
        [0xF4, 0x90, 0x80, 0x80], [0xF7, 0xBF, 0xBF, 0xBF],
        // continuation missing or surplus
        [0xC2, 0x41], [0xE2, 0x82, 0x41], [0xF0, 0x9F, 0x98, 0x41], [0xC2, 0xC2, 0x80], [0xC2, 0x80, 0x80],
        [0xE1, 0x80, 0xC0], [0xF1, 0x80, 0x80, 0xC0], Array("12345678".utf8) + [0xFF] + Array("12345678".utf8),
    ]

    /// Right so far, but not at an end.
    static let halves: [[UInt8]] = [
        [0xC2], [0xE0], [0xE0, 0xA0], [0xED], [0xED, 0x9F], [0xF0], [0xF0, 0x90], [0xF4, 0x8F, 0xBF], Array("12345678".utf8) + [0xE2, 0x82],
    ]

    private enum Verdict { case valid, half, invalid }

    private func verdict(_ pieces: [ArraySlice<UInt8>]) -> Verdict {
        var validator = UTF8Validator()
        for piece in pieces where !validator.consume(piece) { return .invalid }
        return validator.isAtBoundary ? .valid : .half
    }

    private func expect(_ bytes: [UInt8], _ expected: Verdict) {
        #expect(verdict([bytes[...]]) == expected, "\(bytes) whole")
        #expect(verdict(singleBytes(bytes)) == expected, "\(bytes) byte by byte")
        for cut in 0...bytes.count {
            #expect(verdict([bytes[..<cut], bytes[cut...]]) == expected, "\(bytes) cut at \(cut)")
        }
        // Behind ASCII of every length modulo eight.
        for padding in 1...9 {
            #expect(verdict([([UInt8](repeating: 0x20, count: padding) + bytes)[...]]) == expected)
        }
    }

    @Test func goodTextPassesInEveryCut() { for bytes in Self.good { expect(bytes, .valid) } }
    @Test func badTextFailsInEveryCut() { for bytes in Self.bad { expect(bytes, .invalid) } }
    @Test func halfACodePointIsNotAnEnd() { for bytes in Self.halves { expect(bytes, .half) } }

    @Test func everyScalarPasses() {
        var text: [UInt8] = []
        for value in UInt32(0)...0x10FFFF {
            if let scalar = Unicode.Scalar(value) { text.append(contentsOf: UTF8.encode(scalar)!) }
        }
        #expect(verdict([text[...]]) == .valid)
    }

    /// Three bytes decide every rule but the last continuation; the standard library is the judge.
    @Test func theStandardLibraryAgreesOnRandomText() {
        var dice = SeededDice(seed: 20)
        // Bytes at the edges of the table, so that random text is often nearly right.
        let edges: [UInt8] = [0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF1, 0xF4, 0xF5]
        var validCount = 0
        for _ in 0..<50_000 {
            let bytes = (0..<dice.below(6)).map { _ in edges[dice.below(edges.count)] }
            let isValid = String(validating: bytes, as: UTF8.self) != nil
            if isValid { validCount += 1 }
            #expect((verdict([bytes[...]]) == .valid) == isValid, "\(bytes)")
        }
        #expect(validCount > 1000)
    }
}
