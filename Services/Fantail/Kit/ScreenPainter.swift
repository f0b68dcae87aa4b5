// From one picture to the next with few bytes: rows that did not change are not sent again.
//
// Every row is erased and then painted from its first column, so whatever the terminal thinks about the width of a character
// cannot leave anything behind. (Erasing behind the end would take the last cell of a row that fills the window.) The place of the cursor is not computed either: the terminal saves it (ESC 7)
// after painting what stands before it, and returns to it (ESC 8). A terminal that knows synchronised updates (mode 2026) shows a picture as a
// whole; others ignore the request.

public struct ScreenPainter: Sendable {
    private var shown: [Row] = []
    private let hasColour: Bool

    public init(hasColour: Bool) { self.hasColour = hasColour }

    /// Alternate screen, bracketed paste, no wrapping at the right edge.
    public static let enter = "\u{1B}[?1049h\u{1B}[?2004h\u{1B}[?7l\u{1B}[2J"
    /// Everything back, the cursor visible.
    public static let leave: StaticString = "\u{1B}[?7h\u{1B}[?2004l\u{1B}[?1049l\u{1B}[?25h\u{1B}[0m"

    /// The next picture is painted whole: the window changed its size, or somebody wrote over it.
    public mutating func forget() { shown = [] }

    /// - Complexity: O(cells of the rows that changed).
    public mutating func paint(_ picture: ChatScreen.Picture) -> String {
        var out = "\u{1B}[?2026h\u{1B}[?25l"
        if shown.isEmpty { out += "\u{1B}[2J" }
        let last = picture.rows.count - 1
        for (index, row) in picture.rows.enumerated() 
        where index != last && (index >= shown.count || shown[index] != row) {
            out += "\u{1B}[\(index + 1);1H\u{1B}[2K\(row.rendered(colour: hasColour))"
        }
        shown = picture.rows
        if last >= 0 {
            let input = picture.rows[last].rendered(colour: hasColour)
            out += "\u{1B}[\(last + 1);1H\u{1B}[2K\(input)\u{1B}7\(picture.behindCursor)\u{1B}8"
        }
        return out + "\u{1B}[?25h\u{1B}[?2026l"
    }
}
