// When somebody is or was here, and who types, in words as people know them.

import ClientProtocol
import Primitives

public enum PresenceText {
    /// `online`, `last seen 20:31`, `last seen yesterday 20:31`, `last seen Mon 23 November 2026 20:31`; nil when there is nothing
    /// to tell: never here, or hidden.
    public static func text(_ line: PresenceLine, clock: ClockText, now: Stamp) -> String? {
        if line.isOnline { return "online" }
        guard let at = line.lastSeen else { return nil }
        switch clock.day(now) - clock.day(at) {
        // A clock that runs ahead of the server's makes no difference.
        case ...0: return "last seen \(clock.time(at))"
        case 1: return "last seen yesterday \(clock.time(at))"
        default: return "last seen \(clock.date(day: clock.day(at))) \(clock.time(at))"
        }
    }

    /// `typing…` of a peer; in a group `bob is typing…`, `bob and cem are typing…`, `bob, cem and dora are typing…`.
    public static func typing(_ typists: [UserID], isGroup: Bool) -> String? {
        guard let last = typists.last else { return nil }
        guard isGroup else { return "typing…" }
        let first = typists.dropLast().map(\.text).joined(separator: ", ")
        return first.isEmpty ? "\(last) is typing…" : "\(first) and \(last) are typing…"
    }

    /// A table, a line for each.
    public static func rows(_ lines: [PresenceLine], clock: ClockText, now: Stamp) -> [Row] {
        var table = TextTable(["USER", "PRESENCE"])
        for line in lines {
            let presence = text(line, clock: clock, now: now).map { Span($0, line.isOnline ? .green : .plain) }
            table.add([Span(line.user.text), presence ?? Span("not seen", .dim)])
        }
        return table.lines
    }
}
