// The product's door: HTTP on one side, the mesh on the other.
//
// To shards it is a gateway whose clients are already greeted: it names itself in the `Origin`, a request is one connection, and what
// comes back for that connection is its answer. So messages and groups go by the rules for clients, because it is the same way;
// only whose word it is nobody has to prove, because the key has.
//
//     Door.swift      bytes into requests, answers into bytes
//     Routes.swift    which path means what
//     Messages.swift  sending; Groups.swift: groups; Status.swift: who is here, who has read, who is up
//     Export.swift    what there is of a user; Erasure.swift: that it goes; Revocation.swift: tokens that hold no more
//     Hooks.swift     what the backend is told
//     APIKeys.swift   who may ask

import ClientProtocol
import Cluster
import CoreKit
import Messages
import Primitives
import RPC

public struct APICore: ServiceCore {
    enum Timer: Hashable, Sendable {
        /// A connection on which no request comes in.
        case request(SocketID)
        /// A request that the cluster does not answer.
        case answer(ConnectionID)
        /// A list of groups is to be read again.
        case erasure(ConnectionID)
        /// A webhook is to be told.
        case hook(Int64)
        /// The queue of webhooks is to be read.
        case hookLoad
        /// The table is told again what became of deliveries.
        case hookSettle
    }

    /// Whose answer is awaited, and what it is.
    struct Waiting {
        var socket: SocketID
        var what: What
    }

    enum What {
        case sent(from: UserID)
        case groupDone(from: UserID)
        case groupInfo
        case groupReceipts
        case groupList(UserID)
        case presence(UserID)
        case receipts(Receipts)
        case revoked(UserID, before: Stamp)
        case export(UserID)
        case erased(Erasure)
        /// Something about the queue of webhooks.
        case hook
    }

    /// Of one chat, as far as they are known.
    struct Receipts {
        var from: UserID
        var to: UserID
        var at: Stamp?
        var delivered: Stamp?
        var read: Stamp?
    }

    /// What a call to a service was made for.
    struct Call: Sendable {
        var name: ConnectionID
        var kind: ReceiptKind?
    }

    let selfID: NodeID
    let keys: APIKeys
    /// The OpenAPI description, as it is given out.
    let description: String
    let rate: Int
    var buckets: [RateBucket]
    var cluster: ClusterMap
    var sessions: LiveRing
    var groups: LiveRing
    var lastSeens: LiveRing
    var stores: LiveRing
    var nodesUp: Set<NodeID> = []
    var connections: [SocketID: Connection] = [:]
    var waiting: [ConnectionID: Waiting] = [:]
    /// Nil: the cluster has no webhooks.
    var hooks: HookQueue?
    private var nameLast: UInt64
    private var calls = CallTable<Call>()
    private var callNext: UInt32 = 0
    var timers = TimerQueue<Timer>()
    var counters = APICounters()
    public var load: LoadBook

    /// - Parameters:
    ///   - description: JSON.
    ///   - hookLaneCount: threads that post.
    ///   - startedAt: names of requests begin here, so that an answer meant for a former life finds nobody.
    public init(selfID: NodeID, cluster: ClusterMap, keys: APIKeys, description: String, hookLaneCount: Int, dice: SeededGenerator, startedAt: Stamp) {
        self.selfID = selfID
        self.cluster = cluster
        self.keys = keys
        self.description = description
        rate = cluster.limitRules.framesPerSecond
        let bucket = RateBucket(rate: max(1, rate), burstSeconds: APILimits.rateBurstSeconds, now: .zero)
        buckets = keys.names.map { _ in bucket }
        sessions = LiveRing(cluster.ring(of: .session))
        groups = LiveRing(cluster.ring(of: .group))
        lastSeens = LiveRing(cluster.ring(of: .lastSeen))
        stores = LiveRing(cluster.ring(of: .persistence))
        nameLast = UInt64(max(0, startedAt.microseconds))
        load = LoadBook()
        if let rules = cluster.webhooks {
            hooks = HookQueue(tryCountMax: rules.tryCountMax, retryMs: rules.retryMs, laneCount: hookLaneCount, dice: dice)
            timers.arm(.hookLoad, at: .zero)
        }
    }

    // MARK: ServiceCore

