// Who is online, and when were the others here? Asked once, or watched.
//
// Whoever asks is served by their own shard. It knows whom they let see themselves, and asks only about those: hiding is mutual.
// Each shard that is asked answers by the settings of its own people. So both sides have had their say before a line is shown.

import ClientProtocol
import CoreKit
import Messages
import Primitives
import Privacy
import RPC

/// Something that waits.
enum Question: Sendable {
    /// For the settings of whoever asks.
    case own(PresenceQuery)
    /// For those of the people asked about, so many.
    case look(RemoteCall, LookUp, missing: Int)
    /// For the lines of other shards.
    case gather(Gather)
    /// For peers that hear of changed settings.
    case spread(Origin, MessageID?, UserSettings, outstanding: Int)
}

/// Lines that come in from shards.
struct Gather: Sendable {
    let origin: Origin
    let reference: MessageID?
    /// Everybody who was asked about, in the order of the request.
    let users: [UserID]
    let isWatch: Bool
    /// Nobody asked just now: these are watched, and are asked about again.
    let isNews: Bool
    var lines: [UserID: PresenceLines.Item] = [:]
    var outstanding = 0
    var hasFailed = false
}

extension LastSeenCore {
    // MARK: The side of who asks

    mutating func onQuery(_ query: PresenceQuery, now: Now, _ effects: inout [Effect]) {
        counters.questions += 1
        var known: Set<UserID> = []
        var query = query
        query.users = query.users.filter { known.insert($0).inserted }
        let isTooMuch = query.isWatch && homes.watchCount + query.users.count > LastSeenLimits.watchCountMax
        guard questions.count < LastSeenLimits.questionCountMax, !isTooMuch else {
            return refuse(query, ErrorFrame(Refusal(.overloaded, retryAfterMs: LastSeenLimits.retryMs), ref: query.reference), &effects)
        }
        if let settings = settings(of: query.origin.user) { return begin(query, settings, now: now, &effects) }
        let id = newQuestion()
        questions[id] = .own(query)
        profiles.want(query.origin.user, for: id)
    }

    private mutating func refuse(_ query: PresenceQuery, _ error: ErrorFrame, _ effects: inout [Effect]) {
        counters.questionsRefused += 1
        refuse(query.origin, error, &effects)
    }

    /// The settings of whoever asks are known.
    private mutating func begin(_ query: PresenceQuery, _ settings: UserSettings, now: Now, _ effects: inout [Effect]) {
        let place = ConnectionPlace(gateway: query.origin.gateway, connection: query.origin.connection)
        if query.isWatch {
            let (ended, surplus) = homes.set(query.origin, query.users, now: now.instant)
            unwatch(place, ended, &effects)
            for former in surplus { unwatch(former, homes.remove(former), &effects) }
        }
        let gather = Gather(
            origin: query.origin, reference: query.reference, users: query.users, isWatch: query.isWatch, isNews: false)
        // Whom she does not let see herself she may have watched before she hid.
        let hidden = query.users.filter { !maySee($0, query.origin.user, settings) }
        if query.isWatch {
            unwatch(place, asked(of: place, among: hidden), &effects)
            let moved = query.users.filter { user in homes.asked(place, about: user).map { $0 != shard(of: user) } ?? false }
            unwatch(place, asked(of: place, among: moved), &effects)
            if homes.count > 0 { timers.armIfIdle(.lapse, at: now.instant + LastSeenLimits.lapseStep) }
        }
        ask(gather, about: query.users.filter { maySee($0, query.origin.user, settings) }, now: now, &effects)
    }

    /// Whom to ask about `user`. A shard that is draining stands in while none of the others is up.
    private func shard(of user: UserID) -> NodeID { shards.route(user) ?? selfID }

    private func maySee(_ user: UserID, _ viewer: UserID, _ settings: UserSettings) -> Bool {
        user == viewer || settings.lets(user)
    }

    /// Asks the shards of `users`; who is not among them is hidden.
    private mutating func ask(_ gather: Gather, about users: [UserID], now: Now, _ effects: inout [Effect]) {
        let place = ConnectionPlace(gateway: gather.origin.gateway, connection: gather.origin.connection)
        var shares: [NodeID: [UserID]] = [:]
        for user in users {
            let node = shard(of: user)
            shares[node, default: []].append(user)
            if gather.isWatch { homes.note(place, user, asked: node) }
        }
        var gather = gather
        gather.outstanding = shares.count
        guard gather.outstanding > 0 else { return conclude(gather, &effects) }
        let id = newQuestion()
        questions[id] = .gather(gather)
        let watcher = gather.isWatch ? LookUp.Watcher(place: place, encoding: gather.origin.encoding) : nil
        for (node, share) in shares.sorted(by: { $0.key < $1.key }) {
            let lookUp = LookUp(viewer: gather.origin.user, users: share, watcher: watcher)
            call(node, .lookUp(lookUp), .lines(id, node, share), &effects)
        }
    }

