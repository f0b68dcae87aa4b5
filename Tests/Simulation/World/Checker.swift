// The judge: hears what people wrote, sees what their devices show, and knows the rules. It takes no part.
//
// Everything it believes comes from outside the cluster: what a person wrote, what a device showed, what lies on the disk
// that survives. It never asks a core. The rules are those of docs/design, "What must hold"; each broken one names the
// message it was broken for, so that the report can show that message's life.

import ChatClient
import ClientProtocol
import Messages
import Primitives
import RPC
import Storage

/// Which promise was broken.
public enum Rule: String, CaseIterable, Sendable {
    case loss = "no loss"
    case duplicate = "no duplicate on screen"
    case order
    case honestTicks = "honest ticks"
    case nobodyElse = "nobody else"
    case bounded
    case temporary = "temporary is temporary"
    case recovery = "service returns by itself"
}

public struct Violation: Equatable, Sendable {
    public var rule: Rule
    public var moment: Moment
    public var expected: String
    public var found: String
    /// The message it is about.
    public var message: MessageID?
}

/// A set of devices, by index; a run has at most 64.
struct DeviceSet: Equatable, Sendable {
    private var bits: UInt64 = 0
    var isEmpty: Bool { bits == 0 }
    func contains(_ device: Int) -> Bool { bits & (1 << UInt64(device)) != 0 }
    mutating func insert(_ device: Int) { bits |= 1 << UInt64(device) }
}

/// A message as its author wrote it, and what became of it.
struct SentMessage: Sendable {
    let device: Int
    let to: Int
    let id: MessageID
    let body: [UInt8]
    let writtenAt: Moment
    /// Place among what this device wrote to this person.
    var place = 0
    /// When the author was told.
    var sentAt: Moment?
    /// In the addressee's inbox.
    var stamp: Stamp?
    var number: UInt64?
    var shownBy = DeviceSet()
    var copiedTo = DeviceSet()
    /// The author's devices that were there when it was written, this one excepted.
    var siblings: [Int] = []

    init(device: Int, to: Int, id: MessageID, body: [UInt8], writtenAt: Moment) {
        self.device = device
        self.to = to
        self.id = id
        self.body = body
        self.writtenAt = writtenAt
    }
}

/// What one device has shown.
private struct Screen {
    /// Where its stream began, once it has begun.
    var start: UInt64?
    var startedAt: Moment = 0
    var liveSince: Moment?
    var last: UInt64 = 0
    var lastStamp = Stamp.zero
    /// The newest message of each device that wrote here, by its place.
    var placeOfDevice: [Int]
    /// Of each peer.
    var delivered: [Stamp]
    var read: [Stamp]
}

struct Checker {
    private let shape: Shape
    private(set) var violation: Violation?
    private(set) var messages: [SentMessage] = []
    private var indexOfID: [MessageID: Int] = [:]
    /// Messages of one person to another: [author][addressee].
    private var chats: [[[Int]]]
    private var written: [[Int]]
    private var screens: [Screen]
    /// The newest stamp that a person marked as read, of each peer.
    private var marks: [[Stamp]]
    private var users: [UserID: Int] = [:]
    private(set) var shownCount = 0
    private(set) var copyCount = 0
    private(set) var gapCount = 0

    init(shape: Shape) {
        self.shape = shape
        let userCount = shape.users.count
        precondition(shape.devices.count <= 64)
        chats = [[[Int]]](repeating: [[Int]](repeating: [], count: userCount), count: userCount)
        written = [[Int]](repeating: [Int](repeating: 0, count: userCount), count: shape.devices.count)
        marks = [[Stamp]](repeating: [Stamp](repeating: .zero, count: userCount), count: userCount)
        screens = shape.devices.map { _ in
            Screen(
                placeOfDevice: [Int](repeating: 0, count: shape.devices.count),
                delivered: [Stamp](repeating: .zero, count: userCount), read: [Stamp](repeating: .zero, count: userCount))
        }
        for (index, user) in shape.users.enumerated() { users[user] = index }
    }