    public mutating func on(_ event: Event, now: Now, effects: inout [Effect]) {
        switch event {
        case .peerUp(let node): setUp(node, true)
        case .peerDown(let node): setUp(node, false)
        case .clusterChanged(let cluster): onClusterChanged(cluster)
        case .received(_, .clientOutput(let output)): onOutput(output, now: now, &effects)
        // What a shard says of a connection that it takes for one of a gateway.
        case .received(_, .attached), .received(_, .closeConnection): break
        case .received(let node, let message):
            effects.append(.log(LogRecord(.warning, "unexpected_message", ["peer": "\(node)", "method": "\(message.method)"])))
        case .requested(let call, .hookBatch(let batch)): onHookBatch(call, batch, now: now, &effects)
        case .requested(let call, _): effects.append(.refuse(call, Refusal(.unsupported)))
        case .answered(let call, let message): onEnd(of: call, .success(message), now: now, &effects)
        case .refused(let call, let refusal): onEnd(of: call, .failure(refusal), now: now, &effects)
        case .clientAccepted(let socket, _): onAccepted(socket, now: now, &effects)
        case .clientReceived(let socket, let bytes): onBytes(socket, bytes, now: now, &effects)
        case .clientClosed(let socket): forget(socket)
        case .deadline: onDeadline(now: now, &effects)
        case .disk(.hook(let outcome)): onHook(outcome, now: now, &effects)
        case .epoch, .flush, .committed, .commitFailed, .disk: break
        }
    }

    public mutating func deadline() -> Instant? { timers.next() }

    public var unreadiness: String? {
        if sessions.up.isEmpty { return "no session service is connected" }
        if groups.up.isEmpty { return "no group service is connected" }
        return nil
    }

    public func report(into page: inout MetricsPage) {
        page.gauge("fantail_api_connections", "Open connections of backends.", connections.count)
        page.gauge("fantail_api_requests_waiting", "Requests that the cluster has not answered yet.", waiting.count)
        page.counter("fantail_api_requests_total", "Requests of backends.", counters.requests)
        page.counter("fantail_api_requests_refused_total", "Of these, answered with an error.", counters.refused)
        page.counter("fantail_api_unauthorized_total", "Requests without a key that is known.", counters.unauthorized)
        page.counter("fantail_api_timeouts_total", "Requests that the cluster did not answer in time.", counters.timeouts)
        page.counter("fantail_api_messages_total", "Messages that were sent.", counters.messages)
        page.counter("fantail_api_erasures_total", "Users whose data was erased.", counters.erasures)
        guard let hooks else { return }
        page.gauge("fantail_api_hooks_waiting", "Webhooks that the receiver has not taken yet.", hooks.tries.count)
        page.gauge("fantail_api_hooks_dead", "Webhooks that nobody tries any more: dead letters.", hooks.deadCount)
        page.counter("fantail_api_hooks_taken_total", "Events that shards handed over.", counters.hooksTaken)
        page.counter("fantail_api_hooks_posted_total", "Webhooks that the receiver has taken.", counters.hooksPosted)
        page.counter("fantail_api_hooks_failed_total", "Tries that the receiver did not answer with yes.", counters.hooksFailed)
        page.counter("fantail_api_hooks_died_total", "Webhooks that became dead letters.", counters.hooksDied)
        page.counter("fantail_api_hook_table_failures_total", "Times that the queue's file refused.", counters.hookTableFailures)
    }

    private mutating func setUp(_ node: NodeID, _ isUp: Bool) {
        if isUp { nodesUp.insert(node) } else { nodesUp.remove(node) }
        _ = sessions.set(node, isUp: isUp)
        _ = groups.set(node, isUp: isUp)
        _ = lastSeens.set(node, isUp: isUp)
        _ = stores.set(node, isUp: isUp)
    }

    private mutating func onClusterChanged(_ cluster: ClusterMap) {
        self.cluster = cluster
        sessions.adopt(cluster.ring(of: .session))
        groups.adopt(cluster.ring(of: .group))
        lastSeens.adopt(cluster.ring(of: .lastSeen))
        stores.adopt(cluster.ring(of: .persistence))
    }

    private mutating func onDeadline(now: Now, _ effects: inout [Effect]) {
        while let timer = timers.popDue(now.instant) {
            switch timer {
            case .request(let socket): onRequestTimeout(socket, now: now, &effects)
            case .answer(let name):
                counters.timeouts += 1
                conclude(name, .away, now: now, &effects)
            case .erasure(let name): onErasurePause(name, now: now, &effects)
            case .hook(let number): onHookDue(number, &effects)
            case .hookLoad: order(.load, for: .load, &effects)
            case .hookSettle: settleAgain(&effects)
            }
        }
    }

    // MARK: Asking

