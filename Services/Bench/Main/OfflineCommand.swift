// bench offline: messages for people who are away, who then come.

import BenchKit
import FantailCLI

enum OfflineCommand {
    static let spec = CommandSpec(
        "offline", "Store for offline users, then let them fetch", synopsis: "[OPTIONS]",
        options: OfflinePlan.options + OwnClusterOptions.options + OwnClusterOptions.reportOptions, notes: HelpNotes.offline, tool: "bench")

    static func run(_ arguments: Arguments) throws(CommandFailure) -> Int32 {
        let plan = try OfflinePlan(arguments)
        return try Rig.play(
            arguments, connectionCount: plan.users + plan.senders, windowCount: plan.clientWindow, encoding: plan.encoding,
            make: { random, _ in OfflineScenario(plan, mark: MessageMark(random: random, bodyBytes: plan.bodyBytes)) }, report: { $0.report($1) })
    }
}
