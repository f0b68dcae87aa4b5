// Why a token was not accepted.
//
// Each refusal has a code for programs, which never changes once released, and a sentence for the engineer who integrates.
// Neither repeats a byte of the token: refusals are logged, and a log must not hold credentials.

import Groups
import Primitives

/// A refusal of a token, the peer's fault in every case.
public enum TokenRefusal: Error, Equatable, Sendable {
    /// There is no token.
    case missing
    /// The token is no well-formed JWT.
    case malformed(Malformed)
    /// No key has the token's `kid`, or there are several keys and the token names none.
    case unknownKey
    /// The signature is not the key's.
    case badSignature
    /// `exp` has passed.
    case expired
    /// `nbf` or `iat` lies more than `TokenLimits.clockLeewaySeconds` ahead.
    case notYetValid
    /// The header's `alg` is none of ours, or not that of its key.
    case wrongAlgorithm
    /// A claim is absent though required, has the wrong type, or is out of bounds.
    case badClaim(Claim)
    /// Longer than `TokenLimits.tokenBytesMax`.
    case tooLong

    /// Which rule of form was broken.
    public enum Malformed: String, Equatable, Sendable, CaseIterable {
        /// Not three parts with two dots.
        case parts
        /// A part is not strict base64url.
        case base64URL
        /// The header is no acceptable JSON object.
        case header
        /// `kid` is no string.
        case kid
        /// `typ` is present and not `JWT`.
        case type
        /// `crit` is present: the issuer demands an extension, and we have none.
        case critical
        /// The claims are no acceptable JSON object.
        case claims
    }

    /// The claims that we read.
    public enum Claim: String, Equatable, Sendable, CaseIterable {
        case sub, device, exp, nbf, iat
    }

    /// A stable code in snake case.
    public var code: String {
        switch self {
        case .missing: "token_missing"
        case .malformed: "token_malformed"
        case .unknownKey: "token_unknown_key"
        case .badSignature: "token_bad_signature"
        case .expired: "token_expired"
        case .notYetValid: "token_not_yet_valid"
        case .wrongAlgorithm: "token_wrong_algorithm"
        case .badClaim: "token_bad_claim"
        case .tooLong: "token_too_long"
        }
    }

    /// A sentence that says what to change.
    public var sentence: String {
        switch self {
        case .missing: "No token was sent."
        case .malformed(let rule): rule.sentence
        case .unknownKey: "The token's key id (kid) is not in the key file, or is absent while there are several keys."
        case .badSignature: "The token's signature does not match its key."
        case .expired: "The token has expired; ask the issuer for a new one."
        case .notYetValid: "The token is not valid yet; compare the issuer's clock with ours."
        case .wrongAlgorithm: "The token's algorithm (alg) is not that of its key; HS256 and EdDSA are possible."
        case .badClaim(let claim): claim.sentence
        case .tooLong: "The token is longer than \(TokenLimits.tokenBytesMax) bytes."
        }
    }
}

extension TokenRefusal.Malformed {
    var sentence: String {
        switch self {
        case .parts: "The token does not have three parts separated by dots."
        case .base64URL: "A part of the token is not base64url without padding."
        case .header: "The token's header is not an acceptable JSON object."
        case .kid: "The token's key id (kid) is not a string."
        case .type: "The token's type (typ) is not JWT."
        case .critical: "The token demands an extension (crit) that is not supported."
        case .claims: "The token's claims are not an acceptable JSON object."
        }
    }
}

extension TokenRefusal.Claim {
    var sentence: String {
        switch self {
        case .sub:
            "The claim sub must be a user id: 1 to \(UserID.bytesMax) characters of A-Z a-z 0-9 . _ @ + : - and not begin with \(UserID.groupPrefix); \(UserID.system) is taken"
        case .device:
            "The claim device must be 1 to \(DeviceID.bytesMax) characters of A-Z a-z 0-9 . _ @ + : -"
        case .exp: "The claim exp must be present, a number of seconds since 1970."
        case .nbf: "The claim nbf must be a number of seconds since 1970."
        case .iat: "The claim iat must be a number of seconds since 1970."
        }
    }
}
