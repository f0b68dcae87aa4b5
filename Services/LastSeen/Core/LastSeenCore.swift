// The last-seen shard: when its share of the people were here, who watches them, and who may.
//
// Last seen counts people, not apps: parsers tell of what persons did, session shards of connections that ended, nobody tells of
// acknowledgements and pings. Everything here is soft. A stamp that was not stored yet, a list of who watches whom: a crash
// loses the last seconds of the one, and clients say the other again. Only settings are a promise, and those are in persistence
// before they are answered.
//
//     SeenTable.swift   one stamp a person
//     Fronts.swift      who is here now
//     Acts.swift        activity, apps that come and go, connections that end
//     Storing.swift     stamps on their way to persistence
//     Profiles.swift    what persistence knows of people, read when it is wanted
//     Questions.swift   `presence` and `presence.watch`, on both sides: of who asks, and of who is asked about
//     Homes.swift       what the connections of our people watch
//     Watches.swift     who watches our people, and what news they are owed
//     Settings.swift    privacy and blocks: changed, stored, told to everybody who acts by them
//
// About disagreement: two shards may both take somebody for theirs for a while. Stamps are merged by the maximum, in persistence
// too; settings carry a revision, and the higher one stands; a watch is asked of the shard that holds the person in the eyes of
// the one who asks, and asked anew when that changes.

import ClientProtocol
import Cluster
import CoreKit
import Messages
import Primitives
import Privacy
import RPC

public struct LastSeenCore: ServiceCore {
    enum Timer: Hashable, Sendable {
        /// Somebody may have done nothing for the threshold.
        case fade
        /// Stamps have gathered long enough.
        case store
        /// Watchers are owed news.
        case news
        /// Ask for what is to be watched, where it was not asked or has to be asked again; read watched people again.
        case resume
        /// Watches that nobody said again are over.
        case lapse
        /// Ask how the settings stand that may have been changed: the answer was lost.
        case doubt
        /// Settings are told again to those in reach who did not take them.
        case missed
        /// Another shard is out of reach: what its people watch here is dropped.
        case lease(NodeID)
    }

    /// What a call was made for.
    enum Pending: Sendable {
        case profiles([UserID])
        case store(NodeID, [SeenBatch.Item])
        case lines(QuestionID, NodeID, [UserID])
        case change(SettingsQuery)
        /// How do they stand, after an answer was lost?
        case doubt(UserID)
        /// A peer hears of settings; `QuestionID` waits for all of them.
        case news(QuestionID, NodeID, SettingsNews)
        /// The same, later: nobody waits.
        case lateNews(NodeID, SettingsNews)
    }

    let selfID: NodeID
    var shards: LiveRing
    var stores: LiveRing
    var sessions: LiveRing
    private(set) var gateways: Set<NodeID>
    var seen = SeenTable(capacity: LastSeenLimits.knownCountMax)
    var fronts: Fronts
    var profiles = Profiles()
    var watches = Watches()
    var homes = Homes()
    var questions: [QuestionID: Question] = [:]
    /// Watch lists to look through since a shard came or went.
    var toResume: [ConnectionPlace] = []
    /// People who are watched here, to be read again since a shard came.
    var toReread: [UserID] = []
    var storing = Storing()
    /// Settings that peers out of reach have not heard of.
    var missed: [NodeID: [UserID: UserSettings]] = [:]
    /// People whose settings may have been changed without our knowing.
    var doubtful: Set<UserID> = []
    var timers = TimerQueue<Timer>()
    public var load: LoadBook
    var counters = LastSeenCounters()
    private var calls = CallTable<Pending>()
    private var callNext: UInt32 = 0
    private var questionNext: UInt32 = 0

    private static func tells(_ cluster: ClusterMap) -> [NodeID] { [Role.parser, .api].flatMap { cluster.nodes(of: $0).map(\.id) } }

    public init(selfID: NodeID, cluster: ClusterMap) {
        self.selfID = selfID
        shards = LiveRing(cluster.ring(of: .lastSeen))
        stores = LiveRing(cluster.ring(of: .persistence))
        sessions = LiveRing(cluster.ring(of: .session))
        gateways = Set(cluster.nodes(of: .gateway).map(\.id))
        load = LoadBook()
        load.adopt(needs: cluster.nodes(of: .persistence).map(\.id), tells: Self.tells(cluster))
        fronts = Fronts(threshold: .milliseconds(Int64(cluster.presenceRules.onlineMs)))
        _ = shards.set(selfID, isUp: true)
    }

    // MARK: ServiceCore

