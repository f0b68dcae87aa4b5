// Who watches the people of this shard, and the news that they are owed.
//
// A person with 100,000 watchers must not be felt by anybody else. So a change only raises a version and puts the person in
// line; rounds of bounded size walk through the watchers and tell each what is so at that moment. When the walk has reached the
// end the person rests for a second; what changed meanwhile is told by the next walk. However often somebody comes and goes, a
// watcher hears it once a second at most, and always the newest state.
//
// Whoever may not see the person hears nothing, and, when that has just become so, one line that looks like somebody who never
// was here: not even the moment of a change leaks.

import Messages
import Primitives
import Privacy

struct Watches: Sendable {
    struct Watcher: Sendable {
        let viewer: UserID
        let to: LookUp.Watcher
        /// The shard that keeps the watcher's list.
        let home: NodeID
        /// The last line that they got was no hidden one.
        var wasVisible: Bool
        /// When they got it; the answer to their request counts, too.
        var toldAt: Instant
        /// The version that they got.
        var told: UInt64
    }

    /// A line for one watcher.
    struct Push: Sendable {
        let to: LookUp.Watcher
        let user: UserID
        let isVisible: Bool
    }

    fileprivate struct Watched: Sendable {
        var settings: UserSettings
        var watchers: [Watcher] = []
        var places: [ConnectionPlace: Int] = [:]
        var version: UInt64 = 1
        /// Stands in one of the lines.
        var isQueued = false
        var restUntil = Instant.zero
        /// The next watcher of this round.
        var next = 0
    }

    private var watched: [UserID: Watched] = [:]
    /// People with news, and those who have some but rest; both in the order of their turn.
    private var ready = Line()
    private var resting = Line()
    private(set) var count = 0

    var watchedCount: Int { watched.count }
    /// Whom somebody watches, always in the same order.
    var users: [UserID] { watched.keys.sorted() }
    var hasNews: Bool { !ready.isEmpty || !resting.isEmpty }

    /// When the next round makes sense; nil: nobody is owed news.
    func due(now: Instant) -> Instant? {
        if !ready.isEmpty { return now }
        return resting.first.flatMap { watched[$0]?.restUntil ?? now }
    }

    func settings(of user: UserID) -> UserSettings? { watched[user]?.settings }

    // MARK: Coming and going

    /// - Parameter settings: of `user`.
    /// - Returns: false when `user` has as many watchers as they may.
    /// - Complexity: O(1).
    mutating func add(_ watcher: Watcher, of user: UserID, settings: UserSettings) -> Bool {
        // In place: a copy of the entry would copy all of its watchers.
        guard let isNew = watched[user, default: Watched(settings: settings)].add(watcher) else { return false }
        if isNew { count += 1 }
        return true
    }

    mutating func remove(_ place: ConnectionPlace, of user: UserID) {
        guard let at = watched[user]?.places[place] else { return }
        watched[user]!.removeWatcher(at)
        count -= 1
        if watched[user]!.watchers.isEmpty { watched[user] = nil }
    }

    /// Drops what another shard told us of its people.
    mutating func removeAll(of home: NodeID) {
        for user in Array(watched.keys) {
            for place in watched[user]!.watchers.filter({ $0.home == home }).map(\.to.place) { remove(place, of: user) }
        }
    }

    /// Drops everybody who watches `user`.
    mutating func removeAll(for user: UserID) { count -= watched.removeValue(forKey: user)?.watchers.count ?? 0 }

    // MARK: News

    /// Something about `user` is not as it was.
    mutating func note(_ user: UserID, now: Instant) {
        guard let place = watched.index(forKey: user) else { return }
        watched.values[place].version += 1
        guard !watched.values[place].isQueued else { return }
        watched.values[place].isQueued = true
        if watched.values[place].restUntil > now { resting.append(user) } else { ready.append(user) }
    }