    func userIndex(_ user: UserID) -> Int? { users[user] }

    private func name(_ device: Int) -> String { "\(shape.users[shape.devices[device].user])/\(shape.devices[device].name)" }

    /// Keeps the first violation: what follows from it is noise.
    mutating func fail(_ rule: Rule, _ moment: Moment, _ expected: String, _ found: String, _ message: MessageID? = nil) {
        guard violation == nil else { return }
        violation = Violation(rule: rule, moment: moment, expected: expected, found: found, message: message)
    }

    // MARK: What people do

    mutating func onWritten(_ message: SentMessage) {
        var message = message
        let author = shape.devices[message.device].user
        written[message.device][message.to] += 1
        message.place = written[message.device][message.to]
        // A sibling that came before this device's connection is known to whoever serves it.
        for (index, device) in shape.devices.enumerated()
        where device.user == author && index != message.device && screens[index].start != nil
            && (screens[message.device].liveSince ?? .max) > screens[index].startedAt
        {
            message.siblings.append(index)
        }
        indexOfID[message.id] = messages.count
        chats[author][message.to].append(messages.count)
        messages.append(message)
    }

    mutating func onMarked(user: Int, peer: Int, at: Stamp) { marks[user][peer] = Swift.max(marks[user][peer], at) }

    // MARK: What devices are told

    mutating func onFrame(_ frame: ServerFrame, device: Int, _ moment: Moment) {
        guard case .welcome(let user, let name, _, _, _, _, _) = frame else { return }
        let plan = shape.devices[device]
        guard user == shape.users[plan.user], name == plan.name else {
            return fail(.nobodyElse, moment, "a welcome for \(self.name(device))", "one for \(user)/\(name)")
        }
    }

    mutating func onNews(_ news: ClientNews, device: Int, _ moment: Moment, world: World) {
        switch news {
        case .online: onOnline(device, cursor: world.devices[device].client.memory.cursor!, moment)
        case .offline: screens[device].liveSince = nil
        case .entry(.message(let number, let from, let id, let at, let body)):
            onNumber(number, at, device, id, moment)
            onMessage(number, from, id, at, body, device, moment, world)
        case .entry(.copy(let number, let to, let id, let at, let body)):
            // A copy bears the stamp of another inbox.
            onNumber(number, nil, device, id, moment)
            onCopy(to, id, body, at, device, moment)
        case .entry(let frame):
            fail(.loss, moment, "nothing expires within a minute", "\(name(device)) is shown \(frame)")
        case .gap(let from, let to):
            gapCount += 1
            guard from == screens[device].last + 1, to >= from else {
                return fail(.order, moment, "\(name(device)) at \(screens[device].last) is told of a gap from there", "\(from)...\(to)")
            }
            screens[device].last = to
        case .sent(let id, let to, let at): onSent(id, to, at, device, moment, world)
        case .failed(let id, let error):
            fail(.loss, moment, "\(id) is accepted in the end", "refused for good: \(error.code.name), \(error.text)", id)
        case .delivered(let peer, let at): onDelivered(peer, at, device, moment)
        case .read(let peer, let at): onRead(peer, at, device, moment)
        case .cursorLost:
            fail(.loss, moment, "the inbox of \(name(device)) is the same for ever", "its cursor is beyond the inbox: entries were forgotten")
        case .refused(let error):
            switch error.code {
            case .overloaded, .unavailable, .storageFull, .helloMissing: break
            default:
                fail(.recovery, moment, "\(name(device)) asks for nothing that is refused", "\(error.code.name): \(error.text)", error.ref)
            }
        case .history: break
        }
    }

    private mutating func onOnline(_ device: Int, cursor: UInt64, _ moment: Moment) {
        screens[device].liveSince = moment
        guard screens[device].start == nil else { return }
        screens[device].start = cursor
        screens[device].startedAt = moment
        screens[device].last = cursor
    }

