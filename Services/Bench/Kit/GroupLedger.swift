// The ledger of groups: every message that was issued, and what became of it at its author and at each member.
//
// As with pairs nobody is trusted: a body must name this run, an author of this member's group and a number that was issued,
// and every byte counts. On top of that a group has one order. A message has one group number, the same at all members; no
// number belongs to two messages; and what a member is shown rises by group number and by each author's own numbers.
//
// The author is a member too: her own message comes back to her as to everybody, and that is a delivery. Her `delivered`
// tick speaks of the others.

import ChatClient
import ClientProtocol
import Groups
import Primitives

public struct GroupLedger: MessageLedger {
    public enum Leg: Int, Sendable, CaseIterable {
        case sent
        /// Each member counts.
        case delivered
        /// The last member.
        case everybody
        /// From the first member to the last.
        case spread
        /// The `delivered` tick at the author.
        case tick
    }

    private struct Open: Sendable {
        /// The intended time of sending.
        var at: Instant
        var isMeasured: Bool
        /// Of `sent`; zero before.
        var stamp = Stamp.zero
        /// As the first member was told; 0 before.
        var groupNumber: UInt64 = 0
        var firstShownAt = Instant.zero
        /// Members that have shown it, a bit each by place.
        var shown: [UInt64]
        var shownCount = 0
        var isTicked = false
        /// Refused for good: nothing more is expected.
        var isRefused = false
    }

    /// What one author writes to her group.
    private struct Chat: Sendable {
        /// Messages from number `first` on.
        var open: [Open] = []
        var first: UInt32 = 0
        /// Of `open`, the first so many are done and wait to be removed together.
        var doneCount = 0
        /// Everything up to this stamp is with everybody, as the author was told.
        var watermark = Stamp.zero
    }

    private struct Group: Sendable {
        var id: UserID
        var changes: [GroupChange]
        /// By group number: some message has it.
        var isTaken: [Bool] = [true]
        var issuedCount = 0
        /// Messages without `sent`, or that some member has not shown.
        var inFlight = 0
    }

    private struct Member: Sendable {
        /// The change that it is shown next.
        var changeNext: Int
        /// The group number that it was shown last.
        var groupNumber: UInt64 = 0
    }

    public let mark: MessageMark
    public let shape: GroupShape
    private var chats: [Chat]
    private var groups: [Group]
    private var members: [Member]
    /// By member and author's place: one above the highest number that was shown.
    private var expected: [UInt32]
    private let memberMask: Int

    public private(set) var counts = LedgerCounts()
    /// Latencies of measured messages, by leg.
    public private(set) var latencies = [LatencyHistogram](repeating: LatencyHistogram(), count: Leg.allCases.count)
    private var recent = LatencyHistogram()
    private var openUsMax: Int64 = 0
    public private(set) var inFlightSum = 0
    /// Members that have been shown every change that made their group.
    public private(set) var joinedCount = 0

    public init(mark: MessageMark, shape: GroupShape) {
        self.mark = mark
        self.shape = shape
        chats = [Chat](repeating: Chat(), count: shape.chatCount)
        groups = (0..<shape.groupCount).map { group in
            Group(
                id: shape.id(of: group, mark: mark),
                changes: (0..<shape.changeCount).map { shape.change($0, of: group, mark: mark) })
        }
        members = (0..<shape.userCount).map { Member(changeNext: shape.firstChange(of: $0)) }
        expected = [UInt32](repeating: 0, count: shape.userCount * shape.authorCount)
        memberMask = (shape.memberCount + 63) / 64
    }

    // MARK: Questions

    public func id(of group: Int) -> UserID { groups[group].id }
    public func change(_ index: Int, of group: Int) -> GroupChange { groups[group].changes[index] }
    /// How many changes of its group a member has been shown, those before its time included.
    public func changesShown(to member: Int) -> Int { members[member].changeNext }
    /// Messages of a group that lack `sent` or some member.
    public func inFlight(_ group: Int) -> Int { groups[group].inFlight }
    public var paceCount: UInt64 { counts.complete }
    /// Nothing more is expected of anybody.
    public var isSettled: Bool { inFlightSum == 0 && counts.receipts + counts.refused == counts.issued }

