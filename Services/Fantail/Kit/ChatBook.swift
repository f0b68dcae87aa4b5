// All chats of a device, folded from its history: what the screen shows.
//
// Ticks are watermarks. "Delivered up to 20:31:07" gives every message that was sent before its second tick at once, so a
// tick is never stored at a message; it follows from two stamps.

import ClientProtocol
import Groups
import Primitives

/// How far an own message came.
public enum Tick: Int, Comparable, Sendable {
    case pending, sent, delivered, read
    public static func < (left: Tick, right: Tick) -> Bool { left.rawValue < right.rawValue }
}

/// A message on the screen, or what happened to a group.
public struct ChatMessage: Equatable, Sendable {
    public let id: MessageID
    public let isOwn: Bool
    /// Whose name must be told: in a group, whoever it was, unless oneself wrote.
    public let author: UserID?
    /// Instead of words.
    public let change: GroupChange?
    /// When it was written (pending) or stored (else).
    public fileprivate(set) var at: Stamp
    public let body: [UInt8]
    /// Stored by the cluster.
    public fileprivate(set) var isSent: Bool
    /// Why it will never arrive; nil: it may.
    public fileprivate(set) var trouble: String?

    fileprivate init(
        id: MessageID, isOwn: Bool, author: UserID? = nil, change: GroupChange? = nil, at: Stamp, body: [UInt8],
        isSent: Bool = true
    ) {
        self.id = id
        self.isOwn = isOwn
        self.author = author
        self.change = change
        self.at = at
        self.body = body
        self.isSent = isSent
    }
}

/// A chat with one person or one group.
public struct Chat: Equatable, Sendable {
    public fileprivate(set) var messages: [ChatMessage] = []
    public fileprivate(set) var deliveredUpTo = Stamp.zero
    public fileprivate(set) var readUpTo = Stamp.zero
    /// Stamp of the newest message from somebody else; nil: none came yet.
    public fileprivate(set) var newestReceived: Stamp?
    /// Of a group, as far as its events were seen.
    public fileprivate(set) var title: String?

    public init() {}

    /// The files of this chat, the newest first.
    /// - Complexity: O(messages), as far as the caller looks.
    public var files: some Sequence<MediaLine> {
        messages.lazy.reversed().flatMap { MediaLine.split($0.body).files.reversed() }
    }

    public func tick(of message: ChatMessage) -> Tick {
        guard message.isSent else { return .pending }
        return message.at <= readUpTo ? .read : message.at <= deliveredUpTo ? .delivered : .sent
    }
}

public struct ChatBook: Equatable, Sendable {
    private var chats: [UserID: Chat] = [:]
    /// Highest inbox number in the history; nil: none since the numbers began.
    public private(set) var highestNumber: UInt64?
    /// Ranges of messages that the server dropped before this device had them.
    public private(set) var gapCount = 0

    public init() {}

    /// - Complexity: O(events), plus for each tick the distance of its message from the end.
    public init(_ events: [HistoryEvent]) {
        for event in events { _ = apply(event) }
    }

    public subscript(peer: UserID) -> Chat { chats[peer] ?? Chat() }

    /// - Returns: false for an event that changes nothing, such as a message that is there already.
    public mutating func apply(_ event: HistoryEvent) -> Bool {
        switch event {
        case .received(let number, let from, let id, let at, let body):
            guard take(number) else { return false }
            chats[from, default: Chat()].messages.append(ChatMessage(id: id, isOwn: false, at: at, body: body))
            chats[from, default: Chat()].newestReceived = max(chats[from]?.newestReceived ?? .zero, at)
        case .wrote(let to, let id, let at, let body):
            guard index(of: id, in: to) == nil else { return false }
            let message = ChatMessage(id: id, isOwn: true, at: at, body: body, isSent: false)
            chats[to, default: Chat()].messages.append(message)
        case .copied(let number, let to, let id, let at, let body):
            guard take(number) else { return false }
            if let index = index(of: id, in: to) {
                // Our own words come back. Ticks are measured by the stamp of `sent`, so a stamp that is there stays.
                guard chats[to]?.messages[index].isSent == false else { return true }
                return apply(.sent(to: to, id: id, at: at))
            }
            chats[to, default: Chat()].messages.append(ChatMessage(id: id, isOwn: true, at: at, body: body))
        case .sent(let to, let id, let at):
            guard let index = index(of: id, in: to) else { return false }
            chats[to]?.messages[index].isSent = true
            chats[to]?.messages[index].at = at
        case .failed(let to, let id, let reason):
            guard let index = index(of: id, in: to) else { return false }
            // An id that was used twice: the first message stands, and the refusal is still news.
            guard chats[to]?.messages[index].isSent == false else { return true }
            chats[to]?.messages[index].trouble = "not sent: \(reason)"
        case .expired(let number, let to, let id, _):
            guard take(number), let index = index(of: id, in: to) else { return false }
            chats[to]?.messages[index].trouble = "expired: nobody fetched it"
        case .gap(_, let to):
            guard to > highestNumber ?? 0 else { return false }
            highestNumber = to
            gapCount += 1
        case .delivered(let peer, let at):
            guard at > self[peer].deliveredUpTo else { return false }
            chats[peer, default: Chat()].deliveredUpTo = at
        case .read(let peer, let at):
            guard at > self[peer].readUpTo else { return false }
            chats[peer, default: Chat()].readUpTo = at
        case .posted(let number, let group, let from, let id, let at, let body):
            guard take(number) else { return false }
            let message = ChatMessage(id: id, isOwn: false, author: from, at: at, body: body)
            chats[group, default: Chat()].messages.append(message)
            chats[group, default: Chat()].newestReceived = max(chats[group]?.newestReceived ?? .zero, at)
        case .changed(let number, let group, let from, let ref, let at, let change):
            guard take(number) else { return false }
            let message = ChatMessage(id: ref, isOwn: false, author: from, change: change, at: at, body: [])
            chats[group, default: Chat()].messages.append(message)
            switch change {
            case .create(let title, _), .rename(let title): chats[group]?.title = title
            case .describe, .add, .remove, .leave, .role, .settings, .delete: break
            }
        case .restarted:
            highestNumber = nil
        }
        return true
    }

    /// Whether this is one of our own messages that is in the history already: a copy of it is no news.
    public func isEcho(_ event: HistoryEvent) -> Bool {
        guard case .copied(_, let to, let id, _, _) = event else { return false }
        return index(of: id, in: to) != nil
    }

    private mutating func take(_ number: UInt64) -> Bool {
        if let highestNumber, number <= highestNumber { return false }
        highestNumber = number
        return true
    }

    /// The newest own message with that id; ticks are about new messages, so the search begins at the end.
    private func index(of id: MessageID, in chat: UserID) -> Int? {
        chats[chat]?.messages.lastIndex { $0.isOwn && $0.id == id }
    }
}
