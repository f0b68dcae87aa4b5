// What a product's backend may want to hear of, on its way to the api node that keeps it until it was told.

import Primitives

/// Something that happened to a message.
public struct HookEvent: Equatable, Sendable {
    public enum Kind: UInt8, Sendable, CaseIterable {
        /// A message came for `user`, who has no device connected.
        case offline = 1
        /// The last device of `user` has gone, and did not have everything: `count` entries of the inbox.
        case waiting = 2
        /// A message to `user` was stored.
        case stored = 3
        /// Everything from `author` to `chat` stamped up to `at` has been delivered, or read.
        case delivered = 4
        case read = 5
    }

    /// Nil: one that only a newer release knows.
    public var kind: Kind? { Kind(rawValue: code) }
    private var code: UInt8
    /// Whom it is about: the addressee.
    public var user: UserID
    public var author: UserID
    /// The chat, as `user` sees it: the author, or a group; of receipts, as the author sees it.
    public var chat: UserID
    /// The message; nil where there is not one.
    public var id: MessageID?
    public var at: Stamp
    /// The beginning of the text, UTF-8, at most `hookBodyBytesMax` bytes.
    public var body: [UInt8]
    /// Bytes of the whole text; for `waiting` entries of the inbox.
    public var count: UInt64

    /// - Parameter body: the whole text; it is cut between two characters.
    public init(
        _ kind: Kind, user: UserID, author: UserID, chat: UserID, id: MessageID? = nil, at: Stamp, body: [UInt8] = [],
        count: UInt64? = nil
    ) {
        code = kind.rawValue
        self.user = user
        self.author = author
        self.chat = chat
        self.id = id
        self.at = at
        self.body = Self.cut(body)
        self.count = count ?? UInt64(body.count)
    }

    private static func cut(_ body: [UInt8]) -> [UInt8] {
        guard body.count > MessageLimits.hookBodyBytesMax else { return body }
        var end = MessageLimits.hookBodyBytesMax
        while end > 0, body[end] & 0xC0 == 0x80 { end -= 1 }
        return Array(body[..<end])
    }

    func encode(into writer: inout ByteWriter) {
        writer.u8(code)
        writer.user(user)
        writer.user(author)
        writer.user(chat)
        writer.bool(id != nil)
        if let id { writer.message(id) }
        writer.stamp(at)
        writer.blob(body)
        writer.varint(count)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        code = try reader.u8()
        user = try reader.user()
        author = try reader.user()
        chat = try reader.user()
        id = try reader.bool() ? try reader.message() : nil
        at = try reader.stamp()
        body = try reader.blob(max: MessageLimits.hookBodyBytesMax)
        count = try reader.varint()
    }
}

/// Session shard to an api node, request; answered `done` once they are durable there.
public struct HookBatch: Equatable, Sendable {
    /// 1...`hookCountMax`.
    public var events: [HookEvent]

    public init(events: [HookEvent]) { self.events = events }

    func encode(into writer: inout ByteWriter) {
        writer.varint(UInt64(events.count))
        for event in events { event.encode(into: &writer) }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        events = []
        for _ in 0..<(try reader.count(max: MessageLimits.hookCountMax)) { events.append(try HookEvent(from: &reader)) }
    }
}
