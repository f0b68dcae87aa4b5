// What is told of a run that broke a rule: which rule, what was expected, what was found, the life of the message it was
// about, and the command that shows it all again.

import Primitives

extension World {
    /// Runs a seed; when a rule was broken, runs it again to tell the story.
    /// - Returns: the report, and lines to print behind its own line: none when all is well.
    public static func judge(
        seed: UInt64, plant: Plant? = nil, trim: Trim = .none, storyLines: Int = 60
    ) -> (report: RunReport, story: [String]) {
        let report = World(seed: seed, plant: plant, trim: trim).run()
        guard let violation = report.violation else { return (report, []) }
        let again = World(seed: seed, plant: plant, trim: trim, traceLines: 200_000)
        let repeated = again.run()
        var story = violation.lines
        if repeated != report { story.append("  the second run went differently: the simulation is not deterministic") }
        if storyLines > 0 {
            let excerpt = again.trace.excerpt(violation.message, count: storyLines)
            story.append("  the last \(excerpt.count) lines\(violation.message.map { " about \($0), and faults" } ?? ""):")
            story += excerpt.map { "    " + $0 }
        }
        story.append("  replay with: \(command(seed: seed, plant: plant, trim: trim)) --trace")
        story.append("  shrink with: \(command(seed: seed, plant: plant, trim: trim)) --shrink")
        return (report, story)
    }

    /// The command line that runs it again.
    public static func command(seed: UInt64, plant: Plant?, trim: Trim) -> String {
        var words = ["simulate --seed \(seed)"]
        if let plant { words.append("--plant \(plant.rawValue)") }
        if trim != .none { words.append(trim.arguments) }
        return words.joined(separator: " ")
    }
}

extension Violation {
    /// For a reader of the terminal.
    public var lines: [String] {
        [
            "  rule:      \(rule.rawValue)", "  at:        \(Trace.time(moment)) s", "  expected:  \(expected)",
            "  found:     \(found)",
        ]
    }
}
