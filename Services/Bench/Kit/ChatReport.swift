// What bench chat reports.

extension ChatPlan {
    var headline: String {
        let loop = rate.map { "open loop, \(Words.fixed($0, places: 0)) messages/s" } ?? "closed loop, window \(window)"
        let people =
            switch presence {
            case .none: ", no presence"
            case .acts: ""
            case .watched: ", all watch each other"
            }
        return "\(users) users in \(users / 2) pairs, \(loop), \(encoding), \(bodyBytes) bytes, \(seconds) s\(people)"
    }

    var settings: [JSONValue.Member] {
        [
            .init("users", .whole(Int64(users))), .init("window", rate == nil ? .whole(Int64(window)) : .null),
            .init("rate", .figure(rate)), .init("seconds", .whole(Int64(seconds))), .init("warm", .whole(Int64(warmSeconds))),
            .init("drain", .whole(Int64(drainSeconds))), .init("body", .whole(Int64(bodyBytes))),
            .init("encoding", .text("\(encoding)")), .init("presence", .text(presence.rawValue)),
        ]
    }
}

extension ChatScenario {
    public func report(_ findings: RunFindings) -> Report {
        var report = Report(scenario: "chat", headline: plan.headline, settings: plan.settings)
        // On the machine's steady clock: the curve's times count from here, and another process may tell its own beside them.
        if let began = findings.samples[.empty] { report.settings.append(.init("began_at_us", .whole(began.atNs / 1_000))) }
        let balance = ledger.balance(now: findings.now)
        var exchanges: Double = 0
        if let begin = findings.samples[.begin], let end = findings.samples[.end] {
            exchanges = Double(end.counts.receipts - begin.counts.receipts)
            let seconds = Double(end.atNs - begin.atNs) / 1e9
            var measured = FigureGroup(
                "Measured interval",
                [
                    Figure("exchanges", "exchanges", exchanges),
                    Figure("exchanges_per_second", "exchanges a second", exchanges / seconds, places: 1),
                    Figure("measured_seconds", "length", seconds, places: 3, unit: "s"),
                    Figure("fsyncs_per_message", "fsyncs per message", findings.syncsPerMessage, places: 4),
                ])
            if let late { measured.figures += late.figures }
            report.groups.append(measured)
        }
        report.groups.append(RunFindings.messages(ledger.counts, balance))
        report.groups.append(findings.connections(roster, issued: ledger.counts.issued))
        report.latencies = zip(Ledger.Leg.allCases, ledger.latencies).map { LatencyRow($0.key, "send to \($0.key)", $1) }
        if let cost = findings.cost("exchange", exchanges) { report.costs = [cost] }
        report.curve = findings.curve
        report.verdict = Verdict([Verdict.arrivals(roster)] + Verdict.ledger(ledger.counts, balance))
        if !report.verdict.isKept { report.notes = findings.notes }
        return report
    }
}

extension Ledger.Leg {
    var key: String { "\(self)" }
}
