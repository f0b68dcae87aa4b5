import Media
import Testing

@Suite struct KindTests {
    @Test(arguments: [
        (MediaKind.jpeg, [0xFF, 0xD8, 0xFF, 0xE0]),
        (.png, [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0]),
        (.gif, Array("GIF89a".utf8)),
        (.webp, Array("RIFF\0\0\0\0WEBPVP8 ".utf8)),
        (.mp4, Array("\0\0\0\u{18}ftypisom".utf8)),
        (.webm, [0x1A, 0x45, 0xDF, 0xA3, 0x42, 0x82, 0x84] + Array("webm".utf8)),
    ] as [(MediaKind, [UInt8])])
    func aTypeIsToldByItsFirstBytes(kind: MediaKind, head: [UInt8]) {
        #expect(kind.accepts(head))
        for other in MediaKind.allCases where other != kind { #expect(!other.accepts(head)) }
        for count in 0..<min(3, head.count) { #expect(!kind.accepts(Array(head.prefix(count)))) }
    }

    @Test(arguments: ["<html><script>alert(1)</script>", "", "GIF", "\0\0\0\u{18}ftypheic", "RIFF\0\0\0\0WAVE", " GIF89a"])
    func whatIsNoneIsNone(text: String) {
        for kind in MediaKind.allCases { #expect(!kind.accepts(Array(text.utf8))) }
    }

    @Test func referencesAreDigitsOnly() {
        let id = String(repeating: "a", count: 24)
        let secret = String(repeating: "0", count: 32)
        #expect(MediaReference(id: id, secret: secret) != nil)
        for wrong in ["", "../../../../etc/passwd00", String(repeating: "A", count: 24), id + "a"] {
            #expect(MediaReference(id: wrong, secret: secret) == nil)
        }
    }

    @Test func nodesHaveTagsOfTheirOwn() {
        let tags = Set((1...64).map { MediaReference.tag(ofNode: "media-\($0)") })
        #expect(tags.count == 64)
        #expect(tags.allSatisfy { HexName.accepts($0, count: MediaLimits.tagDigitCount) })
    }
}
