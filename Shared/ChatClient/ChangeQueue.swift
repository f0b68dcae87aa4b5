// Changes of groups that a person asked for, until each has its answer.
//
// A change is repeated under its reference, as a message is under its id: when no answer comes, after a reconnect, after a
// refusal that time can heal. Two changes of one group keep their order: the second goes when the first has its answer.

import ClientProtocol
import Primitives

struct ChangeQueue: Sendable {
    private struct Pending: Sendable {
        var change: OutgoingChange
        /// When the answer is overdue; nil: not on the wire.
        var deadline: Instant?
        var notBefore: Instant
        var retryPause = RetryPause()
    }

    enum Verdict {
        /// It is asked for again later.
        case retry
        /// It is gone.
        case final
    }

    private var pending: [Pending]
    /// When to look again; nil: nothing waits.
    private(set) var next: Instant?

    init(_ changes: [OutgoingChange]) {
        pending = changes.map { Pending(change: $0, deadline: nil, notBefore: .zero) }
    }

    var isEmpty: Bool { pending.isEmpty }
    var waiting: [OutgoingChange] { pending.map(\.change) }

    mutating func add(_ change: OutgoingChange, now: Instant) {
        pending.append(Pending(change: change, deadline: nil, notBefore: now))
    }

    /// True when it waited.
    mutating func remove(_ ref: MessageID) -> Bool {
        guard let index = pending.firstIndex(where: { $0.change.ref == ref }) else { return false }
        pending.remove(at: index)
        return true
    }

    /// Nil when the error is about none of these.
    mutating func onError(_ error: ErrorFrame, ref: MessageID, dice: inout SeededGenerator, now: Instant) -> Verdict? {
        guard let index = pending.firstIndex(where: { $0.change.ref == ref }) else { return nil }
        switch error.code {
        case .overloaded, .unavailable, .storageFull, .helloMissing:
            pending[index].deadline = nil
            pending[index].notBefore = now + dice.jittered(pending[index].retryPause.take(error))
            return .retry
        default:
            pending.remove(at: index)
            return .final
        }
    }

    /// A new connection: everything is asked for again.
    mutating func restart(now: Instant) {
        for index in pending.indices {
            pending[index].deadline = nil
            pending[index].notBefore = now
        }
    }

    /// What got no answer in time may go again.
    mutating func giveUpWaiting(now: Instant) {
        for index in pending.indices {
            if let deadline = pending[index].deadline, deadline <= now { pending[index].deadline = nil }
        }
    }

    /// What goes on the wire now, oldest first: of each group the first one that waits, and every group that is to be made.
    mutating func takeDue(now: Instant) -> [OutgoingChange] {
        var due: [OutgoingChange] = []
        var busy: Set<UserID> = []
        next = nil
        for index in pending.indices {
            if let group = pending[index].change.group, !busy.insert(group).inserted { continue }
            if pending[index].deadline == nil, pending[index].notBefore <= now {
                pending[index].deadline = now + ClientTimes.answerTimeout
                due.append(pending[index].change)
            }
            let time = pending[index].deadline ?? pending[index].notBefore
            next = min(next ?? time, time)
        }
        return due
    }
}
