// What a service knows of load: how long its own work waits, what those behind it have said, what an operator has ordered;
// and therefore what it takes on and what it gives up.
//
// A service answers for itself and for those it cannot do without (`needs`): a session shard whose store is full is full. It
// says so to those who send to it (`tells`). Nobody tells on what comes back to him, so words go one way, from the
// store to the door, and a level that has passed is forgotten everywhere.
//
// The rule that messages come last follows from the ladder: whoever refuses a message has been told a level at which everything
// below it is given up. `admits` is the only place where that is decided.

import Messages
import Primitives

public struct LoadBook: Sendable {
    private var gauge = LoadGauge()
    /// What an operator ordered instead of what is measured; nil: measured.
    public private(set) var pinned: LoadLevel?
    /// Of those who are not calm; a handful.
    private var heard: [(node: NodeID, load: Load)] = []
    private var needs: Set<NodeID>
    public private(set) var tells: [NodeID]
    /// What those who send to us were told last.
    public private(set) var told = Load.calm
    /// Of this service and of those it needs.
    public private(set) var effective = Load.calm
    /// Of this service and of everybody it has heard of.
    public private(set) var worst = Load.calm
    public private(set) var counts = WorkCounts()
    /// Times that a level changed, ours or that of anybody we have heard of.
    public private(set) var changes: UInt64 = 0
    private var waits = Histogram()

    /// - Parameters:
    ///   - needs: those without whom this service can do nothing; their load is its own.
    ///   - tells: those who send to it.
    public init(needs: [NodeID] = [], tells: [NodeID] = []) {
        self.needs = Set(needs)
        self.tells = tells
    }

    /// The same under a newer cluster file.
    public mutating func adopt(needs: [NodeID] = [], tells: [NodeID] = []) {
        self.needs = Set(needs)
        self.tells = tells
        settle()
    }

    // MARK: What is known

    /// Of this service alone.
    public var own: Load { pinned.map { Load($0, admitPermille: $0 == .full ? 0 : 1_000) } ?? gauge.load }

    /// The smallest wait of the last window.
    public var wait: Interval { gauge.wait }

    /// Somebody has to go on looking how long work waits.
    public var isWatchful: Bool { gauge.load != .calm }

    public func load(of node: NodeID) -> Load {
        for entry in heard where entry.node == node { return entry.load }
        return .calm
    }

    /// Of what comes in by one node and goes on to another.
    public func path(via first: NodeID, to second: NodeID) -> Load {
        worst == .calm ? .calm : own.worse(load(of: first)).worse(load(of: second))
    }

    // MARK: Facts

    /// Work waited this long until now.
    public mutating func note(_ wait: Interval, now: Instant) {
        waits.record(wait)
        let before = gauge.load
        gauge.note(wait, now: now)
        if gauge.load != before { settle() }
    }

    public mutating func onHeard(_ load: Load, from node: NodeID) {
        heard.removeAll { $0.node == node }
        if load != .calm { heard.append((node, load)) }
        settle()
    }

    /// The link is gone, and what came over it holds no more.
    public mutating func forget(_ node: NodeID) { onHeard(.calm, from: node) }

    /// An operator's order; nil: measure.
    public mutating func pin(_ level: LoadLevel?) {
        pinned = level
        settle()
    }

    /// What is to be told, once; nil when it is known already.
    public mutating func takeNews() -> Load? {
        guard effective != told else { return nil }
        told = effective
        return told
    }

    private mutating func settle() {
        let before = (effective.level, worst.level)
        effective = own
        worst = own
        for (node, load) in heard {
            if needs.contains(node) { effective = effective.worse(load) }
            worst = worst.worse(load)
        }
        if (effective.level, worst.level) != before { changes += 1 }
    }

    // MARK: Decisions

    /// Whether work that may be given up is done. It yields when anybody known is behind: it must not stand in the way of a
    /// message anywhere.
    public mutating func admits(_ work: WorkClass) -> Bool {
        let isAdmitted = worst.level < work.yieldsAt
        counts[work, isAdmitted ? .admitted : .givenUp] += 1
        return isAdmitted
    }

    /// Whether a user's new message is taken on its way over these nodes.
    public mutating func admits(_ user: UserID, via first: NodeID, to second: NodeID, now: Stamp) -> Bool {
        let isAdmitted = Self.isInTurn(user, path(via: first, to: second), now: now)
        counts[.messages, isAdmitted ? .admitted : .refused] += 1
        return isAdmitted
    }

    /// Whether work of this class is to be done later, many as one.
    public func delays(_ work: WorkClass) -> Bool { effective.level >= work.yieldsAt }

    public mutating func count(_ work: WorkClass, _ outcome: WorkOutcome) { counts[work, outcome] += 1 }

    /// Who may send at `full` takes turns: everybody's turns begin at another second, and in each the hash decides anew.
    public static func isInTurn(_ user: UserID, _ load: Load, now: Stamp) -> Bool {
        guard load.admitPermille < 1_000 else { return true }
        let phase = Int64(hash(user, 0) % UInt64(LoadLimits.turnSeconds))
        let turn = (max(0, now.seconds) + phase) / LoadLimits.turnSeconds
        return hash(user, UInt64(turn)) % 1_000 < UInt64(load.admitPermille)
    }

    /// What a refused author is told to wait: another time at another second.
    public static func retryMs(_ user: UserID, now: Stamp) -> UInt32 {
        let range = LoadLimits.retryMs
        return range.lowerBound + UInt32(hash(user, UInt64(bitPattern: now.microseconds)) % UInt64(range.count))
    }

    private static func hash(_ user: UserID, _ salt: UInt64) -> UInt64 {
        StableHash.hash(user.text.utf8, k0: 0x6C6F_6164, k1: salt)
    }

    // MARK: Figures

    public func report(into page: inout MetricsPage) {
        page.gauge(
            "fantail_load_level", "What is given up: 0 nothing, 1 typing, 2 last seen too, 3 receipts wait, 4 some messages are refused.",
            Int(effective.level.rawValue))
        page.gauge("fantail_load_own_level", "The same, of this process alone.", Int(own.level.rawValue))
        page.gauge("fantail_load_worst_level", "The same, the highest of all that this process knows of.", Int(worst.level.rawValue))
        page.gauge("fantail_load_admit_permille", "Of 1,000 users, how many may send new messages.", Int(effective.admitPermille))
        page.gauge("fantail_load_pinned", "1 while an operator holds the level.", pinned == nil ? 0 : 1)
        page.gauge(
            "fantail_load_wait_now_seconds", "The smallest wait of the last tenth of a second that was looked at.",
            microseconds: wait.microseconds)
        page.counter("fantail_load_level_changes_total", "Times that a level changed, here or at those who tell theirs.", changes)
        page.histogram("fantail_load_wait_seconds", "How long work waited, looked at every 20 ms while there is some.", waits)
        for work in WorkClass.allCases {
            for outcome in WorkOutcome.allCases {
                page.counter(
                    "fantail_load_work_total", "Pieces of work by class and by what became of them.", counts[work, outcome],
                    labels: ["class": work.name, "outcome": outcome.name])
            }
        }
    }
}
