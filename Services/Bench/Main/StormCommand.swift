// bench storm: everybody reconnects at once.

import BenchKit
import Cluster
import FantailCLI

enum StormCommand {
    static let spec = CommandSpec(
        "storm", "Cut everybody at once: time and CPU until all are back", synopsis: "[OPTIONS]",
        options: StormPlan.options + OwnClusterOptions.options + OwnClusterOptions.reportOptions, notes: HelpNotes.storm, tool: "bench")

    static func run(_ arguments: Arguments) throws(CommandFailure) -> Int32 {
        let plan = try StormPlan(arguments)
        return try Rig.play(
            arguments, connectionCount: plan.users, windowCount: 16, encoding: plan.encoding,
            make: { random, cluster throws(CommandFailure) in
                guard !plan.isDeadly || cluster.nodes(of: .gateway).count(where: { $0.client != nil }) >= 2 else {
                    throw .usage("--kill needs a second gateway, where the others go: --start --gateways 2")
                }
                return StormScenario(plan, mark: MessageMark(random: random, bodyBytes: plan.bodyBytes))
            }, report: { $0.report($1) })
    }
}
