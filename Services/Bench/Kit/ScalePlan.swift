// What `bench scale` was asked to do: along which axes the cost of an exchange is measured, and at which points.
//
// The cost of an exchange depends on how much a service finds waiting when it wakes up. So nearly everything is the same at
// all points: the same pairs write with the same window, which keeps the same number of messages under way, and what grows
// is beside them: others who are connected and silent, session nodes, entries that the store has of other people.
//
// There must be enough under way, too: with a few messages for each of eight session nodes every one of them wakes a node up,
// and what is measured is the price of a wake-up. The reference client's own window, 16, is enough.

import FantailCLI
import Primitives

/// What grows along a curve.
public enum ScaleAxis: String, Sendable, CaseIterable {
    case users
    case sessions
    case entries

    /// What its values count.
    public var noun: String {
        switch self {
        case .users: "connected users"
        case .sessions: "session nodes"
        case .entries: "entries in the store"
        }
    }
}

public struct ScalePlan: Equatable, Sendable {
    /// In the order in which they are measured, each once.
    public var axes = ScaleAxis.allCases
    /// The largest value along each axis.
    public var usersMax = 15_000
    public var sessionsMax = 8
    public var entriesMax = 5_000_000
    /// Connected users where their number is not what grows.
    public var users = 1_000
    /// Pairs that write; everybody else is silent.
    public var pairs = 50
    /// Messages that each author keeps without a receipt; of no meaning when `rate` is set.
    public var window = 16
    /// Messages a second over all authors; nil: the closed loop.
    public var rate: Double?
    /// How often each point is measured.
    public var rounds = 3
    /// Of each measurement.
    public var seconds = 5
    public var warmSeconds = 2
    public var bodyBytes = 100
    public var encoding = ClientEncoding.json
    /// How many times the cheapest point of a curve its dearest one may cost.
    public var ratioMax = BenchLimits.scaleRatioMax

    public init() {}

    public static let options = [
        OptionSpec("along", "AXES", "users, sessions, entries, or several with commas between them; default all three"),
        OptionSpec("users-max", "N", "connected users at the end of that curve; default 15000"),
        OptionSpec("sessions-max", "N", "session nodes at the end of that curve; default 8"),
        OptionSpec("entries-max", "N", "entries at the end of that curve; default 5000000"),
        OptionSpec("users", "N", "connected users along the other two; default 1000"),
        OptionSpec("pairs", "P", "pairs that write, everywhere; all others are silent; default 50"),
        OptionSpec("window", "W", "closed loop: messages an author keeps without a receipt; default 16"),
        OptionSpec("rate", "R", "open loop: messages a second over all authors, whatever the cluster does"),
        OptionSpec("rounds", "R", "how often each point is measured, all of a curve in turn; medians count; default 3"),
        OptionSpec("seconds", "S", "the measured interval at a point; default 5"),
        OptionSpec("warm", "S", "the time before it, which is not measured; default 2"),
        OptionSpec("body", "B", "bytes of a message; default 100"),
        OptionSpec("encoding", "json|binary", "of the frames; default json"),
        OptionSpec("ratio-max", "X", "the verdict on the dearest point by the cheapest of a curve; default 1.3"),
    ]

    public init(_ arguments: Arguments) throws(CommandFailure) {
        try arguments.noOperands()
        if let words = arguments.value("along") { axes = try Self.axes(words) }
        if let most = try arguments.number("users-max", 3...BenchLimits.usersMax) { usersMax = most }
        if let most = try arguments.number("sessions-max", 2...BenchLimits.scaleSessionsMax) { sessionsMax = most }
        if let most = try arguments.number("entries-max", 1...BenchLimits.scaleEntriesMax) { entriesMax = most }
        if let users = try arguments.number("users", 2...BenchLimits.usersMax) { self.users = users }
        if let pairs = try arguments.number("pairs", 1...BenchLimits.usersMax / 2) { self.pairs = pairs }
        if let window = try arguments.number("window", 1...BenchLimits.windowMax) { self.window = window }
        if let rate = try arguments.number("rate", 1...BenchLimits.rateMax) {
            guard !arguments.has("window") else {
                throw .usage("--rate and --window exclude each other: an open loop waits for nothing")
            }
            self.rate = Double(rate)
        }
        if let rounds = try arguments.number("rounds", 1...BenchLimits.scaleRoundsMax) { self.rounds = rounds }
        if let seconds = try arguments.number("seconds", 1...BenchLimits.secondsMax) { self.seconds = seconds }
        if let warm = try arguments.number("warm", 0...BenchLimits.secondsMax) { warmSeconds = warm }
        bodyBytes = try arguments.bodyBytes() ?? bodyBytes
        encoding = try arguments.encoding()
        if let text = arguments.value("ratio-max") {
            guard let ratio = Double(text), ratio >= 1, ratio <= 1_000 else { throw .usage("--ratio-max must be a number from 1 to 1000, 1.3 for instance") }
            ratioMax = ratio
        }
        try check(arguments)
    }

