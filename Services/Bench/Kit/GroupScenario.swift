// bench group: everybody in a group gets everything.
//
// Connect everybody, make the groups, wait until every member knows of hers, settle, warm up, measure, drain.
//
// Closed loop: each group keeps a window of messages that lack `sent` or some member, and one of its authors writes the next
// when one is with everybody. So a window of 1 shows what the slowest member waits for, and a wide one what the cluster can
// do. Open loop: messages come evenly at a rate, to the groups in turn, whatever the cluster does; latencies count from the
// time at which a message was meant to be sent.

import ChatClient
import Primitives

public struct GroupScenario: Scenario {
    let plan: GroupPlan
    private var orders: [ScenarioOrder] = []
    private var phaseEnd = Instant.zero
    /// By group: changes that its owner was told to ask for.
    private var askedCounts: [Int]
    /// Of the open loop, while it writes.
    private var pacer: Pacer?

    public private(set) var phase = ScenarioPhase.connecting
    public private(set) var roster: Roster
    public private(set) var ledger: GroupLedger
    /// How late bench itself was; nil while it writes, and in the closed loop.
    private(set) var late: PaceLate?

    public init(_ plan: GroupPlan, mark: MessageMark) {
        self.plan = plan
        roster = Roster(memberCount: plan.shape.userCount)
        ledger = GroupLedger(mark: mark, shape: plan.shape)
        askedCounts = [Int](repeating: 0, count: plan.shape.groupCount)
    }

    public mutating func takeRecent() -> LatencyHistogram { ledger.takeRecent() }

    public var deadline: Instant? {
        guard phase != .over else { return nil }
        return min(phaseEnd, pacer?.due ?? phaseEnd)
    }

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
        case .typing, .presence, .settings, .mediaLink, .mediaKept: break
        }
        switch phase {
        case .joining: onJoining(plan.shape.group(of: member), now)
        case .warming, .measuring: if let group { refill(group, now) }
        case .draining: if ledger.isSettled { finish() }
        case .connecting, .settling, .storming, .releasing, .storing, .returning, .over: break
        }
    }

    public mutating func onTime(now: Instant) {
        if now >= phaseEnd { advance(now) }
        for _ in 0..<BenchLimits.burstCountMax {
            guard let piece = pacer?.take(now) else { break }
            write(Int(piece.number % Int64(plan.shape.groupCount)), at: piece.at)
        }
    }

    // MARK: Inside

    private mutating func advance(_ now: Instant) {
        switch phase {
        // Somebody never came, or never heard of her group: the verdict says so.
        case .connecting, .joining: finish()
        case .settling:
            enter(.warming, until: now + .seconds(Int64(plan.warmSeconds)))
            if let rate = plan.rate {
                pacer = Pacer(rate: rate, start: now)
            } else {
                for group in 0..<plan.shape.groupCount { refill(group, now) }
            }
        case .warming:
            enter(.measuring, until: now + .seconds(Int64(plan.seconds)))
            orders.append(.sample(.begin))
        case .measuring:
            enter(.draining, until: now + .seconds(Int64(plan.drainSeconds)))
            orders.append(.sample(.end))
            late = pacer?.late
            pacer = nil
            if ledger.isSettled { finish() }
        case .draining: finish()
        case .storming, .releasing, .storing, .returning, .over: break
        }
    }

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

    /// The closed loop: keeps the window full.
    private mutating func refill(_ group: Int, _ now: Instant) {
        guard plan.rate == nil else { return }
        while ledger.inFlight(group) < plan.window { write(group, at: now) }
    }

    private mutating func write(_ group: Int, at time: Instant) {
        let (author, message) = ledger.issue(group, at: time, isMeasured: phase == .measuring)
        orders.append(.send(author, message))
    }
}
