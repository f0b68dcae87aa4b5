// Receipts that gather while the shard or its store is behind.
//
// A receipt is a watermark, and a watermark says everything that an earlier one said. So delaying costs nobody a tick: what a
// device acknowledges meanwhile is one receipt and one cursor in the end, where it would have been one for each message.
// Nothing is kept here but names; what was acknowledged is known to the device's own state, and a `read` that is lost with
// this process is repeated by its client, who has not been told `noted`.

import CoreKit
import Messages
import Primitives

/// Who waits, in the order in which they came.
struct DelayedReceipts: Sendable {
    /// A client's mark in one chat.
    struct Reader: Hashable, Sendable {
        var gateway: NodeID
        var connection: ConnectionID
        var peer: UserID
    }

    private var users: [UserID] = []
    private var known: Set<UserID> = []
    private var readers: [Reader] = []
    private var marks: [Reader: MarkRead] = [:]

    func has(_ user: UserID) -> Bool { known.contains(user) }

    /// - Returns: false when the user waits already.
    mutating func add(_ user: UserID) -> Bool {
        guard known.insert(user).inserted else { return false }
        users.append(user)
        return true
    }

    enum Added { case first, merged, full }

    /// Keeps the newest mark of each chat.
    mutating func add(_ mark: MarkRead) -> Added {
        let reader = Reader(gateway: mark.origin.gateway, connection: mark.origin.connection, peer: mark.with)
        if let earlier = marks[reader] {
            if mark.stamp > earlier.stamp { marks[reader] = mark }
            return .merged
        }
        guard readers.count < SessionLimits.delayedReadCountMax else { return .full }
        readers.append(reader)
        marks[reader] = mark
        return .first
    }

    mutating func take() -> (users: [UserID], reads: [MarkRead]) {
        defer { self = DelayedReceipts() }
        return (users, readers.map { marks[$0]! })
    }
}

extension SessionCore {
    /// A device of the user has acknowledged something: its receipts wait.
    mutating func delayReceipts(of user: UserID, now: Now) {
        load.count(.receipts, delayed.add(user) ? .delayed : .merged)
        timers.armIfIdle(.receipts, at: now.instant + LoadLimits.receiptWindow)
    }

    /// - Returns: false when too many wait already; then it is not delayed.
    mutating func delayRead(_ mark: MarkRead, now: Now) -> Bool {
        switch delayed.add(mark) {
        case .full: return false
        case .first: load.count(.receipts, .delayed)
        case .merged: load.count(.receipts, .merged)
        }
        timers.armIfIdle(.receipts, at: now.instant + LoadLimits.receiptWindow)
        return true
    }

    /// They have gathered long enough; meanwhile some may have gone.
    mutating func startDelayedReceipts(now: Now, _ effects: inout [Effect]) {
        let (waiting, reads) = delayed.take()
        for user in waiting where users[user] != nil {
            startReceiptRound(user, now: now, &effects)
            storeCursors(user, &effects)
        }
        for mark in reads { takeRead(mark, &effects) }
    }
}
