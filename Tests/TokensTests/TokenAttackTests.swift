import Primitives
import Testing
import Tokens

@Suite("Whoever has no key gets nowhere")
struct TokenAttackTests {
    @Test(arguments: [shared, issuer])
    func aTokenWithAnyOneCharacterChangedIsRefused(key: TokenKey) throws {
        let text = Array(try minter.mint(sub: ana, device: DeviceID("p"), ttlSeconds: 60, nowSeconds: now, key: key).utf8)
        let verifier = verifier(key)
        #expect(refusal(verifier, text) == nil)
        // Every byte where a check is cheap; where it is a curve multiplication, a handful of them.
        let others = key == shared ? Array(0...255) : Array("ABEQgw-_.=\u{0}".utf8)
        for place in text.indices {
            for character in others where character != text[place] {
                var changed = text
                changed[place] = character
                #expect(refusal(verifier, changed) != nil, "place \(place), byte \(character)")
            }
        }
    }

    @Test(arguments: [shared, issuer])
    func aTokenWithACharacterMissingOrAddedIsRefused(key: TokenKey) throws {
        let text = Array(try minter.mint(sub: ana, ttlSeconds: 60, nowSeconds: now, key: key).utf8)
        let verifier = verifier(key)
        for place in text.indices {
            #expect(refusal(verifier, Array(text[..<place])) != nil)
            var shorter = text
            shorter.remove(at: place)
            #expect(refusal(verifier, shorter) != nil)
            for added in Array("A.= ".utf8) {
                #expect(refusal(verifier, text + [added]) != nil)
                var longer = text
                longer.insert(added, at: place)
                #expect(refusal(verifier, longer) != nil)
            }
        }
    }

    @Test func thePublicKeyIsNoSharedSecret() throws {
        let services = verifier(try TokenKey(kid: "issuer", material: .publicKey(issuerPublicKey)))
        let forger = try TokenKey(kid: "issuer", material: .secret(issuerPublicKey), maySign: true)
        let forged = try minter.mint(sub: ana, ttlSeconds: 60, nowSeconds: now, key: forger)
        #expect(refusal(services, forged) == .wrongAlgorithm)
        // Nor with the honest algorithm in the header and the MAC in place of the signature.
        #expect(refusal(services, token(#"{"alg":"EdDSA"}"#, plainClaims, by: forger)) == .badSignature)
        // Nor beside a shared key, by naming either.
        let both = verifier(try TokenKey(kid: "issuer", material: .publicKey(issuerPublicKey)), shared)
        #expect(refusal(both, forged) == .wrongAlgorithm)
        #expect(refusal(both, token(#"{"alg":"HS256","kid":"shared"}"#, plainClaims, by: forger)) == .badSignature)
    }

    @Test func aTokenWithoutSignatureIsRefused() {
        for header in [#"{"alg":"none"}"#, #"{"alg":"none","kid":"shared"}"#, #"{"alg":"nOnE"}"#, #"{"alg":""}"#] {
            let signed = Base64URL.string(Array(header.utf8)) + "." + Base64URL.string(Array(plainClaims.utf8))
            #expect(refusal(verifier(shared), signed + ".") == .wrongAlgorithm)
        }
        for algorithm in ["HS256", "EdDSA"] {
            let header = #"{"alg":"\#(algorithm)"}"#
            let signed = Base64URL.string(Array(header.utf8)) + "." + Base64URL.string(Array(plainClaims.utf8))
            #expect(refusal(verifier(algorithm == "HS256" ? shared : issuer), signed + ".") == .badSignature)
        }
    }

    @Test func aKeyBroughtByTheTokenIsNotUsed() throws {
        let forger = try TokenKey(kid: "issuer", material: .seed(Array(7...38)))
        let publicKey = Base64URL.string(crypto.ed25519PublicKey(seed: Array(7...38)))
        let header = #"{"alg":"EdDSA","kid":"issuer","jwk":{"kty":"OKP","crv":"Ed25519","x":"\#(publicKey)"}}"#
        #expect(refusal(verifier(issuer), token(header, plainClaims, by: forger)) == .badSignature)
    }

    @Test func partsOfTwoTokensDoNotMix() throws {
        let anas = try minter.mint(sub: ana, ttlSeconds: 60, nowSeconds: now, key: shared).split(separator: ".")
        let bobs = try minter.mint(sub: UserID("bob")!, ttlSeconds: 60, nowSeconds: now, key: shared).split(separator: ".")
        #expect(refusal(verifier(shared), "\(anas[0]).\(bobs[1]).\(anas[2])") == .badSignature)
    }

