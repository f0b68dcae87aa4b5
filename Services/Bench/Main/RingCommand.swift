// bench ring: rings of all sizes, without a cluster.

import BenchKit
import FantailCLI
import Primitives
import Ring
import ServiceKit

enum RingCommand {
    static let spec = CommandSpec(
        "ring", "How even rings of 3 to 1,000 members are, and what moves", synopsis: "[SIZE...]", options: [], notes: HelpNotes.ring,
        tool: "bench")

    private static let sizes = [3, 10, 30, 100, 300, 1_000]
    /// Tables that are built while the clock runs.
    private static let buildCount = 5

    static func run(_ arguments: Arguments) throws(CommandFailure) -> Int32 {
        var lines: [RingSurveyReport.Line] = []
        for size in try sizes(arguments.operands) {
            do throws(RingError) {
                let survey = try RingSurvey(memberCount: size)
                let start = SystemCalls.instant()
                for seed in 0..<UInt64(buildCount) { _ = try RingSurvey.table(0..<size, leaver: nil, seed: seed) }
                let took = SystemCalls.instant() - start
                lines.append(.init(survey, buildMs: Double(took.nanoseconds) / 1e6 / Double(buildCount)))
            } catch {
                throw .failure("no ring of \(size) members: \(error)")
            }
        }
        let verdict = RingSurveyReport.verdict(lines)
        Terminal.print(RingSurveyReport.rows(lines) + [Row()] + verdict.rows)
        return verdict.isKept ? 0 : 1
    }

    private static func sizes(_ words: [String]) throws(CommandFailure) -> [Int] {
        guard !words.isEmpty else { return sizes }
        var wanted: [Int] = []
        for word in words {
            guard let size = Int(word), (2...RingLimits.memberCountMax).contains(size) else {
                throw .usage("a size is a number from 2 to \(RingLimits.memberCountMax), not \"\(Printable.line(word))\"")
            }
            wanted.append(size)
        }
        return wanted
    }
}
