// The command line that all services share.

import CoreKit
import ServiceKit
import Testing

@Suite struct CommandLineTests {
    let needed = ["--cluster", "c.conf", "--node", "session-1", "--data", "/d"]

    @Test func threeFlagsAreEnoughAndTheRestHasDefaults() {
        #expect(
            ServiceCommand.parse(needed)
                == .run(
                    ServiceOptions(
                        cluster: "c.conf", node: "session-1", data: "/d", secret: "/d/secrets/cluster.key",
                        keys: "/d/secrets/tokens.keys", storeKeys: "/d/secrets/s3.keys", logLevel: .info)))
    }

    @Test func aValueMayStandBehindAnEqualsSign() {
        let words = ["--cluster=a=b", "--node=n", "--data=/d", "--secret=s", "--keys=k", "--store-keys=o", "--log-level=debug"]
        #expect(
            ServiceCommand.parse(words)
                == .run(
                    ServiceOptions(cluster: "a=b", node: "n", data: "/d", secret: "s", keys: "k", storeKeys: "o", logLevel: .debug)))
    }

    @Test(arguments: [
        ([], "--cluster is missing"),
        (["--cluster", "c", "--data", "d"], "--node is missing"),
        (["--cluster"], "--cluster needs a value"),
        (["--cluster="], "--cluster needs a value"),
        (["--cluster", "c", "--cluster", "d"], "--cluster is given twice"),
        (["--verbose"], "--verbose is not an option"),
        (["start"], "start is not an option"),
    ])
    func whatIsWrongIsSaidInASentence(words: [String], sentence: String) {
        #expect(ServiceCommand.parse(words) == .wrong(sentence))
    }

    @Test func certificatesLieBesideTheSecretsUnlessTheyAreNamed() {
        guard case .run(let options) = ServiceCommand.parse(needed) else { return #expect(Bool(false)) }
        #expect(options.certificates == CertificatePaths(data: "/d", node: "session-1"))
        #expect(options.certificates.key == "/d/secrets/tls.key")
        #expect(options.certificates.peerCertificate == "/d/secrets/peers/session-1.crt")
        #expect(options.certificates.peerAuthority == "/d/secrets/peers/ca.crt")
        let words = ["--tls-cert", "a", "--tls-key", "b", "--peer-cert", "c", "--peer-key", "d", "--peer-ca", "e"]
        guard case .run(let named) = ServiceCommand.parse(needed + words) else { return #expect(Bool(false)) }
        let paths = named.certificates
        #expect([paths.certificate, paths.key, paths.peerCertificate, paths.peerKey, paths.peerAuthority] == ["a", "b", "c", "d", "e"])
    }

    @Test func anUnknownLevelNamesTheKnownOnes() {
        #expect(
            ServiceCommand.parse(needed + ["--log-level", "loud"])
                == .wrong("--log-level is one of debug, info, warning, error, not loud"))
    }

    @Test func helpAndVersionWinOverWhatIsMissing() {
        #expect(ServiceCommand.parse(["--help"]) == .help)
        #expect(ServiceCommand.parse(["--node", "x", "--version"]) == .version)
    }
}

@Suite struct SecretTests {
    let word = (0..<32).map { UInt8($0 * 7 + 3) }

    @Test func hexadecimalDigitsAreDecodedWithOrWithoutLineEnd() throws {
        let text = word.map { PlainText.hex(UInt64($0), digits: 2) }.joined()
        #expect(try Secret.parse(Array(text.utf8)) == word)
        #expect(try Secret.parse(Array((text.uppercased() + "\r\n").utf8)) == word)
    }

    @Test func rawBytesAreTakenAsTheyAreEvenIfTheLastIsALineEnd() throws {
        let raw = Array(word.dropLast()) + [0x0A]
        #expect(try Secret.parse(raw) == raw)
    }

    @Test func aPassphraseLosesOnlyItsLineEnd() throws {
        let phrase = Array("correct horse battery staple, and then some".utf8)
        #expect(try Secret.parse(phrase + [0x0A]) == phrase)
    }

    @Test func tooShortCountsTheBytesThatAreReallyThere() {
        // 62 digits are 31 bytes: long enough as text, too short as a key.
        #expect(throws: Secret.Refusal.tooShort(bytes: 31)) { try Secret.parse(Array(String(repeating: "ab", count: 31).utf8)) }
        #expect(throws: Secret.Refusal.tooShort(bytes: 0)) { try Secret.parse([0x0A]) }
        #expect(throws: Secret.Refusal.tooLarge) { try Secret.parse([UInt8](repeating: 1, count: 4097)) }
    }
}
