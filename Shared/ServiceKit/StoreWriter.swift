// The thread that waits for the disk, so that the loop need not.
//
// One batch at a time goes over and one result comes back: a mutex guards the hand-over, an event descriptor each way wakes
// the other side. The engine is opened, used and closed by the thread alone and never crosses; only plain values do. That is
// why this class is `Sendable` without a promise of its own: the compiler checks it.

import Primitives
import Storage
import Synchronization

/// An engine that blocks: it runs in a thread of its own.
public protocol BlockingStore: Store {
    /// Tidies up after a quiet second. Called once for each quiet time, and not again before the next batch.
    mutating func idle() throws(StoreFailure)
    /// Before the thread ends. Nothing is asked of it afterwards.
    mutating func close()
}

/// Opens an engine, in the thread that will use it.
public typealias StoreOpening = @Sendable () throws(StartFailure) -> any BlockingStore

package final class StoreWriter: Sendable {
    package typealias Outcome = Result<[StoreAnswer], StoreFailure>

    private struct Shared: Sendable {
        var batch: (requests: [StoreRequest], stamp: Stamp)?
        var outcome: Outcome?
        var opened: Result<Bool, StartFailure>?
        var isStopping = false
        var idleFailures: UInt64 = 0
    }

    private let shared = Mutex(Shared())
    private let ordered = SystemCalls.makeEvent()
    /// Readable when a result is there.
    package let finished = SystemCalls.makeEvent()
    private let thread = Mutex<SystemCalls.HelperThread?>(nil)

    /// Starts the thread and waits until the engine is open.
    /// - Throws: what `open` threw.
    package init(_ open: @escaping StoreOpening) throws(StartFailure) {
        let started = SystemCalls.startThread { [self] in run(open) }
        thread.withLock { $0 = started }
        _ = SystemCalls.wait(finished, timeoutMs: -1)
        SystemCalls.drain(finished)
        if case .failure(let failure) = shared.withLock({ $0.opened }) {
            started.join()
            throw failure
        }
    }

    /// Orders a batch; the one before must have been taken back.
    package func submit(_ requests: [StoreRequest], stamp: Stamp) {
        shared.withLock { shared in
            precondition(shared.batch == nil)
            precondition(shared.outcome == nil)
            precondition(!shared.isStopping)
            shared.batch = (requests, stamp)
        }
        SystemCalls.raise(event: ordered)
    }

    /// The result of the batch, once, when it is there.
    package func takeOutcome() -> Outcome? {
        SystemCalls.drain(finished)
        return shared.withLock { shared in
            defer { shared.outcome = nil }
            return shared.outcome
        }
    }

    /// How often tidying up failed. Nothing is lost by it, but the log of the engine grows.
    package var idleFailureCount: UInt64 { shared.withLock { $0.idleFailures } }

    /// Finishes the batch that was ordered, closes the engine, ends the thread.
    package func stop() {
        shared.withLock { $0.isStopping = true }
        SystemCalls.raise(event: ordered)
        let running = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        running?.join()
    }

    // MARK: The thread

    private func run(_ open: StoreOpening) {
        var store: any BlockingStore
        do throws(StartFailure) {
            store = try open()
        } catch {
            shared.withLock { $0.opened = .failure(error) }
            return SystemCalls.raise(event: finished)
        }
        shared.withLock { $0.opened = .success(true) }
        SystemCalls.raise(event: finished)

        // What an earlier life left behind is tidied up in the first quiet second.
        var isTidy = false
        while true {
            let isWoken = SystemCalls.wait(ordered, timeoutMs: isTidy ? -1 : ServiceLimits.storeQuietMs)
            SystemCalls.drain(ordered)
            let (batch, isStopping) = shared.withLock { shared in
                defer { shared.batch = nil }
                return (shared.batch, shared.isStopping)
            }
            if let batch {
                isTidy = false
                let outcome = apply(batch.requests, batch.stamp, to: &store)
                shared.withLock { $0.outcome = outcome }
                SystemCalls.raise(event: finished)
            } else if isStopping {
                return store.close()
            } else if !isWoken {
                isTidy = true
                do throws(StoreFailure) {
                    try store.idle()
                } catch {
                    shared.withLock { $0.idleFailures += 1 }
                }
            }
        }
    }

    private func apply(_ requests: [StoreRequest], _ stamp: Stamp, to store: inout any BlockingStore) -> Outcome {
        do throws(StoreFailure) {
            let answers = try store.apply(requests, stamp: stamp)
            precondition(answers.count == requests.count)
            return .success(answers)
        } catch {
            return .failure(error)
        }
    }
}
