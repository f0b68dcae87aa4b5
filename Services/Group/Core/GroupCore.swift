// The group shard: the brain of its share of the groups.
//
// A group is a log in persistence, messages and events under dense numbers. Store first, then answer, then fan out: what is
// in the log reaches every inbox, whoever dies meanwhile. Everything kept here is soft and can be read again.
//
//     Requests.swift     somebody writes to a group, or changes it
//     Loading.swift      a group is read from its log, and read again when it has changed elsewhere
//     FanOut.swift       entries of the log come into inboxes, one batch a partition at a time
//     Receipts.swift     marks of members become ticks and counts of authors
//     Settling.swift     the store is told what is done, and says what others left undone
//     Questions.swift    what the group is like, who has a message, what was written before
//     Typing.swift       who writes to the group just now
//     GroupRecord.swift  what is known of one group
//
// About disagreement: two shards may believe that they hold the same group. Each append names the newest event that its shard
// knows, and the store refuses one that names another: nobody writes by rules that no longer hold. Both may fan out the same
// entries: an inbox takes each number once and in order. Both may take marks of members, and then neither knows all of them: a
// revision that the store counts shows whoever took the last one that there was another, whose marks are read.

import ClientProtocol
import Cluster
import CoreKit
import Groups
import Messages
import Primitives
import RPC

public struct GroupCore: ServiceCore {
    enum Timer: Hashable, Sendable {
        /// A lane rests after a failure, or a group could not be read.
        case retry(UserID)
        /// Receipts have gathered.
        case ticks(UserID)
        case counts(UserID)
        /// Look for what was begun and not finished; forget what is idle.
        case scan
        /// Ticks were told, and the store does not know.
        case settle(UserID)
    }

    /// What a call was made for.
    enum Pending: Sendable {
        case append(UserID, generation: UInt32, Submission)
        case page(UserID, generation: UInt32)
        case marks(UserID, generation: UInt32)
        case fanOut(UserID, partition: NodeID, serial: UInt32, memberCount: Int)
        case settle(SettleGroup, generation: UInt32)
        case storeMarks(UserID, RemoteCall, [GroupMark], [GroupMarked.Outcome])
        case receipt(Receipt, generation: UInt32)
        case receiptList(GroupQuery, GroupState, at: Stamp, [GroupMarks.Item])
        case history(GroupQuery, from: Stamp)
        /// Has the group changed elsewhere? Typists wait for the answer.
        case typing(UserID, generation: UInt32, askedAt: Instant)
        case pendingGroups(NodeID)
    }

    let selfID: NodeID
    var rules: GroupRules
    let isArchive: Bool
    var sessions: LiveRing
    var stores: LiveRing
    var ring: RoutedRing
    var groups: [UserID: GroupRecord] = [:]
    /// Groups that owe something which seemed to be another shard's affair, as this scan and the one before found them: who is
    /// there twice has been left.
    var owingElsewhere: Set<UserID> = []
    var owingElsewhereBefore: Set<UserID> = []
    var timers = TimerQueue<Timer>()
    var counters = GroupCounters()
    private var calls = CallTable<Pending>()
    private var callNext: UInt32 = 0
    var serialNext: UInt32 = 0
    var dice: SeededGenerator
    public var load: LoadBook

    public init(selfID: NodeID, cluster: ClusterMap, dice: SeededGenerator) {
        self.selfID = selfID
        self.dice = dice
        rules = cluster.groupRules
        isArchive = cluster.storageMode == .archive
        sessions = LiveRing(cluster.ring(of: .session))
        stores = LiveRing(cluster.ring(of: .persistence))
        ring = cluster.ring(of: .group)
        load = LoadBook()
        load.adopt(needs: Self.needs(cluster), tells: Self.tells(cluster))
        timers.arm(.scan, at: .zero)
    }

    private static func tells(_ cluster: ClusterMap) -> [NodeID] { [Role.parser, .api].flatMap { cluster.nodes(of: $0).map(\.id) } }

    private static func needs(_ cluster: ClusterMap) -> [NodeID] {
        [Role.session, .persistence].flatMap { cluster.nodes(of: $0).map(\.id) }
    }

    // MARK: ServiceCore

