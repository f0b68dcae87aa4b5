import ClientProtocol
import Media
import Testing

@Suite struct MediaLineTests {
    private let file = MediaLine(
        reference: MediaReference(id: String(repeating: "a", count: 24), secret: String(repeating: "b", count: 32))!,
        file: MediaFile(name: "fi\"s\\h\n.png", mime: "image/png", size: 70_000, hash: String(repeating: "0", count: 64), isOpaque: false)!)

    @Test func aLineIsReadAsItWasWritten() {
        #expect(MediaLine(Array(file.text.utf8)) == file)
        #expect(!file.text.contains("\n"))
        var opaque = file
        opaque.isOpaque = true
        #expect(MediaLine(Array(opaque.text.utf8)) == opaque)
    }

    @Test func theLineOfTheDocumentIsOne() {
        let text = #"! {"media":"00112233445566778899aabb","secret":"0123456789abcdef0123456789abcdef","name":"fish.png","mime":"image/png","size":70000,"width":640,"height":480,"preview":"/9j/4AAQ"}"#
        #expect(MediaLine(Array(text.utf8))?.name == "fish.png")
    }

    @Test func everythingElseIsText() {
        let good = file.text
        for text in [
            "", "!", "! ", "! {", "! {}", "!{}", " " + good, good + "x", String(good.dropFirst(2)), good.replacing(#""size":70000"#, with: #""size":"70000""#),
            good.replacing("aaaa", with: "aaa"), good.replacing("bbbb", with: "../b"), good.replacing(#""mime":"#, with: #""name":"#),
            good.replacing("image", with: String(repeating: "i", count: 101)),
        ] { #expect(MediaLine(Array(text.utf8)) == nil, "\(text)") }
    }

    @Test func aMessageIsFilesAndWords() {
        let line = file.text
        func split(_ text: String) -> (Int, String) {
            let (files, words) = MediaLine.split(Array(text.utf8))
            return (files.count, String(decoding: words, as: UTF8.self))
        }
        #expect(split("\(line)\n\nlook\n\nhere") == (1, "look\n\nhere"))
        #expect(split("> quoted\n\(line)\n\(line)\n\nlook") == (2, "> quoted\n\nlook"))
        #expect(split(line) == (1, ""))
        #expect(split("no ! file\n\n") == (0, "no ! file\n\n"))
        #expect(split([String](repeating: line, count: 11).joined(separator: "\n")) == (10, line))
    }
}
