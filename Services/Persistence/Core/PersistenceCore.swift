// Persistence: the only service that touches a database.
//
// Whatever queued up while the last batch was being synced becomes the next batch: one transaction, one sync, then all the
// answers. Under load the batches grow by themselves, and no answer ever leaves before its sync has returned.
//
// When the disk is full nothing is acknowledged: writes are refused as `storageFull`, reads go on, and a probe a second
// finds out when there is room again.

import Cluster
import CoreKit
import Messages
import Primitives
import RPC
import Storage

public struct PersistenceCore: ServiceCore {
    private enum Timer: Hashable, Sendable {
        /// The next step of housekeeping.
        case sweep
        /// Does a full disk take writes again?
        case probe
    }

    /// Who waits for the answer to a request of a batch.
    private enum Waiter: Sendable {
        case call(RemoteCall)
        case sweep
        case probe
        /// The text of expired messages was dropped; nobody waits.
        case nobody
    }

    private struct Item: Sendable {
        var request: StoreRequest
        var waiter: Waiter
        /// When it began to wait for a batch.
        var since: Instant
    }

    private let selfID: NodeID
    private var stores: RoutedRing
    private var sessions: LiveRing
    private var queue: [Item] = []
    /// The batch that is being written; nil: the writer is idle.
    private var batch: [Item]?
    private var isFull = false
    private var failure: String?
    private var sweepPosition = Sweep.Position.start
    private var timers = TimerQueue<Timer>()
    private var reports: [CallID: DropExpired] = [:]
    private var callNext: UInt32 = 0
    private var batchBeganAt = Instant.zero
    /// How long the middle request of the newest batch had waited when the batch began.
    private var batchWaited = Interval(nanoseconds: 0)
    private var pace = CommitPace()
    public var load: LoadBook
    private var counters = Counters()

    private struct Counters: Sendable {
        var batches: UInt64 = 0
        var syncs: UInt64 = 0
        var requests: UInt64 = 0
        var appends: UInt64 = 0
        var failures: UInt64 = 0
        var refusedFull: UInt64 = 0
        var refusedOverloaded: UInt64 = 0
        var expired: UInt64 = 0
        var purged: UInt64 = 0
        var commitTime = Histogram()
    }

    public init(selfID: NodeID, cluster: ClusterMap, dice: SeededGenerator) {
        self.selfID = selfID
        stores = cluster.ring(of: .persistence)
        sessions = LiveRing(cluster.ring(of: .session))
        load = LoadBook()
        load.adopt(tells: Self.tells(cluster))
        timers.arm(.sweep, at: .zero)
    }

    private static func tells(_ cluster: ClusterMap) -> [NodeID] {
        [Role.session, .group, .lastSeen].flatMap { cluster.nodes(of: $0).map(\.id) }
    }

    /// A partition's rows stay where they are, under every epoch.
    private mutating func onClusterChanged(_ cluster: ClusterMap) {
        sessions.adopt(cluster.ring(of: .session))
        load.adopt(tells: Self.tells(cluster))
    }

    // MARK: ServiceCore

    public mutating func on(_ event: Event, now: Now, effects: inout [Effect]) {
        switch event {
        case .peerUp(let node): _ = sessions.set(node, isUp: true)
        case .peerDown(let node): _ = sessions.set(node, isUp: false)
        case .clusterChanged(let cluster): onClusterChanged(cluster)
        case .requested(let call, let message): onRequest(call, message, now: now, &effects)
        case .committed(let answers): onCommitted(answers, now: now, &effects)
        case .commitFailed(let failure): onFailed(failure, now: now, &effects)
        case .answered(let call, .done): onReported(call, now: now)
        case .answered(let call, _), .refused(let call, _): reports[call] = nil
        case .deadline: onDeadline(now: now)
        case .flush: startBatch(now: now, &effects)
        case .received(let node, let message):
            effects.append(
                .log(LogRecord(.warning, "unexpected_message", ["peer": "\(node)", "method": "\(message.method)"])))
        case .epoch, .clientAccepted, .clientReceived, .clientClosed, .disk: break
        }
    }

    public mutating func deadline() -> Instant? { timers.next() }

    /// While the store is at work: what the work in hand had to wait, or what waits now, whichever is longer. Of each the middle
    /// one counts: a batch takes along what came during the one before, so its first request has always waited for a whole
    /// batch and its last one for nothing, however little there is to do. What a small commit takes at this disk does not count: that is
    /// no queue.
    public func queueWait(now: Instant) -> Interval {
        guard batch != nil || !queue.isEmpty else { return Interval(nanoseconds: 0) }
        let wait = queue.isEmpty ? batchWaited : max(batchWaited, now - queue[queue.count / 2].since)
        return Interval(nanoseconds: max(0, wait.nanoseconds - pace.usual.nanoseconds))
    }