    public mutating func on(_ event: Event, now: Now, effects: inout [Effect]) {
        switch event {
        case .peerUp(let node): onPeer(node, isUp: true, now: now, &effects)
        case .peerDown(let node): onPeer(node, isUp: false, now: now, &effects)
        case .clusterChanged(let cluster): onClusterChanged(cluster, now: now)
        case .received(let node, let message): onReceived(node, message, now: now, &effects)
        case .requested(let call, let message): onRequested(call, message, now: now, &effects)
        case .answered(let call, let message): onEnd(of: call, .success(message), now: now, &effects)
        case .refused(let call, let refusal): onEnd(of: call, .failure(refusal), now: now, &effects)
        case .deadline: onDeadline(now: now, &effects)
        case .flush: readProfiles(&effects)
        case .epoch, .clientAccepted, .clientReceived, .clientClosed, .committed, .commitFailed, .disk: break
        }
    }

    public mutating func deadline() -> Instant? { timers.next() }

    public var unreadiness: String? {
        stores.up.count < stores.ring.nodeIDs.count ? "a persistence service is not connected" : nil
    }

    public func newOwner(of message: Message) -> NodeID? {
        let user: UserID
        switch message {
        case .presenceQuery(let query): user = query.origin.user
        case .settingsQuery(let query): user = query.origin.user
        case .appFront(let front): user = front.user
        default: return nil
        }
        let primary = shards.primary(of: user)
        return primary == selfID ? nil : primary
    }

    public var remainder: String? {
        if homes.count > 0 { return "\(homes.count) watch lists are here" }
        let count = seen.unsavedCount
        return count == 0 ? nil : "\(count) stamps are not stored yet"
    }

    // MARK: Facts

    /// Watch lists go to the shards that their people have now, and are asked for anew where the watched have moved; who is watched
    /// here and has moved is not watched here any more.
    private mutating func onClusterChanged(_ cluster: ClusterMap, now: Now) {
        shards.adopt(cluster.ring(of: .lastSeen))
        _ = shards.set(selfID, isUp: true)
        stores.adopt(cluster.ring(of: .persistence))
        sessions.adopt(cluster.ring(of: .session))
        gateways = Set(cluster.nodes(of: .gateway).map(\.id))
        load.adopt(needs: cluster.nodes(of: .persistence).map(\.id), tells: Self.tells(cluster))
        for user in watches.users where shards.primary(of: user) != selfID { watches.removeAll(for: user) }
        toResume = homes.all
        timers.arm(.resume, at: now.instant)
    }

    private mutating func onPeer(_ node: NodeID, isUp: Bool, now: Now, _ effects: inout [Effect]) {
        _ = stores.set(node, isUp: isUp)
        _ = sessions.set(node, isUp: isUp)
        if shards.set(node, isUp: isUp) { onShard(node, isUp: isUp, now: now) }
        guard isUp else { return }
        if gateways.contains(node) {
            watches.noteAll(at: node, now: now.instant)
            armNews(now: now)
        }
        tellMissed(node, &effects)
    }

    /// Both sides of a link that broke begin anew: it tells us again what its people watch, and we tell it.
    private mutating func onShard(_ node: NodeID, isUp: Bool, now: Now) {
        homes.forget(node)
        toResume = homes.all
        timers.arm(.resume, at: now.instant)
        if isUp {
            timers.cancel(.lease(node))
            watches.removeAll(of: node)
            // It may have changed settings that we did not hear of: everybody is read again. Whoever is watched is, too.
            profiles.removeAll()
            toReread = watches.users
        } else {
            timers.arm(.lease(node), at: now.instant + LastSeenLimits.lease)
        }
    }

    private mutating func onReceived(_ node: NodeID, _ message: Message, now: Now, _ effects: inout [Effect]) {
        switch message {
        case .activity(let batch): onActivity(batch, now: now)
        case .appFront(let front): onFront(front, now: now)
        case .presenceGone(let gone): onGone(gone, now: now, &effects)
        case .presenceQuery(let query): onQuery(query, now: now, &effects)
        case .settingsQuery(let query): onSettingsQuery(query, &effects)
        case .unwatch(let unwatch): for user in unwatch.users { watches.remove(unwatch.place, of: user) }
        case .featureRequest(let request):
            counters.featuresRefused += 1
            let error = ErrorFrame(.unsupported, "\(request.feature) is not part of this release", ref: request.reference)
            effects.append(.tell(request.origin, .error(error)))
        default:
            effects.append(
                .log(LogRecord(.warning, "unexpected_message", ["peer": "\(node)", "method": "\(message.method)"])))
        }
    }

    private mutating func onRequested(_ call: RemoteCall, _ message: Message, now: Now, _ effects: inout [Effect]) {
        switch message {
        case .lookUp(let lookUp): onLookUp(call, lookUp, now: now, &effects)
        case .settingsNews(let news):
            take(news.settings, of: news.owner, now: now, &effects)
            effects.append(.answer(call, .done))
        default: effects.append(.refuse(call, Refusal(.unsupported)))
        }
    }

