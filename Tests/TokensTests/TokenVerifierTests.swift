import Primitives
import Testing
import Tokens

@Suite("A token becomes a user, or one refusal that says why")
struct TokenVerifierTests {
    @Test(arguments: [shared, issuer])
    func aMintedTokenNamesItsUserAndDevice(key: TokenKey) throws {
        let text = try minter.mint(sub: ana, device: phone, ttlSeconds: 60, nowSeconds: now, key: key)
        let claims = try verifier(key).verify(text, nowSeconds: now)
        #expect(claims == TokenClaims(user: ana, device: phone, expirySeconds: now + 60, issuedSeconds: now))
    }

    @Test func aTokenWithoutDeviceIsGoodForAny() throws {
        let text = try minter.mint(sub: ana, ttlSeconds: 60, nowSeconds: now, key: shared)
        #expect(try verifier(shared).verify(text, nowSeconds: now).device == nil)
    }

    @Test func servicesWithThePublicKeyAcceptWhatTheSeedSigned() throws {
        let services = verifier(try TokenKey(kid: "issuer", material: .publicKey(issuerPublicKey)))
        let text = try minter.mint(sub: ana, ttlSeconds: 60, nowSeconds: now, key: issuer)
        #expect(try services.verify(text, nowSeconds: now).user == ana)
    }

    @Test func othersClaimsAreIgnoredAndEscapesAreRead() throws {
        let claims = """
             { "iss":"x","aud":["a","b",{"c":[1]}],"s\\u0075b" : "a\\u006Ea", "n":null,"t":true,"f":false,
            "emoji":"\\ud83d\\ude00\\n\\"\\/é", "exp":1.800000001e9 , "o":{}, "l":[] }\r\n\t
            """
        #expect(try verifier(shared).verify(token(plainHeader, claims), nowSeconds: now).user == ana)
    }

    // MARK: Form

    @Test(
        "what is no compact JWS is refused by name",
        arguments: [
            ("", TokenRefusal.missing),
            ("abc", .malformed(.parts)),
            ("a.b", .malformed(.parts)),
            ("a.b.c.d", .malformed(.parts)),
            ("..", .malformed(.header)),
            ("a..", .malformed(.base64URL)),
            ("e30=..", .malformed(.base64URL)),
            ("Bearer e30.e30.e30", .malformed(.base64URL)),
            ("e30.e30.e30", .wrongAlgorithm),
            (String(repeating: "a", count: 4_097), .tooLong),
            (String(repeating: "a", count: 4_096), .malformed(.parts)),
        ])
    func brokenForm(text: String, expected: TokenRefusal) {
        #expect(refusal(verifier(shared), text) == expected)
    }

