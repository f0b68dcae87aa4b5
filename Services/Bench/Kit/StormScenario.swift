// bench storm: everybody loses the connection in one instant, as when a load balancer is restarted or a gateway dies, and comes
// back by the rules of the reference client. Beside it pairs write a little, evenly; nothing of that may be lost.
//
// What others notice of it has to be measured by another process (deploy/bench-storm.sh): this one is busy with the storm itself.
//
// How long a client is away counts from the cut to its next `welcome`. The client itself waits 125 to 375 ms before its first
// attempt, so that this is the floor.

import ChatClient
import Primitives

public struct StormScenario: Scenario {
    let plan: StormPlan
    private var orders: [ScenarioOrder] = []
    private var phaseEnd = Instant.zero
    private var pacer: Pacer?
    private var cutAt = Instant.zero
    /// From the cut until everybody was back; nil: not everybody came.
    private var backUs: Int64?
    /// From the cut until all that was written meanwhile had arrived and been receipted; nobody writes between the two.
    private var syncedUs: Int64?

    public private(set) var phase = ScenarioPhase.connecting
    public private(set) var roster: Roster
    public private(set) var ledger: Ledger

    public init(_ plan: StormPlan, mark: MessageMark) {
        self.plan = plan
        roster = Roster(memberCount: plan.users)
        let chats = (0..<plan.users / 2).map { (author: 2 * $0, addressee: 2 * $0 + 1) }
        ledger = Ledger(mark: mark, memberCount: plan.users, chats: chats)
    }

    public var deadline: Instant? {
        guard phase != .over else { return nil }
        return min(phaseEnd, pacer?.due ?? phaseEnd)
    }

    public mutating func takeRecent() -> LatencyHistogram { ledger.takeRecent() }

    public mutating func takeOrders() -> [ScenarioOrder] {
        defer { orders.removeAll(keepingCapacity: true) }
        return orders
    }

    public mutating func begin(now: Instant) {
        orders.append(.sample(.empty))
        phaseEnd = now + BenchLimits.arrivalTimeout
        startMore()
    }

    /// Everybody is at the gateway that is to die.
    private mutating func startMore() {
        orders += roster.starters().map { plan.isDeadly ? .startAt($0, gateway: 0) : .start($0) }
    }

    public mutating func on(_ news: ClientNews, of member: Int, now: Instant) {
        switch news {
        case .online:
            roster.onOnline(member, now: now)
            if phase == .connecting {
                startMore()
                if roster.hasAllArrived { enter(.settling, until: now + BenchLimits.settleTime) }
            } else if phase == .returning, backUs == nil, roster.areAllLive, roster.lostCount >= UInt64(plan.users) {
                backUs = (now - cutAt).microseconds
                pacer = nil
            }
        case .offline: roster.onOffline(member, now: now)
        default: _ = ledger.take(news, of: member, now: now)
        }
        if phase == .returning, backUs != nil, ledger.inFlightSum == 0 {
            syncedUs = (now - cutAt).microseconds
            calmDown(now)
        }
        if phase == .draining, ledger.inFlightSum == 0 { finish() }
    }

    public mutating func onTime(now: Instant) {
        if now >= phaseEnd { advance(now) }
        for _ in 0..<BenchLimits.burstCountMax {
            guard let piece = pacer?.take(now) else { break }
            let chat = Int(piece.number % Int64(ledger.chatCount))
            let message = ledger.issue(chat, at: piece.at, isMeasured: phase == .returning)
            orders.append(.send(ledger.author(of: chat), message))
        }
    }

    private mutating func enter(_ next: ScenarioPhase, until end: Instant) {
        phase = next
        phaseEnd = end
    }

