// What is said about groups between parser, group shards and session shards.

import Groups
import Primitives

/// Parser to the group's shard, one-way: write this to the group.
public struct GroupSend: Equatable, Sendable {
    public var origin: Origin
    public var group: UserID
    public var id: MessageID
    /// The author's previous message to this group that has no `sent` yet.
    public var after: MessageID?
    public var body: [UInt8]

    public init(origin: Origin, group: UserID, id: MessageID, after: MessageID?, body: [UInt8]) {
        self.origin = origin
        self.group = group
        self.id = id
        self.after = after
        self.body = body
    }

    func encode(into writer: inout ByteWriter) {
        origin.encode(into: &writer)
        writer.user(group)
        writer.message(id)
        writer.bool(after != nil)
        if let after { writer.message(after) }
        writer.blob(body)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        origin = try Origin(from: &reader)
        group = try reader.user()
        id = try reader.message()
        after = try reader.bool() ? try reader.message() : nil
        body = try reader.blob(max: MessageLimits.bodyBytesMax)
    }
}

/// Parser to the group's shard, one-way: change the group.
public struct GroupAct: Equatable, Sendable {
    public var origin: Origin
    public var group: UserID
    /// The author's name for the change, unique among everything that she sends to the group.
    public var id: MessageID
    public var change: GroupChange

    public init(origin: Origin, group: UserID, id: MessageID, change: GroupChange) {
        self.origin = origin
        self.group = group
        self.id = id
        self.change = change
    }

    func encode(into writer: inout ByteWriter) {
        origin.encode(into: &writer)
        writer.user(group)
        writer.message(id)
        change.encode(into: &writer)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        origin = try Origin(from: &reader)
        group = try reader.user()
        id = try reader.message()
        change = try GroupChange(from: &reader)
    }
}

/// Parser to the group's shard, one-way: a member asks what there is to know.
public struct GroupQuery: Equatable, Sendable {
    public enum Question: Equatable, Sendable {
        /// Title, settings and members.
        case info
        /// Who has, and who has read, the message with this stamp?
        case receipts(at: Stamp)
        /// A page of the log, newest first, below number `before`; nil: from the newest on. `limit` 1...`pageEntryCountMax`.
        case history(before: UInt64?, limit: Int)
    }

    public var origin: Origin
    /// Given back in the answer.
    public var reference: MessageID?
    public var group: UserID
    public var question: Question

    public init(origin: Origin, reference: MessageID?, group: UserID, question: Question) {
        self.origin = origin
        self.reference = reference
        self.group = group
        self.question = question
    }

    func encode(into writer: inout ByteWriter) {
        origin.encode(into: &writer)
        writer.bool(reference != nil)
        if let reference { writer.message(reference) }
        writer.user(group)
        switch question {
        case .info: writer.u8(0)
        case .receipts(let at):
            writer.u8(1)
            writer.stamp(at)
        case .history(let before, let limit):
            writer.u8(2)
            writer.bool(before != nil)
            if let before { writer.varint(before) }
            writer.varint(UInt64(limit))
        }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        origin = try Origin(from: &reader)
        reference = try reader.bool() ? try reader.message() : nil
        group = try reader.user()
        switch try reader.u8() {
        case 0: question = .info
        case 1: question = .receipts(at: try reader.stamp())
        case 2: question = .history(before: try reader.bool() ? try reader.varint() : nil, limit: try reader.pageLimit())
        default: throw .badValue(field: "question")
        }
    }
}

/// Parser to the user's session shard, one-way: which groups is the user in?
public struct MembershipQuery: Equatable, Sendable {
    public var origin: Origin
    public var reference: MessageID?
    /// Only groups whose id comes behind this one; nil: from the first.
    public var after: UserID?

    public init(origin: Origin, reference: MessageID?, after: UserID?) {
        self.origin = origin
        self.reference = reference
        self.after = after
    }

    func encode(into writer: inout ByteWriter) {
        origin.encode(into: &writer)
        writer.bool(reference != nil)
        if let reference { writer.message(reference) }
        writer.bool(after != nil)
        if let after { writer.user(after) }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        origin = try Origin(from: &reader)
        reference = try reader.bool() ? try reader.message() : nil
        after = try reader.bool() ? try reader.user() : nil
    }
}

/// One entry of a group's log.
public struct GroupEntry: Equatable, Sendable {
    public enum Kind: UInt8, Sendable, CaseIterable {
        case message = 1
        /// The body is a `GroupChange`.
        case event = 2