    mutating func note(_ user: UserID, settings: UserSettings, now: Instant) {
        guard let known = watched[user]?.settings, known.revision < settings.revision else { return }
        watched[user]!.settings = settings
        note(user, now: now)
    }

    /// Whatever the watchers at `gateway` were told may not have come.
    mutating func noteAll(at gateway: NodeID, now: Instant) {
        for user in watched.keys.sorted() {
            var isConcerned = false
            for index in watched[user]!.watchers.indices where watched[user]!.watchers[index].to.place.gateway == gateway {
                watched[user]!.watchers[index].told = 0
                isConcerned = true
            }
            if isConcerned { note(user, now: now) }
        }
    }

    /// The pushes of one round, `roundPushCount` at most. People with many watchers go to the end of the line in between.
    /// - Complexity: O(`roundPushCount` and the number of people with news).
    mutating func round(now: Instant) -> [Push] {
        while let user = resting.first, watched[user].map({ $0.restUntil <= now }) ?? true {
            resting.removeFirst()
            if watched[user] != nil { ready.append(user) }
        }
        var pushes: [Push] = []
        var budget = LastSeenLimits.roundPushCount
        while budget > 0, let user = ready.first {
            ready.removeFirst()
            guard var entry = watched.removeValue(forKey: user) else { continue }
            entry.serve(user, &budget, now: now, into: &pushes)
            if entry.next < entry.watchers.count {
                ready.append(user)
            } else {
                entry.next = 0
                entry.restUntil = now + LastSeenLimits.newsInterval
                entry.isQueued = entry.watchers.contains { $0.told < entry.version }
                if entry.isQueued { resting.append(user) }
            }
            watched[user] = entry
        }
        return pushes
    }
}

extension Watches.Watched {
    /// - Returns: whether there is one watcher more; nil when there is no room.
    mutating func add(_ watcher: Watches.Watcher) -> Bool? {
        var watcher = watcher
        watcher.told = version
        if let place = places[watcher.to.place] {
            watchers[place] = watcher
            return false
        }
        guard watchers.count < LastSeenLimits.watcherCountMax else { return nil }
        places[watcher.to.place] = watchers.count
        watchers.append(watcher)
        return true
    }

    /// Keeps the walk whole: nobody who was not served moves in front of `next`.
    mutating func removeWatcher(_ at: Int) {
        places[watchers[at].to.place] = nil
        var hole = at
        if hole < next {
            next -= 1
            move(next, to: hole)
            hole = next
        }
        move(watchers.count - 1, to: hole)
        watchers.removeLast()
    }

    private mutating func move(_ from: Int, to hole: Int) {
        guard from != hole else { return }
        watchers[hole] = watchers[from]
        places[watchers[hole].to.place] = hole
    }

    mutating func serve(_ user: UserID, _ budget: inout Int, now: Instant, into pushes: inout [Watches.Push]) {
        while next < watchers.count, budget > 0 {
            defer { next += 1 }
            budget -= 1
            let watcher = watchers[next]
            // Told a moment ago: the next walk comes soon.
            guard watcher.told < version, watcher.toldAt + LastSeenLimits.newsInterval <= now else { continue }
            let isVisible = user == watcher.viewer || settings.lets(watcher.viewer)
            watchers[next].told = version
            watchers[next].wasVisible = isVisible
            guard isVisible || watcher.wasVisible else { continue }
            watchers[next].toldAt = now
            pushes.append(Watches.Push(to: watcher.to, user: user, isVisible: isVisible))
        }
    }
}

/// A queue of people.
private struct Line: Sendable {
    private var users: [UserID] = []
    private var head = 0

    var isEmpty: Bool { head == users.count }
    var first: UserID? { isEmpty ? nil : users[head] }

    mutating func append(_ user: UserID) { users.append(user) }

    mutating func removeFirst() {
        head += 1
        if head > 64, head * 2 > users.count {
            users.removeFirst(head)
            head = 0
        }
    }
}
