// bench offline: messages for people who are not there, and then the people come.
//
// Everybody connects once, so that the cluster knows them, and the users leave. Senders write to them in turn; each keeps a
// window of messages without `sent`. When all is stored the users come back and fetch what waits; with `--kill` every process of the
// cluster dies in between, in the moment of the last `sent`.

import ChatClient
import Primitives

public struct OfflineScenario: Scenario {
    let plan: OfflinePlan
    private var orders: [ScenarioOrder] = []
    private var phaseEnd = Instant.zero
    /// By sender: messages without `sent`, and how many were written.
    private var unanswered: [Int]
    private var written: [Int]
    private var ackedBefore: UInt64 = 0
    /// The next user who is to come back.
    private var returnNext: Int
    private var returnedCount = 0
    private var returningSince = Instant.zero
    private var drainedUs: Int64?

    public private(set) var phase = ScenarioPhase.connecting
    public private(set) var roster: Roster
    public private(set) var ledger: Ledger

    public init(_ plan: OfflinePlan, mark: MessageMark) {
        self.plan = plan
        roster = Roster(memberCount: plan.senders + plan.users)
        let chats = (0..<plan.users).map { (author: $0 % plan.senders, addressee: plan.senders + $0) }
        ledger = Ledger(mark: mark, memberCount: plan.senders + plan.users, chats: chats)
        unanswered = [Int](repeating: 0, count: plan.senders)
        written = unanswered
        returnNext = plan.senders
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
            if phase == .connecting {
                orders += roster.starters().map { .start($0) }
                if roster.hasAllArrived { sendHome(now) }
            } else if phase == .returning, member >= plan.senders {
                returnedCount += 1
                letIn(now)
            }
        case .offline: roster.onOffline(member, now: now)
        default: _ = ledger.take(news, of: member, now: now)
        }
        switch phase {
        case .storing: onStoring(member, now)
        case .returning:
            if ledger.counts.delivered >= UInt64(plan.messages), drainedUs == nil {
                drainedUs = (now - returningSince).microseconds
                orders.append(.sample(.laterEnd))
            }
            if drainedUs != nil, ledger.inFlightSum == 0 { finish() }
        case .connecting, .joining, .settling, .warming, .measuring, .storming, .releasing, .draining, .over: break
        }
    }

    public mutating func onTime(now: Instant) {
        guard now >= phaseEnd else { return }
        switch phase {
        case .settling:
            enter(.storing, until: now + BenchLimits.storeStallTimeout)
            orders.append(.sample(.begin))
            for sender in 0..<plan.senders { refill(sender, now) }
        // Somebody never came, storing stands still, or fetching takes too long: the verdict says so.
        case .connecting, .storing, .returning: finish()
        case .joining, .warming, .measuring, .storming, .releasing, .draining, .over: break
        }
    }

    // MARK: Inside

    private mutating func enter(_ next: ScenarioPhase, until end: Instant) {
        phase = next
        phaseEnd = end
    }

    private mutating func finish() {
        phase = .over
        orders.append(.sample(.last))
    }

    private mutating func sendHome(_ now: Instant) {
        for user in plan.senders..<plan.senders + plan.users {
            orders.append(.stop(user))
            roster.onStopped(user)
        }
        enter(.settling, until: now + BenchLimits.settleTime)
    }

    /// A sender's window has room when `sent` came, or a refusal for good.
    private mutating func onStoring(_ member: Int, _ now: Instant) {
        let answered = ledger.counts.acked + ledger.counts.refused
        guard answered > ackedBefore else { return }
        ackedBefore = answered
        phaseEnd = now + BenchLimits.storeStallTimeout
        unanswered[member] -= 1
        if answered == UInt64(plan.messages) {
            orders += [.sample(.end), .sample(.laterBegin)]
            if plan.isDeadly { orders.append(.killAll) }
            enter(.returning, until: now + .seconds(Int64(plan.drainSeconds)))
            returningSince = now
            letIn(now)
        } else {
            refill(member, now)
        }
    }

    /// Messages that a sender writes in all.
    private func share(_ sender: Int) -> Int { plan.messages / plan.senders + (sender < plan.messages % plan.senders ? 1 : 0) }

    private mutating func refill(_ sender: Int, _ now: Instant) {
        // The chats of a sender are every `senders`-th one; they get its messages in turn.
        let chats = (plan.users - sender + plan.senders - 1) / plan.senders
        while unanswered[sender] < plan.window, written[sender] < share(sender) {
            let chat = sender + written[sender] % chats * plan.senders
            orders.append(.send(sender, ledger.issue(chat, at: now, isMeasured: true)))
            written[sender] += 1
            unanswered[sender] += 1
        }
    }

    private mutating func letIn(_ now: Instant) {
        let end = plan.senders + min(plan.users, returnedCount + BenchLimits.handshakesInFlightMax)
        while returnNext < end {
            orders.append(.start(returnNext))
            returnNext += 1
        }
    }
}

extension OfflineScenario {
    public func report(_ findings: RunFindings) -> Report {
        var report = Report(
            scenario: "offline",
            headline:
                "\(Words.count(UInt64(plan.messages))) messages from \(plan.senders) senders (window \(plan.window)) to \(plan.users) offline users, \(plan.encoding), \(plan.bodyBytes) bytes",
            settings: [
                .init("messages", .whole(Int64(plan.messages))), .init("users", .whole(Int64(plan.users))),
                .init("senders", .whole(Int64(plan.senders))), .init("window", .whole(Int64(plan.window))),
                .init("drain", .whole(Int64(plan.drainSeconds))), .init("kill", .bool(plan.isDeadly)), .init("body", .whole(Int64(plan.bodyBytes))),
                .init("encoding", .text("\(plan.encoding)")),
            ])
        let balance = ledger.balance(now: findings.now)
        let messages = Double(plan.messages)
        if let cost = findings.cost("stored", messages) {
            report.groups.append(
                FigureGroup(
                    "Storing",
                    [
                        Figure("stored_per_second", "messages a second", messages / cost.seconds, places: 1),
                        Figure("store_seconds", "length", cost.seconds, places: 3, unit: "s"),
                        Figure("fsyncs_per_message", "fsyncs per message", findings.syncsPerMessage, places: 4),
                    ]))
            report.costs.append(cost)
        }
        if let cost = findings.cost("drained", messages, from: .laterBegin, to: .laterEnd, hasMemory: false) {
            report.groups.append(
                FigureGroup(
                    "Fetching",
                    [
                        Figure("drained_per_second", "messages a second", messages / cost.seconds, places: 1),
                        Figure("drain_seconds", "length", cost.seconds, places: 3, unit: "s"),
                    ]))
            report.costs.append(cost)
        }
        report.groups.append(RunFindings.messages(ledger.counts, balance))
        report.groups.append(findings.connections(roster, issued: ledger.counts.issued))
        // Delivery waits for the addressee here: only the first tick is a latency.
        report.latencies = [LatencyRow("sent", "send to sent", ledger.latencies[Ledger.Leg.sent.rawValue])]
        report.curve = findings.curve
        let stored = VerdictLine("stored", "messages written", Double(ledger.counts.issued), .exactly(messages))
        report.verdict = Verdict([Verdict.arrivals(roster), stored] + Verdict.ledger(ledger.counts, balance))
        if !report.verdict.isKept { report.notes = findings.notes }
        return report
    }
}
