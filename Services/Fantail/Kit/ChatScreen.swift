// What the chat window shows: a pure function from the state to rows.
//
//      ana → bob  last seen 20:30                  ● connected
//     ─────────────────────────────────────────────────────────
//                          Mon 23 November 2026
//      │ hello there  20:31
//                                          hi bob  20:32 ✓✓
//     ─────────────────────────────────────────────────────────
//     › what is being written
//
// Own messages stand on the right, the other's on the left. The window is drawn from the bottom up, so the cost depends on
// its size and never on the length of the history.

import ClientProtocol
import Groups
import Primitives

/// The connection as the header shows it.
public enum ChatLine: Equatable, Sendable {
    case connecting
    case online
    /// The whole seconds until the next try.
    case offline(retrySeconds: Int64)
}

public struct ChatScreen: Sendable {
    /// Smallest window that is drawn into; anything smaller is treated as this.
    public static let rowsMin = 4
    public static let columnsMin = 20
    /// Widest bubble, columns: longer lines are hard to read.
    private static let bubbleColumnsMax = 72

    /// How many of the others have an own message to a group.
    public struct Counts: Equatable, Sendable {
        public var delivered: Int
        public var read: Int
        public var of: Int

        public init(delivered: Int, read: Int, of: Int) {
            self.delivered = delivered
            self.read = read
            self.of = of
        }
    }

    public var me: UserID
    public var peer: UserID
    /// Of a group; nil: the peer's name is all there is.
    public var title: String?
    /// By the stamp of the message, of this run.
    public var counts: [Stamp: Counts] = [:]
    public var line = ChatLine.connecting
    /// When the peer is or was here; nil: not told.
    public var presence: PresenceLine?
    /// Who writes to this person, or to the group, just now.
    public var typists: [UserID] = []
    /// For `presence`: what is today, what was yesterday.
    public var now = Stamp.zero
    /// Sentences below the chat, the newest last; the last three are shown. Printable.
    public var notices: [String] = []
    /// Rows scrolled back.
    public var scroll = 0
    public var rows = 24
    public var columns = 80
    /// Without colours the read ticks are a word.
    public var hasColour = true
    public var clock: ClockText

    public init(me: UserID, peer: UserID, clock: ClockText) {
        self.me = me
        self.peer = peer
        self.clock = clock
    }

    /// All rows of the window. The cursor stands in the last one, between its row and what is behind the cursor.
    public struct Picture: Equatable, Sendable {
        public var rows: [Row]
        public var behindCursor: String

        public init(rows: [Row], behindCursor: String) {
            self.rows = rows
            self.behindCursor = behindCursor
        }
    }

    public func picture(of chat: Chat, editor: LineEditor) -> Picture {
        let columns = max(columns, Self.columnsMin)
        let rows = max(rows, Self.rowsMin)
        let rule = Row(Span(String(repeating: "─", count: columns), .dim))
        let footer = notices.suffix(min(3, max(0, rows - 6))).flatMap { notice in
            DisplayWidth.wrap(notice, columns: columns - 2).prefix(2).map { Row(Span(" " + $0, .dim)) }
        }
        let bodyRows = max(1, rows - 4 - footer.count)
        var picture = [header(columns), rule] + body(chat, bodyRows, columns) + footer
        picture.append(scroll > 0 ? Row(Span(Self.centred("─ more below: Page Down ─", columns), .dim)) : rule)
        let (before, after) = editor.window(columns: columns - 2)
        picture.append(Row(Span("› ", .bold), Span(before)))
        return Picture(rows: picture, behindCursor: after)
    }

    /// How far one can scroll back: to the top of the first message.
    /// - Complexity: O(history up to the rows that are scrolled already), nothing when not scrolled.
    public func scrollMax(of chat: Chat) -> Int {
        guard scroll > 0 else { return 0 }
        let columns = max(columns, Self.columnsMin)
        let wanted = scroll + max(rows, Self.rowsMin)
        return max(0, upwards(chat, wanted, columns).count - max(1, max(rows, Self.rowsMin) - 4))
    }

    private func header(_ columns: Int) -> Row {
        let state: Span
        switch line {
        case .connecting: state = Span("◌ connecting ", .yellow)
        case .online: state = Span("● connected ", .green)
        case .offline(let seconds): state = Span("○ offline, retrying in \(seconds) s ", .red)
        }
        let room = columns - DisplayWidth.columns(state.text) - 2
        let names = DisplayWidth.prefix(" \(me) → \(peerName)", columns: max(1, room))
        let peer = presenceText.map { DisplayWidth.prefix("  " + $0, columns: max(0, room - DisplayWidth.columns(names))) } ?? ""
        let used = DisplayWidth.columns(names) + DisplayWidth.columns(peer) + DisplayWidth.columns(state.text)
        return Row(
            Span(names, .bold), Span(peer, typists.isEmpty ? .plain : .green),
            Span(String(repeating: " ", count: max(1, columns - used))), state)
    }

