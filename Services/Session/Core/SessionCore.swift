// The session shard: the brain of the delivery path for its share of the users.
//
// Store first, then answer `sent`, then push, then chase the acknowledgement. Everything kept here is soft: the inbox in
// persistence is the queue, a device is a cursor into it, and whatever a crash forgets is read again.
//
//     Delivery.swift    a message arrives: append, `sent`, push or poke
//     Devices.swift     a device comes, goes, catches up
//     Receipts.swift    acknowledgements become receipts, receipts reach authors
//     Cursors.swift     what a device has is written down, behind its receipts
//     Delays.swift      receipts that gather, for a moment or while the shard or its store is behind
//     Groups.swift      entries of groups come in for many at once, receipts go out for many at once
//     Typing.swift      who writes to whom just now
//     Presence.swift    connections that ended and settings that changed
//     Hooks.swift       what a product's backend is told
//     UserState.swift   what is known of one user; UserTable.swift: and where it lies
//
// About disagreement: two shards may believe that they hold the same user. Persistence alone numbers an inbox, so nothing
// clashes; a shard that stores out of turn pokes the others, and one that holds a user out of turn looks at the inbox's
// head every two seconds. A poke that cannot go straight goes by way of a third shard; and when two shards meet again, each
// looks once at the inboxes of everybody it holds, for what the other may have stored meanwhile. So nothing waits for long,
// whoever is right.

import ClientProtocol
import Cluster
import CoreKit
import Messages
import Primitives
import Privacy
import RPC

public struct SessionCore: ServiceCore {
    enum Timer: Hashable, Sendable {
        /// Entries pushed to some device of this user may be unanswered for too long.
        case acknowledgement(UserID)
        /// Work for this user was refused by another service: try again.
        case retry(UserID)
        /// Look at the inboxes of the users held out of turn.
        case outOfTurn
        /// Look at some more of the inboxes that another shard may have written to while it was out of reach.
        case meeting
        /// Tell persistence of some more of the devices that are here, lest it forgets them as unused.
        case renewal
        /// Marks for groups have gathered long enough.
        case groupMarks
        /// Receipts that were delayed have gathered long enough.
        case receipts
        /// Cursors have gathered long enough.
        case cursors
        /// Events for webhooks were not taken: try again.
        case hooks
    }

    /// What a call was made for.
    enum Pending: Sendable {
        case message(PendingDelivery)
        /// The message is stored; its copy for the author's other devices is on its way.
        case copy(PendingDelivery, Appended)
        case open(UserID, Attach)
        /// A device that is live and stays so.
        case renewal(UserID)
        case page(UserID, ConnectionID, NodeID, after: UInt64)
        case headers(UserID, after: UInt64)
        case receipt(UserID, round: UInt32)
        case cursor(UserID, DeviceID, UInt64)
        /// A receipt for a user of ours is being stored for the shard that waits in `RemoteCall`.
        case watermark(RemoteCall, Receipt)
        case receiptPage(UserID, ConnectionID, NodeID)
        case head(UserID)
        case read(Origin, UserID, Stamp)
        case history(Origin, MessageID?)
        case notice(UserID, ExpiryID)
        /// Entries of a group for these users.
        case shared(FanOutID, [UserID])
        case groupReceipts(UserID, [GroupMarkWaiter])
        case memberships(Origin, MessageID?)
        /// Events for webhooks.
        case hooks
    }

    let selfID: NodeID
    let isArchive: Bool
    var sessions: LiveRing
    var stores: LiveRing
    var groups: LiveRing
    var lastSeens: LiveRing
    var gatewaysUp: Set<NodeID> = []
    /// Of connections at gateways out of reach, oldest first.
    var attachesWaiting: [Attach] = []
    /// Connections of which the end was told before the beginning: it goes straight, a hello by way of a parser.
    var endedEarly: Set<Seat> = []
    /// Connections that ended in this tick: last-seen is told of all at once.
    var departures: [PresenceGone.Item] = []
    private var gateways: Set<NodeID>
    /// Peers that go by an older or a newer cluster file: what they store for our users they may not tell us.
    private var strayPeers: Set<NodeID> = []
    var users = UserTable()
    /// Users with a device here whose primary shard is another one.
    var outOfTurn: Set<UserID> = []
    /// Through those whose inbox is to be looked at since another shard came into reach.
    private var meeting = UserRound()
    private var renewal = UserRound()
    private let renewalInterval: Interval
    /// A shard came into reach, and nobody was gathered for it yet.
    private var hasMet = false
    var expiries: [ExpiryID: PendingExpiry] = [:]
    var fanOuts: [FanOutID: PendingFanOut] = [:]
    var groupMarks: [UserID: GroupMarkQueue] = [:]
    /// Groups with marks that gather, in the order in which they came.
    var groupsToFlush: [UserID] = []
    var delayed = DelayedReceipts()
    /// When receipts last started that nothing held up.
    var receiptsBegan: Instant?
    var cursors = CursorQueue()
    var hooks: HookOutbox
    public var load: LoadBook
    var timers = TimerQueue<Timer>()
    var counters = SessionCounters()
    private var calls = CallTable<Pending>()
    private var callNext: UInt32 = 0
    var serialNext: UInt32 = 0
    private var dice: SeededGenerator

