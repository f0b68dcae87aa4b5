// Hashes, MACs, signatures and random bytes, by OpenSSL.
//
// Nobody should write these again. Every function is one call into libcrypto on bytes that we own: no contexts that outlive
// it, no global state of ours. OpenSSL fails at these only when memory is gone or we passed nonsense, so a failure stops the
// process; the one answer that may be "no", a signature that does not verify, is a value.

import COpenSSL
import RPC
import Tokens

/// The OpenSSL implementation of what the pure modules need. Stateless; make as many as you like.
public struct OpenSSLCrypto: Signatures, MessageAuthenticator {
    public init() {}

    /// SHA-1, 20 bytes. Only for the WebSocket handshake, where it protects nothing.
    /// Source: FIPS 180-4; RFC 6455, section 1.3.
    public func sha1(_ message: [UInt8]) -> [UInt8] {
        Array(unsafeUninitializedCapacity: Int(SHA_DIGEST_LENGTH)) { digest, count in
            let made = SHA1(message, message.count, digest.baseAddress)
            precondition(made != nil, "OpenSSL: SHA1 failed")
            count = Int(SHA_DIGEST_LENGTH)
        }
    }

    /// SHA-256, 32 bytes. Source: FIPS 180-4.
    public func sha256(_ message: [UInt8]) -> [UInt8] {
        Array(unsafeUninitializedCapacity: Int(SHA256_DIGEST_LENGTH)) { digest, count in
            let made = SHA256(message, message.count, digest.baseAddress)
            precondition(made != nil, "OpenSSL: SHA256 failed")
            count = Int(SHA256_DIGEST_LENGTH)
        }
    }

    /// HMAC with SHA-256, 32 bytes. Source: RFC 2104.
    public func hmacSHA256(key: [UInt8], message: [UInt8]) -> [UInt8] {
        Array(unsafeUninitializedCapacity: Int(SHA256_DIGEST_LENGTH)) { digest, count in
            var digestBytes: UInt32 = 0
            let made = HMAC(
                EVP_sha256(), key, Int32(key.count), message, message.count, digest.baseAddress, &digestBytes)
            precondition(made != nil, "OpenSSL: HMAC failed")
            precondition(digestBytes == UInt32(SHA256_DIGEST_LENGTH))
            count = Int(digestBytes)
        }
    }

    /// Unpredictable bytes, fit for keys and challenges. Never for a core: those take their dice from a seed.
    /// - Parameter count: 0 or more.
    public func randomBytes(_ count: Int) -> [UInt8] {
        precondition(count >= 0)
        precondition(count <= Int(Int32.max))
        return Array(unsafeUninitializedCapacity: count) { bytes, filled in
            if count > 0 {
                let made = RAND_bytes(bytes.baseAddress, Int32(count))
                precondition(made == 1, "OpenSSL: no random bytes")
            }
            filled = count
        }
    }
}
