import Crypto
import Testing

private let crypto = OpenSSLCrypto()

private func hex(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = Substring(text)
    while !rest.isEmpty {
        bytes.append(UInt8(rest.prefix(2), radix: 16)!)
        rest = rest.dropFirst(2)
    }
    return bytes
}

@Suite("Hashes and MACs agree with their standards")
struct HashTests {
    @Test func sha1OfNothingAndOfAbc() {
        #expect(crypto.sha1([]) == hex("da39a3ee5e6b4b0d3255bfef95601890afd80709"))
        #expect(crypto.sha1(Array("abc".utf8)) == hex("a9993e364706816aba3e25717850c26c9cd0d89d"))
    }

    @Test func sha256OfNothingAndOfAbc() {
        #expect(crypto.sha256([]) == hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"))
        #expect(
            crypto.sha256(Array("abc".utf8)) == hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"))
    }

    /// RFC 4231, test cases 1, 2 and 6.
    @Test func hmacOfAShortAWordyAndATooLongKey() {
        #expect(
            crypto.hmacSHA256(key: .init(repeating: 0x0B, count: 20), message: Array("Hi There".utf8))
                == hex("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"))
        #expect(
            crypto.hmacSHA256(key: Array("Jefe".utf8), message: Array("what do ya want for nothing?".utf8))
                == hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"))
        #expect(
            crypto.hmacSHA256(
                key: .init(repeating: 0xAA, count: 131),
                message: Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8))
                == hex("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"))
    }

    @Test func hmacOfNothingUnderNoKey() {
        #expect(
            crypto.hmacSHA256(key: [], message: [])
                == hex("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"))
    }

    @Test func randomBytesHaveTheirCountAndDoNotRepeat() {
        #expect(crypto.randomBytes(0).isEmpty)
        #expect(crypto.randomBytes(33).count == 33)
        #expect(crypto.randomBytes(32) != crypto.randomBytes(32))
    }
}

/// RFC 8032, section 7.1, tests 1 to 3.
struct Ed25519Vector: Sendable {
    let seed, publicKey, message, signature: String

    static let all = [
        Ed25519Vector(
            seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            publicKey: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            message: "",
            signature: "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
                + "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
        Ed25519Vector(
            seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            publicKey: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            message: "72",
            signature: "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
        Ed25519Vector(
            seed: "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            publicKey: "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            message: "af82",
            signature: "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
                + "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
    ]
}

@Suite("Ed25519 agrees with RFC 8032")
struct Ed25519Tests {
    @Test(arguments: Ed25519Vector.all)
    func seedsGiveTheirKeysAndSignatures(vector: Ed25519Vector) {
        let message = hex(vector.message)
        #expect(crypto.ed25519PublicKey(seed: hex(vector.seed)) == hex(vector.publicKey))
        #expect(crypto.signEd25519(seed: hex(vector.seed), message: message) == hex(vector.signature))
        #expect(
            crypto.verifyEd25519(publicKey: hex(vector.publicKey), message: message, signature: hex(vector.signature)))
    }

    @Test func anyFlippedBitOfASignatureOrItsMessageIsNoticed() {
        let vector = Ed25519Vector.all[2]
        let publicKey = hex(vector.publicKey)
        for bit in 0..<512 {
            var signature = hex(vector.signature)
            signature[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(!crypto.verifyEd25519(publicKey: publicKey, message: hex(vector.message), signature: signature))
        }
        for bit in 0..<16 {
            var message = hex(vector.message)
            message[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(!crypto.verifyEd25519(publicKey: publicKey, message: message, signature: hex(vector.signature)))
        }
    }

    @Test func keysAndSignaturesOfAnotherSizeAreANoAndNotATrap() {
        let vector = Ed25519Vector.all[1]
        let (publicKey, message, signature) = (hex(vector.publicKey), hex(vector.message), hex(vector.signature))
        for count in [0, 31, 33] {
            let key = Array((publicKey + publicKey).prefix(count))
            #expect(!crypto.verifyEd25519(publicKey: key, message: message, signature: signature))
        }
        for count in [0, 1, 63, 65, 128] {
            let other = Array((signature + signature).prefix(count))
            #expect(!crypto.verifyEd25519(publicKey: publicKey, message: message, signature: other))
        }
    }

    @Test func aKeyThatIsNoPointOfTheCurveVerifiesNothing() {
        let vector = Ed25519Vector.all[1]
        let noPoint = [2] + [UInt8](repeating: 0, count: 31)
        #expect(
            !crypto.verifyEd25519(publicKey: noPoint, message: hex(vector.message), signature: hex(vector.signature)))
        // The refusal before leaves nothing behind that could disturb the next check.
        #expect(
            crypto.verifyEd25519(
                publicKey: hex(vector.publicKey), message: hex(vector.message), signature: hex(vector.signature)))
    }
}