    /// - Parameter expiry: after how long persistence forgets a device that gives no sign of life; default: the cluster's.
    public init(selfID: NodeID, cluster: ClusterMap, expiry: Interval? = nil, dice: SeededGenerator) {
        self.selfID = selfID
        self.dice = dice
        isArchive = cluster.storageMode == .archive
        sessions = LiveRing(cluster.ring(of: .session))
        stores = LiveRing(cluster.ring(of: .persistence))
        groups = LiveRing(cluster.ring(of: .group))
        lastSeens = LiveRing(cluster.ring(of: .lastSeen))
        gateways = Set(cluster.nodes(of: .gateway).map(\.id))
        hooks = HookOutbox(cluster)
        _ = sessions.set(selfID, isUp: true)
        load = LoadBook()
        load.adopt(needs: Self.needs(cluster), tells: Self.tells(cluster))
        let expiry = expiry ?? .seconds(Int64(cluster.expirySeconds))
        renewalInterval = Interval(nanoseconds: expiry.nanoseconds / SessionLimits.renewalsPerExpiry)
        timers.arm(.outOfTurn, at: .zero)
    }

    private static func needs(_ cluster: ClusterMap) -> [NodeID] { cluster.nodes(of: .persistence).map(\.id) }

    private static func tells(_ cluster: ClusterMap) -> [NodeID] {
        [Role.gateway, .parser, .group, .api].flatMap { cluster.nodes(of: $0).map(\.id) }
    }

    // MARK: ServiceCore

    public mutating func on(_ event: Event, now: Now, effects: inout [Effect]) {
        switch event {
        case .peerUp(let node): onPeer(node, isUp: true, now: now, &effects)
        case .peerDown(let node): onPeer(node, isUp: false, now: now, &effects)
        case .epoch(let node, let relation): onEpoch(of: node, relation, now: now)
        case .clusterChanged(let cluster): onClusterChanged(cluster, now: now)
        case .received(let node, let message): onReceived(node, message, now: now, &effects)
        case .requested(let call, let message): onRequested(call, message, &effects)
        case .answered(let call, let message): onEnd(of: call, .success(message), now: now, &effects)
        case .refused(let call, let refusal): onEnd(of: call, .failure(refusal), now: now, &effects)
        case .deadline: onDeadline(now: now, &effects)
        case .flush:
            armGroupMarks(now: now)
            tellDepartures(&effects)
            sendHooks(&effects)
        case .clientAccepted, .clientReceived, .clientClosed, .committed, .commitFailed, .disk: break
        }
    }

    public mutating func deadline() -> Instant? { timers.next() }

    public var unreadiness: String? {
        stores.up.count < stores.ring.nodeIDs.count ? "a persistence service is not connected" : nil
    }

    public func newOwner(of message: Message) -> NodeID? {
        let user: UserID
        switch message {
        case .deliver(let deliver): user = deliver.to
        case .receipt(let receipt): user = receipt.author
        case .typing(let typing): user = typing.to
        default: return nil
        }
        let primary = sessions.primary(of: user)
        return primary == selfID ? nil : primary
    }

    public var remainder: String? {
        let count = users.count
        return count == 0 ? nil : "\(count) \(count == 1 ? "user has" : "users have") a device here"
    }

    // MARK: Facts

    /// Users with a device here whose shard is another one.
    public var outOfTurnCount: Int { outOfTurn.count }

    /// A device of the user is here.
    public func holds(_ user: UserID) -> Bool { users[user]?.hasConnection ?? false }

