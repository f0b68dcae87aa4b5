// Text of strangers on our own screen and disk, and keys of a terminal.

import ClientProtocol
import FantailCLI
import Groups
import Media

extension FuzzTarget {
    static var personTargets: [FuzzTarget] {
        [
            FuzzTarget("message-body", seeds: [bodySeed, Array(ascii: "\u{1B}]0;title\u{7}\u{202E}evil")], run: body),
            FuzzTarget("keys", seeds: [Array(ascii: "hello\u{1B}[A\u{1B}[1;5C\r\u{7F}\u{1B}\u{1B}[200~x\u{1B}[201~")], run: keys),
            FuzzTarget("group-change", seeds: (0...12).map { [UInt8($0), 3, 97, 98, 99, 1, 3, 98, 111, 98] }, run: groupChange),
            FuzzTarget("admin-answer", seeds: [Array(ascii: "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nfantail_up 1\n")], run: { _ = AdminAnswer($0) }),
        ]
    }

    private static let bodySeed = Array(
        ascii: """
            > quoted
            ! {"media":"00112233445566778899aabb","secret":"0123456789abcdef0123456789abcdef","name":"fi\\u0073h.png","mime":"image/png","size":70000,"preview":"/9j/4AAQ"}

            look
            """)

    /// What a terminal obeys does not reach it; a name is no path; a line survives.
    private static func body(_ bytes: [UInt8]) {
        for character in Printable.text(MediaWords.body(bytes)).unicodeScalars {
            demand(character == "\n" || character.properties.generalCategory != .control, "no control character is printed")
        }
        demand(!Printable.line(bytes).contains("\n"), "a line is one")
        let (files, _) = MediaLine.split(bytes)
        demand(files.count <= MediaLine.countMax, "files are few")
        for file in files {
            demand(MediaLine(Array(file.text.utf8)) == file, "a file's line survives")
            let name = MediaWords.safeName(file.name)
            demand(!name.isEmpty && !name.contains("/") && !name.hasPrefix(".") && !name.hasPrefix("-"), "\(name) is a name")
        }
        _ = FileOrder(String(decoding: bytes, as: UTF8.self))
        for event in HistoryEvent.parse(log: bytes[...]) {
            demand(HistoryEvent(line: Array(event.line.dropLast())[...]) == event, "a line of the history survives")
        }
    }

    private static func keys(_ bytes: [UInt8]) {
        var reader = KeyReader()
        var editor = LineEditor()
        var keys: [Key] = []
        for piece in bytes.pieces { reader.receive(Array(piece), into: &keys) }
        reader.giveUp()
        for key in keys { _ = editor.on(key) }
        _ = editor.window(columns: 20)
    }

    private static func groupChange(_ bytes: [UInt8]) {
        guard let change = GroupChange(bytes: bytes) else { return }
        demand(GroupChange(bytes: change.bytes) == change, "a change survives")
    }
}
