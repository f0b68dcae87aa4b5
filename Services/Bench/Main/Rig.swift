// What every scenario needs from the machine: a cluster, descriptors, a stop signal, dice; and the report at the end.

import BenchKit
import ChatClient
import Cluster
import Crypto
import FantailCLI
import Primitives
import ServiceKit

struct Rig {
    let home: ClusterHome
    let stop: Descriptor
    let own: OwnCluster?

    /// Descriptors beside the clients': files, pipes, admin connections.
    private static let descriptorReserve = 64
    /// How long the gateways have to answer a knock.
    private static let knockMs: Int64 = 2_000

    /// - Parameter connectionCount: sockets that the run holds at once.
    init(_ arguments: Arguments, connectionCount: Int) throws(CommandFailure) {
        try OwnClusterOptions.check(arguments)
        try Self.checkDescriptors(connectionCount: connectionCount)
        stop = SystemCalls.stopSignals()
        if arguments.has("start") {
            own = try OwnCluster(arguments)
        } else {
            own = nil
        }
        do throws(CommandFailure) {
            home = try ClusterHome(own?.folder ?? ClusterHome.folder(arguments), clusterFile: arguments.value("cluster"), authority: arguments.value("ca"))
            guard Fleet.isAnybodyThere(try home.gateways(), timeoutMs: Self.knockMs) else {
                throw .failure(
                    "no gateway of the cluster in \(home.folder) answers: type deploy/run.sh --home \(home.folder) --detach, or let bench start a cluster of its own with --start")
            }
        } catch {
            own?.stop()
            throw error
        }
    }

    /// - Throws: when this process may not hold so many sockets at once.
    static func checkDescriptors(connectionCount: Int) throws(CommandFailure) {
        let limit = SystemCalls.raiseDescriptorLimit()
        guard connectionCount + descriptorReserve <= limit else {
            throw .failure(
                "\(connectionCount) connections need \(connectionCount + descriptorReserve) descriptors, and this process may have \(limit): raise the limit with ulimit -n, or take fewer users")
        }
    }

    /// Dice of their own for each process.
    static func dice() -> SeededGenerator {
        SeededGenerator(seed: OpenSSLCrypto().randomBytes(8).reduce(0) { $0 << 8 | UInt64($1) })
    }

    /// Plays a scenario against a cluster, and gives all its sockets back.
    /// - Returns: the scenario at its end, and what was found out beside it; nil when a signal stopped it.
    static func run<S: Scenario>(
        _ scenario: S, on home: ClusterHome, windowCount: Int, encoding: ClientEncoding, dice: SeededGenerator, isQuiet: Bool, stop: Descriptor
    ) throws(CommandFailure) -> (scenario: S, findings: RunFindings)? {
        let mark = scenario.ledger.mark
        let fleet = Fleet(
            memberCount: scenario.roster.memberCount, windowCount: windowCount, gateways: try home.gateways(), encoding: encoding,
            dice: dice, token: { home.mint(mark.user($0)) })
        defer { fleet.end() }
        var runner = Runner(scenario, fleet: fleet, home: home, isQuiet: isQuiet)
        guard runner.run(stop: stop) else { return nil }
        return (runner.scenario, runner.findings(home.map))
    }

    /// Plays a scenario and reports.
    /// - Parameters:
    ///   - make: the scenario for this cluster; `random` names the run.
    ///   - report: draws the report from what was found out.
    static func play<S: Scenario>(
        _ arguments: Arguments, connectionCount: Int, windowCount: Int, encoding: ClientEncoding,
        make: (_ random: UInt64, _ cluster: ClusterMap) throws(CommandFailure) -> S, report: (S, RunFindings) -> Report
    ) throws(CommandFailure) -> Int32 {
        let json = try OutputFile(arguments, "json")
        let svg = try OutputFile(arguments, "svg")
        let rig = try Rig(arguments, connectionCount: connectionCount)
        defer { rig.own?.stop() }
        var dice = dice()
        let scenario = try make(dice.next(), rig.home.map)
        let played = try run(
            scenario, on: rig.home, windowCount: windowCount, encoding: encoding, dice: dice.split(), isQuiet: arguments.has("quiet"),
            stop: rig.stop)
        guard let played else { return stopped() }
        let result = report(played.scenario, played.findings)
        try json?.write(result.json.rendered)
        try svg?.write(RunChart.svg(result))
        Terminal.print(ReportTable.rows(result))
        return result.exitCode
    }

    /// Says that a signal came.
    /// - Returns: the exit code.
    static func stopped() -> Int32 {
        Terminal.complain("stopped before the end; nothing is reported")
        return 130
    }
}