    /// What stands behind the peer's name.
    private var presenceText: String? {
        PresenceText.typing(typists, isGroup: peer.isGroup)
            ?? presence.flatMap { PresenceText.text($0, clock: clock, now: now) }
    }

    private var peerName: String { title.map { Printable.line($0) } ?? peer.text }

    /// The `count` rows that are in view, empty ones on top when the chat is short.
    private func body(_ chat: Chat, _ count: Int, _ columns: Int) -> [Row] {
        var upwards = upwards(chat, count + max(0, scroll), columns)
        if upwards.isEmpty { upwards = [Row(Span(Self.centred("Say hello to \(peerName).", columns), .dim))] }
        let first = min(max(0, scroll), max(0, upwards.count - count))
        let shown = upwards[first..<min(upwards.count, first + count)]
        return [Row](repeating: Row(), count: count - shown.count) + shown.reversed()
    }

    /// The chat from its last row upwards, at least `wanted` rows if there are so many.
    private func upwards(_ chat: Chat, _ wanted: Int, _ columns: Int) -> [Row] {
        var upwards: [Row] = []
        for index in chat.messages.indices.reversed() {
            let message = chat.messages[index]
            upwards += (message.change.map { event($0, message, columns) } ?? bubble(message, chat, columns)).reversed()
            let day = clock.day(message.at)
            if index == 0 || clock.day(chat.messages[index - 1].at) != day {
                upwards.append(Row(Span(Self.centred(clock.date(day: day), columns), .dim)))
            }
            if upwards.count >= wanted { break }
        }
        return upwards
    }

    /// What happened to a group, in the middle.
    private func event(_ change: GroupChange, _ message: ChatMessage, _ columns: Int) -> [Row] {
        let sentence = GroupSentence.text(change, by: message.author ?? peer) + "  " + clock.time(message.at)
        return DisplayWidth.wrap(sentence, columns: columns - 4).map { Row(Span(Self.centred($0, columns), .dim)) }
    }

    private func bubble(_ message: ChatMessage, _ chat: Chat, _ columns: Int) -> [Row] {
        let width = min(Self.bubbleColumnsMax, max(columns * 3 / 4, 16), columns - 4)
        // In a group a name stands before the text.
        let name = message.author.map { "\($0): " } ?? ""
        var lines = DisplayWidth.wrap(name + Printable.text(MediaWords.body(message.body)), columns: width)
        let meta = self.meta(message, chat)
        let metaColumns = meta.reduce(0) { $0 + DisplayWidth.columns($1.text) }
        if DisplayWidth.columns(lines[lines.count - 1]) + metaColumns > width { lines.append("") }
        let block = max(
            lines.map { DisplayWidth.columns($0) }.max() ?? 0, DisplayWidth.columns(lines[lines.count - 1]) + metaColumns)
        let edge = message.isOwn ? String(repeating: " ", count: max(1, columns - block - 1)) : " │ "
        return lines.enumerated().map { index, line in
            var row = Row(Span(edge, message.isOwn ? .plain : .dim))
            if index == 0, !name.isEmpty, line.hasPrefix(name) {
                row.spans += [Span(name, .bold), Span(String(line.dropFirst(name.count)))]
            } else {
                row.spans.append(Span(line))
            }
            if index == lines.count - 1 {
                let gap = message.isOwn ? block - DisplayWidth.columns(line) - metaColumns : 0
                if gap > 0 { row.spans.append(Span(String(repeating: " ", count: gap))) }
                row.spans += meta
            }
            return row
        }
    }

    /// Time and ticks.
    private func meta(_ message: ChatMessage, _ chat: Chat) -> [Span] {
        let time = Span("  " + clock.time(message.at), .dim)
        guard message.isOwn else { return [time] }
        if let trouble = message.trouble { return [time, Span(" ✗ " + Printable.line(trouble), .red)] }
        let counts = counts[message.at]
        switch chat.tick(of: message) {
        case .pending: return [time, Span(" ·", .dim)]
        case .sent: return [time, Span(" ✓" + (counts.map { " \($0.delivered)/\($0.of)" } ?? ""), .dim)]
        case .delivered: return [time, Span(" ✓✓" + (counts.map { " read \($0.read)/\($0.of)" } ?? ""), .dim)]
        case .read: return [time, hasColour ? Span(" ✓✓", .blue) : Span(" ✓✓ read", .dim)]
        }
    }

    private static func centred(_ text: String, _ columns: Int) -> String {
        let kept = DisplayWidth.prefix(text, columns: columns)
        return String(repeating: " ", count: (columns - DisplayWidth.columns(kept)) / 2) + kept
    }
}
