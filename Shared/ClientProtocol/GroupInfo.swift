// What a client is told about groups when it asks.

import Groups
import Primitives

/// A group as it is now.
public struct GroupInfo: Equatable, Sendable {
    public struct Member: Equatable, Sendable {
        public var user: UserID
        public var role: GroupRole

        public init(user: UserID, role: GroupRole) {
            self.user = user
            self.role = role
        }
    }

    public var group: UserID
    public var title: String
    public var description: String
    public var settings: GroupSettings
    /// At most `GroupLimits.memberCountMax`, in the order of their names.
    public var members: [Member]

    public init(group: UserID, title: String, description: String, settings: GroupSettings, members: [Member]) {
        self.group = group
        self.title = title
        self.description = description
        self.settings = settings
        self.members = members
    }
}

/// A line in the list of somebody's groups.
public struct GroupTitle: Equatable, Sendable {
    public var group: UserID
    public var title: String

    public init(group: UserID, title: String) {
        self.group = group
        self.title = title
    }
}

/// How far one member is with one message of a group.
public struct ReceiptEntry: Equatable, Sendable {
    public var user: UserID
    /// When a device of theirs had it; nil: none yet.
    public var delivered: Stamp?
    /// When they had read it; nil: not yet.
    public var read: Stamp?

    public init(user: UserID, delivered: Stamp?, read: Stamp?) {
        self.user = user
        self.delivered = delivered
        self.read = read
    }
}
