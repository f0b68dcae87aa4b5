// One histogram for every latency: log-linear buckets, bounded memory, an error below one percent.
//
// A value keeps its seven leading bits: below 128 µs every microsecond has a bucket, above that each doubling has 64. A bucket
// answers with its middle, so the error is at most 1/128 of the value. The largest value is kept as it is.

/// Counts durations in microseconds.
public struct LatencyHistogram: Equatable, Sendable {
    /// Leading bits of a value that are kept.
    private static let keptBits = 7
    /// Longer ones count as this: 2^36 µs, 19 hours.
    private static let valueMax: Int64 = 1 << 36
    private static let bucketCount = bucket(of: valueMax) + 1

    private var counts = [UInt32](repeating: 0, count: LatencyHistogram.bucketCount)
    public private(set) var count: UInt64 = 0
    /// The longest, exactly; 0 when nothing was recorded.
    public private(set) var maxUs: Int64 = 0

    public init() {}

    /// Negative durations count as 0.
    public mutating func record(us: Int64) {
        let value = Swift.min(Swift.max(us, 0), Self.valueMax)
        counts[Self.bucket(of: value)] += 1
        count += 1
        if value > maxUs { maxUs = value }
    }

    /// The value below or at which the share `q` (0...1) of all lies, microseconds; nil when nothing was recorded.
    /// - Complexity: O(buckets), about two thousand.
    public func percentile(_ q: Double) -> Int64? {
        guard count > 0 else { return nil }
        // The rank is counted as the peers' loader does: of n sorted values, the one at (n - 1) * q.
        let rank = UInt64(Double(count - 1) * q)
        var seen: UInt64 = 0
        for (index, number) in counts.enumerated() where number > 0 {
            seen += UInt64(number)
            if seen > rank { return q >= 1 ? maxUs : Swift.min(Self.middle(of: index), maxUs) }
        }
        return maxUs
    }

    /// Adds everything that another one recorded.
    public mutating func add(_ other: LatencyHistogram) {
        for index in counts.indices { counts[index] += other.counts[index] }
        count += other.count
        maxUs = Swift.max(maxUs, other.maxUs)
    }

    public mutating func removeAll() { self = LatencyHistogram() }

    private static func bucket(of value: Int64) -> Int {
        let bits = Int64.bitWidth - value.leadingZeroBitCount
        let shift = Swift.max(0, bits - keptBits)
        return shift << (keptBits - 1) + Int(value >> Int64(shift))
    }

    private static func middle(of bucket: Int) -> Int64 {
        let half = 1 << (keptBits - 1)
        guard bucket >= 2 * half else { return Int64(bucket) }
        let shift = bucket / half - 1
        let low = Int64(bucket - shift * half) << Int64(shift)
        return low + (Int64(1) << Int64(shift)) / 2
    }
}
