// bench chat: pairs that write to each other's half.

import BenchKit
import Cluster
import FantailCLI
import Crypto
import Primitives
import ServiceKit

enum ChatCommand {
    static let spec = CommandSpec(
        "chat", "Pairs write; measures exchanges, latencies and CPU", synopsis: "[OPTIONS]", options: ChatPlan.options, tool: "bench")

    static func run(_ arguments: Arguments) throws(CommandFailure) -> Int32 {
        let plan = try ChatPlan(arguments)
        let stop = SystemCalls.stopSignals()
        _ = SystemCalls.raiseDescriptorLimit()
        let home = try ClusterHome(ClusterHome.folder(arguments))
        var dice = SeededGenerator(seed: OpenSSLCrypto().randomBytes(8).reduce(0) { $0 << 8 | UInt64($1) })
        let mark = MessageMark(random: dice.next(), bodyBytes: plan.bodyBytes)
        let fleet = Fleet(
            memberCount: plan.users, windowCount: max(16, plan.window), gateways: try home.gateways(), encoding: plan.encoding,
            dice: dice.split(), token: { home.mint(mark.user($0)) })
        var runner = Runner(ChatScenario(plan, mark: mark), fleet: fleet, watch: ProcessWatch(home))
        guard case .over = runner.run(stop: stop) else { return 130 }
        guard let begin = runner.samples[.begin], let end = runner.samples[.end] else {
            throw .failure("the run never came to measuring: \(fleet.counters.lastTrouble ?? "clients did not connect")")
        }
        let seconds = Double(end.atNs - begin.atNs) / 1e9
        let exchanges = Double(end.counts.receipts - begin.counts.receipts)
        var text = "exchanges/s \(Int(exchanges / seconds))\n"
        var sum = 0.0
        for role in Role.allCases where !home.map.nodes(of: role).isEmpty {
            let us = home.map.nodes(of: role).reduce(0) { $0 + end.cpuUs[Int($1.id.rawValue)] - begin.cpuUs[Int($1.id.rawValue)] }
            sum += Double(us)
            text += "  \(role.name): \((Double(us) / exchanges * 10).rounded() / 10) us/exchange\n"
        }
        text += "  all: \((sum / exchanges * 10).rounded() / 10) us/exchange\n"
        text += "  bench itself: \((Double(end.ownCpuUs - begin.ownCpuUs) / exchanges * 10).rounded() / 10) us/exchange\n"
        for (leg, histogram) in zip(Ledger.Leg.allCases, runner.scenario.ledger.latencies) {
            text += "  \(leg) us:"
            for q in [0.5, 0.9, 0.99, 0.999, 1] { text += " \(histogram.percentile(q) ?? -1)" }
            text += "\n"
        }
        text += "\(runner.scenario.ledger.counts)\n\(runner.scenario.ledger.balance(now: SystemCalls.instant()))\n\(fleet.counters)\n"
        Terminal.print(text)
        return 0
    }
}