    @Test(
        "headers that are refused",
        arguments: [
            ("", TokenRefusal.malformed(.header)),
            ("[]", .malformed(.header)),
            (#"{"alg":"HS256"}x"#, .malformed(.header)),
            (#"{"alg":"HS256","alg":"HS256"}"#, .malformed(.header)),
            (#"{"alg":"HS256","\u0061lg":"none"}"#, .malformed(.header)),
            (#"{}"#, .wrongAlgorithm),
            (#"{"alg":null}"#, .wrongAlgorithm),
            (#"{"alg":["HS256"]}"#, .wrongAlgorithm),
            (#"{"alg":"none"}"#, .wrongAlgorithm),
            (#"{"alg":"None"}"#, .wrongAlgorithm),
            (#"{"alg":"hs256"}"#, .wrongAlgorithm),
            (#"{"alg":"HS512"}"#, .wrongAlgorithm),
            (#"{"alg":"EdDSA"}"#, .wrongAlgorithm),
            (#"{"alg":"HS256","typ":"at+jwt"}"#, .malformed(.type)),
            (#"{"alg":"HS256","typ":1}"#, .malformed(.type)),
            (#"{"alg":"HS256","crit":["b64"],"b64":false}"#, .malformed(.critical)),
            (#"{"alg":"HS256","crit":null}"#, .malformed(.critical)),
            (#"{"alg":"HS256","kid":7}"#, .malformed(.kid)),
            (#"{"alg":"HS256","kid":null}"#, .malformed(.kid)),
            (#"{"alg":"HS256","kid":"other"}"#, .unknownKey),
            (#"{"alg":"HS256","kid":""}"#, .unknownKey),
        ])
    func brokenHeaders(header: String, expected: TokenRefusal) {
        #expect(refusal(verifier(shared), token(header, plainClaims)) == expected)
    }

    @Test(arguments: [
        plainHeader, #"{"alg":"HS256","typ":"JWT"}"#, #"{"kid":"shared","alg":"HS256","jku":"https://evil.example"}"#,
    ])
    func headersThatAreAccepted(header: String) {
        #expect(refusal(verifier(shared), token(header, plainClaims)) == nil)
    }

    @Test(
        "claims that are no strict JSON object",
        arguments: [
            "", " ", "null", "[]", "{", "}", "{}}", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, #"{,"a":1}"#, #"{"a":1 "b":2}"#,
            #"{'a':1}"#, #"{a:1}"#, #"{"a":01}"#, #"{"a":+1}"#, #"{"a":.5}"#, #"{"a":5.}"#, #"{"a":1e}"#, #"{"a":1e+}"#,
            #"{"a":-}"#, #"{"a":0x1}"#, #"{"a":NaN}"#, #"{"a":Infinity}"#, #"{"a":tru}"#, #"{"a":TRUE}"#, #"{"a":nulls}"#,
            #"{"a":"b}"#, #"{"a":"\x"}"#, #"{"a":"\u12"}"#, #"{"a":"\u12G4"}"#, #"{"a":"\ud83d"}"#, #"{"a":"\ude00"}"#,
            #"{"a":"\ud83d\u0041"}"#, #"{"a":"\ud83dx"}"#, "{\"a\":\"\n\"}", "{\"a\":\"\u{0}\"}",
            #"{"a":[1,]}"#, #"{"a":[1 2]}"#,
            #"{"a":[}"#, #"{"a":1}{"b":1}"#, #"{"a":1}//"#, "\u{FEFF}{}", #"{"a":{"b":{"c":{"d":{}}}}}"#,
            #"{"a":[[[[]]]]}"#, #"{"a":1,"a":1}"#, #"{"o":{"a":1,"a":2}}"#, #"{"sub":"ana","sub":"bob","exp":1800000001}"#,
        ])
    func brokenClaims(claims: String) {
        #expect(refusal(verifier(shared), token(plainHeader, claims)) == .malformed(.claims))
    }

    @Test func theDeepestAllowedNestingIsRead() {
        let deepest = #"{"sub":"ana","exp":1800000001,"o":{"b":{"c":{"d":1}}},"l":[[[1]]]}"#
        #expect(refusal(verifier(shared), token(plainHeader, deepest)) == nil)
        let deeper = #"{"sub":"ana","exp":1800000001,"l":[[[[1]]]]}"#
        #expect(refusal(verifier(shared), token(plainHeader, deeper)) == .malformed(.claims))
    }

    @Test func sixtyFourMembersAreReadAndOneMoreIsNot() {
        let extra = (0..<62).map { ",\"k\($0)\":0" }.joined()
        let open = plainClaims.dropLast()
        #expect(refusal(verifier(shared), token(plainHeader, open + extra + "}")) == nil)
        #expect(refusal(verifier(shared), token(plainHeader, open + extra + #","z":0}"#)) == .malformed(.claims))
    }

    @Test(arguments: [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82]] as [[UInt8]])
    func bytesThatAreNoUTF8AreRefused(bytes: [UInt8]) {
        let claims = Array(#"{"sub":"ana","exp":1800000001,"x":""#.utf8) + bytes + Array(#""}"#.utf8)
        #expect(refusal(verifier(shared), token(Array(plainHeader.utf8), claims)) == .malformed(.claims))
    }

    // MARK: Claims

    @Test(
        "claims of the wrong type or size",
        arguments: [
            (#"{"exp":1800000001}"#, TokenRefusal.Claim.sub),
            (#"{"sub":7,"exp":1800000001}"#, .sub),
            (#"{"sub":"","exp":1800000001}"#, .sub),
            (#"{"sub":"ana/1","exp":1800000001}"#, .sub),
            (#"{"sub":"ana ","exp":1800000001}"#, .sub),
            (#"{"sub":"ana\u0000","exp":1800000001}"#, .sub),
            (#"{"sub":"g:team","exp":1800000001}"#, .sub),
            (#"{"sub":"g\u003a","exp":1800000001}"#, .sub),
            (#"{"sub":"añа","exp":1800000001}"#, .sub),
            (#"{"sub":"\#(String(repeating: "a", count: 65))","exp":1800000001}"#, .sub),
            (#"{"sub":"ana","device":"","exp":1800000001}"#, .device),
            (#"{"sub":"ana","device":null,"exp":1800000001}"#, .device),
            (#"{"sub":"ana","device":"a b","exp":1800000001}"#, .device),
            (#"{"sub":"ana","device":"\#(String(repeating: "d", count: 33))","exp":1800000001}"#, .device),
            (#"{"sub":"ana"}"#, .exp),
            (#"{"sub":"ana","exp":"1800000001"}"#, .exp),
            (#"{"sub":"ana","exp":null}"#, .exp),
            (#"{"sub":"ana","exp":1e400}"#, .exp),
            (#"{"sub":"ana","exp":9007199254740994}"#, .exp),
            (#"{"sub":"ana","exp":1800000001,"nbf":"1"}"#, .nbf),
            (#"{"sub":"ana","exp":1800000001,"nbf":-1e300}"#, .nbf),
            (#"{"sub":"ana","exp":1800000001,"iat":true}"#, .iat),
        ])
    func badClaims(claims: String, name: TokenRefusal.Claim) {
        #expect(refusal(verifier(shared), token(plainHeader, claims)) == .badClaim(name))
    }

    @Test func theLongestNamesOfTheWholeAlphabetAreAccepted() throws {
        let user = "AZaz09._@+:-" + String(repeating: "u", count: 52)
        let device = "AZaz09._@+:-" + String(repeating: "d", count: 20)
        let claims = #"{"sub":"\#(user)","device":"\#(device)","exp":9007199254740992}"#
        let verified = try verifier(shared).verify(token(plainHeader, claims), nowSeconds: now)
        #expect(verified.user.text == user)
        #expect(verified.device?.text == device)
        #expect(verified.expirySeconds == 1 << 53)
    }

    @Test(
        "a token expires at exp, without leeway",
        arguments: [
            ("1800000001", nil), ("1800000000", TokenRefusal.expired), ("1800000000.5", nil), ("1799999999.5", .expired),
            ("0", .expired), ("-0", .expired), ("-5", .expired), ("18e8", .expired), ("1e-400", .expired),
        ])
    func expiry(exp: String, expected: TokenRefusal?) {
        #expect(refusal(verifier(shared), token(plainHeader, #"{"sub":"ana","exp":\#(exp)}"#)) == expected)
    }

    @Test("nbf and iat may lie a minute ahead", arguments: ["nbf", "iat"])
    func leeway(claim: String) {
        func text(_ seconds: String) -> String {
            token(plainHeader, #"{"sub":"ana","exp":1900000000,"\#(claim)":\#(seconds)}"#)
        }
        #expect(refusal(verifier(shared), text("1800000000")) == nil)
        #expect(refusal(verifier(shared), text("1800000060")) == nil)
        #expect(refusal(verifier(shared), text("1800000060.1")) == .notYetValid)
        #expect(refusal(verifier(shared), text("1800000061")) == .notYetValid)
        #expect(refusal(verifier(shared), text("-9007199254740992")) == nil)
    }

    /// It is compared with the microsecond of a revocation, and must not count as younger than it is.
    @Test(arguments: [("1799999999", 1_799_999_999), ("1799999999.9", 1_799_999_999), ("-0.5", -1)] as [(String, Int64)])
    func theIssueIsRoundedDown(iat: String, expected: Int64) throws {
        let text = token(plainHeader, #"{"sub":"ana","exp":1900000000,"iat":\#(iat)}"#)
        #expect(try verifier(shared).verify(text, nowSeconds: 1_800_000_000).issuedSeconds == expected)
    }

    @Test func nobodyIsTheSystem() {
        #expect(refusal(verifier(shared), token(plainHeader, #"{"sub":"system","exp":1900000000}"#)) == .badClaim(.sub))
    }

    @Test func anyClockIsFine() {
        let text = token(plainHeader, #"{"sub":"ana","exp":1900000000,"nbf":1800000000}"#)
        #expect(refusal(verifier(shared), text, at: .max) == .expired)
        #expect(refusal(verifier(shared), text, at: .min) == .notYetValid)
    }

    // MARK: Words

    @Test func codesAreStable() {
        let codes: [(TokenRefusal, String)] = [
            (.missing, "token_missing"), (.unknownKey, "token_unknown_key"), (.badSignature, "token_bad_signature"),
            (.expired, "token_expired"), (.notYetValid, "token_not_yet_valid"),
            (.wrongAlgorithm, "token_wrong_algorithm"), (.tooLong, "token_too_long"),
        ]
        for (refusal, code) in codes { #expect(refusal.code == code) }
        for rule in TokenRefusal.Malformed.allCases { #expect(TokenRefusal.malformed(rule).code == "token_malformed") }
        for claim in TokenRefusal.Claim.allCases { #expect(TokenRefusal.badClaim(claim).code == "token_bad_claim") }
    }

    @Test func everyRefusalHasASentenceOfItsOwn() {
        var sentences = TokenRefusal.Malformed.allCases.map { TokenRefusal.malformed($0).sentence }
        sentences += TokenRefusal.Claim.allCases.map { TokenRefusal.badClaim($0).sentence }
        sentences += [
            TokenRefusal.missing, .unknownKey, .badSignature, .expired, .notYetValid, .wrongAlgorithm, .tooLong,
        ].map(\.sentence)
        #expect(Set(sentences).count == sentences.count)
    }
}
