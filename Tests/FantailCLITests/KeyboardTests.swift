import FantailCLI
import Testing

@Suite struct KeyReaderTests {
    static let stream: [UInt8] =
        Array("hé你👍".utf8) + [0x7F, 0x0D] + Array("\u{1B}[A\u{1B}OB\u{1B}[1;5D\u{1B}[3~\u{1B}[H".utf8)
        + Array("\u{1B}[200~two\rlines \u{1B}[31m\u{1B}[201~x".utf8) + [0x1B, 0x0D, 0x15, 0x17, 0x03]
    static let expected: [Key] = [
        .text("hé你👍"), .backspace, .enter, .up, .down, .wordLeft, .delete, .home, .paste("two\nlines �[31m"), .text("x"),
        .lineBreak, .eraseLine, .eraseWord, .interrupt,
    ]

    @Test func keysAreRead() { #expect(keys(Self.stream) == Self.expected) }

    @Test func anySplitOfTheStreamGivesTheSameKeys() {
        for split in 0...Self.stream.count {
            var reader = KeyReader()
            var found: [Key] = []
            reader.receive(Self.stream[..<split], into: &found)
            reader.receive(Self.stream[split...], into: &found)
            #expect(found == Self.expected, "split at \(split)")
        }
    }

    @Test func brokenUTF8IsNoText() {
        #expect(keys([0xC3, 0x61]) == [.text("a")])
        #expect(keys([0xFF, 0x80, 0x62]) == [.text("b")])
        #expect(keys([0xED, 0xA0, 0x80, 0x63]) == [.text("c")])
    }

    @Test func aLoneEscapeIsForgottenWhenNothingFollows() {
        var reader = KeyReader()
        var found: [Key] = []
        reader.receive([0x1B], into: &found)
        #expect(reader.isWaiting)
        reader.giveUp()
        reader.receive(Array("f".utf8), into: &found)
        #expect(found == [.text("f")])
    }

    @Test func anEndlessPasteStaysBounded() {
        var reader = KeyReader()
        var found: [Key] = []
        reader.receive(Array("\u{1B}[200~".utf8), into: &found)
        reader.receive([UInt8](repeating: 0x61, count: KeyReader.pasteBytesMax + 500), into: &found)
        reader.receive(Array("\u{1B}[201~b".utf8), into: &found)
        #expect(found.count == 2 && found.last == .text("b"))
        guard case .paste(let text) = found.first else { return #expect(Bool(false), "a paste comes first") }
        #expect(text.utf8.count <= KeyReader.pasteBytesMax && text.allSatisfy { $0 == "a" })
    }

    @Test func anEndlessSequenceEnds() {
        #expect(keys([0x1B, 0x5B] + [UInt8](repeating: 0x31, count: 32) + Array("ok".utf8)) == [.text("ok")])
    }
}

@Suite struct LineEditorTests {
    @Test func backspaceTakesWhatAPersonSees() {
        #expect(typed(.text("ok 👨‍👩‍👧‍👦"), .backspace).text == "ok ")
        #expect(typed(.text("e"), .text("\u{301}"), .backspace).text == "")
        #expect(typed(.backspace, .text("é"), .left, .delete, .delete).text == "")
    }

    @Test func theCursorMoves() {
        #expect(typed(.text("ac"), .left, .text("b")).text == "abc")
        #expect(typed(.text("bc"), .home, .text("a"), .end, .text("d")).text == "abcd")
        #expect(typed(.text("one two"), .wordLeft, .text("and ")).text == "one and two")
        #expect(typed(.text("one two"), .home, .wordRight, .text("!")).text == "one! two")
        #expect(typed(.left, .right, .up, .down).text == "")
    }

    @Test func partsAreErased() {
        #expect(typed(.text("one two  "), .eraseWord).text == "one ")
        #expect(typed(.text("one two"), .left, .left, .left, .eraseLine).text == "two")
        #expect(typed(.text("one two"), .home, .right, .eraseToEnd).text == "o")
    }

    @Test func linesAreRecalledAndTheDraftComesBack() {
        var editor = typed(.text("first"))
        #expect(editor.take() == "first")
        #expect(editor.isEmpty)
        for key in [Key.text("second")] { _ = editor.on(key) }
        #expect(editor.take() == "second")
        for key in [Key.text("draft"), .up] { _ = editor.on(key) }
        #expect(editor.text == "second")
        for key in [Key.up, .up] { _ = editor.on(key) }
        #expect(editor.text == "first")
        for key in [Key.down, .down, .down] { _ = editor.on(key) }
        #expect(editor.text == "draft")
    }

    @Test func aPasteKeepsItsLineBreaks() {
        let editor = typed(.paste("a\nb"), .lineBreak, .text("c"))
        #expect(editor.text == "a\nb\nc")
        #expect(editor.window(columns: 40).before == "a⏎b⏎c")
    }

    @Test func theWindowKeepsTheCursorInView() {
        var editor = typed(.text(String(repeating: "ab你", count: 50)))
        for _ in 0..<160 {
            let (before, after) = editor.window(columns: 21)
            #expect(DisplayWidth.columns(before) + DisplayWidth.columns(after) <= 20)
            #expect(editor.before.hasSuffix(before) && editor.after.hasPrefix(after))
            _ = editor.on(.left)
        }
        #expect(editor.window(columns: 21).before == "")
        #expect(editor.window(columns: 21).after.hasPrefix("ab你ab"))
    }
}
