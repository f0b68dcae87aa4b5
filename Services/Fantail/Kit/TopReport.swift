// The cluster at work, as `fantail top` shows it. The figures are those of the page /status (Shared/Monitor).

import Cluster
import Monitor

/// The table of `fantail top`.
public enum TopReport {
    /// - Parameters:
    ///   - looks: for each node of the map, in its order.
    ///   - seconds: between the two looks.
    public static func rows(_ map: ClusterMap, _ looks: [NodeLook], seconds: Double) -> [Row] {
        let figures = ClusterFigures(map, looks, seconds: seconds)
        var table = TextTable(["NODE", "STATE", "CPU", "MEMORY", "WAIT p99", "PEERS", "WORK"], rightAligned: [2, 3, 4, 5])
        for node in figures.nodes { table.add(cells(node)) }
        var rows = [head(figures), Row()] + table.lines
        if !figures.hops.isEmpty { rows += [Row(), Row(Span(hops(figures.hops), .dim))] }
        return rows
    }

    private static func head(_ figures: ClusterFigures) -> Row {
        let count = figures.nodes.count
        var row = Row(
            Span("\(figures.map.name)", .bold), Span(", epoch \(figures.map.epoch), \(figures.map.storageMode.rawValue): "),
            Span("\(figures.readyCount) of \(count) ready", figures.readyCount == count ? .green : .red),
            Span(", \(whole(figures.clientCount)) clients, \(rate(figures.messageRate)) messages"),
            Span(", \(rate(figures.deliveryRate)) deliveries"))
        if figures.level > 0 { row.spans.append(Span(", \(ClusterFigures.levelMeanings[figures.level])", .yellow)) }
        return row
    }

    private static func cells(_ figures: NodeFigures) -> [Span] {
        let state: Span
        switch figures.state {
        case .away:
            return [Span(figures.node.name, .bold), Span("no answer", .red)] + [Span](repeating: Span("-"), count: 4) + [Span("")]
        case .unready: state = Span("not ready", .yellow)
        case .ready: state = figures.level > 0 ? Span("level \(figures.level)", .yellow) : Span("ready", .green)
        }
        let up = figures.linksUpCount, all = figures.links.count
        return [
            Span(figures.node.name, .bold), state,
            Span(figures.cpu.map { "\(whole($0 * 100)) %" } ?? "-"),
            Span("\(whole(figures.memoryBytes / 1_048_576)) MiB"),
            Span(figures.wait99.map { milliseconds($0) } ?? "-"), Span("\(up)/\(all)", up == all ? .plain : .red),
            Span(figures.work.compactMap(text).joined(separator: ", ")),
        ]
    }

    /// The busiest first.
    private static func hops(_ hops: [ClusterFigures.Hop]) -> String {
        let shown = hops.sorted { $0.rate > $1.rate }.prefix(hopsShownMax)
        return "answers p99: " + shown.map { "\($0.from.name) → \($0.to.name) \(milliseconds($0.p99))" }.joined(separator: ", ")
    }

    /// What fits into a line.
    private static let hopsShownMax = 4

    // MARK: Words

    /// Nil: there is nothing to say.
    private static func text(_ figure: WorkFigure) -> String? {
        switch figure.unit {
        case .count: "\(whole(figure.value ?? 0)) \(figure.name)"
        case .rate: "\(rate(figure.value)) \(figure.name)"
        case .bytes: "\(bytes(figure.value)) \(figure.name)"
        case .time: figure.value.map { "\(figure.name) \(milliseconds($0))" }
        }
    }

    /// Figures come from other processes: what no number of ours is, must not stop us.
    private static func int(_ number: Double) -> Int { Int(min(1e15, max(-1e15, number.rounded()))) }
    private static func whole(_ number: Double) -> String { "\(int(number))" }

    /// A second; below ten with a digit behind the point.
    private static func rate(_ rate: Double?) -> String {
        let tenths = int((rate ?? 0) * 10)
        return tenths >= 100 || tenths % 10 == 0 ? "\((tenths + 5) / 10)/s" : "\(tenths / 10).\(tenths % 10)/s"
    }

    private static func bytes(_ rate: Double?) -> String {
        let kib = int((rate ?? 0) / 1_024)
        return kib < 10 * 1_024 ? "\(kib) KiB/s" : "\(kib / 1_024) MiB/s"
    }

    private static func milliseconds(_ seconds: Double) -> String {
        guard seconds.isFinite else { return "> 27 s" }
        let hundredths = int(seconds * 100_000)
        return hundredths >= 1_000 ? "\(hundredths / 100) ms" : "\(hundredths / 100).\(hundredths % 100 / 10)\(hundredths % 10) ms"
    }
}
