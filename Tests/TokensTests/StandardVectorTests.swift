import Primitives
import Testing
import Tokens

@Suite("The examples of the standards verify")
struct StandardVectorTests {
    static let rfc7515Key =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
    static let rfc7515Token =
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
        + ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
        + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

    static let rfc8037Seed = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
    static let rfc8037PublicKey = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    static let rfc8037Token =
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
        + ".hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"

    @Test func rfc7515AppendixA1HasARightSignatureAndNoUser() throws {
        let keys = try TokenKeySet(parsing: "joe HS256 \(Self.rfc7515Key)")
        let verifier = TokenVerifier(keys: keys, signatures: crypto)
        let payload = try verifier.authenticate(Array(Self.rfc7515Token.utf8))
        #expect(
            String(decoding: payload, as: UTF8.self)
                == "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}")
        #expect(refusal(verifier, Self.rfc7515Token) == .badClaim(.sub))
    }

    @Test func rfc8037AppendixA4SignsWhatAppendixA5Verifies() throws {
        let signed = Self.rfc8037Token.prefix { $0 != "." } + ".RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
        let seed = try Base64URL.decode(Array(Self.rfc8037Seed.utf8))
        let signature = crypto.signEd25519(seed: seed, message: Array(signed.utf8))
        #expect(signed + "." + Base64URL.string(signature) == Self.rfc8037Token)

        for line in ["k EdDSA \(Self.rfc8037PublicKey)", "k EdDSA \(Self.rfc8037Seed) sign"] {
            let verifier = TokenVerifier(keys: try TokenKeySet(parsing: line), signatures: crypto)
            let payload = try verifier.authenticate(Array(Self.rfc8037Token.utf8))
            #expect(String(decoding: payload, as: UTF8.self) == "Example of Ed25519 signing")
            #expect(refusal(verifier, Self.rfc8037Token) == .malformed(.claims))
        }
    }
}
