// The clock of an open loop: work that is due evenly, whatever the cluster does.

import Primitives

public struct Pacer: Sendable {
    private let rate: Double
    private let start: Instant
    private var count: Int64 = 0
    /// Taken later than `BenchLimits.lateAfter` after its time.
    public private(set) var lateCount: UInt64 = 0
    public private(set) var lateUsMax: Int64 = 0

    /// - Parameter rate: pieces of work a second.
    public init(rate: Double, start: Instant) {
        self.rate = rate
        self.start = start
    }

    /// When the next piece is due.
    public var due: Instant { start + Interval(nanoseconds: Int64(Double(count) * 1e9 / rate)) }

    /// Takes the next piece when it is due.
    /// - Returns: its number and its intended time.
    public mutating func take(_ now: Instant) -> (number: Int64, at: Instant)? {
        let time = due
        guard time <= now else { return nil }
        if now - time > BenchLimits.lateAfter { lateCount += 1 }
        lateUsMax = max(lateUsMax, (now - time).microseconds)
        defer { count += 1 }
        return (count, time)
    }
}
