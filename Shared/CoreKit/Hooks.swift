// The queue of webhooks, as a core sees it: orders for a table and for whoever posts, and what became of them. Only api has one.

import Primitives

/// An order. Those about the table are carried out in turn, by one thread; posts by others.
public struct HookOrder: Equatable, Sendable {
    public enum Work: Equatable, Sendable {
        /// What waits in the table.
        case load
        /// New deliveries; one whose key is in the table already is left out.
        case add([HookNews])
        /// The body of one that waits.
        case read(Int64)
        case settle(Int64, HookFate)
        /// Dead letters with a greater number, at most so many.
        case dead(after: Int64, limit: Int)
        /// A dead letter waits again.
        case revive(Int64)
        case drop(Int64)
        /// Tells the receiver, by the thread of that number, which has nothing else to do.
        case post(lane: Int, Int64, [UInt8])
    }

    public var ticket: UInt64
    public var work: Work

    public init(_ ticket: UInt64, _ work: Work) {
        self.ticket = ticket
        self.work = work
    }
}

/// A delivery that is new.
public struct HookNews: Equatable, Sendable {
    /// The same for the same news, however often it comes.
    public var key: String
    /// JSON.
    public var body: [UInt8]

    public init(key: String, body: [UInt8]) {
        self.key = key
        self.body = body
    }
}

/// What is to become of a delivery that was tried.
public enum HookFate: Equatable, Sendable {
    case done
    case again(due: Stamp, error: String)
    case dead(error: String)
}

/// A delivery that waits.
public struct HookRow: Equatable, Sendable {
    public var number: Int64
    public var tryCount: Int
    public var due: Stamp

    public init(number: Int64, tryCount: Int, due: Stamp) {
        self.number = number
        self.tryCount = tryCount
        self.due = due
    }
}

/// One that nobody tries any more.
public struct DeadLetter: Equatable, Sendable {
    public var number: Int64
    public var tryCount: Int
    public var error: String
    public var diedAt: Stamp
    /// JSON.
    public var body: [UInt8]

    public init(number: Int64, tryCount: Int, error: String, diedAt: Stamp, body: [UInt8]) {
        self.number = number
        self.tryCount = tryCount
        self.error = error
        self.diedAt = diedAt
        self.body = body
    }
}

/// What became of an order.
public struct HookOutcome: Equatable, Sendable {
    public enum Result: Equatable, Sendable {
        case loaded([HookRow], deadCount: Int)
        /// Durable.
        case added([HookRow])
        case body([UInt8])
        /// There is no such row.
        case missing
        /// - deadCount: how many dead letters there are now.
        case settled(deadCount: Int)
        case dead([DeadLetter], more: Bool)
        case revived(HookRow, deadCount: Int)
        /// The receiver has it.
        case posted
        /// It has not, or did not say so.
        case failed(String)
        /// The table refused: the disk is full, or broken.
        case broken(String)
    }

    public var ticket: UInt64
    public var result: Result

    public init(_ ticket: UInt64, _ result: Result) {
        self.ticket = ticket
        self.result = result
    }
}

/// Whoever carries out orders, in a thread of its own. Waits as it must.
public protocol HookWorking {
    mutating func carryOut(_ order: HookOrder, now: Stamp) -> HookOutcome
    mutating func close()
}
