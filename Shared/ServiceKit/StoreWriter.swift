// The thread that waits for the disk, so that the loop need not.
//
// One batch at a time goes over and one result comes back: a mutex guards the hand-over, an event descriptor each way wakes
// the other side.
//
// To wake a thread and be woken by it costs more than a small commit on a quick disk. So while the last commits were quick,
// the loop carries out a small batch itself; a slow one sends the next ones back to the thread until the disk is quick again.
// The engine lies behind a mutex, and whoever holds that uses it: never both. That is why this class is `Sendable` without a
// promise of its own: the compiler checks it.

import Primitives
import Storage
import Synchronization

/// An engine that blocks. It is opened and closed in a thread of its own; between, one thread at a time uses it.
public protocol BlockingStore: Store {
    /// Whether the loop may carry out a small batch itself: not where a batch may have to wait for another machine.
    var mayRunInLoop: Bool { get }
    /// Of an engine behind a connection; nil of all others.
    var figures: ConnectionFigures? { get }
    /// Tidies up after a quiet second. Called once for each quiet time, and not again before the next batch.
    mutating func idle() throws(StoreFailure)
    /// Begins a copy of everything, or anew.
    /// - Returns: where it will be.
    mutating func startBackup() throws(StoreFailure) -> String
    /// A step of the copy, about a millisecond. Called until nothing is left, or it throws.
    mutating func stepBackup() throws(StoreFailure) -> (left: Int, all: Int)
    /// Before the thread ends. Nothing is asked of it afterwards.
    mutating func close()
}

/// What an engine behind a connection has done.
public struct ConnectionFigures: Equatable, Sendable {
    /// Times that it waited for the other side.
    public var roundTripCount: UInt64
    public var reconnectCount: UInt64
    /// Batches that were done again because a row was there already.
    public var repeatedCount: UInt64
    public var isConnected: Bool
    /// Another process writes what this one did.
    public var isFenced: Bool

    public init(roundTripCount: UInt64, reconnectCount: UInt64, repeatedCount: UInt64, isConnected: Bool, isFenced: Bool) {
        self.roundTripCount = roundTripCount
        self.reconnectCount = reconnectCount
        self.repeatedCount = repeatedCount
        self.isConnected = isConnected
        self.isFenced = isFenced
    }
}

extension BlockingStore {
    public var mayRunInLoop: Bool { true }
    public var figures: ConnectionFigures? { nil }

    /// An engine that has tools of its own for it.
    public mutating func startBackup() throws(StoreFailure) -> String {
        throw .broken("this engine is backed up with its own tools")
    }

    public mutating func stepBackup() throws(StoreFailure) -> (left: Int, all: Int) { (0, 0) }
}

/// What became of a copy.
package enum BackupState: Equatable, Sendable {
    /// Nobody asked for one since the start.
    case none
    case wanted
    case running(path: String, left: Int, all: Int)
    case done(path: String)
    case failed(String)

    var isAtWork: Bool {
        switch self {
        case .wanted, .running: true
        case .none, .done, .failed: false
        }
    }
}

/// Opens an engine, in the writer's thread.
public typealias StoreOpening = @Sendable () throws(StartFailure) -> sending any BlockingStore

