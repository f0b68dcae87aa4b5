// bench idle: silent connections, their memory and their heartbeats.

import BenchKit
import FantailCLI

enum IdleCommand {
    static let spec = CommandSpec(
        "idle", "Silent connections: memory and CPU of each", synopsis: "[OPTIONS]",
        options: IdlePlan.options + OwnClusterOptions.options + OwnClusterOptions.reportOptions, notes: HelpNotes.idle, tool: "bench")

    static func run(_ arguments: Arguments) throws(CommandFailure) -> Int32 {
        let plan = try IdlePlan(arguments)
        return try Rig.play(
            arguments, connectionCount: plan.users, windowCount: 16, encoding: plan.encoding,
            make: { random, _ in IdleScenario(plan, mark: MessageMark(random: random, bodyBytes: MessageMark.bodyBytesMin)) }, report: { $0.report($1) })
    }
}
