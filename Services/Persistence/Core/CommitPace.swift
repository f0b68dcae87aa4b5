// How long the disk takes for a commit that hardly holds anything: its own time, whatever there is to do.
//
// Whoever comes while a batch is being written waits for that long, and no shedding makes it shorter. A disk of 50 ms a sync would
// otherwise look like a queue that stands, and the cluster would refuse people until it stood idle.

import Primitives

struct CommitPace: Sendable {
    /// The newest last.
    private var recent: [Interval] = []
    /// The median of the last small commits, at most `PersistenceLimits.paceMax`; zero while there were few.
    private(set) var usual = Interval(nanoseconds: 0)

    /// A batch of so many requests, one of which wrote for certain, took this long. O(1): the list is short.
    mutating func note(_ duration: Interval, requestCount: Int) {
        guard requestCount <= PersistenceLimits.paceRequestCountMax else { return }
        if recent.count == PersistenceLimits.paceCommitCount { recent.removeFirst() }
        recent.append(duration)
        guard recent.count >= PersistenceLimits.paceCommitCountMin else { return }
        usual = min(recent.sorted()[recent.count / 2], PersistenceLimits.paceMax)
    }
}