    public var unreadiness: String? {
        if isFull { return "the disk is full: nothing is accepted until there is room" }
        if let failure { return "the store fails: \(failure)" }
        return nil
    }

    public func report(into page: inout MetricsPage) {
        page.counter("fantail_persistence_batches_total", "Transactions, each with one sync if it wrote.", counters.batches)
        page.counter(
            "fantail_persistence_syncs_total",
            "Batches that could write, each with one sync of the log; moving the log into the file costs a few more.",
            counters.syncs)
        page.counter("fantail_persistence_requests_total", "Requests carried out.", counters.requests)
        page.counter("fantail_persistence_appends_total", "Of these, appends to an inbox.", counters.appends)
        page.counter("fantail_persistence_failures_total", "Batches that failed and were rolled back.", counters.failures)
        page.counter("fantail_persistence_refused_full_total", "Writes refused because the disk is full.", counters.refusedFull)
        page.counter("fantail_persistence_refused_overloaded_total", "Requests refused because too many wait.", counters.refusedOverloaded)
        page.counter("fantail_persistence_expired_total", "Messages dropped undelivered, their authors told.", counters.expired)
        page.counter("fantail_persistence_purged_total", "Remains of old messages removed.", counters.purged)
        page.gauge(
            "fantail_persistence_commit_usual_seconds", "What a small commit takes here; waiting for so long counts as no queue.",
            microseconds: pace.usual.microseconds)
        page.gauge("fantail_persistence_queue_requests", "Requests that wait for the writer.", queue.count)
        page.gauge("fantail_persistence_full", "1 while the disk is full.", isFull ? 1 : 0)
        page.histogram("fantail_persistence_commit_seconds", "From ordering a batch to its sync.", counters.commitTime)
    }

    // MARK: Requests

    private mutating func onRequest(_ call: RemoteCall, _ message: Message, now: Now, _ effects: inout [Effect]) {
        guard let request = StoreRequest(message) else {
            return effects.append(.refuse(call, Refusal(.unsupported)))
        }
        // Each inbox lives in one partition; a caller with another cluster file must not split it.
        guard request.owners.allSatisfy({ stores.owner(ofKey: $0.text.utf8) == selfID }) else {
            return effects.append(.refuse(call, Refusal(.forbidden)))
        }
        if isFull && !request.mayBeReadOnly {
            counters.refusedFull += 1
            return effects.append(.refuse(call, Refusal(.storageFull, retryAfterMs: PersistenceLimits.retryMs)))
        }
        guard queue.count < PersistenceLimits.queueCountMax else {
            counters.refusedOverloaded += 1
            return effects.append(.refuse(call, Refusal(.overloaded, retryAfterMs: PersistenceLimits.retryMs)))
        }
        queue.append(Item(request: request, waiter: .call(call), since: now.instant))
    }

    private mutating func startBatch(now: Now, _ effects: inout [Effect]) {
        guard batch == nil, !queue.isEmpty else { return }
        let count = min(queue.count, StoreLimits.batchRequestCountMax)
        let items = Array(queue[..<count])
        queue.removeFirst(count)
        batch = items
        batchBeganAt = now.instant
        batchWaited = now.instant - items[items.count / 2].since
        effects.append(.commit(items.map(\.request)))
    }

    private mutating func onCommitted(_ answers: [StoreAnswer], now: Now, _ effects: inout [Effect]) {
        let items = batch!
        batch = nil
        precondition(items.count == answers.count)
        counters.batches += 1
        if !items.allSatisfy(\.request.isReadOnly) { counters.syncs += 1 }
        counters.requests += UInt64(items.count)
        counters.commitTime.record(now.instant - batchBeganAt)
        if answers.contains(where: \.hasWritten) { pace.note(now.instant - batchBeganAt, requestCount: items.count) }
        if failure != nil {
            failure = nil
            effects.append(.log(LogRecord(.info, "store_recovered")))
        }
        for (item, answer) in zip(items, answers) {
            switch item.waiter {
            case .call(let call):
                if case .append = item.request { counters.appends += 1 }
                effects.append(.answer(call, Message(answer)))
                if case .append(let append) = item.request, case .appended(let appended) = answer {
                    effects.append(
                        .trace(TraceRecord(TraceKey(author: append.author, id: append.id), .committed, appended.number)))
                }
            case .sweep:
                if case .swept(let swept) = answer { onSwept(swept, now: now, &effects) }
            case .probe:
                isFull = false
                effects.append(.log(LogRecord(.info, "disk_has_room")))
            case .nobody:
                break
            }
        }
    }

