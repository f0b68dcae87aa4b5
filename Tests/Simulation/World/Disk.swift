// The disk under a persistence process: batches that take their time, and may be cut short.
//
// What it may do, and why the system must survive it:
// - take a fraction of a millisecond, or two hundred of them: another tenant is busy;
// - refuse writes (no room) or everything (broken) for some seconds;
// - stand still for seconds inside a sync;
// - lose its process, or its power, between the order and the answer: the write is torn. The engine writes one batch as one
//   transaction behind a checksum and begins the next only after the sync, so there is never more than one commit that was
//   not synced, and it survives as a whole or not at all. Both are legal, and nobody was told. What was answered is always
//   there afterwards: that is what the sync was for.
//
// The planted faults that concern the store live here too; each must be found by the checker.

import Messages
import Primitives
import Storage

struct Disk {
    /// What survives.
    var durable: MemoryStore
    /// The batch that the writer works on.
    private(set) var order: (requests: [StoreRequest], stamp: Stamp)?
    var fullUntil: Moment = 0
    var brokenUntil: Moment = 0
    var slowUntil: Moment = 0
    /// The power goes in the middle of the next batch, for so long.
    var tearsFor: Moment?
    /// Batches that a crash cut short, and what became of them.
    private(set) var tornLostCount = 0
    private(set) var tornKeptCount = 0
    /// Before the last batches that were answered; only for `Plant.loseSynced`.
    private var former: [MemoryStore] = []

    init(policy: StorePolicy) { durable = MemoryStore(policy: policy) }

    mutating func take(_ requests: [StoreRequest], stamp: Stamp) {
        precondition(order == nil, "one batch at a time")
        order = (requests, stamp)
    }

    mutating func forgetOrder() { order = nil }

    /// The batch in hand is synced, or fails as a whole.
    mutating func finish(
        _ moment: Moment, plant: Plant?, dice: inout SeededGenerator
    ) -> Result<[StoreAnswer], StoreFailure> {
        guard let (requests, stamp) = order else { preconditionFailure("no batch in hand") }
        order = nil
        durable.fault = brokenUntil > moment ? .broken("simulated") : fullUntil > moment ? .full : nil
        // A copy that is held makes the next change copy its inbox: only for those who need it.
        let before = plant == nil ? nil : durable
        let result: Result<[StoreAnswer], StoreFailure>
        do throws(StoreFailure) {
            result = .success(try durable.apply(requests.map { planted($0, plant, &dice) }, stamp: stamp))
        } catch {
            result = .failure(error)
        }
        durable.fault = nil
        guard let plant, let before, case .success(let answers) = result else { return result }
        switch plant {
        case .loseSynced:
            former.append(before)
            if former.count > 20 { former.removeFirst() }
        case .dropAppend where hasAppend(requests) && dice.oneIn(10):
            durable = before
        case .skipMember where dice.oneIn(10):
            for case .appendShared(let shared) in requests where shared.mark == .none {
                durable.skip(shared.recipients.last!, of: shared.group, before: before)
            }
        case .showRemoved:
            for case .appendShared(let shared) in requests where shared.mark == .none {
                durable.showFormerMembers(shared, stamp: stamp)
            }
        case .keepGroupText:
            durable.keepTexts(of: before)
        case .silentExpiry:
            return .success(answers.map { silenced($0, stamp) })
        case .numberTwice where dice.oneIn(10):
            return .success(answers.map(numberedAgain))
        default:
            break
        }
        return result
    }

    /// The process is gone while a batch may be in hand.
    mutating func crash(_ moment: Moment, plant: Plant?, dice: inout SeededGenerator) {
        if order != nil {
            if dice.percent(50) {
                _ = finish(moment, plant: nil, dice: &dice)
                tornKeptCount += 1
            } else {
                tornLostCount += 1
            }
        }
        order = nil
        if plant == .loseSynced, let former = former.first { durable = former }
        former = []
    }

    // MARK: Planted faults

    private func hasAppend(_ requests: [StoreRequest]) -> Bool {
        requests.contains { if case .append = $0 { true } else { false } }
    }

