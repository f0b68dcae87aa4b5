// What persistence knows of people, read when somebody wants to know, many in one request.
//
// Whoever has a profile here is known completely: their settings, and when they were last here. Two generations, as in
// `SeenTable`. A profile that changes elsewhere is replaced by the news of it.

import Messages
import Primitives
import Privacy

struct Profile: Sendable {
    var settings: UserSettings
    /// As persistence had it; `SeenTable` may know something newer.
    var stored: Stamp?
}

struct Profiles: Sendable {
    private var young: [UserID: Profile] = [:]
    private var old: [UserID: Profile] = [:]
    /// Questions that wait for somebody's profile, in the order in which they came.
    private var waiting: [UserID: [QuestionID]] = [:]
    /// Who is to be read with the next flush.
    private var wanted: [UserID] = []
    /// Settings that came while their owner was being read: the answer may be older.
    private var newer: [UserID: UserSettings] = [:]

    var count: Int { young.count + old.count }

    subscript(user: UserID) -> Profile? { young[user] ?? old[user] }

    /// What persistence answered; news that came meanwhile stands.
    mutating func learn(_ profile: Profile, for user: UserID) {
        var profile = profile
        for known in [newer.removeValue(forKey: user), self[user]?.settings].compactMap({ $0 })
        where known.revision > profile.settings.revision { profile.settings = known }
        put(profile, for: user)
    }

    /// These settings of `user` hold, unless newer ones do.
    mutating func note(_ settings: UserSettings, of user: UserID) {
        if waiting[user] != nil, (newer[user]?.revision ?? 0) < settings.revision { newer[user] = settings }
        guard var profile = self[user], profile.settings.revision < settings.revision else { return }
        profile.settings = settings
        put(profile, for: user)
    }

    /// When `user` was here is known to nobody any more.
    mutating func forgetStamp(of user: UserID) {
        guard var profile = self[user] else { return }
        profile.stored = nil
        put(profile, for: user)
    }

    private mutating func put(_ profile: Profile, for user: UserID) {
        if young.updateValue(profile, forKey: user) == nil {
            old[user] = nil
            if young.count > LastSeenLimits.profileCountMax {
                old = young
                young = [:]
            }
        }
    }

    /// Forgets everybody: they are read again when they are wanted.
    mutating func removeAll() {
        young = [:]
        old = [:]
    }

    /// `question` goes on when `user` is known.
    mutating func want(_ user: UserID, for question: QuestionID) {
        if waiting[user] == nil { wanted.append(user) }
        waiting[user, default: []].append(question)
    }

    /// Reads `user` anew, though nobody asks.
    mutating func want(_ user: UserID) {
        guard waiting[user] == nil else { return }
        waiting[user] = []
        wanted.append(user)
    }

    mutating func takeWanted() -> [UserID] {
        defer { wanted = [] }
        return wanted
    }

    /// Who waited for `user`.
    mutating func takeWaiting(for user: UserID) -> [QuestionID] {
        newer[user] = nil
        return waiting.removeValue(forKey: user) ?? []
    }

    mutating func wantAgain(_ users: some Sequence<UserID>) { wanted.append(contentsOf: users) }
}

/// A question that waits for something.
struct QuestionID: Hashable, Sendable { var rawValue: UInt32 }