    /// Dense numbers, rising stamps.
    private mutating func onNumber(_ number: UInt64, _ at: Stamp?, _ device: Int, _ id: MessageID, _ moment: Moment) {
        let screen = screens[device]
        if number != screen.last + 1 {
            fail(.order, moment, "\(name(device)) is shown number \(screen.last + 1)", "number \(number)", id)
        }
        screens[device].last = number
        guard let at else { return }
        if at <= screen.lastStamp {
            fail(.order, moment, "stamps of \(name(device)) rise above \(screen.lastStamp.microseconds)", "\(at.microseconds)", id)
        }
        screens[device].lastStamp = at
    }

    private mutating func onMessage(
        _ number: UInt64, _ from: UserID, _ id: MessageID, _ at: Stamp, _ body: [UInt8], _ device: Int,
        _ moment: Moment, _ world: World
    ) {
        guard let index = indexOfID[id] else {
            return fail(.nobodyElse, moment, "only what somebody wrote is shown", "\(id) from \(from) at \(name(device))", id)
        }
        let message = messages[index]
        guard shape.users[shape.devices[message.device].user] == from, message.to == shape.devices[device].user else {
            return fail(.nobodyElse, moment, "\(id) from \(name(message.device)) to \(shape.users[message.to])", "from \(from) at \(name(device))", id)
        }
        guard message.body == body else {
            return fail(.nobodyElse, moment, "\(id) as it was written, \(message.body.count) bytes", "another body, \(body.count) bytes", id)
        }
        guard !message.shownBy.contains(device) else {
            return fail(.duplicate, moment, "\(id) once at \(name(device))", "a second time, as number \(number)", id)
        }
        guard world.stored(message) == at else {
            return fail(.honestTicks, moment, "what is shown at \(name(device)) is stored, stamped \(at.microseconds)", "the store has \(world.stored(message).map { "\($0.microseconds)" } ?? "nothing")", id)
        }
        if let known = message.number, known != number {
            fail(.order, moment, "\(id) has number \(known) at every device", "\(number) at \(name(device))", id)
        }
        let before = screens[device].placeOfDevice[message.device]
        if message.place <= before {
            fail(.order, moment, "\(id) comes before what was written after it", "\(name(device)) has a later message of \(name(message.device)) already", id)
        }
        screens[device].placeOfDevice[message.device] = message.place
        messages[index].number = number
        messages[index].shownBy.insert(device)
        shownCount += 1
        stamp(index, at, moment)
    }

    private mutating func onCopy(_ to: UserID, _ id: MessageID, _ body: [UInt8], _ at: Stamp, _ device: Int, _ moment: Moment) {
        guard let index = indexOfID[id] else {
            return fail(.nobodyElse, moment, "only what somebody wrote is shown", "a copy of \(id) at \(name(device))", id)
        }
        let message = messages[index]
        guard shape.devices[message.device].user == shape.devices[device].user, shape.users[message.to] == to else {
            return fail(.nobodyElse, moment, "copies of one's own messages", "\(id) at \(name(device))", id)
        }
        guard message.body == body else {
            return fail(.nobodyElse, moment, "\(id) as it was written", "a copy with another body", id)
        }
        guard !message.copiedTo.contains(device) else {
            return fail(.duplicate, moment, "one copy of \(id) at \(name(device))", "a second one", id)
        }
        messages[index].copiedTo.insert(device)
        copyCount += 1
        stamp(index, at, moment)
    }

    // MARK: Ticks

    private mutating func onSent(_ id: MessageID, _ to: UserID, _ at: Stamp, _ device: Int, _ moment: Moment, _ world: World) {
        guard let index = indexOfID[id], messages[index].device == device, shape.users[messages[index].to] == to else {
            return fail(.nobodyElse, moment, "ticks for one's own messages", "\(name(device)) has one for \(id)", id)
        }
        guard let stored = world.stored(messages[index]) else {
            return fail(.honestTicks, moment, "\(id) is stored when its author is told so", "the store does not have it", id)
        }
        if stored != at {
            fail(.honestTicks, moment, "\(id) was stored with stamp \(stored.microseconds)", "its author is told \(at.microseconds)", id)
        }
        messages[index].sentAt = moment
        stamp(index, at, moment)
    }

