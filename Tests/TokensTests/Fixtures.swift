// The machinery of the token tests: fixed keys, hand-made tokens, one fixed now, a seeded generator.

import Crypto
import Primitives
import Testing
import Tokens

let crypto = OpenSSLCrypto()
let minter = TokenMinter(signatures: crypto)
let now: Int64 = 1_800_000_000
let ana = UserID("ana")!
let phone = DeviceID("phone-1")!

/// HS256, may sign.
let shared = try! TokenKey(kid: "shared", material: .secret(Array(1...32)), maySign: true)
/// EdDSA with the seed, may sign.
let issuer = try! TokenKey(kid: "issuer", material: .seed(Array(101...132)))
/// The same key as services hold it.
let issuerPublicKey = crypto.ed25519PublicKey(seed: Array(101...132))

func verifier(_ keys: TokenKey...) -> TokenVerifier {
    let file = keys.map(\.fileLine).joined(separator: "\n")
    return TokenVerifier(keys: try! TokenKeySet(parsing: file), signatures: crypto)
}

/// `header.claims.signature` of any texts, signed by the key's own algorithm, whatever the header says.
func token(_ header: String, _ claims: String, by key: TokenKey = shared) -> String {
    token(Array(header.utf8), Array(claims.utf8), by: key)
}

func token(_ header: [UInt8], _ claims: [UInt8], by key: TokenKey = shared) -> String {
    let signed = Base64URL.string(header) + "." + Base64URL.string(claims)
    let message = Array(signed.utf8)
    let signature =
        switch key.material {
        case .secret(let secret): crypto.hmacSHA256(key: secret, message: message)
        case .seed(let seed): crypto.signEd25519(seed: seed, message: message)
        case .publicKey: [UInt8]()
        }
    return signed + "." + Base64URL.string(signature)
}

let plainHeader = #"{"alg":"HS256"}"#
let plainClaims = #"{"sub":"ana","exp":1800000001}"#

/// The refusal of a token, nil when it is accepted.
func refusal(_ verifier: TokenVerifier, _ token: String, at seconds: Int64 = now) -> TokenRefusal? {
    refusal(verifier, Array(token.utf8), at: seconds)
}

func refusal(_ verifier: TokenVerifier, _ token: [UInt8], at seconds: Int64 = now) -> TokenRefusal? {
    do throws(TokenRefusal) {
        _ = try verifier.verify(token, nowSeconds: seconds)
        return nil
    } catch {
        return error
    }
}

/// SplitMix64: the same seed, the same garbage.
struct Dice {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func next(below bound: Int) -> Int { Int(next() % UInt64(bound)) }
}