    mutating func onLines(
        _ id: QuestionID, _ node: NodeID, _ users: [UserID], _ result: Result<Message, Refusal>, now: Now,
        _ effects: inout [Effect]
    ) {
        guard case .gather(var gather)? = questions[id] else { return }
        let place = ConnectionPlace(gateway: gather.origin.gateway, connection: gather.origin.connection)
        gather.outstanding -= 1
        if case .success(.presenceLines(let lines)) = result, lines.items.count == users.count {
            // The connection may have ended meanwhile, or want others, or hide: then the shard has taken a watcher that is none.
            let stale = gather.isWatch ? users.filter { homes.asked(place, about: $0) != node } : []
            unwatch(place, stale.map { ($0, node) }, &effects)
            for (user, item) in zip(users, lines.items) where !stale.contains(user) { gather.lines[user] = item }
        } else {
            gather.hasFailed = true
            if gather.isWatch {
                for user in users where homes.asked(place, about: user) == node { homes.note(place, user, asked: nil) }
                // Whoever watches need not ask again: it is done for them.
                if toResume.isEmpty { toResume = homes.all }
                timers.armIfIdle(.resume, at: now.instant + LastSeenLimits.newsInterval)
            }
        }
        questions[id] = gather.outstanding > 0 ? .gather(gather) : nil
        if gather.outstanding == 0 { conclude(gather, &effects) }
    }

    private mutating func conclude(_ gather: Gather, _ effects: inout [Effect]) {
        if gather.isNews {
            let lines = gather.users.filter { gather.lines[$0] != nil }.map { PresenceLine($0, gather.lines[$0]!) }
            if !lines.isEmpty { effects.append(.tell(gather.origin, .presence(ref: nil, users: lines))) }
            return
        }
        guard !gather.hasFailed else {
            counters.questionsRefused += 1
            let error = ErrorFrame(.unavailable, "a shard of last-seen is away", ref: gather.reference, retryMs: LastSeenLimits.retryMs)
            return refuse(gather.origin, error, &effects)
        }
        let lines = gather.users.map { PresenceLine($0, gather.lines[$0] ?? .hidden) }
        effects.append(.tell(gather.origin, .presence(ref: gather.reference, users: lines)))
        if gather.lines.values.contains(where: \.isFull) {
            let error = ErrorFrame(.tooManyUsers, "somebody of these has as many watchers as they may", ref: gather.reference)
            refuse(gather.origin, error, &effects)
        }
    }

    // MARK: Watching

    /// Which of `users` the connection watches at which shard; from here on it does not any more.
    mutating func asked(of place: ConnectionPlace, among users: [UserID]) -> [(UserID, NodeID)] {
        guard let home = homes[place] else { return [] }
        var ended: [(UserID, NodeID)] = []
        for (user, node) in zip(home.users, home.asked) {
            guard let node, users.contains(user) else { continue }
            homes.note(place, user, asked: nil)
            ended.append((user, node))
        }
        return ended
    }

    /// Tells shards that the connection watches these no more.
    mutating func unwatch(_ place: ConnectionPlace, _ ended: [(UserID, NodeID)], _ effects: inout [Effect]) {
        for node in Set(ended.map(\.1)).sorted(by: { $0.rawValue < $1.rawValue }) {
            let users = ended.filter { $0.1 == node }.map(\.0)
            if node == selfID {
                for user in users { watches.remove(place, of: user) }
            } else {
                effects.append(.send(node, .unwatch(Unwatch(place: place, users: users))))
            }
        }
    }

    /// Lists that their clients do not say any more.
    mutating func onLapse(now: Now, _ effects: inout [Effect]) {
        let since = now.instant + Interval(nanoseconds: -LastSeenLimits.watchLapse.nanoseconds)
        for place in homes.lapsed(since: since) { unwatch(place, homes.remove(place), &effects) }
        if homes.count > 0 { timers.arm(.lapse, at: now.instant + LastSeenLimits.lapseStep) }
    }

