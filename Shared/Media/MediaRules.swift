// What the cluster file may say about media. The defaults are the numbers of `MediaLimits`.

import Primitives

public struct MediaRules: Equatable, Sendable {
    /// See `MediaLimits.uploadTimeout`.
    public var uploadTimeout: Interval
    /// See `MediaLimits.linkTimeout`.
    public var linkTimeout: Interval
    /// See `MediaLimits.orphanTimeout`.
    public var orphanTimeout: Interval
    /// How long a kept file stays; nil: for ever. In a temporary cluster as long as a message may wait, and as long as it may have
    /// waited to be sent.
    public var keptFor: Interval?
    /// See `MediaLimits.userBytesPerDayMax`.
    public var userBytesPerDayMax: UInt64

    public init(
        uploadTimeout: Interval = MediaLimits.uploadTimeout, linkTimeout: Interval = MediaLimits.linkTimeout,
        orphanTimeout: Interval = MediaLimits.orphanTimeout, keptFor: Interval? = nil,
        userBytesPerDayMax: UInt64 = MediaLimits.userBytesPerDayMax
    ) {
        self.uploadTimeout = uploadTimeout
        self.linkTimeout = linkTimeout
        self.orphanTimeout = orphanTimeout
        self.keptFor = keptFor
        self.userBytesPerDayMax = userBytesPerDayMax
    }

    /// Between two rounds of collecting.
    public var sweepPause: Interval {
        let shortest = min(uploadTimeout.nanoseconds, orphanTimeout.nanoseconds, keptFor?.nanoseconds ?? .max)
        return Interval(nanoseconds: max(MediaLimits.sweepPauseMin.nanoseconds, min(MediaLimits.sweepPause.nanoseconds, shortest / 2)))
    }
}