    private func planted(_ request: StoreRequest, _ plant: Plant?, _ dice: inout SeededGenerator) -> StoreRequest {
        switch (plant, request) {
        case (.keepText, .storeCursor(let cursor)):
            // The cursor never gets to the newest entry, so its text stays.
            guard cursor.number > 0 else { return request }
            return .storeCursor(StoreCursor(owner: cursor.owner, device: cursor.device, number: cursor.number - 1))
        case (.swapInGroup, .appendShared(var shared)):
            guard shared.entries.count > 1, shared.recipients.count > 1, shared.mark == .none, dice.oneIn(2) else { return request }
            let (first, second) = (shared.entries[0], shared.entries[1])
            shared.entries[0] = GroupEntry(
                number: first.number, stamp: second.stamp, kind: second.kind, author: second.author, id: second.id, body: second.body)
            shared.entries[1] = GroupEntry(
                number: second.number, stamp: first.stamp, kind: first.kind, author: first.author, id: first.id, body: first.body)
            return .appendShared(shared)
        default:
            return request
        }
    }

    private mutating func silenced(_ answer: StoreAnswer, _ stamp: Stamp) -> StoreAnswer {
        guard case .swept(var swept) = answer else { return answer }
        for report in swept.expired {
            _ = try? durable.apply([.dropExpired(DropExpired(owner: report.owner, numbers: report.items.map(\.number)))], stamp: stamp)
        }
        swept.expired = []
        return .swept(swept)
    }

    private func numberedAgain(_ answer: StoreAnswer) -> StoreAnswer {
        guard case .appended(var appended) = answer, appended.outcome == .stored, appended.number > 1 else { return answer }
        appended.number -= 1
        return .appended(appended)
    }
}

extension World {
    func orderCommit(_ requests: [StoreRequest], _ process: SimulatedProcess) {
        precondition(process.disk != nil, "\(process.node.name) has no store")
        if requests.count > StoreLimits.batchRequestCountMax {
            checker.fail(.bounded, moment, "at most \(StoreLimits.batchRequestCountMax) requests in a batch", "\(requests.count)")
        }
        process.disk!.take(requests, stamp: now(of: process).stamp)
        let isSlow = !isHealing && (dice.disk.oneIn(100) || process.disk!.slowUntil > moment)
        let delay = !isSlow
            ? dice.disk.between(.microseconds(100), .milliseconds(3))
            : dice.disk.oneIn(50) ? dice.disk.between(.seconds(1), .seconds(6)) : dice.disk.between(.milliseconds(20), .milliseconds(250))
        if let length = process.disk!.tearsFor {
            process.disk!.tearsFor = nil
            plan(.tear(process: process.index, life: process.life, length: length), after: delay / 2)
        }
        plan(.diskDone(process: process.index, life: process.life), after: delay)
    }

    func diskDone(_ index: Int, life: Int) {
        let process = processes[index]
        guard process.life == life, process.isRunning else { return }
        let result = process.disk!.finish(moment, plant: plant, dice: &dice.plant)
        if case .failure(let failure) = result { trace.write(moment, process.node.name, .event) { "disk: \(failure)" } }
        checker.readSettings(moment, self)
        if !shape.groups.isEmpty { checker.readLogs(moment, self) }
        tell(index, .committed(result))
    }

    func crashDisk(_ process: SimulatedProcess) {
        process.disk?.crash(moment, plant: plant, dice: &dice.disk)
    }

    /// Whether the store has this message now, and under which stamp.
    func stored(_ message: SentMessage) -> Stamp? {
        let author = shape.users[shape.devices[message.device].user]
        return stored(.message, message, owner: shape.users[message.to], about: author, body: message.body)
    }

    /// Whether the author's inbox has the notice that this message expired.
    func isNoticed(_ message: SentMessage) -> Bool {
        let author = shape.users[shape.devices[message.device].user]
        return stored(.expired, message, owner: author, about: shape.users[message.to], body: []) != nil
    }

    private func stored(
        _ kind: InboxEntry.Kind, _ message: SentMessage, owner: UserID, about: UserID, body: [UInt8]
    ) -> Stamp? {
        // A repeat of a stored entry changes nothing and is answered with what was stored; the copy sees to the rest.
        var copy = processes[shape.partition(of: owner)].disk!.durable
        let append = Append(owner: owner, kind: kind, author: about, chat: about, id: message.id, after: nil, body: body)
        guard let answers = try? copy.apply([.append(append)], stamp: .zero), case .appended(let appended) = answers[0],
            appended.outcome == .duplicate
        else { return nil }
        return appended.stamp
    }
}
