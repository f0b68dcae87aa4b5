// bench newyear: ten times what the cluster can take.

import BenchKit
import FantailCLI

enum NewyearCommand {
    static let spec = CommandSpec(
        "newyear", "Ten times the peak: goodput, queue wait, what is given up, time to recover", synopsis: "[OPTIONS]",
        options: NewyearPlan.options + OwnClusterOptions.options + OwnClusterOptions.reportOptions, notes: HelpNotes.newyear, tool: "bench")

    static func run(_ arguments: Arguments) throws(CommandFailure) -> Int32 {
        let plan = try NewyearPlan(arguments)
        return try Rig.play(
            arguments, connectionCount: plan.users, windowCount: plan.clientWindow, encoding: plan.encoding,
            make: { NewyearScenario(plan, mark: MessageMark(random: $0, bodyBytes: plan.bodyBytes), nodeCount: $1.nodes.count) },
            report: { $0.report($1) })
    }
}
