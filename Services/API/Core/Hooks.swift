// Webhooks: what shards tell is kept until the receiver has said yes, or until there is no point in trying.
//
//     batch --> table (durable, then `done`) --> due --> post --> yes: gone
//                                                 ^       \-> no: later, with pauses that double, then a dead letter
//
// The table is the queue; here are only numbers and when they are due. A delivery is forgotten after the receiver's yes, so one that is
// told and not forgotten (a crash) is told again: receivers know it by its `id`.

import CoreKit
import Messages
import Primitives
import RPC

/// What is known of the queue.
struct HookQueue: Sendable {
    enum Purpose: Sendable {
        case load
        /// So many events of that call.
        case add(RemoteCall, count: Int)
        case read(Int64, lane: Int)
        case post(Int64, lane: Int)
        case settle(Int64, HookFate)
        /// Of dead letters, for a request.
        case letters(ConnectionID)
        case revive(ConnectionID)
        case drop(ConnectionID)
    }

    let tryCountMax: Int
    let retryMs: Int
    var isLoaded = false
    /// Deliveries that wait or are being told, by number, and how often they were tried.
    var tries: [Int64: Int] = [:]
    /// Events that the table is asked to take.
    var addingCount = 0
    /// What became of deliveries, where the table did not take it: ordered again after a pause.
    var unsettled: [Int64: HookFate] = [:]
    /// Due, in that order; the first `readyStart` are through.
    var ready: [Int64] = []
    var readyStart = 0
    var lanesFree: [Int]
    var purposes: [UInt64: Purpose] = [:]
    var ticketNext: UInt64 = 0
    var deadCount = 0
    var dice: SeededGenerator

    init(tryCountMax: Int, retryMs: Int, laneCount: Int, dice: SeededGenerator) {
        self.tryCountMax = tryCountMax
        self.retryMs = retryMs
        lanesFree = Array(0..<laneCount)
        self.dice = dice
    }

    /// Until the next try: doubled each time up to an hour, and spread, so that a receiver that comes back is not met by all at once.
    mutating func pause(after tryCount: Int) -> Interval {
        let doubled = Int64(retryMs) << Int64(min(tryCount - 1, 30))
        return dice.jittered(.milliseconds(min(doubled, APILimits.hookPauseMsMax)))
    }

    mutating func nextReady() -> Int64? {
        guard readyStart < ready.count else { return nil }
        defer {
            readyStart += 1
            if readyStart == ready.count || readyStart > 1_024 {
                ready.removeFirst(readyStart)
                readyStart = 0
            }
        }
        return ready[readyStart]
    }
}

extension APICore {
    // MARK: In

    mutating func onHookBatch(_ call: RemoteCall, _ batch: HookBatch, now: Now, _ effects: inout [Effect]) {
        guard let queue = hooks else { return effects.append(.refuse(call, Refusal(.unsupported))) }
        guard queue.isLoaded else { return effects.append(.refuse(call, Refusal(.unavailable, retryAfterMs: unavailableRetryMs))) }
        guard queue.tries.count + queue.addingCount + batch.events.count <= APILimits.hookCountMax else {
            return effects.append(.refuse(call, Refusal(.overloaded, retryAfterMs: unavailableRetryMs)))
        }
        let news = batch.events.compactMap { Self.news($0, now: now.stamp) }
        hooks!.addingCount += batch.events.count
        counters.hooksTaken += UInt64(news.count)
        order(.add(news), for: .add(call, count: batch.events.count), &effects)
    }

