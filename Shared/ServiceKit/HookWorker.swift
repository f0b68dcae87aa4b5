// The threads that wait for webhooks, so that the loop need not: one for the table, some for receivers.
//
// Orders go over in a list for each kind and outcomes come back in one for all; a mutex guards each. The lists are bounded by whoever
// gives the orders, and says which thread posts.

import CoreKit
import Primitives
import Synchronization

/// Opens a worker, in its thread.
public struct HookOpening: Sendable {
    let open: @Sendable () throws(StartFailure) -> sending any HookWorking

    public init(_ open: @escaping @Sendable () throws(StartFailure) -> sending any HookWorking) { self.open = open }
}

/// The table, and those who post.
public struct HookOpenings: Sendable {
    var table: HookOpening
    var posters: [HookOpening]

    public init(table: HookOpening, posters: [HookOpening]) {
        self.table = table
        self.posters = posters
    }
}

package final class HookWorker: Sendable {
    private struct Orders: Sendable {
        var list: [(order: HookOrder, stamp: Stamp)] = []
        var opened: Result<Bool, StartFailure>?
        var isStopping = false
    }

    private final class Lane: Sendable {
        let orders = Mutex(Orders())
        let ordered = SystemCalls.makeEvent()
        let opened = SystemCalls.makeEvent()
        let thread = Mutex<SystemCalls.HelperThread?>(nil)
    }

    private let lanes: [Lane]
    private let outcomes = Mutex<[HookOutcome]>([])
    /// Readable when outcomes are there.
    package let finished = SystemCalls.makeEvent()

    /// Starts the threads and waits until all is open.
    package init(_ openings: HookOpenings) throws(StartFailure) {
        let all = [openings.table] + openings.posters
        lanes = all.map { _ in Lane() }
        var failure: StartFailure?
        for (lane, opening) in zip(lanes, all) where failure == nil {
            let isTable = lane === lanes[0]
            let started = SystemCalls.startThread { [self] in run(lane, opening, finishes: isTable) }
            lane.thread.withLock { $0 = started }
            _ = SystemCalls.wait(lane.opened, timeoutMs: -1)
            if case .failure(let why) = lane.orders.withLock({ $0.opened }) { failure = why }
        }
        if let failure {
            stop()
            throw failure
        }
    }

    package func submit(_ order: HookOrder, stamp: Stamp) {
        let lane = if case .post(let number, _, _) = order.work { lanes[1 + number] } else { lanes[0] }
        let isFirst = lane.orders.withLock { orders in
            orders.list.append((order, stamp))
            return orders.list.count == 1
        }
        if isFirst { SystemCalls.raise(event: lane.ordered) }
    }

    /// What has been carried out since this was asked last.
    package func takeOutcomes() -> [HookOutcome] {
        SystemCalls.drain(event: finished)
        return outcomes.withLock { list in
            defer { list = [] }
            return list
        }
    }

    /// Carries out what was ordered of the table, and closes it. Nobody waits for a post that is under way: it ends with the process, and is
    /// told again in the next life.
    package func stop() {
        for lane in lanes {
            lane.orders.withLock { $0.isStopping = true }
            SystemCalls.raise(event: lane.ordered)
        }
        for lane in lanes.prefix(1) {
            let running = lane.thread.withLock { thread in
                defer { thread = nil }
                return thread
            }
            running?.join()
        }
    }

    private func run(_ lane: Lane, _ opening: HookOpening, finishes: Bool) {
        var worker: any HookWorking
        do throws(StartFailure) {
            worker = try opening.open()
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
            if isStopping && !finishes { return worker.close() }
            for (order, stamp) in orders {
                let outcome = worker.carryOut(order, now: stamp)
                let isFirst = outcomes.withLock { list in
                    list.append(outcome)
                    return list.count == 1
                }
                if isFirst { SystemCalls.raise(event: finished) }
            }
            if isStopping && orders.isEmpty { return worker.close() }
            // What came in between has raised the event again; a stop must not wait for one more.
            if isStopping { SystemCalls.raise(event: lane.ordered) }
        }
    }
}
