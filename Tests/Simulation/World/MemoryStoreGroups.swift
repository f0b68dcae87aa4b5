// Groups in the plain store: logs, marks, and the places that inboxes have in them. The text of an entry is a value in every
// inbox; that an engine keeps it once is its own affair.

import Messages
import Primitives
import Storage

/// A group as its partition knows it.
struct GroupLog: Sendable {
    struct Name: Hashable, Sendable {
        let author: UserID
        let id: MessageID
    }

    struct Entry: Sendable {
        let number: UInt64
        let stamp: Stamp
        let kind: GroupEntry.Kind
        let name: Name
        let digest: UInt64
        /// Nil once dropped.
        var body: [UInt8]?
    }

    struct Member: Sendable {
        var wrote = Stamp.zero
        /// Rising marks, and when each was raised.
        var raises: [ReceiptKind: [(upTo: Stamp, at: Stamp)]] = [:]

        func upTo(_ kind: ReceiptKind) -> Stamp { raises[kind]?.last?.upTo ?? .zero }
        func arrival(_ kind: ReceiptKind, at: Stamp) -> Stamp { raises[kind]?.first { $0.upTo >= at }?.at ?? .zero }
    }

    /// Rising numbers.
    var entries: [Entry] = []
    var numbers: [Name: UInt64] = [:]
    var head: UInt64 = 0
    var headStamp = Stamp.zero
    var eventNumber: UInt64 = 0
    var fannedOut: UInt64 = 0
    /// Looked through up to here for what may go.
    var pruned: UInt64 = 0
    var members: [UserID: Member] = [:]
    var revision: UInt64 = 0
    var told: UInt64 = 0

    func entry(_ name: Name) -> Entry? { numbers[name].flatMap { number in entries.first { $0.number == number } } }
}

/// A user's place in a group.
struct GroupPlace: Sendable {
    /// Number of the newest entry that the inbox got.
    var last: UInt64
    /// Nil when the user is not a member now.
    var title: String?
}

extension MemoryStore {
    /// The answer to a request about groups; nil for all others.
    mutating func answerGroup(_ request: StoreRequest, now: Stamp) -> StoreAnswer? {
        switch request {
        case .appendGroup(let request): return .groupAppended(append(request, now: now))
        case .readGroup(let request): return .groupPage(read(request))
        case .settleGroup(let request):
            settle(request)
            return .done
        case .readPendingGroups(let request): return .pendingGroups(read(request))
        case .storeGroupMarks(let request):
            return .groupMarksStored(store(request, now: now))
        case .readGroupMarks(let request): return .groupMarks(read(request))
        case .appendShared(let request): return .sharedAppended(append(request, now: now))
        case .readMemberships(let request): return .membershipPage(read(request))
        default: return nil
        }
    }

    /// Messages in logs that still have their text.
    public var groupTextCount: Int {
        logs.values.reduce(0) { $0 + $1.entries.count { $0.kind == .message && $0.body != nil } }
    }

    /// Under which number an inbox has entry `number` of a group; nil when it has not, or not any more. O(entries).
    func inboxNumber(of owner: UserID, group: UserID, _ number: UInt64) -> UInt64? {
        guard let place = numbers[owner] else { return nil }
        return inboxes[place - 1].entries.first { $0.groupNumber == number && $0.chat == group }?.number
    }

    /// Where somebody stands in a group.
    func place(of owner: UserID, in group: UserID) -> GroupPlace? {
        numbers[owner].flatMap { inboxes[$0 - 1].places[group] }
    }

    // MARK: Logs

    private mutating func append(_ request: AppendGroup, now: Stamp) -> GroupAppended {
        func refused(_ outcome: GroupAppended.Outcome) -> GroupAppended {
            GroupAppended(outcome: outcome)
        }
        let digest = ContentDigest.of(request.asked ?? request.body)
        var log = logs[request.group] ?? GroupLog()
        let name = GroupLog.Name(author: request.author, id: request.id)
        if let known = log.entry(name) {
            return known.kind == request.kind && known.digest == digest
                ? GroupAppended(outcome: .duplicate, number: known.number, stamp: known.stamp) : refused(.conflict)
        }
        guard request.eventNumber == log.eventNumber else { return refused(.stale) }
        if let after = request.after, log.numbers[GroupLog.Name(author: request.author, id: after)] == nil {
            return refused(.predecessorMissing)
        }
        _ = place(of: request.group)
        _ = place(of: request.author)
        log.head += 1
        log.headStamp = max(now, Stamp(microseconds: log.headStamp.microseconds + 1))
        log.entries.append(
            GroupLog.Entry(
                number: log.head, stamp: log.headStamp, kind: request.kind, name: name, digest: digest, body: request.body))
        log.numbers[name] = log.head
        switch request.kind {
        case .event:
            log.eventNumber = log.head
            log.revision += 1
        case .message: log.members[request.author, default: GroupLog.Member()].wrote = log.headStamp
        }
        if !policy.isArchive { prune(&log, now: now) }
        logs[request.group] = log
        return GroupAppended(outcome: .stored, number: log.head, stamp: log.headStamp, revision: log.revision)
    }

