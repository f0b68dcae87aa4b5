// Ed25519 by OpenSSL: small keys, small signatures, and services that check need no secret.
//
// A raw 32-byte key becomes an `EVP_PKEY` for the length of one call. That costs little beside the curve arithmetic and
// spares us an object that must be shared and freed.

import COpenSSL
import Tokens

extension OpenSSLCrypto {
    /// Whether `signature` is `publicKey`'s for `message`; false for sizes other than 32 and 64 bytes.
    /// Source: RFC 8032, section 5.1.7.
    public func verifyEd25519(publicKey: [UInt8], message: [UInt8], signature: [UInt8]) -> Bool {
        guard publicKey.count == TokenLimits.ed25519KeyBytes else { return false }
        guard signature.count == TokenLimits.ed25519SignatureBytes else { return false }
        guard let key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, publicKey, publicKey.count) else {
            ERR_clear_error()
            return false
        }
        defer { EVP_PKEY_free(key) }
        return withContext { context in
            let ready = EVP_DigestVerifyInit(context, nil, nil, nil, key)
            precondition(ready == 1, "OpenSSL: Ed25519 cannot start")
            let answer = EVP_DigestVerify(context, signature, signature.count, message, message.count)
            // A "no" leaves its reason in the thread's error queue, where a later caller would find it.
            if answer != 1 { ERR_clear_error() }
            return answer == 1
        }
    }

    /// The 64-byte signature of `message`; the same input always gives the same signature.
    /// - Parameter seed: the 32-byte private key. Source: RFC 8032, section 5.1.6.
    public func signEd25519(seed: [UInt8], message: [UInt8]) -> [UInt8] {
        withKey(seed: seed) { key in
            withContext { context in
                let ready = EVP_DigestSignInit(context, nil, nil, nil, key)
                precondition(ready == 1, "OpenSSL: Ed25519 cannot start")
                return Array(unsafeUninitializedCapacity: TokenLimits.ed25519SignatureBytes) { signature, count in
                    count = TokenLimits.ed25519SignatureBytes
                    let made = EVP_DigestSign(context, signature.baseAddress, &count, message, message.count)
                    precondition(made == 1, "OpenSSL: Ed25519 cannot sign")
                    precondition(count == TokenLimits.ed25519SignatureBytes)
                }
            }
        }
    }

    /// The 32-byte public key of a 32-byte seed. Source: RFC 8032, section 5.1.5.
    public func ed25519PublicKey(seed: [UInt8]) -> [UInt8] {
        withKey(seed: seed) { key in
            Array(unsafeUninitializedCapacity: TokenLimits.ed25519KeyBytes) { publicKey, count in
                count = TokenLimits.ed25519KeyBytes
                let made = EVP_PKEY_get_raw_public_key(key, publicKey.baseAddress, &count)
                precondition(made == 1, "OpenSSL: no public key")
                precondition(count == TokenLimits.ed25519KeyBytes)
            }
        }
    }

    private func withKey<Result>(seed: [UInt8], _ body: (OpaquePointer) -> Result) -> Result {
        precondition(seed.count == TokenLimits.ed25519KeyBytes)
        let key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, seed, seed.count)
        guard let key else { preconditionFailure("OpenSSL: Ed25519 refuses a seed") }
        defer { EVP_PKEY_free(key) }
        return body(key)
    }

    private func withContext<Result>(_ body: (OpaquePointer) -> Result) -> Result {
        guard let context = EVP_MD_CTX_new() else { preconditionFailure("OpenSSL: out of memory") }
        defer { EVP_MD_CTX_free(context) }
        return body(context)
    }
}
