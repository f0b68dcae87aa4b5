// What authors are told: the ticks, and the bounds that nobody may pass.

import ClientProtocol
import Primitives
import RPC

extension Checker {
    mutating func onSent(_ id: MessageID, _ to: UserID, _ at: Stamp, _ device: Int, _ moment: Moment, _ world: World) {
        guard let index = users[to].flatMap({ place(id, to: $0) }), messages[index].device == device else {
            return fail(.nobodyElse, moment, "ticks for one's own messages", "\(name(device)) has one for \(id)", id)
        }
        guard let stored = world.stored(messages[index]) else {
            if mayBeUnkept(messages[index], moment) {
                messages[index].wasUnkept = true
                messages[index].sentAt = messages[index].sentAt ?? moment
                messages[index].stamp = messages[index].stamp ?? at
                return
            }
            return fail(.honestTicks, moment, "\(id) is stored when its author is told so", "the store does not have it", id)
        }
        if stored != at {
            fail(.honestTicks, moment, "\(id) was stored with stamp \(stored.microseconds)", "its author is told \(at.microseconds)", id)
        }
        messages[index].sentAt = moment
        stamp(index, at, moment, world)
    }

    /// A stamp became known: it agrees with what was known, and with ticks that came before.
    mutating func stamp(_ index: Int, _ at: Stamp, _ moment: Moment, _ world: World) {
        let message = messages[index]
        // Of what was blocked nobody kept the stamp: each answer has its own.
        if mayBeUnkept(message, moment) {
            if message.stamp == nil || !message.shownBy.isEmpty { messages[index].stamp = at }
            return
        }
        if let known = message.stamp, known != at {
            fail(.order, moment, "\(message.id) has one stamp, \(known.microseconds)", "\(at.microseconds)", message.id)
        }
        messages[index].stamp = at
        let author = author(message)
        guard !shape.isRude(message.to), !shape.isRude(author) else { return }
        for (device, plan) in shape.devices.enumerated() where plan.user == author {
            if at <= screens[device].delivered[message.to], message.shownBy.isEmpty, messages[index].shownBy.isEmpty {
                if shape.isBrief, world.isNoticed(message) { continue }
                fail(.honestTicks, moment, "\(message.id) is delivered, as \(name(device)) was told", "no device of \(shape.users[message.to]) has shown it", message.id)
            }
        }
    }

    mutating func onDelivered(_ peer: UserID, _ at: Stamp, _ device: Int, _ moment: Moment, _ world: World) {
        guard let to = users[peer] else { return fail(.nobodyElse, moment, "ticks about people", "\(peer)") }
        if at < screens[device].delivered[to] {
            fail(.honestTicks, moment, "no tick goes back: \(name(device)) has delivered with \(peer) up to \(screens[device].delivered[to].microseconds)", "\(at.microseconds)")
        }
        screens[device].delivered[to] = at
        judgeTick(to, at, device, moment)
        guard !shape.isRude(to), !isRude(device) else { return }
        for index in chats[shape.devices[device].user][to] {
            guard let stamp = messages[index].stamp, stamp <= at, messages[index].shownBy.isEmpty else { continue }
            if mayBeUnkept(messages[index], moment) { continue }
            // A watermark rises over what expired below it; its author has a notice, which counts more.
            if shape.isBrief, world.isNoticed(messages[index]) { continue }
            fail(.honestTicks, moment, "\(messages[index].id) is delivered, as \(name(device)) is told", "no device of \(peer) has shown it", messages[index].id)
        }
    }

    mutating func onRead(_ peer: UserID, _ at: Stamp, _ device: Int, _ moment: Moment, _ world: World) {
        guard let to = users[peer] else { return fail(.nobodyElse, moment, "ticks about people", "\(peer)") }
        if at < screens[device].read[to] {
            fail(.honestTicks, moment, "no tick goes back: \(name(device)) has read with \(peer) up to \(screens[device].read[to].microseconds)", "\(at.microseconds)")
        }
        let mark = marks[to][shape.devices[device].user]
        if at > mark, !shape.isRude(to) {
            fail(.honestTicks, moment, "\(peer) has read up to \(mark.microseconds)", "\(name(device)) is told \(at.microseconds)")
        }
        screens[device].read[to] = at
        judgeTick(to, at, device, moment)
        if !isRude(device), !shape.isRude(to) { judgeReceipts(to, at, device, moment, slack: delayMax(world)) }
    }

    // MARK: Bounds

    mutating func onTurn(_ process: String, callsInFlight: Int, _ moment: Moment) {
        if callsInFlight > RPCLimits.callsInFlightMax {
            fail(.bounded, moment, "at most \(RPCLimits.callsInFlightMax) calls in flight at \(process)", "\(callsInFlight)")
        }
    }
}
