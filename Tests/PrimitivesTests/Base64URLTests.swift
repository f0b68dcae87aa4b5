import Primitives
import Testing

@Suite("Base64url gives every byte string exactly one spelling")
struct Base64URLTests {
    @Test(
        "the vectors of RFC 4648, without padding",
        arguments: [
            ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"),
        ])
    func vectors(bytes: String, text: String) throws {
        #expect(Base64URL.string(Array(bytes.utf8)) == text)
        #expect(try Base64URL.decode(Array(text.utf8)) == Array(bytes.utf8))
    }

    @Test func theTwoLastCharactersOfTheAlphabetAreSafeInURLs() throws {
        #expect(Base64URL.string([0xFB, 0xEF, 0xFF]) == "--__")
        #expect(try Base64URL.decode(Array("--__".utf8)) == [0xFB, 0xEF, 0xFF])
    }

    @Test func everyTextOfTwoCharactersIsRefusedOrComesBackUnchanged() {
        var accepted = 0
        for first in UInt8.min...UInt8.max {
            for second in UInt8.min...UInt8.max {
                guard let bytes = try? Base64URL.decode([first, second]) else { continue }
                #expect(Base64URL.encode(bytes) == [first, second])
                accepted += 1
            }
        }
        #expect(accepted == 256)
    }

    @Test func everyByteSurvivesAtEveryPlaceOfAGroup() throws {
        for count in 1...7 {
            for place in 0..<count {
                for byte in UInt8.min...UInt8.max {
                    var bytes = [UInt8](repeating: 0x5A, count: count)
                    bytes[place] = byte
                    let text = Base64URL.encode(bytes)
                    #expect(text.count == (count * 4 + 2) / 3)
                    #expect(try Base64URL.decode(text) == bytes)
                }
            }
        }
    }

    @Test func refusalsSayWhatAndWhere() {
        #expect(throws: Base64URL.Refusal.badCharacter(offset: 2)) { try Base64URL.decode(Array("Zg==".utf8)) }
        #expect(throws: Base64URL.Refusal.badCharacter(offset: 1)) { try Base64URL.decode(Array("a+bc".utf8)) }
        #expect(throws: Base64URL.Refusal.badCharacter(offset: 0)) { try Base64URL.decode(Array("/abc".utf8)) }
        #expect(throws: Base64URL.Refusal.badCharacter(offset: 3)) { try Base64URL.decode(Array("Zm9\n".utf8)) }
        #expect(throws: Base64URL.Refusal.badCharacter(offset: 0)) { try Base64URL.decode(Array("é".utf8)) }
        #expect(throws: Base64URL.Refusal.badLength) { try Base64URL.decode(Array("Z".utf8)) }
        #expect(throws: Base64URL.Refusal.badLength) { try Base64URL.decode(Array("Zm9vZ".utf8)) }
        #expect(throws: Base64URL.Refusal.strayBits) { try Base64URL.decode(Array("Zh".utf8)) }
        #expect(throws: Base64URL.Refusal.strayBits) { try Base64URL.decode(Array("Zm9".utf8)) }
    }

    @Test func offsetsCountFromTheStartOfASlice() {
        let line = Array("key: a!".utf8)
        #expect(throws: Base64URL.Refusal.badCharacter(offset: 1)) { try Base64URL.decode(line[5...]) }
    }
}
