// The thread that waits for the disk.

import Primitives
import ServiceKit
import Storage
import Synchronization
import Testing

/// What happened to a store, seen from outside its thread.
private final class Diary: Sendable {
    private let lines = Mutex<[String]>([])
    func note(_ line: String) { lines.withLock { $0.append(line) } }
    var text: [String] { lines.withLock { $0 } }
}

private struct DiaryStore: BlockingStore {
    let diary: Diary
    let onIdle: @Sendable () -> Void

    mutating func apply(_ requests: [StoreRequest], stamp: Stamp) throws(StoreFailure) -> [StoreAnswer] {
        diary.note("apply \(requests.count)")
        if requests.count > 2 { throw .full }
        return requests.map { _ in .done }
    }

    mutating func idle() throws(StoreFailure) {
        diary.note("idle")
        onIdle()
        throw .broken("cannot tidy up")
    }

    mutating func close() { diary.note("close") }
}

@Suite struct StoreWriterTests {
    private let diary = Diary()

    private func writer(onIdle: @escaping @Sendable () -> Void = {}) throws -> StoreWriter {
        let diary = diary
        return try StoreWriter { () throws(StartFailure) in DiaryStore(diary: diary, onIdle: onIdle) }
    }

    private func outcome(of writer: StoreWriter) -> StoreWriter.Outcome? {
        #expect(SystemCalls.wait(writer.finished, timeoutMs: 60_000))
        return writer.takeOutcome()
    }

    @Test func aBatchComesBackOnce() throws {
        let writer = try writer()
        writer.submit([.probe, .probe], stamp: .zero)
        #expect(outcome(of: writer) == .success([.done, .done]))
        #expect(writer.takeOutcome() == nil)
        writer.submit([.probe, .probe, .probe], stamp: .zero)
        #expect(outcome(of: writer) == .failure(.full))
        writer.stop()
        #expect(diary.text.filter { $0 != "idle" } == ["apply 2", "apply 3", "close"])
    }

    @Test func stoppingWaitsForTheBatchThatWasOrdered() throws {
        let writer = try writer()
        writer.submit([.probe], stamp: .zero)
        writer.stop()
        #expect(writer.takeOutcome() == .success([.done]))
        #expect(diary.text.filter { $0 != "idle" } == ["apply 1", "close"])
    }

    @Test func anEngineThatDoesNotOpenIsToldToTheCaller() {
        let failure = StartFailure(.unavailable, "the disk is gone")
        #expect(throws: failure) { try StoreWriter { () throws(StartFailure) in throw failure } }
    }

    @Test func aQuietSecondIsUsedOnceForTidyingUp() throws {
        let tidied = SystemCalls.makeEvent()
        let writer = try writer { SystemCalls.raise(event: tidied) }
        #expect(SystemCalls.wait(tidied, timeoutMs: 60_000))
        // Still quiet: the engine is left alone until there is a batch again.
        writer.submit([.probe], stamp: .zero)
        #expect(outcome(of: writer) == .success([.done]))
        writer.stop()
        #expect(diary.text.first == "idle")
        #expect(writer.idleFailureCount >= 1)
    }
}
