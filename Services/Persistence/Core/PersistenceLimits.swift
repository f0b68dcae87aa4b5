// The bounds of the persistence service, in one place, with reasons.

import Primitives

public enum PersistenceLimits {
    /// Requests that wait for the writer. At 20,000 a second that is more than a second of work: beyond it the answer is
    /// `overloaded`, because a longer queue would only make everybody time out.
    static let queueCountMax = 32_768

    /// Small commits say what the disk itself takes: of so many requests at most (with 8, a hundred pairs in step never made a small one,
    /// and their slow disk stayed unknown); the median of the last fifteen, once there are five, so that one hiccup says nothing. A disk
    /// that takes longer than `paceMax` is a fault, and waiting for it is waiting.
    static let paceRequestCountMax = 128
    static let paceCommitCount = 15
    static let paceCommitCountMin = 5
    static let paceMax = Interval.milliseconds(250)

    /// While the disk is full, how often a few bytes are written to see whether it takes writes again.
    static let probeInterval = Interval.seconds(1)

    /// Wait between two steps of housekeeping, and after a whole round. 256 entries each 100 ms pass a million in
    /// seven minutes and cost well below one per cent of a core.
    static let sweepStep = Interval.milliseconds(100)
    static let sweepRound = Interval.seconds(60)

    /// What callers are told to wait, milliseconds.
    static let retryMs: UInt32 = 1_000
}
