// bench newyear: much more than the cluster can take, and what becomes of it.
//
// First the peak is measured in a closed loop, with load shedding as it is. Then people want to write ten times that, in an open
// loop: whoever has as many messages without `sent` as a client keeps on the wire waits with the next one (`held back`), the others
// hand theirs to their client, and the client sends, is refused, and comes back when it was told. Receipts, `read` marks,
// typing and presence go beside it all the time. Then everybody stops writing, and the cluster is watched while it comes to rest and
// the clients bring home what was refused.

import ChatClient
import FantailCLI
import Primitives

public struct NewyearScenario: Scenario {
    let plan: NewyearPlan
    private var orders: [ScenarioOrder] = []
    private var phaseEnd = Instant.zero
    private var beganAt = Instant.zero
    private var pacer: Pacer?
    /// The newest stamp that each addressee was shown, until it is marked as read.
    private var unread: [Stamp]

    public private(set) var phase = ScenarioPhase.connecting
    public private(set) var roster: Roster
    public private(set) var ledger: Ledger
    public private(set) var load: LoadAccount
    /// Messages that people wanted to write in the storm, and those that they could not hand over.
    private(set) var offeredCount: UInt64 = 0
    private(set) var heldBackCount: UInt64 = 0
    private(set) var late: PaceLate?
    private(set) var peakLatencies: [LatencyHistogram] = []
    private(set) var stormLatencies: [LatencyHistogram] = []
    private(set) var peak: Stretch?
    private(set) var storm: Stretch?
    /// When everybody stopped writing, seconds of the run.
    private(set) var releasedAt: Double?
    private var stretchBegan: (at: Instant, counts: LedgerCounts)?

    /// A stretch of the run and what was done in it.
    struct Stretch: Sendable {
        var span: ClosedRange<Double>
        var receipts: UInt64
        var acked: UInt64
        var perSecond: Double { Double(receipts) / max(0.001, span.upperBound - span.lowerBound) }
    }

    public init(_ plan: NewyearPlan, mark: MessageMark, nodeCount: Int) {
        self.plan = plan
        roster = Roster(memberCount: plan.users)
        let chats = (0..<plan.users / 2).map { (author: 2 * $0, addressee: 2 * $0 + 1) }
        ledger = Ledger(mark: mark, memberCount: plan.users, chats: chats)
        load = LoadAccount(nodeCount: nodeCount)
        unread = [Stamp](repeating: .zero, count: plan.users)
    }

    public mutating func takeRecent() -> LatencyHistogram { ledger.takeRecent() }

    public mutating func takeOrders() -> [ScenarioOrder] {
        defer { orders.removeAll(keepingCapacity: true) }
        return orders
    }

    public var deadline: Instant? {
        guard phase != .over else { return nil }
        return min(phaseEnd, pacer?.due ?? phaseEnd)
    }

    public var watchesLoad: Bool { true }

    // MARK: Facts

    public mutating func begin(now: Instant) {
        beganAt = now
        phaseEnd = now + BenchLimits.arrivalTimeout
        orders.append(.sample(.empty))
        orders += roster.starters().map { .start($0) }
    }

    public mutating func on(_ news: ClientNews, of member: Int, now: Instant) {
        switch news {
        case .online:
            roster.onOnline(member, now: now)
            guard phase == .connecting else { return }
            orders += roster.starters().map { .start($0) }
            if roster.hasAllArrived { enter(.settling, until: now + BenchLimits.settleTime) }
        case .offline:
            roster.onOffline(member, now: now)
        default:
            if case .entry(.message(_, _, _, let at, _)) = news { onShown(member, at) }
            if let chat = ledger.take(news, of: member, now: now) { refill(chat, now) }
        }
        if phase == .draining, ledger.inFlightSum == 0 { finish() }
    }

    public mutating func onLoad(_ loads: [NodeLoad?], now: Instant) { load.take(loads, at: seconds(now)) }