    /// A device of the user is here, and this is her shard, as far as this shard knows.
    public func owns(_ user: UserID) -> Bool { holds(user) && !outOfTurn.contains(user) }

    /// Users stay where their gateways seat them: these move those whose shard is another one now, and only those. What we hold
    /// out of turn until then is looked after by `outOfTurn`.
    private mutating func onClusterChanged(_ cluster: ClusterMap, now: Now) {
        sessions.adopt(cluster.ring(of: .session))
        _ = sessions.set(selfID, isUp: true)
        stores.adopt(cluster.ring(of: .persistence))
        groups.adopt(cluster.ring(of: .group))
        lastSeens.adopt(cluster.ring(of: .lastSeen))
        gateways = Set(cluster.nodes(of: .gateway).map(\.id))
        hooks.adopt(cluster)
        load.adopt(needs: Self.needs(cluster), tells: Self.tells(cluster))
        outOfTurn = Set(users.keys.filter { users[$0]!.hasConnection && sessions.primary(of: $0) != selfID })
        onShardMet(now: now)
    }

    /// While somebody routes by another file, what is stored for a user held here may be told to another shard; when all are of
    /// one mind again, everybody's inbox is looked at once more.
    private mutating func onEpoch(of node: NodeID, _ relation: EpochRelation, now: Now) {
        if relation == .same { strayPeers.remove(node) } else { strayPeers.insert(node) }
        if strayPeers.isEmpty { onShardMet(now: now) }
    }

    private mutating func onPeer(_ node: NodeID, isUp: Bool, now: Now, _ effects: inout [Effect]) {
        if !isUp { strayPeers.remove(node) }
        if sessions.set(node, isUp: isUp), isUp { onShardMet(now: now) }
        _ = groups.set(node, isUp: isUp)
        _ = lastSeens.set(node, isUp: isUp)
        hooks.set(node, isUp: isUp)
        if stores.set(node, isUp: isUp), isUp {
            // What waited for this partition goes on at once.
            for user in users.keys.sorted() where stores.primary(of: user) == node {
                timers.arm(.retry(user), at: now.instant)
            }
        }
        guard gateways.contains(node) else { return }
        if isUp {
            gatewaysUp.insert(node)
            onGatewayUp(node, &effects)
        } else {
            gatewaysUp.remove(node)
            onGatewayDown(node, &effects)
        }
    }

    /// What the other shard stored for our users while it could not poke us is found by looking, once it surely sees us too:
    /// one end of a link knows before the other that it is up.
    private mutating func onShardMet(now: Now) {
        hasMet = true
        timers.arm(.meeting, at: now.instant + RPCLimits.handshakeTimeout)
    }

    private mutating func onMeetingTimer(now: Now, _ effects: inout [Effect]) {
        if hasMet {
            // Gathered only now: who came during the wait was stored for without a poke as well.
            hasMet = false
            meeting = UserRound(users.keys)
        }
        for user in meeting.next() { checkHead(user, &effects) }
        if !meeting.isOver { timers.arm(.meeting, at: now.instant + SessionLimits.roundPause) }
    }

    /// A round through everybody, a pause that is much longer, the next round.
    private mutating func onRenewalTimer(now: Now, _ effects: inout [Effect]) {
        if renewal.isOver { renewal = UserRound(users.keys) }
        for user in renewal.next() { renewDevices(user, &effects) }
        if renewal.isOver && users.isEmpty { return }
        timers.arm(.renewal, at: now.instant + (renewal.isOver ? renewalInterval : SessionLimits.roundPause))
    }

    /// The first device to come sets the rounds going; they end when nobody is here.
    mutating func armRenewal(now: Now) { timers.armIfIdle(.renewal, at: now.instant + renewalInterval) }

    /// A poke for somebody else's user goes on to her primary shard, if that is in reach: its sender may not see it.
    private mutating func onPoke(_ poke: Poke, from node: NodeID, _ effects: inout [Effect]) {
        checkHead(poke.owner, &effects)
        let primary = sessions.primary(of: poke.owner)
        guard primary != selfID, primary != node, sessions.isUp(primary) else { return }
        counters.pokesSent += 1
        effects.append(.send(primary, .poke(poke)))
    }