    /// As the receiver reads it; nil: of a kind that only a newer release knows.
    static func news(_ event: HookEvent, now: Stamp) -> HookNews? {
        guard let kind = event.kind else { return nil }
        let type =
            switch kind {
            case .offline: "message.offline"
            case .waiting: "inbox.waiting"
            case .stored: "message.stored"
            case .delivered: "message.delivered"
            case .read: "message.read"
            }
        let words = [type, event.user.text, event.author.text, event.chat.text, event.id?.text ?? "", String(event.at.microseconds)]
        let bytes = words.joined(separator: " ").utf8
        let halves = [StableHash.hash(bytes, k0: 0x686F_6F6B, k1: 0), StableHash.hash(bytes, k0: 0x686F_6F6B, k1: 1)]
        let key = halves.map { half in
            let digits = String(half, radix: 16)
            return String(repeating: "0", count: 16 - digits.utf8.count) + digits
        }.joined()
        var json = JSONText()
        json.string("id", key)
        json.string("type", type)
        json.number("time", now.microseconds)
        json.string("user", event.user.text)
        if kind == .waiting {
            json.number("count", Int64(clamping: event.count))
        } else {
            json.string("from", event.author.text)
            json.string("chat", event.chat.text)
        }
        json.number("at", event.at.microseconds)
        if let id = event.id {
            json.string("message", id.text)
            json.string("body", String(decoding: event.body, as: UTF8.self))
            json.flag("cut", UInt64(event.body.count) < event.count)
        }
        return HookNews(key: key, body: Array(json.finished.utf8))
    }

    // MARK: Out

    private mutating func schedule(_ row: HookRow, now: Now) {
        hooks!.tries[row.number] = row.tryCount
        let wait = max(0, row.due.microseconds - now.stamp.microseconds)
        // The wall clock may have jumped back: nothing waits longer than the longest pause.
        timers.arm(.hook(row.number), at: now.instant + .microseconds(min(wait, 2_000 * APILimits.hookPauseMsMax)))
    }

    mutating func onHookDue(_ number: Int64, _ effects: inout [Effect]) {
        hooks!.ready.append(number)
        startPosts(&effects)
    }

    private mutating func startPosts(_ effects: inout [Effect]) {
        while let lane = hooks!.lanesFree.last, let number = hooks!.nextReady() {
            guard hooks!.tries[number] != nil else { continue }
            hooks!.lanesFree.removeLast()
            order(.read(number), for: .read(number, lane: lane), &effects)
        }
    }

    mutating func onHook(_ outcome: HookOutcome, now: Now, _ effects: inout [Effect]) {
        guard let purpose = hooks?.purposes.removeValue(forKey: outcome.ticket) else { return }
        switch (purpose, outcome.result) {
        case (.load, .loaded(let rows, let deadCount)):
            hooks!.isLoaded = true
            hooks!.deadCount = deadCount
            for row in rows { schedule(row, now: now) }
        case (.load, _):
            counters.hookTableFailures += 1
            timers.arm(.hookLoad, at: now.instant + APILimits.hookTableRetry)
        case (.add(let call, let count), let result):
            hooks!.addingCount -= count
            guard case .added(let rows) = result else {
                counters.hookTableFailures += 1
                return effects.append(.refuse(call, Refusal(.storageFull, retryAfterMs: unavailableRetryMs)))
            }
            effects.append(.answer(call, .done))
            for row in rows { schedule(row, now: now) }
        case (.read(let number, let lane), .body(let body)):
            order(.post(lane: lane, number, body), for: .post(number, lane: lane), &effects)
        case (.read(let number, let lane), let result):
            hooks!.lanesFree.append(lane)
            if result == .missing {
                hooks!.tries[number] = nil
            } else {
                // That was no try: nobody has told anything.
                counters.hookTableFailures += 1
                timers.arm(.hook(number), at: now.instant + APILimits.hookTableRetry)
            }
            startPosts(&effects)
        case (.post(let number, let lane), let result):
            hooks!.lanesFree.append(lane)
            onPosted(number, result, now: now, &effects)
            startPosts(&effects)
        case (.settle, .settled(let deadCount)): hooks!.deadCount = deadCount
        case (.settle(let number, let fate), _):
            counters.hookTableFailures += 1
            hooks!.unsettled[number] = fate
            timers.armIfIdle(.hookSettle, at: now.instant + APILimits.hookTableRetry)
        case (.letters(let name), .dead(let letters, let more)): conclude(name, lettersAnswer(letters, more), now: now, &effects)
        case (.revive(let name), .revived(let row, let deadCount)):
            hooks!.deadCount = deadCount
            schedule(row, now: now)
            conclude(name, Answer(200, "{\"number\":\(row.number)}\n"), now: now, &effects)
        case (.drop(let name), .settled(let deadCount)):
            hooks!.deadCount = deadCount
            conclude(name, Answer(200, "{}\n"), now: now, &effects)
        case (.revive(let name), .missing), (.drop(let name), .missing): conclude(name, .noSuchLetter, now: now, &effects)
        case (.letters(let name), _), (.revive(let name), _), (.drop(let name), _): conclude(name, .away, now: now, &effects)
        }
    }

