// What people do with their devices: write, read, go into a tunnel, restart the app.
//
// Bodies are text, since JSON promises text; they hold what JSON must escape and what UTF-8 spreads over several bytes. A
// body names nothing: that it arrives unchanged is checked byte by byte.

import ChatClient
import Primitives

struct Workload {
    /// Mean time between two deeds at one device.
    let pause: Interval
    /// Messages that one run may write; the rest of the time people only read.
    let messageCountMax: Int
    let isLarge: Bool
    /// After healing: everybody has opened every chat.
    var hasReadAll = false
    /// After healing: since when nothing is owed to anybody.
    var settledAt: Moment?

    init(dice: inout SeededGenerator, duration: Moment) {
        pause = .milliseconds(Int64(dice.pick(200..<2_000)))
        messageCountMax = dice.pick(50..<500)
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

extension World {
    func planDeed(_ device: SimulatedDevice) {
        plan(.deviceActs(device: device.index), after: dice.workload.jittered(workload.pause).nanoseconds)
    }

    func deviceActs(_ index: Int) {
        guard !isHealing else { return }
        let device = devices[index]
        if !device.isStarted { startDevice(device) }
        switch dice.workload.pick(0..<100) {
        case 0..<60: writeBurst(device)
        case 60..<85: markRead(device, dice.workload.pick(0..<shape.users.count))
        case 85..<95:
            goOffline(
                device, for: dice.workload.between(.milliseconds(50), dice.workload.oneIn(5) ? .seconds(12) : .seconds(2)))
        default:
            restartDevice(device)
        }
        planDeed(device)
    }

    private func writeBurst(_ device: SimulatedDevice) {
        let count = dice.workload.oneIn(4) ? dice.workload.pick(2..<30) : 1
        let isOneChat = dice.workload.percent(70)
        var to = otherUser(device.plan.user)
        for _ in 0..<count where checker.messages.count < workload.messageCountMax {
            if !isOneChat { to = otherUser(device.plan.user) }
            let body = workload.body(&dice.workload)
            let id = MessageID("\(device.index)-\(checker.messages.count)")!
            checker.onWritten(SentMessage(device: device.index, to: to, id: id, body: body, writtenAt: moment))
            trace.write(moment) { "\(device.name) writes \(id) to \(shape.users[to]), \(body.count) bytes" }
            device.client.send(id: id, to: shape.users[to], body: body, now: Instant(nanoseconds: moment))
        }
        settle(device)
    }

    private func otherUser(_ user: Int) -> Int {
        let other = dice.workload.pick(0..<shape.users.count - 1)
        return other >= user ? other + 1 : other
    }

    /// The person opens the chat with a peer.
    func markRead(_ device: SimulatedDevice, _ peer: Int) {
        guard let at = device.newestShown[peer], at > device.marked[peer] ?? .zero else { return }
        device.marked[peer] = at
        checker.onMarked(user: device.plan.user, peer: peer, at: at)
        trace.write(moment) { "\(device.name) marks \(shape.users[peer]) read up to \(at.microseconds)" }
        device.client.markRead(with: shape.users[peer], at: at, now: Instant(nanoseconds: moment))
        settle(device)
    }
}
