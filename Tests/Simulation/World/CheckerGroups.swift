// Groups before the judge: one order, nobody else, no loss, honest ticks, just refusals.
//
// The judge reads each group's log on the disk that survives, as it grows, and folds its events: who were the members at each
// number follows from that alone. Everything that devices show is held against it.

import ClientProtocol
import Groups
import Messages
import Primitives
import Storage

/// What somebody wrote to a group, and what became of it.
struct GroupMessage: Sendable {
    let device: Int
    let group: Int
    let id: MessageID
    let body: [UInt8]
    let writtenAt: Moment
    var sentAt: Moment?
    var wasRefused = false

    init(device: Int, group: Int, id: MessageID, body: [UInt8], writtenAt: Moment) {
        self.device = device
        self.group = group
        self.id = id
        self.body = body
        self.writtenAt = writtenAt
    }
}

/// A change that somebody asked for.
struct AskedChange: Sendable {
    let device: Int
    let group: Int
    let ref: MessageID
    let change: GroupChange
    let askedAt: Moment
    var isAnswered = false

    init(device: Int, group: Int, ref: MessageID, change: GroupChange, askedAt: Moment) {
        self.device = device
        self.group = group
        self.ref = ref
        self.change = change
        self.askedAt = askedAt
    }
}

/// A group as its log tells it.
struct GroupStory: Sendable {
    struct Entry: Sendable {
        let number: UInt64
        let stamp: Stamp
        let kind: GroupEntry.Kind
        let author: UserID
        let id: MessageID
        /// Of an event.
        let change: GroupChange?
        /// Who gets it, by index.
        let audience: Set<Int>
        /// When the judge read it.
        let seenAt: Moment
        var shownBy = DeviceSet()
    }

    var wasAsked = false
    var creation: GroupChange?
    var state = GroupState()
    /// By number, from 1.
    var entries: [Entry] = []
    var lastEventAt: Moment = 0

    subscript(number: UInt64) -> Entry? {
        number >= 1 && number <= UInt64(entries.count) ? entries[Int(number) - 1] : nil
    }
}

extension Checker {
    func groupIndex(_ group: UserID) -> Int? { shape.groups.firstIndex { $0.id == group } }

    // MARK: What people do, what the disk says

    mutating func onGroupAsked(_ group: Int, _ creation: GroupChange) {
        groups[group].wasAsked = true
        groups[group].creation = creation
    }

    mutating func onChangeAsked(_ change: AskedChange) { changes.append(change) }

    mutating func onGroupWritten(_ message: GroupMessage) {
        groupPlaces[message.id] = groupMessages.count
        groupMessages.append(message)
    }

    mutating func onGroupMarked(user: Int, group: Int, at: Stamp) {
        groupMarks[user][group] = Swift.max(groupMarks[user][group], at)
    }

    /// A disk has synced: what is new in the logs?
    mutating func readLogs(_ moment: Moment, _ world: World) {
        for group in groups.indices {
            guard let log = world.log(of: group), log.head > UInt64(groups[group].entries.count) else { continue }
            for entry in log.entries.suffix(Int(log.head) - groups[group].entries.count) { take(entry, group, moment) }
        }
    }

    private mutating func take(_ entry: GroupLog.Entry, _ group: Int, _ moment: Moment) {
        let expected = UInt64(groups[group].entries.count) + 1
        guard entry.number == expected else {
            return fail(.order, moment, "the log of \(shape.groups[group].id) goes on with \(expected)", "\(entry.number)", entry.name.id)
        }
        let former = groups[group].state
        var audience = Set(former.roster)
        var change: GroupChange?
        if entry.kind == .event {
            change = entry.body.flatMap { GroupChange(bytes: $0) }
            guard let change else {
                return fail(.order, moment, "events of \(shape.groups[group].id) can be read", "\(entry.number)", entry.name.id)
            }
            if case .failure(let refusal) = former.judge(
                change, by: entry.name.author, memberCountMax: shape.cluster.groupRules.memberCountMax)
            {
                fail(.nobodyElse, moment, "the rules of \(shape.groups[group].id) allow \(change.name) by \(entry.name.author)", "\(refusal)", entry.name.id)
            }
            groups[group].state.apply(change, by: entry.name.author, at: entry.stamp)
            audience.formUnion(groups[group].state.roster)
            groups[group].lastEventAt = moment
        } else if let refusal = former.judgeMessage(by: entry.name.author) {
            fail(.nobodyElse, moment, "\(entry.name.author) may write to \(shape.groups[group].id)", "\(refusal), and yet it is stored", entry.name.id)
        }
        groups[group].entries.append(
            GroupStory.Entry(
                number: entry.number, stamp: entry.stamp, kind: entry.kind, author: entry.name.author, id: entry.name.id,
                change: change, audience: Set(audience.compactMap { users[$0] }), seenAt: moment))
    }

