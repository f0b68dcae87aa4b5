// Erasing a user's data, step after step.

import APICore
import ClientProtocol
import CoreKit
import Groups
import Messages
import Primitives
import Privacy
import RPC
import Testing

@Suite struct ErasureTests {
    private let team = UserID("g:team")!
    private let choir = UserID("g:choir")!
    private let ref = MessageID("r")!

    /// The connection as which the step was asked, and what.
    private func step(_ effects: [Effect]) -> (name: ConnectionID, message: Message)? {
        switch effects.sent.last?.1 {
        case .settingsQuery(let query): (query.origin.connection, .settingsQuery(query))
        case .membershipQuery(let query): (query.origin.connection, .membershipQuery(query))
        case .groupAct(let act): (act.origin.connection, .groupAct(act))
        default: nil
        }
    }

    private func erasing(_ effects: [Effect]) -> (call: CallID, request: EraseInbox)? {
        for case .call(_, let call, .eraseInbox(let request)) in effects { return (call, request) }
        return nil
    }

    private func list(_ groups: UserID..., more: Bool = false) -> ServerFrame {
        .groupList(ref: ref, groups: groups.map { GroupTitle(group: $0, title: "T") }, more: more)
    }

    /// Revoked, and settled.
    private func listing(_ s: inout Scene) throws -> ConnectionID {
        let revoking = try #require(step(s.ask("DELETE", "/v1/users/ana")))
        guard case .settingsQuery(let query) = revoking.message else { throw Unexpected(effect: "\(revoking)") }
        #expect(query.change == .revokeTokens(before: start) && query.origin.user == ana)
        #expect(s.tell(revoking.name, .settings(ref: nil, UserSettings())) == [])
        let listing = try #require(step(s.wait(.seconds(2))))
        guard case .membershipQuery = listing.message else { throw Unexpected(effect: "\(listing)") }
        return revoking.name
    }

    private struct Unexpected: Error { let effect: String }

    @Test func groupsAreLeftThenTheInboxGoesThenTheRest() throws {
        var s = Scene()
        let name = try listing(&s)
        func left(_ effects: [Effect]) -> UserID? {
            guard case .groupAct(let act)? = step(effects)?.message, act.change == .leave, act.origin.user == ana else { return nil }
            return act.group
        }
        #expect(left(s.tell(name, list(team, choir))) == choir)
        #expect(left(s.tell(name, .groupDone(ref: ref, group: choir, groupNumber: 1, at: start))) == team)
        // She is not in it any more: her list is behind.
        #expect(s.tell(name, .error(ErrorFrame(.notMember, "no member"))) == [])
        #expect(step(s.wait(.milliseconds(50))) != nil)
        #expect(s.tell(name, list(team)) == [])
        #expect(step(s.wait(.milliseconds(50))) != nil)
        let first = try #require(erasing(s.tell(name, list())))
        #expect(first.request == EraseInbox(owner: ana, after: 0, limit: MessageLimits.eraseEntryCountMax))
        let second = try #require(erasing(s.on(.answered(first.call, .inboxErased(InboxErased(through: 256, hasMore: true))))))
        #expect(second.request.after == 256)
        let profile = s.on(.answered(second.call, .inboxErased(InboxErased(through: 300, hasMore: false))))
        guard case .settingsQuery(let query)? = step(profile)?.message else { throw Unexpected(effect: "\(profile)") }
        #expect(query.change == .erase(before: start))
        let answer = s.tell(name, .settings(ref: nil, UserSettings())).answer
        #expect(answer.hasPrefix("HTTP/1.1 200 "))
        #expect(answer.hasSuffix(#"{"user":"ana","before":1767225600000000,"left":["g:choir","g:team"]}"# + "\n"))
    }

    /// The others are left all the same, and nothing else is erased.
    @Test func anOwnerIsToldWhichGroupsAreHers() throws {
        var s = Scene()
        let name = try listing(&s)
        _ = s.tell(name, list(team, choir))
        #expect(s.tell(name, .error(ErrorFrame(.notAllowed, "an owner stays"))).statuses == [])
        #expect(s.tell(name, .groupDone(ref: ref, group: team, groupNumber: 7, at: start)) == [])
        _ = s.wait(.milliseconds(50))
        let effects = s.tell(name, list(choir))
        #expect(effects.statuses == ["409"] && effects.answer.contains(#""reason":"owns_group""#) && effects.sent.isEmpty)
        #expect(effects.answer.contains("g:choir") && !effects.answer.contains("g:team"))
    }

    /// Its log is lost, or older than her list.
    @Test func aGroupThatDoesNotKnowHerHoldsNothingUp() throws {
        var s = Scene()
        let name = try listing(&s)
        _ = s.tell(name, list(team))
        _ = s.tell(name, .error(ErrorFrame(.noSuchGroup, "nobody made it")))
        var effects: [Effect] = []
        for _ in 0..<100 where erasing(effects) == nil {
            _ = s.wait(.milliseconds(50))
            effects = s.tell(name, list(team))
        }
        #expect(erasing(effects) != nil)
        #expect(s.clock < .seconds(7))
    }

    /// Behind a whole page of them there may be a group that she is really in.
    @Test func groupsThatDoNotKnowHerHideNoOther() throws {
        var s = Scene()
        let name = try listing(&s)
        _ = s.tell(name, list(team, more: true))
        _ = s.tell(name, .error(ErrorFrame(.notMember, "no member")))
        var effects: [Effect] = []
        for _ in 0..<100 where effects.statuses.isEmpty {
            _ = s.wait(.milliseconds(50))
            effects = s.tell(name, list(team, more: true))
            #expect(erasing(effects) == nil)
        }
        #expect(effects.statuses == ["503"])
    }

    @Test func aPartThatIsAwayIsSaidAndTheRestIsNotDone() throws {
        var s = Scene()
        let name = try listing(&s)
        let first = try #require(erasing(s.tell(name, list())))
        let refused = s.on(.refused(first.call, Refusal(.storageFull)))
        #expect(refused.statuses == ["503"] && refused.sent.isEmpty)
        // Late answers find nobody.
        #expect(s.tell(name, list()) == [])

        var t = Scene()
        _ = t.on(.peerDown(t.node(.lastSeen)))
        #expect(t.ask("DELETE", "/v1/users/ana").statuses == ["503"])
    }

    @Test func whoHearsNothingForTenSecondsIsToldSo() throws {
        var s = Scene()
        let name = try listing(&s)
        #expect(s.wait(.seconds(9)).statuses == ["503"])
        #expect(s.tell(name, list()) == [])
        // Nothing of it goes off later.
        #expect(s.wait(.seconds(20)).sent.isEmpty)
    }

    @Test func whoHangsUpDuringAPauseLeavesNothingBehind() throws {
        var s = Scene()
        let revoking = try #require(step(s.ask("DELETE", "/v1/users/ana")))
        _ = s.tell(revoking.name, .settings(ref: nil, UserSettings()))
        _ = s.on(.clientClosed(socket))
        #expect(s.wait(.seconds(60)).sent.isEmpty)
    }

    @Test func onlyPeopleAreErasedAndOnlyByDelete() {
        var s = Scene()
        for name in ["g:team", "system", "", "a%20b"] { #expect(s.ask("DELETE", "/v1/users/\(name)").statuses.first.map { ["400", "404"].contains($0) } == true) }
        #expect(s.ask("GET", "/v1/users/ana").answer.contains("Allow: DELETE"))
    }
}
