// How often a process looks for a cluster file that somebody else has.

import Primitives
import ServiceKit
import Testing

@Suite struct EpochPursuitTests {
    @Test func itLooksOftenForAMinuteAndThenOnceAMinute() {
        let start = Instant(nanoseconds: 0) + .seconds(1_000)
        var pursuit = EpochPursuit(epoch: 7, now: start)
        var (now, looks, news) = (start, 0, [Interval]())
        while now < start + .seconds(600) {
            looks += 1
            let (next, isNews) = pursuit.afterLook(now)
            #expect(next > now)
            if isNews { news.append(now - start) }
            now = next
        }
        // At 0, 2 ... 60 s; then at every full minute until the tenth.
        #expect(looks == 31 + 8)
        #expect(news == [.seconds(60)])
    }
}
