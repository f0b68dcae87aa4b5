// Receipts that gather: for a moment behind others, for longer while the shard or its store is behind.
//
// A receipt is a watermark, and a watermark says everything that an earlier one said. So delaying costs nobody a tick: what a
// device acknowledges meanwhile is one receipt and one cursor in the end, where it would have been one for each message.
// And what many devices acknowledge in the same moment travels together: one frame to each shard, one commit for all of their
// receipts and one for all of their cursors. Who comes after a moment of silence is not held up: a lone tick is as quick as ever.
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
    /// Until when what comes in now gathers; nil: it starts at once, and whoever comes within `receiptWindow` gathers behind it.
    private mutating func receiptsDue(now: Now) -> Instant? {
        if load.delays(.receipts) { return now.instant + LoadLimits.receiptWindow }
        if let began = receiptsBegan, now.instant > began, now.instant < began + SessionLimits.receiptWindow {
            return began + SessionLimits.receiptWindow
        }
        receiptsBegan = now.instant
        return nil
    }

    /// A device of the user has acknowledged something.
    /// - Returns: false when nothing is to be waited for.
    mutating func delayReceipts(of user: UserID, now: Now) -> Bool {
        guard let due = receiptsDue(now: now) else { return false }
        let isFirst = delayed.add(user)
        if load.delays(.receipts) { load.count(.receipts, isFirst ? .delayed : .merged) }
        timers.armIfIdle(.receipts, at: due)
        return true
    }

    /// - Returns: false when nothing is to be waited for, or too many wait already.
    mutating func delayRead(_ mark: MarkRead, now: Now) -> Bool {
        guard let due = receiptsDue(now: now) else { return false }
        let added = delayed.add(mark)
        guard added != .full else { return false }
        if load.delays(.receipts) { load.count(.receipts, added == .first ? .delayed : .merged) }
        timers.armIfIdle(.receipts, at: due)
        return true
    }

    /// They have gathered long enough; meanwhile some may have gone.
    mutating func startDelayedReceipts(now: Now, _ effects: inout [Effect]) {
        receiptsBegan = now.instant
        let (waiting, reads) = delayed.take()
        for user in waiting where users[user] != nil {
            startReceiptRound(user, now: now, &effects)
            gatherCursors(of: user, now: now, &effects)
        }
        for mark in reads { takeRead(mark, &effects) }
    }
}
