// The curves of a run: where a shape says more than a row.

public enum RunChart {
    /// Shares between which a latency curve is drawn, by the nines on its x axis: 0 is the half, 1 is 90 %, 2 is 99 %, ...
    private static let ninesStep = 0.1

    public static func svg(_ report: Report) -> String {
        Chart.document("bench \(report.scenario): \(report.headline)", charts(report))
    }

    static func charts(_ report: Report) -> [Chart] {
        var charts: [Chart] = []
        let measured = report.latencies.filter { $0.histogram.count > 0 }
        if !measured.isEmpty { charts.append(latencies(measured)) }
        if report.curve.contains(where: { $0.rate > 0 }) {
            let work = report.curveWords.work
            charts.append(overTime("\(work.prefix(1).uppercased())\(work.dropFirst()) a second", report.curve, "\(work)/s") { $0.rate })
        }
        if report.curve.contains(where: { $0.p99Us != nil }) { charts.append(done(report.curve, report.curveWords.end)) }
        if let most = report.curve.map(\.liveCount).max(), report.curve.contains(where: { $0.liveCount < most }) {
            charts.append(overTime("Clients connected", report.curve, "connected") { Double($0.liveCount) })
        }
        return charts + report.charts
    }

    private static func latencies(_ rows: [LatencyRow]) -> Chart {
        // Beyond this share a histogram has no values of its own: with n of them, 1 - 1/n is the last.
        let most = rows.map { $0.histogram.count }.max() ?? 1
        let ninesMax = max(1, min(5, Chart.log10(Double(most)).rounded(.down)))
        let series = rows.map { row in
            var points: [Chart.Point] = []
            var nines = 0.0
            while nines <= ninesMax + ninesStep / 2 {
                if let us = row.histogram.percentile(share(nines)) { points.append(.init(nines, Double(max(1, us)) / 1_000)) }
                nines += ninesStep
            }
            return Chart.Series(row.label, points)
        }
        let labels = ["0 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %"]
        let ticks = (0...Int(ninesMax)).map { Chart.Tick(Double($0), labels[$0]) }
        return Chart(
            title: "Latency, ms", xTitle: "share of messages that were at most as late", series: series, xTicks: ticks, isLogarithmic: true)
    }

    /// 1 - 10^-nines; steps of a tenth are enough for a smooth line.
    private static func share(_ nines: Double) -> Double {
        let tenth = 0.794_328_234_724_281
        var rest = 1.0
        for _ in 0..<Int((nines / ninesStep).rounded()) { rest *= tenth }
        return 1 - rest
    }

    private static func done(_ curve: [SecondPoint], _ end: String) -> Chart {
        let half = curve.compactMap { point in point.p50Us.map { Chart.Point(point.at, Double(max(1, $0)) / 1_000) } }
        let most = curve.compactMap { point in point.p99Us.map { Chart.Point(point.at, Double(max(1, $0)) / 1_000) } }
        return Chart(
            title: "Send to \(end) in each second, ms", xTitle: "seconds since the start; the measured interval is shaded",
            series: [.init("p99", most), .init("p50", half)], xTicks: seconds(curve), isLogarithmic: true, band: band(curve))
    }

    private static func overTime(
        _ title: String, _ curve: [SecondPoint], _ name: String, _ value: (SecondPoint) -> Double
    ) -> Chart {
        Chart(
            title: title, xTitle: "seconds since the start; the measured interval is shaded",
            series: [.init(name, curve.map { .init($0.at, value($0)) })], xTicks: seconds(curve), isLogarithmic: false, band: band(curve))
    }

    private static func seconds(_ curve: [SecondPoint]) -> [Chart.Tick] {
        Chart.linear([curve.last?.at ?? 1])
    }

    /// From the second before the first measured point to the last one.
    private static func band(_ curve: [SecondPoint]) -> ClosedRange<Double>? {
        let measured = curve.filter { [.measuring, .storing, .storming].contains($0.phase) }
        guard let first = measured.first, let last = measured.last else { return nil }
        return max(0, first.at - 1)...last.at
    }
}
