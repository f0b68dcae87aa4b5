// The report for people.

import FantailCLI

public enum ReportTable {
    /// The points of a distribution that are shown.
    public static let percentiles: [(key: String, share: Double)] = [
        ("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1),
    ]

    public static func rows(_ report: Report) -> [Row] {
        var rows = [Row(Span("bench \(report.scenario)", .bold), Span("  \(report.headline)"))]
        for scale in report.scales { rows += [Row()] + scale.table }
        for group in report.groups where !group.figures.isEmpty { rows += [Row()] + table(group) }
        if !report.latencies.isEmpty { rows += [Row()] + table(report.latencies) }
        for cost in report.costs { rows += [Row()] + table(cost) }
        rows += [Row()] + table(report.verdict)
        for note in report.notes { rows += [Row(Span(note, .yellow))] }
        return rows
    }

    private static func table(_ group: FigureGroup) -> [Row] {
        var table = TextTable([group.title, "", ""], rightAligned: [1])
        for figure in group.figures {
            let number = figure.value.map { Words.fixed($0, places: figure.places) } ?? "-"
            table.add([Span(figure.label), Span(number), Span(figure.unit, .dim)])
        }
        return table.lines
    }

    private static func table(_ latencies: [LatencyRow]) -> [Row] {
        var table = TextTable(["Latency, ms"] + percentiles.map(\.key) + ["count"], rightAligned: Set(1...percentiles.count + 1))
        for row in latencies {
            let cells = percentiles.map { Span(Words.milliseconds(row.histogram.percentile($0.share))) }
            table.add([Span(row.label)] + cells + [Span(Words.count(row.histogram.count), .dim)])
        }
        return table.lines
    }

    private static func table(_ cost: Cost) -> [Row] {
        let hasMemory = cost.hasMemory
        var table = TextTable(
            ["Service", "processes", "CPU us/\(cost.noun)", "% of a core"] + (hasMemory ? ["memory MiB"] : []), rightAligned: [1, 2, 3, 4])
        func add(_ name: String, _ count: String, _ us: Int64?, _ bytes: Int?, _ style: Style) {
            let each = cost.each(us).map { Words.fixed($0, places: 1) } ?? "-"
            let load = cost.load(us).map { Words.fixed($0, places: 1) } ?? "-"
            let memory = bytes.map { Words.mebibytes($0) } ?? ""
            table.add(([name, count, each, load] + (hasMemory ? [memory] : [])).map { Span($0, style) })
        }
        for service in cost.services {
            add(service.name, "\(service.processCount)", service.cpuUs, service.privateBytes, .plain)
        }
        add("all", "\(cost.services.reduce(0) { $0 + $1.processCount })", cost.cpuUs, cost.privateBytes, .bold)
        add("(bench itself)", "1", cost.ownCpuUs, nil, .dim)
        return table.lines
    }

    private static func table(_ verdict: Verdict) -> [Row] {
        var table = TextTable(["Verdict", "", "", ""], rightAligned: [2])
        for line in verdict.lines {
            let value = line.value.map { Words.fixed($0, places: 2, keepsZeros: false) } ?? "unknown"
            let bound: String
            switch line.bound {
            case .atMost(let most): bound = "at most \(Words.fixed(most, places: 2, keepsZeros: false))"
            case .exactly(let wanted): bound = "wanted \(Words.fixed(wanted, places: 2, keepsZeros: false))"
            }
            let mark = line.isKept ? Span("kept", .green) : Span("BROKEN", .red)
            table.add([mark, Span(line.label), Span(value), Span(line.isKept ? "" : bound, .dim)])
        }
        return table.lines
    }
}
