// What people let others know of themselves in passing: that they type.
//
// It has dice of its own, and a time of its own: a run has people who fidget and people who sit still. Everybody may type to
// everybody, and in groups strangers try now and then; a rude one floods, types to herself and to groups that nobody made.

import ChatClient
import ClientProtocol
import Primitives

struct SignsWorkload {
    /// Mean time between two signs of one device.
    let pause: Interval

    init(dice: inout SeededGenerator) { pause = .milliseconds(Int64(dice.pick(300..<4_000))) }
}

extension World {
    private var clientNow: Instant { Instant(nanoseconds: moment) }

    func deviceSigns(_ index: Int) {
        let device = devices[index]
        guard !isHealing, !device.hasLeft else { return }
        plan(.deviceSigns(device: index), after: device.signDice.jittered(signs.pause).nanoseconds)
        guard device.client.isLive, device.link != nil else { return }
        if shape.isRude(device.plan.user), device.signDice.oneIn(2) { return misbehave(device, rudeSigns(device)) }
        if device.signDice.oneIn(6) {
            device.typesTo = nil
            device.client.stopTyping(now: clientNow)
        } else {
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

    private func rudeSigns(_ device: SimulatedDevice) -> [ClientFrame] {
        let to = somebody(device)
        switch device.signDice.pick(0..<5) {
        case 0: return (0..<200).map { .typing(to: to, isOn: $0 % 3 != 2) }
        case 1: return [.typing(to: device.user, isOn: true)]
        case 2: return [.typing(to: UserID("g:nobody-made-\(device.signDice.pick(0..<1_000_000))")!, isOn: true)]
        case 3: return [.typing(to: UserID("nobody")!, isOn: true), .typing(to: to, isOn: false)]
        default: return shape.users.map { .typing(to: $0, isOn: true) }
        }
    }
}
