// Groups, as a session shard sees them: entries that come in for many users at once, and receipts that go out for many.
//
// A group's shard sends one batch with the text once. It is stored once in each partition, with a short entry in every inbox;
// then each member's devices get theirs as with any other entry, and from there on nothing is special: cursors, catch-up and
// repeats are those of the inbox.
//
// The way back is a batch too: what members acknowledge or read during a moment goes to the group's shard in one call, and
// while that call is on its way the next one gathers.

import ClientProtocol
import CoreKit
import Groups
import Messages
import Primitives
import RPC

struct FanOutID: Hashable, Sendable { var rawValue: UInt32 }

/// A batch of a group that is being stored.
struct PendingFanOut: Sendable {
    var call: RemoteCall
    var fanOut: GroupBatch
    var outstanding: Int
    var behind: [UserID] = []
    var refusal: Refusal?
}

/// Who waits for a mark to be durable.
enum GroupMarkWaiter: Sendable {
    /// A receipt round of a user.
    case round(UserID, UInt32)
    /// A client that has said `read`.
    case read(Origin, Stamp)
}

/// Marks on their way to one group.
struct GroupMarkQueue: Sendable {
    var waiting: [(mark: GroupMark, waiter: GroupMarkWaiter)] = []
    var isInFlight = false
}

extension SessionCore {
    // MARK: In

    mutating func onFanOut(_ fanOut: GroupBatch, _ call: RemoteCall, _ effects: inout [Effect]) {
        guard !fanOut.entries.isEmpty else { return effects.append(.refuse(call, Refusal(.malformed))) }
        let partitions = Dictionary(grouping: fanOut.recipients) { stores.primary(of: $0) }.sorted { $0.key < $1.key }
        guard !partitions.isEmpty else { return effects.append(.answer(call, .fannedOut(FannedOut(behind: [])))) }
        serialNext &+= 1
        let id = FanOutID(rawValue: serialNext)
        fanOuts[id] = PendingFanOut(call: call, fanOut: fanOut, outstanding: partitions.count)
        for (partition, recipients) in partitions {
            let append = GroupBatch(
                group: fanOut.group, entries: fanOut.entries, recipients: recipients, mark: fanOut.mark)
            self.call(partition, .appendShared(append), .shared(id, recipients), &effects)
        }
    }

    mutating func onSharedStored(
        _ id: FanOutID, _ recipients: [UserID], _ result: Result<Message, Refusal>, now: Now, _ effects: inout [Effect]
    ) {
        guard fanOuts[id] != nil else { return }
        fanOuts[id]!.outstanding -= 1
        let fanOut = fanOuts[id]!.fanOut
        let keys = fanOut.entries.map { TraceKey(author: $0.author, id: $0.id) }
        switch result {
        case .success(.sharedAppended(let appended)) where appended.items.count == recipients.count:
            for (user, item) in zip(recipients, appended.items) {
                if item.isBehind {
                    fanOuts[id]!.behind.append(user)
                } else {
                    bring(fanOut, keys, item, to: user, now: now, &effects)
                }
            }
        case .success: fanOuts[id]!.refusal = Refusal(.unsupported)
        case .failure(let refusal):
            fanOuts[id]!.refusal = refusal
            // Perhaps they are stored, and only the answer was lost.
            for user in recipients { checkHead(user, &effects) }
        }
        guard fanOuts[id]!.outstanding == 0, let done = fanOuts.removeValue(forKey: id) else { return }
        effects.append(
            done.refusal.map { .refuse(done.call, $0) } ?? .answer(done.call, .fannedOut(FannedOut(behind: done.behind))))
    }

    /// Pushes what is new in an inbox, or has whoever holds the user look.
    private mutating func bring(
        _ fanOut: GroupBatch, _ keys: [TraceKey], _ item: SharedAppended.Item, to user: UserID, now: Now,
        _ effects: inout [Effect]
    ) {
        poke(user, includingPrimary: false, &effects)
        if !hooks.kinds.isEmpty {
            let known = fanOut.entries.count - item.storedCount
            for (index, entry) in fanOut.entries.enumerated() where index >= known || isFresh(entry.stamp, now) {
                noteStored(entry, of: fanOut.group, to: user)
            }
        }
        guard users[user] != nil else { return }
        // Stored before: the answer of then may have been lost, and with it the push.
        guard item.storedCount > 0 else { return checkHead(user, &effects) }
        counters.messagesStored += UInt64(item.storedCount)
        let first = max(0, fanOut.entries.count - item.storedCount)
        for (index, entry) in fanOut.entries[first...].enumerated() {
            let entry = InboxEntry(
                number: item.firstNumber + UInt64(index), stamp: entry.stamp,
                kind: entry.kind.inInbox, author: entry.author, chat: fanOut.group, id: entry.id, body: entry.body, groupNumber: entry.number)
            onGrown(user, entry, keys[first + index], now: now, &effects)
        }
    }

    // MARK: Out

