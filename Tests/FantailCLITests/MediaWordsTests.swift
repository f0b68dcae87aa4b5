import ClientProtocol
import FantailCLI
import Media
import Testing

private let reference = MediaReference(id: String(repeating: "a", count: 24), secret: String(repeating: "b", count: 32))!

private func line(_ name: String, mime: String = "image/png", size: UInt64 = 70_000, isOpaque: Bool = false) -> MediaLine {
    MediaLine(
        reference: reference,
        file: MediaFile(name: name, mime: mime, size: size, hash: String(repeating: "0", count: 64), isOpaque: isOpaque)!)
}

@Suite struct FileOrderTests {
    @Test func ordersAreWordsWithASlash() {
        #expect(FileOrder("/file fish.png") == .send(path: "fish.png", words: ""))
        #expect(FileOrder("/file  my fish.png \nlook\nat this") == .send(path: "my fish.png", words: "look\nat this"))
        #expect(FileOrder("/save") == .save(number: 1, path: nil))
        #expect(FileOrder("/save 3") == .save(number: 3, path: nil))
        #expect(FileOrder("/save 2 my fish.png") == .save(number: 2, path: "my fish.png"))
        #expect(FileOrder("/save my fish.png") == .save(number: 1, path: "my fish.png"))
    }

    @Test func whatLacksSomethingIsSaid() {
        for text in ["/file", "/file   ", "/save 0", "/save -1"] {
            guard case .wrong = FileOrder(text) else {
                Issue.record("\(text) passed")
                continue
            }
        }
    }

    @Test func everythingElseIsAMessage() {
        for text in ["", "hello", " /file x", "/files x", "/saved", "//file x", "/ file"] { #expect(FileOrder(text) == nil) }
        #expect(FileOrder.words(of: "//file x") == "/file x")
        #expect(FileOrder.words(of: "//save") == "/save")
        #expect(FileOrder.words(of: "// a comment") == "// a comment")
    }
}

@Suite struct MediaWordsTests {
    @Test func aFileIsItsNameAndSize() {
        #expect(MediaWords.body(Array("\(line("fish.png").text)\n\nlook".utf8)) == "[fish.png, picture, 69 KiB]\nlook")
        #expect(MediaWords.body(Array(line("a.pdf", mime: "application/pdf", size: 1, isOpaque: true).text.utf8)) == "[a.pdf, 1 byte]")
        #expect(MediaWords.body(Array(line("", mime: "video/mp4", size: 5 << 20).text.utf8)) == "[a file, video, 5 MiB]")
        #expect(MediaWords.body(Array("hello! {\nthere".utf8)) == "hello! {\nthere")
    }

    @Test func namesOfStrangersAreNoPaths() {
        #expect(MediaWords.safeName("../../etc/passwd") == "_.._etc_passwd")
        #expect(MediaWords.safeName(".bashrc") == "bashrc")
        #expect(MediaWords.safeName("-rf") == "rf")
        #expect(MediaWords.safeName("a\u{1B}[2Jb\nc") == "a_[2Jb _ c")
        #expect(MediaWords.safeName("Fisch im Glück.png") == "Fisch im Glück.png")
        for name in ["", ".", "..", "   ", "~"] { #expect(MediaWords.safeName(name) == "file") }
    }

    @Test func nothingIsOverwritten() {
        let taken: Set = ["fish.png", "fish (2).png", "Makefile", ".x"]
        #expect(MediaWords.freeName("fish.png", isTaken: taken.contains) == "fish (3).png")
        #expect(MediaWords.freeName("Makefile", isTaken: taken.contains) == "Makefile (2)")
        #expect(MediaWords.freeName("new", isTaken: taken.contains) == "new")
        #expect(MediaWords.freeName("new") { _ in true } == nil)
    }

    @Test func referencesAreFoundInAllTheirForms() {
        #expect(MediaWords.reference(in: "\(reference.id):\(reference.secret)") == reference)
        #expect(MediaWords.reference(in: line("a").text) == reference)
        #expect(MediaWords.reference(in: "hello") == nil)
        #expect(MediaWords.reference(in: "a:b") == nil)
    }
}
