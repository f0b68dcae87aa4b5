// The ledger: every message that was issued, and what became of it at both ends.
//
// A chat has one author and one addressee, and each member is the addressee of at most one chat. The ledger is told what the
// members saw and keeps three things: the open messages of each chat (those that lack `sent`, delivery or receipt), the counts,
// and the latencies. It trusts nobody: a body must name this run, a chat of this addressee and a number that was issued, every
// byte of it; a number may come once; numbers of a chat must rise; and a receipt must not speak of what never arrived.

import ChatClient
import ClientProtocol
import Primitives

/// What was counted.
public struct LedgerCounts: Equatable, Sendable {
    /// Messages handed to a client.
    public var issued: UInt64 = 0
    /// Answered by `sent`.
    public var acked: UInt64 = 0
    /// Messages at their addressee, each counted once; in a group at each member.
    public var delivered: UInt64 = 0
    /// Messages whose author heard `delivered` of them.
    public var receipts: UInt64 = 0
    /// Messages that an addressee saw again.
    public var duplicated: UInt64 = 0
    /// Messages that came before one with a lower number of the same chat.
    public var outOfOrder: UInt64 = 0
    /// Entries that nobody of this run sent to this member, or whose text was changed on the way.
    public var foreign: UInt64 = 0
    /// Messages refused for good.
    public var refused: UInt64 = 0
    /// Receipts of messages that had not arrived.
    public var falseReceipts: UInt64 = 0
    /// Authors' own messages that came back to them, in archive mode.
    public var copies: UInt64 = 0
    /// Inbox numbers that the cluster said will never come, and inboxes that began anew.
    public var gaps: UInt64 = 0
    /// Messages of groups that have `sent` and every member.
    public var complete: UInt64 = 0
    /// Times that a message of a group had another number than elsewhere, or one that is another's.
    public var disagreements: UInt64 = 0

    public init() {}
}

/// What is still missing, counted at the end.
public struct LedgerBalance: Equatable, Sendable {
    /// `sent` reached the author, the message never reached the addressee; in a group each member counts.
    public var lost: UInt64 = 0
    /// No `sent`, and no refusal either.
    public var unanswered: UInt64 = 0
    /// Sent and delivered, but its author never heard so.
    public var receiptsMissing: UInt64 = 0
    /// The longest that a message was open, microseconds, those that still are included.
    public var openUsMax: Int64 = 0

    public init() {}
}

public struct Ledger: MessageLedger {
    public enum Leg: Int, Sendable, CaseIterable { case sent, delivered, receipt }

    private struct Open: Sendable {
        /// The intended time of sending.
        var at: Instant
        /// Of `sent`; zero before.
        var stamp = Stamp.zero
        var isMeasured: Bool
        var isDelivered = false
        var isReceipted = false
        /// Refused for good: nothing more is expected.
        var isRefused = false
        var isDone: Bool { isRefused || isReceipted && isDelivered }
    }

    private struct Chat: Sendable {
        var author: Int
        var addressee: Int
        /// Messages from number `first` on.
        var open: [Open] = []
        /// Of `open`, the first so many are done and wait to be removed together.
        var doneCount = 0
        var first: UInt32 = 0
        /// Everything up to this stamp has its receipt.
        var watermark = Stamp.zero
        /// One above the highest number that arrived.
        var expected: UInt32 = 0
        /// Issued, without receipt and not refused.
        var inFlight = 0
        /// Issued, neither `sent` nor refused.
        var unsent = 0
    }

    public let mark: MessageMark
    private var chats: [Chat]
    /// The chat whose addressee a member is; -1 for none.
    private var chatOfAddressee: [Int]

    public private(set) var counts = LedgerCounts()
    /// Latencies of measured messages, by leg.
    public private(set) var latencies = [LatencyHistogram](repeating: LatencyHistogram(), count: Leg.allCases.count)
    /// Receipts since the owner looked last.
    public private(set) var recent = LatencyHistogram()
    private var openUsMax: Int64 = 0

    /// - Parameter chats: author and addressee of each; an addressee stands once.
    public init(mark: MessageMark, memberCount: Int, chats pairs: [(author: Int, addressee: Int)]) {
        self.mark = mark
        chats = pairs.map { Chat(author: $0.author, addressee: $0.addressee) }
        chatOfAddressee = [Int](repeating: -1, count: memberCount)
        for (index, chat) in chats.enumerated() {
            precondition(chatOfAddressee[chat.addressee] == -1)
            chatOfAddressee[chat.addressee] = index
        }
    }

    // MARK: Questions

