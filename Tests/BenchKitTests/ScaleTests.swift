// bench scale without a machine: what was typed, medians and ratios, table, JSON, chart and verdict.

import BenchKit
import Cluster
import FantailCLI
import Primitives
import Testing

private func parsed(_ words: String) throws -> ScalePlan {
    let options = ScalePlan.options + OwnClusterOptions.options + CommandSpec.commonOptions
    return try ScalePlan(try Arguments(words.split(separator: " ").map(String.init), options: options))
}

private func run(_ us: Double?, perSecond: Double = 1_000, lines: [VerdictLine] = []) -> ScaleRun {
    ScaleRun(
        exchangesPerSecond: perSecond, us: us, shares: [.init("gateway", us.map { $0 / 2 }), .init("media", 0.01)], ownUs: 7, lines: lines,
        troubles: [Figure("reconnects", "reconnects", 2)])
}

@Suite("What bench scale was asked to do")
struct ScalePlanTests {
    @Test func withoutAWordAllThreeCurvesAreMeasured() throws {
        let plan = try parsed("")
        #expect(plan.axes == [.users, .sessions, .entries])
        #expect(plan.values(.users) == [100, 1_000, 5_000, 15_000])
        #expect(plan.values(.sessions) == [1, 2, 4, 8])
        #expect(plan.values(.entries) == [0, 1_000_000, 5_000_000])
        #expect(plan.ratioMax == 1.3)
        #expect(plan.connectionCountMax == 15_000)
    }

    @Test func aCurveEndsWhereItIsToldTo() throws {
        let plan = try parsed("--along entries,users --users-max 1300 --entries-max 2000000 --pairs 600 --users 1300")
        #expect(plan.axes == [.entries, .users])
        #expect(plan.values(.entries) == [0, 1_000_000, 2_000_000])
        #expect(plan.values(.users) == [1_200, 1_300])
        #expect(try parsed("--users-max 19000").values(.users) == [100, 1_000, 5_000, 15_000, 19_000])
        #expect(try parsed("--sessions-max 3").values(.sessions) == [1, 2, 3])
        #expect(try parsed("--entries-max 5").values(.entries) == [0, 5])
        #expect(try parsed("--pairs 500").values(.users) == [1_000, 5_000, 15_000])
    }

    @Test func thePairsAreTheSameEverywhereAndTheOthersSilent() throws {
        let plan = try parsed("--users 300 --window 2 --seconds 3 --warm 1 --encoding binary")
        let many = plan.chat(.users, 5_000)
        #expect(many.users == 100 && many.silentUsers == 4_900 && many.memberCount == 5_000)
        #expect(many.window == 2 && many.rate == nil && many.seconds == 3 && many.warmSeconds == 1 && many.encoding == .binary)
        #expect(plan.chat(.users, 100).silentUsers == 0)
        #expect(plan.chat(.sessions, 8).memberCount == 300)
        #expect(plan.chat(.entries, 5_000_000).memberCount == 300)
        #expect(try parsed("--along sessions --users 300").connectionCountMax == 300)
        #expect(try parsed("--rate 500").chat(.sessions, 1).rate == 500)
    }

    @Test func roundsGoForthAndBack() {
        #expect(ScalePlan.order(pointCount: 3, round: 0) == [0, 1, 2])
        #expect(ScalePlan.order(pointCount: 3, round: 1) == [2, 1, 0])
        #expect(ScalePlan.order(pointCount: 3, round: 2) == [0, 1, 2])
    }

    @Test(arguments: [
        "--along people", "--along users,users", "--along users,", "--users-max 100", "--users-max 99999", "--users 99", "--sessions-max 1",
        "--sessions 3", "--entries-max 0", "--postgres", "--home x", "--cluster x", "--rounds 0", "--ratio-max 0.9", "--ratio-max much",
        "--rate 5 --window 2", "--pairs 0", "--body 3", "extra",
    ])
    func wrongWordsAreRefusedWithASentence(_ words: String) throws {
        let failure = #expect(throws: CommandFailure.self) { try parsed(words) }
        #expect(failure?.exitCode == 64)
        #expect(failure?.sentence.isEmpty == false)
    }

