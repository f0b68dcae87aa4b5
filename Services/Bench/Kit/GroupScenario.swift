// bench group: everybody in a group gets everything.
//
// Connect everybody, make the groups, wait until every member knows of hers, settle, warm up, measure, drain. A closed loop:
// each group keeps a window of messages that lack `sent` or some member, and one of its authors writes the next when one is
// with everybody. So a window of 1 shows what the slowest member waits for, and a wide one what the cluster can do.

import ChatClient
import Primitives

public struct GroupScenario: Scenario {
    let plan: GroupPlan
    private var orders: [ScenarioOrder] = []
    private var phaseEnd = Instant.zero
    /// By group: changes that its owner was told to ask for.
    private var askedCounts: [Int]

    public private(set) var phase = ScenarioPhase.connecting
    public private(set) var roster: Roster
    public private(set) var ledger: GroupLedger

    public init(_ plan: GroupPlan, mark: MessageMark) {
        self.plan = plan
        roster = Roster(memberCount: plan.shape.userCount)
        ledger = GroupLedger(mark: mark, shape: plan.shape)
        askedCounts = [Int](repeating: 0, count: plan.shape.groupCount)
    }

    public var deadline: Instant? { phase == .over ? nil : phaseEnd }
    public mutating func takeRecent() -> LatencyHistogram { ledger.takeRecent() }

    public mutating func takeOrders() -> [ScenarioOrder] {
        defer { orders.removeAll(keepingCapacity: true) }
        return orders
    }

    // MARK: Facts

    public mutating func begin(now: Instant) {
        orders.append(.sample(.empty))
        phaseEnd = now + BenchLimits.arrivalTimeout
        orders += roster.starters().map { .start($0) }
    }

    public mutating func on(_ news: ClientNews, of member: Int, now: Instant) {
        var group: Int?
        switch news {
        case .online: onOnline(member, now)
        case .offline: roster.onOffline(member, now: now)
        case .entry(let entry): group = ledger.onEntry(entry, at: member, now: now)
        case .sent(let id, let to, let at): group = ledger.onSent(id, to: to, by: member, at: at, now: now)
        case .failed(let id, _): group = ledger.onRefused(id, by: member)
        case .delivered(let peer, let at): ledger.onTick(with: peer, at: at, of: member, now: now)
        case .gap(let from, let to): ledger.onGap(from: from, to: to)
        case .cursorLost: ledger.onCursorLost()
        // Whoever hears nothing of her group says enough about a change that was refused.
        case .changed, .changeFailed, .counts, .late, .read, .history, .groupInfo, .groupList, .receipts, .refused: break
        }
        switch phase {
        case .joining: onJoining(plan.shape.group(of: member), now)
        case .warming, .measuring: if let group { refill(group, now) }
        case .draining: if ledger.isSettled { finish() }
        case .connecting, .settling, .storing, .returning, .over: break
        }
    }

    public mutating func onTime(now: Instant) {
        guard now >= phaseEnd else { return }
        switch phase {
        // Somebody never came, or never heard of her group: the verdict says so.
        case .connecting, .joining: finish()
        case .settling:
            enter(.warming, until: now + .seconds(Int64(plan.warmSeconds)))
            for group in 0..<plan.shape.groupCount { refill(group, now) }
        case .warming:
            enter(.measuring, until: now + .seconds(Int64(plan.seconds)))
            orders.append(.sample(.begin))
        case .measuring:
            enter(.draining, until: now + .seconds(Int64(plan.drainSeconds)))
            orders.append(.sample(.end))
            if ledger.isSettled { finish() }
        case .draining: finish()
        case .storing, .returning, .over: break
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

    private mutating func onOnline(_ member: Int, _ now: Instant) {
        roster.onOnline(member, now: now)
        guard phase == .connecting else { return }
        orders += roster.starters().map { .start($0) }
        guard roster.hasAllArrived else { return }
        enter(.joining, until: now + BenchLimits.joinTimeout)
        for group in 0..<plan.shape.groupCount { askNext(group) }
    }

    /// The owner asks for the next change when she has seen the one before.
    private mutating func onJoining(_ group: Int, _ now: Instant) {
        if ledger.changesShown(to: plan.shape.owner(of: group)) == askedCounts[group] { askNext(group) }
        if ledger.joinedCount == plan.shape.userCount { enter(.settling, until: now + BenchLimits.settleTime) }
    }

    private mutating func askNext(_ group: Int) {
        let index = askedCounts[group]
        guard index < plan.shape.changeCount else { return }
        askedCounts[group] += 1
        let change = OutgoingChange(
            ref: plan.shape.reference(index, of: group), group: index == 0 ? nil : ledger.id(of: group),
            change: ledger.change(index, of: group))
        orders.append(.change(plan.shape.owner(of: group), change))
    }

    /// Keeps the window full.
    private mutating func refill(_ group: Int, _ now: Instant) {
        while ledger.inFlight(group) < plan.window {
            let (author, message) = ledger.issue(group, at: now, isMeasured: phase == .measuring)
            orders.append(.send(author, message))
        }
    }
}
