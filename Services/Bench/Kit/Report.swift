// What a run found out, in one value for all scenarios; the table, the JSON and the charts are drawn from it.

/// A number with its name.
public struct Figure: Equatable, Sendable {
    /// In the JSON.
    public let key: String
    public let label: String
    /// nil: was not found out.
    public let value: Double?
    public let places: Int
    /// Behind the number in the table.
    public let unit: String

    public init(_ key: String, _ label: String, _ value: Double?, places: Int = 0, unit: String = "") {
        self.key = key
        self.label = label
        self.value = value
        self.places = places
        self.unit = unit
    }

    public init(_ key: String, _ label: String, count: UInt64) { self.init(key, label, Double(count)) }
}

/// Figures that belong together.
public struct FigureGroup: Equatable, Sendable {
    public let title: String
    public var figures: [Figure]

    public init(_ title: String, _ figures: [Figure]) {
        self.title = title
        self.figures = figures
    }
}

/// One second of a run.
public struct SecondPoint: Equatable, Sendable {
    /// Since the beginning of the run, seconds.
    public var at: Double
    public var phase: ScenarioPhase
    /// Messages that were done in it, a second.
    public var rate: Double
    /// Of these, from the send; nil when there was none.
    public var p50Us: Int64?
    public var p99Us: Int64?
    public var liveCount: Int

    public init(at: Double, phase: ScenarioPhase, rate: Double, p50Us: Int64?, p99Us: Int64?, liveCount: Int) {
        self.at = at
        self.phase = phase
        self.rate = rate
        self.p50Us = p50Us
        self.p99Us = p99Us
        self.liveCount = liveCount
    }
}

/// A named histogram.
public struct LatencyRow: Sendable {
    public let key: String
    public let label: String
    public let histogram: LatencyHistogram

    public init(_ key: String, _ label: String, _ histogram: LatencyHistogram) {
        self.key = key
        self.label = label
        self.histogram = histogram
    }
}

public struct Report: Sendable {
    public var scenario: String
    /// One line that says what was done.
    public var headline: String
    public var settings: [JSONValue.Member]
    public var groups: [FigureGroup] = []
    public var latencies: [LatencyRow] = []
    public var costs: [Cost] = []
    public var curve: [SecondPoint] = []
    /// Costs by what grows: of `bench scale`.
    public var scales: [ScaleCurve] = []
    /// What the curve counts, in the plural, and what its latencies end with.
    public var curveWords = (work: "exchanges", end: "receipt")
    /// Drawn behind those that every scenario has.
    public var charts: [Chart] = []
    public var verdict = Verdict()
    /// Sentences about what stood in the way.
    public var notes: [String] = []

    public init(scenario: String, headline: String, settings: [JSONValue.Member]) {
        self.scenario = scenario
        self.headline = headline
        self.settings = settings
    }

    /// The value of a figure by its key; nil when there is none, or it was not found out.
    public func figure(_ key: String) -> Double? { groups.lazy.flatMap(\.figures).first { $0.key == key }?.value }

    public var exitCode: Int32 { verdict.isKept ? 0 : 1 }
}
