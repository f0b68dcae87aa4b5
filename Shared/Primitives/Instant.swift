// Time, as pure code sees it: handed in, never asked for.
//
// `Instant` is the steady clock of one process: good for timers, meaningless to others.
// `Stamp` is wall time: good for people and for other machines, and free to jump.
// `Now` carries both, read once a tick by the loop (or made up by the simulator).

/// A length of time, nanoseconds. May be negative.
public struct Interval: Hashable, Comparable, Sendable {
    public var nanoseconds: Int64
    @inlinable public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    @inlinable public static func microseconds(_ count: Int64) -> Interval { Interval(nanoseconds: count * 1_000) }
    @inlinable public static func milliseconds(_ count: Int64) -> Interval { Interval(nanoseconds: count * 1_000_000) }
    @inlinable public static func seconds(_ count: Int64) -> Interval { Interval(nanoseconds: count * 1_000_000_000) }

    @inlinable public var milliseconds: Int64 { nanoseconds / 1_000_000 }
    @inlinable public var microseconds: Int64 { nanoseconds / 1_000 }

    @inlinable public static func < (a: Interval, b: Interval) -> Bool { a.nanoseconds < b.nanoseconds }
    @inlinable public static func * (a: Interval, n: Int64) -> Interval { Interval(nanoseconds: a.nanoseconds * n) }
}

/// A point on the steady clock of one process, nanoseconds since an arbitrary start. Never goes back.
public struct Instant: Hashable, Comparable, Sendable {
    public var nanoseconds: Int64
    @inlinable public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
    public static let zero = Instant(nanoseconds: 0)

    @inlinable public static func < (a: Instant, b: Instant) -> Bool { a.nanoseconds < b.nanoseconds }
    @inlinable public static func + (a: Instant, d: Interval) -> Instant { Instant(nanoseconds: a.nanoseconds + d.nanoseconds) }
    @inlinable public static func - (a: Instant, b: Instant) -> Interval { Interval(nanoseconds: a.nanoseconds - b.nanoseconds) }

    /// The next multiple of `grid`, or this one.
    /// - Precondition: `grid` is positive, and this is not negative.
    public func roundedUp(to grid: Interval) -> Instant {
        Instant(nanoseconds: (nanoseconds + grid.nanoseconds - 1) / grid.nanoseconds * grid.nanoseconds)
    }
}

/// Wall time, microseconds since 1970-01-01 UTC. Below 2^53 until the year 2255, so that every JSON reader keeps it whole.
/// Persistence makes the stamps of one inbox rise strictly; a stamp is then both the time of a message and its watermark.
public struct Stamp: Hashable, Comparable, Sendable {
    public var microseconds: Int64
    @inlinable public init(microseconds: Int64) { self.microseconds = microseconds }
    public static let zero = Stamp(microseconds: 0)

    /// The largest stamp that is believed: 2^53 - 1 µs.
    public static let max = Stamp(microseconds: (1 << 53) - 1)

    @inlinable public var seconds: Int64 { microseconds / 1_000_000 }
    @inlinable public static func < (a: Stamp, b: Stamp) -> Bool { a.microseconds < b.microseconds }
    @inlinable public static func + (a: Stamp, d: Interval) -> Stamp { Stamp(microseconds: a.microseconds + d.microseconds) }
}

/// The two clocks, read together.
public struct Now: Hashable, Sendable {
    public var instant: Instant
    public var stamp: Stamp
    @inlinable public init(instant: Instant, stamp: Stamp) {
        self.instant = instant
        self.stamp = stamp
    }
}
