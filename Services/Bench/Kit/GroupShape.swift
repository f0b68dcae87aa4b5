// Who is in which group, and how the groups come about.
//
// Groups take users in blocks: group 0 has users 0 to M - 1, group 1 the next M. The first of a block makes the group and
// owns it; the first A write to it. What one author writes to the group is a chat of its own, with numbers of its own.
//
// A change names a bounded number of users, so a large group is made by one and grows by more; whoever comes by a later
// change never sees the ones before it.

import Groups
import Primitives

public struct GroupShape: Equatable, Sendable {
    public var groupCount: Int
    public var memberCount: Int
    public var authorCount: Int

    public init(groupCount: Int = 1, memberCount: Int = 100, authorCount: Int = 1) {
        self.groupCount = groupCount
        self.memberCount = memberCount
        self.authorCount = authorCount
    }

    public var userCount: Int { groupCount * memberCount }
    public var chatCount: Int { groupCount * authorCount }

    public func group(of user: Int) -> Int { user / memberCount }
    /// Counted from the group's first.
    public func place(of user: Int) -> Int { user % memberCount }
    public func users(of group: Int) -> Range<Int> { group * memberCount..<(group + 1) * memberCount }
    public func owner(of group: Int) -> Int { group * memberCount }
    public func group(ofChat chat: Int) -> Int { chat / authorCount }
    public func author(ofChat chat: Int) -> Int { owner(of: group(ofChat: chat)) + chat % authorCount }

    // MARK: How a group is made

    /// Changes that make a group.
    public var changeCount: Int { (memberCount - 2) / GroupLimits.changeUserCountMax + 1 }

    /// The first change that a member sees: the one by which it came.
    public func firstChange(of user: Int) -> Int { max(0, place(of: user) - 1) / GroupLimits.changeUserCountMax }

    /// - Parameter index: 0 makes the group, the others let it grow.
    public func change(_ index: Int, of group: Int, mark: MessageMark) -> GroupChange {
        let first = owner(of: group) + 1 + index * GroupLimits.changeUserCountMax
        let users = (first..<min(first + GroupLimits.changeUserCountMax, self.users(of: group).upperBound)).map(mark.user)
        return index == 0 ? .create(title: "\(mark.run) \(group)", users: users) : .add(users)
    }

    /// The id of a change; no message has one of this form.
    public func reference(_ index: Int, of group: Int) -> MessageID { MessageID("group-\(group)-\(index)")! }

    public func id(of group: Int, mark: MessageMark) -> UserID {
        .group(of: mark.user(owner(of: group)), reference: reference(0, of: group))
    }
}
