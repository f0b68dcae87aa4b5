// The threads that wait for files, so that the loop need not: one for each lane of orders.
//
// Orders go over in a list for each lane and outcomes come back in one for all; a mutex guards each, event descriptors wake the
// other side. The lists are bounded by whoever gives the orders (`MediaLimits.orderCountMax`).

import Media
import Primitives
import Synchronization

/// Opens a store, in its lane's thread.
///
/// A struct around the closure: Swift 6.3 mixes up the arguments of a closure with typed throws that lies in a dictionary itself.
public struct MediaOpening: Sendable {
    let open: @Sendable () throws(StartFailure) -> sending any MediaStore

    public init(_ open: @escaping @Sendable () throws(StartFailure) -> sending any MediaStore) { self.open = open }
}

/// What there is to open; the folder's lane always.
public typealias MediaOpenings = [MediaOrder.Lane: MediaOpening]

package final class MediaWorker: Sendable {
    private struct Orders: Sendable {
        var list: [(order: MediaOrder, stamp: Stamp)] = []
        var opened: Result<Bool, StartFailure>?
        var isStopping = false
    }

    private final class Lane: Sendable {
        let orders = Mutex(Orders())
        let ordered = SystemCalls.makeEvent()
        let opened = SystemCalls.makeEvent()
        let thread = Mutex<SystemCalls.HelperThread?>(nil)
    }

    private let lanes: [MediaOrder.Lane: Lane]
    private let outcomes = Mutex<[MediaOutcome]>([])
    /// Readable when outcomes are there.
    package let finished = SystemCalls.makeEvent()

    /// Starts the threads and waits until all is open.
    /// - Throws: what an opening threw.
    package init(_ openings: MediaOpenings) throws(StartFailure) {
        lanes = openings.mapValues { _ in Lane() }
        var failure: StartFailure?
        for key in MediaOrder.Lane.allCases {
            guard failure == nil, let lane = lanes[key], let opening = openings[key] else { continue }
            let started = SystemCalls.startThread { [self] in run(lane, opening, finishes: key == .folder) }
            lane.thread.withLock { $0 = started }
            _ = SystemCalls.wait(lane.opened, timeoutMs: -1)
            if case .failure(let why) = lane.orders.withLock({ $0.opened }) { failure = why }
        }
        if let failure {
            stop()
            throw failure
        }
    }

    /// An order of a lane that nobody opened is a mistake of ours.
    package func submit(_ order: MediaOrder, stamp: Stamp) {
        guard let lane = lanes[order.lane] else { preconditionFailure("there is no lane \(order.lane)") }
        let isFirst = lane.orders.withLock { orders in
            orders.list.append((order, stamp))
            return orders.list.count == 1
        }
        // Who takes the list takes all of it, and has drained the event before: one call wakes it for all.
        if isFirst { SystemCalls.raise(event: lane.ordered) }
    }

    /// What has been carried out since this was asked last, in each lane in the order of the orders.
    package func takeOutcomes() -> [MediaOutcome] {
        SystemCalls.drain(event: finished)
        return outcomes.withLock { list in
            defer { list = [] }
            return list
        }
    }

    /// Carries out what was ordered of the folder, and of others what has begun; closes the stores, ends the threads.
    package func stop() {
        for lane in lanes.values {
            lane.orders.withLock { $0.isStopping = true }
            SystemCalls.raise(event: lane.ordered)
        }
        for lane in lanes.values {
            let running = lane.thread.withLock { thread in
                defer { thread = nil }
                return thread
            }
            running?.join()
        }
    }

    private func run(_ lane: Lane, _ opening: MediaOpening, finishes: Bool) {
        var store: any MediaStore
        do throws(StartFailure) {
            store = try opening.open()
        } catch {
            lane.orders.withLock { $0.opened = .failure(error) }
            return SystemCalls.raise(event: lane.opened)
        }
        lane.orders.withLock { $0.opened = .success(true) }
        SystemCalls.raise(event: lane.opened)
        while true {
            _ = SystemCalls.wait(lane.ordered, timeoutMs: -1)
            SystemCalls.drain(event: lane.ordered)
            let (orders, isStopping) = lane.orders.withLock { shared in
                defer { shared.list = [] }
                return (shared.list, shared.isStopping)
            }
            if isStopping && !finishes { return store.close() }
            for (order, stamp) in orders {
                let outcome = store.carryOut(order, now: stamp)
                let isFirst = outcomes.withLock { list in
                    list.append(outcome)
                    return list.count == 1
                }
                if isFirst { SystemCalls.raise(event: finished) }
            }
            if isStopping && orders.isEmpty { return store.close() }
            // What came in between has raised the event again; a stop must not wait for one more.
            if isStopping { SystemCalls.raise(event: lane.ordered) }
        }
    }
}