    /// Nothing of the batch has happened. Reads are asked again by themselves; writes are refused.
    private mutating func onFailed(_ failure: StoreFailure, now: Now, _ effects: inout [Effect]) {
        let items = batch!
        batch = nil
        counters.failures += 1
        let refusal: Refusal
        switch failure {
        case .full:
            if !isFull { effects.append(.log(LogRecord(.error, "disk_full"))) }
            isFull = true
            timers.armIfIdle(.probe, at: now.instant + PersistenceLimits.probeInterval)
            refusal = Refusal(.storageFull, retryAfterMs: PersistenceLimits.retryMs)
        case .broken(let text):
            self.failure = text
            effects.append(.log(LogRecord(.error, "store_failed", ["error": text])))
            refusal = Refusal(.unavailable, retryAfterMs: PersistenceLimits.retryMs)
        }
        var reads: [Item] = []
        // Each round takes some requests out of the batch, so that it ends: first what writes for certain, then what may.
        let hasWriter = items.contains { !$0.request.mayBeReadOnly }
        for item in items {
            // A full disk can still be read; a broken one is not asked twice.
            if failure == .full && (hasWriter ? item.request.mayBeReadOnly : item.request.isReadOnly) {
                reads.append(item)
                continue
            }
            switch item.waiter {
            case .call(let call): effects.append(.refuse(call, refusal))
            case .sweep: timers.arm(.sweep, at: now.instant + PersistenceLimits.sweepRound)
            case .probe: timers.arm(.probe, at: now.instant + PersistenceLimits.probeInterval)
            case .nobody: break
            }
        }
        let wasOnlyReads = reads.count == items.count
        if wasOnlyReads {
            // Reads alone met a full disk: not a case to try again for ever.
            for case .call(let call) in reads.map(\.waiter) { effects.append(.refuse(call, refusal)) }
        } else {
            queue.insert(contentsOf: reads, at: 0)
        }
        // Writes that queued up behind the failed batch would fail as well.
        if failure == .full {
            for item in queue where !item.request.mayBeReadOnly {
                if case .call(let call) = item.waiter {
                    counters.refusedFull += 1
                    effects.append(.refuse(call, refusal))
                }
            }
            queue.removeAll { item in
                if case .call = item.waiter { !item.request.mayBeReadOnly } else { false }
            }
        }
    }

    // MARK: Housekeeping

    private mutating func onDeadline(now: Now) {
        while let timer = timers.popDue(now.instant) {
            switch timer {
            case .sweep:
                guard !isFull else {
                    timers.arm(.sweep, at: now.instant + PersistenceLimits.sweepRound)
                    continue
                }
                let sweep = Sweep(position: sweepPosition, limit: StoreLimits.sweepEntryCountMax)
                queue.append(Item(request: .sweep(sweep), waiter: .sweep, since: now.instant))
            case .probe:
                queue.append(Item(request: .probe, waiter: .probe, since: now.instant))
            }
        }
    }

    private mutating func onSwept(_ swept: Swept, now: Now, _ effects: inout [Effect]) {
        counters.purged += UInt64(swept.purgedCount)
        sweepPosition = swept.next
        let pause = swept.next == .start ? PersistenceLimits.sweepRound : PersistenceLimits.sweepStep
        timers.arm(.sweep, at: now.instant + pause)
        for report in swept.expired {
            // Authors are told first; without a shard to tell them, the next round reports the same entries again.
            guard let node = sessions.route(report.owner) else { continue }
            repeat { callNext &+= 1 } while reports[CallID(rawValue: callNext)] != nil
            let id = CallID(rawValue: callNext)
            reports[id] = DropExpired(owner: report.owner, numbers: report.items.map(\.number))
            effects.append(.call(node, id, .expiredReport(report)))
        }
    }

    private mutating func onReported(_ call: CallID, now: Now) {
        guard let drop = reports.removeValue(forKey: call) else { return }
        counters.expired += UInt64(drop.numbers.count)
        queue.append(Item(request: .dropExpired(drop), waiter: .nobody, since: now.instant))
    }
}

extension StoreAnswer {
    /// Whether something was written for certain.
    fileprivate var hasWritten: Bool {
        switch self {
        case .appended(let appended): appended.outcome == .stored
        case .groupAppended(let appended): appended.outcome == .stored
        default: false
        }
    }
}
