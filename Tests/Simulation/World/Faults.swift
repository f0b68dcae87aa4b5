// Bad luck, in measured doses: which faults there are, and when one strikes.
//
// From the seed comes a rate and a mixture; at random moments one fault strikes. Each ends by itself, and `heal` ends them
// all. Which faults exist, and why the system must survive them, stands in the headers of the parts that suffer them:
// Network, Weather, Clock, SimulatedProcess, Disk, SimulatedDevice. What each does stands in Strikes.
//
// Every strike has a number and dice of its own. One that is left out (`Trim`) leaves the others what they were.

import Primitives

public enum FaultKind: String, CaseIterable, Sendable {
    case kill
    /// The machine goes with the process: nobody is told.
    case powerLoss = "power-loss"
    /// Killed again while it starts, several times in a row.
    case storm
    /// Everything at once: all processes of one role die together.
    case roleLoss = "role-loss"
    /// Stands still for a moment.
    case pause
    /// Stands still for longer than its peers are patient.
    case hang
    /// Nothing passes between two processes.
    case partition
    /// Nothing passes from one process to another; the other way is open.
    case oneWay = "one-way"
    /// Nothing passes between one process and all others.
    case isolation
    /// Nothing passes between two halves of the cluster.
    case halves
    /// A partition that comes and goes.
    case flapping
    /// A connection breaks.
    case cut
    /// Everything between two processes takes longer.
    case lag
    case clockJump = "clock-jump"
    case diskSlow = "disk-slow"
    case diskFull = "disk-full"
    case diskBroken = "disk-broken"
    /// A store loses its power in the middle of a write.
    case tornWrite = "torn-write"
    /// Takes long for everything: a machine with too much to do.
    case slow

    /// In the plural, for the report.
    var name: String {
        switch self {
        case .kill: "kills"
        case .powerLoss: "power losses"
        case .storm: "restart storms"
        case .roleLoss: "role losses"
        case .pause: "pauses"
        case .hang: "hangs"
        case .partition: "partitions"
        case .oneWay: "one-way cuts"
        case .isolation: "isolations"
        case .halves: "halvings"
        case .flapping: "flapping links"
        case .cut: "cuts"
        case .lag: "lags"
        case .clockJump: "clock jumps"
        case .diskSlow: "slow disks"
        case .diskFull: "full disks"
        case .diskBroken: "broken disks"
        case .tornWrite: "torn writes"
        case .slow: "slow processes"
        }
    }

    /// The place in `allCases`, and in `FaultPlan.counts`.
    var index: Int { Self.allCases.firstIndex(of: self)! }
}

/// A fault that goes on for a while, step by step.
struct Spell {
    enum Kind {
        /// These directions were held; when they open again, the connections behind them may break.
        case held([(from: Int, to: Int)])
        /// Held and open by turns, until the end.
        case flapping([(from: Int, to: Int)], isHeld: Bool, until: Moment)
        /// To be killed again, so many times.
        case storm(process: Int, left: Int)
    }

    var kind: Kind
    var dice: SeededGenerator
}

struct FaultPlan {
    /// Mean time between faults.
    let pause: Interval
    /// How often each kind is drawn, in the order of `allCases`.
    let weights: [Int]
    /// Strikes so far, those that were left out included.
    private(set) var number = 0
    private(set) var counts = [Int](repeating: 0, count: FaultKind.allCases.count)
    /// The numbers of the strikes that happened.
    private(set) var struck: [Int] = []
    var spells: [Spell] = []
    private var dice: SeededGenerator
    private let trim: Trim

    init(dice: inout SeededGenerator, trim: Trim) {
        self.trim = trim
        // One run in eight has fair weather: what fails there fails without an excuse.
        pause = dice.oneIn(8) ? .seconds(1_000) : .milliseconds(Int64(dice.pick(150..<3_000)))
        weights = FaultKind.allCases.map { kind in
            switch kind {
            case .kill: dice.pick(1..<11)
            case .roleLoss, .halves: dice.pick(0..<2)
            case .storm, .hang, .isolation: dice.pick(0..<4)
            case .powerLoss, .pause, .partition, .oneWay, .flapping, .cut, .lag, .clockJump, .diskSlow, .diskFull, .diskBroken,
                .tornWrite, .slow:
                dice.pick(0..<10)
            }
        }
        self.dice = dice.split()
    }

    mutating func wait() -> Moment { dice.jittered(pause).nanoseconds }

    /// - Returns: nil when this strike is left out.
    mutating func draw() -> (kind: FaultKind, dice: SeededGenerator)? {
        number += 1
        var own = dice.split()
        let kind = kind(&own)
        guard !trim.without.contains(kind), trim.faults?.contains(number) ?? true else { return nil }
        counts[kind.index] += 1
        struck.append(number)
        return (kind, own)
    }

    private func kind(_ dice: inout SeededGenerator) -> FaultKind {
        var left = dice.pick(0..<weights.reduce(0, +))
        for (kind, weight) in zip(FaultKind.allCases, weights) {
            if left < weight { return kind }
            left -= weight
        }
        preconditionFailure("the weights add up")
    }
}
