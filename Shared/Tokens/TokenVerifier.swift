// Who is calling? The verifier turns a token into a user, or into a refusal.
//
// A token is `header.claims.signature`, each part base64url. The order of the checks is the security of the thing: nothing
// of the claims is looked at before the signature has been checked, and the header, which is read before, may only *choose
// among our keys*; it cannot bring a key, nor an algorithm that its key does not have. What we do not understand and the
// issuer calls critical is refused; other unknown members are ignored, `iss` and `aud` among them: a key in our key file is
// trusted for this system, so give it to no issuer that signs for other systems too.

import Groups
import Primitives

/// What a verified token says.
public struct TokenClaims: Equatable, Sendable {
    /// The user (`sub`); never the name of a group.
    public let user: UserID
    /// The device, when the issuer ties the token to one.
    public let device: DeviceID?
    /// First second at which the token no longer holds, since 1970.
    public let expirySeconds: Int64
    /// When it was issued (`iat`), seconds since 1970; nil: it does not say.
    public let issuedSeconds: Int64?

    public init(user: UserID, device: DeviceID?, expirySeconds: Int64, issuedSeconds: Int64? = nil) {
        self.user = user
        self.device = device
        self.expirySeconds = expirySeconds
        self.issuedSeconds = issuedSeconds
    }
}

/// Checks tokens against a key set. A value; make a new one when the key file was read again.
public struct TokenVerifier: Sendable {
    private let checkers: [Checker]
    private let signatures: any Signatures

    /// - Complexity: one public key derivation per seed in `keys`.
    public init(keys: TokenKeySet, signatures: any Signatures) {
        self.signatures = signatures
        checkers = keys.keys.map { key in
            switch key.material {
            case .secret(let secret): Checker(kid: key.kid, proof: .hmac(secret))
            case .publicKey(let publicKey): Checker(kid: key.kid, proof: .ed25519(publicKey))
            case .seed(let seed): Checker(kid: key.kid, proof: .ed25519(signatures.ed25519PublicKey(seed: seed)))
            }
        }
        precondition(!checkers.isEmpty)
    }

    /// The claims of a token that holds at `nowSeconds`.
    /// - Parameters:
    ///   - token: a compact JWS, at most `TokenLimits.tokenBytesMax` bytes; empty counts as missing.
    ///   - nowSeconds: since 1970.
    /// - Complexity: O(token.count) and one signature check. Source: RFC 7519, section 7.2.
    public func verify(_ token: [UInt8], nowSeconds: Int64) throws(TokenRefusal) -> TokenClaims {
        let text = try authenticate(token)
        guard let claims = TokenJSON.object(in: text) else { throw .malformed(.claims) }
        return try read(claims, nowSeconds: nowSeconds)
    }

    /// `verify`, for a token that is a string already.
    public func verify(_ token: String, nowSeconds: Int64) throws(TokenRefusal) -> TokenClaims {
        try verify(Array(token.utf8), nowSeconds: nowSeconds)
    }

    /// The payload of a token whose signature is right, whatever it says: the first half of `verify`.
    /// - Throws: everything but `expired`, `notYetValid` and `badClaim`. Source: RFC 7515, section 5.2.
    public func authenticate(_ token: [UInt8]) throws(TokenRefusal) -> [UInt8] {
        guard !token.isEmpty else { throw .missing }
        guard token.count <= TokenLimits.tokenBytesMax else { throw .tooLong }
        let parts = token.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw .malformed(.parts) }

        guard let header = TokenJSON.object(in: try decode(parts[0])) else { throw .malformed(.header) }
        let checker = try checker(for: header)