    /// A request has a name now, and its answer a place to come to.
    mutating func expect(_ what: What, _ ask: Ask) -> ConnectionID {
        nameLast += 1
        let name = ConnectionID(rawValue: nameLast)
        waiting[name] = Waiting(socket: ask.socket, what: what)
        return name
    }

    /// As if `user` had asked at a gateway.
    /// - Parameter hasSiblings: the user's devices get a copy.
    func origin(_ name: ConnectionID, _ user: UserID, hasSiblings: Bool = false) -> Origin {
        Origin(
            gateway: selfID, connection: name, user: user, device: .unnamed, encoding: .json, isAttached: true, hasSiblings: hasSiblings)
    }

    /// Calls a service for a request; only while the request waits does its end count.
    mutating func call(_ node: NodeID, _ message: Message, for call: Call, _ effects: inout [Effect]) {
        repeat { callNext &+= 1 } while calls.contains(CallID(rawValue: callNext))
        calls.insert(CallID(rawValue: callNext), call)
        effects.append(.call(node, CallID(rawValue: callNext), message))
    }

    // MARK: Answers of the cluster

    private mutating func onOutput(_ output: ClientOutput, now: Now, _ effects: inout [Effect]) {
        guard let waits = waiting[output.connection], let frame = try? ServerFrame.decode(output.bytes, as: .json) else { return }
        if case .erased(let erasure) = waits.what { return onErasure(output.connection, erasure, frame, now: now, &effects) }
        if case .error(let error) = frame { return conclude(output.connection, Answer(error), now: now, &effects) }
        switch (waits.what, frame) {
        case (.sent(let from), .sent(let id, let to, let at)):
            counters.messages += 1
            conclude(output.connection, sentAnswer(from, to, id, at), now: now, &effects)
        case (.groupDone(let from), .groupDone(let ref, let group, let number, let at)):
            conclude(output.connection, doneAnswer(from, ref, group, number, at), now: now, &effects)
        case (.groupInfo, .groupInfo(_, let info)): conclude(output.connection, infoAnswer(info), now: now, &effects)
        case (.groupReceipts, .receipts(_, let group, let at, let entries)):
            conclude(output.connection, receiptsAnswer(group, at, entries), now: now, &effects)
        case (.groupList(let user), .groupList(_, let titles, let more)):
            conclude(output.connection, listAnswer(user, titles, more), now: now, &effects)
        case (.revoked(let user, let before), .settings):
            conclude(output.connection, revokedAnswer(user, before), now: now, &effects)
        // News that somebody with a connection would want.
        default: break
        }
    }

    private mutating func onEnd(of call: CallID, _ result: Result<Message, Refusal>, now: Now, _ effects: inout [Effect]) {
        guard let made = calls.remove(call), let waits = waiting[made.name] else { return }
        switch (waits.what, result) {
        case (_, .failure(let refusal)): conclude(made.name, Answer(ErrorFrame(refusal, ref: nil)), now: now, &effects)
        case (.presence(let user), .success(.presenceLines(let lines))):
            conclude(made.name, presenceAnswer(user, lines), now: now, &effects)
        case (.receipts(let receipts), .success(.watermarkStored(let stored))):
            onWatermark(made, receipts, stored.watermark.upTo, now: now, &effects)
        case (.export(let user), .success(let message)):
            conclude(made.name, exportAnswer(user, message) ?? .away, now: now, &effects)
        case (.erased(let erasure), .success(.inboxErased(let erased))):
            onInboxErased(made.name, erasure, erased, now: now, &effects)
        default: conclude(made.name, .away, now: now, &effects)
        }
    }

    mutating func cancelTimers(of name: ConnectionID) {
        timers.cancel(.answer(name))
        timers.cancel(.erasure(name))
    }

    mutating func conclude(_ name: ConnectionID, _ answer: Answer, now: Now, _ effects: inout [Effect]) {
        guard let waits = waiting.removeValue(forKey: name) else { return }
        cancelTimers(of: name)
        self.answer(waits.socket, answer, now: now, &effects)
    }
}

struct APICounters: Sendable {
    var requests: UInt64 = 0
    var refused: UInt64 = 0
    var unauthorized: UInt64 = 0
    var timeouts: UInt64 = 0
    var messages: UInt64 = 0
    var erasures: UInt64 = 0
    var hooksTaken: UInt64 = 0
    var hooksPosted: UInt64 = 0
    var hooksFailed: UInt64 = 0
    var hooksDied: UInt64 = 0
    var hookTableFailures: UInt64 = 0
}
