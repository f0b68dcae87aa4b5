// What people do with their devices: write, read, look back, go into a tunnel, restart the app.
//
// A run has a habit: everybody writes to everybody, two cannot stop, all write to one, or the network of the phones is so
// bad that most is written offline and leaves in bursts.
//
// Bodies are text, since JSON promises text; they hold what JSON must escape and what UTF-8 spreads over several bytes. A
// body names nothing: that it arrives unchanged is checked byte by byte.

import ChatClient
import Messages
import Primitives

struct Workload {
    enum Habit: CaseIterable {
        case everybody
        /// Two people write nearly everything, to each other.
        case pair
        /// Nearly everything goes to one person.
        case idol
        /// Mostly offline.
        case tunnels
    }

    let habit: Habit
    /// Mean time between two deeds at one device.
    let pause: Interval
    /// Messages that one run may write; the rest of the time people only read.
    let messageCountMax: Int
    let isLarge: Bool
    /// After healing: everybody has opened every chat.
    var hasReadAll = false
    /// And then: everybody looks at everybody.
    var isLooking = false
    /// After healing: since when nothing is owed to anybody.
    var settledAt: Moment?

    init(dice: inout SeededGenerator, trim: Trim) {
        habit = dice.percent(50) ? .everybody : Habit.allCases[dice.pick(1..<Habit.allCases.count)]
        pause = .milliseconds(Int64(dice.pick(200..<2_000)))
        let drawn = dice.pick(50..<500)
        messageCountMax = Swift.min(drawn, trim.messages ?? drawn)
        isLarge = dice.oneIn(6)
    }

    private static let letters = Array("abc XYZ 0123456789 \"\\/\n\t{}[]:, äöüß €™ 日本語 🙂🧵".unicodeScalars).map { Array(String($0).utf8) }

    func body(_ dice: inout SeededGenerator) -> [UInt8] {
        let length = isLarge && dice.oneIn(20) ? 64 * 1024 : dice.oneIn(10) ? 0 : dice.pick(0..<300)
        var body: [UInt8] = []
        while true {
            let letter = Self.letters[dice.pick(0..<Self.letters.count)]
            if body.count + letter.count > length { return body }
            body += letter
        }
    }
}

/// A page of the archive that a device wants to see.
struct HistoryAsk: Sendable {
    let with: Int?
    let before: UInt64?
    let limit: Int
}

extension World {
    func planDeed(_ device: SimulatedDevice) {
        plan(.deviceActs(device: device.index), after: device.dice.jittered(workload.pause).nanoseconds)
    }

    func deviceActs(_ index: Int) {
        let device = devices[index]
        guard !isHealing, !device.hasLeft else { return }
        if !device.isStarted { startDevice(device) }
        if shape.isRude(device.plan.user), device.dice.oneIn(2) {
            misbehave(device)
        } else {
            act(device)
        }
        planDeed(device)
    }

    private func act(_ device: SimulatedDevice) {
        if actInGroup(device) { return }
        let offlinePercent = workload.habit == .tunnels ? 40 : 10
        switch device.dice.pick(0..<100) {
        case 0..<offlinePercent:
            goOffline(
                device, for: device.dice.between(.milliseconds(50), device.dice.oneIn(5) ? .seconds(12) : .seconds(2)))
            if device.dice.percent(30) { writeBurst(device) }
        case offlinePercent..<offlinePercent + 5: restartDevice(device)
        case offlinePercent + 5..<offlinePercent + 15 where shape.policy.isArchive: askHistory(device)
        case offlinePercent + 5..<offlinePercent + 30: markRead(device, device.dice.pick(0..<shape.users.count))
        default: writeBurst(device)
        }
    }

    private func writeBurst(_ device: SimulatedDevice) {
        let count = device.dice.oneIn(4) ? device.dice.pick(2..<30) : 1
        let isOneChat = device.dice.percent(70)
        var to = addressee(device)
        for _ in 0..<count where checker.messages.count < workload.messageCountMax {
            if !isOneChat { to = addressee(device) }
            let body = workload.body(&device.dice)
            let id = newID(device)
            checker.onWritten(SentMessage(device: device.index, to: to, id: id, body: body, writtenAt: moment))
            trace.write(moment, device.name, .event) { "somebody writes \(id) to \(shape.users[to]), \(body.count) bytes" }
            device.client.send(id: id, to: shape.users[to], body: body, now: Instant(nanoseconds: moment))
        }
        settle(device)
    }

    func newID(_ device: SimulatedDevice) -> MessageID { MessageID("\(device.index)-\(checker.messages.count)")! }

    /// Somebody to write to, as the habit of this run has it.
    func addressee(_ device: SimulatedDevice) -> Int {
        let user = device.plan.user
        switch workload.habit {
        case .pair where device.dice.percent(85) && user < 2: return 1 - user
        case .idol where device.dice.percent(80) && user != 0: return 0
        case .everybody, .pair, .idol, .tunnels: return otherUser(user, &device.dice)
        }
    }

    private func otherUser(_ user: Int, _ dice: inout SeededGenerator) -> Int {
        let other = dice.pick(0..<shape.users.count - 1)
        return other >= user ? other + 1 : other
    }

    /// The person opens the chat with a peer.
    func markRead(_ device: SimulatedDevice, _ peer: Int) {
        guard let at = device.newestShown[peer], at > device.marked[peer] ?? .zero else { return }
        device.marked[peer] = at
        checker.onMarked(user: device.plan.user, peer: peer, at: at)
        trace.write(moment, device.name, .event) { "somebody reads what \(shape.users[peer]) wrote up to \(Trace.text(at))" }
        device.client.markRead(with: shape.users[peer], at: at, now: Instant(nanoseconds: moment))
        settle(device)
    }

    /// The person scrolls back.
    private func askHistory(_ device: SimulatedDevice) {
        guard device.client.isLive else { return }
        device.historyAskCount += 1
        let ref = MessageID("h\(device.index)-\(device.historyAskCount)")!
        let cursor = device.client.memory.cursor ?? 0
        let ask = HistoryAsk(
            with: device.dice.oneIn(2) ? otherUser(device.plan.user, &device.dice) : nil,
            before: device.dice.oneIn(2) ? UInt64(device.dice.pick(0..<Int(cursor) + 2)) : nil,
            limit: device.dice.pick(1..<MessageLimits.historyEntryCountMax + 1))
        device.historyAsks[ref] = ask
        device.client.requestHistory(ref: ref, with: ask.with.map { shape.users[$0] }, before: ask.before, limit: ask.limit)
        settle(device)
    }
}
