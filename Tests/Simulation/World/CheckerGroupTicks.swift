// What authors are told about the fate of their messages in groups: ticks for all, counts until then.

import ClientProtocol
import Groups
import Messages
import Primitives

extension Checker {
    /// Members of now who were there when the entry was written, its author aside.
    func owed(_ entry: GroupStory.Entry, _ story: GroupStory) -> [Int] {
        entry.audience.sorted().filter { user in
            guard let member = story.state.members[shape.users[user]], shape.users[user] != entry.author else { return false }
            return member.joinedAt < entry.stamp && !shape.isRude(user)
        }
    }

    func hasShown(_ entry: GroupStory.Entry, _ user: Int) -> Bool {
        shape.devices.indices.contains { shape.devices[$0].user == user && entry.shownBy.contains($0) }
    }

    mutating func onGroupTick(_ kind: ReceiptKind, _ id: UserID, _ at: Stamp, _ device: Int, _ moment: Moment) {
        guard let group = groupIndex(id) else { return fail(.nobodyElse, moment, "ticks of groups that exist", "\(id)") }
        groupTickCount += 1
        let last = kind == .delivered ? screens[device].groupDelivered[group] : screens[device].groupRead[group]
        if at < last {
            fail(.honestTicks, moment, "no tick goes back: \(name(device)) has \(kind) in \(id) up to \(last.microseconds)", "\(at.microseconds)")
        }
        if kind == .delivered { screens[device].groupDelivered[group] = at } else { screens[device].groupRead[group] = at }
        guard !isRude(device), !shape.isBrief else { return }
        let author = shape.users[shape.devices[device].user]
        let story = groups[group]
        for entry in story.entries where entry.kind == .message && entry.author == author && entry.stamp <= at {
            for user in owed(entry, story) {
                let has = kind == .delivered ? hasShown(entry, user) : groupMarks[user][group] >= entry.stamp
                guard !has else { continue }
                fail(.honestTicks, moment, "\(entry.id), number \(entry.number), is \(kind) by all of \(id), as \(name(device)) is told", "\(shape.users[user]) has not", entry.id)
            }
        }
    }

    mutating func onCounts(
        _ id: UserID, _ at: Stamp, delivered: Int, read: Int, of: Int, _ device: Int, _ moment: Moment
    ) {
        guard let group = groupIndex(id), !isRude(device), !shape.isBrief, shape.rudeUser == nil else { return }
        guard let entry = groups[group].entries.first(where: { $0.stamp == at && $0.kind == .message }) else {
            return fail(.honestTicks, moment, "counts of messages", "none is stamped \(at.microseconds)")
        }
        groupTickCount += 1
        let others = entry.audience.filter { shape.users[$0] != entry.author }
        let shown = others.count { hasShown(entry, $0) }
        let readers = others.count { groupMarks[$0][group] >= entry.stamp }
        if delivered > shown || read > readers || of > others.count {
            fail(.honestTicks, moment, "at most \(shown) have and \(readers) have read \(entry.id), of \(others.count)", "\(delivered), \(read) and \(of), says \(name(device))", entry.id)
        }
    }
}
