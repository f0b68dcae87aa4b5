// The rules of groups, row by row of the table of permissions.

import Groups
import Primitives
import Testing

private let ana = UserID("ana")!
private let bob = UserID("bob")!
private let cem = UserID("cem")!
private let dora = UserID("dora")!
private let eve = UserID("eve")!

/// Ana owns, Bob is an admin, Cem and Dora are members, Eve is not in it.
private func team() -> GroupState {
    var state = GroupState()
    state.apply(.create(title: "Team", users: [bob, cem, dora]), by: ana, at: Stamp(microseconds: 10))
    state.apply(.role(.admin, [bob]), by: ana, at: Stamp(microseconds: 20))
    return state
}

private func judge(_ state: GroupState, _ change: GroupChange, by author: UserID, limit: Int = 10) -> GroupRefusal? {
    if case .failure(let refusal) = state.judge(change, by: author, memberCountMax: limit) { refusal } else { nil }
}

@Suite("The rules of a group")
struct GroupStateTests {
    @Test("what a role may do")
    func permissions() {
        let state = team()
        let byAdmins: [GroupChange] = [
            .rename("New"), .describe("what for"), .add([eve]), .remove([dora]), .role(.admin, [dora]),
            .settings(GroupSettings(isAnnouncement: true)),
        ]
        for change in byAdmins {
            #expect(judge(state, change, by: ana) == nil, "\(change)")
            #expect(judge(state, change, by: bob) == nil, "\(change)")
            #expect(judge(state, change, by: cem) == .notAllowed, "\(change)")
            #expect(judge(state, change, by: eve) == .notMember, "\(change)")
        }
        for change in [GroupChange.delete, .role(.owner, [bob])] {
            #expect(judge(state, change, by: ana) == nil, "\(change)")
            #expect(judge(state, change, by: bob) == .notAllowed, "\(change)")
            #expect(judge(state, change, by: cem) == .notAllowed, "\(change)")
        }
        #expect(judge(state, .leave, by: cem) == nil)
        #expect(judge(state, .leave, by: ana) == .notAllowed, "an owner hands over first")
        #expect(judge(state, .remove([ana]), by: bob) == .notAllowed, "nobody removes the owner")
        #expect(judge(state, .role(.member, [ana]), by: bob) == .notAllowed)
    }

    @Test("of two admins who demote each other at once the first wins")
    func mutualDemotion() {
        var state = team()
        state.apply(.role(.admin, [cem]), by: ana, at: Stamp(microseconds: 30))
        #expect(judge(state, .role(.member, [cem]), by: bob) == nil)
        #expect(judge(state, .role(.member, [bob]), by: cem) == nil)
        state.apply(.role(.member, [cem]), by: bob, at: Stamp(microseconds: 40))
        #expect(judge(state, .role(.member, [bob]), by: cem) == .notAllowed)
    }

    @Test("what is so already is left out, and nothing is no change")
    func leavesOut() {
        let state = team()
        #expect(state.judge(.add([bob, eve, eve]), by: ana, memberCountMax: 10) == .success(.add([eve])))
        #expect(judge(state, .add([bob]), by: ana) == .noChange)
        #expect(judge(state, .add([ana]), by: ana) == .noChange)
        #expect(judge(state, .remove([eve]), by: ana) == .noChange)
        #expect(judge(state, .rename("Team"), by: ana) == .noChange)
        #expect(judge(state, .role(.owner, [ana]), by: ana) == .noChange)
    }

    @Test("bad lists of people")
    func badUsers() {
        let state = team()
        #expect(judge(state, .add([]), by: ana) == .badUsers)
        #expect(judge(state, .add([UserID("g:other")!]), by: ana) == .badUsers)
        #expect(judge(state, .remove([ana]), by: ana) == .badUsers, "to go oneself is to leave")
        #expect(judge(state, .role(.admin, [eve]), by: ana) == .badUsers)
        #expect(judge(state, .role(.owner, [bob, cem]), by: ana) == .badUsers)
    }

    @Test("a group has its limit, the owner counted")
    func limit() {
        let state = team()
        #expect(judge(state, .add([eve]), by: ana, limit: 4) == .full)
        #expect(judge(state, .add([eve]), by: ana, limit: 5) == nil)
        #expect(judge(GroupState(), .create(title: "x", users: [bob, cem]), by: ana, limit: 2) == .full)
        #expect(judge(GroupState(), .create(title: "x", users: [bob, ana, bob]), by: ana, limit: 2) == nil)
    }

