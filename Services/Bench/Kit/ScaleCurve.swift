// What `bench scale` found: curves of points, each point measured several times. Medians count, so that one run which the
// machine disturbed says nothing.

import FantailCLI

/// What one measurement said, taken from the report of its run.
public struct ScaleRun: Equatable, Sendable {
    /// What one service spent.
    public struct Share: Equatable, Sendable {
        public let service: String
        /// CPU time for each exchange; nil: some process of it was never seen.
        public let us: Double?

        public init(_ service: String, _ us: Double?) {
            self.service = service
            self.us = us
        }
    }

    public let exchangesPerSecond: Double?
    /// CPU time of all services for each exchange; nil: could not be found out.
    public let us: Double?
    public let shares: [Share]
    /// Of the load tool.
    public let ownUs: Double?
    /// The lines that say whether the run was right.
    public let lines: [VerdictLine]
    /// Counts of what stood in the way.
    public let troubles: [Figure]

    public init(exchangesPerSecond: Double?, us: Double?, shares: [Share], ownUs: Double?, lines: [VerdictLine], troubles: [Figure] = []) {
        self.exchangesPerSecond = exchangesPerSecond
        self.us = us
        self.shares = shares
        self.ownUs = ownUs
        self.lines = lines
        self.troubles = troubles
    }

    /// - Parameter report: of a run of the chat scenario.
    public init(_ report: Report) {
        let cost = report.costs.first
        self.init(
            exchangesPerSecond: report.figure("exchanges_per_second"), us: cost.flatMap { $0.each($0.cpuUs) },
            shares: cost.map { cost in cost.services.map { Share($0.name, cost.each($0.cpuUs)) } } ?? [],
            ownUs: cost.flatMap { $0.each($0.ownCpuUs) }, lines: report.verdict.lines,
            troubles: report.groups.first { $0.title == RunFindings.troublesTitle }?.figures.filter(\.unit.isEmpty) ?? [])
    }
}

/// A point of a curve. All figures are medians over its runs.
public struct ScalePoint: Equatable, Sendable {
    /// What there was of what grows.
    public let value: Int
    public var runs: [ScaleRun] = []

    public init(_ value: Int, _ runs: [ScaleRun] = []) {
        self.value = value
        self.runs = runs
    }

    public var exchangesPerSecond: Double? { Self.median(runs.map(\.exchangesPerSecond)) }
    public var us: Double? { Self.median(runs.map(\.us)) }
    public var ownUs: Double? { Self.median(runs.map(\.ownUs)) }
    /// Services in the order of the first run. Each has its own median, so that their sum is not always that of all.
    public var shares: [ScaleRun.Share] {
        (runs.first?.shares ?? []).map { .init($0.service, us(of: $0.service)) }
    }

    public func us(of service: String) -> Double? {
        Self.median(runs.map { run in run.shares.first { $0.service == service }?.us })
    }

    /// The cheapest and the dearest run; nil when one of them is unknown.
    public var usRange: ClosedRange<Double>? {
        let known = runs.compactMap(\.us)
        guard known.count == runs.count, let least = known.min(), let most = known.max() else { return nil }
        return least...most
    }

    /// The value in the middle, the mean of two where two are there; nil when there is none, or one of them is unknown.
    static func median(_ values: [Double?]) -> Double? {
        let known = values.compactMap { $0 }.sorted()
        guard !known.isEmpty, known.count == values.count else { return nil }
        let middle = known.count / 2
        return known.count % 2 == 1 ? known[middle] : (known[middle - 1] + known[middle]) / 2
    }
}

public struct ScaleCurve: Equatable, Sendable {
    public let axis: ScaleAxis
    /// In the order of their values.
    public var points: [ScalePoint]

    public init(_ axis: ScaleAxis, _ points: [ScalePoint]) {
        self.axis = axis
        self.points = points
    }

    /// What the cheapest point costs; nil when any is unknown.
    public var usMin: Double? {
        let known = points.compactMap(\.us)
        return known.count == points.count ? known.min() : nil
    }

    /// How many times the cheapest point another one costs; nil when that cannot be said.
    public func ratio(_ point: ScalePoint) -> Double? {
        guard let usMin, usMin > 0, let us = point.us else { return nil }
        return us / usMin
    }

    /// The dearest point by the cheapest.
    public var ratio: Double? {
        let ratios = points.map { ratio($0) }
        return ratios.contains(nil) ? nil : ratios.compactMap { $0 }.max()
    }

    /// Services in the order of the cluster file.
    public var services: [String] { points.first?.shares.map(\.service) ?? [] }
}

extension VerdictLine {
    /// The lines of several runs in one each: values and what was wanted are summed. What is unknown stays so.
    static func sum(of runs: [[VerdictLine]]) -> [VerdictLine] {
        var sums: [VerdictLine] = []
        for line in runs.joined() {
            guard let place = sums.firstIndex(where: { $0.key == line.key }) else {
                sums.append(line)
                continue
            }
            let sum = sums[place]
            var bound = sum.bound
            if case .exactly(let one) = sum.bound, case .exactly(let other) = line.bound { bound = .exactly(one + other) }
            let value = sum.value.flatMap { value in line.value.map { value + $0 } }
            sums[place] = VerdictLine(line.key, line.label, value, bound)
        }
        return sums
    }
}