    public mutating func takeRecent() -> LatencyHistogram {
        defer { recent.removeAll() }
        return recent
    }

    /// What is missing now. O(open messages).
    public func balance(now: Instant) -> LedgerBalance {
        var balance = LedgerBalance()
        balance.openUsMax = openUsMax
        for chat in chats {
            for message in chat.open[chat.doneCount...] where !isDone(message) {
                balance.openUsMax = max(balance.openUsMax, (now - message.at).microseconds)
                if message.stamp == .zero {
                    balance.unanswered += 1
                } else if message.shownCount < shape.memberCount {
                    balance.lost += UInt64(shape.memberCount - message.shownCount)
                } else {
                    balance.receiptsMissing += 1
                }
            }
        }
        return balance
    }

    // MARK: What the members did and saw

    /// A new message of a group; its authors take turns.
    /// - Parameter at: when it was meant to be sent; latencies count from here.
    public mutating func issue(_ group: Int, at: Instant, isMeasured: Bool) -> (author: Int, message: OutgoingMessage) {
        let chat = group * shape.authorCount + groups[group].issuedCount % shape.authorCount
        let number = chats[chat].first + UInt32(chats[chat].open.count)
        chats[chat].open.append(Open(at: at, isMeasured: isMeasured, shown: [UInt64](repeating: 0, count: memberMask)))
        groups[group].issuedCount += 1
        groups[group].isTaken.append(false)
        groups[group].inFlight += 1
        inFlightSum += 1
        counts.issued += 1
        let message = OutgoingMessage(
            id: mark.id(chat: chat, number: number), to: groups[group].id, body: mark.body(chat: chat, number: number))
        return (shape.author(ofChat: chat), message)
    }

    /// - Returns: the group that has fewer messages in flight by it; nil for none.
    public mutating func onSent(_ id: MessageID, to: UserID, by member: Int, at: Stamp, now: Instant) -> Int? {
        guard let (chat, index) = find(mark.parse(id), author: member), to == groups[shape.group(ofChat: chat)].id,
            index >= chats[chat].doneCount, chats[chat].open[index].stamp == .zero
        else { return nil }
        chats[chat].open[index].stamp = at
        counts.acked += 1
        record(.sent, chats[chat].open[index], now)
        let group = complete(chat, index, now)
        if at <= chats[chat].watermark { settle(chat, now) }
        return group
    }

    /// - Returns: the group of the message.
    public mutating func onRefused(_ id: MessageID, by member: Int) -> Int? {
        guard let (chat, index) = find(mark.parse(id), author: member), index >= chats[chat].doneCount else { return nil }
        let message = chats[chat].open[index]
        guard message.stamp == .zero, !message.isRefused else { return nil }
        chats[chat].open[index].isRefused = true
        counts.refused += 1
        endFlight(shape.group(ofChat: chat))
        sweep(chat)
        return shape.group(ofChat: chat)
    }

    /// A `delivered` tick: everything up to a stamp is with all others.
    public mutating func onTick(with peer: UserID, at: Stamp, of member: Int, now: Instant) {
        guard let chat = chat(ofAuthor: member), peer == groups[shape.group(of: member)].id else { return }
        chats[chat].watermark = max(chats[chat].watermark, at)
        settle(chat, now)
    }

    /// An inbox entry of a member. Every one is judged.
    /// - Returns: the group that has fewer messages in flight by it; nil for none.
    public mutating func onEntry(_ entry: ServerFrame, at member: Int, now: Instant) -> Int? {
        switch entry {
        case .groupMessage(_, let group, let number, let from, let id, _, let body):
            return onMessage(id, number: number, from: from, in: group, body, at: member, now: now)
        case .groupEvent(_, let group, let number, let from, let id, _, let change):
            onChange(change, id, number: number, from: from, in: group, at: member)
        default: counts.foreign += 1
        }
        return nil
    }