    private mutating func onReceived(_ node: NodeID, _ message: Message, now: Now, _ effects: inout [Effect]) {
        switch message {
        case .deliver(let deliver): onDeliver(deliver, &effects)
        case .acknowledge(let acknowledge): onAcknowledge(acknowledge, from: node, now: now, &effects)
        case .markRead(let mark): onMarkRead(mark, now: now, &effects)
        case .attach(let attach): onAttach(attach, &effects)
        case .detach(let detach): onDetach(detach, from: node, &effects)
        case .poke(let poke): onPoke(poke, from: node, &effects)
        case .historyQuery(let query): onHistoryQuery(query, &effects)
        case .membershipQuery(let query): onMembershipQuery(query, &effects)
        case .groupNotice(let notice): onGroupNotice(notice, &effects)
        case .typing(let typing): onTyping(typing, now: now, &effects)
        case .groupTyping(let typing): onGroupTyping(typing, &effects)
        default:
            effects.append(
                .log(LogRecord(.warning, "unexpected_message", ["peer": "\(node)", "method": "\(message.method)"])))
        }
    }

    private mutating func onRequested(_ call: RemoteCall, _ message: Message, _ effects: inout [Effect]) {
        switch message {
        case .receipt(let receipt): onReceipt(receipt, call, &effects)
        case .expiredReport(let report): onExpiredReport(report, call, &effects)
        case .fanOut(let fanOut): onFanOut(fanOut, call, &effects)
        case .settingsNews(let news): onSettingsNews(news, call, &effects)
        default: effects.append(.refuse(call, Refusal(.unsupported)))
        }
    }

    private mutating func onEnd(
        of call: CallID, _ result: Result<Message, Refusal>, now: Now, _ effects: inout [Effect]
    ) {
        guard let pending = calls.remove(call) else { return }
        switch pending {
        case .message(let delivery): onMessageStored(delivery, result, now: now, &effects)
        case .copy(let delivery, let message): onCopyStored(delivery, message, result, &effects)
        case .open(let user, let attach): onOpened(user, attach, call, result, now: now, &effects)
        case .renewal(let user): onRenewed(user, result, &effects)
        case .page(let user, let connection, let gateway, let after):
            onPage(user, connection, gateway, after: after, call, result, now: now, &effects)
        case .headers(let user, let after): onHeaders(user, after: after, call, result, now: now, &effects)
        case .receipt(let user, let round): onReceiptDone(user, round: round, result, now: now, &effects)
        case .cursor(let user, let device, let number): onCursorStored(user, device, number, result, now: now, &effects)
        case .watermark(let remote, let receipt): onWatermarkStored(remote, receipt, result, now: now, &effects)
        case .receiptPage(let user, let connection, let gateway):
            onReceiptPage(user, connection, gateway, call, result, now: now, &effects)
        case .head(let user): onHead(user, call, result, now: now, &effects)
        case .read(let origin, let peer, let stamp): onReadStored(origin, peer, stamp, result, &effects)
        case .history(let origin, let reference): onHistory(origin, reference, result, &effects)
        case .notice(let author, let expiry): onNoticeStored(author, expiry, result, &effects)
        case .shared(let fanOut, let recipients): onSharedStored(fanOut, recipients, result, now: now, &effects)
        case .groupReceipts(let group, let waiters): onGroupMarked(group, waiters, result, now: now, &effects)
        case .memberships(let origin, let reference): onMemberships(origin, reference, result, &effects)
        case .hooks: onHooksTaken(result, now: now)
        }
    }

    private mutating func onDeadline(now: Now, _ effects: inout [Effect]) {
        while let timer = timers.popDue(now.instant) {
            switch timer {
            case .acknowledgement(let user): onAckTimer(user, now: now, &effects)
            case .retry(let user): resume(user, now: now, &effects)
            case .outOfTurn:
                for user in strayPeers.isEmpty ? outOfTurn.sorted() : users.keys.sorted() { checkHead(user, &effects) }
                timers.arm(.outOfTurn, at: now.instant + SessionLimits.outOfTurnCheck)
            case .meeting: onMeetingTimer(now: now, &effects)
            case .renewal: onRenewalTimer(now: now, &effects)
            case .groupMarks: flushGroupMarks(now: now, &effects)
            case .receipts: startDelayedReceipts(now: now, &effects)
            case .cursors: storeDueCursors(now: now, &effects)
            case .hooks: hooks.isResting = false
            }
        }
    }

    // MARK: Tools

