// What `bench scale` reports: a table, a chart and a line of the verdict for each curve.

import FantailCLI

extension ScalePlan {
    var headline: String {
        let loop = rate.map { "open loop, \(Words.fixed($0, places: 0)) messages/s" } ?? "closed loop, window \(window)"
        let times = rounds == 1 ? "once" : "median of \(rounds) rounds"
        return "\(pairs) pairs, \(loop), \(encoding), \(bodyBytes) bytes, \(seconds) s a point, \(times)"
    }

    var settings: [JSONValue.Member] {
        [
            .init("along", .array(axes.map { .text($0.rawValue) })), .init("users", .whole(Int64(users))), .init("pairs", .whole(Int64(pairs))),
            .init("window", rate == nil ? .whole(Int64(window)) : .null), .init("rate", .figure(rate)), .init("rounds", .whole(Int64(rounds))),
            .init("seconds", .whole(Int64(seconds))), .init("warm", .whole(Int64(warmSeconds))), .init("body", .whole(Int64(bodyBytes))),
            .init("encoding", .text("\(encoding)")), .init("ratio_max", .number(ratioMax)),
        ]
    }

    /// - Parameter fillings: the stores that were filled, smallest first.
    public func report(_ curves: [ScaleCurve], fillings: [ScaleFilling]) -> Report {
        var report = Report(scenario: "scale", headline: headline, settings: settings)
        report.scales = curves
        report.groups.append(Self.troubles(curves))
        if !fillings.isEmpty { report.groups.append(FigureGroup("Filling the store", fillings.flatMap(\.figures))) }
        report.charts = curves.map { $0.chart(ratioMax: ratioMax) }
        report.verdict.lines = curves.map {
            VerdictLine("\($0.axis.rawValue)_ratio", "along \($0.axis.rawValue): the dearest point by the cheapest", $0.ratio, .atMost(ratioMax))
        }
        report.verdict.lines += VerdictLine.sum(of: curves.flatMap { $0.points.flatMap { $0.runs.map(\.lines) } })
        return report
    }
}

extension ScalePlan {
    /// What stood in the way, over all runs: a point that had much of it measured that.
    private static func troubles(_ curves: [ScaleCurve]) -> FigureGroup {
        var sums: [Figure] = []
        for figure in curves.flatMap({ $0.points.flatMap { $0.runs.flatMap(\.troubles) } }) {
            guard let place = sums.firstIndex(where: { $0.key == figure.key }) else {
                sums.append(figure)
                continue
            }
            sums[place] = Figure(figure.key, figure.label, (sums[place].value ?? 0) + (figure.value ?? 0))
        }
        return FigureGroup("Troubles, all runs", sums)
    }
}

/// What it took to put entries into a store.
public struct ScaleFilling: Equatable, Sendable {
    public let entryCount: Int
    public let seconds: Double
    /// Of the store's files.
    public let fileBytes: Int

    public init(entryCount: Int, seconds: Double, fileBytes: Int) {
        self.entryCount = entryCount
        self.seconds = seconds
        self.fileBytes = fileBytes
    }

    var figures: [Figure] {
        let words = Words.count(UInt64(entryCount))
        return [
            Figure("fill_seconds_\(entryCount)", "\(words) entries, time", seconds, places: 1, unit: "s"),
            Figure("fill_mib_\(entryCount)", "\(words) entries, file", Double(fileBytes) / 1_048_576, places: 1, unit: "MiB"),
        ]
    }
}

extension ScaleCurve {
    // MARK: The table

    var table: [Row] {
        let titles = [axis.noun, "exchanges/s", "CPU us/exchange", "of the runs", "by cheapest"] + services + ["(bench)"]
        var table = TextTable(titles, rightAligned: Set(titles.indices))
        func words(_ value: Double?, places: Int = 1) -> String { value.map { Words.fixed($0, places: places) } ?? "-" }
        for point in points {
            let range = point.usRange.map { "\(words($0.lowerBound)) to \(words($0.upperBound))" } ?? "-"
            table.add(
                [
                    Span(Words.count(UInt64(point.value))), Span(words(point.exchangesPerSecond, places: 0)), Span(words(point.us), .bold),
                    Span(range, .dim), Span(words(ratio(point), places: 2)),
                ] + services.map { Span(words(point.us(of: $0))) } + [Span(words(point.ownUs), .dim)])
        }
        return table.lines
    }

    // MARK: The JSON

    var json: JSONValue { .array(points.map(json)) }

    private func json(_ point: ScalePoint) -> JSONValue {
        .object([
            .init(axis.rawValue, .whole(Int64(point.value))), .init("exchanges_per_second", .figure(point.exchangesPerSecond)),
            .init("cpu_us_per_exchange", Self.cpu(point.shares, all: point.us, bench: point.ownUs)), .init("by_cheapest", .figure(ratio(point))),
            .init(
                "runs",
                .array(
                    point.runs.map { run in
                        .object([
                            .init("exchanges_per_second", .figure(run.exchangesPerSecond)),
                            .init("cpu_us_per_exchange", Self.cpu(run.shares, all: run.us, bench: run.ownUs)),
                        ])
                    })),
        ])
    }

    private static func cpu(_ shares: [ScaleRun.Share], all: Double?, bench: Double?) -> JSONValue {
        .object(shares.map { .init($0.service, .figure($0.us)) } + [.init("all", .figure(all)), .init("bench", .figure(bench))])
    }

    // MARK: The chart

    /// A service that never costs so much is a line on the floor, microseconds.
    private static let drawnUsMin = 2.0

    /// All services together, what they may cost, and each that costs something. The others are there without a point, so that
    /// a service looks the same in every chart.
    func chart(ratioMax: Double) -> Chart {
        var series = [Chart.Series("all services", line { $0.us })]
        let bound = usMin.map { $0 * ratioMax }
        series.append(.init("\(Words.fixed(ratioMax, places: 2, keepsZeros: false)) x cheapest", line { _ in bound }))
        for service in services {
            let isDrawn = points.contains { ($0.us(of: service) ?? 0) >= Self.drawnUsMin }
            series.append(.init(service, isDrawn ? line { $0.us(of: service) } : []))
        }
        return Chart(
            title: "CPU for an exchange by \(axis.noun), us", xTitle: axis.noun, series: series,
            xTicks: points.map { .init(place($0.value), Words.count(UInt64($0.value))) }, isLogarithmic: false)
    }

    private func line(_ us: (ScalePoint) -> Double?) -> [Chart.Point] {
        points.compactMap { point in us(point).map { .init(place(point.value), $0) } }
    }

    /// Where a value lies on the x axis: by its logarithm, for most steps are factors; entries begin with none.
    private func place(_ value: Int) -> Double {
        axis == .entries ? Double(value) : Chart.log10(Double(value))
    }
}
