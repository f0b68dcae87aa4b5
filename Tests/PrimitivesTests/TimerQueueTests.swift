// Timers fire in the order of their deadlines, equal ones in the order of arming, each once.
//
// The last test is the judge: a heap with stale entries must do what a plain sorted list does, whatever is asked of it.

import Primitives
import Testing

@Suite struct TimerQueueTests {
    private func at(_ milliseconds: Int64) -> Instant { .zero + .milliseconds(milliseconds) }

    private func drain(_ timers: inout TimerQueue<Int>, now: Instant) -> [Int] {
        var fired: [Int] = []
        while let id = timers.popDue(now) { fired.append(id) }
        return fired
    }

    @Test func theEarliestDeadlineFiresFirst() {
        var timers = TimerQueue<Int>()
        for (id, deadline) in [(1, 30), (2, 10), (3, 20)] { timers.arm(id, at: at(Int64(deadline))) }
        #expect(timers.next() == at(10))
        #expect(drain(&timers, now: at(100)) == [2, 3, 1])
        #expect(timers.count == 0)
        #expect(timers.next() == nil)
    }

    @Test func nothingFiresBeforeItsTimeAndADeadlineIsDueAtItsInstant() {
        var timers = TimerQueue<Int>()
        timers.arm(1, at: at(10))
        #expect(timers.popDue(Instant(nanoseconds: at(10).nanoseconds - 1)) == nil)
        #expect(timers.isArmed(1))
        #expect(timers.popDue(at(10)) == 1)
        #expect(!timers.isArmed(1))
        #expect(timers.popDue(at(10)) == nil)
    }

    @Test func equalDeadlinesFireInTheOrderTheyWereArmed() {
        var timers = TimerQueue<Int>()
        let order = [5, 3, 9, 1, 7, 2, 8, 4, 6, 0]
        for id in order { timers.arm(id, at: at(10)) }
        #expect(drain(&timers, now: at(10)) == order)
    }

    @Test func armingAgainReplacesTheDeadlineAndGoesToTheEndOfItsEquals() {
        var timers = TimerQueue<Int>()
        timers.arm(1, at: at(10))
        timers.arm(2, at: at(10))
        timers.arm(1, at: at(10))
        #expect(timers.count == 2)
        #expect(drain(&timers, now: at(10)) == [2, 1])

        timers.arm(1, at: at(10))
        timers.arm(1, at: at(50))
        #expect(timers.next() == at(50))
        #expect(timers.popDue(at(49)) == nil)
        timers.arm(1, at: at(20))
        #expect(timers.next() == at(20))
        #expect(drain(&timers, now: at(100)) == [1])
    }

    @Test func anIdleTimerIsArmedAndABusyOneIsLeftAlone() {
        var timers = TimerQueue<Int>()
        timers.armIfIdle(1, at: at(20))
        timers.armIfIdle(1, at: at(10))
        #expect(timers.next() == at(20))
        timers.cancel(1)
        timers.armIfIdle(1, at: at(30))
        #expect(timers.next() == at(30))
    }

    @Test func aCancelledTimerDoesNotFireAndIsNotTheNext() {
        var timers = TimerQueue<Int>()
        timers.arm(1, at: at(10))
        timers.arm(2, at: at(20))
        timers.cancel(1)
        timers.cancel(99)
        #expect(!timers.isArmed(1))
        #expect(timers.count == 1)
        #expect(timers.next() == at(20))
        #expect(drain(&timers, now: at(100)) == [2])
    }

    @Test func aTimerArmedAgainAndAgainStaysOneTimer() {
        // Far beyond the size at which stale entries are swept out.
        var timers = TimerQueue<Int>()
        timers.arm(0, at: at(5_000))
        for round in 0..<10_000 { timers.arm(1, at: at(Int64(10_000 - round))) }
        #expect(timers.count == 2)
        #expect(timers.next() == at(1))
        #expect(drain(&timers, now: at(100_000)) == [1, 0])
    }

    @Test func theSweepOfStaleEntriesKeepsTheOrderOfEquals() {
        var timers = TimerQueue<Int>()
        for id in 0..<20 { timers.arm(id, at: at(10)) }
        for _ in 0..<500 { timers.arm(99, at: at(20)) }
        #expect(drain(&timers, now: at(20)) == Array(0..<20) + [99])
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func itDoesWhatASortedListDoes(seed: UInt64) {
        var dice = SeededGenerator(seed: seed)
        var timers = TimerQueue<Int>()
        var list: [(id: Int, deadline: Instant, serial: Int)] = []
        var now = Instant.zero
        for serial in 0..<2_000 {
            let id = dice.pick(0..<40)
            let deadline = now + .milliseconds(Int64(dice.pick(0..<50)))
            switch dice.pick(0..<10) {
            case 0..<5:
                timers.arm(id, at: deadline)
                list.removeAll { $0.id == id }
                list.append((id, deadline, serial))
            case 5:
                timers.armIfIdle(id, at: deadline)
                if !list.contains(where: { $0.id == id }) { list.append((id, deadline, serial)) }
            case 6, 7:
                timers.cancel(id)
                list.removeAll { $0.id == id }
            default:
                now = now + .milliseconds(Int64(dice.pick(0..<20)))
                let due = list.filter { $0.deadline <= now }.sorted { ($0.deadline, $0.serial) < ($1.deadline, $1.serial) }
                list.removeAll { $0.deadline <= now }
                #expect(drain(&timers, now: now) == due.map(\.id), "step \(serial)")
            }
            #expect(timers.count == list.count)
            #expect(timers.next() == list.map(\.deadline).min())
            #expect(timers.isArmed(id) == list.contains { $0.id == id })
        }
    }
}
