// Text of strangers on our own terminal.
//
// A terminal obeys what it prints: an escape sequence in a message could rename the window, move the cursor over a tick, or
// type into the shell. So nothing that a stranger wrote reaches the terminal before it came through here. What a person
// could have meant stays (letters of all scripts, emoji with joiners, line breaks); what only a machine obeys becomes `�`,
// and marks that reverse the direction of writing go, since they can make one text look like another.

/// Makes text safe to print.
public enum Printable {
    /// Most scalars in one character on the screen. A family of four with skin tones has 11; hundreds of accents on one letter
    /// paint over the lines above.
    public static let scalarsPerCharacterMax = 16

    /// The text without anything that a terminal obeys; line breaks are `\n`, tabs are four blanks.
    /// - Complexity: O(text).
    public static func text(_ text: String) -> String {
        var safe = String.UnicodeScalarView()
        for character in text {
            for scalar in character.unicodeScalars.prefix(scalarsPerCharacterMax) { append(scalar, to: &safe) }
        }
        return String(safe)
    }

    /// The same for bytes; what is not UTF-8 becomes `�`.
    public static func text(_ bytes: [UInt8]) -> String { text(String(decoding: bytes, as: UTF8.self)) }

    /// On one line: breaks become ` ⏎ `.
    public static func line(_ text: String) -> String {
        Self.text(text).split(separator: "\n", omittingEmptySubsequences: false).joined(separator: " ⏎ ")
    }

    public static func line(_ bytes: [UInt8]) -> String { line(String(decoding: bytes, as: UTF8.self)) }

    private static func append(_ scalar: Unicode.Scalar, to safe: inout String.UnicodeScalarView) {
        switch scalar.value {
        case 0x0A, 0x2028, 0x2029: safe.append("\n")
        case 0x0D:
            break
        case 0x09: safe.append(contentsOf: "    ".unicodeScalars)
        // Joiners, and the tags that spell regional flags, are part of emoji and of some scripts.
        case 0x200C, 0x200D, 0xE0020...0xE007F: safe.append(scalar)
        default:
            switch scalar.properties.generalCategory {
            case .control, .surrogate: safe.append("\u{FFFD}")
            // Soft hyphens, byte order marks, marks of direction.
            case .format:
                break
            default: safe.append(scalar)
            }
        }
    }
}
