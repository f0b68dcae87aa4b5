// Answers to questions about groups, and notices that a message is late: what is told was so at some moment between the
// question and the answer.
//
// Who is in a group follows from its log. Which groups a person is in stands in her inbox's partition, entry by entry as far as
// the log was brought there, and must be what the log says up to that entry. Who has and who has read a message stands in the
// group's partition, and never ceases to be so.

import ClientProtocol
import Groups
import Messages
import Primitives

extension Checker {
    /// A disk has synced: has somebody's place in a group changed?
    mutating func readPlaces(_ moment: Moment, _ world: World) {
        for user in shape.users.indices {
            let titles = world.titles(of: user)
            guard titles != memberships[user].last!.titles else { continue }
            memberships[user].append((moment, titles))
            for group in groups.indices {
                guard let place = world.place(of: user, in: group) else { continue }
                let state = groups[group].state(at: place.last)
                let isMember = state.members[shape.users[user]] != nil
                guard place.title != (isMember ? state.title : nil) else { continue }
                fail(.honestTicks, moment, "behind number \(place.last) of \(shape.groups[group].id) \(shape.users[user]) \(isMember ? "is in \(state.title)" : "is no member")", "her list has \(place.title ?? "nothing")")
            }
        }
    }

    mutating func onGroupInfo(_ ref: MessageID?, _ info: GroupInfo, _ device: Int, _ moment: Moment, _ world: World) {
        guard let ask = answered(ref, device, moment, world) else { return }
        guard case .info(let group) = ask.subject, shape.groups[group].id == info.group else {
            return fail(.nobodyElse, moment, "an answer to \(ref!)", "what \(info.group) is like", ref)
        }
        let user = shape.users[shape.devices[device].user]
        let isSo = groups[group].wasEver(since: ask.askedAt, until: .max) { state in
            state.members[user] != nil && state.title == info.title && state.description == info.description
                && state.settings == info.settings && state.roster == info.members.map(\.user)
                && info.members.allSatisfy { state.members[$0.user]?.role == $0.role }
        }
        guard !isSo else { return }
        fail(.honestTicks, moment, "\(info.group) as it was since \(name(device)) asked", "\(info.title), of \(info.members.map { "\($0.user) \($0.role.name)" })", ref)
    }

    mutating func onGroupList(
        _ ref: MessageID?, _ told: [GroupTitle], _ more: Bool, _ device: Int, _ moment: Moment, _ world: World
    ) {
        guard let ask = answered(ref, device, moment, world) else { return }
        guard case .list(let after) = ask.subject else {
            return fail(.nobodyElse, moment, "an answer to \(ref!)", "a list of groups", ref)
        }
        let history = memberships[shape.devices[device].user]
        let isSo = history.indices.contains { index in
            let end = index + 1 < history.count ? history[index + 1].since : .max
            guard end >= ask.askedAt else { return false }
            let expected = history[index].titles.filter { $0.key > after ?? $0.key || after == nil }.sorted { $0.key < $1.key }
            return expected.map(\.key) == told.map(\.group) && expected.map(\.value) == told.map(\.title)
        }
        guard !isSo || more else { return }
        fail(.honestTicks, moment, "the groups that \(name(device)) was in since it asked", "\(told.map { "\($0.group) \($0.title)" })\(more ? " and more" : "")", ref)
    }

    mutating func onReceiptList(
        _ ref: MessageID?, _ group: UserID, _ at: Stamp, _ entries: [ReceiptEntry], _ device: Int, _ moment: Moment, _ world: World
    ) {
        guard let ask = answered(ref, device, moment, world) else { return }
        guard case .receipts(let index, let asked) = ask.subject, shape.groups[index].id == group, asked == at else {
            return fail(.nobodyElse, moment, "an answer to \(ref!)", "receipts of \(group) at \(at.microseconds)", ref)
        }
        let user = shape.users[shape.devices[device].user]
        let author = groups[index].entries.first { $0.stamp == at && $0.kind == .message }?.author
        let isSo = groups[index].wasEver(since: ask.askedAt, until: .max) { state in
            guard state.members[user] != nil, state.settings.showsReceipts || user == author else { return false }
            let there = state.roster.filter { state.members[$0]!.joinedAt < at }
            // A message that the log has dropped is nobody's, and nobody is left out.
            return entries.map(\.user) == there.filter { $0 != author } || shape.isBrief && entries.map(\.user) == there
        }
        guard isSo else {
            return fail(.honestTicks, moment, "receipts of those who were in \(group) at \(at.microseconds) and are since \(name(device)) asked", "of \(entries.map(\.user))", ref)
        }
        for entry in entries {
            judge(entry.delivered, .delivered, ask.hadDelivered, entry.user, index, at, ref, device, moment, world)
            judge(entry.read, .read, ask.hadRead, entry.user, index, at, ref, device, moment, world)
        }
    }

