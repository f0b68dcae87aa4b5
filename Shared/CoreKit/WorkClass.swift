// What the work of the cluster is worth when there is too much of it.

import Messages

/// The classes of work, the dearest first.
public enum WorkClass: Int, Sendable, CaseIterable {
    /// Messages with their `sent`, and what else people ask for and wait for. Refused last of all, with a time to retry.
    case messages = 0
    /// Delivered and read. Delayed and merged, never lost.
    case receipts = 1
    /// Last seen. Given up.
    case lastSeen = 2
    /// Typing and online pushes. Given up first.
    case typing = 3

    /// In metrics.
    public var name: String {
        switch self {
        case .messages: "messages"
        case .receipts: "receipts"
        case .lastSeen: "last_seen"
        case .typing: "typing"
        }
    }

    /// From this level on it is refused, delayed or given up.
    public var yieldsAt: LoadLevel {
        switch self {
        case .messages: .full
        case .receipts: .behind
        case .lastSeen: .heavy
        case .typing: .busy
        }
    }
}

/// What became of a piece of work.
public enum WorkOutcome: Int, Sendable, CaseIterable {
    case admitted = 0
    /// Done later than it could have been.
    case delayed = 1
    /// Done together with an earlier piece that was delayed.
    case merged = 2
    /// Dropped: nobody is told.
    case givenUp = 3
    /// Its author was told when to come back.
    case refused = 4

    /// In metrics.
    public var name: String {
        switch self {
        case .admitted: "admitted"
        case .delayed: "delayed"
        case .merged: "merged"
        case .givenUp: "given_up"
        case .refused: "refused"
        }
    }
}

/// How often each outcome befell each class.
public struct WorkCounts: Equatable, Sendable {
    private var counts = [UInt64](repeating: 0, count: WorkClass.allCases.count * WorkOutcome.allCases.count)

    public init() {}

    public subscript(work: WorkClass, outcome: WorkOutcome) -> UInt64 {
        get { counts[work.rawValue * WorkOutcome.allCases.count + outcome.rawValue] }
        set { counts[work.rawValue * WorkOutcome.allCases.count + outcome.rawValue] = newValue }
    }
}