package final class StoreWriter: Sendable {
    package typealias Outcome = Result<[StoreAnswer], StoreFailure>

    private struct Shared: Sendable {
        var batch: (requests: [StoreRequest], stamp: Stamp)?
        var outcome: Outcome?
        var opened: Result<Bool, StartFailure>?
        var isStopping = false
        var backup = BackupState.none
        var idleFailures: UInt64 = 0
        /// How long commits take of late, microseconds: a mean in which the newest counts an eighth. Slow until it is known.
        var commitUs = ServiceLimits.storeQuickUsMax * 8
        var mayRunInLoop = true
        var figures: ConnectionFigures?
        /// Batches that the loop carried out itself.
        var inlineCount: UInt64 = 0
        /// The thread sleeps until it is woken: everything is tidy.
        var isAsleep = false

        mutating func note(_ took: Int64) { commitUs += (took - commitUs) / 8 }
    }

    private let shared = Mutex(Shared())
    /// Nil before it is open and after it is closed.
    private let engine = Mutex<(any BlockingStore)?>(nil)
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

    /// Carries out a batch, or orders it; the one before must have been taken back.
    /// - Returns: the result when it is there already; nil when `finished` will tell.
    package func submit(_ requests: [StoreRequest], stamp: Stamp) -> Outcome? {
        if let outcome = applyInline(requests, stamp) { return outcome }
        shared.withLock { shared in
            precondition(shared.batch == nil)
            precondition(shared.outcome == nil)
            precondition(!shared.isStopping)
            shared.batch = (requests, stamp)
        }
        SystemCalls.raise(event: ordered)
        return nil
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

    /// How often the loop did not need the thread.
    package var inlineCount: UInt64 { shared.withLock { $0.inlineCount } }

    package var figures: ConnectionFigures? { shared.withLock { $0.figures } }

    package var backup: BackupState { shared.withLock { $0.backup } }

    /// Begins a copy of everything, unless one is being made.
    package func startBackup() {
        shared.withLock { if !$0.backup.isAtWork { $0.backup = .wanted } }
        SystemCalls.raise(event: ordered)
    }

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

    // MARK: The loop's side

    /// Nil when the batch is too large, the disk of late too slow, or the thread at work.
    private func applyInline(_ requests: [StoreRequest], _ stamp: Stamp) -> Outcome? {
        guard requests.count <= ServiceLimits.storeInlineRequestCountMax else { return nil }
        guard shared.withLock({ $0.mayRunInLoop && $0.commitUs <= ServiceLimits.storeQuickUsMax }) else { return nil }
        guard let (outcome, took) = engine.withLockIfAvailable({ apply(requests, stamp, to: &$0!) }) else { return nil }
        let wasAsleep = shared.withLock { shared in
            shared.note(took)
            shared.inlineCount += 1
            defer { shared.isAsleep = false }
            return shared.isAsleep
        }
        // There is something to tidy up again, a quiet second from now.
        if wasAsleep { SystemCalls.raise(event: ordered) }
        return outcome
    }

    // MARK: The thread

    private func run(_ open: StoreOpening) {
        do throws(StartFailure) {
            try engine.withLock { engine throws(StartFailure) in engine = try open() }
        } catch {
            shared.withLock { $0.opened = .failure(error) }
            return SystemCalls.raise(event: finished)
        }
        let (mayRunInLoop, figures) = engine.withLock { ($0!.mayRunInLoop, $0!.figures) }
        shared.withLock { shared in
            shared.opened = .success(true)
            shared.mayRunInLoop = mayRunInLoop
            shared.figures = figures
        }
        SystemCalls.raise(event: finished)

        // What an earlier life left behind is tidied up in the first quiet second.
        var isTidy = false
        var inlineSeen: UInt64 = 0
        while true {
            let isBackingUp = shared.withLock { $0.backup.isAtWork }
            let isWoken = SystemCalls.wait(ordered, timeoutMs: isBackingUp ? 0 : isTidy ? -1 : ServiceLimits.storeQuietMs)
            SystemCalls.drain(ordered)
            let (batch, isStopping, inlineCount) = shared.withLock { shared in
                defer { shared.batch = nil }
                return (shared.batch, shared.isStopping, shared.inlineCount)
            }
            // Also behind a batch: under load there is always one.
            defer { if !isStopping { stepBackup() } }
            if let batch {
                isTidy = false
                let (outcome, took, figures) = engine.withLock { engine in
                    let (outcome, took) = apply(batch.requests, batch.stamp, to: &engine!)
                    return (outcome, took, engine!.figures)
                }
                shared.withLock { shared in
                    shared.note(took)
                    shared.figures = figures
                    shared.outcome = outcome
                }
                SystemCalls.raise(event: finished)
            } else if isStopping {
                return engine.withLock { engine in
                    engine!.close()
                    engine = nil
                }
            } else if isBackingUp || inlineCount != inlineSeen {
                isTidy = false
            } else if !isWoken {
                tidyUp()
                // A batch that came in between has not woken anybody.
                isTidy = shared.withLock { shared in
                    shared.isAsleep = shared.inlineCount == inlineCount
                    return shared.isAsleep
                }
            }
            inlineSeen = inlineCount
        }
    }

    private func stepBackup() {
        let state = shared.withLock { $0.backup }
        guard state.isAtWork else { return }
        let next: BackupState
        do throws(StoreFailure) {
            next = try engine.withLock { engine throws(StoreFailure) in
                let path: String
                if case .running(let begun, _, _) = state { path = begun } else { path = try engine!.startBackup() }
                let (left, all) = try engine!.stepBackup()
                return left == 0 ? .done(path: path) : .running(path: path, left: left, all: all)
            }
        } catch {
            switch error {
            case .full: next = .failed("the disk is full")
            case .broken(let text): next = .failed(text)
            }
        }
        shared.withLock { $0.backup = next }
    }

    private func tidyUp() {
        do throws(StoreFailure) {
            try engine.withLock { engine throws(StoreFailure) in try engine!.idle() }
        } catch {
            shared.withLock { $0.idleFailures += 1 }
        }
    }

    /// - Returns: the result, and how long it took, microseconds.
    private func apply(
        _ requests: [StoreRequest], _ stamp: Stamp, to store: inout any BlockingStore
    ) -> (Outcome, Int64) {
        let began = SystemCalls.instant()
        let outcome: Outcome
        do throws(StoreFailure) {
            let answers = try store.apply(requests, stamp: stamp)
            precondition(answers.count == requests.count)
            outcome = .success(answers)
        } catch {
            outcome = .failure(error)
        }
        return (outcome, (SystemCalls.instant() - began).nanoseconds / 1_000)
    }
}
