// How long people wait once the last fault is over: for what waited meanwhile, and for what they write then.
//
// A device that is away waits for itself; the time of others runs from the moment in which it is online again.

import Messages
import Primitives
import RPC

extension Checker {
    /// Five seconds from the moment in which the processes are linked again, and a link is dialled again within one and a half times
    /// `redialMax`. Counted from the last of: the end of the last fault, the message, the author or the reader online, the last word
    /// of a process that it is full. One that is full refuses, and says when to come again.
    private static let delayMax = Interval.seconds(5).nanoseconds + RPCLimits.redialMax.nanoseconds * 3 / 2

    /// Looks at everything that is on its way.
    /// - Complexity: O(messages times devices of a user)
    mutating func judgeDelay(_ world: World) {
        let moment = world.moment
        func waits(since: Moment, at device: Int) -> Moment? {
            guard let live = screens[device].liveSince, world.isConnected(device) else { return nil }
            let waited = moment - max(since, live, world.healedAt, fullAt)
            return waited > Self.delayMax ? waited : nil
        }
        for message in messages {
            guard let sentAt = message.sentAt else {
                if isRude(message.device) { continue }
                guard let waited = waits(since: message.writtenAt, at: message.device) else { continue }
                return fail(.recovery, moment, "\(message.id) is stored and its author told soon after the last fault", "she waits for \(waited / 1_000_000) ms", message.id)
            }
            guard !message.wasUnkept, !shape.isBrief, !shape.isRude(message.to) else { continue }
            for reader in shape.devices.indices where shape.devices[reader].user == message.to && !message.shownBy.contains(reader) {
                if let number = message.number, number <= screens[reader].start ?? 0 { continue }
                guard let waited = waits(since: sentAt, at: reader) else { continue }
                return fail(.recovery, moment, "\(message.id) is shown at \(name(reader)) soon after the last fault", "it waits for \(waited / 1_000_000) ms", message.id)
            }
        }
        for message in groupMessages where message.sentAt == nil && !message.wasRefused && !isRude(message.device) {
            guard let waited = waits(since: message.writtenAt, at: message.device) else { continue }
            return fail(.recovery, moment, "\(message.id) is stored or refused soon after the last fault", "its author waits for \(waited / 1_000_000) ms", message.id)
        }
        for group in groups.indices where !shape.isBrief {
            for entry in groups[group].entries {
                guard let place = groupPlaces[entry.id], let sentAt = groupMessages[place].sentAt else { continue }
                for reader in shape.devices.indices where entry.audience.contains(shape.devices[reader].user) && !isRude(reader) && !entry.shownBy.contains(reader) {
                    if let number = world.inboxNumber(of: shape.devices[reader].user, group, entry.number), number <= screens[reader].start ?? 0 { continue }
                    guard let waited = waits(since: sentAt, at: reader) else { continue }
                    return fail(.recovery, moment, "\(entry.id) is shown at \(name(reader)) soon after the last fault", "it waits for \(waited / 1_000_000) ms", entry.id)
                }
            }
        }
    }
}

extension World {
    /// The machine at the other end of a device's connection is there, and holds it: a device may take half a connection for a whole
    /// one, until it has been silent for long.
    func isConnected(_ device: Int) -> Bool {
        guard let link = devices[device].link else { return false }
        let connection = network.connections[link]
        return !connection.isSilent && !connection.isBroken && connection.ends[Side.far.rawValue].isOpen
    }
}
