// The thread that waits for files, so that the loop need not.
//
// Orders go over in a list and outcomes come back in one; a mutex guards both, an event descriptor each way wakes the other
// side. The list is bounded by whoever gives the orders (`MediaLimits.orderCountMax`).

import Media
import Primitives
import Synchronization

/// Opens a store, in the worker's thread.
public typealias MediaOpening = @Sendable () throws(StartFailure) -> sending any MediaStore

package final class MediaWorker: Sendable {
    private struct Shared: Sendable {
        var orders: [(order: MediaOrder, stamp: Stamp)] = []
        var outcomes: [MediaOutcome] = []
        var opened: Result<Bool, StartFailure>?
        var isStopping = false
    }

    private let shared = Mutex(Shared())
    private let ordered = SystemCalls.makeEvent()
    /// Readable when outcomes are there.
    package let finished = SystemCalls.makeEvent()
    private let thread = Mutex<SystemCalls.HelperThread?>(nil)

    /// Starts the thread and waits until the store is open.
    /// - Throws: what `open` threw.
    package init(_ open: @escaping MediaOpening) throws(StartFailure) {
        let started = SystemCalls.startThread { [self] in run(open) }
        thread.withLock { $0 = started }
        _ = SystemCalls.wait(finished, timeoutMs: -1)
        SystemCalls.drain(finished)
        if case .failure(let failure) = shared.withLock({ $0.opened }) {
            started.join()
            throw failure
        }
    }

    package func submit(_ order: MediaOrder, stamp: Stamp) {
        shared.withLock { $0.orders.append((order, stamp)) }
        SystemCalls.raise(event: ordered)
    }

    /// What has been carried out since this was asked last, in the order of the orders.
    package func takeOutcomes() -> [MediaOutcome] {
        SystemCalls.drain(finished)
        return shared.withLock { shared in
            defer { shared.outcomes = [] }
            return shared.outcomes
        }
    }

    /// Carries out what was ordered, closes the store, ends the thread.
    package func stop() {
        shared.withLock { $0.isStopping = true }
        SystemCalls.raise(event: ordered)
        let running = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        running?.join()
    }

    private func run(_ open: MediaOpening) {
        var store: any MediaStore
        do throws(StartFailure) {
            store = try open()
        } catch {
            shared.withLock { $0.opened = .failure(error) }
            return SystemCalls.raise(event: finished)
        }
        shared.withLock { $0.opened = .success(true) }
        SystemCalls.raise(event: finished)
        while true {
            _ = SystemCalls.wait(ordered, timeoutMs: -1)
            SystemCalls.drain(ordered)
            let (orders, isStopping) = shared.withLock { shared in
                defer { shared.orders = [] }
                return (shared.orders, shared.isStopping)
            }
            for (order, stamp) in orders {
                let outcome = store.carryOut(order, now: stamp)
                shared.withLock { $0.outcomes.append(outcome) }
                SystemCalls.raise(event: finished)
            }
            if isStopping && orders.isEmpty { return store.close() }
            // What came in between has raised the event again; a stop must not wait for one more.
            if isStopping { SystemCalls.raise(event: ordered) }
        }
    }
}