    public mutating func onGap(from: UInt64, to: UInt64) { counts.gaps += to - from + 1 }
    public mutating func onCursorLost() { counts.gaps += 1 }

    private mutating func onMessage(
        _ id: MessageID, number groupNumber: UInt64, from: UserID, in groupID: UserID, _ body: [UInt8], at member: Int,
        now: Instant
    ) -> Int? {
        let group = shape.group(of: member)
        guard let said = mark.parse(body), let named = mark.parse(id), said == named, said.chat < chats.count,
            shape.group(ofChat: said.chat) == group, groupID == groups[group].id,
            mark.member(from) == shape.author(ofChat: said.chat)
        else {
            counts.foreign += 1
            return nil
        }
        let chat = said.chat
        guard said.number >= chats[chat].first else {
            // Only what everybody was shown is taken off the list.
            counts.duplicated += 1
            return nil
        }
        let index = Int(said.number - chats[chat].first)
        guard index < chats[chat].open.count else {
            counts.foreign += 1
            return nil
        }
        let place = shape.place(of: member)
        let bit = UInt64(1) << UInt64(place % 64)
        guard chats[chat].open[index].shown[place / 64] & bit == 0 else {
            counts.duplicated += 1
            return nil
        }
        chats[chat].open[index].shown[place / 64] |= bit
        chats[chat].open[index].shownCount += 1
        counts.delivered += 1
        judgeOrder(chat, said.number, groupNumber, at: member)
        judgeNumber(chat, index, groupNumber)
        if chats[chat].open[index].shownCount == 1 { chats[chat].open[index].firstShownAt = now }
        record(.delivered, chats[chat].open[index], now)
        if chats[chat].open[index].shownCount == shape.memberCount {
            record(.everybody, chats[chat].open[index], now)
            if chats[chat].open[index].isMeasured {
                let spread = now - chats[chat].open[index].firstShownAt
                latencies[Leg.spread.rawValue].record(us: spread.microseconds)
            }
        }
        return complete(chat, index, now)
    }

    /// Rising at this member, by group number and by the author's own.
    private mutating func judgeOrder(_ chat: Int, _ number: UInt32, _ groupNumber: UInt64, at member: Int) {
        let slot = member * shape.authorCount + chat % shape.authorCount
        if groupNumber <= members[member].groupNumber || number < expected[slot] { counts.outOfOrder += 1 }
        members[member].groupNumber = max(members[member].groupNumber, groupNumber)
        expected[slot] = max(expected[slot], number + 1)
    }

    /// The same at all members, and nobody else's.
    private mutating func judgeNumber(_ chat: Int, _ index: Int, _ groupNumber: UInt64) {
        guard chats[chat].open[index].groupNumber == 0 else {
            if chats[chat].open[index].groupNumber != groupNumber { counts.disagreements += 1 }
            return
        }
        chats[chat].open[index].groupNumber = groupNumber
        // Numbers are dense behind those of the changes, so no message can have a higher one than there are messages.
        let group = shape.group(ofChat: chat)
        guard groupNumber > UInt64(shape.changeCount),
            case let ordinal = groupNumber - UInt64(shape.changeCount), ordinal < UInt64(groups[group].isTaken.count),
            !groups[group].isTaken[Int(ordinal)]
        else {
            counts.disagreements += 1
            return
        }
        groups[group].isTaken[Int(ordinal)] = true
    }

