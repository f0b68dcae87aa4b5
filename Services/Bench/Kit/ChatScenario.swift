// bench chat: pairs that write. One exchange is a message, its `sent`, its delivery, the addressee's acknowledgement and the
// `delivered` receipt at its author.
//
// Closed loop: each author keeps a window of messages without a receipt, and writes the next one when a receipt comes; the
// cluster sets the pace. Open loop: messages come evenly at a rate, whatever the cluster does, and a latency counts from the
// time at which its message was meant to be sent, so that a stall is paid by everything that it held up.
//
// Connect everybody, settle, warm up, measure, drain: what is measured is what was issued in the interval, and every exchange
// whose receipt came in it.

import ChatClient
import Primitives

public struct ChatScenario: Scenario {
    let plan: ChatPlan
    private var orders: [ScenarioOrder] = []
    private var phaseEnd: Instant
    /// Of the open loop, while it writes.
    private var pacer: Pacer?

    private let gateway: Int?

    public private(set) var phase = ScenarioPhase.connecting
    public private(set) var roster: Roster
    public private(set) var ledger: Ledger
    /// How late bench itself was; nil while it writes, and in the closed loop.
    private(set) var late: PaceLate?

    /// - Parameter gateway: where all members begin, counted as in the cluster file; nil: anywhere.
    public init(_ plan: ChatPlan, mark: MessageMark, gateway: Int? = nil) {
        self.plan = plan
        self.gateway = gateway
        roster = Roster(memberCount: plan.memberCount)
        let chats = (0..<plan.users / 2).map { (author: 2 * $0, addressee: 2 * $0 + 1) }
        ledger = Ledger(mark: mark, memberCount: plan.memberCount, chats: chats)
        phaseEnd = .zero
    }

    public mutating func takeRecent() -> LatencyHistogram { ledger.takeRecent() }

    public mutating func takeOrders() -> [ScenarioOrder] {
        defer { orders.removeAll(keepingCapacity: true) }
        return orders
    }

    private mutating func startMore() {
        orders += roster.starters().map { member in gateway.map { .startAt(member, gateway: $0) } ?? .start(member) }
    }

    public var deadline: Instant? {
        guard phase != .over else { return nil }
        return min(phaseEnd, pacer?.due ?? phaseEnd)
    }

    // MARK: Facts

    public mutating func begin(now: Instant) {
        orders.append(.sample(.empty))
        phaseEnd = now + BenchLimits.arrivalTimeout
        startMore()
    }

    public mutating func on(_ news: ClientNews, of member: Int, now: Instant) {
        switch news {
        case .online:
            roster.onOnline(member, now: now)
            // Its client remembers whom it watches: said once.
            if plan.presence == .watched, phase == .connecting, member < plan.users { orders.append(.watch(member, ledger.mark.user(member ^ 1))) }
            guard phase == .connecting else { return }
            startMore()
            if roster.hasAllArrived { enter(.settling, until: now + BenchLimits.settleTime) }
        case .offline:
            roster.onOffline(member, now: now)
        default:
            if let chat = ledger.take(news, of: member, now: now) { refill(chat, now) }
        }
        if phase == .draining, ledger.inFlightSum == 0 { finish() }
    }

    public mutating func onTime(now: Instant) {
        if now >= phaseEnd { advance(now) }
        for _ in 0..<BenchLimits.burstCountMax {
            guard let piece = pacer?.take(now) else { break }
            write(Int(piece.number % Int64(ledger.chatCount)), at: piece.at)
        }
    }

    // MARK: Phases

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
            if let rate = plan.rate {
                pacer = Pacer(rate: rate, start: now)
            } else {
                for chat in 0..<ledger.chatCount { refill(chat, now) }
            }
        case .warming:
            enter(.measuring, until: now + .seconds(Int64(plan.seconds)))
            orders.append(.sample(.begin))
        case .measuring:
            enter(.draining, until: now + .seconds(Int64(plan.drainSeconds)))
            orders.append(.sample(.end))
            late = pacer?.late
            pacer = nil
            if ledger.inFlightSum == 0 { finish() }
        case .draining:
            finish()
        case .joining, .storming, .releasing, .storing, .returning, .over:
            break
        }
    }

    private mutating func finish() {
        phase = .over
        orders.append(.sample(.last))
    }

    // MARK: Writing

    private var isWriting: Bool { phase == .warming || phase == .measuring }

    /// The closed loop: keeps the window full.
    private mutating func refill(_ chat: Int, _ now: Instant) {
        guard isWriting, plan.rate == nil else { return }
        while ledger.inFlight(chat) < plan.window { write(chat, at: now) }
    }

    private mutating func write(_ chat: Int, at time: Instant) {
        let author = ledger.author(of: chat)
        let message = ledger.issue(chat, at: time, isMeasured: phase == .measuring)
        orders.append(plan.presence == .none ? .sendByApp(author, message) : .send(author, message))
    }
}