    @Test func nothingOfTheClaimsIsToldBeforeTheSignatureIsRight() {
        let forged = token(plainHeader, "no claims at all") + "AAAA"
        #expect(refusal(verifier(shared), forged) == .badSignature)
    }

    @Test func seededGarbageNeverTrapsAndIsNeverAccepted() throws {
        let verifier = verifier(shared, issuer)
        let whole = Array(try minter.mint(sub: ana, ttlSeconds: 60, nowSeconds: now, key: shared).utf8)
        var dice = Dice(state: 7)
        for round in 0..<20_000 {
            var text: [UInt8]
            if round % 2 == 0 {
                text = (0..<dice.next(below: 200)).map { _ in UInt8(truncatingIfNeeded: dice.next()) }
                for _ in 0..<2 where !text.isEmpty { text[dice.next(below: text.count)] = UInt8(ascii: ".") }
            } else {
                text = whole
                for _ in 0...dice.next(below: 4) {
                    text[dice.next(below: text.count)] = UInt8(truncatingIfNeeded: dice.next())
                }
            }
            if text != whole { #expect(refusal(verifier, text) != nil) }
        }
    }

    /// Garbage inside a right signature: the issuer itself may be broken. Byte soup from JSON's own alphabet reaches deep.
    @Test func seededGarbageUnderARightSignatureNeverTraps() throws {
        let verifier = verifier(shared)
        let pieces = [
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "d83d", "\"sub\"", "\"exp\"", "\"ana\"", "1", "-", ".", "e9",
            "0", "true", "null", " ", "\u{0}", "é", "1800000001",
        ]
        var dice = Dice(state: 3)
        for _ in 0..<10_000 {
            var soup = Array("{".utf8)
            for _ in 0..<dice.next(below: 40) { soup += Array(pieces[dice.next(below: pieces.count)].utf8) }
            if dice.next(below: 4) == 0 { soup[dice.next(below: soup.count)] = UInt8(truncatingIfNeeded: dice.next()) }
            let asClaims = refusal(verifier, token(Array(plainHeader.utf8), soup))
            #expect(asClaims != .badSignature)
            let asHeader = refusal(verifier, token(soup, Array(plainClaims.utf8)))
            #expect(asHeader != nil)
        }
    }
}

@Suite("Keys rotate while tokens are in use")
struct TokenRotationTests {
    private let old = try! TokenKey(kid: "old", material: .secret(Array(1...32)), maySign: true)
    private let new = try! TokenKey(kid: "new", material: .secret(Array(2...33)), maySign: true)

    @Test func theOldTokenLivesUntilItsKeyLeavesTheFile() throws {
        let byOld = try minter.mint(sub: ana, ttlSeconds: 60, nowSeconds: now, key: old)
        let byNew = try minter.mint(sub: ana, ttlSeconds: 60, nowSeconds: now, key: new)

        let before = verifier(old)
        #expect(refusal(before, byOld) == nil)
        #expect(refusal(before, byNew) == .unknownKey)

        let during = verifier(new, old)
        #expect(refusal(during, byOld) == nil)
        #expect(refusal(during, byNew) == nil)

        let after = verifier(new)
        #expect(refusal(after, byOld) == .unknownKey)
        #expect(refusal(after, byNew) == nil)
    }

    @Test func amongSeveralKeysATokenMustNameItsOwn() {
        #expect(refusal(verifier(old), token(plainHeader, plainClaims, by: old)) == nil)
        #expect(refusal(verifier(old, new), token(plainHeader, plainClaims, by: old)) == .unknownKey)
    }

    @Test func namingTheOtherKeyDoesNotHelp() {
        let crossed = token(#"{"alg":"HS256","kid":"new"}"#, plainClaims, by: old)
        #expect(refusal(verifier(old, new), crossed) == .badSignature)
    }

    @Test func algorithmsRotateToo() throws {
        let both = verifier(old, issuer)
        for key in [old, issuer] {
            let text = try minter.mint(sub: ana, ttlSeconds: 60, nowSeconds: now, key: key)
            #expect(refusal(both, text) == nil)
        }
        #expect(refusal(both, token(#"{"alg":"HS256","kid":"issuer"}"#, plainClaims, by: old)) == .wrongAlgorithm)
    }
}