    @Test func whatOneCurveForbidsAnotherAllows() throws {
        #expect(try parsed("--along users,entries --sessions 4").axes == [.users, .entries])
        #expect(try parsed("--along users,sessions --postgres --start").axes == [.users, .sessions])
        #expect(try parsed("--along users --users 2").axes == [.users])
    }
}

@Suite("What bench scale found")
struct ScaleCurveTests {
    @Test func theMedianOfTheRunsCounts() {
        #expect(ScalePoint(1, [run(10), run(90), run(12)]).us == 12)
        #expect(ScalePoint(1, [run(10), run(14)]).us == 12)
        #expect(ScalePoint(1, [run(10), run(90), run(12)]).us(of: "gateway") == 6)
        #expect(ScalePoint(1, [run(10), run(90), run(12)]).usRange == 10...90)
        #expect(ScalePoint(1).us == nil)
    }

    @Test func whatIsUnknownOnceIsUnknown() {
        let curve = ScaleCurve(.users, [ScalePoint(100, [run(10), run(nil), run(12)]), ScalePoint(1_000, [run(10)])])
        #expect(curve.points[0].us == nil && curve.points[0].usRange == nil)
        #expect(curve.usMin == nil && curve.ratio == nil)
        #expect(curve.ratio(curve.points[1]) == nil)
    }

    @Test func theRatioIsThatOfDearestAndCheapestWhereverTheyLie() {
        let curve = ScaleCurve(.sessions, [ScalePoint(1, [run(120)]), ScalePoint(2, [run(100)]), ScalePoint(4, [run(131)])])
        #expect(curve.ratio(curve.points[0]) == 1.2)
        #expect(curve.ratio == 1.31)
    }

    @Test func aRunIsTakenFromTheReportOfTheChatScenario() throws {
        let cluster = try ClusterMap.local(LocalCounts(), epoch: 1, storageMode: .temporary, clientPortBase: 8080, rpcPortBase: 7100)
        func sample(_ seconds: Int64, us: Int64) -> Sample {
            Sample(
                atNs: seconds * 1_000_000_000, cpuUs: [Int64?](repeating: us, count: cluster.nodes.count), ownCpuUs: us, counts: LedgerCounts(),
                privateBytes: [])
        }
        var report = Report(scenario: "chat", headline: "", settings: [])
        report.groups = [
            FigureGroup("", [Figure("exchanges_per_second", "", 50)]),
            FigureGroup("Troubles", [Figure("reconnects", "reconnects", 3), Figure("longest_away_ms", "longest away", 9, unit: "ms")]),
        ]
        report.costs = [Cost(noun: "exchange", count: 100, from: sample(1, us: 0), to: sample(3, us: 1_000), memory: nil, cluster: cluster)]
        report.verdict.lines = [VerdictLine("lost", "lost", 0, .exactly(0))]
        let run = ScaleRun(report)
        #expect(run.exchangesPerSecond == 50)
        #expect(run.us == 10 * Double(cluster.nodes.count))
        // Two gateways.
        #expect(run.shares.first == .init("gateway", 20))
        #expect(run.ownUs == 10)
        #expect(run.lines == report.verdict.lines)
        #expect(run.troubles.map(\.key) == ["reconnects"])
        let nothing = ScaleRun(Report(scenario: "chat", headline: "", settings: []))
        #expect(nothing.us == nil && nothing.shares.isEmpty && nothing.exchangesPerSecond == nil)
    }
}

