// How long something takes, counted in few numbers: enough for a graph, and cheap enough to be counted always.

/// Durations in buckets whose bounds double from 50 µs to 26 s.
public struct Histogram: Equatable, Sendable {
    /// Upper bounds, microseconds.
    public static let bounds: [Int64] = (0..<20).map { 50 << $0 }

    public private(set) var counts = [UInt64](repeating: 0, count: 20)
    public private(set) var count: UInt64 = 0
    public private(set) var sum: Int64 = 0

    public init() {}

    public mutating func record(_ duration: Interval) {
        let value = max(0, duration.microseconds)
        count += 1
        sum += value
        if let bucket = Self.bounds.firstIndex(where: { value <= $0 }) { counts[bucket] += 1 }
    }

    /// Counts what another one has counted, too.
    public mutating func add(_ other: Histogram) {
        for index in counts.indices { counts[index] += other.counts[index] }
        count += other.count
        sum += other.sum
    }
}
