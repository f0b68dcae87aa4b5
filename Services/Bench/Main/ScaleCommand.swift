// bench scale: the chat scenario at several points along an axis, each with a cluster of its own.
//
// Every measurement begins with services that were just started and an empty store, so that nothing which an earlier one left
// behind is part of it. Only the stores that were filled stay from round to round, for filling takes longer than measuring.

import BenchKit
import ClientProtocol
import FantailCLI
import Primitives
import ServiceKit

enum ScaleCommand {
    static let spec = CommandSpec(
        "scale", "What an exchange costs with more users, session nodes, entries: no cliff", synopsis: "[OPTIONS]",
        options: ScalePlan.options + clusterOptions + OwnClusterOptions.reportOptions, notes: HelpNotes.scale, tool: "bench")

    private static var clusterOptions: [OptionSpec] {
        OwnClusterOptions.options.map { $0.name == "start" ? OptionSpec("start", nil, "may be left out: clusters are always made for the run") : $0 }
    }

    static func run(_ arguments: Arguments) throws(CommandFailure) -> Int32 {
        let plan = try ScalePlan(arguments)
        let json = try OutputFile(arguments, "json")
        let svg = try OutputFile(arguments, "svg")
        try Rig.checkDescriptors(connectionCount: plan.connectionCountMax)
        var tour = ScaleTour(plan, arguments)
        defer { tour.end() }
        guard let report = try tour.report() else { return Rig.stopped() }
        try json?.write(report.json.rendered)
        try svg?.write(RunChart.svg(report))
        Terminal.print(ReportTable.rows(report))
        return report.exitCode
    }
}

/// From point to point.
private struct ScaleTour {
    private let plan: ScalePlan
    private let arguments: Arguments
    private let isQuiet: Bool
    private let stop = SystemCalls.stopSignals()
    private var dice = Rig.dice()
    /// By entries: clusters whose store was filled. They stand still while another one is measured.
    private var filled: [Int: OwnCluster] = [:]

    init(_ plan: ScalePlan, _ arguments: Arguments) {
        self.plan = plan
        self.arguments = arguments
        isQuiet = arguments.has("quiet")
    }

    /// Removes what is still there of clusters.
    func end() { for cluster in filled.values { cluster.stop() } }

    /// Measures all curves.
    /// - Returns: nil when a signal came.
    mutating func report() throws(CommandFailure) -> Report? {
        var curves: [ScaleCurve] = []
        var fillings: [ScaleFilling] = []
        var troubles: [String] = []
        for axis in plan.axes {
            var curve = ScaleCurve(axis, plan.values(axis).map { ScalePoint($0) })
            // Another name for the users of each round: a store that stays must not know them, and a store that is filled
            // gets them among its own.
            let marks = (0..<plan.rounds).map { _ in MessageMark(random: dice.next(), bodyBytes: plan.bodyBytes) }
            if axis == .entries {
                for value in plan.values(axis) where value > 0 {
                    guard let filling = try fill(value, guests: marks) else { return nil }
                    fillings.append(filling)
                }
            }
            for round in 0..<plan.rounds {
                for place in ScalePlan.order(pointCount: curve.points.count, round: round) {
                    let value = curve.points[place].value
                    tell("along \(axis.rawValue), round \(round + 1) of \(plan.rounds): \(axis.noun) \(Words.count(UInt64(value)))")
                    guard let chat = try measure(axis, value, marks[round]) else { return nil }
                    curve.points[place].runs.append(ScaleRun(chat))
                    troubles += chat.notes.filter { !troubles.contains($0) }
                }
            }
            curves.append(curve)
        }
        var report = plan.report(curves, fillings: fillings)
        report.notes = troubles
        return report
    }

    /// One measurement.
    /// - Returns: nil when a signal came.
    private mutating func measure(_ axis: ScaleAxis, _ value: Int, _ mark: MessageMark) throws(CommandFailure) -> Report? {
        let kept = axis == .entries ? filled[value] : nil
        try kept?.resume()
        let cluster: OwnCluster
        if let kept { cluster = kept } else { cluster = try OwnCluster(arguments, sessions: axis == .sessions ? value : nil) }
        defer { if kept == nil { cluster.stop() } else { cluster.halt() } }
        let chat = plan.chat(axis, value)
        let played = try Rig.run(
            ChatScenario(chat, mark: mark), on: try ClusterHome(cluster.folder, authority: arguments.value("ca")),
            windowCount: chat.clientWindow, encoding: chat.encoding, dice: dice.split(), isQuiet: isQuiet, stop: stop)
        return played.map { $0.scenario.report($0.findings) }
    }

    /// Makes a cluster, which makes its store, and fills that while its services rest.
    /// - Returns: nil when a signal came.
    private mutating func fill(_ entryCount: Int, guests: [MessageMark]) throws(CommandFailure) -> ScaleFilling? {
        tell("a store for \(Words.count(UInt64(entryCount))) entries")
        let cluster = try OwnCluster(arguments)
        filled[entryCount] = cluster
        cluster.halt()
        let filler = StoreFilling(
            home: try ClusterHome(cluster.folder), entryCount: entryCount, mark: MessageMark(random: dice.next(), bodyBytes: plan.bodyBytes),
            guests: guests.flatMap { mark in (0..<plan.users).map { mark.user($0) } })
        let stop = stop
        return try filler.run { [self] done in
            tell("\(Words.count(UInt64(done))) of \(Words.count(UInt64(entryCount))) entries")
            return !SystemCalls.wait(stop, timeoutMs: 0)
        }
    }

    private func tell(_ line: String) { if !isQuiet { Terminal.progress(line) } }
}