    /// Some of the watch lists, and of the people who are watched here, after a shard came or went: it may have changed settings
    /// of which nobody could tell us.
    mutating func onResume(now: Now, _ effects: inout [Effect]) {
        for place in toResume.prefix(LastSeenLimits.resumeCount) { refresh(place, now: now, &effects) }
        toResume.removeFirst(min(toResume.count, LastSeenLimits.resumeCount))
        for user in toReread.prefix(LastSeenLimits.resumeCount) { profiles.want(user) }
        toReread.removeFirst(min(toReread.count, LastSeenLimits.resumeCount))
        if !toResume.isEmpty || !toReread.isEmpty { timers.arm(.resume, at: now.instant + LastSeenLimits.roundPause) }
    }

    /// Brings what is asked for a connection in line with its list, with the settings of its owner, and with who is there.
    /// - Parameter news: the owner's settings, where they just came; else those that are known, and when none are, they are read,
    ///   and this is done when they are there.
    mutating func refresh(_ place: ConnectionPlace, news: UserSettings? = nil, now: Now, _ effects: inout [Effect]) {
        guard let home = homes[place] else { return }
        if let owner = shards.route(home.origin.user), owner != selfID { return handOver(home, to: owner, &effects) }
        guard let settings = settings(of: home.origin.user) ?? news else { return profiles.want(home.origin.user) }
        let visible = home.users.filter { maySee($0, home.origin.user, settings) }
        let hidden = home.users.filter { !maySee($0, home.origin.user, settings) }
        let gone = asked(of: place, among: hidden)
        unwatch(place, gone, &effects)
        if !gone.isEmpty {
            let lines = gone.map { PresenceLine($0.0, .hidden) }
            effects.append(.tell(home.origin, .presence(ref: nil, users: lines)))
        }
        let current = Dictionary(uniqueKeysWithValues: zip(home.users, home.asked))
        var moved: [(UserID, NodeID)] = []
        let toAsk = visible.filter { user in
            let former = current[user] ?? nil
            guard former != shard(of: user) else { return false }
            if let former { moved.append((user, former)) }
            return true
        }
        guard !toAsk.isEmpty else { return }
        unwatch(place, moved, &effects)
        let gather = Gather(origin: home.origin, reference: nil, users: toAsk, isWatch: true, isNews: true)
        ask(gather, about: toAsk, now: now, &effects)
    }

    /// The person's list belongs to another shard now: it is said there as her client would say it, and the shards of those whom
    /// she watches hear from that one.
    private mutating func handOver(_ home: Homes.Home, to owner: NodeID, _ effects: inout [Effect]) {
        let place = ConnectionPlace(gateway: home.origin.gateway, connection: home.origin.connection)
        let ended = homes.remove(place)
        for (user, node) in ended where node == selfID { watches.remove(place, of: user) }
        effects.append(
            .send(owner, .presenceQuery(PresenceQuery(origin: home.origin, reference: nil, users: home.users, isWatch: true))))
    }

    // MARK: The side of who is asked about

    mutating func onLookUp(_ call: RemoteCall, _ lookUp: LookUp, now: Now, _ effects: inout [Effect]) {
        guard questions.count < LastSeenLimits.questionCountMax,
            lookUp.watcher == nil || watches.count + lookUp.users.count <= LastSeenLimits.watchCountMax
        else { return effects.append(.refuse(call, Refusal(.overloaded, retryAfterMs: LastSeenLimits.retryMs))) }
        let missing = lookUp.users.filter { profiles[$0] == nil }
        guard !missing.isEmpty else { return answer(call, lookUp, now: now, &effects) }
        let id = newQuestion()
        questions[id] = .look(call, lookUp, missing: missing.count)
        for user in missing { profiles.want(user, for: id) }
    }

    private mutating func answer(_ call: RemoteCall, _ lookUp: LookUp, now: Now, _ effects: inout [Effect]) {
        var items: [PresenceLines.Item] = []
        for user in lookUp.users {
            let settings = settings(of: user)
            let isVisible = user == lookUp.viewer || settings?.lets(lookUp.viewer) == true
            var item = isVisible ? line(of: user) : .hidden
            if let to = lookUp.watcher, let settings {
                let watcher = Watches.Watcher(
                    viewer: lookUp.viewer, to: to, home: call.node, wasVisible: isVisible, toldAt: now.instant, told: 0)
                item.isFull = !watches.add(watcher, of: user, settings: settings)
            }
            items.append(item)
        }
        effects.append(.answer(call, .presenceLines(PresenceLines(items: items))))
    }

    /// What somebody is told who may see `user`.
    private func line(of user: UserID) -> PresenceLines.Item {
        let stored = profiles[user]?.stored
        let newest = [seen[user], stored].compactMap { $0 }.max()
        return PresenceLines.Item(isOnline: fronts.isHere(user), lastSeen: newest)
    }

    /// Of somebody who is known here; nil: to be read first.
    func settings(of user: UserID) -> UserSettings? { profiles[user]?.settings ?? watches.settings(of: user) }