        let signature = try decode(parts[2])
        let signed = Array(token[..<parts[1].endIndex])
        guard checker.accepts(signature, of: signed, by: signatures) else { throw .badSignature }
        return try decode(parts[1])
    }

    /// Which of our keys the header chooses.
    private func checker(for header: TokenJSON.Object) throws(TokenRefusal) -> Checker {
        guard case .string(let name)? = header["alg"] else { throw .wrongAlgorithm }
        guard let algorithm = TokenAlgorithm(rawValue: name) else { throw .wrongAlgorithm }
        guard header["crit"] == nil else { throw .malformed(.critical) }
        if let type = header["typ"] {
            guard type == .string("JWT") else { throw .malformed(.type) }
        }

        let chosen: Checker?
        switch header["kid"] {
        case nil: chosen = checkers.count == 1 ? checkers[0] : nil
        case .string(let kid)?: chosen = checkers.first { $0.kid == kid }
        default: throw .malformed(.kid)
        }
        guard let chosen else { throw .unknownKey }
        guard chosen.algorithm == algorithm else { throw .wrongAlgorithm }
        return chosen
    }

    private func read(_ claims: TokenJSON.Object, nowSeconds: Int64) throws(TokenRefusal) -> TokenClaims {
        guard case .string(let sub)? = claims["sub"], let user = UserID(sub), !user.isReserved else {
            throw .badClaim(.sub)
        }
        var device: DeviceID?
        if let claim = claims["device"] {
            guard case .string(let name) = claim, let named = DeviceID(name) else { throw .badClaim(.device) }
            device = named
        }
        guard let expirySeconds = try seconds(claims["exp"], of: .exp) else { throw .badClaim(.exp) }
        guard nowSeconds < expirySeconds else { throw .expired }
        for (claim, value) in [(TokenRefusal.Claim.nbf, claims["nbf"]), (.iat, claims["iat"])] {
            guard let startSeconds = try seconds(value, of: claim) else { continue }
            guard startSeconds - TokenLimits.clockLeewaySeconds <= nowSeconds else { throw .notYetValid }
        }
        return TokenClaims(
            user: user, device: device, expirySeconds: expirySeconds, issuedSeconds: try seconds(claims["iat"], of: .iat, roundedUp: false))
    }

    /// A time claim, nil when absent. A fraction is rounded up: compared with whole seconds that changes no answer. That of an issue
    /// is rounded down: it is compared with the microsecond of a revocation.
    private func seconds(_ value: TokenJSON?, of claim: TokenRefusal.Claim, roundedUp: Bool = true) throws(TokenRefusal) -> Int64? {
        guard let value else { return nil }
        guard case .number(let number) = value else { throw .badClaim(claim) }
        guard number.magnitude <= Double(TokenLimits.timeSecondsMax) else { throw .badClaim(claim) }
        // By hand, since `rounded(.up)` calls the C mathematics library, which a pure module does not link.
        let towardsZero = Int64(number)
        if roundedUp { return Double(towardsZero) < number ? towardsZero + 1 : towardsZero }
        return Double(towardsZero) > number ? towardsZero - 1 : towardsZero
    }

    private func decode(_ part: ArraySlice<UInt8>) throws(TokenRefusal) -> [UInt8] {
        do throws(Base64URL.Refusal) {
            return try Base64URL.decode(part)
        } catch {
            throw .malformed(.base64URL)
        }
    }
}

/// The checking half of a key. Holds no seed.
private struct Checker: Sendable {
    enum Proof: Sendable {
        case hmac([UInt8])
        case ed25519([UInt8])
    }

    let kid: String
    let proof: Proof

    var algorithm: TokenAlgorithm {
        switch proof {
        case .hmac: .hs256
        case .ed25519: .edDSA
        }
    }

    func accepts(_ signature: [UInt8], of message: [UInt8], by signatures: any Signatures) -> Bool {
        switch proof {
        case .hmac(let secret):
            guard signature.count == TokenLimits.hs256SignatureBytes else { return false }
            return constantTimeEquals(signature, signatures.hmacSHA256(key: secret, message: message))
        case .ed25519(let publicKey):
            guard signature.count == TokenLimits.ed25519SignatureBytes else { return false }
            return signatures.verifyEd25519(publicKey: publicKey, message: message, signature: signature)
        }
    }
}