    public mutating func onTime(now: Instant) {
        if now >= phaseEnd { advance(now) }
        // People who have to wait cost nothing, so that many of them fit into a round.
        var written = 0
        for _ in 0..<BenchLimits.offersCountMax {
            guard written < BenchLimits.burstCountMax, let piece = pacer?.take(now) else { break }
            if offer(piece.number, at: piece.at) { written += 1 }
        }
    }

    // MARK: Phases

    private func seconds(_ now: Instant) -> Double { Double((now - beganAt).milliseconds) / 1_000 }

    private mutating func enter(_ next: ScenarioPhase, until end: Instant) {
        phase = next
        phaseEnd = end
    }

    private mutating func advance(_ now: Instant) {
        switch phase {
        case .connecting:
            // Somebody never came: the verdict says so.
            finish()
        case .settling:
            enter(.warming, until: now + .seconds(Int64(plan.warmSeconds)))
            for chat in 0..<ledger.chatCount { refill(chat, now) }
        case .warming:
            enter(.measuring, until: now + .seconds(Int64(plan.peakSeconds)))
            stretchBegan = (now, ledger.counts)
            orders.append(.sample(.begin))
        case .measuring:
            peak = stretch(now)
            peakLatencies = ledger.takeLatencies()
            orders += [.sample(.end), .sample(.laterBegin)]
            stretchBegan = (now, ledger.counts)
            pacer = Pacer(rate: max(1, peak!.perSecond) * Double(plan.factor), start: now)
            enter(.storming, until: now + .seconds(Int64(plan.stormSeconds)))
        case .storming:
            storm = stretch(now)
            late = pacer?.late
            pacer = nil
            stormLatencies = ledger.takeLatencies()
            releasedAt = seconds(now)
            orders.append(.sample(.laterEnd))
            enter(.releasing, until: now + .seconds(Int64(plan.releaseSeconds)))
        case .releasing:
            enter(.draining, until: now + .seconds(Int64(plan.drainSeconds)))
            if ledger.inFlightSum == 0 { finish() }
        case .draining:
            finish()
        case .joining, .storing, .returning, .over:
            break
        }
    }

    private mutating func stretch(_ now: Instant) -> Stretch? {
        guard let began = stretchBegan else { return nil }
        return Stretch(
            span: seconds(began.at)...seconds(now), receipts: ledger.counts.receipts - began.counts.receipts,
            acked: ledger.counts.acked - began.counts.acked)
    }

    private mutating func finish() {
        phase = .over
        orders.append(.sample(.last))
    }

    // MARK: Writing

    /// The closed loop: keeps the window full.
    private mutating func refill(_ chat: Int, _ now: Instant) {
        guard phase == .warming || phase == .measuring else { return }
        while ledger.inFlight(chat) < plan.window { write(chat, at: now) }
    }

    /// - Returns: false when the person has to wait.
    private mutating func offer(_ number: Int64, at time: Instant) -> Bool {
        let chat = Int(number % Int64(ledger.chatCount))
        offeredCount += 1
        // Who wants to write types first, also when she has to wait, and looks whether the other is there.
        if number % BenchLimits.typingEvery == 0 { orders.append(.type(ledger.author(of: chat), ledger.mark.user(ledger.addressee(of: chat)))) }
        if number % BenchLimits.presenceEvery == 0 {
            orders.append(.askPresence(ledger.addressee(of: chat), ledger.mark.user(ledger.author(of: chat))))
        }
        guard ledger.unsent(chat) < plan.clientWindow else {
            heldBackCount += 1
            return false
        }
        write(chat, at: time)
        return true
    }

    private mutating func write(_ chat: Int, at time: Instant) {
        let isMeasured = phase == .measuring || phase == .storming
        orders.append(.send(ledger.author(of: chat), ledger.issue(chat, at: time, isMeasured: isMeasured)))
    }

    /// Whoever is shown something has read it; every sixteenth time she says so.
    private mutating func onShown(_ member: Int, _ at: Stamp) {
        unread[member] = max(unread[member], at)
        guard at.microseconds % 16 == 0, member % 2 == 1 else { return }
        orders.append(.markRead(member, ledger.mark.user(member - 1), unread[member]))
    }
}
