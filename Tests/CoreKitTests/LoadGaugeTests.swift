// The gauge: waits in, levels out. Time is in milliseconds, waits too; a look every 20 ms, as the loop does it.

import CoreKit
import Messages
import Primitives
import Testing

private struct Scene {
    var gauge = LoadGauge()
    var milliseconds: Int64 = 0

    /// So many looks, each of which finds this wait.
    mutating func waits(_ wait: Int64, times: Int) {
        for _ in 0..<times {
            gauge.note(.milliseconds(wait), now: Instant(nanoseconds: milliseconds * 1_000_000))
            milliseconds += 20
        }
    }

    /// The level after each window of 100 ms in which work waited so long.
    mutating func levels(_ wait: Int64, windows: Int) -> [UInt8] {
        (0..<windows).map { _ in
            waits(wait, times: 5)
            return gauge.load.level.rawValue
        }
    }
}

@Suite struct LoadGaugeTests {
    @Test func aStandingQueueClimbsTheLadderOneStepAWindow() {
        var s = Scene()
        s.waits(25, times: 1)
        #expect(s.levels(25, windows: 4) == [1, 2, 3, 4])
        #expect(s.gauge.load == Load(.full, admitPermille: 800))
        #expect(s.gauge.wait == .milliseconds(25))
    }

    @Test func aBurstIsNoOverload() {
        var s = Scene()
        // In each window four looks find a long queue and one finds it short.
        for _ in 0..<20 {
            s.waits(300, times: 4)
            s.waits(2, times: 1)
        }
        #expect(s.gauge.load == .calm)
    }

    @Test func twentyMillisecondsExactlyAreBorne() {
        var s = Scene()
        #expect(s.levels(20, windows: 10) == [UInt8](repeating: 0, count: 10))
    }

    @Test func itComesBackOneStepAfterEachCalmWhile() {
        var s = Scene()
        s.waits(25, times: 1)
        #expect(s.levels(25, windows: 3) == [1, 2, 3])
        // Five calm windows are a calm while.
        #expect(s.levels(3, windows: 16) == [3, 3, 3, 3, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 0, 0])
    }

    @Test func betweenTenAndTwentyNothingChanges() {
        var s = Scene()
        s.waits(25, times: 1)
        _ = s.levels(25, windows: 2)
        #expect(s.levels(15, windows: 30) == [UInt8](repeating: 2, count: 30))
        // A calm that is broken begins anew.
        _ = s.levels(3, windows: 3)
        _ = s.levels(15, windows: 1)
        #expect(s.levels(3, windows: 5) == [2, 2, 2, 2, 1])
    }

    @Test func atTheTopTheShareFollowsTheWait() {
        var s = Scene()
        s.waits(25, times: 1)
        _ = s.levels(25, windows: 3)
        // Five times too long: a quarter less, and a quarter again.
        _ = s.levels(100, windows: 1)
        #expect(s.gauge.load == Load(.full, admitPermille: 750))
        _ = s.levels(100, windows: 1)
        #expect(s.gauge.load == Load(.full, admitPermille: 562))
        // What gets shorter is left alone, also while it is too long; then it stands, a little too long: an eighth less.
        _ = s.levels(21, windows: 1)
        #expect(s.gauge.load == Load(.full, admitPermille: 562))
        _ = s.levels(21, windows: 1)
        #expect(s.gauge.load == Load(.full, admitPermille: 491))
        _ = s.levels(15, windows: 1)
        #expect(s.gauge.load == Load(.full, admitPermille: 491))
        // Work flows, not yet quickly; then quickly.
        _ = s.levels(7, windows: 1)
        #expect(s.gauge.load == Load(.full, admitPermille: 521))
        _ = s.levels(1, windows: 1)
        #expect(s.gauge.load == Load(.full, admitPermille: 586))
    }

    @Test func somebodyMayAlwaysSend() {
        var s = Scene()
        _ = s.levels(5_000, windows: 40)
        #expect(s.gauge.load == Load(.full, admitPermille: LoadLimits.admitPermilleMin))
        // And from there it finds back to everybody, and down.
        _ = s.levels(1, windows: 80)
        #expect(s.gauge.load == .calm)
    }

    @Test func whoDidNotLookBecauseThereWasNothingWasCalm() {
        var s = Scene()
        s.waits(25, times: 3)
        s.milliseconds += 60_000
        s.waits(25, times: 1)
        #expect(s.gauge.load == .calm)
        #expect(s.gauge.wait == Interval(nanoseconds: 0))
    }

    @Test func whoDidNotLookBecauseItWasStuckWasBehind() {
        var s = Scene()
        s.waits(25, times: 1)
        s.milliseconds += 980
        // Asked to look every 20 ms, it came 980 ms late.
        s.waits(980, times: 1)
        #expect(s.gauge.load == Load(.busy))
    }
}
