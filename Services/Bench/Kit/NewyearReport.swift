// What bench newyear reports.

import FantailCLI

extension NewyearScenario {
    /// Work that waits longer than this is too late, microseconds: what the services themselves hold on to.
    static let waitUsMax: Int64 = 20_000
    /// How soon after the storm nothing may wait that long any more, seconds.
    static let recoveryMax = 5.0
    /// What must be done in the storm, of what was done at the peak.
    static let goodputPercentMin = 90.0

    public func report(_ findings: RunFindings) -> Report {
        var report = Report(scenario: "newyear", headline: plan.headline, settings: plan.settings)
        let balance = ledger.balance(now: findings.now)
        let goodput = peak.flatMap { peak in storm.map { 100 * $0.perSecond / max(0.001, peak.perSecond) } }
        let recovery = releasedAt.flatMap { load.recovery(from: $0, waitUs: Self.waitUsMax) }
        report.groups.append(stretches(goodput, recovery))
        if let storm { report.groups.append(work(storm.span)) }
        report.groups.append(RunFindings.messages(ledger.counts, balance))
        report.groups.append(findings.connections(roster, issued: ledger.counts.issued))
        for (title, key, rows) in [("peak", "peak", peakLatencies), ("storm", "storm", stormLatencies)] {
            report.latencies += zip(Ledger.Leg.allCases, rows).map { LatencyRow("\(key)_\($0.key)", "\(title): send to \($0.key)", $1) }
        }
        if let cost = findings.cost("peak exchange", Double(peak?.receipts ?? 0)) { report.costs.append(cost) }
        if let cost = findings.cost(
            "storm exchange", Double(storm?.receipts ?? 0), from: .laterBegin, to: .laterEnd, hasMemory: false)
        {
            report.costs.append(cost)
        }
        report.curve = findings.curve
        report.charts = charts
        report.verdict.lines = [
            Verdict.arrivals(roster),
            VerdictLine(
                "disorder", "refused messages while doing what is worth less", Double(load.disorderCount + load.unprovokedCount), .exactly(0)),
            VerdictLine("goodput_missing_percent", "goodput below the peak, percent", goodput.map { max(0, 100 - $0) }, .atMost(100 - Self.goodputPercentMin)),
            VerdictLine("recovery_seconds", "until nothing waits over 20 ms again, seconds", recovery, .atMost(Self.recoveryMax)),
        ]
        report.verdict.lines += Verdict.ledger(ledger.counts, balance)
        report.notes = findings.notes
        if load.judgedCount == 0 { report.notes.append("no message was refused: this was no storm for the cluster, or nobody told") }
        return report
    }

    private func stretches(_ goodput: Double?, _ recovery: Double?) -> FigureGroup {
        let seconds = storm.map { $0.span.upperBound - $0.span.lowerBound } ?? 1
        func p99(_ rows: [LatencyHistogram]) -> Double? { rows.first?.percentile(0.99).map { Double($0) / 1_000 } }
        func wait(_ span: ClosedRange<Double>?) -> Double? {
            guard let span else { return nil }
            let waits = load.looks.filter { span.contains($0.at) }.compactMap(\.waitUs).sorted()
            return waits.isEmpty ? nil : Double(waits[waits.count / 2]) / 1_000
        }
        return FigureGroup(
            "Peak, storm, release",
            [
                Figure("peak_per_second", "peak, exchanges a second", peak?.perSecond),
                Figure("offered_per_second", "offered in the storm, messages a second", Double(offeredCount) / seconds),
                Figure("held_back_percent", "held back by clients with a full window", offeredCount > 0 ? 100 * Double(heldBackCount) / Double(offeredCount) : nil, places: 1, unit: "%"),
                Figure("goodput_per_second", "done in the storm, exchanges a second", storm?.perSecond),
                Figure("goodput_percent", "goodput, of the peak", goodput, places: 1, unit: "%"),
                Figure("peak_sent_p99_ms", "peak: send to sent, p99", p99(peakLatencies), places: 1, unit: "ms"),
                Figure("storm_sent_p99_ms", "storm: send to sent, p99, refusals and their waits included", p99(stormLatencies), places: 1, unit: "ms"),
                Figure("peak_wait_ms", "peak: longest queue wait, the median of looks", wait(peak?.span), places: 1, unit: "ms"),
                Figure("storm_wait_ms", "storm: longest queue wait, the median of looks", wait(storm?.span), places: 1, unit: "ms"),
                Figure("recovery_seconds", "after it: until nothing waits over 20 ms", recovery, places: 1, unit: "s"),
                Figure("calm_seconds", "after it: until every level is 0 again", releasedAt.flatMap { load.calm(from: $0) }, places: 1, unit: "s"),
                Figure("judged", "looks at a service that was refusing", count: load.judgedCount),
            ] + (late?.figures ?? []))
    }

    /// By class what became of work in the storm.
    private func work(_ span: ClosedRange<Double>) -> FigureGroup {
        let names = [
            ("messages_admitted", "messages and questions taken"), ("messages_refused", "messages and questions refused"),
            ("receipts_admitted", "acks and read marks taken"), ("receipts_delayed", "receipts delayed"),
            ("receipts_merged", "receipts merged into delayed ones"), ("last_seen_admitted", "last seen done"),
            ("last_seen_given_up", "last seen given up"), ("typing_admitted", "typing and online pushes done"),
            ("typing_given_up", "typing and online pushes given up"),
        ]
        return FigureGroup("Work in the storm", names.map { Figure("storm_\($0.0)", $0.1, count: load.sum($0.0, span)) })
    }

    // MARK: Charts

    private var charts: [Chart] {
        guard let end = load.looks.last?.at else { return [] }
        let ticks = Chart.linear([end])
        let band = storm?.span
        func chart(_ title: String, _ series: [Chart.Series], isLogarithmic: Bool = false) -> Chart {
            Chart(
                title: title, xTitle: "seconds since the start; the storm is shaded", series: series, xTicks: ticks,
                isLogarithmic: isLogarithmic, band: band)
        }
        func rate(_ name: String) -> [Chart.Point] {
            zip(load.looks, load.looks.dropFirst()).map { before, look in
                Chart.Point(look.at, Double(look.work[name] ?? 0) / max(0.001, look.at - before.at))
            }
        }
        let waits = load.looks.map { Chart.Point($0.at, max(0.01, Double($0.waitUs ?? 0) / 1_000)) }
        let bound = [Chart.Point(0, Double(Self.waitUsMax) / 1_000), Chart.Point(end, Double(Self.waitUsMax) / 1_000)]
        return [
            chart("Longest queue wait of any service, ms", [.init("wait", waits), .init("20 ms", bound)], isLogarithmic: true),
            chart("Highest level of any service", [.init("level", load.looks.map { .init($0.at, Double($0.level ?? 0)) })]),
            chart(
                "Refused or given up, a second",
                [
                    .init("messages", rate("messages_refused")), .init("typing, online", rate("typing_given_up")),
                    .init("last seen", rate("last_seen_given_up")),
                ]),
        ]
    }
}
