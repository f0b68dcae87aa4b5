// What may happen to a group, apart from being written to: the vocabulary that clients, services and stores share.

import Primitives

/// What a member may do. The table of permissions stands in `GroupState.judge` and, in words, in docs/protocol.md.
public enum GroupRole: UInt8, Comparable, Sendable, CaseIterable {
    case member = 1
    case admin = 2
    /// Exactly one, while the group lives.
    case owner = 3

    /// The name in JSON.
    public var name: String {
        switch self {
        case .member: "member"
        case .admin: "admin"
        case .owner: "owner"
        }
    }

    public init?(name: String) {
        guard let role = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = role
    }

    public static func < (a: GroupRole, b: GroupRole) -> Bool { a.rawValue < b.rawValue }
}

/// Switches of a group. A new group has them all off.
public struct GroupSettings: Equatable, Sendable {
    /// Only admins and the owner may write.
    public var isAnnouncement: Bool
    /// Every member may ask who has a message and who has read it; otherwise only its author may.
    public var showsReceipts: Bool
    /// Whoever joins may read what was written before, where the cluster keeps it; otherwise only what came since.
    public var sharesHistory: Bool

    public init(isAnnouncement: Bool = false, showsReceipts: Bool = false, sharesHistory: Bool = false) {
        self.isAnnouncement = isAnnouncement
        self.showsReceipts = showsReceipts
        self.sharesHistory = sharesHistory
    }
}

/// A change of a group, as somebody asks for it and, once it is an event, as every member sees it.
public enum GroupChange: Equatable, Sendable {
    /// The author becomes the owner, `users` become members.
    case create(title: String, users: [UserID])
    /// 1...`titleBytesMax` bytes.
    case rename(String)
    /// 0...`descriptionBytesMax` bytes.
    case describe(String)
    case add([UserID])
    case remove([UserID])
    /// The author goes.
    case leave
    /// `.owner` hands the group over, to one user: its owner becomes an admin.
    case role(GroupRole, [UserID])
    case settings(GroupSettings)
    /// For ever; the id is not used again.
    case delete

    /// The name in JSON.
    public var name: String {
        switch self {
        case .create: "create"
        case .rename: "rename"
        case .describe: "describe"
        case .add: "add"
        case .remove: "remove"
        case .leave: "leave"
        case .role: "role"
        case .settings: "settings"
        case .delete: "delete"
        }
    }

    /// Whom it is about, the author aside.
    public var users: [UserID] {
        switch self {
        case .create(_, let users), .add(let users), .remove(let users), .role(_, let users): users
        case .rename, .describe, .leave, .settings, .delete: []
        }
    }

