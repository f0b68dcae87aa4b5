// Cursors, by which persistence knows what a device has; behind the receipts, and in no hurry.
//
// Nobody waits for a cursor. One that stands too low costs a repeat after a crash of this shard, and hardly that: a device that
// comes back says itself how far it has come. So cursors gather for half a second, and a device that gets ten messages in that
// time costs one write, not ten. They leave in the order in which they came, a few at a time, because a batch of thousands
// would stand in the way of messages. In temporary mode the text goes with the cursor, so much later.
//
// A cursor that comes after a time of silence goes at once.

import CoreKit
import Messages
import Primitives
import RPC

/// Users whose cursors are behind, in the order in which they came.
struct CursorQueue: Sendable {
    private var waiting: ArraySlice<(user: UserID, due: Instant)> = []
    /// When the newest cursor left that did not wait.
    private var directAt: Instant?

    /// When the first of them is to leave.
    var due: Instant? { waiting.first?.due }

    /// Nothing came for a while: this one need not wait, and those of the same tick need not either.
    mutating func mayPass(now: Instant) -> Bool {
        guard waiting.isEmpty, directAt.map({ now == $0 || now >= $0 + SessionLimits.cursorWindow }) ?? true else { return false }
        directAt = now
        return true
    }

    mutating func add(_ user: UserID, now: Instant) { waiting.append((user, now + SessionLimits.cursorWindow)) }

    /// The next that is due.
    mutating func popDue(_ now: Instant) -> UserID? {
        guard let first = waiting.first, first.due <= now else { return nil }
        waiting.removeFirst()
        if waiting.isEmpty {
            // What was taken lies in front of a slice until it ends.
            waiting = []
            directAt = now
        }
        return first.user
    }
}

extension SessionCore {
    /// Something that a device of the user has acknowledged has its receipts.
    mutating func gatherCursors(of user: UserID, now: Now, _ effects: inout [Effect]) {
        guard let state = users[user], !state.areCursorsWaiting, state.isCursorBehind else { return }
        if cursors.mayPass(now: now.instant) { return storeCursors(user, &effects) }
        users[user]!.areCursorsWaiting = true
        cursors.add(user, now: now.instant)
        armCursors()
    }

    /// Those that are due; some of the users may have gone meanwhile.
    mutating func storeDueCursors(now: Now, _ effects: inout [Effect]) {
        while let user = cursors.popDue(now.instant) {
            guard users[user] != nil else { continue }
            users[user]!.areCursorsWaiting = false
            storeCursors(user, &effects)
        }
        armCursors()
    }

    /// A little behind the first, so that those who follow it closely leave with it.
    private mutating func armCursors() {
        if let due = cursors.due { timers.armIfIdle(.cursors, at: due + SessionLimits.receiptWindow) }
    }

    /// Moves the cursors of a user's devices whose acknowledgements have their receipts.
    mutating func storeCursors(_ id: UserID, _ effects: inout [Effect]) {
        guard let user = users[id] else { return }
        for index in user.devices.indices {
            let device = user.devices[index]
            guard let number = user.cursorToStore(of: device) else { continue }
            users[id]!.devices[index].storing = number
            let store = StoreCursor(owner: id, device: device.origin.device, number: number)
            ask(id, .storeCursor(store), .cursor(id, device.origin.device, number), &effects)
        }
    }

    mutating func onCursorStored(
        _ id: UserID, _ device: DeviceID, _ number: UInt64, _ result: Result<Message, Refusal>, now: Now,
        _ effects: inout [Effect]
    ) {
        guard
            let index = users[id]?.devices.firstIndex(where: { $0.origin.device == device && $0.storing == number })
        else { return }
        users[id]!.devices[index].storing = nil
        guard case .success(.done) = result else { return retryLater(id, now: now) }
        users[id]!.devices[index].stored = max(users[id]!.devices[index].stored, number)
        storeCursors(id, &effects)
        let isDone = users[id]!.devices[index].acknowledged <= users[id]!.devices[index].stored
        if users[id]!.devices[index].isGone && isDone {
            users[id]!.devices.remove(at: index)
            forgetIfIdle(id)
        }
    }
}
