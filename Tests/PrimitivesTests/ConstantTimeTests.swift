import Primitives
import Testing

@Suite struct ConstantTimeTests {
    @Test func itIsEquality() {
        #expect(constantTimeEquals([], []))
        #expect(constantTimeEquals([1, 2, 3], [1, 2, 3]))
        #expect(!constantTimeEquals([1, 2, 3], [1, 2]))
        for place in 0..<3 {
            for bit in 0..<8 {
                var other: [UInt8] = [1, 2, 3]
                other[place] ^= 1 << UInt8(bit)
                #expect(!constantTimeEquals([1, 2, 3], other))
            }
        }
    }

    /// Differences in two places must not cancel out: every pair of short strings.
    @Test func differencesAddUp() {
        let words = (0..<4).flatMap { a in (0..<4).flatMap { b in (0..<4).map { c in [a, b, c] as [UInt8] } } }
        for one in words {
            for other in words { #expect(constantTimeEquals(one, other) == (one == other)) }
        }
    }

    @Test func textIsItsBytes() {
        #expect(constantTimeEquals("abc", "abc"))
        #expect(!constantTimeEquals("abc", "abd"))
        #expect(!constantTimeEquals("\u{e9}", "e\u{301}"), "equal as text, but not the same bytes")
    }
}