    /// The two oldest entries that nobody looked at go when they are old, in every inbox, and no events.
    private func prune(_ log: inout GroupLog, now: Stamp) {
        for _ in 0..<2 {
            guard let oldest = log.entries.first(where: { $0.number > log.pruned }), oldest.number <= log.fannedOut,
                oldest.stamp + max(policy.expiry, StoreLimits.idempotency) < now
            else { return }
            if oldest.kind == .message {
                log.entries.removeAll { $0.number == oldest.number }
                log.numbers[oldest.name] = nil
            }
            log.pruned = oldest.number
        }
    }

    private func read(_ request: ReadGroup) -> GroupPage {
        let log = logs[request.group] ?? GroupLog()
        var page = GroupPage(
            entries: [], hasMore: false, head: log.head, headStamp: log.headStamp, eventNumber: log.eventNumber,
            fannedOut: log.fannedOut)
        var bodyBytes = 0
        let entries: [GroupLog.Entry] =
            switch request.part {
            case .entries(let after): log.entries.filter { $0.number > after }
            case .events(let after): log.entries.filter { $0.number > after && $0.kind == .event }
            case .newest(let before): log.entries.reversed().filter { $0.number < before }
            }
        for entry in entries {
            let body = entry.body ?? []
            bodyBytes += body.count
            if page.entries.count == min(max(request.limit, 1), MessageLimits.pageEntryCountMax)
                || bodyBytes > MessageLimits.pageBodyBytesMax && !page.entries.isEmpty
            {
                page.hasMore = true
                break
            }
            page.entries.append(
                GroupEntry(
                    number: entry.number, stamp: entry.stamp, kind: entry.kind, author: entry.name.author, id: entry.name.id,
                    body: body))
        }
        return page
    }

    private mutating func settle(_ request: SettleGroup) {
        guard var log = logs[request.group] else { return }
        let through = max(log.fannedOut, min(request.fannedOut, log.head))
        log.told = max(log.told, min(request.told, log.revision))
        if !policy.isArchive {
            for index in log.entries.indices
            where log.entries[index].kind == .message && log.entries[index].number > log.fannedOut
                && log.entries[index].number <= through
            {
                log.entries[index].body = nil
            }
        }
        log.fannedOut = through
        logs[request.group] = log
    }

    private func read(_ request: ReadPendingGroups) -> PendingGroups {
        let owing = logs.filter { $0.value.fannedOut < $0.value.head || $0.value.told < $0.value.revision }
        let names = owing.keys.filter { $0.text > request.after?.text ?? "" }.sorted()
        return PendingGroups(
            groups: Array(names.prefix(MessageLimits.pageEntryCountMax)), hasMore: names.count > MessageLimits.pageEntryCountMax)
    }

    // MARK: Marks

    private mutating func store(_ request: GroupMarkBatch, now: Stamp) -> GroupMarksStored {
        guard var log = logs[request.group] else { return GroupMarksStored(revision: 0, hasRisen: false) }
        var hasRisen = false
        for mark in request.marks where mark.upTo > .zero {
            _ = place(of: mark.member)
            var member = log.members[mark.member] ?? GroupLog.Member()
            guard mark.upTo > member.upTo(mark.kind) else { continue }
            var raises = member.raises[mark.kind] ?? []
            if !policy.isArchive {
                // Whoever adds one looks at the two oldest.
                let old = raises.prefix(2).prefix { $0.at + policy.expiry < now }.count
                raises.removeFirst(old)
            }
            raises.append((mark.upTo, now))
            member.raises[mark.kind] = raises
            log.members[mark.member] = member
            hasRisen = true
        }
        if hasRisen { log.revision += 1 }
        logs[request.group] = log
        return GroupMarksStored(revision: log.revision, hasRisen: hasRisen)
    }

