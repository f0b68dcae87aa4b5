// The chat as plain lines, for pipes, scripts and tests.
//
//     bob: hello there
//       ✓ sent 5kPq…
//       ✓✓ delivered 5kPq…
//       ✓✓ read 5kPq…
//       bob added cem          (in a group)
//       bob is online          (and: was last seen 20:31, is typing, is not typing any more)
//
// One line an event, at once, and nothing is ever repeated. A line break inside a message is ` ⏎ `, so a line that begins
// with two blanks is never the text of a person.

import ClientProtocol
import Groups
import Primitives

public struct LineMode: Sendable {
    private let peer: UserID
    private let me: UserID
    /// Own messages of this run by id, with their stamp once sent and the tick that was told.
    private var own: [(id: MessageID, at: Stamp?, told: Tick)] = []
    private var deliveredUpTo = Stamp.zero
    private var readUpTo = Stamp.zero
    /// What was told of the peer last.
    private var presenceTold: String?

    public init(me: UserID, peer: UserID) {
        self.me = me
        self.peer = peer
    }

    /// An own message was handed over.
    public mutating func wrote(_ id: MessageID) { own.append((id, nil, .pending)) }

    /// The lines of an event, in order; none for what concerns nobody here.
    /// - Complexity: O(own messages without read ticks).
    public mutating func lines(for event: HistoryEvent) -> [String] {
        switch event {
        case .received(_, let from, _, _, let body):
            return from == peer ? ["\(from): \(Printable.line(MediaWords.body(body)))"] : [Self.notice(from: from, me: me)]
        case .copied(_, let to, _, _, let body):
            return to == peer ? ["\(me): \(Printable.line(MediaWords.body(body)))"] : []
        case .sent(_, let id, let at):
            guard let index = own.firstIndex(where: { $0.id == id }) else { return [] }
            own[index].at = at
            own[index].told = .sent
            return ["  ✓ sent \(id)"] + ticks()
        case .failed(_, let id, let reason):
            own.removeAll { $0.id == id }
            return ["  ✗ not sent \(id): \(Printable.line(reason))"]
        case .expired(_, let to, let id, _):
            return to == peer ? ["  ✗ expired \(id)"] : []
        case .gap(let from, let to):
            return ["  … \(to - from + 1) messages were dropped before this device had them"]
        case .delivered(peer, let at):
            deliveredUpTo = max(deliveredUpTo, at)
            return ticks()
        case .read(peer, let at):
            readUpTo = max(readUpTo, at)
            return ticks()
        case .posted(_, let group, let from, _, _, let body):
            return group == peer ? ["\(from): \(Printable.line(MediaWords.body(body)))"] : [Self.notice(from: from, in: group, me: me)]
        case .changed(_, let group, let from, _, _, let change):
            guard group != peer else { return ["  " + GroupSentence.text(change, by: from)] }
            return Self.invitation(change, by: from, to: group, me: me).map { [$0] } ?? []
        case .wrote, .delivered, .read, .restarted:
            return []
        }
    }

    /// Members of a group could not be reached for long with an own message.
    public func lines(late group: UserID, at: Stamp, count: Int) -> [String] {
        guard group == peer, let message = own.first(where: { $0.at == at }) else { return [] }
        return ["  … \(count) could not be reached yet with \(message.id); tries go on"]
    }

    /// The peer came or went; nothing when nothing is new that one would say.
    public mutating func lines(for presence: [PresenceLine], clock: ClockText, now: Stamp) -> [String] {
        guard let line = presence.last(where: { $0.user == peer }) else { return [] }
        // That she is here is told once, and not each time that she does something.
        guard let text = PresenceText.text(line, clock: clock, now: now), text != presenceTold else { return [] }
        presenceTold = text
        return [line.isOnline ? "  \(peer) is online" : "  \(peer) was \(text)"]
    }

    /// Somebody begins to write here, or has stopped.
    public func lines(typing from: UserID, in group: UserID?, isOn: Bool) -> [String] {
        guard (group ?? from) == peer else { return [] }
        return [isOn ? "  \(from) is typing" : "  \(from) is not typing any more"]
    }

    public static func notice(from: UserID, in group: UserID, me: UserID) -> String {
        "(\(from) wrote to a group: fantail chat --as \(me) --with \(group))"
    }

    /// What to tell in another chat when somebody else brings `me` into a group.
    public static func invitation(_ change: GroupChange, by author: UserID, to group: UserID, me: UserID) -> String? {
        guard author != me, change.users.contains(me) else { return nil }
        switch change {
        case .create, .add: return "(\(author) added you to a group: fantail chat --as \(me) --with \(group))"
        case .rename, .describe, .remove, .leave, .role, .settings, .delete: return nil
        }
    }

    public static func notice(from: UserID, me: UserID) -> String {
        "(\(from) wrote to you: fantail chat --as \(me) --with \(from))"
    }

    private mutating func ticks() -> [String] {
        var lines: [String] = []
        for index in own.indices {
            guard let at = own[index].at else { continue }
            if own[index].told < .delivered, at <= max(deliveredUpTo, readUpTo) {
                own[index].told = .delivered
                lines.append("  ✓✓ delivered \(own[index].id)")
            }
            if own[index].told < .read, at <= readUpTo {
                own[index].told = .read
                lines.append("  ✓✓ read \(own[index].id)")
            }
        }
        own.removeAll { $0.told == .read }
        return lines
    }
}
