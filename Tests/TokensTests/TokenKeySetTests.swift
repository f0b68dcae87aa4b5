import Primitives
import Testing
import Tokens

private let secret = Base64URL.string(Array(1...32))
private let other = Base64URL.string(Array(2...33))

private func fileError(_ text: String) -> TokenKeyFileError? {
    fileError(Array(text.utf8))
}

private func fileError(_ text: [UInt8]) -> TokenKeyFileError? {
    do throws(TokenKeyFileError) {
        _ = try TokenKeySet(parsing: text)
        return nil
    } catch {
        return error
    }
}

@Suite("A key file is accepted as a whole, or refused with a line and a reason")
struct TokenKeySetTests {
    @Test func commentsBlankLinesTabsAndCRLFAreOrdinary() throws {
        let text = """
            # keys of the shop
            \t
            old   HS256   \(secret)\t# until May

            new\tEdDSA\t\(other)  sign\r
            pub EdDSA \(secret)#check only
            """
        let set = try TokenKeySet(parsing: text)
        #expect(set.keys.map(\.kid) == ["old", "new", "pub"])
        #expect(set.keys.map(\.material) == [.secret(Array(1...32)), .seed(Array(2...33)), .publicKey(Array(1...32))])
        #expect(set.keys.map(\.maySign) == [false, true, false])
        #expect(set.signingKey?.kid == "new")
        #expect(set.key("pub")?.algorithm == .edDSA)
        #expect(set.key("Pub") == nil)
    }

    @Test func aSetThatOnlyChecksHasNoSigningKey() throws {
        let set = try TokenKeySet(parsing: "a HS256 \(secret)\nb EdDSA \(secret)")
        #expect(set.signingKey == nil)
    }

    @Test(
        "each broken line is named",
        arguments: [
            ("a", TokenKeyRefusal.badLine),
            ("a HS256", .badLine),
            ("a HS256 \(secret) signs", .badLine),
            ("a HS256 \(secret) sign sign", .badLine),
            ("a/b HS256 \(secret)", .badKid),
            ("é HS256 \(secret)", .badKid),
            ("\(String(repeating: "k", count: 65)) HS256 \(secret)", .badKid),
            ("first HS256 \(secret)", .repeatedKid),
            ("a none \(secret)", .unknownAlgorithm),
            ("a hs256 \(secret)", .unknownAlgorithm),
            ("a RS256 \(secret)", .unknownAlgorithm),
            ("a HS256 \(secret)=", .badBase64URL),
            ("a HS256 \(secret.dropLast())9", .badBase64URL),
            ("a HS256 \(Base64URL.string(Array(1...31)))", .badKeySize(bytes: 31)),
            ("a HS256 \(Base64URL.string(Array(1...129)))", .badKeySize(bytes: 129)),
            ("a EdDSA \(Base64URL.string(Array(1...33)))", .badKeySize(bytes: 33)),
            ("a EdDSA \(Base64URL.string(Array(1...31))) sign", .badKeySize(bytes: 31)),
        ])
    func brokenLines(line: String, refusal: TokenKeyRefusal) {
        let error = fileError("# header\nfirst HS256 \(secret)\n\(line)\nlast HS256 \(secret)\n")
        #expect(error == TokenKeyFileError(line: 3, refusal: refusal))
        #expect(error?.sentence.hasPrefix("key file, line 3: ") == true)
        #expect(error?.sentence.contains(secret) == false)
    }

    @Test func bytesThatAreNoTextAreABadLineOfTheirOwn() {
        #expect(fileError([0xFF, 0x20] + Array("HS256 \(secret)".utf8)) == .init(line: 1, refusal: .badKid))
        let noAlgorithm = Array("a ".utf8) + [0xFF, 0x20] + Array(secret.utf8)
        #expect(fileError(noAlgorithm) == .init(line: 1, refusal: .unknownAlgorithm))
    }

    @Test func anEmptyFileIsRefused() {
        #expect(fileError("") == .init(line: 0, refusal: .noKeys))
        #expect(fileError("# nothing yet\n\n") == .init(line: 0, refusal: .noKeys))
    }

    @Test func sixtyFourKeysAreAcceptedAndTheNextIsNot() throws {
        let lines = (0...64).map { "k\($0) HS256 \(secret)" }
        #expect(try TokenKeySet(parsing: lines.prefix(64).joined(separator: "\n")).keys.count == 64)
        #expect(fileError(lines.joined(separator: "\n")) == .init(line: 65, refusal: .tooManyKeys))
    }

    @Test func theLongestAllowedFileIsReadAndOneByteMoreIsNot() throws {
        let line = "a HS256 \(secret)\n#"
        let filler = [UInt8](repeating: UInt8(ascii: "x"), count: 64 * 1024 - line.utf8.count)
        #expect(fileError(Array(line.utf8) + filler) == nil)
        #expect(fileError(Array(line.utf8) + filler + [0x78]) == .init(line: 0, refusal: .fileTooLong))
    }

    @Test func aKeyWritesTheLineThatReadsAsItself() throws {
        let keys = [
            shared, issuer,
            try TokenKey(kid: "p", material: .publicKey(issuerPublicKey)),
            try TokenKey(kid: "s", material: .secret(Array(1...128))),
        ]
        for key in keys {
            #expect(try TokenKeySet(parsing: key.fileLine).keys == [key])
        }
    }

    @Test func keysPrintWithoutTheirBytes() throws {
        let key = try TokenKey(kid: "loud", material: .secret(.init(repeating: 201, count: 32)), maySign: true)
        let set = try TokenKeySet(parsing: key.fileLine)
        var dumped = ""
        dump(set, to: &dumped)
        for text in ["\(key)", String(reflecting: key), "\(set)", dumped] {
            #expect(text.contains("loud"))
            #expect(!text.contains("201"))
        }
    }

    @Test func seededGarbageIsReadOrRefusedAndNeverTraps() {
        let words = ["a", "HS256", "EdDSA", secret, "sign", "#", "\n", "\r\n", " ", "\t", "=", "\u{0}", "é", "none"]
        var dice = Dice(state: 11)
        for _ in 0..<2_000 {
            var text = ""
            for _ in 0..<dice.next(below: 24) { text += words[dice.next(below: words.count)] }
            if let error = fileError(text) {
                #expect(error.line <= text.utf8.count { $0 == 0x0A } + 1)
            }
        }
    }
}
