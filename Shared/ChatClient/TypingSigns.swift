// Typing, both ways: what this person's keys let others know, and who is shown to type.
//
// Nothing of it is kept, repeated or answered. A sign of typing holds for a few seconds; it ends early when its author stops,
// when what she wrote has come, and when the connection that brought it is gone.

import ClientProtocol
import Primitives

/// Somebody types in some chat.
struct TypingSign: Hashable, Sendable {
    let from: UserID
    /// Nil: the chat with `from`.
    let group: UserID?

    init(from: UserID, group: UserID?) {
        self.from = from
        self.group = group
    }

    /// What `entry` puts an end to.
    init?(endedBy entry: ServerFrame) {
        switch entry {
        case .message(_, let from, _, _, _): self.init(from: from, group: nil)
        case .groupMessage(_, let group, _, let from, _, _, _): self.init(from: from, group: group)
        default: return nil
        }
    }
}

struct TypingSigns: Sendable {
    /// Signs shown at once. The cluster shows at most 16 to one person and 3 in a group; what is beyond is a cluster gone mad.
    private static let shownCountMax = 256

    private var told: (peer: UserID, at: Instant)?
    /// In the order in which they began.
    private var shown: [(sign: TypingSign, until: Instant)] = []

    // MARK: Own

    /// - Returns: what others are to be told.
    mutating func onTyped(to peer: UserID, now: Instant) -> [ClientFrame] {
        var frames: [ClientFrame] = []
        if let told, told.peer == peer {
            guard now - told.at >= ClientTimes.typingRepeat else { return [] }
        } else if let stopped = onStopped(now: now) {
            frames = [stopped]
        }
        told = (peer, now)
        return frames + [.typing(to: peer, isOn: true)]
    }

    mutating func onStopped(now: Instant) -> ClientFrame? {
        defer { told = nil }
        // What nobody sees any more need not be ended.
        guard let told, now - told.at < ClientTimes.typingShown else { return nil }
        return .typing(to: told.peer, isOn: false)
    }

    /// The message ends it, wherever it arrives.
    mutating func onSent(to peer: UserID) { if told?.peer == peer { told = nil } }

    // MARK: Others'

    /// When the next sign is over; nil: none is shown.
    var next: Instant? { shown.map(\.until).min() }

    /// - Returns: what has changed for the person, here and below.
    mutating func onSign(_ sign: TypingSign, isOn: Bool, now: Instant) -> [(sign: TypingSign, isOn: Bool)] {
        guard isOn else { return onEnded(sign) }
        let until = now + ClientTimes.typingShown
        if let index = shown.firstIndex(where: { $0.sign == sign }) {
            shown[index].until = until
            return []
        }
        guard shown.count < Self.shownCountMax else { return [] }
        shown.append((sign, until))
        return [(sign, true)]
    }

    mutating func onEnded(_ sign: TypingSign) -> [(sign: TypingSign, isOn: Bool)] {
        guard let index = shown.firstIndex(where: { $0.sign == sign }) else { return [] }
        shown.remove(at: index)
        return [(sign, false)]
    }

    mutating func expire(_ now: Instant) -> [(sign: TypingSign, isOn: Bool)] {
        let over = shown.filter { $0.until <= now }
        shown.removeAll { $0.until <= now }
        return over.map { ($0.sign, false) }
    }

    /// The connection is gone: nobody knows who types, and this person's typing reaches nobody.
    mutating func onLost() -> [(sign: TypingSign, isOn: Bool)] {
        defer { shown = [] }
        told = nil
        return shown.map { ($0.sign, false) }
    }
}
