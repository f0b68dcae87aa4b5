// Short words for requests about groups.

import Messages
import Primitives
import Storage
import Testing

let team = UserID("g:team")!
let club = UserID("g:club")!
let dora = UserID("dora")!

extension SharedAppended.Item {
    static func stored(_ count: Int, from number: UInt64) -> Self {
        SharedAppended.Item(storedCount: count, firstNumber: number, isBehind: false)
    }
    static let known = SharedAppended.Item(storedCount: 0, firstNumber: 0, isBehind: false)
    static let behind = SharedAppended.Item(storedCount: 0, firstNumber: 0, isBehind: true)
}

extension GroupAppended {
    static func refused(_ outcome: Outcome) -> GroupAppended { GroupAppended(outcome: outcome, number: 0, stamp: .zero) }
}

extension GroupEntry {
    /// Entry `number` of a group, stamped with its number, by Ben.
    static func made(_ number: UInt64, _ kind: Kind = .message, author: UserID = ben, body: [UInt8]? = nil) -> GroupEntry {
        GroupEntry(
            number: number, stamp: Stamp(microseconds: Int64(number)), kind: kind, author: author, id: MessageID("e\(number)")!,
            body: body ?? Array("text of e\(number)".utf8))
    }
}

extension Bench {
    /// - Parameter event: the newest event that the caller knows; nil: the group's newest one.
    @discardableResult
    func write(
        _ name: String, in group: UserID = team, by author: UserID = ben, kind: GroupEntry.Kind = .message,
        after: String? = nil, event: UInt64? = nil, body: [UInt8]? = nil, asked: [UInt8]? = nil
    ) throws -> GroupAppended {
        let request = AppendGroup(
            group: group, kind: kind, author: author, id: id(name), after: after.map(id),
            eventNumber: try event ?? log(of: group, limit: 1).eventNumber, body: body ?? Array("text of \(name)".utf8),
            asked: asked)
        return try ask(.appendGroup(request)) { if case .groupAppended(let answer) = $0 { answer } else { nil } }
    }

    func log(
        of group: UserID = team, after: UInt64 = 0, limit: Int = 100, eventsOnly: Bool = false
    ) throws -> GroupPage {
        try ask(.readGroup(ReadGroup(group: group, eventsOnly ? .events(after: after) : .entries(after: after), limit: limit))) {
            if case .groupPage(let answer) = $0 { answer } else { nil }
        }
    }

    func newest(before: UInt64, limit: Int = 100) throws -> GroupPage {
        try ask(.readGroup(ReadGroup(group: team, .newest(before: before), limit: limit))) {
            if case .groupPage(let answer) = $0 { answer } else { nil }
        }
    }

    /// - Parameter told: the revision; nil: all there is.
    func settle(_ fannedOut: UInt64, told: UInt64? = nil, of group: UserID = team) throws {
        let settled = SettleGroup(group: group, fannedOut: fannedOut, told: told ?? .max)
        #expect(try ask([.settleGroup(settled)]) == [.done])
    }

    func pending(after group: UserID? = nil) throws -> PendingGroups {
        try ask(.readPendingGroups(ReadPendingGroups(after: group))) {
            if case .pendingGroups(let answer) = $0 { answer } else { nil }
        }
    }

    @discardableResult
    func mark(_ kind: ReceiptKind, by member: UserID, to stamp: Int64, in group: UserID = team) throws -> GroupMarksStored {
        try store([GroupMark(member: member, kind: kind, upTo: Stamp(microseconds: stamp))], in: group)
    }

    @discardableResult
    func store(_ marks: [GroupMark], in group: UserID = team) throws -> GroupMarksStored {
        try ask(.storeGroupMarks(GroupMarkBatch(group: group, marks: marks))) {
            if case .groupMarksStored(let answer) = $0 { answer } else { nil }
        }
    }

    func marks(in group: UserID = team, after: UserID? = nil, at stamp: Int64? = nil) throws -> GroupMarks {
        let at = stamp.map { Stamp(microseconds: $0) }
        return try ask(.readGroupMarks(ReadGroupMarks(group: group, after: after, at: at))) {
            if case .groupMarks(let answer) = $0 { answer } else { nil }
        }
    }

    @discardableResult
    func share(
        _ entries: [GroupEntry], of group: UserID = team, with recipients: [UserID], _ mark: MembershipMark = .none
    ) throws -> [SharedAppended.Item] {
        let request = GroupBatch(group: group, entries: entries, recipients: recipients, mark: mark)
        return try ask(.appendShared(request)) { if case .sharedAppended(let answer) = $0 { answer.items } else { nil } }
    }

    func memberships(of owner: UserID = ana, after group: UserID? = nil) throws -> MembershipPage {
        try ask(.readMemberships(ReadMemberships(owner: owner, after: group))) {
            if case .membershipPage(let answer) = $0 { answer } else { nil }
        }
    }
}
