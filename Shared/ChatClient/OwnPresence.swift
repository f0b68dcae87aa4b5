// What others may know of this person from her app, and whom she watches.
//
// Only a person makes the app say `active`: she opened it, or did something in it. When the connection is lost and comes back
// by itself, that says nothing about her; so it is said again only if she has done something a moment ago, or when she does.
//
// Whom she watches is a wish that lasts. It is said for each new connection, said again when no answer comes or the cluster is
// busy, and once a minute: a shard that was restarted meanwhile has forgotten it, and nobody can tell us.

import ClientProtocol
import Primitives

struct OwnPresence: Sendable {
    private(set) var isInFront = false
    /// When she did something last.
    private var actedAt: Instant?
    /// When that was said on this connection; nil: not yet.
    private var saidAt: Instant?
    private var watched: [UserID] = []
    /// Of the request that is on its way, or was answered last.
    private var watchRef: MessageID?
    private var watchCount = 0
    /// When to say again whom she watches; nil: nobody, or we are offline.
    private(set) var watchAt: Instant?

    // MARK: Being here

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

    // MARK: Watching

    mutating func setWatched(_ users: [UserID], isLive: Bool, now: Instant) -> ClientFrame? {
        watched = users
        watchAt = nil
        return isLive ? watch(now) : nil
    }

    /// The time has come.
    mutating func watch(_ now: Instant) -> ClientFrame {
        watchCount += 1
        watchRef = MessageID("watch-\(watchCount)")
        watchAt = watched.isEmpty ? nil : now + ClientTimes.answerTimeout
        return .presenceWatch(ref: watchRef, users: watched)
    }

    /// - Returns: true for the answer to what is watched: for the person it is news like any other.
    mutating func onPresence(ref: MessageID?, now: Instant) -> Bool {
        guard let ref, ref == watchRef else { return false }
        if watchAt != nil { watchAt = now + ClientTimes.watchRepeat }
        return true
    }

    /// - Returns: true when it is about watching, and time can heal it.
    mutating func onError(_ error: ErrorFrame, dice: inout SeededGenerator, now: Instant) -> Bool {
        guard let ref = error.ref, ref == watchRef else { return false }
        switch error.code {
        case .overloaded, .unavailable, .storageFull, .helloMissing:
            if watchAt != nil { watchAt = now + dice.jittered(error.retryPause ?? ClientTimes.answerTimeout) }
            return true
        default:
            return false
        }
    }

    // MARK: The connection

    /// A new connection is live.
    mutating func onWelcome(now: Instant) -> [ClientFrame] {
        var frames: [ClientFrame] = []
        if isInFront, let actedAt, now - actedAt < ClientTimes.activeRepeat {
            saidAt = now
            frames.append(.active(on: true))
        }
        if !watched.isEmpty { frames.append(watch(now)) }
        return frames
    }

    /// While there is no connection nothing can be said; what she did is remembered.
    mutating func onLost() {
        saidAt = nil
        watchAt = nil
    }
}