    /// Appends the change. The same bytes stand in binary frames, between services and in the store.
    public func encode(into writer: inout ByteWriter) {
        switch self {
        case .create(let title, let users):
            writer.u8(1)
            writer.string(title)
            Self.encode(users, into: &writer)
        case .rename(let title):
            writer.u8(2)
            writer.string(title)
        case .describe(let text):
            writer.u8(3)
            writer.string(text)
        case .add(let users):
            writer.u8(4)
            Self.encode(users, into: &writer)
        case .remove(let users):
            writer.u8(5)
            Self.encode(users, into: &writer)
        case .leave: writer.u8(6)
        case .role(let role, let users):
            writer.u8(7)
            writer.u8(role.rawValue)
            Self.encode(users, into: &writer)
        case .settings(let settings):
            writer.u8(8)
            writer.bool(settings.isAnnouncement)
            writer.bool(settings.showsReceipts)
            writer.bool(settings.sharesHistory)
        case .delete: writer.u8(9)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodeError) {
        switch try reader.u8() {
        case 1:
            let title = try Self.title(&reader)
            self = .create(title: title, users: try Self.users(&reader))
        case 2: self = .rename(try Self.title(&reader))
        case 3: self = .describe(try reader.string(max: GroupLimits.descriptionBytesMax))
        case 4: self = .add(try Self.users(&reader))
        case 5: self = .remove(try Self.users(&reader))
        case 6: self = .leave
        case 7:
            guard let role = GroupRole(rawValue: try reader.u8()) else { throw .badValue(field: "role") }
            self = .role(role, try Self.users(&reader))
        case 8:
            self = .settings(
                GroupSettings(
                    isAnnouncement: try reader.bool(), showsReceipts: try reader.bool(), sharesHistory: try reader.bool()))
        case 9: self = .delete
        default: throw .badValue(field: "change")
        }
    }

    /// As the body of an entry.
    public var bytes: [UInt8] {
        var writer = ByteWriter()
        encode(into: &writer)
        return writer.bytes
    }

    /// Nil when the bytes are no change, or more than one.
    public init?(bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        guard let change = try? GroupChange(from: &reader), reader.isAtEnd else { return nil }
        self = change
    }

    private static func title(_ reader: inout ByteReader) throws(DecodeError) -> String {
        let title = try reader.string(max: GroupLimits.titleBytesMax)
        guard !title.isEmpty else { throw .badValue(field: "title") }
        return title
    }

    private static func encode(_ users: [UserID], into writer: inout ByteWriter) {
        writer.varint(UInt64(users.count))
        for user in users { writer.user(user) }
    }

    private static func users(_ reader: inout ByteReader) throws(DecodeError) -> [UserID] {
        var users: [UserID] = []
        for _ in 0..<(try reader.count(max: GroupLimits.changeUserCountMax)) { users.append(try reader.user()) }
        return users
    }
}

/// The bounds of groups. docs/protocol.md promises them to users.
public enum GroupLimits {
    /// Members of a group unless the cluster file says otherwise: what people know from comparable services.
    public static let memberCountDefault = 1_024

    /// The largest limit that a cluster file may set. The list of who has read a message, 2,048 names of 64 bytes with two times
    /// in JSON, is 280 KiB and must fit in one frame to a client.
    public static let memberCountMax = 2_048

    /// Name of a group, bytes of UTF-8: 25 letters of any script, four times over.
    public static let titleBytesMax = 400

    /// Description of a group, bytes of UTF-8.
    public static let descriptionBytesMax = 2_048

    /// Names in one change. An event is an entry of an inbox, so it must fit in one: 512 names of 64 bytes are 33 KiB. Larger
    /// groups grow by several changes.
    public static let changeUserCountMax = 512
}

extension UserID {
    /// What every group's id begins with. Names of people must not begin so: a token for such a name is refused.
    public static let groupPrefix = "g:"

    /// Who speaks for the product when it names nobody. It has no devices: nothing is kept for it, and no tick waits for it.
    public static let system = UserID("system")!

    /// Nobody may have a token with this name.
    public var isReserved: Bool { isGroup || self == .system }

    /// True when this names a group: wherever a message may go to a person, it may go to a group.
    public var isGroup: Bool { text.utf8.starts(with: Self.groupPrefix.utf8) }

    /// What an error about a `read` bears as `ref`: the chat itself, for a `read` has no name of its own. Both kinds of names
    /// have one alphabet and one bound.
    public var asReference: MessageID? { MessageID(text) }

    /// The id of the group that `creator` makes under `reference`: the same each time it is asked for, so that a repeated
    /// request makes no second group, and everybody knows where the group will live before it does.
    ///
    /// 128 bits of two SipHash-1-3 under fixed keys over the length of the creator's name and both names. To aim at somebody
    /// else's group one would need both halves at once; to meet oneself harms nobody.
    public static func group(of creator: UserID, reference: MessageID) -> UserID {
        var bytes = [UInt8(creator.text.utf8.count)]
        bytes += creator.text.utf8
        bytes += reference.text.utf8
        var id = ByteWriter()
        id.u64(StableHash.hash(bytes, k0: 0x6772_6F75_7000, k1: 1))
        id.u64(StableHash.hash(bytes, k0: 0x6772_6F75_7000, k1: 2))
        guard let group = UserID(groupPrefix + Base64URL.string(id.bytes)) else {
            preconditionFailure("letters, digits, - and _ make a name")
        }
        return group
    }
}