    // MARK: News

    mutating func onNewsRound(now: Now, _ effects: inout [Effect]) {
        // Messages come first: news waits, the newest state wins, and nobody is shown anything new meanwhile.
        guard load.admits(.typing) else { return timers.arm(.news, at: now.instant + LastSeenLimits.newsInterval) }
        var user: UserID?
        // Rendered once for all watchers of a person: hidden and visible, in each encoding.
        var rendered: [UInt8: [UInt8]] = [:]
        for push in watches.round(now: now.instant) {
            if push.user != user {
                user = push.user
                rendered = [:]
            }
            let key = push.to.encoding.rawValue << 1 | (push.isVisible ? 1 : 0)
            let bytes: [UInt8]
            if let known = rendered[key] {
                bytes = known
            } else {
                let item = push.isVisible ? line(of: push.user) : .hidden
                bytes = ServerFrame.presence(ref: nil, users: [PresenceLine(push.user, item)]).encoded(as: push.to.encoding)
                rendered[key] = bytes
            }
            counters.pushes += 1
            effects.append(
                .send(push.to.place.gateway, .clientOutput(ClientOutput(connection: push.to.place.connection, bytes: bytes))))
        }
        armNews(now: now)
    }

    // MARK: Profiles

    /// Everybody who came to be wanted in this tick, in as few requests as there are partitions.
    mutating func readProfiles(_ effects: inout [Effect]) {
        let wanted = profiles.takeWanted()
        guard !wanted.isEmpty else { return }
        var shares: [NodeID: [UserID]] = [:]
        for user in wanted { shares[stores.primary(of: user), default: []].append(user) }
        for node in stores.ring.nodeIDs {
            var share = (shares[node] ?? [])[...]
            while !share.isEmpty {
                let users = Array(share.prefix(MessageLimits.presenceUserCountMax))
                share = share.dropFirst(users.count)
                call(node, .readPresence(ReadPresence(users: users)), .profiles(users), &effects)
            }
        }
    }

    mutating func onProfiles(
        _ users: [UserID], _ result: Result<Message, Refusal>, now: Now, _ effects: inout [Effect]
    ) {
        guard case .success(.presencePage(let page)) = result, !page.items.isEmpty, page.items.count <= users.count else {
            let refusal = if case .failure(let refusal) = result { refusal } else { Refusal(.unsupported) }
            for user in users { for id in profiles.takeWaiting(for: user) { fail(id, refusal, &effects) } }
            // Lists that wait for their owners' settings: at most one reading of a person is under way, so that this does not grow.
            let lists = users.flatMap { homes.connections(of: $0) }
            if !lists.isEmpty {
                toResume += lists
                timers.armIfIdle(.resume, at: now.instant + LastSeenLimits.newsInterval)
            }
            return
        }
        counters.profilesRead += UInt64(page.items.count)
        for (user, item) in zip(users, page.items) {
            profiles.learn(Profile(settings: item.settings, stored: item.lastSeen), for: user)
            watches.note(user, settings: item.settings, now: now.instant)
            for place in homes.connections(of: user) { refresh(place, now: now, &effects) }
            for id in profiles.takeWaiting(for: user) { goOn(id, now: now, &effects) }
        }
        // The rest did not have room in the page.
        profiles.wantAgain(users.dropFirst(page.items.count))
        armNews(now: now)
    }

    /// One more of the people that the question waits for is known.
    private mutating func goOn(_ id: QuestionID, now: Now, _ effects: inout [Effect]) {
        switch questions[id] {
        case .own(let query):
            questions[id] = nil
            guard let settings = settings(of: query.origin.user) else { return }
            begin(query, settings, now: now, &effects)
        case .look(let call, let lookUp, let missing):
            questions[id] = missing > 1 ? .look(call, lookUp, missing: missing - 1) : nil
            if missing == 1 { answer(call, lookUp, now: now, &effects) }
        case .gather, .spread, nil: break
        }
    }

    private mutating func fail(_ id: QuestionID, _ refusal: Refusal, _ effects: inout [Effect]) {
        switch questions.removeValue(forKey: id) {
        case .own(let query): refuse(query, ErrorFrame(refusal, ref: query.reference), &effects)
        case .look(let call, _, _):
            effects.append(.refuse(call, Refusal(.unavailable, retryAfterMs: LastSeenLimits.retryMs)))
        case .gather, .spread, nil: break
        }
    }
}

extension PresenceLine {
    init(_ user: UserID, _ item: PresenceLines.Item) {
        self.init(user: user, isOnline: item.isOnline, lastSeen: item.lastSeen)
    }
}
