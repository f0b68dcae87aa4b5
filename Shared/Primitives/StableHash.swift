// A hash that stays the same for ever.
//
// Swift's own `Hasher` draws a new key in every process, which is right for a dictionary and useless for anything that
// two processes must agree on. Where a user lives on the ring is such a thing: a gateway, a parser and a session shard,
// started weeks apart, built from different releases, must all compute the same slot from the same name. So we bring
// our own function, and the promise that **its results never change between releases**.
//
// The function is SipHash-1-3: keyed, 64 bits wide, quick on the short keys that we have (a user name is 5 to 40
// bytes), and without the known collisions that let a client aim a million names at one shard as long as the key is
// not public. 1-3 means one mixing round for each eight bytes and three at the end. That is what Rust and Swift use in
// their tables. SipHash-2-4 is the published original; it shares every line of code with ours, and its official test
// vectors are checked in the tests beside those of 1-3, so that a slip in either is noticed.
//
// How it works: four words of state begin as the key xor four constants. Each little-endian word of input is xored into
// the last word, mixed, and xored into the first. The final word carries the leftover bytes below and the length's low
// eight bits on top, so that "a" and "a\0" differ. At the end the four words are folded into one.
//
// Sources: J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast short-input PRF", 2012; reference code `siphash.c`
// (github.com/veorq/SipHash), from which the vectors in the tests were made.

/// A keyed 64-bit hash (SipHash-1-3) whose results never change between releases or machines.
///
/// Not a signature: use HMAC where an attacker may see results and must not forge one.
public struct StableHash: Hashable, Sendable {
    /// First half of the key; any value is fine.
    public let k0: UInt64
    /// Second half of the key; any value is fine.
    public let k1: UInt64

    /// Makes the function for one key.
    @inlinable
    public init(k0: UInt64, k1: UInt64) {
        self.k0 = k0
        self.k1 = k1
    }

    /// Hashes bytes: an array, a slice, a `String.UTF8View` or any other collection of bytes.
    ///
    /// Contiguous collections (all of the named ones, for native strings) are read in place; others are copied first.
    /// - Parameter bytes: any length; the empty collection has a hash too.
    /// - Complexity: O(bytes.count), about a nanosecond for eight bytes after a fixed handful.
    @inlinable
    public func callAsFunction<Bytes: Collection>(_ bytes: Bytes) -> UInt64 where Bytes.Element == UInt8 {
        StableHash.sipHash(bytes, k0: k0, k1: k1, compressionRounds: 1, finalizationRounds: 3)
    }

    /// Hashes bytes under a key in one call: the same result as `StableHash(k0:k1:)(bytes)`.
    /// - Complexity: O(bytes.count).
    @inlinable
    public static func hash<Bytes: Collection>(_ bytes: Bytes, k0: UInt64, k1: UInt64) -> UInt64
    where Bytes.Element == UInt8 {
        sipHash(bytes, k0: k0, k1: k1, compressionRounds: 1, finalizationRounds: 3)
    }

    /// SipHash with any number of rounds; public so that the published vectors of 2-4 can prove the shared code right.
    ///
    /// Always inlined: with constant rounds the loops over them vanish.
    /// - Parameters:
    ///   - compressionRounds: rounds for each word of input, 1 for ours, 2 in the original.
    ///   - finalizationRounds: rounds at the end, 3 for ours, 4 in the original.
    /// - Complexity: O(bytes.count × compressionRounds).
    @inlinable
    @inline(__always)
    public static func sipHash<Bytes: Collection>(
        _ bytes: Bytes, k0: UInt64, k1: UInt64, compressionRounds: Int, finalizationRounds: Int
    ) -> UInt64 where Bytes.Element == UInt8 {
        let inPlace = bytes.withContiguousStorageIfAvailable { buffer in
            digest(
                UnsafeRawBufferPointer(buffer), k0: k0, k1: k1, compressionRounds: compressionRounds,
                finalizationRounds: finalizationRounds)
        }
        if let inPlace { return inPlace }
        return Array(bytes).withUnsafeBytes { buffer in
            digest(
                buffer, k0: k0, k1: k1, compressionRounds: compressionRounds, finalizationRounds: finalizationRounds)
        }
    }

