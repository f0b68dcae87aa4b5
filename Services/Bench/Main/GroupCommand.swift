// bench group: a message goes to everybody in its group.

import BenchKit
import FantailCLI

enum GroupCommand {
    static let spec = CommandSpec(
        "group", "Everybody in a group gets everything: deliveries a second, spread, CPU for each", synopsis: "[OPTIONS]",
        options: GroupPlan.options + OwnClusterOptions.options + OwnClusterOptions.reportOptions, notes: HelpNotes.group,
        tool: "bench")

    static func run(_ arguments: Arguments) throws(CommandFailure) -> Int32 {
        let plan = try GroupPlan(arguments)
        return try Rig.play(
            arguments, connectionCount: plan.shape.userCount, windowCount: plan.clientWindow, encoding: plan.encoding,
            make: { random, _ in GroupScenario(plan, mark: MessageMark(random: random, bodyBytes: plan.bodyBytes)) }, report: { $0.report($1) })
    }
}
