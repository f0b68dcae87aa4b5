// What bench group reports.

extension GroupPlan {
    var headline: String {
        let groups = shape.groupCount == 1 ? "a group" : "\(shape.groupCount) groups"
        let authors = shape.authorCount == 1 ? "one author" : "\(shape.authorCount) authors"
        let loop = rate.map { "open loop, \(Words.fixed($0, places: 0)) messages/s" } ?? "closed loop, window \(window)"
        return "\(groups) of \(shape.memberCount), \(authors), \(loop), \(encoding), \(bodyBytes) bytes, \(seconds) s"
    }

    var settings: [JSONValue.Member] {
        [
            .init("members", .whole(Int64(shape.memberCount))), .init("groups", .whole(Int64(shape.groupCount))),
            .init("authors", .whole(Int64(shape.authorCount))), .init("window", rate == nil ? .whole(Int64(window)) : .null),
            .init("rate", .figure(rate)), .init("seconds", .whole(Int64(seconds))), .init("warm", .whole(Int64(warmSeconds))),
            .init("drain", .whole(Int64(drainSeconds))), .init("body", .whole(Int64(bodyBytes))),
            .init("encoding", .text("\(encoding)")),
        ]
    }
}

extension GroupScenario {
    public func report(_ findings: RunFindings) -> Report {
        var report = Report(scenario: "group", headline: plan.headline, settings: plan.settings)
        let counts = ledger.counts
        let balance = ledger.balance(now: findings.now)
        if let begin = findings.samples[.begin], let end = findings.samples[.end] {
            let messages = Double(end.counts.complete - begin.counts.complete)
            let deliveries = Double(end.counts.delivered - begin.counts.delivered)
            let seconds = Double(end.atNs - begin.atNs) / 1e9
            var measured = FigureGroup(
                "Measured interval",
                [
                    Figure("messages", "messages at every member", messages),
                    Figure("messages_per_second", "messages a second", messages / seconds, places: 1),
                    Figure("deliveries", "deliveries", deliveries),
                    Figure("deliveries_per_second", "deliveries a second", deliveries / seconds, places: 1),
                    Figure("measured_seconds", "length", seconds, places: 3, unit: "s"),
                    Figure("fsyncs_per_message", "fsyncs per message", findings.syncsPerMessage, places: 4),
                ])
            if let late { measured.figures += late.figures }
            report.groups.append(measured)
            if let cost = findings.cost("delivery", deliveries) { report.costs = [cost] }
        }
        report.groups.append(
            FigureGroup(
                "Messages, whole run",
                [
                    Figure("sent", "sent by authors", count: counts.issued),
                    Figure("acked", "acked (sent came back)", count: counts.acked),
                    Figure("complete", "at every member", count: counts.complete),
                    Figure("delivered", "deliveries", count: counts.delivered),
                    Figure("receipts", "delivered ticks at authors", count: counts.receipts),
                    Figure("longest_open_ms", "longest until everybody", Double(balance.openUsMax) / 1_000, places: 1, unit: "ms"),
                ]))
        report.groups.append(findings.connections(roster, issued: counts.issued))
        report.latencies = zip(GroupLedger.Leg.allCases, ledger.latencies).map { LatencyRow("\($0)", $0.label, $1) }
        report.curve = findings.curve
        report.curveWords = (work: "messages", end: "the last member")
        let joined = VerdictLine(
            "joined", "members who saw their group made", Double(ledger.joinedCount), .exactly(Double(roster.memberCount)))
        let order = VerdictLine("disagreements", "another order at another member", Double(counts.disagreements), .exactly(0))
        report.verdict = Verdict([Verdict.arrivals(roster), joined, order] + Verdict.ledger(counts, balance))
        if !report.verdict.isKept { report.notes = findings.notes }
        return report
    }
}

extension GroupLedger.Leg {
    var label: String {
        switch self {
        case .sent: "send to sent"
        case .delivered: "send to a member"
        case .everybody: "send to the last member"
        case .spread: "first to last member"
        case .tick: "send to delivered tick"
        }
    }
}
