// Who is shown to type: somebody who said so, just now, to whoever sees it; and not for long.
//
// Nothing owes anybody a sign of typing, so nothing is missed when one is lost. But none may reach a stranger, none may come
// long after it was given, and none may stay. How long a sign may be on its way depends on the weather: while no fault has
// struck it is the networks' worst moods one after the other, and later whatever a link that was held may hold.

import ClientProtocol
import Groups
import Primitives

/// Somebody types, as a device shows it.
struct TypingSign: Hashable, Sendable {
    let from: UserID
    /// Nil: to the device's own person.
    let group: UserID?
}

/// Somebody types, as she says it.
struct TypingName: Hashable {
    let from: UserID
    /// A person or a group.
    let to: UserID
}

extension Checker {
    /// How long a sign of typing holds.
    private static let typingShown = Interval.seconds(6).nanoseconds

    /// How long a sign may be on its way, and how much longer what a shard knows of a group may be old.
    func delayMax(_ world: World) -> Moment {
        (world.faults.struck.isEmpty ? Interval.seconds(8) : .seconds(60)).nanoseconds
    }
    private static let trustMax = Interval.seconds(6).nanoseconds

    // MARK: What clients say and get

    mutating func onSaid(_ frame: ClientFrame, device: Int, _ moment: Moment) {
        onAct(frame, device: device)
        guard case .typing(let to, true) = frame else { return }
        typingSaidCount += 1
        typed[TypingName(from: shape.users[shape.devices[device].user], to: to)] = moment
    }

    mutating func onSign(_ frame: ServerFrame, device: Int, _ moment: Moment, world: World) {
        guard case .typing(let from, let group, let isOn) = frame else { return }
        typingShownCount += 1
        let user = shape.users[shape.devices[device].user]
        let delayMax = delayMax(world)
        guard from != user, let said = typed[TypingName(from: from, to: group ?? user)] else {
            return fail(.nobodyElse, moment, "\(name(device)) sees who types to \(user), or in a group of hers", "\(from) types\(group.map { " in \($0)" } ?? ""), and never said so")
        }
        guard moment - said <= delayMax + (isOn ? 0 : Self.typingShown) else {
            return fail(.passing, moment, "a sign that \(from) types comes at once", "\(name(device)) gets it \((moment - said) / 1_000_000) ms after it was given last")
        }
        guard isOn else { return }
        if group == nil { judgeTyping(from, device, moment, since: moment - delayMax - Self.trustMax) }
        screens[device].typingSaid[TypingSign(from: from, group: group)] = moment
        guard let group else { return }
        guard let index = groupIndex(group) else {
            return fail(.nobodyElse, moment, "groups that somebody made", "typing in \(group) at \(name(device))")
        }
        let isMembers = groups[index].wasEver(since: moment - delayMax - Self.trustMax, until: moment + 1) {
            $0.judgeMessage(by: from) == nil && $0.members[user] != nil
        }
        guard isMembers else {
            return fail(.nobodyElse, moment, "members who may write to \(group) are shown to type, to members", "\(from) to \(name(device))")
        }
    }

    // MARK: What devices show

    /// An app that starts shows nobody, and is not online yet.
    mutating func onStarted(device: Int) {
        screens[device].typing = [:]
        screens[device].liveSince = nil
    }

    mutating func onTypingShown(_ sign: TypingSign, _ isOn: Bool, _ device: Int, _ moment: Moment) {
        guard isOn else { return screens[device].typing[sign] = nil }
        guard screens[device].typingSaid[sign] == moment else {
            return fail(.passing, moment, "\(name(device)) shows who types when it is told so", "that \(sign.from) types, out of nothing")
        }
        screens[device].typing[sign] = moment
    }

    /// What she wrote has come.
    mutating func onTypingEnded(_ sign: TypingSign, by id: MessageID, _ device: Int, _ moment: Moment) {
        guard screens[device].typing[sign] != nil else { return }
        fail(.passing, moment, "\(name(device)) shows \(id) and not any more that \(sign.from) types", "it still does", id)
    }

    /// Whatever is shown now was said within its time.
    mutating func judgeShown(_ device: Int, _ moment: Moment) {
        for sign in screens[device].typing.keys.sorted(by: { ($0.from, $0.group?.text ?? "") < ($1.from, $1.group?.text ?? "") }) {
            let said = screens[device].typingSaid[sign] ?? 0
            guard moment - said > Self.typingShown + Interval.milliseconds(1).nanoseconds else { continue }
            fail(.passing, moment, "a sign of typing is over after 6 s", "\(name(device)) shows that \(sign.from) types for \((moment - said) / 1_000_000) ms")
        }
    }
}
