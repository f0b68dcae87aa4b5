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
    /// What it was, since when and since which entry, from before it was made until now.
    var states: [(since: Moment, number: UInt64, state: GroupState)] = [(0, 0, GroupState())]
    /// By number, from 1.
    var entries: [Entry] = []
    var names: Set<GroupLog.Name> = []
    /// Of each device, the newest of its messages in the log: its place among all that was written.
    var placeOfDevice: [Int: Int] = [:]

    subscript(number: UInt64) -> Entry? {
        number >= 1 && number <= UInt64(entries.count) ? entries[Int(number) - 1] : nil
    }

    func entry(of author: UserID, _ id: MessageID) -> Entry? {
        names.contains(GroupLog.Name(author: author, id: id)) ? entries.first { $0.id == id && $0.author == author } : nil
    }

    /// Was it ever so, from `since` until `until`?
    func wasEver(since: Moment, until: Moment, _ isSo: (GroupState) -> Bool) -> Bool {
        for index in states.indices where states[index].since < until {
            let end = index + 1 < states.count ? states[index + 1].since : .max
            if end >= since, isSo(states[index].state) { return true }
        }
        return false
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
        readPlaces(moment, world)
    }

    private mutating func take(_ entry: GroupLog.Entry, _ group: Int, _ moment: Moment) {
        let expected = UInt64(groups[group].entries.count) + 1
        guard entry.number == expected else {
            return fail(.order, moment, "the log of \(shape.groups[group].id) goes on with \(expected)", "\(entry.number)", entry.name.id)
        }
        guard groups[group].names.insert(entry.name).inserted else {
            return fail(.duplicate, moment, "\(entry.name.id) of \(entry.name.author) once in \(shape.groups[group].id)", "again as \(entry.number)", entry.name.id)
        }
        if let last = groups[group].entries.last, last.stamp >= entry.stamp {
            fail(.order, moment, "stamps of \(shape.groups[group].id) rise above \(last.stamp.microseconds)", "\(entry.stamp.microseconds)", entry.name.id)
        }
        let former = groups[group].state
        var audience = Set(former.roster)
        var change: GroupChange?
        switch entry.kind {
        case .message:
            if let refusal = former.judgeMessage(by: entry.name.author) {
                fail(.nobodyElse, moment, "\(entry.name.author) may write to \(shape.groups[group].id)", "\(refusal), and yet it is stored", entry.name.id)
            }
            takeMessage(entry, group, moment)
        case .event:
            change = takeEvent(entry, group, former, moment)
            audience.formUnion(groups[group].state.roster)
        }
        groups[group].entries.append(
            GroupStory.Entry(
                number: entry.number, stamp: entry.stamp, kind: entry.kind, author: entry.name.author, id: entry.name.id,
                change: change, audience: Set(audience.compactMap { users[$0] }), seenAt: moment))
    }

    /// Somebody wrote it, to this group, as it stands there, and behind what she wrote before.
    private mutating func takeMessage(_ entry: GroupLog.Entry, _ group: Int, _ moment: Moment) {
        let id = shape.groups[group].id
        guard let place = groupPlaces[entry.name.id], groupMessages[place].group == group,
            shape.users[shape.devices[groupMessages[place].device].user] == entry.name.author
        else {
            return fail(.nobodyElse, moment, "only what somebody wrote is in \(id)", "\(entry.name.id) of \(entry.name.author)", entry.name.id)
        }
        let message = groupMessages[place]
        if entry.body != message.body {
            fail(.nobodyElse, moment, "\(message.id) as it was written, \(message.body.count) bytes", "the log has \(entry.body.map { "\($0.count)" } ?? "none")", message.id)
        }
        guard !isRude(message.device) else { return }
        if place < groups[group].placeOfDevice[message.device] ?? -1 {
            fail(.order, moment, "\(message.id) comes before what was written after it", "\(id) has a later message of \(name(message.device)) already", message.id)
        }
        groups[group].placeOfDevice[message.device] = place
    }

    /// Somebody asked for it, the rules allow it, and what is stored is what they leave of it.
    private mutating func takeEvent(
        _ entry: GroupLog.Entry, _ group: Int, _ former: GroupState, _ moment: Moment
    ) -> GroupChange? {
        let (id, name) = (shape.groups[group].id, entry.name)
        guard let change = entry.body.flatMap({ GroupChange(bytes: $0) }) else {
            fail(.order, moment, "events of \(id) can be read", "\(entry.number)", name.id)
            return nil
        }
        let asked = changes.filter { $0.ref == name.id && $0.group == group && shape.users[shape.devices[$0.device].user] == name.author }
        let left = asked.map { former.judge($0.change, by: name.author, memberCountMax: shape.cluster.groupRules.memberCountMax) }
        if !left.contains(.success(change)) {
            fail(.nobodyElse, moment, "\(change.name) by \(name.author) was asked for and the rules of \(id) allow it", left.isEmpty ? "nobody asked" : "\(left[0])", name.id)
        }
        groups[group].state.apply(change, by: name.author, at: entry.stamp)
        groups[group].states.append((moment, entry.number, groups[group].state))
        return change
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