    public var chatCount: Int { chats.count }
    public func author(of chat: Int) -> Int { chats[chat].author }
    public func addressee(of chat: Int) -> Int { chats[chat].addressee }
    /// Messages of a chat that lack their receipt.
    public func inFlight(_ chat: Int) -> Int { chats[chat].inFlight }
    /// Messages of a chat that lack their `sent`: what its author's client holds.
    public func unsent(_ chat: Int) -> Int { chats[chat].unsent }
    /// Messages of all chats that lack their receipt.
    public private(set) var inFlightSum = 0
    public var paceCount: UInt64 { counts.receipts }

    public mutating func takeRecent() -> LatencyHistogram {
        defer { recent.removeAll() }
        return recent
    }

    /// Latencies of measured messages so far; counting begins anew.
    public mutating func takeLatencies() -> [LatencyHistogram] {
        defer { latencies = [LatencyHistogram](repeating: LatencyHistogram(), count: Leg.allCases.count) }
        return latencies
    }

    /// What is missing now. O(open messages).
    public func balance(now: Instant) -> LedgerBalance {
        var balance = LedgerBalance()
        balance.openUsMax = openUsMax
        for chat in chats {
            for message in chat.open[chat.doneCount...] where !message.isDone {
                balance.openUsMax = max(balance.openUsMax, (now - message.at).microseconds)
                if message.stamp == .zero {
                    balance.unanswered += 1
                } else if !message.isDelivered {
                    balance.lost += 1
                } else {
                    balance.receiptsMissing += 1
                }
            }
        }
        return balance
    }

    // MARK: What the members did and saw

    /// Takes in what a client told of messages.
    /// - Returns: the chat that has fewer messages in flight by it; nil for none.
    public mutating func take(_ news: ClientNews, of member: Int, now: Instant) -> Int? {
        switch news {
        case .entry(let entry): onEntry(entry, at: member, now: now)
        case .sent(let id, let to, let at): return onSent(id, to: to, by: member, at: at, now: now)
        case .delivered(let peer, let at): return onReceipt(from: peer, to: member, at: at, now: now)
        case .failed(let id, _): return onRefused(id, by: member, now: now)
        case .gap(let from, let to): onGap(from: from, to: to)
        case .cursorLost: onCursorLost()
        case .online, .offline, .read, .history, .refused: break
        // No scenario here has groups, and nobody types.
        case .changed, .changeFailed, .groupInfo, .groupList, .counts, .late, .receipts, .typing, .presence, .settings, .mediaLink, .mediaKept: break
        }
        return nil
    }

    /// A new message of a chat.
    /// - Parameter at: when it was meant to be sent; latencies count from here.
    public mutating func issue(_ chat: Int, at: Instant, isMeasured: Bool) -> OutgoingMessage {
        let number = chats[chat].first + UInt32(chats[chat].open.count)
        chats[chat].open.append(Open(at: at, isMeasured: isMeasured))
        chats[chat].inFlight += 1
        chats[chat].unsent += 1
        inFlightSum += 1
        counts.issued += 1
        return OutgoingMessage(
            id: mark.id(chat: chat, number: number), to: mark.user(chats[chat].addressee),
            body: mark.body(chat: chat, number: number))
    }

    /// - Returns: the chat in which receipts came by it, because the receipt was faster than `sent`; nil for none.
    public mutating func onSent(_ id: MessageID, to: UserID, by member: Int, at: Stamp, now: Instant) -> Int? {
        guard let (chat, index) = find(mark.parse(id), author: member), mark.member(to) == chats[chat].addressee,
            index >= chats[chat].doneCount, chats[chat].open[index].stamp == .zero
        else { return nil }
        chats[chat].open[index].stamp = at
        chats[chat].unsent -= 1
        counts.acked += 1
        record(.sent, chats[chat].open[index], now)
        guard at <= chats[chat].watermark else { return nil }
        return settle(chat, now) > 0 ? chat : nil
    }

    /// - Returns: the chat of the message.
    public mutating func onRefused(_ id: MessageID, by member: Int, now: Instant) -> Int? {
        guard let (chat, index) = find(mark.parse(id), author: member), index >= chats[chat].doneCount else { return nil }
        guard !chats[chat].open[index].isDone else { return nil }
        if chats[chat].open[index].stamp == .zero { chats[chat].unsent -= 1 }
        chats[chat].open[index].isRefused = true
        counts.refused += 1
        endFlight(chat)
        sweep(chat)
        return chat
    }