    private static func axes(_ words: String) throws(CommandFailure) -> [ScaleAxis] {
        var axes: [ScaleAxis] = []
        for word in words.split(separator: ",", omittingEmptySubsequences: false) {
            guard let axis = ScaleAxis(rawValue: String(word)), !axes.contains(axis) else {
                throw .usage("--along must be users, sessions, entries, or several of them with commas between, each once")
            }
            axes.append(axis)
        }
        return axes
    }

    /// Refuses what has no meaning together.
    private func check(_ arguments: Arguments) throws(CommandFailure) {
        for name in ["home", "cluster"] where arguments.has(name) {
            throw .usage("bench scale makes clusters of its own; leave --\(name) out")
        }
        guard !axes.contains(.users) || usersMax > 2 * pairs else {
            throw .usage("--pairs \(pairs) are \(2 * pairs) users, with whom the curve begins: --users-max must be more")
        }
        guard axes == [.users] || users >= 2 * pairs else {
            throw .usage("--pairs \(pairs) are \(2 * pairs) users: --users must be at least as many")
        }
        if axes.contains(.sessions), arguments.has("sessions") {
            throw .usage("along sessions their number is what grows: leave --sessions out, or that axis")
        }
        if axes.contains(.entries), arguments.has("postgres") {
            throw .usage("along entries the store's file is filled before the start: leave --postgres out, or that axis")
        }
    }

    // MARK: Points

    /// The values along an axis, rising, at least two.
    public func values(_ axis: ScaleAxis) -> [Int] {
        switch axis {
        case .users: Self.ladder([2 * pairs] + [1_000, 5_000, 15_000].filter { $0 > 2 * pairs }, to: usersMax)
        case .sessions: Self.ladder([1, 2, 4, 8, 16, 32], to: sessionsMax)
        case .entries: Self.ladder([0, 1_000_000, 5_000_000], to: entriesMax)
        }
    }

    /// Steps below the last value, and it.
    private static func ladder(_ steps: [Int], to last: Int) -> [Int] { steps.filter { $0 < last } + [last] }

    /// The places of a curve's points in the order in which a round measures them: forth, back, forth, so that a machine which
    /// becomes slower all the time does so for all of them.
    public static func order(pointCount: Int, round: Int) -> [Int] {
        round % 2 == 0 ? Array(0..<pointCount) : (0..<pointCount).reversed()
    }

    /// Users who are connected at a point.
    public func users(_ axis: ScaleAxis, _ value: Int) -> Int { axis == .users ? value : users }

    /// The most connections that a run holds.
    public var connectionCountMax: Int { axes.map { users($0, values($0).last!) }.max() ?? users }

    /// The run of the chat scenario at a point.
    public func chat(_ axis: ScaleAxis, _ value: Int) -> ChatPlan {
        var chat = ChatPlan()
        chat.users = 2 * pairs
        chat.silentUsers = users(axis, value) - chat.users
        chat.window = window
        chat.rate = rate
        chat.seconds = seconds
        chat.warmSeconds = warmSeconds
        chat.drainSeconds = BenchLimits.scaleDrainSeconds
        chat.bodyBytes = bodyBytes
        chat.encoding = encoding
        return chat
    }
}