    /// What was so when it was asked is told; what is told is so, with its time.
    private mutating func judge(
        _ told: Stamp?, _ kind: ReceiptKind, _ had: Set<Int>, _ member: UserID, _ group: Int, _ at: Stamp, _ ref: MessageID?,
        _ device: Int, _ moment: Moment, _ world: World
    ) {
        guard let user = users[member] else { return }
        guard let told else {
            guard had.contains(user) else { return }
            return fail(.honestTicks, moment, "\(member) had \(kind) in \(shape.groups[group].id) at \(at.microseconds) before \(name(device)) asked", "she has not, it is told", ref)
        }
        // Where marks are forgotten within a run, a later one stands for them.
        let arrival = world.log(of: group)?.members[member]?.arrival(kind, at: at) ?? .zero
        guard shape.isBrief ? arrival >= told : arrival == told else {
            return fail(.honestTicks, moment, "\(member) had \(kind) in \(shape.groups[group].id) at \(arrival.microseconds)", "at \(told.microseconds), \(name(device)) is told", ref)
        }
        guard !shape.isRude(user), !shape.isBrief else { return }
        let entry = groups[group].entries.first { $0.stamp == at && $0.kind == .message }
        guard let entry, entry.audience.contains(user) else { return }
        guard kind == .delivered ? hasShown(entry, user) : groupMarks[user][group] >= at else {
            return fail(.honestTicks, moment, "\(entry.id) is \(kind) by \(member), as \(name(device)) is told", "it is not", entry.id)
        }
    }

    /// A page of a log: its entries as they are, without a hole, and none that the asker had no right to see.
    mutating func onGroupHistory(
        _ ref: MessageID, _ frames: [ServerFrame], _ more: Bool, _ device: Int, _ moment: Moment, _ world: World
    ) {
        guard let ask = answered(ref, device, moment, world) else { return }
        guard case .history(let index, let before, let limit, let head) = ask.subject, frames.count <= limit else {
            return fail(.nobodyElse, moment, "an answer to \(ref)", "a page of \(frames.count) entries", ref)
        }
        let story = groups[index]
        let shown = frames.compactMap { entry($0, of: index) }
        guard shown.count == frames.count else {
            return fail(.nobodyElse, moment, "entries of \(shape.groups[index].id) for \(ref)", "\(frames)", ref)
        }
        // The newest that there was to show, when it was asked and now.
        let below = before.map { $0 == 0 ? 0 : $0 - 1 } ?? .max
        let tops = Swift.min(below, head)...Swift.min(below, UInt64(story.entries.count))
        let isDense = zip(shown, shown.dropFirst()).allSatisfy { $0.number == $1.number + 1 }
        guard isDense, shown.first.map({ tops.contains($0.number) }) ?? !more else {
            return fail(.order, moment, "entries from \(tops) down for \(ref)", "\(shown.map(\.number)), more: \(more)", ref)
        }
        let user = shape.users[shape.devices[device].user]
        let isSo = story.wasEver(since: ask.askedAt, until: .max) { state in
            guard let member = state.members[user] else { return false }
            let from = state.settings.sharesHistory ? Stamp.zero : member.joinedAt
            let hidden = shown.last.map { $0.number - 1 } ?? tops.lowerBound
            let isEnd = story[hidden].map { $0.stamp < from } ?? true
            return shown.last.map { $0.stamp >= from } ?? true && (more ? hidden > 0 : isEnd)
        }
        guard !isSo else { return }
        fail(.nobodyElse, moment, "what \(name(device)) may see of \(shape.groups[index].id) since it asked \(ref)", "numbers \(shown.map(\.number)), more: \(more)", ref)
    }