    public mutating func on(_ event: Event, now: Now, effects: inout [Effect]) {
        switch event {
        case .peerUp(let node): onPeer(node, isUp: true, now: now, &effects)
        case .peerDown(let node): onPeer(node, isUp: false, now: now, &effects)
        case .clusterChanged(let cluster): onClusterChanged(cluster, now: now)
        case .received(let node, let message): onReceived(node, message, now: now, &effects)
        case .requested(let call, .groupReceipts(let receipts)):
            submit(Submission(request: .receipts(call, receipts)), to: receipts.group, now: now, &effects)
        case .requested(let call, _): effects.append(.refuse(call, Refusal(.unsupported)))
        case .answered(let call, let message): onEnd(of: call, .success(message), now: now, &effects)
        case .refused(let call, let refusal): onEnd(of: call, .failure(refusal), now: now, &effects)
        case .deadline: onDeadline(now: now, &effects)
        case .epoch, .flush, .clientAccepted, .clientReceived, .clientClosed, .committed, .commitFailed, .disk: break
        }
    }

    public mutating func deadline() -> Instant? { timers.next() }

    public var unreadiness: String? {
        if sessions.up.isEmpty { return "no session service is connected" }
        return stores.up.count < stores.ring.nodeIDs.count ? "a persistence service is not connected" : nil
    }

    public var remainder: String? {
        let count = groups.values.count { !$0.isIdle }
        return count == 0 ? nil : "\(count) \(count == 1 ? "group has" : "groups have") something under way here"
    }

    // MARK: Facts

    /// What is known of a group that another shard has now is not wrong: what it owes is carried on, and once it owes nothing it is
    /// forgotten like any other. The new owner reads the log.
    private mutating func onClusterChanged(_ cluster: ClusterMap, now: Now) {
        sessions.adopt(cluster.ring(of: .session))
        stores.adopt(cluster.ring(of: .persistence))
        ring = cluster.ring(of: .group)
        rules = cluster.groupRules
        load.adopt(needs: Self.needs(cluster), tells: Self.tells(cluster))
        goOn(now: now)
        timers.arm(.scan, at: now.instant)
    }

    private mutating func onPeer(_ node: NodeID, isUp: Bool, now: Now, _ effects: inout [Effect]) {
        let isSession = sessions.set(node, isUp: isUp)
        if stores.set(node, isUp: isUp), isUp { timers.arm(.scan, at: now.instant) }
        guard isUp, isSession || stores.isUp(node) else { return }
        goOn(now: now)
    }

    /// What rested because something was away goes on at once.
    private mutating func goOn(now: Now) {
        for group in groups.keys.sorted() {
            for partition in groups[group]!.lanes.keys { groups[group]!.lanes[partition]!.restsUntil = nil }
            if !groups[group]!.isIdle { timers.arm(.retry(group), at: now.instant) }
        }
    }

    private mutating func onReceived(_ node: NodeID, _ message: Message, now: Now, _ effects: inout [Effect]) {
        switch message {
        case .groupSend(let send): submit(Submission(request: .message(send)), to: send.group, now: now, &effects)
        case .groupAct(let act): submit(Submission(request: .act(act)), to: act.group, now: now, &effects)
        case .groupQuery(let query): submit(Submission(request: .query(query)), to: query.group, now: now, &effects)
        case .typing(let typing): onTyping(typing, now: now, &effects)
        case .featureRequest(let request):
            counters.featuresRefused += 1
            let text = "\(request.feature) is not part of this release"
            effects.append(.tell(request.origin, .error(ErrorFrame(.unsupported, text, ref: request.reference))))
        default:
            effects.append(
                .log(LogRecord(.warning, "unexpected_message", ["peer": "\(node)", "method": "\(message.method)"])))
        }
    }

    private mutating func onEnd(
        of call: CallID, _ result: Result<Message, Refusal>, now: Now, _ effects: inout [Effect]
    ) {
        guard let pending = calls.remove(call) else { return }
        switch pending {
        case .append(let group, let generation, let submission):
            onAppended(group, generation, submission, result, now: now, &effects)
        case .page(let group, let generation): onPage(group, generation, result, now: now, &effects)
        case .marks(let group, let generation): onMarks(group, generation, result, now: now, &effects)
        case .fanOut(let group, let partition, let serial, let memberCount):
            onFannedOut(group, partition, serial, memberCount, result, now: now, &effects)
        case .settle(let settled, let generation): onSettled(settled, generation, result, now: now, &effects)
        case .storeMarks(let group, let remote, let marks, let outcomes):
            onMarksStored(group, remote, marks, outcomes, result, now: now, &effects)
        case .receipt(let receipt, let generation): onTickTold(receipt, generation, result, now: now)
        case .receiptList(let query, let state, let at, let items):
            onReceiptList(query, state, at: at, items, result, &effects)
        case .history(let query, let from): onHistory(query, from: from, result, &effects)
        case .typing(let group, let generation, let askedAt):
            onTypingChecked(group, generation, askedAt: askedAt, result, now: now, &effects)
        case .pendingGroups(let node): onPendingGroups(node, result, now: now, &effects)
        }
    }

