// A group is read from its log.
//
// First the events up to the last finished fan-out: who were the members then? Then everything behind it, with text: each
// entry gets its audience and waits for its way into the inboxes. Then how far each member has come. Requests wait meanwhile.
//
// When a group turns out to have changed elsewhere it is read again from the start. That is rare: two shards hold one group
// only while processes do not agree who is up.

import CoreKit
import Groups
import Messages
import Primitives
import RPC

extension GroupCore {
    // MARK: Reading

    /// Begins to read; the record is there, and empty.
    mutating func read(_ group: UserID, _ effects: inout [Effect]) {
        counters.loads += 1
        readEvents(group, after: 0, &effects)
    }

    /// Forgets what is known and reads it again. What waits goes on waiting.
    mutating func reload(_ group: UserID, now: Now, _ effects: inout [Effect]) {
        guard let former = groups[group] else { return }
        serialNext &+= 1
        var record = GroupRecord(generation: serialNext, now: now.instant)
        record.lastUsed = former.lastUsed
        record.waiting = former.waiting
        record.typing.take(over: former.typing)
        groups[group] = record
        timers.cancel(.ticks(group))
        timers.cancel(.counts(group))
        timers.cancel(.settle(group))
        read(group, &effects)
    }

    private mutating func readEvents(_ group: UserID, after: UInt64, _ effects: inout [Effect]) {
        groups[group]!.phase = .events(after: after)
        let read = ReadGroup(group: group, .events(after: after), limit: MessageLimits.pageEntryCountMax)
        ask(group, .readGroup(read), .page(group, generation: groups[group]!.generation), &effects)
    }

    private mutating func readTail(_ group: UserID, _ effects: inout [Effect]) {
        groups[group]!.phase = .tail
        let read = ReadGroup(group: group, .entries(after: groups[group]!.head), limit: MessageLimits.pageEntryCountMax)
        ask(group, .readGroup(read), .page(group, generation: groups[group]!.generation), &effects)
    }

    mutating func readMarks(_ group: UserID, after: UserID?, first: GroupMarks?, _ effects: inout [Effect]) {
        groups[group]!.phase = .marks(first: first)
        let read = ReadGroupMarks(group: group, after: after, at: nil)
        ask(group, .readGroupMarks(read), .marks(group, generation: groups[group]!.generation), &effects)
    }

    /// Has the group changed elsewhere?
    mutating func check(_ group: UserID, _ effects: inout [Effect]) {
        groups[group]!.phase = .checking
        let read = ReadGroup(group: group, .entries(after: groups[group]!.head), limit: 1)
        ask(group, .readGroup(read), .page(group, generation: groups[group]!.generation), &effects)
    }

    mutating func onPage(
        _ group: UserID, _ generation: UInt32, _ result: Result<Message, Refusal>, now: Now, _ effects: inout [Effect]
    ) {
        guard let record = groups[group], record.generation == generation else { return }
        guard case .success(.groupPage(let page)) = result else { return onUnread(group, result, now: now, &effects) }
        switch record.phase {
        case .events: onEvents(group, page, now: now, &effects)
        case .tail:
            if groups[group]!.known.isEmpty, let first = page.entries.first, first.number > 1 {
                groups[group]!.knownFrom = Stamp(microseconds: first.stamp.microseconds - 1)
            }
            for entry in page.entries where entry.number > groups[group]!.head { take(entry, into: group) }
            if page.hasMore { return readTail(group, &effects) }
            // Only now: what was fanned out meanwhile comes behind the events that were read before, and is news like the rest.
            groups[group]!.fannedOut = max(groups[group]!.fannedOut, page.fannedOut)
            readMarks(group, after: nil, first: nil, &effects)
        case .checking:
            // Answers come in the order of the questions, so what we append ourselves is known by now.
            if page.head > record.head { return reload(group, now: now, &effects) }
            groups[group]!.phase = .ready
            drain(group, now: now, &effects)
            forgetIfUnmade(group)
        case .marks, .ready: break
        }
    }

    private mutating func onEvents(_ group: UserID, _ page: GroupPage, now: Now, _ effects: inout [Effect]) {
        guard page.head > 0 else { return onUnmade(group, now: now, &effects) }
        groups[group]!.fannedOut = page.fannedOut
        var isThrough = !page.hasMore
        for entry in page.entries {
            guard entry.number <= page.fannedOut else {
                isThrough = true
                break
            }
            apply(entry, to: group)
        }
        guard isThrough else { return readEvents(group, after: page.entries.last!.number, &effects) }
        // The last messages before it, whose authors may ask about them, come with the tail; their inboxes have them.
        let known = UInt64(GroupServiceLimits.knownMessageCountMax)
        groups[group]!.head = page.fannedOut > known ? page.fannedOut - known : 0
        for partition in stores.ring.nodeIDs { groups[group]!.lanes[partition] = Lane(next: page.fannedOut + 1) }
        readTail(group, &effects)
    }

