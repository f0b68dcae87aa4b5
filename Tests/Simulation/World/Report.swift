// What a run says when it is over.

import Primitives

/// The outcome of one seed.
public struct RunReport: Equatable, Sendable {
    public let seed: UInt64
    public let hash: UInt64
    public let shape: String
    public let occurrenceCount: Int
    public let virtualSeconds: Int
    public let messageCount: Int
    public let shownCount: Int
    public let copyCount: Int
    public let gapCount: Int
    /// By `FaultKind`.
    public let faultCounts: [Int]
    public let violation: Violation?

    init(_ world: World) {
        seed = world.seed
        hash = world.hash.value
        shape = world.shape.text
        occurrenceCount = world.occurrenceCount
        virtualSeconds = Int(world.moment / Interval.seconds(1).nanoseconds)
        messageCount = world.checker.messages.count
        shownCount = world.checker.shownCount
        copyCount = world.checker.copyCount
        gapCount = world.checker.gapCount
        faultCounts = world.faults.counts
        violation = world.checker.violation
    }

    /// One line.
    public var line: String {
        "seed \(seed)  \(violation == nil ? "ok" : "VIOLATION")  \(shape)  \(virtualSeconds) s  \(messageCount) messages  "
            + "\(shownCount) shown  \(copyCount) copies  \(faultCounts.reduce(0, +)) faults  \(occurrenceCount) events  "
            + "hash \(String(hash, radix: 16))"
    }
}

/// The sum of many runs.
public struct RunTotals: Sendable {
    public private(set) var seedCount = 0
    public private(set) var violationCount = 0
    private var virtualSeconds = 0
    private var messageCount = 0
    private var shownCount = 0
    private var occurrenceCount = 0
    private var faultCounts = [Int](repeating: 0, count: FaultKind.allCases.count)

    public init() {}

    public mutating func add(_ report: RunReport) {
        seedCount += 1
        if report.violation != nil { violationCount += 1 }
        virtualSeconds += report.virtualSeconds
        messageCount += report.messageCount
        shownCount += report.shownCount
        occurrenceCount += report.occurrenceCount
        for index in faultCounts.indices { faultCounts[index] += report.faultCounts[index] }
    }

    public func text(wallSeconds: Double) -> String {
        let faults = zip(FaultKind.allCases, faultCounts).map { "\($1) \($0.name)" }.joined(separator: ", ")
        return """
            \(seedCount) seeds, \(violationCount) violations; \(virtualSeconds) simulated seconds in \(Int(wallSeconds)) s; \(messageCount) messages, \(shownCount) deliveries, \(occurrenceCount) events
            faults: \(faults)
            """
    }
}

extension World {
    /// Runs a seed; when a rule was broken, runs it again to tell the story.
    /// - Returns: the report, and lines to print behind its own line: none when all is well.
    public static func judge(seed: UInt64, plant: Plant? = nil, storyLines: Int = 60) -> (report: RunReport, story: [String]) {
        let report = World(seed: seed, plant: plant).run()
        guard let violation = report.violation else { return (report, []) }
        let again = World(seed: seed, plant: plant, traceLines: 200_000)
        let repeated = again.run()
        var story = [
            "  rule:      \(violation.rule.rawValue)", "  at:        \(Trace.time(violation.moment)) s",
            "  expected:  \(violation.expected)", "  found:     \(violation.found)",
        ]
        if repeated != report { story.append("  the second run went differently: the simulation is not deterministic") }
        if storyLines > 0 {
            let excerpt = again.trace.excerpt(violation.message, count: storyLines)
            story.append("  the last \(excerpt.count) lines\(violation.message.map { " about \($0)" } ?? ""):")
            story += excerpt.map { "    " + $0 }
        }
        story.append("  replay with: simulate --seed \(seed)\(plant.map { " --plant \($0.rawValue)" } ?? "") --trace")
        return (report, story)
    }
}
