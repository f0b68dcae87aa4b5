// The key file: which signatures we believe.
//
//     # kid        algorithm  key (base64url)                               may mint
//     2025-a       EdDSA      11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo
//     local        HS256      AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr8   sign
//
// One key a line, `#` starts a comment. Several keys may stand together, and that is how keys rotate: add the new one
// everywhere, let the issuer sign with it, wait until the last old token has expired, remove the old line. For EdDSA the
// bytes are the public key, or, when the line ends in `sign`, the private seed. For HS256 the bytes are the secret either
// way, and `sign` says that the tools of this suite may mint with it.

import Primitives

/// A line of a key file that cannot be accepted.
public struct TokenKeyFileError: Error, Equatable, Sendable {
    /// Counted from 1; 0 when the file as a whole is refused.
    public let line: Int
    public let refusal: TokenKeyRefusal

    public init(line: Int, refusal: TokenKeyRefusal) {
        self.line = line
        self.refusal = refusal
    }

    /// A sentence for the operator; never contains key bytes.
    public var sentence: String {
        line == 0 ? "key file: \(refusal.sentence)" : "key file, line \(line): \(refusal.sentence)"
    }
}

/// 1...64 keys with different ids, in the order of the file.
public struct TokenKeySet: Equatable, Sendable {
    public let keys: [TokenKey]

    /// Reads a key file.
    /// - Parameter text: the file's bytes, at most `TokenLimits.keyFileBytesMax`; lines end in LF or CRLF.
    /// - Throws: the first line that is wrong, and why. A file is accepted as a whole or not at all.
    /// - Complexity: O(text.count + keys squared).
    public init(parsing text: [UInt8]) throws(TokenKeyFileError) {
        guard text.count <= TokenLimits.keyFileBytesMax else {
            throw TokenKeyFileError(line: 0, refusal: .fileTooLong)
        }
        var keys: [TokenKey] = []
        var number = 0
        for line in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number += 1
            do throws(TokenKeyRefusal) {
                guard let key = try Self.key(in: line) else { continue }
                guard !keys.contains(where: { $0.kid == key.kid }) else { throw .repeatedKid }
                guard keys.count < TokenLimits.keyCountMax else { throw .tooManyKeys }
                keys.append(key)
            } catch {
                throw TokenKeyFileError(line: number, refusal: error)
            }
        }
        guard !keys.isEmpty else { throw TokenKeyFileError(line: 0, refusal: .noKeys) }
        self.keys = keys
    }

    /// Reads a key file that is a string already.
    public init(parsing text: String) throws(TokenKeyFileError) {
        try self.init(parsing: Array(text.utf8))
    }

    /// The key with this id, nil when there is none.
    /// - Complexity: O(keys.count).
    public func key(_ kid: String) -> TokenKey? {
        keys.first { $0.kid == kid }
    }

    /// The first key with which this process may mint, nil when it may only check.
    public var signingKey: TokenKey? {
        keys.first { $0.maySign }
    }

    /// The sentence about a file without such a key, where the log-in for development is to mint.
    public static func loginRefusal(path: String) -> String {
        "cluster.conf says \"login development\", and no key in \(path) may mint: end the line of one with the word sign, or remove that line"
    }

    /// The key on a line, nil for a blank line or a comment.
    private static func key(in line: ArraySlice<UInt8>) throws(TokenKeyRefusal) -> TokenKey? {
        let words = line.prefix { $0 != UInt8(ascii: "#") }.split { byte in
            byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
        }
        if words.isEmpty { return nil }
        guard 3...4 ~= words.count else { throw .badLine }
        let signs = words.count == 4
        guard !signs || words[3].elementsEqual("sign".utf8) else { throw .badLine }
        guard let kid = String(validating: words[0], as: UTF8.self) else { throw .badKid }
        guard TokenKey.isKid(kid) else { throw .badKid }
        guard let algorithm = TokenAlgorithm(rawValue: String(decoding: words[1], as: UTF8.self)) else {
            throw .unknownAlgorithm
        }
        let bytes: [UInt8]
        do throws(Base64URL.Refusal) {
            bytes = try Base64URL.decode(words[2])
        } catch {
            throw .badBase64URL
        }
        switch (algorithm, signs) {
        case (.hs256, _): return try TokenKey(kid: kid, material: .secret(bytes), maySign: signs)
        case (.edDSA, false): return try TokenKey(kid: kid, material: .publicKey(bytes))
        case (.edDSA, true): return try TokenKey(kid: kid, material: .seed(bytes))
        }
    }
}

extension TokenKey {
    /// The line by which a key file spells this key, secret included: for the tool that creates key files.
    public var fileLine: String {
        let bytes: [UInt8]
        switch material {
        case .secret(let secret): bytes = secret
        case .publicKey(let publicKey): bytes = publicKey
        case .seed(let seed): bytes = seed
        }
        return "\(kid) \(algorithm.rawValue) \(Base64URL.string(bytes))\(maySign ? " sign" : "")"
    }
}
