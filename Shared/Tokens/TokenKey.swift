// One key: a name, an algorithm, and the bytes.
//
// The algorithm belongs to the key, not to the token. A token that could choose its own algorithm would choose the one in
// which our *public* Ed25519 key is a *shared* HMAC secret, and sign itself: the oldest trick against JWT. Here the kind of
// the bytes is the algorithm, so such a mix-up cannot even be written down.

/// The signature algorithms of tokens, spelled as in a JOSE header. Source: RFC 7518, section 3.1; RFC 8037, section 3.1.
public enum TokenAlgorithm: String, Sendable, CaseIterable {
    /// HMAC with SHA-256: who can check can also sign.
    case hs256 = "HS256"
    /// Ed25519: services check with the public key, only the issuer has the seed.
    case edDSA = "EdDSA"
}

/// What is wrong with a key or a line of a key file.
public enum TokenKeyRefusal: Error, Equatable, Sendable {
    /// A line is not `kid alg key` or `kid alg key sign`.
    case badLine
    /// The key id is not 1...64 bytes of `A-Z a-z 0-9 . _ -`.
    case badKid
    /// The key id stands on an earlier line already.
    case repeatedKid
    /// The algorithm is neither HS256 nor EdDSA.
    case unknownAlgorithm
    /// The key is not base64url without padding.
    case badBase64URL
    /// The key has another size than its algorithm asks for.
    case badKeySize(bytes: Int)
    /// More than `TokenLimits.keyCountMax` keys.
    case tooManyKeys
    /// The file has no key at all.
    case noKeys
    /// The file is longer than `TokenLimits.keyFileBytesMax`.
    case fileTooLong

    /// A sentence for the operator.
    public var sentence: String {
        switch self {
        case .badLine: "expected: kid algorithm key [sign]"
        case .badKid: "the key id must be 1 to \(TokenLimits.kidBytesMax) characters of A-Z a-z 0-9 . _ -"
        case .repeatedKid: "this key id was used on an earlier line"
        case .unknownAlgorithm: "the algorithm must be HS256 or EdDSA"
        case .badBase64URL: "the key must be base64url without padding"
        case .badKeySize(let bytes):
            "the key has \(bytes) bytes; HS256 takes \(TokenLimits.secretBytesMin) to \(TokenLimits.secretBytesMax), "
                + "EdDSA exactly \(TokenLimits.ed25519KeyBytes)"
        case .tooManyKeys: "more than \(TokenLimits.keyCountMax) keys"
        case .noKeys: "the file has no key"
        case .fileTooLong: "the file is longer than \(TokenLimits.keyFileBytesMax) bytes"
        }
    }
}

/// A key that checks tokens, and perhaps mints them. Prints without its bytes, so it may appear in a log.
public struct TokenKey: Equatable, Sendable {
    /// The bytes of a key; the case is the algorithm.
    public enum Material: Equatable, Sendable {
        /// HS256: 32...128 bytes, shared between issuer and us.
        case secret([UInt8])
        /// EdDSA: the 32-byte public key, which checks only.
        case publicKey([UInt8])
        /// EdDSA: the 32-byte private seed, which mints, and from which the public key follows.
        case seed([UInt8])
    }

    /// The name by which a token's header refers to this key.
    public let kid: String
    /// The bytes; never print them.
    public let material: Material
    /// Whether this process may mint with the key: always for a seed, never for a public key, as the file says for a secret.
    public let maySign: Bool

    /// - Parameter maySign: matters for a secret only; default false.
    /// - Throws: `badKid` or `badKeySize`.
    public init(kid: String, material: Material, maySign: Bool = false) throws(TokenKeyRefusal) {
        guard Self.isKid(kid) else { throw .badKid }
        switch material {
        case .secret(let bytes):
            guard TokenLimits.secretBytesMin...TokenLimits.secretBytesMax ~= bytes.count else {
                throw .badKeySize(bytes: bytes.count)
            }
            self.maySign = maySign
        case .publicKey(let bytes):
            guard bytes.count == TokenLimits.ed25519KeyBytes else { throw .badKeySize(bytes: bytes.count) }
            self.maySign = false
        case .seed(let bytes):
            guard bytes.count == TokenLimits.ed25519KeyBytes else { throw .badKeySize(bytes: bytes.count) }
            self.maySign = true
        }
        self.kid = kid
        self.material = material
    }

    /// Whether `name` can be a key id: 1...64 bytes of `A-Z a-z 0-9 . _ -`.
    public static func isKid(_ name: String) -> Bool {
        guard 1...TokenLimits.kidBytesMax ~= name.utf8.count else { return false }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default:
                false
            }
        }
    }

    public var algorithm: TokenAlgorithm {
        switch material {
        case .secret: .hs256
        case .publicKey, .seed: .edDSA
        }
    }
}

extension TokenKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The key's name and algorithm; never its bytes.
    public var description: String { "\(kid) \(algorithm.rawValue)\(maySign ? " sign" : "")" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["key": description]) }
}
