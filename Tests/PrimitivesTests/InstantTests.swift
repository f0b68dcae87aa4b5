// Moments on a grid.

import Primitives
import Testing

@Suite struct InstantTests {
    @Test(arguments: [(0, 0), (1, 250), (249, 250), (250, 250), (251, 500), (1_000_000_001, 1_000_000_250)])
    func aMomentIsRoundedUp(from: Int64, to: Int64) {
        #expect(Instant(nanoseconds: from).roundedUp(to: Interval(nanoseconds: 250)) == Instant(nanoseconds: to))
    }
}
