// The bounds of TLS, in one place, with reasons.

import Primitives

public enum TLSLimits {
    /// One read of one socket, bytes of ciphertext. With the part of a record that an earlier read left behind, at most 16 KiB and
    /// its frame, the plaintext fits into the 64 KiB that a read of a plain socket gives.
    public static let readBytesMax = 45 * 1024

    /// A record as it travels, bytes: 16 KiB, a head of 5 and at most 2,048 of expansion (RFC 5246, section 6.2.3).
    public static let recordBytesMax = 16 * 1024 + 5 + 2_048

    /// Plaintext sealed at once, bytes: four records, one call to the kernel. More would only hold ciphertext that it does not take.
    public static let sealBytesMax = 64 * 1024

    /// What somebody may send before the handshake is done, bytes. A hello of today has 0.5 to 2 KiB, a chain of certificates 2 to
    /// 8; OpenSSL itself would gather 128 KiB.
    public static let handshakeBytesMax = 32 * 1024

    /// Handshakes that one tick goes on with: signing takes 0.1 ms with P-256 and about 1 ms with RSA, so that a storm of new
    /// connections holds those that are in by no more than that many milliseconds. The others wait in the kernel, for the next tick.
    public static let handshakeCountPerTickMax = 16

    /// A file of certificates or a key, bytes. A chain has 2 to 10 KiB; the store of a whole system about 200.
    public static let fileBytesMax = 1024 * 1024

    /// How often the files are looked at: who has installed a certificate wants to see it in use while she looks.
    public static let reloadInterval = Interval.seconds(2)

    /// Certificates between ours and the authority's: two are usual, and each costs a verification.
    static let chainDepthMax: Int32 = 4

    /// What must hold between them.
    public static func check() {
        precondition(readBytesMax + recordBytesMax <= 64 * 1024)
    }
}