    // MARK: What devices show

    mutating func onGroupEntry(_ shown: GroupEntry, _ change: GroupChange?, in id: UserID, _ device: Int, _ moment: Moment) {
        guard let group = groupIndex(id) else {
            return fail(.nobodyElse, moment, "groups that somebody made", "\(id) at \(name(device))", shown.id)
        }
        guard let entry = groups[group][shown.number] else {
            return fail(.honestTicks, moment, "what \(name(device)) shows of \(id) is stored", "number \(shown.number) is not", shown.id)
        }
        guard entry.id == shown.id, entry.author == shown.author, entry.kind == shown.kind, entry.stamp == shown.stamp,
            entry.change == change
        else {
            return fail(.order, moment, "number \(shown.number) of \(id) is \(entry.id) of \(entry.author) for everybody", "\(shown.id) of \(shown.author) at \(name(device))", shown.id)
        }
        if shown.kind == .message, groupPlaces[shown.id].map({ groupMessages[$0].body }) != shown.body {
            return fail(.nobodyElse, moment, "\(shown.id) as it was written", "another body at \(name(device))", shown.id)
        }
        let user = shape.devices[device].user
        guard entry.audience.contains(user) else {
            return fail(.nobodyElse, moment, "number \(shown.number) of \(id) is for \(entry.audience.map { shape.users[$0].text }.sorted())", "\(name(device)) shows it", shown.id)
        }
        groupShownCount += 1
        guard !isRude(device) else { return groups[group].entries[Int(shown.number) - 1].shownBy.insert(device) }
        let last = screens[device].groupLast[group]
        guard shown.number > last else {
            return fail(last == shown.number ? .duplicate : .order, moment, "\(name(device)) goes on in \(id) behind \(last)", "\(shown.number)", shown.id)
        }
        if last > 0, screens[device].gaps.isEmpty, last + 1 < shown.number,
            let hole = (last + 1..<shown.number).first(where: { groups[group][$0]!.audience.contains(user) })
        {
            fail(.order, moment, "\(name(device)) goes on in \(id) with \(hole)", "\(shown.number)", shown.id)
        }
        screens[device].groupLast[group] = shown.number
        groups[group].entries[Int(shown.number) - 1].shownBy.insert(device)
    }

    // MARK: What authors are told

    mutating func onGroupSent(_ id: MessageID, _ to: UserID, _ at: Stamp, _ device: Int, _ moment: Moment) {
        guard let place = groupPlaces[id], groupMessages[place].device == device, groupIndex(to) == groupMessages[place].group else {
            return fail(.nobodyElse, moment, "ticks for one's own messages", "\(name(device)) has one for \(id) in \(to)", id)
        }
        let author = shape.users[shape.devices[device].user]
        let entry = groups[groupMessages[place].group].entries.first { $0.id == id && $0.author == author }
        guard let entry, entry.stamp == at else {
            return fail(.honestTicks, moment, "\(id) is in the log when its author is told so", entry.map { "stamped \($0.stamp.microseconds), not \(at.microseconds)" } ?? "it is not", id)
        }
        groupMessages[place].sentAt = moment
    }