    private mutating func advance(_ now: Instant) {
        switch phase {
        case .connecting: finish()
        case .settling:
            pacer = Pacer(rate: plan.rate, start: now)
            enter(.warming, until: now + BenchLimits.stormTrafficTime)
        case .warming:
            orders.append(.sample(.begin))
            orders += plan.isDeadly ? [.killGateway(0)] : (0..<plan.users).map { .cut($0) }
            cutAt = now
            // Twice the bound: a verdict that is broken should still say by how much.
            enter(.returning, until: now + .seconds(Int64(2 * plan.backSeconds)))
        case .returning: calmDown(now)
        case .measuring:
            pacer = nil
            enter(.draining, until: now + .seconds(Int64(plan.drainSeconds)))
            if ledger.inFlightSum == 0 { finish() }
        case .draining: finish()
        case .joining, .storming, .releasing, .storing, .over: break
        }
    }

    /// The storm is over: a little traffic behind it.
    private mutating func calmDown(_ now: Instant) {
        orders.append(.sample(.end))
        pacer = Pacer(rate: plan.rate, start: now)
        enter(.measuring, until: now + BenchLimits.stormTrafficTime)
    }

    private mutating func finish() {
        phase = .over
        orders.append(.sample(.last))
    }
}

extension StormScenario {
    public func report(_ findings: RunFindings) -> Report {
        var report = Report(
            scenario: "storm",
            headline: "\(plan.users) connections \(plan.isDeadly ? "lost with their gateway" : "cut at once"), \(Words.fixed(plan.rate, places: 0)) messages/s beside, \(plan.encoding)",
            settings: [
                .init("users", .whole(Int64(plan.users))), .init("kill", .bool(plan.isDeadly)), .init("rate", .number(plan.rate)),
                .init("back_within", .whole(Int64(plan.backSeconds))), .init("body", .whole(Int64(plan.bodyBytes))),
                .init("encoding", .text("\(plan.encoding)")),
                // On the machine's steady clock, so that another process can tell what lay before the cut.
                .init("cut_at_us", .whole(cutAt.nanoseconds / 1_000)),
            ])
        let balance = ledger.balance(now: findings.now)
        report.groups.append(
            FigureGroup(
                "The storm",
                [
                    Figure("all_back_ms", "until everybody was back", backUs.map { Double($0) / 1_000 }, places: 1, unit: "ms"),
                    Figure("in_sync_ms", "until everything had arrived, too", syncedUs.map { Double($0) / 1_000 }, places: 1, unit: "ms"),
                    Figure(
                        "returns_per_second", "returns a second", backUs.map { Double(plan.users) * 1e6 / Double(max(1, $0)) }, places: 0),
                ]))
        report.groups.append(RunFindings.messages(ledger.counts, balance))
        report.groups.append(findings.connections(roster, issued: ledger.counts.issued))
        report.latencies = [LatencyRow("away", "cut to welcome", roster.awayTimes)]
        report.latencies += zip(Ledger.Leg.allCases, ledger.latencies).map { LatencyRow($0.key, "send to \($0.key)", $1) }
        if let cost = findings.cost("reconnect", Double(plan.users)) { report.costs = [cost] }
        report.curve = findings.curve
        let back = VerdictLine(
            "all_back_seconds", "seconds until everybody was back", backUs.map { Double($0) / 1e6 }, .atMost(Double(plan.backSeconds)))
        let synced = VerdictLine(
            "in_sync_seconds", "seconds until everything had arrived", syncedUs.map { Double($0) / 1e6 }, .atMost(Double(plan.backSeconds)))
        report.verdict = Verdict([Verdict.arrivals(roster), back, synced] + Verdict.ledger(ledger.counts, balance))
        let growth = findings.peakGrowth()
        if let most = growth.max(by: { $0.factor ?? 0 < $1.factor ?? 0 })?.factor {
            report.groups.append(
                FigureGroup(
                    "Most memory in the storm, by that before",
                    growth.map { Figure("memory_peak_ratio_\($0.name)", $0.name, $0.factor, places: 2, unit: "x") }))
            report.verdict.lines.append(VerdictLine("memory_peak_ratio", "a service's memory, by that before", most, .atMost(BenchLimits.stormMemoryRatioMax)))
        }
        if !report.verdict.isKept { report.notes = findings.notes }
        return report
    }
}
