// Hashes of uploads, made as their pieces come in, so that nobody waits at the end while 100 MiB are read again.
//
// This is a gain and never a need: what is not known here, after a restart or because too many are open, is read from the folder at
// the end, a slice at a time.

import COpenSSL
import Media

struct Hashes {
    private var states: [String: HashState] = [:]

    /// Bytes that the folder has now. Those behind a gap are left to `finish`.
    mutating func add(_ id: String, _ offset: UInt64, _ bytes: [UInt8]) {
        if offset == 0, states.count < MediaLimits.hashCountMax { states[id] = HashState() }
        guard let state = states[id] else { return }
        if state.count == offset { state.add(bytes[...]) } else { states[id] = nil }
    }

    /// The hash so far, for one more turn; a new one when nothing is known, or more than there is.
    mutating func take(_ id: String, of size: UInt64) -> HashState {
        let state = states.removeValue(forKey: id) ?? HashState()
        guard state.count <= size else { return HashState() }
        state.turnBytes = 0
        return state
    }

    mutating func put(_ id: String, _ state: HashState) { states[id] = state }

    mutating func forget(_ id: String) { states[id] = nil }
}

/// SHA-256 of some first bytes of a file.
final class HashState {
    private(set) var count: UInt64 = 0
    /// Since the turn began.
    var turnBytes: UInt64 = 0
    /// The first `MediaLimits.headBytesMax` bytes, by which the type is told.
    private var head: [UInt8] = []
    private let context: OpaquePointer

    init() {
        guard let made = EVP_MD_CTX_new(), EVP_DigestInit_ex(made, EVP_sha256(), nil) == 1 else { preconditionFailure("OpenSSL: no SHA-256") }
        context = made
    }

    deinit { EVP_MD_CTX_free(context) }

    func add(_ bytes: ArraySlice<UInt8>) {
        if head.count < MediaLimits.headBytesMax { head += bytes.prefix(MediaLimits.headBytesMax - head.count) }
        let made = bytes.withUnsafeBytes { EVP_DigestUpdate(context, $0.baseAddress, $0.count) }
        precondition(made == 1, "OpenSSL: SHA-256 failed")
        count += UInt64(bytes.count)
        turnBytes += UInt64(bytes.count)
    }

    /// In digits. Once.
    func end() -> (hash: String, head: [UInt8]) {
        var hash = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        let made = EVP_DigestFinal_ex(context, &hash, nil)
        precondition(made == 1, "OpenSSL: SHA-256 failed")
        return (HexName.text(hash), head)
    }
}
