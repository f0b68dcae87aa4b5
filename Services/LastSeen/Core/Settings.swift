// Settings: changed in persistence, then told to everybody who acts by them, then answered.
//
// The answer is a promise: what was hidden is hidden, on all devices and at every shard in reach. So the shards that act by
// settings are told first, and the answer waits for them. A shard out of reach is told when it is back; what it shows meanwhile
// is what it knew.

import ClientProtocol
import CoreKit
import Messages
import Primitives
import Privacy
import RPC

extension LastSeenCore {
    mutating func onSettingsQuery(_ query: SettingsQuery, _ effects: inout [Effect]) {
        let owner = query.origin.user
        // Nothing of it may reach the store behind this.
        if case .erase = query.change { forgetStamp(of: owner) }
        call(stores.primary(of: owner), .changeSettings(ChangeSettings(owner: owner, change: query.change)), .change(query), &effects)
    }

    mutating func onChanged(
        _ query: SettingsQuery, _ result: Result<Message, Refusal>, now: Now, _ effects: inout [Effect]
    ) {
        let origin = query.origin
        guard case .success(.settingsStored(let stored)) = result else {
            let refusal = if case .failure(let refusal) = result { refusal } else { Refusal(.unsupported) }
            // Perhaps it is stored, and only the answer was lost.
            if refusal.code == .timedOut || refusal.code == .peerDown { doubt(origin.user, now: now) }
            return refuse(origin, ErrorFrame(refusal, ref: query.reference), &effects)
        }
        switch stored.outcome {
        case .same where query.change == .question:
            effects.append(.tell(origin, .settings(ref: query.reference, stored.settings)))
        // It may be the repeat of a change that is stored and was told to nobody: whoever was to tell it has died.
        case .same:
            take(stored.settings, of: origin.user, now: now, &effects)
            spread(stored.settings, query, now: now, &effects)
        case .tooManyBlocks:
            let error = ErrorFrame(.tooManyUsers, "at most \(PrivacyLimits.blockCountMax) users can be blocked", ref: query.reference)
            refuse(origin, error, &effects)
        case .changed:
            counters.settingsChanged += 1
            if case .erase = query.change { forgetStamp(of: origin.user) }
            take(stored.settings, of: origin.user, now: now, &effects)
            spread(stored.settings, query, now: now, &effects)
        }
    }

    /// Whoever acts by settings: every session shard and every other last-seen shard.
    var peersUp: [NodeID] { sessions.present + shards.present.filter { $0 != selfID } }
    private var peersAway: [NodeID] { shards.away.filter { $0 != selfID } + sessions.away }

    /// Tells everybody who acts by them.
    private mutating func spread(_ settings: UserSettings, _ query: SettingsQuery, now: Now, _ effects: inout [Effect]) {
        let origin = query.origin
        let author = ConnectionPlace(gateway: origin.gateway, connection: origin.connection)
        let news = SettingsNews(owner: origin.user, settings: settings, author: author)
        for node in peersAway { note(news, missedBy: node, now: now) }
        let peers = peersUp
        let id = newQuestion()
        questions[id] = .spread(origin, query.reference, settings, outstanding: peers.count)
        for node in peers { call(node, .settingsNews(news), .news(id, node, news), &effects) }
        if peers.isEmpty { concludeSpread(id, &effects) }
    }

    mutating func onNewsTold(
        _ id: QuestionID, _ node: NodeID, _ news: SettingsNews, _ result: Result<Message, Refusal>, now: Now,
        _ effects: inout [Effect]
    ) {
        if case .failure = result { note(news, missedBy: node, now: now) }
        guard case .spread(let origin, let reference, let settings, let outstanding)? = questions[id] else { return }
        questions[id] = .spread(origin, reference, settings, outstanding: outstanding - 1)
        if outstanding == 1 { concludeSpread(id, &effects) }
    }

    private mutating func concludeSpread(_ id: QuestionID, _ effects: inout [Effect]) {
        guard case .spread(let origin, let reference, let settings, _)? = questions.removeValue(forKey: id) else { return }
        effects.append(.tell(origin, .settings(ref: reference, settings)))
    }

    // MARK: Answers that were lost

    private mutating func doubt(_ owner: UserID, now: Now) {
        guard doubtful.count < LastSeenLimits.doubtfulCountMax else { return }
        doubtful.insert(owner)
        timers.armIfIdle(.doubt, at: now.instant + LastSeenLimits.doubtPause)
    }

    /// What is asked now is answered behind what was asked before.
    mutating func askAboutDoubtful(now: Now, _ effects: inout [Effect]) {
        let owners = doubtful.sorted()
        doubtful = []
        for owner in owners {
            let question = ChangeSettings(owner: owner, change: .question)
            call(stores.primary(of: owner), .changeSettings(question), .doubt(owner), &effects)
        }
    }

    mutating func onDoubtAnswered(
        _ owner: UserID, _ result: Result<Message, Refusal>, now: Now, _ effects: inout [Effect]
    ) {
        guard case .success(.settingsStored(let stored)) = result else { return doubt(owner, now: now) }
        take(stored.settings, of: owner, now: now, &effects)
        let news = SettingsNews(owner: owner, settings: stored.settings, author: nil)
        for node in peersAway { note(news, missedBy: node, now: now) }
        for node in peersUp { call(node, .settingsNews(news), .lateNews(node, news), &effects) }
    }

    // MARK: Peers that were away

    /// It is told when it comes into reach, and in a second if it is: a link that is full refuses too.
    mutating func note(_ news: SettingsNews, missedBy node: NodeID, now: Now) {
        timers.armIfIdle(.missed, at: now.instant + LastSeenLimits.missedPause)
        counters.settingsMissed += 1
        if missed[node, default: [:]].count >= LastSeenLimits.missedCountMax { missed[node] = [:] }
        if (missed[node]?[news.owner]?.revision ?? 0) < news.settings.revision { missed[node, default: [:]][news.owner] = news.settings }
    }

    mutating func tellMissed(_ node: NodeID, _ effects: inout [Effect]) {
        guard let late = missed.removeValue(forKey: node) else { return }
        for owner in late.keys.sorted() {
            let news = SettingsNews(owner: owner, settings: late[owner]!, author: nil)
            call(node, .settingsNews(news), .lateNews(node, news), &effects)
        }
    }

    // MARK: Taking them in

    /// From now on these hold here, unless newer ones do.
    mutating func take(_ settings: UserSettings, of owner: UserID, now: Now, _ effects: inout [Effect]) {
        profiles.note(settings, of: owner)
        watches.note(owner, settings: settings, now: now.instant)
        for place in homes.connections(of: owner) { refresh(place, news: settings, now: now, &effects) }
        armNews(now: now)
    }
}
