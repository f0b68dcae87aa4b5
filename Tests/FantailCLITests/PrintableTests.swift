import FantailCLI
import Testing

@Suite struct PrintableTests {
    @Test(arguments: [
        ("\u{1B}[2Jgone", "�[2Jgone"),
        ("\u{1B}]0;title\u{07}", "�]0;title�"),
        ("c1 \u{9B}31m", "c1 �31m"),
        ("a\u{8}b\u{7F}c\u{0}", "a�b�c�"),
        ("evil\u{202E}txt.exe", "eviltxt.exe"),
        ("\u{2066}iso\u{2069}\u{200F}", "iso"),
        ("one\r\ntwo\u{2028}three", "one\ntwo\nthree"),
        ("over\rwrite", "overwrite"),
        ("tab\there", "tab    here"),
    ])
    func whatATerminalObeysNeverPasses(text: String, safe: String) { #expect(Printable.text(text) == safe) }

    @Test(arguments: ["hello", "größer, 你好, مرحبا, नमस्ते", "👨‍👩‍👧‍👦 👍🏽 🇩🇪 🏴󠁧󠁢󠁳󠁣󠁴󠁿 ❤️", "می‌خواهم"])
    func whatPeopleWriteStays(text: String) { #expect(Printable.text(text) == text) }

    @Test func noByteOfAnyBodyIsAControlCharacter() {
        for byte in UInt8.min...UInt8.max {
            let safe = Printable.text([0x61, byte, 0x62])
            #expect(!safe.unicodeScalars.contains { $0 != "\n" && $0.properties.generalCategory == .control }, "byte \(byte)")
        }
    }

    @Test func accentsDoNotPileUp() {
        let tower = "a" + String(repeating: "\u{301}", count: 500)
        #expect(Printable.text(tower).unicodeScalars.count == Printable.scalarsPerCharacterMax)
    }

    @Test func aLineHasNoBreaks() { #expect(Printable.line("a\nb\r\nc") == "a ⏎ b ⏎ c") }
}

@Suite struct DisplayWidthTests {
    @Test(arguments: [("abc", 3), ("größe", 5), ("你好", 4), ("👍", 2), ("👍🏽", 4), ("👨‍👩‍👧‍👦", 8), ("한국", 4), ("नमस्ते", 4), ("\u{301}", 0), ("e\u{301}", 1), ("❤️", 2), ("✓✓", 2), ("🇩🇪", 4), ("", 0)])
    func charactersTakeTheirColumns(text: String, columns: Int) { #expect(DisplayWidth.columns(text) == columns) }

    @Test(arguments: [
        ("the quick brown fox", 9, ["the quick", "brown fox"]),
        ("one\n\ntwo", 9, ["one", "", "two"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("a abcdefgh b", 4, ["a", "abcd", "efgh", "b"]),
        ("你好你好", 5, ["你好", "你好"]),
        ("  in", 6, ["  in"]),
        ("", 6, [""]),
    ])
    func textIsBrokenAtBlanks(text: String, limit: Int, lines: [String]) {
        #expect(DisplayWidth.wrap(text, columns: limit) == lines)
    }

    @Test func noLineIsTooWide() {
        let text = "words of every length 你好 and 👨‍👩‍👧‍👦 emoji unbreakablelongwordsthatneverend   blanks"
        for limit in 8...60 {
            for line in DisplayWidth.wrap(text, columns: limit) { #expect(DisplayWidth.columns(line) <= limit) }
            let letters = DisplayWidth.wrap(text, columns: limit).joined().filter { $0 != " " }
            #expect(letters == text.filter { $0 != " " }, "nothing is lost at \(limit)")
        }
    }
}
