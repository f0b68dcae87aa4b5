// A thermometer for queues: waits in, a level out.
//
// How long work waits says more than how much of it there is: it means the same for a quick service and for a slow one. But
// queues are there to take bursts, and a burst is no overload. So the gauge looks at the *smallest* wait of each window: if
// the queue was short only once, it drains by itself; if even the luckiest piece of work waited too long, the queue stands,
// and something has to be given up. One step a window up, one step after a calm while down.
//
// On the last step all or nothing would not do: a service that refuses everybody stands idle a moment later. There the gauge
// steers a share instead, how many of 1,000 users may send: down in proportion to how much too long the wait is, up by
// a sixteenth or an eighth a window while work flows. What was let in before must still be done, so a wait that is long but
// getting shorter is left alone: whoever cuts again and again until it is short has nothing to do for seconds afterwards.

import Messages
import Primitives

public struct LoadGauge: Equatable, Sendable {
    public private(set) var load = Load.calm
    /// The smallest wait of the last window that was judged.
    public private(set) var wait = Interval(nanoseconds: 0)
    /// The window that is open, and the smallest wait in it so far.
    private var windowBeganAt: Instant?
    private var smallest = Interval(nanoseconds: .max)
    private var notedAt = Instant.zero
    private var calmSince: Instant?

    public init() {}

    /// Work waited this long until now.
    public mutating func note(_ wait: Interval, now: Instant) {
        guard let began = windowBeganAt else {
            windowBeganAt = now
            smallest = wait
            notedAt = now
            return
        }
        // Nobody looked for long, and not because we were stuck: then there was nothing to wait.
        let wasIdle = (now - notedAt).nanoseconds - wait.nanoseconds > LoadLimits.window.nanoseconds
        smallest = wasIdle ? Interval(nanoseconds: 0) : min(smallest, wait)
        notedAt = now
        guard now - began >= LoadLimits.window else { return }
        judge(smallest, from: began, now: now)
        windowBeganAt = now
        smallest = Interval(nanoseconds: .max)
    }

    private mutating func judge(_ wait: Interval, from began: Instant, now: Instant) {
        let before = self.wait
        self.wait = wait
        if wait > LoadLimits.waitMax {
            calmSince = nil
            climb(wait, isShrinking: wait < before)
        } else if wait < LoadLimits.waitCalm {
            widen(wait)
            let since = calmSince ?? began
            calmSince = since
            guard now - since >= LoadLimits.calmTime, load.admitPermille == 1_000, load.level > .calm else { return }
            load = Load(LoadLevel(rawValue: load.level.rawValue - 1)!)
            calmSince = now
        } else {
            calmSince = nil
        }
    }

    private mutating func climb(_ wait: Interval, isShrinking: Bool) {
        guard load.level >= .behind else {
            load = Load(LoadLevel(rawValue: load.level.rawValue + 1)!)
            return
        }
        guard load.level < .full || !isShrinking else { return }
        // In proportion, but by an eighth at least and by a quarter at most: the effect of the step before is not seen yet, and
        // whoever is sent away stays away for a second.
        let before = Int64(load.admitPermille)
        let fitting = before * LoadLimits.waitMax.microseconds / max(1, wait.microseconds)
        let share = min(before * 7 / 8, max(before * 3 / 4, fitting))
        load = Load(.full, admitPermille: max(LoadLimits.admitPermilleMin, UInt16(share)))
    }

    private mutating func widen(_ wait: Interval) {
        guard load.level == .full, load.admitPermille < 1_000 else { return }
        let isShort = wait.nanoseconds * 2 < LoadLimits.waitCalm.nanoseconds
        let step = max(1, load.admitPermille / (isShort ? 8 : 16))
        load = Load(.full, admitPermille: min(1_000, load.admitPermille + step))
    }
}