    /// Calls `node` and remembers why.
    @discardableResult
    mutating func call(_ node: NodeID, _ message: Message, _ pending: Pending, _ effects: inout [Effect]) -> CallID {
        repeat { callNext &+= 1 } while calls.contains(CallID(rawValue: callNext))
        let id = CallID(rawValue: callNext)
        calls.insert(id, pending)
        effects.append(.call(node, id, message))
        return id
    }

    /// Asks the partition that keeps the inbox of `owner`.
    @discardableResult
    mutating func ask(_ owner: UserID, _ message: Message, _ pending: Pending, _ effects: inout [Effect]) -> CallID {
        call(stores.primary(of: owner), message, pending, &effects)
    }

    func tell(_ origin: Origin, _ frame: ServerFrame, _ effects: inout [Effect]) {
        effects.append(.tell(origin, frame))
    }

    mutating func retryLater(_ user: UserID, now: Now) {
        timers.armIfIdle(.retry(user), at: now.instant + dice.jittered(SessionLimits.retry))
    }
}

/// A connection at its gateway.
struct Seat: Hashable, Sendable {
    let gateway: NodeID
    let connection: ConnectionID
}

/// A walk through the users of a shard, some at a time, so that the messages of others come in between.
struct UserRound: Sendable {
    private let users: [UserID]
    private var done = 0

    init(_ users: some Sequence<UserID> = []) { self.users = users.sorted() }

    var isOver: Bool { done == users.count }

    /// The next of them, `SessionLimits.roundUserCount` at most; some may have gone meanwhile.
    mutating func next() -> ArraySlice<UserID> {
        let slice = users[done...].prefix(SessionLimits.roundUserCount)
        done = slice.endIndex
        return slice
    }
}

/// The figures of a shard.
struct SessionCounters: Sendable {
    var messagesStored: UInt64 = 0
    var duplicates: UInt64 = 0
    var messagesRefused: UInt64 = 0
    var messagesBlocked: UInt64 = 0
    var entriesPushed: UInt64 = 0
    var entriesRepeated: UInt64 = 0
    var acknowledgements: UInt64 = 0
    var receiptsStored: UInt64 = 0
    var pokesSent: UInt64 = 0
    var attaches: UInt64 = 0
    var typingPushed: UInt64 = 0
    var typingMerged: UInt64 = 0
    var typingDropped: UInt64 = 0
}

extension SessionCore {
    public func report(into page: inout MetricsPage) {
        page.gauge("fantail_session_users", "Users with a device connected to this shard.", users.count)
        page.gauge("fantail_session_users_out_of_turn", "Of these, users whose primary shard is another.", outOfTurn.count)
        page.counter("fantail_session_messages_stored_total", "Messages appended to an inbox.", counters.messagesStored)
        page.counter("fantail_session_messages_repeated_total", "Sends that were recognised as repeats.", counters.duplicates)
        page.counter("fantail_session_messages_refused_total", "Sends that were answered with an error.", counters.messagesRefused)
        page.counter(
            "fantail_session_messages_blocked_total", "Sends to somebody who has blocked the author: answered, not stored.",
            counters.messagesBlocked)
        page.counter("fantail_session_entries_pushed_total", "Inbox entries pushed to devices.", counters.entriesPushed)
        page.counter("fantail_session_entries_repeated_total", "Rewinds because a device stayed silent.", counters.entriesRepeated)
        page.counter("fantail_session_acknowledgements_total", "Acknowledgements that said something new.", counters.acknowledgements)
        page.counter("fantail_session_receipts_stored_total", "Receipts made durable for authors.", counters.receiptsStored)
        page.counter("fantail_session_pokes_total", "Pokes sent to other shards.", counters.pokesSent)
        page.counter("fantail_session_attaches_total", "Devices that attached or attached again.", counters.attaches)
        page.gauge("fantail_session_hooks_waiting", "Events for webhooks that no api node has taken yet.", hooks.events.count)
        page.counter("fantail_session_hooks_dropped_total", "Events for webhooks that found no room.", hooks.droppedCount)
        page.counter("fantail_session_typing_pushed_total", "Signs of typing pushed to devices.", counters.typingPushed)
        page.counter("fantail_session_typing_merged_total", "Signs of typing that said what devices knew.", counters.typingMerged)
        page.counter("fantail_session_typing_dropped_total", "Signs of typing for nobody who may see them now.", counters.typingDropped)
    }
}
