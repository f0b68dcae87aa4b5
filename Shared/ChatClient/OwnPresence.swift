// What others may know of this person from her app, and whom she watches.
//
// Only a person makes the app say `active`: she opened it, or did something in it. When the connection is lost and comes back
// by itself, that says nothing about her; so it is said again only if she has done something a moment ago, or when she does.

import ClientProtocol
import Primitives

struct OwnPresence: Sendable {
    private(set) var isInFront = false
    /// When she did something last.
    private var actedAt: Instant?
    /// When that was said on this connection; nil: not yet.
    private var saidAt: Instant?
    /// Whom she watches, and wants to watch again after a reconnect.
    private(set) var watched: [UserID] = []

    /// - Returns: what is to be said, here and below.
    mutating func setInFront(_ isInFront: Bool, isLive: Bool, now: Instant) -> ClientFrame? {
        self.isInFront = isInFront
        if isInFront { return onAct(isLive: isLive, now: now) }
        defer { saidAt = nil }
        return saidAt == nil ? nil : .active(on: false)
    }

    /// She does something. Said at most every twenty seconds: it is remembered for thirty.
    mutating func onAct(isLive: Bool, now: Instant) -> ClientFrame? {
        actedAt = now
        guard isLive, isInFront, saidAt.map({ now - $0 >= ClientTimes.activeRepeat }) ?? true else { return nil }
        saidAt = now
        return .active(on: true)
    }

    mutating func setWatched(_ users: [UserID]) -> ClientFrame {
        watched = users
        return .presenceWatch(ref: nil, users: users)
    }

    /// A new connection is live.
    mutating func onWelcome(now: Instant) -> [ClientFrame] {
        var frames: [ClientFrame] = []
        if isInFront, let actedAt, now - actedAt < ClientTimes.activeRepeat {
            saidAt = now
            frames.append(.active(on: true))
        }
        if !watched.isEmpty { frames.append(.presenceWatch(ref: nil, users: watched)) }
        return frames
    }

    /// While there is no connection nothing can be said; what she did is remembered.
    mutating func onLost() { saidAt = nil }
}