        /// What it is in an inbox.
        public var inInbox: InboxEntry.Kind { self == .message ? .groupMessage : .groupEvent }
    }

    /// Dense within the group, from 1.
    public var number: UInt64
    /// Strictly rising within the group: what `sent` tells and ticks count by.
    public var stamp: Stamp
    public var kind: Kind
    public var author: UserID
    public var id: MessageID
    /// Empty once every member's inbox has it, unless the cluster keeps an archive. Events keep theirs.
    public var body: [UInt8]

    public init(number: UInt64, stamp: Stamp, kind: Kind, author: UserID, id: MessageID, body: [UInt8]) {
        self.number = number
        self.stamp = stamp
        self.kind = kind
        self.author = author
        self.id = id
        self.body = body
    }

    func encode(into writer: inout ByteWriter) {
        writer.varint(number)
        writer.stamp(stamp)
        writer.u8(kind.rawValue)
        writer.user(author)
        writer.message(id)
        writer.blob(body)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        number = try reader.varint()
        stamp = try reader.stamp()
        guard let kind = Kind(rawValue: try reader.u8()) else { throw .badValue(field: "group entry kind") }
        self.kind = kind
        author = try reader.user()
        id = try reader.message()
        body = try reader.blob(max: MessageLimits.bodyBytesMax)
    }
}

/// What an entry does to the recipients' places in the group, beside standing in their inboxes.
public enum MembershipMark: Equatable, Sendable {
    case none
    /// They come in with this entry; the title is for their lists of groups.
    case joined(title: String)
    case renamed(title: String)
    /// It is the last that they get.
    case left

    public var isJoined: Bool { if case .joined = self { true } else { false } }

    func encode(into writer: inout ByteWriter) {
        switch self {
        case .none: writer.u8(0)
        case .joined(let title):
            writer.u8(1)
            writer.string(title)
        case .renamed(let title):
            writer.u8(2)
            writer.string(title)
        case .left: writer.u8(3)
        }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        switch try reader.u8() {
        case 0: self = .none
        case 1: self = .joined(title: try reader.string(max: GroupLimits.titleBytesMax))
        case 2: self = .renamed(title: try reader.string(max: GroupLimits.titleBytesMax))
        case 3: self = .left
        default: throw .badValue(field: "membership mark")
        }
    }
}

/// Entries of a group on their way to inboxes, the text once.
///
/// As `fanOut` a group shard asks a session shard to bring them to the inboxes and devices of these members; answered by
/// `FannedOut` once they are durable there. As `appendShared` a session shard asks persistence for its part of them; answered
/// by `SharedAppended`.
///
/// For each recipient the entries are taken in order. One numbered up to the newest that the recipient has of this group is
/// there already. The next number, or the first entry with the mark `joined`, is appended. Any other shows that something
/// before it is missing: this recipient is `behind`, and gets none of the rest.
public struct GroupBatch: Equatable, Sendable {
    public var group: UserID
    /// 1...`fanOutEntryCountMax`, numbers without a hole; exactly one when there is a mark.
    public var entries: [GroupEntry]
    /// As `appendShared` all of one partition.
    public var recipients: [UserID]
    public var mark: MembershipMark

    public init(group: UserID, entries: [GroupEntry], recipients: [UserID], mark: MembershipMark) {
        self.group = group
        self.entries = entries
        self.recipients = recipients
        self.mark = mark
    }

    func encode(into writer: inout ByteWriter) {
        writer.user(group)
        writer.varint(UInt64(entries.count))
        for entry in entries { entry.encode(into: &writer) }
        writer.users(recipients)
        mark.encode(into: &writer)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        group = try reader.user()
        entries = try reader.groupEntries(max: MessageLimits.fanOutEntryCountMax)
        recipients = try reader.users(max: GroupLimits.memberCountMax)
        mark = try MembershipMark(from: &reader)
    }
}

/// Answer to `fanOut`: everything is stored, except for those whose inbox lacks what came before these entries.
public struct FannedOut: Equatable, Sendable {
    public var behind: [UserID]

    public init(behind: [UserID]) { self.behind = behind }

    func encode(into writer: inout ByteWriter) { writer.users(behind) }

    init(from reader: inout ByteReader) throws(DecodeError) {
        behind = try reader.users(max: GroupLimits.memberCountMax)
    }
}

/// How far a member has come in a group.
public struct GroupMark: Equatable, Sendable {
    public var member: UserID
    public var kind: ReceiptKind
    /// Everything in the group stamped up to this.
    public var upTo: Stamp

