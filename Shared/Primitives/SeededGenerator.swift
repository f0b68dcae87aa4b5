// Dice that were handed in: the same seed throws the same numbers for ever.

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014). Not for secrets.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    @inlinable public mutating func next() -> UInt64 { step() }

    @usableFromInline mutating func step() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// A number in `range`; the modulo bias is below 2^-32 for ranges below 2^32.
    public mutating func pick(_ range: Range<Int>) -> Int {
        range.lowerBound + Int(step() % UInt64(range.count))
    }

    /// True once in `n` throws.
    public mutating func oneIn(_ n: Int) -> Bool { step() % UInt64(n) == 0 }

    /// A delay spread evenly over half to one and a half times `base`: retries that were cut off together come back apart.
    public mutating func jittered(_ base: Interval) -> Interval {
        let half = Swift.max(1, base.nanoseconds / 2)
        return Interval(nanoseconds: half + Int64(step() % UInt64(base.nanoseconds + 1)))
    }

    /// A generator of its own, for a part that must not disturb this one's sequence.
    public mutating func split() -> SeededGenerator { SeededGenerator(seed: step()) }
}