    private mutating func onPosted(_ number: Int64, _ result: HookOutcome.Result, now: Now, _ effects: inout [Effect]) {
        guard case .failed(let error) = result else {
            counters.hooksPosted += 1
            hooks!.tries[number] = nil
            return settle(number, .done, &effects)
        }
        counters.hooksFailed += 1
        retry(number, error, now: now, &effects)
    }

    private mutating func retry(_ number: Int64, _ error: String, now: Now, _ effects: inout [Effect]) {
        guard let count = hooks!.tries[number] else { return }
        guard count + 1 < hooks!.tryCountMax else {
            counters.hooksDied += 1
            hooks!.tries[number] = nil
            effects.append(.log(LogRecord(.warning, "webhook_dead", ["number": "\(number)", "error": error])))
            return settle(number, .dead(error: error), &effects)
        }
        hooks!.tries[number] = count + 1
        let pause = hooks!.pause(after: count + 1)
        timers.arm(.hook(number), at: now.instant + pause)
        settle(number, .again(due: now.stamp + pause, error: error), &effects)
    }

    private mutating func settle(_ number: Int64, _ fate: HookFate, _ effects: inout [Effect]) {
        hooks!.unsettled[number] = nil
        order(.settle(number, fate), for: .settle(number, fate), &effects)
    }

    mutating func settleAgain(_ effects: inout [Effect]) {
        for (number, fate) in hooks!.unsettled.sorted(by: { $0.key < $1.key }) { settle(number, fate, &effects) }
    }

    mutating func order(_ work: HookOrder.Work, for purpose: HookQueue.Purpose, _ effects: inout [Effect]) {
        hooks!.ticketNext += 1
        hooks!.purposes[hooks!.ticketNext] = purpose
        effects.append(.disk(.hook(HookOrder(hooks!.ticketNext, work))))
    }

    // MARK: Dead letters

    mutating func readDeadLetters(_ ask: Ask, _ effects: inout [Effect]) -> Outcome {
        guard hooks != nil else { return .answered(.noWebhooks) }
        var after: Int64 = 0
        if let text = ask.query("after") {
            guard let number = Self.stamp(text)?.microseconds else { return .answered(.bad("after", "the number of the last page's last letter")) }
            after = number
        }
        let name = expect(.hook, ask)
        order(.dead(after: after, limit: APILimits.deadPageCountMax), for: .letters(name), &effects)
        return .asked(name)
    }

    mutating func changeDeadLetter(_ number: String, revives: Bool, _ ask: Ask, _ effects: inout [Effect]) -> Outcome {
        guard let queue = hooks else { return .answered(.noWebhooks) }
        guard let number = Self.stamp(number)?.microseconds else { return .answered(.noSuchLetter) }
        guard !revives || queue.tries.count < APILimits.hookCountMax else { return .answered(.away) }
        let name = expect(.hook, ask)
        order(revives ? .revive(number) : .drop(number), for: revives ? .revive(name) : .drop(name), &effects)
        return .asked(name)
    }

    private func lettersAnswer(_ letters: [DeadLetter], _ more: Bool) -> Answer {
        var json = JSONText()
        json.list(
            "dead",
            letters.map { letter in
                var line = JSONText()
                line.number("number", letter.number)
                line.number("tries", Int64(letter.tryCount))
                line.string("error", letter.error)
                line.number("died_at", letter.diedAt.microseconds)
                line.raw("event", String(String(decoding: letter.body, as: UTF8.self).dropLast()))
                return line.nested
            })
        json.flag("more", more)
        return Answer(200, json.finished)
    }
}

extension Answer {
    static let noWebhooks = Answer(refusing: 404, "no_webhooks", "cluster.conf of this cluster has no webhooks")
    static let noSuchLetter = Answer(refusing: 404, "no_such_letter", "this node has no dead letter of that number")
}
