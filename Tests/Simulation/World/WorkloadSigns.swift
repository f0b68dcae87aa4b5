// What people let others know of themselves in passing: that they type, that they are here; whom they look at, what they hide,
// whom they block.
//
// It has dice of its own, and a time of its own: a run has people who fidget and people who sit still. Everybody may type to
// everybody, and in groups strangers try now and then; a rude one floods, types to herself and to groups that nobody made.

import ChatClient
import ClientProtocol
import Primitives

struct SignsWorkload {
    /// Mean time between two signs of one device.
    let pause: Interval
    /// Of a hundred signs, how many change settings or blocks: in half of the runs none.
    let settingsPercent: Int

    init(dice: inout SeededGenerator) {
        pause = .milliseconds(Int64(dice.pick(300..<4_000)))
        settingsPercent = dice.percent(50) ? 0 : dice.pick(2..<20)
    }
}

extension World {
    private var clientNow: Instant { Instant(nanoseconds: moment) }

    func deviceSigns(_ index: Int) {
        let device = devices[index]
        guard !isHealing, !device.hasLeft else { return }
        plan(.deviceSigns(device: index), after: device.signDice.jittered(signs.pause).nanoseconds)
        guard device.client.isLive, device.link != nil else { return }
        if shape.isRude(device.plan.user), device.signDice.oneIn(2) { return misbehave(device, rudeSigns(device)) }
        if device.signDice.percent(signs.settingsPercent) { return changeSettings(device) }
        switch device.signDice.pick(0..<20) {
        case 0..<2:
            device.typesTo = nil
            device.client.stopTyping(now: clientNow)
        case 2..<6: device.client.act(clientNow)
        case 6..<8: device.client.setInFront(device.signDice.percent(70), now: clientNow)
        case 8..<10: device.client.watch(some(device, 5), now: clientNow)
        case 10..<12:
            let users = some(device, 1)
            if !users.isEmpty { device.client.requestPresence(ref: nil, of: users) }
        default:
            if device.typesTo == nil || device.signDice.oneIn(4) { device.typesTo = somebody(device) }
            trace.write(moment, device.name, .event) { "somebody types to \(device.typesTo!)" }
            device.client.type(to: device.typesTo!, now: clientNow)
        }
        settle(device)
    }

    /// A person, or a group that was made: mostly one's own.
    private func somebody(_ device: SimulatedDevice) -> UserID {
        if !shape.groups.isEmpty, device.signDice.percent(40) {
            let index = device.signDice.pick(0..<shape.groups.count)
            let isMember = checker.groups[index].state.members[device.user] != nil
            if isMember || device.signDice.percent(25) { return shape.groups[index].id }
        }
        let other = device.signDice.pick(0..<shape.users.count - 1)
        return shape.users[other >= device.plan.user ? other + 1 : other]
    }

    /// People, oneself perhaps among them.
    private func some(_ device: SimulatedDevice, _ oneIn: Int) -> [UserID] {
        shape.users.filter { _ in device.signDice.oneIn(oneIn) }
    }

    private func changeSettings(_ device: SimulatedDevice) {
        let ref = MessageID("s\(device.index)-\(moment)")
        let other = device.signDice.pick(0..<shape.users.count - 1)
        let user = shape.users[other >= device.plan.user ? other + 1 : other]
        switch device.signDice.pick(0..<8) {
        case 0: device.client.changeSettings(ref: ref)
        case 1, 2: device.client.changeSettings(ref: ref, lastSeen: device.signDice.oneIn(2) ? .nobody : .everyone)
        case 3: device.client.changeSettings(ref: ref, exceptions: some(device, 3))
        case 4: device.client.changeSettings(ref: ref, readReceipts: device.signDice.oneIn(2))
        default: device.client.block(ref: ref, user, isOn: device.signDice.percent(45))
        }
        trace.write(moment, device.name, .event) { "somebody changes settings" }
        settle(device)
    }

    private func rudeSigns(_ device: SimulatedDevice) -> [ClientFrame] {
        let to = somebody(device)
        switch device.signDice.pick(0..<9) {
        case 5: return (0..<30).map { .presenceWatch(ref: nil, users: $0 % 2 == 0 ? shape.users : []) }
        case 6:
            let crowd = (0..<ClientLimits.watchUserCountMax + 1).map { UserID("nobody-\($0)")! }
            return [.presenceWatch(ref: nil, users: crowd), .presence(ref: nil, users: []), .presence(ref: nil, users: [device.user])]
        case 7: return [.block(ref: nil, user: device.user, on: true), .block(ref: nil, user: UserID("nobody")!, on: true)]
        case 8: return (0..<20).map { .active(on: $0 % 2 == 0) }
        case 0: return (0..<200).map { .typing(to: to, isOn: $0 % 3 != 2) }
        case 1: return [.typing(to: device.user, isOn: true)]
        case 2: return [.typing(to: UserID("g:nobody-made-\(device.signDice.pick(0..<1_000_000))")!, isOn: true)]
        case 3: return [.typing(to: UserID("nobody")!, isOn: true), .typing(to: to, isOn: false)]
        default: return shape.users.map { .typing(to: $0, isOn: true) }
        }
    }
}