    /// A stamp became known: it agrees with what was known, and with ticks that came before.
    private mutating func stamp(_ index: Int, _ at: Stamp, _ moment: Moment) {
        let message = messages[index]
        if let known = message.stamp, known != at {
            fail(.order, moment, "\(message.id) has one stamp, \(known.microseconds)", "\(at.microseconds)", message.id)
        }
        messages[index].stamp = at
        let author = shape.devices[message.device].user
        for (device, plan) in shape.devices.enumerated() where plan.user == author {
            if at <= screens[device].delivered[message.to], message.shownBy.isEmpty, messages[index].shownBy.isEmpty {
                fail(.honestTicks, moment, "\(message.id) is delivered, as \(name(device)) was told", "no device of \(shape.users[message.to]) has shown it", message.id)
            }
        }
    }

    private mutating func onDelivered(_ peer: UserID, _ at: Stamp, _ device: Int, _ moment: Moment) {
        guard let to = users[peer] else { return fail(.nobodyElse, moment, "ticks about people", "\(peer)") }
        if at < screens[device].delivered[to] {
            fail(.honestTicks, moment, "no tick goes back: \(name(device)) has delivered with \(peer) up to \(screens[device].delivered[to].microseconds)", "\(at.microseconds)")
        }
        screens[device].delivered[to] = at
        for index in chats[shape.devices[device].user][to] {
            guard let stamp = messages[index].stamp, stamp <= at, messages[index].shownBy.isEmpty else { continue }
            fail(.honestTicks, moment, "\(messages[index].id) is delivered, as \(name(device)) is told", "no device of \(peer) has shown it", messages[index].id)
        }
    }

    private mutating func onRead(_ peer: UserID, _ at: Stamp, _ device: Int, _ moment: Moment) {
        guard let to = users[peer] else { return fail(.nobodyElse, moment, "ticks about people", "\(peer)") }
        if at < screens[device].read[to] {
            fail(.honestTicks, moment, "no tick goes back: \(name(device)) has read with \(peer) up to \(screens[device].read[to].microseconds)", "\(at.microseconds)")
        }
        let mark = marks[to][shape.devices[device].user]
        if at > mark {
            fail(.honestTicks, moment, "\(peer) has read up to \(mark.microseconds)", "\(name(device)) is told \(at.microseconds)")
        }
        screens[device].read[to] = at
    }

    // MARK: Bounds

    mutating func onTurn(_ process: String, callsInFlight: Int, _ moment: Moment) {
        if callsInFlight > RPCLimits.callsInFlightMax {
            fail(.bounded, moment, "at most \(RPCLimits.callsInFlightMax) calls in flight at \(process)", "\(callsInFlight)")
        }
    }

    // MARK: The end

    /// What is still owed to somebody; nil when everything is as it must be.
    func debt(_ world: World) -> (rule: Rule, expected: String, found: String, message: MessageID?)? {
        for device in world.devices where screens[device.index].start == nil {
            return (.recovery, "\(device.name) is welcomed", "it never was", nil)
        }
        for message in messages {
            if let debt = debt(message) { return debt }
        }
        for device in world.devices where device.client.hasWork {
            return (.recovery, "the outbox of \(device.name) is empty", "\(device.client.memory.outbox.count) messages and perhaps read marks wait", device.client.memory.outbox.first?.id)
        }
        return debtOfStores(world)
    }

