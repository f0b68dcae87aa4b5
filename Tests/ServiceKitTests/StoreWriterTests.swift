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

/// Takes longer than a quick disk may, on any machine.
private struct SlowStore: BlockingStore {
    let diary: Diary

    mutating func apply(_ requests: [StoreRequest], stamp: Stamp) throws(StoreFailure) -> [StoreAnswer] {
        _ = SystemCalls.wait(SystemCalls.makeEvent(), timeoutMs: 5)
        return requests.map { _ in .done }
    }

    mutating func idle() throws(StoreFailure) {}
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

    /// Carries out a batch, whoever does it.
    private func commit(_ count: Int, _ writer: StoreWriter) -> StoreWriter.Outcome? {
        writer.submit(Array(repeating: .probe, count: count), stamp: .zero) ?? outcome(of: writer)
    }

    @Test func aBatchComesBackOnce() throws {
        let writer = try writer()
        // Nothing is known of the disk yet: the first batch is the thread's.
        #expect(writer.submit([.probe, .probe], stamp: .zero) == nil)
        #expect(outcome(of: writer) == .success([.done, .done]))
        #expect(writer.takeOutcome() == nil)
        #expect(commit(3, writer) == .failure(.full))
        writer.stop()
        #expect(diary.text.filter { $0 != "idle" } == ["apply 2", "apply 3", "close"])
    }

    @Test func stoppingWaitsForTheBatchThatWasOrdered() throws {
        let writer = try writer()
        #expect(writer.submit([.probe], stamp: .zero) == nil)
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
        #expect(commit(1, writer) == .success([.done]))
        writer.stop()
        #expect(diary.text.first == "idle")
        #expect(writer.idleFailureCount >= 1)
    }

    @Test func smallBatchesAreCarriedOutAtOnceWhileTheEngineIsQuick() throws {
        let writer = try writer()
        // An engine that takes no time is known to be quick after some batches; a machine that stands still takes longer.
        for _ in 0..<10_000 where writer.inlineCount == 0 { #expect(commit(1, writer) == .success([.done])) }
        #expect(writer.inlineCount == 1)
        #expect(writer.takeOutcome() == nil)
        // A large batch is the thread's all the same.
        #expect(writer.submit(Array(repeating: .probe, count: 17), stamp: .zero) == nil)
        #expect(outcome(of: writer) == .failure(.full))
        writer.stop()
    }

    @Test func aSlowEngineIsLeftToTheThread() throws {
        let diary = diary
        let writer = try StoreWriter { () throws(StartFailure) in SlowStore(diary: diary) }
        for _ in 0..<20 {
            #expect(writer.submit([.probe], stamp: .zero) == nil)
            #expect(outcome(of: writer) == .success([.done]))
        }
        #expect(writer.inlineCount == 0)
        writer.stop()
    }

    @Test func whatTheLoopCommittedIsTidiedUpToo() throws {
        let tidied = SystemCalls.makeEvent()
        let writer = try writer { SystemCalls.raise(event: tidied) }
        for _ in 0..<10_000 where writer.inlineCount == 0 { _ = commit(1, writer) }
        #expect(SystemCalls.wait(tidied, timeoutMs: 60_000))
        SystemCalls.drain(tidied)
        // The thread sleeps now, or is about to; a batch of the loop's wakes it for one more quiet second.
        let before = writer.inlineCount
        for _ in 0..<10_000 where writer.inlineCount == before { _ = commit(1, writer) }
        #expect(SystemCalls.wait(tidied, timeoutMs: 60_000))
        writer.stop()
    }
}
