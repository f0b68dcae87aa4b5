// Names and shorthands of these tests.

import FantailCLI
import Primitives

let ana = UserID("ana")!
let bob = UserID("bob")!
let zoe = UserID("zoe")!
let team = UserID("g:team")!
let utc = ClockText(offsetSeconds: 0)

func id(_ text: String) -> MessageID { MessageID(text)! }

/// 2026-11-23 20:31:00 UTC and some seconds.
func at(_ seconds: Int64) -> Stamp { Stamp(microseconds: (1_795_465_860 + seconds) * 1_000_000) }

func keys(_ bytes: [UInt8]) -> [Key] {
    var reader = KeyReader()
    var keys: [Key] = []
    reader.receive(bytes, into: &keys)
    return keys
}

func typed(_ keys: Key...) -> LineEditor {
    var editor = LineEditor()
    for key in keys { _ = editor.on(key) }
    return editor
}

/// The failure's sentence and exit code; nil when there was none.
func failure(_ body: () throws(CommandFailure) -> Void) -> CommandFailure? {
    do throws(CommandFailure) {
        try body()
        return nil
    } catch {
        return error
    }
}