    @Test("announcements are for admins")
    func announcement() {
        var state = team()
        #expect(state.judgeMessage(by: cem) == nil)
        state.apply(.settings(GroupSettings(isAnnouncement: true)), by: ana, at: Stamp(microseconds: 30))
        #expect(state.judgeMessage(by: cem) == .notAllowed)
        #expect(state.judgeMessage(by: bob) == nil)
        #expect(state.judgeMessage(by: eve) == .notMember)
    }

    @Test("ownership moves, and a former owner may go")
    func handOver() {
        var state = team()
        state.apply(.role(.owner, [cem]), by: ana, at: Stamp(microseconds: 30))
        #expect(state.owner == cem)
        #expect(state.members[ana]?.role == .admin)
        #expect(judge(state, .leave, by: ana) == nil)
    }

    @Test("a group without members is gone, and its id is taken for ever")
    func ends() {
        var state = team()
        state.apply(.delete, by: ana, at: Stamp(microseconds: 30))
        #expect(!state.exists)
        #expect(state.roster.isEmpty)
        #expect(state.judgeMessage(by: ana) == .noSuchGroup)
        #expect(judge(state, .create(title: "Team", users: []), by: ana) == .noChange)
        var lonely = GroupState()
        lonely.apply(.create(title: "Me", users: []), by: ana, at: .zero)
        #expect(judge(lonely, .leave, by: ana) == nil)
        lonely.apply(.leave, by: ana, at: .zero)
        #expect(!lonely.exists)
    }

    @Test("who comes again is as new")
    func comesAgain() {
        var state = team()
        state.apply(.remove([bob]), by: ana, at: Stamp(microseconds: 30))
        state.apply(.add([bob]), by: ana, at: Stamp(microseconds: 40))
        #expect(state.members[bob] == GroupState.Member(role: .member, joinedAt: Stamp(microseconds: 40)))
        #expect(state.roster == [ana, bob, cem, dora])
    }
}

@Suite("A change as bytes")
struct GroupChangeTests {
    static let changes: [GroupChange] = [
        .create(title: "Team", users: [bob, cem]), .rename("ü"), .describe(""), .add([bob]), .remove([bob]), .leave,
        .role(.owner, [bob]), .settings(GroupSettings(isAnnouncement: true, showsReceipts: false)), .delete,
    ]

    @Test("comes back as it went", arguments: changes)
    func roundTrip(_ change: GroupChange) { #expect(GroupChange(bytes: change.bytes) == change) }

    @Test("cut or prolonged it is none", arguments: changes)
    func spoiled(_ change: GroupChange) {
        for count in 0..<change.bytes.count { #expect(GroupChange(bytes: Array(change.bytes[..<count])) == nil) }
        #expect(GroupChange(bytes: change.bytes + [0]) == nil)
    }

    @Test("has bounds")
    func bounds() {
        #expect(GroupChange(bytes: GroupChange.rename("").bytes) == nil)
        #expect(GroupChange(bytes: GroupChange.rename(String(repeating: "x", count: GroupLimits.titleBytesMax + 1)).bytes) == nil)
        let crowd = (0...GroupLimits.changeUserCountMax).map { UserID("u\($0)")! }
        #expect(GroupChange(bytes: GroupChange.add(crowd).bytes) == nil)
        #expect(GroupChange(bytes: GroupChange.add(Array(crowd.dropLast())).bytes) != nil)
        #expect(GroupChange(bytes: [0]) == nil)
        #expect(GroupChange(bytes: [10]) == nil)
    }

    @Test("a group's id follows from who makes it and the reference")
    func groupID() {
        let id = UserID.group(of: ana, reference: MessageID("r1")!)
        #expect(id.isGroup)
        #expect(id == UserID.group(of: ana, reference: MessageID("r1")!))
        #expect(id != UserID.group(of: ana, reference: MessageID("r2")!))
        #expect(id != UserID.group(of: UserID("anar")!, reference: MessageID("1")!), "the border between the names counts")
        #expect(!ana.isGroup)
    }
}