    /// - Returns: the chat of the peer, nil when there is none.
    public mutating func onReceipt(from peer: UserID, to member: Int, at: Stamp, now: Instant) -> Int? {
        guard let peer = mark.member(peer), peer < chatOfAddressee.count, chatOfAddressee[peer] >= 0 else { return nil }
        let chat = chatOfAddressee[peer]
        guard chats[chat].author == member else { return nil }
        chats[chat].watermark = max(chats[chat].watermark, at)
        _ = settle(chat, now)
        return chat
    }

    /// An inbox entry of a member. Every one is judged.
    public mutating func onEntry(_ entry: ServerFrame, at member: Int, now: Instant) {
        if case .copy(_, let to, let id, _, let body) = entry { return onCopy(to: to, id: id, body: body, at: member) }
        guard case .message(_, let from, let id, _, let body) = entry, let said = mark.parse(body),
            let named = mark.parse(id), said == named, said.chat < chats.count, chats[said.chat].addressee == member,
            mark.member(from) == chats[said.chat].author
        else {
            counts.foreign += 1
            return
        }
        let chat = said.chat
        guard said.number >= chats[chat].first else {
            // Only what arrived and has its receipt is taken off the list.
            counts.duplicated += 1
            return
        }
        let index = Int(said.number - chats[chat].first)
        guard index < chats[chat].open.count else {
            counts.foreign += 1
            return
        }
        guard !chats[chat].open[index].isDelivered else {
            counts.duplicated += 1
            return
        }
        if said.number < chats[chat].expected {
            counts.outOfOrder += 1
        } else {
            chats[chat].expected = said.number + 1
        }
        chats[chat].open[index].isDelivered = true
        counts.delivered += 1
        record(.delivered, chats[chat].open[index], now)
        sweep(chat)
    }

    /// In archive mode an author's own messages come back; nothing else of that kind belongs to anybody here.
    private mutating func onCopy(to: UserID, id: MessageID, body: [UInt8], at member: Int) {
        guard let said = mark.parse(body), let named = mark.parse(id), said == named, said.chat < chats.count,
            chats[said.chat].author == member, mark.member(to) == chats[said.chat].addressee,
            Int(said.number) < Int(chats[said.chat].first) + chats[said.chat].open.count
        else {
            counts.foreign += 1
            return
        }
        counts.copies += 1
    }

    public mutating func onGap(from: UInt64, to: UInt64) { counts.gaps += to - from + 1 }
    public mutating func onCursorLost() { counts.gaps += 1 }

    // MARK: Inside

    private func find(_ parsed: (chat: Int, number: UInt32)?, author: Int) -> (chat: Int, index: Int)? {
        guard let (chat, number) = parsed, chat < chats.count, chats[chat].author == author,
            number >= chats[chat].first
        else { return nil }
        let index = Int(number - chats[chat].first)
        return index < chats[chat].open.count ? (chat, index) : nil
    }

    /// Gives receipts to what the watermark covers.
    /// - Returns: how many.
    private mutating func settle(_ chat: Int, _ now: Instant) -> Int {
        var count = 0
        var index = chats[chat].doneCount
        while index < chats[chat].open.count {
            let message = chats[chat].open[index]
            // Stamps of a chat rise with its numbers; one without a stamp ends what the watermark can cover, unless it was refused.
            if message.stamp == .zero && !message.isRefused || message.stamp > chats[chat].watermark { break }
            if !message.isReceipted && !message.isRefused {
                chats[chat].open[index].isReceipted = true
                count += 1
                counts.receipts += 1
                if !message.isDelivered { counts.falseReceipts += 1 }
                record(.receipt, message, now)
                recent.record(us: (now - message.at).microseconds)
                endFlight(chat)
            }
            index += 1
        }
        if count > 0 { sweep(chat) }
        return count
    }

    private mutating func record(_ leg: Leg, _ message: Open, _ now: Instant) {
        let us = (now - message.at).microseconds
        openUsMax = max(openUsMax, us)
        if message.isMeasured { latencies[leg.rawValue].record(us: us) }
    }

    private mutating func endFlight(_ chat: Int) {
        chats[chat].inFlight -= 1
        inFlightSum -= 1
    }

    /// Takes what is done off the front; in bulk, so that a long list costs a constant for each message.
    private mutating func sweep(_ chat: Int) {
        while chats[chat].doneCount < chats[chat].open.count, chats[chat].open[chats[chat].doneCount].isDone {
            chats[chat].doneCount += 1
        }
        let done = chats[chat].doneCount
        guard done >= 16 || done == chats[chat].open.count, done * 2 >= chats[chat].open.count else { return }
        chats[chat].open.removeFirst(done)
        chats[chat].first += UInt32(done)
        chats[chat].doneCount = 0
    }
}