    private func debt(_ message: SentMessage) -> (rule: Rule, expected: String, found: String, message: MessageID?)? {
        let author = shape.devices[message.device].user
        guard message.sentAt != nil, let stamp = message.stamp else {
            return (.recovery, "\(message.id) is stored and its author told", "she waits still", message.id)
        }
        guard let number = message.number else {
            return (.loss, "\(message.id) reaches \(shape.users[message.to])", "no device has shown it", message.id)
        }
        for (index, plan) in shape.devices.enumerated() where plan.user == message.to {
            guard message.shownBy.contains(index) || number <= screens[index].start ?? 0 else {
                return (.loss, "\(message.id), number \(number), reaches \(name(index)), whose stream began after \(screens[index].start ?? 0)", "it is at \(screens[index].last) without having shown it", message.id)
            }
        }
        for sibling in message.siblings where !message.copiedTo.contains(sibling) {
            return (.loss, "a copy of \(message.id) reaches \(name(sibling))", "it has shown none", message.id)
        }
        guard screens[message.device].delivered[message.to] >= stamp else {
            return (.recovery, "\(name(message.device)) is told that \(message.id) was delivered", "it has a tick up to \(screens[message.device].delivered[message.to].microseconds), the message is stamped \(stamp.microseconds)", message.id)
        }
        if marks[message.to][author] >= stamp, screens[message.device].read[message.to] < stamp {
            return (.recovery, "\(name(message.device)) is told that \(message.id) was read", "it has a tick up to \(screens[message.device].read[message.to].microseconds), the message is stamped \(stamp.microseconds)", message.id)
        }
        return nil
    }

    private func debtOfStores(_ world: World) -> (rule: Rule, expected: String, found: String, message: MessageID?)? {
        if !shape.policy.isArchive {
            let count = world.processes.reduce(0) { $0 + ($1.disk?.durable.textCount ?? 0) }
            if count > 0 { return (.temporary, "no text is kept when every device has everything", "\(count) entries have theirs", nil) }
            return nil
        }
        var kept: [MessageID: [UInt8]] = [:]
        for user in shape.users {
            var before: UInt64?
            repeat {
                var copy = world.processes[shape.partition(of: user)].disk!.durable
                let request = ReadHistory(owner: user, chat: nil, before: before, limit: MessageLimits.pageEntryCountMax)
                guard let answers = try? copy.apply([.readHistory(request)], stamp: .zero), case .historyPage(let page) = answers[0]
                else { preconditionFailure("the store answers") }
                for entry in page.entries where entry.kind == .message { kept[entry.id] = entry.body }
                before = page.hasMore ? page.entries.last?.number : nil
            } while before != nil
        }
        for message in messages where kept[message.id] != message.body {
            return (.loss, "the archive keeps \(message.id)", "it does not", message.id)
        }
        return nil
    }
}

extension World {
    /// How long after the last fault everything has to be in order: the client's silence bound (90 s), a reconnect, a retry.
    static let recoveryMax = Interval.seconds(120).nanoseconds
    /// How long it is watched after that: late duplicates come late.
    static let watchTime = Interval.seconds(4).nanoseconds

    func examine() {
        let sinceHeal = moment - healedAt
        // Everybody looks at everything once, so that the last ticks can be asked for.
        if sinceHeal > Interval.seconds(5).nanoseconds, !workload.hasReadAll, checker.debt(self) == nil {
            workload.hasReadAll = true
            for device in devices { for peer in shape.users.indices { markRead(device, peer) } }
            return plan(.examine, after: Interval.milliseconds(500).nanoseconds)
        }
        let debt = checker.debt(self)
        if debt == nil, workload.hasReadAll {
            if workload.settledAt == nil { workload.settledAt = moment }
            if moment - workload.settledAt! >= Self.watchTime { isFinished = true; return }
        } else if let debt, workload.settledAt != nil || sinceHeal > Self.recoveryMax {
            return checker.fail(debt.rule, moment, debt.expected, debt.found, debt.message)
        }
        plan(.examine, after: Interval.milliseconds(500).nanoseconds)
    }
}