    @inlinable
    @inline(__always)
    static func digest(
        _ bytes: UnsafeRawBufferPointer, k0: UInt64, k1: UInt64, compressionRounds: Int, finalizationRounds: Int
    ) -> UInt64 {
        var state = SipState(k0: k0, k1: k1)
        let count = bytes.count
        let wordsEnd = count & ~7
        var offset = 0
        while offset < wordsEnd {
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            state.absorb(word, rounds: compressionRounds)
            offset += 8
        }
        let last = UInt64(truncatingIfNeeded: count) << 56 | tail(bytes, from: offset)
        state.absorb(last, rounds: compressionRounds)
        return state.finish(rounds: finalizationRounds)
    }

    /// The bytes behind the last whole word, none to seven, little-endian: read in one or two loads and not one by one.
    @inlinable
    @inline(__always)
    static func tail(_ bytes: UnsafeRawBufferPointer, from offset: Int) -> UInt64 {
        let count = bytes.count
        let left = count &- offset
        guard left > 0 else { return 0 }
        if count >= 8 {
            // The last eight bytes of all; what the words have had already is shifted out below.
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self))
            return word &>> UInt64(truncatingIfNeeded: 64 &- 8 &* left)
        }
        if left >= 4 {
            // Two halves that may overlap: equal bytes fall on equal places.
            let low = UInt64(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt32.self)))
            let high = UInt64(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: left &- 4, as: UInt32.self)))
            return low | high &<< UInt64(truncatingIfNeeded: 8 &* (left &- 4))
        }
        // One to three bytes: the first, the middle and the last, some of them the same.
        let middle = left &>> 1
        return UInt64(bytes[0]) | UInt64(bytes[middle]) &<< UInt64(truncatingIfNeeded: 8 &* middle)
            | UInt64(bytes[left &- 1]) &<< UInt64(truncatingIfNeeded: 8 &* (left &- 1))
    }
}

/// The four words of SipHash on their way through the input.
@usableFromInline
struct SipState {
    @usableFromInline var v0: UInt64
    @usableFromInline var v1: UInt64
    @usableFromInline var v2: UInt64
    @usableFromInline var v3: UInt64

    /// The constants spell "somepseudorandomlygeneratedbytes" (section 2.1 of the paper).
    @inlinable
    @inline(__always)
    init(k0: UInt64, k1: UInt64) {
        v0 = k0 ^ 0x736f_6d65_7073_6575
        v1 = k1 ^ 0x646f_7261_6e64_6f6d
        v2 = k0 ^ 0x6c79_6765_6e65_7261
        v3 = k1 ^ 0x7465_6462_7974_6573
    }

    @inlinable
    @inline(__always)
    mutating func absorb(_ word: UInt64, rounds: Int) {
        v3 ^= word
        for _ in 0..<rounds { mix() }
        v0 ^= word
    }

    @inlinable
    @inline(__always)
    mutating func finish(rounds: Int) -> UInt64 {
        v2 ^= 0xff
        for _ in 0..<rounds { mix() }
        return v0 ^ v1 ^ v2 ^ v3
    }

    /// One SipRound: two halves of add, rotate, xor that meet in the middle.
    @inlinable
    @inline(__always)
    mutating func mix() {
        v0 &+= v1
        v1 = rotated(v1, by: 13) ^ v0
        v0 = rotated(v0, by: 32)
        v2 &+= v3
        v3 = rotated(v3, by: 16) ^ v2
        v0 &+= v3
        v3 = rotated(v3, by: 21) ^ v0
        v2 &+= v1
        v1 = rotated(v1, by: 17) ^ v2
        v2 = rotated(v2, by: 32)
    }

    @inlinable
    @inline(__always)
    func rotated(_ word: UInt64, by count: UInt64) -> UInt64 {
        (word &<< count) | (word &>> (64 &- count))
    }
}
