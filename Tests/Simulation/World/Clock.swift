// The two clocks of a process, and how wrong they may be.
//
// - The steady clock starts anywhere in each life and never goes back, but no two run at the same speed: mostly a fraction
//   of a thousandth apart, in some clusters up to three hundredths, as on an overcommitted virtual machine.
// - The wall clock has the same speed, is off by up to half a second when all is well, and jumps: milliseconds, seconds,
//   minutes, forwards and backwards. Healing sets it right, which is one more jump.
//
// The system must survive it because timers are only compared within one process, and because stamps are raised above the
// last one of their inbox.

import Primitives

struct Clock {
    private let steadyStart: Int64
    private let bornAt: Moment
    /// Faster than true time by this much, in millionths.
    private let drift: Int64
    /// What the wall clock was wrong by when it was set, and when that was.
    private(set) var skew: Interval
    private var setAt: Moment

    init(_ dice: inout SeededGenerator, bornAt: Moment, driftMax: Int64, skew: Interval) {
        steadyStart = dice.between(.seconds(1), .seconds(1_000_000))
        drift = Int64(dice.pick(0..<Int(2 * driftMax + 1))) - driftMax
        self.bornAt = bornAt
        self.skew = skew
        setAt = bornAt
    }

    func steady(_ moment: Moment) -> Instant {
        let age = moment - bornAt
        return Instant(nanoseconds: steadyStart + age + age * drift / 1_000_000)
    }

    /// Microseconds that the wall clock is off.
    func wall(_ moment: Moment) -> Stamp {
        let error = skew.nanoseconds + (moment - setAt) * drift / 1_000_000
        return Stamp(microseconds: World.epochMicroseconds + (moment + error) / 1_000)
    }

    /// True time until the steady clock shows `instant`; 0 when it is past.
    func wait(until instant: Instant, _ moment: Moment) -> Moment {
        let left = instant.nanoseconds - steady(moment).nanoseconds
        return left <= 0 ? 0 : left - left * drift / 1_000_000
    }

    mutating func set(skew: Interval, _ moment: Moment) {
        self.skew = skew
        setAt = moment
    }
}
