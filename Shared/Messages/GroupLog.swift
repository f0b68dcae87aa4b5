// What is asked of persistence about groups: their logs and marks in the group's partition, what they bring to inboxes in
// the members'.

import Groups
import Primitives

/// Request of a group shard: append to a group's log. Idempotent by (group, author, id) as long as the entry is kept; a known
/// id is recognised before anything else is judged.
public struct AppendGroup: Equatable, Sendable {
    public var group: UserID
    public var kind: GroupEntry.Kind
    public var author: UserID
    public var id: MessageID
    /// Refused as `predecessorMissing` unless the log has this id from the same author.
    public var after: MessageID?
    /// The number of the newest event that the caller knows, 0 for none: refused as `stale` when there is another. So nobody
    /// writes to a group, or changes it, by rules that no longer hold. `neverCurrent`: store nothing, is the id known?
    public var eventNumber: UInt64
    public var body: [UInt8]
    /// What the author asked for, where the body is only what the rules leave of it; nil: the body. It is not kept: a repeat is
    /// told from other content by it, because by then the rules may leave something else.
    public var asked: [UInt8]?

    /// No event has this number.
    public static let neverCurrent = UInt64.max

    public init(
        group: UserID, kind: GroupEntry.Kind, author: UserID, id: MessageID, after: MessageID?, eventNumber: UInt64,
        body: [UInt8], asked: [UInt8]? = nil
    ) {
        self.group = group
        self.kind = kind
        self.author = author
        self.id = id
        self.after = after
        self.eventNumber = eventNumber
        self.body = body
        self.asked = asked
    }

    func encode(into writer: inout ByteWriter) {
        writer.user(group)
        writer.u8(kind.rawValue)
        writer.user(author)
        writer.message(id)
        writer.bool(after != nil)
        if let after { writer.message(after) }
        writer.varint(eventNumber)
        writer.blob(body)
        writer.bool(asked != nil)
        if let asked { writer.blob(asked) }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        group = try reader.user()
        guard let kind = GroupEntry.Kind(rawValue: try reader.u8()) else { throw .badValue(field: "group entry kind") }
        self.kind = kind
        author = try reader.user()
        id = try reader.message()
        after = try reader.bool() ? try reader.message() : nil
        eventNumber = try reader.varint()
        body = try reader.blob(max: MessageLimits.bodyBytesMax)
        asked = try reader.bool() ? try reader.blob(max: MessageLimits.bodyBytesMax) : nil
    }
}

/// Answer to `AppendGroup`, after the commit's sync. A stored message is at once its author's newest (see `GroupMarks`).
public struct GroupAppended: Equatable, Sendable {
    public enum Outcome: UInt8, Sendable, CaseIterable {
        case stored = 1
        /// The same was stored before; number and stamp are those of then.
        case duplicate = 2
        /// The id was used before for other content. Nothing was stored.
        case conflict = 3
        /// `after` names what is not there. Nothing was stored.
        case predecessorMissing = 4
        /// The group has a newer event. Nothing was stored.
        case stale = 5
    }

    public var outcome: Outcome
    /// 0 when nothing was stored.
    public var number: UInt64
    public var stamp: Stamp
    /// The group's revision (see `GroupMarks`) behind the append; 0 when nothing was stored.
    public var revision: UInt64

    public init(outcome: Outcome, number: UInt64 = 0, stamp: Stamp = .zero, revision: UInt64 = 0) {
        self.outcome = outcome
        self.number = number
        self.stamp = stamp
        self.revision = revision
    }

    func encode(into writer: inout ByteWriter) {
        writer.u8(outcome.rawValue)
        writer.varint(number)
        writer.stamp(stamp)
        writer.varint(revision)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        guard let outcome = Outcome(rawValue: try reader.u8()) else { throw .badValue(field: "append outcome") }
        self.outcome = outcome
        number = try reader.varint()
        stamp = try reader.stamp()
        revision = try reader.varint()
    }
}

/// Request of a group shard: a part of a group's log.
public struct ReadGroup: Equatable, Sendable {
    public enum Part: Equatable, Sendable {
        /// Rising numbers, from the one behind this on.
        case entries(after: UInt64)
        /// The same without messages.
        case events(after: UInt64)
        /// Falling numbers, from the one before this on.
        case newest(before: UInt64)
    }

    public var group: UserID
    public var part: Part
    /// 1...`pageEntryCountMax`.
    public var limit: Int

    public init(group: UserID, _ part: Part, limit: Int) {
        self.group = group
        self.part = part
        self.limit = limit
    }

    func encode(into writer: inout ByteWriter) {
        writer.user(group)
        switch part {
        case .entries(let after):
            writer.u8(1)
            writer.varint(after)
        case .events(let after):
            writer.u8(2)
            writer.varint(after)
        case .newest(let before):
            writer.u8(3)
            writer.varint(before)
        }
        writer.varint(UInt64(limit))
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        group = try reader.user()
        switch try reader.u8() {
        case 1: part = .entries(after: try reader.varint())
        case 2: part = .events(after: try reader.varint())
        case 3: part = .newest(before: try reader.varint())
        default: throw .badValue(field: "part of a log")
        }
        limit = try reader.pageLimit()
    }
}