    mutating func onGroupRefused(_ id: MessageID, _ error: ErrorFrame, _ device: Int, _ moment: Moment) {
        guard let place = groupPlaces[id] else { return }
        groupMessages[place].wasRefused = true
        let message = groupMessages[place]
        let story = groups[message.group]
        let isRule = [.notMember, .notAllowed, .noSuchGroup].contains(error.code)
        let refusal = story.state.judgeMessage(by: shape.users[shape.devices[device].user])
        // Who could not write at some moment since it was written may be told so.
        guard isRule, refusal != nil || story.lastEventAt >= message.writtenAt else {
            return fail(.loss, moment, "\(id) is accepted: its author is a member and may write", "refused for good: \(error.code.name)", id)
        }
        if story.entries.contains(where: { $0.id == id }) {
            fail(.honestTicks, moment, "what is stored is not refused", "\(id): \(error.code.name)", id)
        }
    }

    mutating func onChanged(_ ref: MessageID, _ group: UserID, _ number: UInt64, _ device: Int, _ moment: Moment) {
        let author = shape.users[shape.devices[device].user]
        guard let index = groupIndex(group), let entry = groups[index][number], entry.id == ref, entry.author == author else {
            return fail(.honestTicks, moment, "the change \(ref) of \(name(device)) is number \(number) of \(group)", "it is not", ref)
        }
        answer(ref, device)
    }

    mutating func onChangeFailed(_ ref: MessageID, _ error: ErrorFrame, _ device: Int, _ moment: Moment) {
        defer { answer(ref, device) }
        guard !isRude(device), let asked = changes.last(where: { $0.ref == ref && $0.device == device }) else { return }
        let story = groups[asked.group]
        let author = shape.users[shape.devices[device].user]
        guard story.lastEventAt < asked.askedAt,
            case .success = story.state.judge(asked.change, by: author, memberCountMax: shape.cluster.groupRules.memberCountMax)
        else { return }
        fail(.loss, moment, "\(ref), \(asked.change.name) by \(author), is done: the rules allow it", "\(error.code.name)", ref)
    }

    private mutating func answer(_ ref: MessageID, _ device: Int) {
        for index in changes.indices where changes[index].ref == ref && changes[index].device == device { changes[index].isAnswered = true }
    }

    /// Members of now who were there when the entry was written, its author aside.
    private func owed(_ entry: GroupStory.Entry, _ story: GroupStory) -> [Int] {
        entry.audience.sorted().filter { user in
            guard let member = story.state.members[shape.users[user]], shape.users[user] != entry.author else { return false }
            return member.joinedAt < entry.stamp && !shape.isRude(user)
        }
    }

    private func hasShown(_ entry: GroupStory.Entry, _ user: Int) -> Bool {
        shape.devices.indices.contains { shape.devices[$0].user == user && entry.shownBy.contains($0) }
    }

    mutating func onGroupTick(_ kind: ReceiptKind, _ id: UserID, _ at: Stamp, _ device: Int, _ moment: Moment) {
        guard let group = groupIndex(id) else { return fail(.nobodyElse, moment, "ticks of groups that exist", "\(id)") }
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
        let others = entry.audience.filter { shape.users[$0] != entry.author }
        let shown = others.count { hasShown(entry, $0) }
        let readers = others.count { groupMarks[$0][group] >= entry.stamp }
        if delivered > shown || read > readers || of > others.count {
            fail(.honestTicks, moment, "at most \(shown) have and \(readers) have read \(entry.id), of \(others.count)", "\(delivered), \(read) and \(of), says \(name(device))", entry.id)
        }
    }

    // MARK: Debts

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

extension World {
    /// The log of a group on its disk; nil before it is made.
    func log(of group: Int) -> GroupLog? {
        let id = shape.groups[group].id
        return processes[shape.partition(of: id)].disk!.durable.logs[id]
    }

    /// Under which number an inbox has an entry of a group.
    func inboxNumber(of user: Int, _ group: Int, _ number: UInt64) -> UInt64? {
        let id = shape.groups[group].id
        return processes[shape.partition(of: shape.users[user])].disk!.durable.inboxNumber(of: shape.users[user], group: id, number)
    }
}
