import Primitives
import Testing
import Tokens

private func mintRefusal(
    sub: UserID = ana, ttlSeconds: Int64 = 60, nowSeconds: Int64 = now, key: TokenKey = shared
) -> TokenMintRefusal? {
    do throws(TokenMintRefusal) {
        _ = try minter.mint(sub: sub, ttlSeconds: ttlSeconds, nowSeconds: nowSeconds, key: key)
        return nil
    } catch {
        return error
    }
}

@Suite("The minter writes what the verifier accepts, and nothing else")
struct TokenMinterTests {
    @Test func theSameInputGivesTheSameToken() throws {
        for key in [shared, issuer] {
            let first = try minter.mint(sub: ana, ttlSeconds: 60, nowSeconds: now, key: key)
            #expect(try minter.mint(sub: ana, ttlSeconds: 60, nowSeconds: now, key: key) == first)
        }
    }

    @Test func aTokenHoldsForItsLifeAndNotASecondLonger() throws {
        let text = try minter.mint(sub: ana, ttlSeconds: 60, nowSeconds: now, key: issuer)
        #expect(refusal(verifier(issuer), text, at: now - 61) == .notYetValid)
        #expect(refusal(verifier(issuer), text, at: now - 60) == nil)
        #expect(refusal(verifier(issuer), text, at: now + 59) == nil)
        #expect(refusal(verifier(issuer), text, at: now + 60) == .expired)
    }

    @Test func keysThatOnlyCheckDoNotMint() throws {
        #expect(mintRefusal(key: try TokenKey(kid: "p", material: .publicKey(issuerPublicKey))) == .keyMayNotSign)
        #expect(mintRefusal(key: try TokenKey(kid: "s", material: .secret(Array(1...32)))) == .keyMayNotSign)
    }

    @Test func nobodyIsNamedLikeAGroup() {
        #expect(mintRefusal(sub: UserID("g:team")!) == .reservedName)
        #expect(mintRefusal(sub: UserID("g:")!) == .reservedName)
        #expect(mintRefusal(sub: UserID("system")!) == .reservedName)
        #expect(mintRefusal(sub: UserID("g")!) == nil)
        #expect(mintRefusal(sub: UserID("G:team")!) == nil)
        #expect(mintRefusal(sub: UserID("a:g:team")!) == nil)
    }

    @Test func livesAndClocksHaveBounds() {
        #expect(mintRefusal(ttlSeconds: 0) == .badLife)
        #expect(mintRefusal(ttlSeconds: -1) == .badLife)
        #expect(mintRefusal(ttlSeconds: TokenLimits.lifeSecondsMax) == nil)
        #expect(mintRefusal(ttlSeconds: TokenLimits.lifeSecondsMax + 1) == .badLife)
        #expect(mintRefusal(ttlSeconds: .max) == .badLife)
        #expect(mintRefusal(nowSeconds: -1) == .badClock)
        #expect(mintRefusal(nowSeconds: .max) == .badClock)
    }

    @Test func theLongestNamesFit() throws {
        let key = try TokenKey(kid: String(repeating: "k", count: 64), material: .seed(Array(1...32)))
        let text = try minter.mint(
            sub: UserID(String(repeating: "u", count: 64))!, device: DeviceID(String(repeating: "d", count: 32)),
            ttlSeconds: TokenLimits.lifeSecondsMax, nowSeconds: now, key: key)
        #expect(refusal(verifier(key), text) == nil)
    }
}

@Suite("Limits keep their relations")
struct TokenLimitsTests {
    @Test func aFullKeyFileFitsItsBound() {
        let keyCharacters = (TokenLimits.secretBytesMax * 4 + 2) / 3
        let lineBytes = TokenLimits.kidBytesMax + " HS256 ".utf8.count + keyCharacters + " sign\r\n".utf8.count
        #expect(TokenLimits.keyCountMax * lineBytes <= TokenLimits.keyFileBytesMax)
    }

    @Test func timesAreExactAsJSONNumbers() {
        #expect(Int64(Double(TokenLimits.timeSecondsMax)) == TokenLimits.timeSecondsMax)
        #expect(TokenLimits.lifeSecondsMax < TokenLimits.timeSecondsMax)
    }
}
