// How long requests wait for a batch, and what of that is the disk's own time.

import CoreKit
import Messages
import PersistenceCore
import Primitives
import Storage
import Testing

@Suite struct WaitTests {
    private func wait(_ s: Scene) -> Int64 {
        s.core.queueWait(now: Instant(nanoseconds: s.milliseconds * 1_000_000)).milliseconds
    }

    @Test func ofABatchTheMiddleRequestCountsAsLongAsTheStoreIsAtWork() {
        var s = Scene()
        #expect(wait(s) == 0)
        // Nothing waited for the first batch.
        _ = s.on(request(1, .append(append("a"))))
        #expect(wait(s) == 0)
        // While it is written three requests come: the middle one of them waits 20 ms by now, and more and more.
        _ = s.on(request(2, .append(append("b"))))
        _ = s.wait(10)
        _ = s.on(request(3, .append(append("c"))))
        _ = s.wait(10)
        _ = s.on(request(4, .append(append("d"))))
        #expect(wait(s) == 10)
        _ = s.wait(30)
        #expect(wait(s) == 40)
        // They are the next batch, and what they had to wait stands until it is done.
        _ = s.on(.committed([.appended(appended(1))]))
        #expect(wait(s) == 40)
        _ = s.wait(5)
        #expect(wait(s) == 40)
        _ = s.on(.committed([.appended(appended(2)), .appended(appended(3)), .appended(appended(4))]))
        #expect(wait(s) == 0)
    }
}

@Suite struct PaceTests {
    private func wait(_ s: Scene) -> Int64 {
        s.core.queueWait(now: Instant(nanoseconds: s.milliseconds * 1_000_000)).milliseconds
    }

    /// One request at a time, each commit so long.
    private func commits(_ s: inout Scene, _ count: UInt64, _ milliseconds: Int64, _ answer: (UInt64) -> StoreAnswer = { .appended(appended($0)) }) {
        for number in 1...count {
            _ = s.on(request(UInt32(number), .append(append("small-\(number)"))))
            _ = s.wait(milliseconds)
            _ = s.on(.committed([answer(number)]))
        }
    }

    /// Two requests come right behind the beginning of a commit, which takes so long. What they seem to have waited at its end.
    private func waited(_ s: inout Scene, _ milliseconds: Int64) -> Int64 {
        _ = s.on(request(101, .append(append("first"))))
        _ = s.on(request(102, .append(append("second"))))
        _ = s.wait(milliseconds)
        defer {
            _ = s.on(.committed([.appended(appended(101))]))
            _ = s.on(.committed([.appended(appended(102))]))
        }
        return wait(s)
    }

    @Test func aSlowDiskIsNoQueue() {
        var s = Scene()
        commits(&s, 4, 50)
        #expect(waited(&s, 50) == 50, "too few to know it")
        commits(&s, 15, 50)
        #expect(waited(&s, 50) == 0)
        #expect(waited(&s, 80) == 30)
    }

    @Test func aHiccupIsForgottenAndAChangeIsLearned() {
        var s = Scene()
        commits(&s, 15, 1)
        commits(&s, 7, 90)
        #expect(waited(&s, 30) == 29)
        commits(&s, 9, 30)
        #expect(waited(&s, 30) == 0)
    }

    @Test func whatWroteNothingSaysNothing() {
        var s = Scene()
        commits(&s, 15, 50) { .appended(Appended(outcome: .duplicate, number: $0, stamp: .zero)) }
        #expect(waited(&s, 50) == 50)
    }

    @Test func aDiskThatHangsIsAFault() {
        var s = Scene()
        commits(&s, 15, 400)
        #expect(waited(&s, 400) == 150)
    }
}