    private mutating func onEnd(
        of call: CallID, _ result: Result<Message, Refusal>, now: Now, _ effects: inout [Effect]
    ) {
        guard let pending = calls.remove(call) else { return }
        switch pending {
        case .profiles(let users): onProfiles(users, result, now: now, &effects)
        case .store(let node, let items): onStored(node, items, result, now: now, &effects)
        case .lines(let question, let node, let users): onLines(question, node, users, result, now: now, &effects)
        case .change(let query): onChanged(query, result, now: now, &effects)
        case .doubt(let owner): onDoubtAnswered(owner, result, now: now, &effects)
        case .news(let question, let node, let news): onNewsTold(question, node, news, result, now: now, &effects)
        case .lateNews(let node, let news): if case .failure = result { note(news, missedBy: node, now: now) }
        }
    }

    private mutating func onDeadline(now: Now, _ effects: inout [Effect]) {
        while let timer = timers.popDue(now.instant) {
            switch timer {
            case .fade: onFade(now: now)
            case .store: beginStoring(&effects)
            case .news: onNewsRound(now: now, &effects)
            case .resume: onResume(now: now, &effects)
            case .lapse: onLapse(now: now, &effects)
            case .doubt: askAboutDoubtful(now: now, &effects)
            case .missed: for node in peersUp { tellMissed(node, &effects) }
            case .lease(let node): watches.removeAll(of: node)
            }
        }
    }

    // MARK: Tools

    /// Calls `node` and remembers why.
    mutating func call(_ node: NodeID, _ message: Message, _ pending: Pending, _ effects: inout [Effect]) {
        repeat { callNext &+= 1 } while calls.contains(CallID(rawValue: callNext))
        calls.insert(CallID(rawValue: callNext), pending)
        effects.append(.call(node, CallID(rawValue: callNext), message))
    }

    mutating func newQuestion() -> QuestionID {
        repeat { questionNext &+= 1 } while questions[QuestionID(rawValue: questionNext)] != nil
        return QuestionID(rawValue: questionNext)
    }

    func refuse(_ origin: Origin, _ error: ErrorFrame, _ effects: inout [Effect]) {
        effects.append(.tell(origin, .error(error)))
    }
}

/// The figures of a shard.
struct LastSeenCounters: Sendable {
    var acts: UInt64 = 0
    var batches: UInt64 = 0
    var departures: UInt64 = 0
    var departureBatches: UInt64 = 0
    var pushes: UInt64 = 0
    var questions: UInt64 = 0
    var questionsRefused: UInt64 = 0
    var profilesRead: UInt64 = 0
    var stampsStored: UInt64 = 0
    var settingsChanged: UInt64 = 0
    var settingsMissed: UInt64 = 0
    var featuresRefused: UInt64 = 0
}

extension LastSeenCore {
    public func report(into page: inout MetricsPage) {
        page.gauge("fantail_last_seen_users", "People whose last act is in memory.", seen.count)
        page.gauge("fantail_last_seen_users_unsaved", "Of these, people whose stamp is still to be stored.", seen.unsavedCount)
        page.gauge("fantail_last_seen_users_online", "People who are online.", fronts.count)
        page.gauge("fantail_last_seen_users_watched", "People whom somebody watches.", watches.watchedCount)
        page.gauge("fantail_last_seen_watchers", "Watchers of these, each counted for everybody it watches.", watches.count)
        page.gauge("fantail_last_seen_profiles", "People whose settings are in memory.", profiles.count)
        page.counter("fantail_last_seen_acts_total", "Acts of people that came in, merged by parsers.", counters.acts)
        page.counter("fantail_last_seen_batches_total", "Batches in which they came.", counters.batches)
        page.counter("fantail_last_seen_departures_total", "Connections that ended.", counters.departures)
        page.counter("fantail_last_seen_departure_batches_total", "Batches in which they came.", counters.departureBatches)
        page.counter("fantail_last_seen_pushes_total", "Lines pushed to watchers.", counters.pushes)
        page.counter("fantail_last_seen_questions_total", "Requests for presence.", counters.questions)
        page.counter("fantail_last_seen_questions_refused_total", "Of these, answered with an error.", counters.questionsRefused)
        page.counter("fantail_last_seen_profiles_read_total", "People read from persistence.", counters.profilesRead)
        page.counter("fantail_last_seen_stamps_stored_total", "Stamps that persistence took.", counters.stampsStored)
        page.counter("fantail_last_seen_settings_changed_total", "Changes of settings.", counters.settingsChanged)
        page.counter(
            "fantail_last_seen_settings_missed_total", "Changes that a peer could not be told at once.", counters.settingsMissed)
        page.counter(
            "fantail_last_seen_features_refused_total", "Requests for what this release does not do.", counters.featuresRefused)
    }
}
