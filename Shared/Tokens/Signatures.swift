// The mathematics that tokens need, as a protocol.
//
// This module decides what a token means; it does not multiply points on a curve. `Crypto` hands in an implementation made
// of OpenSSL. All functions are pure: same bytes, same answer, no state, which also keeps the simulator reproducible.

/// The three operations on which tokens rest. Implementations never fail: a size that breaks a precondition is our own bug.
public protocol Signatures: Sendable {
    /// HMAC with SHA-256: 32 bytes, for a key and a message of any length. Source: RFC 2104.
    func hmacSHA256(key: [UInt8], message: [UInt8]) -> [UInt8]

    /// Whether `signature` is `publicKey`'s for `message`. False, not a trap, for a key or signature that is no valid point
    /// or has the wrong size: both may come from outside. Source: RFC 8032, section 5.1.7.
    func verifyEd25519(publicKey: [UInt8], message: [UInt8], signature: [UInt8]) -> Bool

    /// The 64-byte signature of `message`. Source: RFC 8032, section 5.1.6.
    /// - Parameter seed: the 32-byte private key.
    func signEd25519(seed: [UInt8], message: [UInt8]) -> [UInt8]

    /// The 32-byte public key that belongs to a 32-byte seed. Source: RFC 8032, section 5.1.5.
    func ed25519PublicKey(seed: [UInt8]) -> [UInt8]
}
