// The rules of a group, and what is left when its events are told in order.
//
// A group is its log: messages and events under dense numbers. Whoever has read the events up to a number knows who the
// members are at that number, what each may do, and therefore who gets what comes next. There is nothing else to agree on.

import Primitives

/// Why a change or a message is not accepted.
public enum GroupRefusal: UInt8, Error, Equatable, Sendable, CaseIterable {
    /// There is no such group, or it was deleted.
    case noSuchGroup = 1
    case notMember = 2
    /// The role does not allow it.
    case notAllowed = 3
    /// More members than the limit.
    case full = 4
    /// Everything is so already: nothing to do.
    case noChange = 5
    /// It names somebody who is not a member, or nobody, or the wrong number of people.
    case badUsers = 6
}

public struct GroupState: Equatable, Sendable {
    public struct Member: Equatable, Sendable {
        public var role: GroupRole
        /// Of the event that brought them in: they get this and what follows, and nothing before it can wait for them.
        public var joinedAt: Stamp

        public init(role: GroupRole, joinedAt: Stamp) {
            self.role = role
            self.joinedAt = joinedAt
        }
    }

    public private(set) var title = ""
    public private(set) var description = ""
    public private(set) var settings = GroupSettings()
    public private(set) var members: [UserID: Member] = [:]
    /// The members in the order of their names.
    public private(set) var roster: [UserID] = []
    /// The members who have devices: whoever gets messages, and whom ticks and counts wait for. All but `UserID.system`.
    public private(set) var people: [UserID] = []
    /// Nil before the group is made, and when it is gone.
    public private(set) var owner: UserID?
    /// It was made once, deleted or not: its id is taken.
    public private(set) var wasMade = false

    public init() {}

    public var exists: Bool { owner != nil }

    // MARK: Rules

    /// May `author` write to the group?
    public func judgeMessage(by author: UserID) -> GroupRefusal? {
        guard exists else { return .noSuchGroup }
        guard let member = members[author] else { return .notMember }
        return settings.isAnnouncement && member.role < .admin ? .notAllowed : nil
    }

    /// May `author` change the group so?
    ///
    /// | | member | admin | owner |
    /// |---|---|---|---|
    /// | leave | yes | yes | when alone |
    /// | rename, describe, settings, add | | yes | yes |
    /// | remove, promote, demote: members and admins | | yes | yes |
    /// | hand over, delete | | | yes |
    ///
    /// Nobody removes or demotes the owner.
    /// - Returns: what is left to do; names for which it is so already are left out.
    /// - Complexity: O(names in the change).
    public func judge(
        _ change: GroupChange, by author: UserID, memberCountMax: Int
    ) -> Result<GroupChange, GroupRefusal> {
        if case .create(let title, let users) = change {
            guard !wasMade else { return .failure(.noChange) }
            let others = Self.distinct(users).filter { $0 != author }
            guard !others.contains(where: \.isGroup) else { return .failure(.badUsers) }
            return others.count < memberCountMax ? .success(.create(title: title, users: others)) : .failure(.full)
        }
        guard exists else { return .failure(.noSuchGroup) }
        guard let role = members[author]?.role else { return .failure(.notMember) }
        switch change {
        case .leave:
            // Somebody must be able to care for those who stay.
            return role < .owner || members.count == 1 ? .success(.leave) : .failure(.notAllowed)
        case .delete:
            return role == .owner ? .success(.delete) : .failure(.notAllowed)
        case .role(.owner, let users):
            guard role == .owner else { return .failure(.notAllowed) }
            guard users.count == 1, members[users[0]] != nil else { return .failure(.badUsers) }
            return users[0] == author ? .failure(.noChange) : .success(change)
        default:
            return role < .admin ? .failure(.notAllowed) : judgeByAdmin(change, author, memberCountMax)
        }
    }

    private func judgeByAdmin(
        _ change: GroupChange, _ author: UserID, _ memberCountMax: Int
    ) -> Result<GroupChange, GroupRefusal> {
        switch change {
        case .rename(let title): return title == self.title ? .failure(.noChange) : .success(change)
        case .describe(let text): return text == description ? .failure(.noChange) : .success(change)
        case .settings(let settings): return settings == self.settings ? .failure(.noChange) : .success(change)
        case .add(let users):
            guard !users.isEmpty, !users.contains(where: \.isGroup) else { return .failure(.badUsers) }
            let fresh = Self.distinct(users).filter { members[$0] == nil }
            guard !fresh.isEmpty else { return .failure(.noChange) }
            return members.count + fresh.count <= memberCountMax ? .success(.add(fresh)) : .failure(.full)
        case .remove(let users):
            let users = Self.distinct(users)
            // To go oneself is to leave.
            guard !users.isEmpty, !users.contains(author) else { return .failure(.badUsers) }
            guard !users.contains(where: { $0 == owner }) else { return .failure(.notAllowed) }
            let present = users.filter { members[$0] != nil }
            return present.isEmpty ? .failure(.noChange) : .success(.remove(present))
        case .role(let role, let users):
            let users = Self.distinct(users)
            guard !users.isEmpty, users.allSatisfy({ members[$0] != nil }) else { return .failure(.badUsers) }
            guard !users.contains(where: { $0 == owner }) else { return .failure(.notAllowed) }
            let others = users.filter { members[$0]!.role != role }
            return others.isEmpty ? .failure(.noChange) : .success(.role(role, others))
        case .create, .leave, .delete:
            preconditionFailure("judged before")
        }
    }

    private static func distinct(_ users: [UserID]) -> [UserID] {
        var seen: Set<UserID> = []
        return users.filter { seen.insert($0).inserted }
    }

    // MARK: Events

    /// Takes an event of the log. Events were judged before they were stored; what makes no sense changes nothing.
    /// - Complexity: O(members) when somebody comes or goes.
    public mutating func apply(_ change: GroupChange, by author: UserID, at stamp: Stamp) {
        switch change {
        case .create(let title, let users):
            guard !wasMade else { return }
            wasMade = true
            self.title = title
            owner = author
            members = [author: Member(role: .owner, joinedAt: stamp)]
            admit(users, stamp)
        case .rename(let title): self.title = title
        case .describe(let text): description = text
        case .settings(let settings): self.settings = settings
        case .add(let users): admit(users, stamp)
        case .remove(let users): dismiss(users)
        case .leave: dismiss([author])
        case .role(.owner, let users):
            guard let heir = users.first, members[heir] != nil, let former = owner else { return }
            members[former]?.role = .admin
            members[heir]?.role = .owner
            owner = heir
        case .role(let role, let users):
            for user in users where user != owner { members[user]?.role = role }
        case .delete: dismiss(roster)
        }
    }

    private mutating func admit(_ users: [UserID], _ stamp: Stamp) {
        for user in users where members[user] == nil { members[user] = Member(role: .member, joinedAt: stamp) }
        list()
    }

    private mutating func dismiss(_ users: [UserID]) {
        for user in users { members[user] = nil }
        list()
        if members.isEmpty { owner = nil }
    }

    private mutating func list() {
        roster = members.keys.sorted()
        people = roster.filter { $0 != .system }
    }
}
