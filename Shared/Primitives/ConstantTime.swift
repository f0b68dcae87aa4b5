// The one comparison for secrets, proofs and signatures.

/// Whether two byte strings are equal, in a time that depends on their lengths only.
///
/// A comparison that stops at the first difference tells a patient attacker how many leading bytes of a forged MAC are
/// right.
/// - Complexity: O(count) when the lengths agree, O(1) when they differ (lengths are no secret).
public func constantTimeEquals(_ one: [UInt8], _ other: [UInt8]) -> Bool {
    guard one.count == other.count else { return false }
    var difference: UInt8 = 0
    for index in one.indices { difference |= one[index] ^ other[index] }
    return difference == 0
}

/// The same for text, by its bytes in UTF-8.
public func constantTimeEquals(_ one: String, _ other: String) -> Bool { constantTimeEquals(Array(one.utf8), Array(other.utf8)) }
