// What groups still owe when everything has healed.

import Groups
import Messages
import Primitives

extension Checker {
    func debtOfGroups(_ world: World, isOwed: (SimulatedDevice) -> Bool) -> Debt? {
        for message in groupMessages where message.sentAt == nil && !message.wasRefused && isOwed(world.devices[message.device]) {
            return Debt(.recovery, "\(message.id) is stored or refused and its author told", "she waits still", message.id)
        }
        for change in changes where !change.isAnswered && isOwed(world.devices[change.device]) {
            return Debt(.recovery, "\(change.ref) is answered", "\(name(change.device)) waits still", change.ref)
        }
        for group in groups.indices {
            if let log = world.log(of: group), log.fannedOut < log.head {
                return Debt(.recovery, "\(shape.groups[group].id) is fanned out through \(log.head)", "\(log.fannedOut)")
            }
            for entry in groups[group].entries {
                if let debt = debt(entry, group, world, isOwed) { return debt }
            }
        }
        guard !shape.policy.isArchive else { return nil }
        for process in world.processes {
            guard let count = process.disk?.durable.groupTextCount, count > 0 else { continue }
            return Debt(.temporary, "no log keeps text that every inbox got", "\(count) messages at \(process.node.name)")
        }
        return nil
    }

    private func debt(
        _ entry: GroupStory.Entry, _ group: Int, _ world: World, _ isOwed: (SimulatedDevice) -> Bool
    ) -> Debt? {
        let id = shape.groups[group].id
        for user in entry.audience.sorted() where !shape.isRude(user) {
            for device in world.devices where device.plan.user == user && isOwed(device) && !entry.shownBy.contains(device.index) {
                guard let number = world.inboxNumber(of: user, group, entry.number) else {
                    // Purged since, or never there.
                    if shape.isBrief { continue }
                    return Debt(.loss, "number \(entry.number) of \(id) is in the inbox of \(shape.users[user])", "it is not", entry.id)
                }
                let screen = screens[device.index]
                if number <= screen.start ?? 0 || shape.isBrief && screen.isGap(number) { continue }
                return Debt(.loss, "number \(entry.number) of \(id), \(number) in the inbox, reaches \(device.name)", "it is at \(screen.last)", entry.id)
            }
        }
        guard entry.kind == .message, !shape.isBrief, let place = groupPlaces[entry.id] else { return nil }
        let author = world.devices[groupMessages[place].device]
        let story = groups[group]
        guard isOwed(author), story.state.members[entry.author] != nil else { return nil }
        let others = story.state.roster.filter { $0 != entry.author }.compactMap { users[$0] }
        guard !others.isEmpty, !others.contains(where: shape.isRude) else { return nil }
        let waited = owed(entry, story)
        func has(_ user: Int, _ isDone: (SimulatedDevice) -> Bool) -> Bool {
            world.devices.contains { $0.plan.user == user && isOwed($0) && isDone($0) }
        }
        let screen = screens[author.index]
        if waited.allSatisfy({ user in has(user) { entry.shownBy.contains($0.index) } }), screen.groupDelivered[group] < entry.stamp,
            !waited.isEmpty
        {
            return Debt(.recovery, "\(author.name) is told that all of \(id) have \(entry.id)", "it has a tick up to \(screen.groupDelivered[group].microseconds), the message is stamped \(entry.stamp.microseconds)", entry.id)
        }
        if waited.allSatisfy({ user in has(user) { ($0.markedInGroup[group] ?? .zero) >= entry.stamp } }),
            screen.groupRead[group] < entry.stamp, !waited.isEmpty
        {
            return Debt(.recovery, "\(author.name) is told that all of \(id) have read \(entry.id)", "it has a tick up to \(screen.groupRead[group].microseconds), the message is stamped \(entry.stamp.microseconds)", entry.id)
        }
        return nil
    }
}