    /// The entry that a frame shows; nil: there is none like it.
    private func entry(_ frame: ServerFrame, of group: Int) -> GroupStory.Entry? {
        let id = shape.groups[group].id
        switch frame {
        case .groupMessage(0, id, let number, let from, let name, let at, let body):
            guard let entry = groups[group][number], entry.kind == .message, entry.author == from, entry.id == name, entry.stamp == at
            else { return nil }
            return groupPlaces[name].map { groupMessages[$0].body == body } ?? true ? entry : nil
        case .groupEvent(0, id, let number, let from, let name, let at, let change):
            guard let entry = groups[group][number], entry.kind == .event, entry.author == from, entry.id == name, entry.stamp == at
            else { return nil }
            return entry.change == change ? entry : nil
        default: return nil
        }
    }

    /// Who asks is refused for a reason that held since.
    mutating func onQuestionRefused(_ ask: GroupAsk, _ error: ErrorFrame, _ device: Int, _ moment: Moment) {
        guard [.noSuchGroup, .notMember, .notAllowed].contains(error.code) else { return }
        let user = shape.users[shape.devices[device].user]
        var (index, stamp) = (0, Stamp?.none)
        switch ask.subject {
        case .info(let group): index = group
        case .receipts(let group, let at): (index, stamp) = (group, at)
        case .history(let group, _, _, _): index = group
        case .list: return fail(.honestTicks, moment, "everybody may know her own groups", "\(error.code.name) at \(name(device))", error.ref)
        }
        let story = groups[index]
        let isOwn = story.entries.contains { $0.stamp == stamp && $0.author == user && $0.kind == .message }
        let isJust = story.wasEver(since: ask.askedAt, until: .max) { state in
            switch error.code {
            case .noSuchGroup: !state.exists
            case .notMember: state.exists && state.members[user] == nil
            default: stamp != nil && state.members[user] != nil && !state.settings.showsReceipts && (!isOwn || shape.isBrief)
            }
        }
        guard !isJust else { return }
        fail(.honestTicks, moment, "\(shape.groups[index].id) answers \(user), since she asked she had a right to it", "\(error.code.name) at \(name(device))", error.ref)
    }

    /// The question that is answered; a rude device repeats its own, and hears what nobody waits for.
    private mutating func answered(_ ref: MessageID?, _ device: Int, _ moment: Moment, _ world: World) -> GroupAsk? {
        if let ref, let ask = world.devices[device].groupAsks.removeValue(forKey: ref) {
            groupAnswerCount += 1
            return ask
        }
        if !isRude(device) {
            fail(.nobodyElse, moment, "answers to what was asked", "\(name(device)) gets one for \(ref.map { "\($0)" } ?? "nothing")", ref)
        }
        return nil
    }

    /// It is the author's own entry that is late, for some of those who get it.
    mutating func onLate(_ id: UserID, _ at: Stamp, _ count: Int, _ device: Int, _ moment: Moment) {
        groupLateCount += 1
        let author = shape.users[shape.devices[device].user]
        guard let group = groupIndex(id), let entry = groups[group].entries.first(where: { $0.stamp == at && $0.author == author })
        else {
            return fail(.nobodyElse, moment, "notices of one's own entries", "\(name(device)) has one of \(id) at \(at.microseconds)")
        }
        guard count < 1 || count > entry.audience.count else { return }
        fail(.honestTicks, moment, "\(entry.id) is for \(entry.audience.count), so many may be late", "\(count), \(name(device)) is told", entry.id)
    }
}

extension GroupStory {
    /// What it was behind entry `number`.
    func state(at number: UInt64) -> GroupState { states.last { $0.number <= number }!.state }
}

extension World {
    /// Where somebody stands in a group, as her inbox's partition has it; nil: nothing came there yet.
    func place(of user: Int, in group: Int) -> GroupPlace? {
        processes[shape.partition(of: shape.users[user])].disk!.durable.place(of: shape.users[user], in: shape.groups[group].id)
    }

    func titles(of user: Int) -> [UserID: String] {
        var titles: [UserID: String] = [:]
        for group in shape.groups.indices { titles[shape.groups[group].id] = place(of: user, in: group)?.title }
        return titles
    }
}
