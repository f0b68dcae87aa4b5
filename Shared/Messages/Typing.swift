// Somebody writes, or has stopped. Never stored, never queued, never asked for again: what is lost here is nobody's loss.

import Primitives

/// Parser to the session shard of a person, or to the shard of a group, one-way: the author writes to `to`.
public struct Typing: Equatable, Sendable {
    public var origin: Origin
    /// A user or a group.
    public var to: UserID
    /// False: has stopped.
    public var isOn: Bool

    public init(origin: Origin, to: UserID, isOn: Bool) {
        self.origin = origin
        self.to = to
        self.isOn = isOn
    }

    func encode(into writer: inout ByteWriter) {
        origin.encode(into: &writer)
        writer.user(to)
        writer.bool(isOn)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        origin = try Origin(from: &reader)
        to = try reader.user()
        isOn = try reader.bool()
    }
}

/// Group shard to a session shard, one-way: `author` writes to `group`; show it to these members.
public struct GroupTyping: Equatable, Sendable {
    public var group: UserID
    public var author: UserID
    /// False: has stopped.
    public var isOn: Bool
    /// Members whom that session shard serves, 0...`typingMemberCountMax`.
    public var recipients: [UserID]

    public init(group: UserID, author: UserID, isOn: Bool, recipients: [UserID]) {
        self.group = group
        self.author = author
        self.isOn = isOn
        self.recipients = recipients
    }

    func encode(into writer: inout ByteWriter) {
        writer.user(group)
        writer.user(author)
        writer.bool(isOn)
        writer.users(recipients)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        group = try reader.user()
        author = try reader.user()
        isOn = try reader.bool()
        recipients = try reader.users(max: MessageLimits.typingMemberCountMax)
    }
}
