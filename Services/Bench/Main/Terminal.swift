// Words to people: reports on standard output, everything else on standard error.

import CLinux
import FantailCLI
import Glibc
import ServiceKit

enum Terminal {
    static func print(_ text: String, toErrors: Bool = false) { SystemCalls.say(text, toErrors: toErrors) }
    static func complain(_ sentence: String) { SystemCalls.say("bench: \(sentence)\n", toErrors: true) }

    static func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    private static var isStyled: Bool { isatty(STDOUT_FILENO) == 1 && environment("TERM") != "dumb" }
    // Source: no-color.org.
    private static var hasColour: Bool { (environment("NO_COLOR") ?? "").isEmpty }

    static func print(_ rows: [Row]) {
        let (isStyled, hasColour) = (isStyled, hasColour)
        let lines = rows.map { row in
            // Cells are padded to their column; at the end of a line that is of no use.
            let line = row.rendered(colour: hasColour, styled: isStyled)
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
        print(lines.map { $0 + "\n" }.joined())
    }

    private static let isErrorTerminal = isatty(STDERR_FILENO) == 1 && environment("TERM") != "dumb"

    /// The progress line: on a terminal it replaces the one before.
    static func progress(_ line: String) {
        SystemCalls.say(isErrorTerminal ? "\r\u{1B}[K\(line)" : line + "\n", toErrors: true)
    }

    /// Behind the last progress line.
    static func endProgress() {
        if isErrorTerminal { SystemCalls.say("\r\u{1B}[K", toErrors: true) }
    }
}
