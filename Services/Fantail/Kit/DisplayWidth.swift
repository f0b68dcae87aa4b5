// How many columns text takes on a terminal, and where to break it.
//
// Terminals give one column to most characters, two to East Asian and emoji ones, none to marks that combine. They disagree
// about emoji made of several: some draw a family of four in two columns, others four faces side by side. We count what the
// widest of them takes: too much leaves a little air, too little would cut words off at the edge.

/// Columns on a terminal.
public enum DisplayWidth {
    /// The sum over its scalars; 0 for a lone mark.
    public static func columns(_ character: Character) -> Int {
        var sum = 0
        var isEmoji = false
        for scalar in character.unicodeScalars {
            sum += columns(scalar)
            // The variation selector that asks for a picture.
            if scalar.value == 0xFE0F { isEmoji = true }
        }
        return isEmoji ? max(2, sum) : sum
    }

    private static func columns(_ scalar: Unicode.Scalar) -> Int {
        if 0x20..<0x7F ~= scalar.value { return 1 }
        if scalar.properties.isEmojiPresentation { return 2 }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format, .control: return 0
        default:
            // Vowels and final consonants of Korean syllables join the one before.
            if 0x1160...0x11FF ~= scalar.value || 0xD7B0...0xD7FF ~= scalar.value { return 0 }
            return isWide(scalar.value) ? 2 : 1
        }
    }

    public static func columns(_ text: String) -> Int { text.reduce(0) { $0 + columns($1) } }

    /// The longest beginning of the text that fits.
    public static func prefix(_ text: String, columns limit: Int) -> String {
        var used = 0
        var kept = ""
        for character in text {
            used += columns(character)
            if used > limit { break }
            kept.append(character)
        }
        return kept
    }

    /// Breaks text into lines of at most `limit` columns: at line breaks, else at blanks, else anywhere.
    /// - Parameter limit: 2 or more; a single character that is wider stands alone on its line.
    /// - Returns: at least one line.
    /// - Complexity: O(text).
    public static func wrap(_ text: String, columns limit: Int) -> [String] {
        precondition(limit >= 2, "a wide character needs two columns")
        return text.split(separator: "\n", omittingEmptySubsequences: false).flatMap { wrapLine($0, limit) }
    }

    private static func wrapLine(_ line: Substring, _ limit: Int) -> [String] {
        var lines: [String] = []
        var current = ""
        var used = 0
        for (index, word) in line.split(separator: " ", omittingEmptySubsequences: false).enumerated() {
            if index > 0 {
                let wide = word.reduce(0) { $0 + columns($1) }
                if used + 1 + wide <= limit {
                    current += " " + word
                    used += 1 + wide
                    continue
                }
                lines.append(current)
                current = ""
                used = 0
            }
            for character in word {
                let width = columns(character)
                if used > 0, used + width > limit {
                    lines.append(current)
                    current = ""
                    used = 0
                }
                current.append(character)
                used += width
            }
        }
        lines.append(current)
        return lines
    }

    /// The blocks whose East Asian Width is W or F. Source: Unicode Standard Annex 11, by whole blocks.
    private static func isWide(_ value: UInt32) -> Bool {
        switch value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
            0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6,
            0x1F300...0x1F64F, 0x1F900...0x1F9FF, 0x20000...0x3FFFD:
            true
        default: false
        }
    }
}