@Suite("What bench scale reports")
struct ScaleReportTests {
    private func report(_ costs: [Double?], lost: Double = 0) throws -> Report {
        let lines = [VerdictLine("connected", "clients connected", 100, .exactly(100)), VerdictLine("lost", "lost", lost, .exactly(0))]
        let points = zip([100, 1_000, 15_000], costs).map { ScalePoint($0, [run($1, lines: lines)]) }
        return try parsed("--rounds 1").report(
            [ScaleCurve(.users, points), ScaleCurve(.entries, [ScalePoint(0, [run(80)]), ScalePoint(1_000_000, [run(80)])])],
            fillings: [ScaleFilling(entryCount: 1_000_000, seconds: 9.5, fileBytes: 2 * 1_048_576)])
    }

    @Test func aFlatCurveIsKept() throws {
        let report = try report([100, 104, 128.4])
        #expect(report.exitCode == 0)
        #expect(report.json["users_ratio"] == .number(1.284))
        #expect(report.json["verdict"]?["entries_ratio"]?["at_most"] == .number(1.3))
        #expect(report.json["fill_seconds_1000000"] == .number(9.5))
        #expect(report.json["connected"] == .number(300))
        #expect(report.json["reconnects"] == .number(10))
        #expect(report.json["settings"]?["ratio_max"] == .number(1.3))
        guard case .array(let points)? = report.json["scales"]?["users"] else {
            Issue.record("no curve")
            return
        }
        #expect(points.map { $0["users"] } == [.whole(100), .whole(1_000), .whole(15_000)])
        #expect(points[1]["by_cheapest"] == .number(1.04))
        #expect(points[1]["cpu_us_per_exchange"]?["all"] == .number(104))
        #expect(points[1]["cpu_us_per_exchange"]?["gateway"] == .number(52))
        #expect(points[1]["cpu_us_per_exchange"]?["bench"] == .number(7))
        #expect(report.json["scales"]?["entries"] != nil)
    }

    @Test func aCliffBreaksItsLineAndNoOther() throws {
        let report = try report([100, 104, 131])
        #expect(report.exitCode == 1)
        #expect(report.verdict.lines.filter { !$0.isKept }.map(\.key) == ["users_ratio"])
        #expect(ReportTable.rows(report).contains { $0.text.contains("BROKEN") && $0.text.contains("1.31") && $0.text.contains("1.3") })
    }

    @Test func whatWasLostInAnyRunAndWhatIsUnknownBreaksToo() throws {
        #expect(try report([100, 100, 100], lost: 1).json["lost"] == .number(3))
        #expect(try report([100, 100, 100], lost: 1).exitCode == 1)
        #expect(try report([100, nil, 100]).verdict.lines.filter { !$0.isKept }.map(\.key) == ["users_ratio"])
        #expect(try report([100, nil, 100]).json["users_ratio"] == .null)
    }

    @Test func theTableHasALineForEachPoint() throws {
        let lines = ReportTable.rows(try report([100, 104, 128.4])).map(\.text)
        let head = try #require(lines.firstIndex { $0.contains("connected users") })
        let words = lines[head + 2].split(separator: " ").map(String.init)
        #expect(words == ["1,000", "1,000", "104.0", "104.0", "to", "104.0", "1.04", "52.0", "0.0", "7.0"])
        #expect(lines.contains { $0.contains("entries in the store") })
        #expect(lines.contains { $0.contains("1,000,000 entries, time") })
    }

    @Test func eachCurveIsDrawnWithItsBound() throws {
        let report = try report([100, 104, 128.4])
        #expect(report.charts[0].series.filter { !$0.points.isEmpty }.map(\.name) == ["all services", "1.3 x cheapest", "gateway"])
        // What costs nothing has its place all the same: a service has one colour in all charts.
        #expect(report.charts[0].series.map(\.name) == report.charts[1].series.map(\.name))
        #expect(report.charts[0].xTicks.map(\.label) == ["100", "1,000", "15,000"])
        #expect(report.charts[1].xTicks.map(\.at) == [0, 1_000_000])
        let svg = RunChart.svg(report)
        for bad in ["nan", "inf", "\"-\""] { #expect(!svg.contains(bad)) }
        #expect(RunChart.svg(try self.report([nil, nil, nil])).hasPrefix("<svg"))
    }
}
