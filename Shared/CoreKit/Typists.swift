// Who is shown as typing in one place: to a person, or in a group.
//
// A client says "I type" every three seconds while its person does, and whoever sees it forgets it after six. So most of what
// comes says what is known already. This table lets through what changes the picture or keeps it alive, and merges the rest:
// of one author at most one beginning and one end in two seconds, however often she changes her mind. It has a bound, and
// whoever does not fit is not shown.

import Primitives

/// How long signs of typing hold. docs/protocol.md promises them to clients.
public enum TypingTimes {
    /// A sign of typing holds so long without another word. Clients repeat it every three seconds: one may be lost.
    public static let shown = Interval.seconds(6)
    /// The same author's next beginning is not told before this time is over. Less than the three seconds of an honest client,
    /// so that its repeats pass, whatever the network does to their distance.
    public static let merging = Interval.seconds(2)
}

public struct Typists: Equatable, Sendable {
    public enum Verdict: Equatable, Sendable {
        /// To be told.
        case news
        /// Everybody knows.
        case merged
        /// There are as many as can be shown.
        case full
    }

    private struct Typist: Equatable, Sendable {
        let user: UserID
        /// When it was told last that this user types.
        var toldAt: Instant
        /// False: it was told that she has stopped; kept so that she cannot begin again at once.
        var isShown = true

        /// Means nothing any more.
        func isOver(_ now: Instant) -> Bool { now - toldAt >= (isShown ? TypingTimes.shown : TypingTimes.merging) }
    }

    private let countMax: Int
    private var typists: [Typist] = []

    /// - Parameter countMax: so many are shown at once, a handful: every step looks at all of them.
    public init(countMax: Int) { self.countMax = countMax }

    public var isEmpty: Bool { typists.isEmpty }

    /// Takes what an author's client says.
    /// - Complexity: O(countMax).
    public mutating func take(_ author: UserID, isOn: Bool, now: Instant) -> Verdict {
        typists.removeAll { $0.isOver(now) }
        guard let index = typists.firstIndex(where: { $0.user == author }) else {
            guard isOn else { return .merged }
            guard typists.count < countMax else { return .full }
            typists.append(Typist(user: author, toldAt: now))
            return .news
        }
        if isOn {
            guard now - typists[index].toldAt >= TypingTimes.merging else { return .merged }
            typists[index].toldAt = now
            typists[index].isShown = true
            return .news
        }
        guard typists[index].isShown else { return .merged }
        typists[index].isShown = false
        return .news
    }

    /// Is what the author says news? As `take`, and nothing is noted.
    public func judge(_ author: UserID, isOn: Bool, now: Instant) -> Verdict {
        var copy = self
        return copy.take(author, isOn: isOn, now: now)
    }

    /// The author's message has come: she types no more, and may begin again at once.
    public mutating func remove(_ author: UserID) { typists.removeAll { $0.user == author } }
}