/// Answer to `ReadGroup`.
public struct GroupPage: Equatable, Sendable {
    /// In the order that was asked for.
    public var entries: [GroupEntry]
    /// There are more that fit the question.
    public var hasMore: Bool
    /// Number and stamp of the newest entry; 0 when the group was never made.
    public var head: UInt64
    public var headStamp: Stamp
    /// Number of the newest event.
    public var eventNumber: UInt64
    /// Every entry up to here is in the inboxes of all who get it.
    public var fannedOut: UInt64

    public init(
        entries: [GroupEntry], hasMore: Bool, head: UInt64, headStamp: Stamp, eventNumber: UInt64, fannedOut: UInt64
    ) {
        self.entries = entries
        self.hasMore = hasMore
        self.head = head
        self.headStamp = headStamp
        self.eventNumber = eventNumber
        self.fannedOut = fannedOut
    }

    func encode(into writer: inout ByteWriter) {
        writer.varint(UInt64(entries.count))
        for entry in entries { entry.encode(into: &writer) }
        writer.bool(hasMore)
        writer.varint(head)
        writer.stamp(headStamp)
        writer.varint(eventNumber)
        writer.varint(fannedOut)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        entries = try reader.groupEntries(max: MessageLimits.pageEntryCountMax)
        hasMore = try reader.bool()
        head = try reader.varint()
        headStamp = try reader.stamp()
        eventNumber = try reader.varint()
        fannedOut = try reader.varint()
    }
}

/// Request of a group shard: what a group owed is settled so far. Answered `done`. Neither number ever goes back.
public struct SettleGroup: Equatable, Sendable {
    public var group: UserID
    /// Every entry up to here is in its inboxes: the text of messages is dropped (temporary mode).
    public var fannedOut: UInt64
    /// Authors know all ticks that follow from what the group had at this revision (see `GroupMarks`).
    public var told: UInt64

    public init(group: UserID, fannedOut: UInt64, told: UInt64) {
        self.group = group
        self.fannedOut = fannedOut
        self.told = told
    }

    func encode(into writer: inout ByteWriter) {
        writer.user(group)
        writer.varint(fannedOut)
        writer.varint(told)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        group = try reader.user()
        fannedOut = try reader.varint()
        told = try reader.varint()
    }
}

/// Request of a group shard to each partition: which groups owe somebody something, entries to inboxes or ticks to authors?
public struct ReadPendingGroups: Equatable, Sendable {
    /// Only groups whose id comes behind this one; nil: from the first.
    public var after: UserID?

    public init(after: UserID?) { self.after = after }

    func encode(into writer: inout ByteWriter) {
        writer.bool(after != nil)
        if let after { writer.user(after) }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        after = try reader.bool() ? try reader.user() : nil
    }
}

/// Answer to `ReadPendingGroups`: at most `pageEntryCountMax`, in the order of their ids.
public struct PendingGroups: Equatable, Sendable {
    public var groups: [UserID]
    public var hasMore: Bool

    public init(groups: [UserID], hasMore: Bool) {
        self.groups = groups
        self.hasMore = hasMore
    }

    func encode(into writer: inout ByteWriter) {
        writer.users(groups)
        writer.bool(hasMore)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        groups = try reader.users(max: MessageLimits.pageEntryCountMax)
        hasMore = try reader.bool()
    }
}

/// Request of a group shard: where do the members stand?
public struct ReadGroupMarks: Equatable, Sendable {
    public var group: UserID
    /// Only members whose name comes behind this one; nil: from the first.
    public var after: UserID?
    /// Nil: where they stand now. Otherwise: when did each come to the message with this stamp?
    public var at: Stamp?

    public init(group: UserID, after: UserID?, at: Stamp?) {
        self.group = group
        self.after = after
        self.at = at
    }

    func encode(into writer: inout ByteWriter) {
        writer.user(group)
        writer.bool(after != nil)
        if let after { writer.user(after) }
        writer.bool(at != nil)
        if let at { writer.stamp(at) }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        group = try reader.user()
        after = try reader.bool() ? try reader.user() : nil
        at = try reader.bool() ? try reader.stamp() : nil
    }
}

/// Answer to `storeGroupMarks`, after the sync.
public struct GroupMarksStored: Equatable, Sendable {
    /// The group's revision (see `GroupMarks`) behind these marks; 0 when there is no such group.
    public var revision: UInt64
    /// Some mark rose, and the revision with it.
    public var hasRisen: Bool

    public init(revision: UInt64, hasRisen: Bool) {
        self.revision = revision
        self.hasRisen = hasRisen
    }

    func encode(into writer: inout ByteWriter) {
        writer.varint(revision)
        writer.bool(hasRisen)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        revision = try reader.varint()
        hasRisen = try reader.bool()
    }
}