    /// Adds a mark to what leaves in a moment. When too many wait it counts as refused.
    mutating func queue(_ mark: GroupMark, of group: UserID, for waiter: GroupMarkWaiter) {
        var queue = groupMarks.removeValue(forKey: group) ?? GroupMarkQueue()
        defer { groupMarks[group] = queue }
        // A round ends in any case; a client repeats its `read`.
        if case .read = waiter, queue.waiting.count >= MessageLimits.groupMarkCountMax { return }
        if queue.waiting.isEmpty && !queue.isInFlight { groupsToFlush.append(group) }
        if load.delays(.receipts) { load.count(.receipts, queue.waiting.isEmpty ? .delayed : .merged) }
        queue.waiting.append((mark, waiter))
    }

    mutating func armGroupMarks(now: Now) {
        guard !groupsToFlush.isEmpty else { return }
        let window = load.delays(.receipts) ? LoadLimits.receiptWindow : SessionLimits.groupMarkWindow
        timers.armIfIdle(.groupMarks, at: now.instant + window)
    }

    mutating func flushGroupMarks(now: Now, _ effects: inout [Effect]) {
        let gathered = groupsToFlush
        groupsToFlush = []
        for group in gathered { sendGroupMarks(group, now: now, &effects) }
    }

    private mutating func sendGroupMarks(_ group: UserID, now: Now, _ effects: inout [Effect]) {
        guard var queue = groupMarks.removeValue(forKey: group), !queue.isInFlight, !queue.waiting.isEmpty else { return }
        let batch = queue.waiting.prefix(MessageLimits.groupMarkCountMax)
        queue.waiting.removeFirst(batch.count)
        guard let node = groups.route(group) else {
            let left = Array(batch) + queue.waiting
            return conclude(left.map(\.waiter), nil, of: group, now: now, &effects)
        }
        queue.isInFlight = true
        groupMarks[group] = queue
        call(
            node, .groupReceipts(GroupMarkBatch(group: group, marks: batch.map(\.mark))),
            .groupReceipts(group, batch.map(\.waiter)), &effects)
    }

    mutating func onGroupMarked(
        _ group: UserID, _ waiters: [GroupMarkWaiter], _ result: Result<Message, Refusal>, now: Now,
        _ effects: inout [Effect]
    ) {
        var outcomes: [GroupMarked.Outcome]?
        if case .success(.groupMarked(let marked)) = result, marked.outcomes.count == waiters.count {
            outcomes = marked.outcomes
        }
        conclude(waiters, outcomes, of: group, now: now, &effects)
        groupMarks[group]?.isInFlight = false
        if groupMarks[group]?.waiting.isEmpty == true { groupMarks[group] = nil } else { groupsToFlush.append(group) }
    }

    /// - Parameter outcomes: nil: nothing is known to be stored.
    private mutating func conclude(
        _ waiters: [GroupMarkWaiter], _ outcomes: [GroupMarked.Outcome]?, of group: UserID, now: Now,
        _ effects: inout [Effect]
    ) {
        for (index, waiter) in waiters.enumerated() {
            switch (waiter, outcomes?[index]) {
            // Whoever is not a member any more owes nobody a receipt.
            case (.round(let user, let serial), .some):
                onReceiptDone(user, round: serial, .success(.done), now: now, &effects)
            case (.round(let user, let serial), nil):
                onReceiptDone(user, round: serial, .failure(Refusal(.unavailable)), now: now, &effects)
            case (.read(let origin, let stamp), .taken): tell(origin, .noted(with: group, at: stamp), &effects)
            case (.read(let origin, _), .notMember):
                tell(origin, .error(ErrorFrame(.notMember, "you are not a member of this group", ref: group.asReference)), &effects)
            case (.read(let origin, _), .ahead):
                tell(origin, .error(ErrorFrame(.readAhead, "the group's newest entry is older", ref: group.asReference)), &effects)
            // The client repeats it.
            case (.read, nil): break
            }
        }
    }

    // MARK: Notices and lists

    mutating func onGroupNotice(_ notice: GroupNotice, _ effects: inout [Effect]) {
        for device in users[notice.author]?.devices ?? [] where device.isLive {
            switch notice.content {
            case .counts(let delivered, let read, let of):
                tell(
                    device.origin,
                    .groupCounts(group: notice.group, at: notice.at, delivered: delivered, read: read, of: of), &effects)
            case .late(let count):
                tell(device.origin, .groupLate(group: notice.group, at: notice.at, count: count), &effects)
            }
        }
    }

    mutating func onMembershipQuery(_ query: MembershipQuery, _ effects: inout [Effect]) {
        let read = ReadMemberships(owner: query.origin.user, after: query.after)
        ask(query.origin.user, .readMemberships(read), .memberships(query.origin, query.reference), &effects)
    }

    mutating func onMemberships(
        _ origin: Origin, _ reference: MessageID?, _ result: Result<Message, Refusal>, _ effects: inout [Effect]
    ) {
        switch result {
        case .success(.membershipPage(let page)):
            let groups = page.items.map { GroupTitle(group: $0.group, title: $0.title) }
            tell(origin, .groupList(ref: reference, groups: groups, more: page.hasMore), &effects)
        case .success: tell(origin, .error(ErrorFrame(Refusal(.unsupported), ref: reference)), &effects)
        case .failure(let refusal): tell(origin, .error(ErrorFrame(refusal, ref: reference)), &effects)
        }
    }
}
