// bench chat: pairs that write, one half to the other.

import BenchKit
import Cluster
import FantailCLI

enum ChatCommand {
    static let spec = CommandSpec(
        "chat", "Pairs write to each other: exchanges a second, latencies, CPU for each", synopsis: "[OPTIONS]",
        options: ChatPlan.options + OwnClusterOptions.options + OwnClusterOptions.reportOptions, notes: HelpNotes.chat, tool: "bench")

    static func run(_ arguments: Arguments) throws(CommandFailure) -> Int32 {
        let plan = try ChatPlan(arguments)
        return try Rig.play(
            arguments, connectionCount: plan.users, windowCount: plan.clientWindow, encoding: plan.encoding,
            make: { random, cluster throws(CommandFailure) in
                let doors = cluster.nodes(of: .gateway).filter { $0.client != nil }
                let place = plan.gateway.map { name in doors.firstIndex { $0.name == name } }
                guard place != .some(nil) else { throw .usage("no gateway of the cluster is called \(Printable.line(plan.gateway!))") }
                return ChatScenario(plan, mark: MessageMark(random: random, bodyBytes: plan.bodyBytes), gateway: place ?? nil)
            }, report: { $0.report($1) })
    }
}