    private mutating func onChange(
        _ change: GroupChange, _ id: MessageID, number groupNumber: UInt64, from: UserID, in groupID: UserID, at member: Int
    ) {
        let group = shape.group(of: member)
        guard groupID == groups[group].id, mark.member(from) == shape.owner(of: group),
            let index = groups[group].changes.indices.first(where: { shape.reference($0, of: group) == id }),
            index >= shape.firstChange(of: member), groups[group].changes[index] == change
        else {
            counts.foreign += 1
            return
        }
        guard index >= members[member].changeNext else {
            counts.duplicated += 1
            return
        }
        if index != members[member].changeNext || groupNumber != UInt64(index + 1) { counts.outOfOrder += 1 }
        members[member].changeNext = index + 1
        members[member].groupNumber = max(members[member].groupNumber, groupNumber)
        if members[member].changeNext == shape.changeCount { joinedCount += 1 }
    }

    // MARK: Inside

    private func find(_ parsed: (chat: Int, number: UInt32)?, author: Int) -> (chat: Int, index: Int)? {
        guard let (chat, number) = parsed, chat < chats.count, shape.author(ofChat: chat) == author,
            number >= chats[chat].first
        else { return nil }
        let index = Int(number - chats[chat].first)
        return index < chats[chat].open.count ? (chat, index) : nil
    }

    private func chat(ofAuthor member: Int) -> Int? {
        let place = shape.place(of: member)
        return place < shape.authorCount ? shape.group(of: member) * shape.authorCount + place : nil
    }

    private func isComplete(_ message: Open) -> Bool {
        message.stamp != .zero && message.shownCount == shape.memberCount && !message.isRefused
    }

    private func isDone(_ message: Open) -> Bool { message.isRefused || message.isTicked && isComplete(message) }

    /// - Returns: the group, when the message has left its window by what was just noted.
    private mutating func complete(_ chat: Int, _ index: Int, _ now: Instant) -> Int? {
        guard isComplete(chats[chat].open[index]) else { return nil }
        let us = (now - chats[chat].open[index].at).microseconds
        counts.complete += 1
        recent.record(us: us)
        openUsMax = max(openUsMax, us)
        let group = shape.group(ofChat: chat)
        endFlight(group)
        sweep(chat)
        return group
    }

    /// Gives ticks to what the watermark covers.
    private mutating func settle(_ chat: Int, _ now: Instant) {
        var index = chats[chat].doneCount
        var hasTicked = false
        while index < chats[chat].open.count {
            let message = chats[chat].open[index]
            // Stamps of a chat rise with its numbers; one without a stamp ends what the watermark can cover, unless it was refused.
            if message.stamp == .zero && !message.isRefused || message.stamp > chats[chat].watermark { break }
            if !message.isTicked && !message.isRefused {
                chats[chat].open[index].isTicked = true
                hasTicked = true
                counts.receipts += 1
                if othersCount(message, chat) < shape.memberCount - 1 { counts.falseReceipts += 1 }
                record(.tick, message, now)
            }
            index += 1
        }
        if hasTicked { sweep(chat) }
    }

    /// Members but the author that have shown it.
    private func othersCount(_ message: Open, _ chat: Int) -> Int {
        let place = shape.place(of: shape.author(ofChat: chat))
        let hasOwn = message.shown[place / 64] & (UInt64(1) << UInt64(place % 64)) != 0
        return message.shownCount - (hasOwn ? 1 : 0)
    }

    private mutating func record(_ leg: Leg, _ message: Open, _ now: Instant) {
        guard message.isMeasured else { return }
        latencies[leg.rawValue].record(us: (now - message.at).microseconds)
    }

    private mutating func endFlight(_ group: Int) {
        groups[group].inFlight -= 1
        inFlightSum -= 1
    }

    /// Takes what is done off the front; in bulk, so that a long list costs a constant for each message.
    private mutating func sweep(_ chat: Int) {
        while chats[chat].doneCount < chats[chat].open.count, isDone(chats[chat].open[chats[chat].doneCount]) {
            chats[chat].doneCount += 1
        }
        let done = chats[chat].doneCount
        guard done >= 16 || done == chats[chat].open.count, done * 2 >= chats[chat].open.count else { return }
        chats[chat].open.removeFirst(done)
        chats[chat].first += UInt32(done)
        chats[chat].doneCount = 0
    }
}
