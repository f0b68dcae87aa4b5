// The report for programs. Keys are for ever: a script that reads them must not break with the next release.

extension Report {
    public var json: JSONValue {
        var members = [JSONValue.Member("scenario", .text(scenario)), .init("kept", .bool(verdict.isKept))]
        members.append(.init("settings", .object(settings)))
        for group in groups {
            for figure in group.figures { members.append(.init(figure.key, .figure(figure.value))) }
        }
        for line in verdict.lines { members.append(.init(line.key, .figure(line.value))) }
        if !latencies.isEmpty {
            members.append(.init("latency_us", .object(latencies.map { .init($0.key, Self.json($0.histogram)) })))
        }
        for cost in costs { members += Self.json(cost) }
        if !scales.isEmpty { members.append(.init("scales", .object(scales.map { .init($0.axis.rawValue, $0.json) }))) }
        members.append(.init("verdict", .object(verdict.lines.map { .init($0.key, Self.json($0)) })))
        if !notes.isEmpty { members.append(.init("notes", .array(notes.map { .text($0) }))) }
        if !curve.isEmpty { members.append(.init("curve", .array(curve.map { Self.json($0) }))) }
        return .object(members)
    }

    private static func json(_ histogram: LatencyHistogram) -> JSONValue {
        let points = ReportTable.percentiles.map { point in
            JSONValue.Member(point.key, histogram.percentile(point.share).map { .whole($0) } ?? .null)
        }
        return .object([.init("count", .count(histogram.count))] + points)
    }

    private static func json(_ cost: Cost) -> [JSONValue.Member] {
        let cpu =
            cost.services.map { JSONValue.Member($0.name, .figure(cost.each($0.cpuUs))) }
            + [.init("all", .figure(cost.each(cost.cpuUs))), .init("bench", .figure(cost.each(cost.ownCpuUs)))]
        let load =
            cost.services.map { JSONValue.Member($0.name, .figure(cost.load($0.cpuUs))) }
            + [.init("all", .figure(cost.load(cost.cpuUs))), .init("bench", .figure(cost.load(cost.ownCpuUs)))]
        var members = [
            JSONValue.Member("cpu_us_per_\(cost.noun)", .object(cpu)),
            .init("cpu_percent_by_\(cost.noun)", .object(load)),
        ]
        if cost.hasMemory {
            let memory = cost.services.map { JSONValue.Member($0.name, .figure($0.privateBytes.map(Double.init))) }
            members.append(.init("memory_bytes", .object(memory + [.init("all", .figure(cost.privateBytes.map(Double.init)))])))
        }
        return members
    }

    private static func json(_ line: VerdictLine) -> JSONValue {
        let bound: JSONValue.Member
        switch line.bound {
        case .atMost(let most): bound = .init("at_most", .number(most))
        case .exactly(let wanted): bound = .init("wanted", .number(wanted))
        }
        return .object([.init("value", .figure(line.value)), bound, .init("kept", .bool(line.isKept))])
    }

    private static func json(_ point: SecondPoint) -> JSONValue {
        .object([
            .init("at", .number(point.at)), .init("phase", .text(point.phase.rawValue)), .init("rate", .number(point.rate)),
            .init("p50_us", point.p50Us.map { .whole($0) } ?? .null), .init("p99_us", point.p99Us.map { .whole($0) } ?? .null),
            .init("live", .whole(Int64(point.liveCount))),
        ])
    }
}