    private mutating func onDeadline(now: Now, _ effects: inout [Effect]) {
        while let timer = timers.popDue(now.instant) {
            switch timer {
            case .retry(let group): resume(group, now: now, &effects)
            case .ticks(let group): tellTicks(group, now: now, &effects)
            case .counts(let group): tellCounts(group, &effects)
            case .scan:
                timers.arm(.scan, at: now.instant + GroupServiceLimits.scanInterval)
                scan(now: now, &effects)
            case .settle(let group): settle(group, withTicks: true, &effects)
            }
        }
    }

    // MARK: Tools

    mutating func call(_ node: NodeID, _ message: Message, _ pending: Pending, _ effects: inout [Effect]) {
        repeat { callNext &+= 1 } while calls.contains(CallID(rawValue: callNext))
        calls.insert(CallID(rawValue: callNext), pending)
        effects.append(.call(node, CallID(rawValue: callNext), message))
    }

    /// Asks the partition that keeps the log of `group`.
    mutating func ask(_ group: UserID, _ message: Message, _ pending: Pending, _ effects: inout [Effect]) {
        call(stores.primary(of: group), message, pending, &effects)
    }

    var retryFirst: Interval { .milliseconds(Int64(rules.retryMs)) }

    mutating func retryLater(_ group: UserID, now: Now) {
        timers.armIfIdle(.retry(group), at: now.instant + dice.jittered(retryFirst))
    }
}

/// The figures of a shard.
struct GroupCounters: Sendable {
    var messagesStored: UInt64 = 0
    var eventsStored: UInt64 = 0
    var refused: UInt64 = 0
    var batches: UInt64 = 0
    var batchesFailed: UInt64 = 0
    var deliveries: UInt64 = 0
    var late: UInt64 = 0
    var marksStored: UInt64 = 0
    var loads: UInt64 = 0
    var featuresRefused: UInt64 = 0
    var typingShown: UInt64 = 0
    var typingMerged: UInt64 = 0
    var typingDropped: UInt64 = 0
}

extension GroupCore {
    public func report(into page: inout MetricsPage) {
        page.gauge("fantail_group_groups", "Groups in memory.", groups.count)
        page.gauge(
            "fantail_group_pending_entries", "Entries of logs that are not in every inbox yet.",
            groups.values.reduce(0) { $0 + $1.pending.count })
        page.counter("fantail_group_messages_stored_total", "Messages appended to a group's log.", counters.messagesStored)
        page.counter("fantail_group_events_stored_total", "Changes appended to a group's log.", counters.eventsStored)
        page.counter("fantail_group_refused_total", "Requests answered with an error.", counters.refused)
        page.counter("fantail_group_batches_total", "Batches sent to session shards.", counters.batches)
        page.counter("fantail_group_batches_failed_total", "Of these, batches that are tried again.", counters.batchesFailed)
        page.counter("fantail_group_deliveries_total", "Entries times members that reached their inboxes.", counters.deliveries)
        page.counter("fantail_group_late_total", "Authors told that members could not be reached for long.", counters.late)
        page.counter("fantail_group_marks_stored_total", "Receipts of members made durable.", counters.marksStored)
        page.counter("fantail_group_loads_total", "Groups read from their log.", counters.loads)
        page.counter(
            "fantail_group_features_refused_total", "Requests for what this release does not do.", counters.featuresRefused)
        page.counter("fantail_group_typing_shown_total", "Signs of typing passed on to members.", counters.typingShown)
        page.counter("fantail_group_typing_merged_total", "Signs of typing that said what members knew.", counters.typingMerged)
        page.counter(
            "fantail_group_typing_dropped_total", "Signs of typing beyond a bound, or while the group was not to be read.",
            counters.typingDropped)
    }
}
