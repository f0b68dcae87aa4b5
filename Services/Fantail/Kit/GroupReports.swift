// What the cluster says about groups, as tables.

import ClientProtocol
import Groups
import Primitives

public enum GroupReports {
    public static func rows(_ info: GroupInfo) -> [Row] {
        var rows = [Row(Span(Printable.line(info.title), .bold), Span("  \(info.group)", .dim))]
        if !info.description.isEmpty { rows.append(Row(Span(Printable.line(info.description)))) }
        let count = info.members.count
        rows.append(Row(Span("\(count) member\(count == 1 ? "" : "s"); \(GroupSentence.text(info.settings))")))
        var table = TextTable(["USER", "ROLE"])
        for member in info.members { table.add([Span(member.user.text), Span(member.role.name)]) }
        return rows + table.lines
    }

    public static func rows(_ groups: [GroupTitle]) -> [Row] {
        var table = TextTable(["GROUP", "TITLE"])
        for line in groups { table.add([Span(line.group.text), Span(Printable.line(line.title))]) }
        return table.lines
    }

    /// Entries of a log, a line each; anything else is left out.
    public static func rows(_ entries: [ServerFrame], clock: ClockText) -> [Row] {
        entries.compactMap { entry in
            switch entry {
            case .groupMessage(_, _, _, let from, _, let at, let body):
                Row(Span(clock.time(at), .dim), Span("  \(from): \(Printable.line(body))"))
            case .groupEvent(_, _, _, let from, _, let at, let change):
                Row(Span(clock.time(at), .dim), Span("  (\(GroupSentence.text(change, by: from)))"))
            default: nil
            }
        }
    }

    public static func rows(_ receipts: [ReceiptEntry], clock: ClockText) -> [Row] {
        func time(_ stamp: Stamp?) -> Span { stamp.map { Span(clock.preciseTime($0)) } ?? Span("not yet", .dim) }
        var table = TextTable(["USER", "DELIVERED", "READ"])
        for entry in receipts { table.add([Span(entry.user.text), time(entry.delivered), time(entry.read)]) }
        return table.lines
    }
}
