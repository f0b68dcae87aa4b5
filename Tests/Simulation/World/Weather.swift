// How long a piece takes from one place to another: a climate for the run, a mood for each link that changes, bad spells.
//
// A link is a direction: there may be slow and back fast. Each has dice of its own, so that what one link does never
// shifts the luck of another. Pieces of one connection never overtake each other; pieces of different connections do, the
// more so the more the moods differ.

import Primitives

/// How far apart the places of a run are.
enum Climate: Int, CaseIterable, Sendable {
    /// One rack.
    case rack
    /// One city: zones a millisecond apart.
    case city
    /// Continents.
    case world

    /// What a piece usually takes at least, and at most at first.
    var usual: (low: Interval, high: Interval) {
        switch self {
        case .rack: (.microseconds(50), .microseconds(600))
        case .city: (.microseconds(300), .milliseconds(5))
        case .world: (.milliseconds(5), .milliseconds(60))
        }
    }
}

/// One direction between two parties.
struct Link {
    private var dice: SeededGenerator
    private let climate: Climate
    private var moodUntil: Moment = 0
    private var high = Interval.microseconds(100)
    /// Of a hundred pieces, so many are up to ten times as slow, and so many take up to 300 ms.
    private var slowPercent = 0
    private var lostPercent = 0
    /// A bad spell: every piece takes up to `lag` more until then.
    private(set) var lagUntil: Moment = 0
    private var lag = Interval.milliseconds(1)
    /// Nothing passes before this moment.
    private(set) var heldUntil: Moment = 0

    init(dice: SeededGenerator, climate: Climate) {
        self.dice = dice
        self.climate = climate
    }

    mutating func latency(_ moment: Moment, isFair: Bool) -> Moment {
        if isFair { return dice.percent(98) ? dice.between(.microseconds(50), .microseconds(600)) : dice.between(.milliseconds(1), .milliseconds(20)) }
        if moment >= moodUntil { drawMood(moment) }
        var time: Moment
        switch dice.pick(0..<100) {
        case 0..<lostPercent: time = dice.between(.milliseconds(8), .milliseconds(300))
        case lostPercent..<lostPercent + slowPercent: time = dice.between(high, high * 10)
        default: time = dice.between(climate.usual.low, high)
        }
        if moment < lagUntil { time += dice.between(.milliseconds(0), lag) }
        return time
    }

    private mutating func drawMood(_ moment: Moment) {
        moodUntil = moment + dice.between(.seconds(1), .seconds(20))
        high = Interval(nanoseconds: dice.between(climate.usual.low, climate.usual.high))
        slowPercent = dice.pick(0..<25)
        lostPercent = dice.pick(0..<4)
    }

    mutating func slow(by lag: Interval, until moment: Moment) {
        self.lag = lag
        lagUntil = moment
    }

    mutating func hold(until moment: Moment) { heldUntil = Swift.max(heldUntil, moment) }

    mutating func clear() {
        heldUntil = 0
        lagUntil = 0
    }

    mutating func release() { heldUntil = 0 }
}
