// bench idle: clients connect, say hello and stay silent. What does a connection cost that only waits?
//
// Memory is the growth of what the processes have for themselves, from before the first connection to the end; it includes
// what a process touches once for its first connections, so that a thousand connections and more give a fair figure. CPU is
// that of heartbeats: the server pings every 30 s.

import ChatClient
import Cluster
import Primitives

public struct IdleScenario: Scenario {
    let plan: IdlePlan
    private var orders: [ScenarioOrder] = []
    private var phaseEnd = Instant.zero

    public private(set) var phase = ScenarioPhase.connecting
    public private(set) var roster: Roster
    /// Without a chat: whatever comes is foreign.
    public private(set) var ledger: Ledger

    public init(_ plan: IdlePlan, mark: MessageMark) {
        self.plan = plan
        roster = Roster(memberCount: plan.users)
        ledger = Ledger(mark: mark, memberCount: plan.users, chats: [])
    }

    public var deadline: Instant? { phase == .over ? nil : phaseEnd }
    public mutating func takeRecent() -> LatencyHistogram { ledger.takeRecent() }

    public mutating func takeOrders() -> [ScenarioOrder] {
        defer { orders.removeAll(keepingCapacity: true) }
        return orders
    }

    public mutating func begin(now: Instant) {
        orders.append(.sample(.empty))
        phaseEnd = now + BenchLimits.arrivalTimeout
        orders += roster.starters().map { .start($0) }
    }

    public mutating func on(_ news: ClientNews, of member: Int, now: Instant) {
        switch news {
        case .online:
            roster.onOnline(member, now: now)
            guard phase == .connecting else { return }
            orders += roster.starters().map { .start($0) }
            if roster.hasAllArrived {
                phase = .settling
                phaseEnd = now + BenchLimits.idleSettleTime
            }
        case .offline: roster.onOffline(member, now: now)
        case .entry(let entry): ledger.onEntry(entry, at: member, now: now)
        case .gap(let from, let to): ledger.onGap(from: from, to: to)
        case .cursorLost: ledger.onCursorLost()
        case .sent, .delivered, .failed, .read, .history, .refused: break
        case .changed, .changeFailed, .groupInfo, .groupList, .counts, .late, .receipts, .typing, .presence, .settings, .mediaLink, .mediaKept: break
        }
    }

    public mutating func onTime(now: Instant) {
        guard now >= phaseEnd else { return }
        switch phase {
        case .settling:
            phase = .measuring
            phaseEnd = now + .seconds(Int64(plan.seconds))
            orders.append(.sample(.begin))
        case .measuring:
            phase = .over
            orders += [.sample(.end), .sample(.last)]
        case .connecting:
            // Somebody never came: the verdict says so.
            phase = .over
            orders.append(.sample(.last))
        case .joining, .warming, .storming, .releasing, .draining, .storing, .returning, .over:
            break
        }
    }
}

extension IdleScenario {
    public func report(_ findings: RunFindings) -> Report {
        let count = Double(plan.users)
        var report = Report(
            scenario: "idle", headline: "\(plan.users) silent connections, \(plan.encoding), \(plan.seconds) s",
            settings: [
                .init("users", .whole(Int64(plan.users))), .init("seconds", .whole(Int64(plan.seconds))),
                .init("encoding", .text("\(plan.encoding)")),
            ])
        // Without the sample before the first connection there is no growth to speak of.
        let growth = findings.growth()
        var memory = FigureGroup("Memory for each connection", [])
        for service in growth where service.bytes != nil {
            memory.figures.append(
                Figure("bytes_per_connection_\(service.name)", service.name, service.bytes.map { Double($0) / count }, unit: "bytes"))
        }
        let sum = growth.reduce(Int?(0)) { sum, service in sum.flatMap { sum in service.bytes.map { sum + $0 } } }
        let each = growth.isEmpty ? nil : sum.map { Double($0) / count }
        memory.figures.append(Figure("bytes_per_connection", "all", each, unit: "bytes"))
        report.groups.append(memory)
        // Everybody comes before the measured interval; the quiet seconds in between are in it, and are little.
        if let coming = findings.cost("connection", count, from: .empty, to: .begin, hasMemory: false) {
            let gateway = coming.services.first { $0.name == Role.gateway.name }?.cpuUs
            let each = coming.each(gateway)
            report.groups.append(
                FigureGroup(
                    "CPU of coming: handshake, token, hello, seat",
                    [
                        Figure("cpu_us_per_connect_gateway", "gateway", each, places: 1, unit: "us"),
                        Figure("cpu_us_per_connect", "all services", coming.each(coming.cpuUs), places: 1, unit: "us"),
                        Figure(
                            "connects_per_gateway_core", "connections a second that a core of a gateway is for", each.map { 1_000_000 / $0 },
                            places: 0, unit: ""),
                    ]))
        }
        if let cost = findings.cost("connection", count) {
            report.groups.append(
                FigureGroup(
                    "CPU of heartbeats",
                    [
                        Figure("cpu_percent", "of one core, all services", cost.load(cost.cpuUs), places: 2, unit: "%"),
                        Figure(
                            "cpu_us_per_connection_second", "a connection in a second",
                            cost.each(cost.cpuUs).map { $0 / cost.seconds }, places: 2, unit: "us"),
                    ]))
            report.costs = [cost]
        }
        report.groups.append(findings.connections(roster, issued: 0))
        report.curve = findings.curve
        report.verdict = Verdict([
            Verdict.arrivals(roster),
            VerdictLine("still_connected", "still connected at the end", Double(roster.liveCount), .exactly(count)),
            VerdictLine("connections_broken", "connections that broke meanwhile", Double(roster.lostCount), .exactly(0)),
            VerdictLine("memory_per_connection", "bytes a connection, all services", each, .atMost(Double(plan.bytesMax))),
            VerdictLine("foreign", "entries that nobody sent", Double(ledger.counts.foreign), .exactly(0)),
        ])
        if !report.verdict.isKept { report.notes = findings.notes }
        return report
    }
}
