// The issuer's side, for our own tools: the command line, the bench, the simulator, the examples.
//
// In production the user's own login service issues tokens; it needs nothing of this but a JWT library and a key. The minter
// writes what the verifier accepts and nothing else. `UserID` and `DeviceID` are made of an alphabet in which JSON needs no
// escape, so the claims can be spelled out.

import Groups
import Primitives

/// Why a token cannot be minted.
public enum TokenMintRefusal: Error, Equatable, Sendable {
    /// The key may only check.
    case keyMayNotSign
    /// The life is not 1...`TokenLimits.lifeSecondsMax` seconds.
    case badLife
    /// The time of minting is before 1970, or so late that `exp` would pass `TokenLimits.timeSecondsMax`.
    case badClock
    /// The name is one that only groups have.
    case reservedName

    /// A sentence for whoever typed the command.
    public var sentence: String {
        switch self {
        case .keyMayNotSign: "This key may only check tokens; a line of the key file that ends in 'sign' may mint."
        case .badLife: "The life of a token must be 1 to \(TokenLimits.lifeSecondsMax) seconds."
        case .badClock: "The clock shows no time in which a token can be minted."
        case .reservedName: "Names that begin with \(UserID.groupPrefix) belong to groups, and \(UserID.system) speaks for the product."
        }
    }
}

/// Makes tokens.
public struct TokenMinter: Sendable {
    private let signatures: any Signatures

    public init(signatures: any Signatures) {
        self.signatures = signatures
    }

    /// A token for a user, with `kid`, `iat` and `exp`.
    /// - Parameters:
    ///   - sub: not the name of a group.
    ///   - device: ties the token to one device; nil, the default, for any.
    ///   - ttlSeconds: 1...`TokenLimits.lifeSecondsMax`; the token holds from now until just before now + ttl.
    ///   - nowSeconds: since 1970, 0 or more.
    ///   - key: its algorithm is the token's.
    /// - Complexity: O(1) and one signature.
    public func mint(
        sub: UserID, device: DeviceID? = nil, ttlSeconds: Int64, nowSeconds: Int64, key: TokenKey
    ) throws(TokenMintRefusal) -> String {
        guard key.maySign else { throw .keyMayNotSign }
        guard !sub.isReserved else { throw .reservedName }
        guard 1...TokenLimits.lifeSecondsMax ~= ttlSeconds else { throw .badLife }
        guard 0...(TokenLimits.timeSecondsMax - TokenLimits.lifeSecondsMax) ~= nowSeconds else { throw .badClock }
        var claims = "{\"sub\":\"\(sub)\""
        if let device {
            claims += ",\"device\":\"\(device)\""
        }
        claims += ",\"iat\":\(nowSeconds),\"exp\":\(nowSeconds + ttlSeconds)}"
        let header = "{\"alg\":\"\(key.algorithm.rawValue)\",\"typ\":\"JWT\",\"kid\":\"\(key.kid)\"}"

        let signed = Base64URL.string(Array(header.utf8)) + "." + Base64URL.string(Array(claims.utf8))
        let token = signed + "." + Base64URL.string(signature(of: Array(signed.utf8), by: key))
        precondition(token.utf8.count <= TokenLimits.tokenBytesMax)
        return token
    }

    private func signature(of message: [UInt8], by key: TokenKey) -> [UInt8] {
        switch key.material {
        case .secret(let secret): signatures.hmacSHA256(key: secret, message: message)
        case .seed(let seed): signatures.signEd25519(seed: seed, message: message)
        case .publicKey: preconditionFailure("a public key never may sign")
        }
    }
}
