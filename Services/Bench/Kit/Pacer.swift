// The clock of an open loop: work that is due evenly, whatever the cluster does.

import Primitives

public struct Pacer: Sendable {
    private let rate: Double
    private let start: Instant
    private var count: Int64 = 0
    /// What was not taken on time.
    public private(set) var late = PaceLate()

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
        if now - time > BenchLimits.lateAfter { late.count += 1 }
        late.usMax = max(late.usMax, (now - time).microseconds)
        defer { count += 1 }
        return (count, time)
    }
}

/// How late the generator itself was.
public struct PaceLate: Equatable, Sendable {
    /// Pieces taken later than `BenchLimits.lateAfter` after their time.
    public var count: UInt64 = 0
    /// The latest of all, microseconds.
    public var usMax: Int64 = 0

    var figures: [Figure] {
        [
            Figure("late_sends", "sent late by bench", count: count),
            Figure("latest_send_ms", "latest of them", Double(usMax) / 1_000, places: 1, unit: "ms"),
        ]
    }
}