/// Answer to `ReadGroupMarks`: of everybody who ever wrote, received or read, in the order of names.
///
/// A group's revision counts, without a hole, what can move a tick: events, and batches of marks of which any rose. A shard that
/// is told the number behind the one it knows has missed nothing.
public struct GroupMarks: Equatable, Sendable {
    public struct Item: Equatable, Sendable {
        public var member: UserID
        /// Stamp of the newest message by this member; 0: none.
        public var wrote: Stamp
        /// How far; or, when the question names a message, the time of its arrival. 0: not so far.
        public var delivered: Stamp
        public var read: Stamp

        public init(member: UserID, wrote: Stamp, delivered: Stamp, read: Stamp) {
            self.member = member
            self.wrote = wrote
            self.delivered = delivered
            self.read = read
        }
    }

    /// At most `pageEntryCountMax`.
    public var items: [Item]
    public var hasMore: Bool
    /// Who wrote the message that the question names; nil: it names none, or none that the log still has.
    public var author: UserID?
    public var revision: UInt64
    /// Up to which revision authors know their ticks.
    public var told: UInt64
    /// Number of the newest event.
    public var eventNumber: UInt64

    public init(
        items: [Item], hasMore: Bool, author: UserID? = nil, revision: UInt64 = 0, told: UInt64 = 0, eventNumber: UInt64 = 0
    ) {
        self.items = items
        self.hasMore = hasMore
        self.author = author
        self.revision = revision
        self.told = told
        self.eventNumber = eventNumber
    }

    func encode(into writer: inout ByteWriter) {
        writer.varint(UInt64(items.count))
        for item in items {
            writer.user(item.member)
            writer.stamp(item.wrote)
            writer.stamp(item.delivered)
            writer.stamp(item.read)
        }
        writer.bool(hasMore)
        writer.bool(author != nil)
        if let author { writer.user(author) }
        writer.varint(revision)
        writer.varint(told)
        writer.varint(eventNumber)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        items = []
        for _ in 0..<(try reader.count(max: MessageLimits.pageEntryCountMax)) {
            items.append(
                Item(
                    member: try reader.user(), wrote: try reader.stamp(), delivered: try reader.stamp(),
                    read: try reader.stamp()))
        }
        hasMore = try reader.bool()
        author = try reader.bool() ? try reader.user() : nil
        revision = try reader.varint()
        told = try reader.varint()
        eventNumber = try reader.varint()
    }
}

/// Answer to `appendShared`, recipient by recipient, after the sync.
public struct SharedAppended: Equatable, Sendable {
    public struct Item: Equatable, Sendable {
        /// How many of the entries are new in this inbox: always the last ones of those that are there now.
        public var storedCount: Int
        /// Inbox number of the first new one; the others follow without a hole. 0 when none is new.
        public var firstNumber: UInt64
        public var isBehind: Bool

        public init(storedCount: Int, firstNumber: UInt64, isBehind: Bool) {
            self.storedCount = storedCount
            self.firstNumber = firstNumber
            self.isBehind = isBehind
        }
    }

    public var items: [Item]

    public init(items: [Item]) { self.items = items }

    func encode(into writer: inout ByteWriter) {
        writer.varint(UInt64(items.count))
        for item in items {
            writer.varint(UInt64(item.storedCount))
            writer.varint(item.firstNumber)
            writer.bool(item.isBehind)
        }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        items = []
        for _ in 0..<(try reader.count(max: GroupLimits.memberCountMax)) {
            items.append(
                Item(
                    storedCount: try reader.count(max: MessageLimits.fanOutEntryCountMax), firstNumber: try reader.varint(),
                    isBehind: try reader.bool()))
        }
    }
}

/// Request of a session shard: the groups that a user is in.
public struct ReadMemberships: Equatable, Sendable {
    public var owner: UserID
    /// Only groups whose id comes behind this one; nil: from the first.
    public var after: UserID?

    public init(owner: UserID, after: UserID?) {
        self.owner = owner
        self.after = after
    }

    func encode(into writer: inout ByteWriter) {
        writer.user(owner)
        writer.bool(after != nil)
        if let after { writer.user(after) }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        owner = try reader.user()
        after = try reader.bool() ? try reader.user() : nil
    }
}

/// Answer to `ReadMemberships`: at most `membershipCountMax`, in the order of their ids.
public struct MembershipPage: Equatable, Sendable {
    public struct Item: Equatable, Sendable {
        public var group: UserID
        public var title: String

        public init(group: UserID, title: String) {
            self.group = group
            self.title = title
        }
    }

    public var items: [Item]
    public var hasMore: Bool

    public init(items: [Item], hasMore: Bool) {
        self.items = items
        self.hasMore = hasMore
    }

    func encode(into writer: inout ByteWriter) {
        writer.varint(UInt64(items.count))
        for item in items {
            writer.user(item.group)
            writer.string(item.title)
        }
        writer.bool(hasMore)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        items = []
        for _ in 0..<(try reader.count(max: MessageLimits.membershipCountMax)) {
            items.append(Item(group: try reader.user(), title: try reader.string(max: GroupLimits.titleBytesMax)))
        }
        hasMore = try reader.bool()
    }
}
