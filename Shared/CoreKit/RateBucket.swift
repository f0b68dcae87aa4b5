// A token bucket: how much somebody may ask for, in a moment and for ever.

import Primitives

/// Tokens that come back evenly.
public struct RateBucket: Equatable, Sendable {
    /// Billionths of a token, so that nothing is lost to rounding. Rates are below 2^31, bursts a few seconds: no overflow.
    private var parts: Int64
    private var filledAt: Instant

    /// Full.
    public init(rate: Int, burstSeconds: Int64, now: Instant) {
        parts = Int64(rate) * burstSeconds * 1_000_000_000
        filledAt = now
    }

    /// - Parameter rate: tokens a second, 1...2^30.
    /// - Returns: false when there are not enough; then none is taken.
    public mutating func take(_ count: Int, rate: Int, burstSeconds: Int64, now: Instant) -> Bool {
        fill(rate, burstSeconds, now)
        let wanted = Int64(count) * 1_000_000_000
        guard parts >= wanted else { return false }
        parts -= wanted
        return true
    }

    /// Nobody could tell it from a new one.
    public mutating func isFull(rate: Int, burstSeconds: Int64, now: Instant) -> Bool {
        fill(rate, burstSeconds, now)
        return parts == Int64(rate) * burstSeconds * 1_000_000_000
    }

    private mutating func fill(_ rate: Int, _ burstSeconds: Int64, _ now: Instant) {
        let passed = min(max(0, (now - filledAt).nanoseconds), burstSeconds * 1_000_000_000)
        filledAt = max(filledAt, now)
        parts = min(parts + passed * Int64(rate), Int64(rate) * burstSeconds * 1_000_000_000)
    }
}
