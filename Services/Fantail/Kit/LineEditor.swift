// The line at the bottom of the chat.
//
// The text is kept in two halves with the cursor between them. A backspace takes what a person sees as one character, however
// many scalars and bytes it has; that is what `String` counts by itself.

/// A line being written, and the lines written before.
public struct LineEditor: Sendable {
    /// Lines kept for the up key.
    private static let pastCountMax = 100

    public private(set) var before = ""
    public private(set) var after = ""
    private var past: [String] = []
    /// Where in `past` we look; `past.count`: the line being written.
    private var pastIndex = 0
    /// The line being written, while an older one is looked at.
    private var draft = ""

    public init() {}

    public var text: String { before + after }
    public var isEmpty: Bool { before.isEmpty && after.isEmpty }

    /// Takes the line away, and remembers it for the up key.
    public mutating func take() -> String {
        let line = text
        if !line.isEmpty, past.last != line { past.append(line) }
        if past.count > Self.pastCountMax { past.removeFirst() }
        pastIndex = past.count
        draft = ""
        set("")
        return line
    }

    /// - Returns: false for a key that is not about the line.
    public mutating func on(_ key: Key) -> Bool {
        switch key {
        case .text(let text): before += Printable.line(text)
        case .paste(let text): before += text
        case .lineBreak: before += "\n"
        case .backspace: _ = before.popLast()
        case .delete: if !after.isEmpty { after.removeFirst() }
        case .left: if let character = before.popLast() { after = String(character) + after }
        case .right: if !after.isEmpty { before.append(after.removeFirst()) }
        case .wordLeft:
            let start = wordStart
            after = String(before[start...]) + after
            before = String(before[..<start])
        case .wordRight:
            let end = wordEnd
            before += after[..<end]
            after = String(after[end...])
        case .home: (before, after) = ("", text)
        case .end: (before, after) = (text, "")
        case .eraseLine: before = ""
        case .eraseToEnd: after = ""
        case .eraseWord: before = String(before[..<wordStart])
        case .up: look(pastIndex - 1)
        case .down: look(pastIndex + 1)
        case .enter, .pageUp, .pageDown, .interrupt, .endOfInput, .redraw: return false
        }
        return true
    }

    /// The part of the line that fits into `limit` columns, with the cursor in it.
    /// - Returns: what stands before the cursor and behind it, line breaks as `⏎`.
    public func window(columns limit: Int) -> (before: String, after: String) {
        let shownBefore = before.map { $0.isNewline ? "⏎" : $0 }
        let shownAfter = after.map { $0.isNewline ? "⏎" : $0 }
        // Two thirds for what stands before the cursor when all does not fit, more when little follows.
        let whole = DisplayWidth.columns(String(shownBefore)) + DisplayWidth.columns(String(shownAfter))
        let room = max(1, limit - 1)
        let budget = whole <= room ? room : max(room * 2 / 3, room - DisplayWidth.columns(String(shownAfter)))
        var kept: [Character] = []
        var used = 0
        for character in shownBefore.reversed() {
            let width = DisplayWidth.columns(character)
            if used + width > budget { break }
            used += width
            kept.append(character)
        }
        return (String(kept.reversed()), DisplayWidth.prefix(String(shownAfter), columns: room - used))
    }

    private mutating func set(_ line: String) { (before, after) = (line, "") }

    private mutating func look(_ index: Int) {
        guard 0...past.count ~= index, index != pastIndex else { return }
        if pastIndex == past.count { draft = text }
        pastIndex = index
        set(index == past.count ? draft : past[index])
    }

    /// Where the word before the cursor begins: over blanks, then over what is not blank.
    private var wordStart: String.Index {
        var index = before.endIndex
        func step(over blank: Bool) {
            while index > before.startIndex {
                let previous = before.index(before: index)
                guard before[previous].isWhitespace == blank else { return }
                index = previous
            }
        }
        step(over: true)
        step(over: false)
        return index
    }

    private var wordEnd: String.Index {
        let word = after.firstIndex { !$0.isWhitespace } ?? after.endIndex
        return after[word...].firstIndex { $0.isWhitespace } ?? after.endIndex
    }
}