    mutating func onMarks(
        _ group: UserID, _ generation: UInt32, _ result: Result<Message, Refusal>, now: Now, _ effects: inout [Effect]
    ) {
        guard let record = groups[group], record.generation == generation, case .marks(let first) = record.phase else { return }
        guard case .success(.groupMarks(let page)) = result else { return onUnread(group, result, now: now, &effects) }
        for item in page.items {
            groups[group]!.marks[item.member, default: MemberMarks()].raise(
                wrote: item.wrote, delivered: item.delivered, read: item.read)
        }
        let head = first ?? page
        if page.hasMore, let last = page.items.last { return readMarks(group, after: last.member, first: head, &effects) }
        // Read before the marks, and changed elsewhere since.
        guard head.eventNumber == record.eventNumber else { return reload(group, now: now, &effects) }
        groups[group]!.phase = .ready
        groups[group]!.hear(head.revision, isOurs: false)
        groups[group]!.revision = max(record.revision, head.revision)
        groups[group]!.toldStored = max(record.toldStored, head.told)
        groups[group]!.told = max(record.told, head.told)
        if groups[group]!.told == groups[group]!.revisionHeard {
            assumeTold(group)
        } else {
            timers.armIfIdle(.ticks(group), at: now.instant + GroupServiceLimits.tickWindow)
        }
        settleLater(group, now: now)
        fanOut(group, now: now, &effects)
        drain(group, now: now, &effects)
        takeWaitingTypists(group, now: now, &effects)
    }

    /// A group without a log: nobody made it yet.
    private mutating func onUnmade(_ group: UserID, now: Now, _ effects: inout [Effect]) {
        groups[group]!.phase = .ready
        for partition in stores.ring.nodeIDs { groups[group]!.lanes[partition] = Lane(next: 1) }
        // Whoever waits is answered by what the store says now.
        for index in groups[group]!.waiting.indices { groups[group]!.waiting[index].tries += 1 }
        drain(group, now: now, &effects)
        takeWaitingTypists(group, now: now, &effects)
        forgetIfUnmade(group)
    }

    private mutating func forgetIfUnmade(_ group: UserID) {
        if let record = groups[group], record.head == 0, record.isIdle { groups[group] = nil }
    }

    /// The store is away. Who waits is told; what is owed to inboxes is tried again.
    private mutating func onUnread(
        _ group: UserID, _ result: Result<Message, Refusal>, now: Now, _ effects: inout [Effect]
    ) {
        var refusal = Refusal(.unavailable, retryAfterMs: unavailableRetryMs)
        if case .failure(let failure) = result { refusal = failure }
        let waiting = groups[group]!.waiting
        groups[group]!.waiting = []
        for submission in waiting { refuse(submission, refusal, &effects) }
        dropWaitingTypists(group)
        if case .checking = groups[group]!.phase {
            groups[group]!.phase = .ready
        } else {
            groups[group]!.phase = .events(after: 0)
            groups[group]!.generation = 0
        }
        retryLater(group, now: now)
    }

    // MARK: Entries

    /// Takes the next entry of the log: the group changes, and the entry waits for its way into the inboxes.
    mutating func take(_ entry: GroupEntry, into group: UserID) {
        let isNews = entry.number > groups[group]!.fannedOut
        groups[group]!.head = entry.number
        groups[group]!.headStamp = max(groups[group]!.headStamp, entry.stamp)
        switch entry.kind {
        case .message:
            groups[group]!.note(KnownMessage(stamp: entry.stamp, author: entry.author))
            groups[group]!.marks[entry.author, default: MemberMarks()].wrote = entry.stamp
            guard isNews else { return }
            let audience = Audience(
                parts: [Audience.Part(mark: .none, members: groups[group]!.split)], version: groups[group]!.version)
            enqueue(entry, audience, group)
        case .event:
            guard isNews else { return }
            let former = groups[group]!.state
            apply(entry, to: group)
            enqueue(entry, audience(of: entry, former, group), group)
        }
    }

    private mutating func enqueue(_ entry: GroupEntry, _ audience: Audience, _ group: UserID) {
        groups[group]!.pending.append(PendingEntry(entry: entry, audience: audience))
        groups[group]!.pendingBytes += entry.body.count
    }

    private mutating func apply(_ entry: GroupEntry, to group: UserID) {
        groups[group]!.eventNumber = entry.number
        groups[group]!.headStamp = max(groups[group]!.headStamp, entry.stamp)
        guard let change = GroupChange(bytes: entry.body) else { return }
        let former = groups[group]!.state.roster
        groups[group]!.state.apply(change, by: entry.author, at: entry.stamp)
        guard groups[group]!.state.roster != former else { return }
        groups[group]!.version += 1
        groups[group]!.split = split(groups[group]!.state.people)
    }

    /// Who sees an event: the members before and after it, each with what it does to their place.
    private func audience(of entry: GroupEntry, _ former: GroupState, _ group: UserID) -> Audience {
        let record = groups[group]!
        let state = record.state
        let came = state.people.filter { former.members[$0] == nil }
        let went = former.people.filter { state.members[$0] == nil }
        let stayed = state.people.filter { former.members[$0] != nil }
        let isRenamed = state.title != former.title && former.exists
        var parts: [Audience.Part] = []
        if !came.isEmpty { parts.append(Audience.Part(mark: .joined(title: state.title), members: split(came))) }
        if !went.isEmpty { parts.append(Audience.Part(mark: .left, members: split(went))) }
        if !stayed.isEmpty {
            parts.append(Audience.Part(mark: isRenamed ? .renamed(title: state.title) : .none, members: split(stayed)))
        }
        return Audience(parts: parts, version: record.version)
    }

    func split(_ members: [UserID]) -> Split { Dictionary(grouping: members) { stores.primary(of: $0) } }
}
