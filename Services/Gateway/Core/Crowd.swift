// Connections that are in a phase which is meant to be short, oldest first.

import Primitives
import RPC

struct Crowd: Sendable {
    private var queue: [(socket: SocketID, since: Instant)] = []
    private var start = 0
    /// How many are in the phase.
    private(set) var count = 0

    /// - Parameter isHere: whether a connection is in the phase, as this one already is; of those that are not any more the queue keeps a few hundred at most.
    mutating func enter(_ socket: SocketID, now: Instant, _ isHere: (SocketID) -> Bool) {
        count += 1
        queue.append((socket, now))
        _ = oldest(isHere)
    }

    /// One of them is through, or gone. It stays in the queue until somebody looks.
    mutating func leave() { count -= 1 }

    /// Whoever has been in the phase for longest. Amortised O(1).
    /// - Parameter isHere: whether that connection is still in it.
    mutating func oldest(_ isHere: (SocketID) -> Bool) -> (socket: SocketID, since: Instant)? {
        while start < queue.count, !isHere(queue[start].socket) { start += 1 }
        compact(isHere)
        return start < queue.count ? queue[start] : nil
    }

    /// The queue holds at most four times as many as are in the phase, and some hundreds.
    private mutating func compact(_ isHere: (SocketID) -> Bool) {
        if start > 256 && start * 2 > queue.count {
            queue.removeFirst(start)
            start = 0
        }
        if queue.count > 4 * count + 1_024 {
            queue = queue[start...].filter { isHere($0.socket) }
            start = 0
        }
    }
}