    private func read(_ request: ReadGroupMarks) -> GroupMarks {
        let log = logs[request.group] ?? GroupLog()
        let members = log.members.filter { $0.key.text > request.after?.text ?? "" }
            .sorted { $0.key < $1.key }
        let items = members.prefix(MessageLimits.pageEntryCountMax).map { name, member in
            GroupMarks.Item(
                member: name, wrote: member.wrote,
                delivered: request.at.map { member.arrival(.delivered, at: $0) } ?? member.upTo(.delivered),
                read: request.at.map { member.arrival(.read, at: $0) } ?? member.upTo(.read))
        }
        let named = log.entries.first { $0.stamp == request.at && $0.kind == .message }
        return GroupMarks(
            items: Array(items), hasMore: members.count > MessageLimits.pageEntryCountMax, author: named?.name.author,
            revision: log.revision, told: log.told, eventNumber: log.eventNumber)
    }

    // MARK: Inboxes

    private mutating func append(_ request: GroupBatch, now: Stamp) -> SharedAppended {
        var mentioned: Set<UInt64> = []
        return SharedAppended(items: request.recipients.map { append(request, to: $0, &mentioned, now: now) })
    }

    private mutating func append(
        _ request: GroupBatch, to recipient: UserID, _ mentioned: inout Set<UInt64>, now: Stamp
    ) -> SharedAppended.Item {
        var item = SharedAppended.Item(storedCount: 0, firstNumber: 0, isBehind: false)
        var known = numbers[recipient].flatMap { inboxes[$0 - 1].places[request.group] }
        for (index, entry) in request.entries.enumerated() {
            if let known, entry.number <= known.last { continue }
            guard request.mark.isJoined && index == 0 || known.map({ entry.number == $0.last + 1 }) ?? false else {
                item.isBehind = true
                break
            }
            let owner = place(of: recipient)
            _ = place(of: request.group)
            if mentioned.insert(entry.number).inserted { _ = place(of: entry.author) }
            let number = inboxes[owner].add(entry, of: request.group, now: now)
            if item.storedCount == 0 { item.firstNumber = number }
            item.storedCount += 1
            known = GroupPlace(last: entry.number, title: known?.title)
        }
        guard item.storedCount > 0, var known else { return item }
        switch request.mark {
        case .none: break
        case .joined(let title): known.title = title
        case .renamed(let title): if known.title != nil { known.title = title }
        case .left: known.title = nil
        }
        inboxes[place(of: recipient)].places[request.group] = known
        return item
    }

    private func read(_ request: ReadMemberships) -> MembershipPage {
        let places = numbers[request.owner].map { inboxes[$0 - 1].places } ?? [:]
        let items = places.compactMap { group, place in place.title.map { MembershipPage.Item(group: group, title: $0) } }
            .filter { $0.group.text > request.after?.text ?? "" }
            .sorted { $0.group < $1.group }
        return MembershipPage(
            items: Array(items.prefix(MessageLimits.membershipCountMax)), hasMore: items.count > MessageLimits.membershipCountMax)
    }
}

// MARK: Planted faults

extension MemoryStore {
    /// Takes back what `user` got of a group since `before`, and leaves the mark that says she has it.
    mutating func skip(_ user: UserID, of group: UserID, before: MemoryStore) {
        guard let place = numbers[user], let former = before.numbers[user], let mark = inboxes[place - 1].places[group],
            before.inboxes[former - 1].places[group]?.last ?? .max < mark.last
        else { return }
        inboxes[place - 1] = before.inboxes[former - 1]
        inboxes[place - 1].places[group] = mark
    }

    /// Brings entries of a group also to those who left it.
    mutating func showFormerMembers(_ shared: GroupBatch, stamp: Stamp) {
        for index in inboxes.indices {
            guard let place = inboxes[index].places[shared.group], place.title == nil else { continue }
            for entry in shared.entries where entry.number > place.last {
                _ = inboxes[index].add(entry, of: shared.group, now: stamp)
                inboxes[index].places[shared.group]!.last = entry.number
            }
        }
    }

    /// Puts back what logs have dropped since `before`.
    mutating func keepTexts(of before: MemoryStore) {
        for (group, former) in before.logs {
            for index in former.entries.indices where logs[group]!.entries[index].body == nil {
                logs[group]!.entries[index].body = former.entries[index].body
            }
        }
    }
}
