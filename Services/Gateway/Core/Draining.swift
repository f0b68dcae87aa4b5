// A gateway that is to leave: nobody new, and its clients sent elsewhere, some at a time.
//
// Everybody at once would be the storm that draining is there to avoid. So connections are closed in an order that dice choose,
// evenly over a window, with a code that says "another gateway, at once". A client resumes there from its cursor.

import Cluster
import CoreKit
import Primitives
import RPC
import WebSocket

/// How far a gateway is with sending its clients away.
struct Departure: Sendable {
    /// Connections that were open when it began; more do not come.
    var order: [SocketID]
    let beganAt: Instant
    /// How many of them have been told.
    var done = 0

    /// How many should have been told by now.
    func target(now: Instant) -> Int {
        let window = max(GatewayLimits.drainWindowMin.nanoseconds, GatewayLimits.drainSpacing.nanoseconds * Int64(order.count)) / 1_000_000
        let passed = min(max(0, (now - beganAt).nanoseconds / 1_000_000), window)
        return order.count * Int(passed) / Int(window)
    }
}

extension GatewayCore {
    /// Begins to leave, or stays after all.
    mutating func setDraining(_ isDraining: Bool, now: Now) {
        guard isDraining != (departure != nil) else { return }
        guard isDraining else {
            departure = nil
            return timers.cancel(.departure)
        }
        var order = sockets.values.sorted()
        for index in order.indices.dropFirst() { order.swapAt(index, dice.pick(0..<index + 1)) }
        departure = Departure(order: order, beganAt: now.instant)
        timers.arm(.departure, at: now.instant)
    }

    mutating func sendSomeAway(now: Now, _ effects: inout [Effect]) {
        guard var leaving = departure else { return }
        let target = leaving.target(now: now.instant)
        while leaving.done < target {
            close(leaving.order[leaving.done], .goingAway, now: now, &effects)
            counters.sentAway += 1
            leaving.done += 1
        }
        departure = leaving
        if leaving.done < leaving.order.count { timers.arm(.departure, at: now.instant + GatewayLimits.drainStep) }
    }
}