    public init(member: UserID, kind: ReceiptKind, upTo: Stamp) {
        self.member = member
        self.kind = kind
        self.upTo = upTo
    }

    func encode(into writer: inout ByteWriter) {
        writer.user(member)
        writer.u8(kind.rawValue)
        writer.stamp(upTo)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        member = try reader.user()
        guard let kind = ReceiptKind(rawValue: try reader.u8()) else { throw .badValue(field: "receipt kind") }
        self.kind = kind
        upTo = try reader.stamp()
    }
}

/// How far members have come. As `groupReceipts` a session shard tells it to the group's shard, which answers `GroupMarked` once
/// it is durable; as `storeGroupMarks` the group's shard has persistence raise the marks, answered `GroupMarksStored`. Marks
/// never fall, and when each was raised is kept for the expiry time.
public struct GroupMarkBatch: Equatable, Sendable {
    public var group: UserID
    /// 1...`groupMarkCountMax`.
    public var marks: [GroupMark]

    public init(group: UserID, marks: [GroupMark]) {
        self.group = group
        self.marks = marks
    }

    func encode(into writer: inout ByteWriter) {
        writer.user(group)
        writer.varint(UInt64(marks.count))
        for mark in marks { mark.encode(into: &writer) }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        group = try reader.user()
        marks = []
        for _ in 0..<(try reader.count(max: MessageLimits.groupMarkCountMax)) { marks.append(try GroupMark(from: &reader)) }
    }
}

/// Answer to `GroupMarkBatch`, mark by mark.
public struct GroupMarked: Equatable, Sendable {
    public enum Outcome: UInt8, Sendable, CaseIterable {
        case taken = 1
        /// Whoever is not a member any more, or never was, has nothing to tell.
        case notMember = 2
        /// Beyond the group's newest entry.
        case ahead = 3
    }

    public var outcomes: [Outcome]

    public init(outcomes: [Outcome]) { self.outcomes = outcomes }

    func encode(into writer: inout ByteWriter) {
        writer.varint(UInt64(outcomes.count))
        for outcome in outcomes { writer.u8(outcome.rawValue) }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        outcomes = []
        for _ in 0..<(try reader.count(max: MessageLimits.groupMarkCountMax)) {
            guard let outcome = Outcome(rawValue: try reader.u8()) else { throw .badValue(field: "mark outcome") }
            outcomes.append(outcome)
        }
    }
}

/// Group shard to an author's session shard, one-way: something that her devices want to know now, and can ask for later.
public struct GroupNotice: Equatable, Sendable {
    public enum Content: Equatable, Sendable {
        /// So many of so many have, and have read, the message stamped `at`.
        case counts(delivered: Int, read: Int, of: Int)
        /// Members whose inbox could not be reached for long: tries go on, slowly.
        case late(count: Int)
    }

    public var author: UserID
    public var group: UserID
    public var at: Stamp
    public var content: Content

    public init(author: UserID, group: UserID, at: Stamp, content: Content) {
        self.author = author
        self.group = group
        self.at = at
        self.content = content
    }

    func encode(into writer: inout ByteWriter) {
        writer.user(author)
        writer.user(group)
        writer.stamp(at)
        switch content {
        case .counts(let delivered, let read, let of):
            writer.u8(1)
            writer.varint(UInt64(delivered))
            writer.varint(UInt64(read))
            writer.varint(UInt64(of))
        case .late(let count):
            writer.u8(2)
            writer.varint(UInt64(count))
        }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        author = try reader.user()
        group = try reader.user()
        at = try reader.stamp()
        switch try reader.u8() {
        case 1:
            content = .counts(
                delivered: try reader.count(max: GroupLimits.memberCountMax),
                read: try reader.count(max: GroupLimits.memberCountMax), of: try reader.count(max: GroupLimits.memberCountMax))
        case 2: content = .late(count: try reader.count(max: GroupLimits.memberCountMax))
        default: throw .badValue(field: "notice")
        }
    }
}

extension ByteWriter {
    mutating func users(_ users: [UserID]) {
        varint(UInt64(users.count))
        for user in users { self.user(user) }
    }
}

extension ByteReader {
    mutating func users(max limit: Int) throws(DecodeError) -> [UserID] {
        var users: [UserID] = []
        for _ in 0..<(try count(max: limit)) { users.append(try user()) }
        return users
    }

    mutating func groupEntries(max limit: Int) throws(DecodeError) -> [GroupEntry] {
        var entries: [GroupEntry] = []
        for _ in 0..<(try count(max: limit)) { entries.append(try GroupEntry(from: &self)) }
        return entries
    }
}
