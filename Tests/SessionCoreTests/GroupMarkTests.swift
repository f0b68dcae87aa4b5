// What members have and have read travels to the group's shard: gathered for a moment, sent as one, and only then cursors move.

import ClientProtocol
import Cluster
import CoreKit
import Messages
import Primitives
import RPC
import Testing

@Suite struct GroupMarkTests {
    /// Bob is live and has an entry of the team as his number 1.
    private func scene() -> Scene {
        var s = Scene()
        s.isLive()
        s.isPosted(1...1, as: 1)
        return s
    }

    // MARK: Delivered

    @Test func anAcknowledgementGathersThenTravelsThenMovesTheCursor() {
        var s = scene()
        #expect(s.gets(s.ack(1)) == [])
        #expect(s.pass(19) == [])
        #expect(s.pass(1) == [s.marks([delivered(1)])])
        // Nothing moves before the group's shard has it.
        #expect(s.pass(2_000) == [])
        #expect(s.answer(marked(.taken)) == [s.storeCursor(1)])
        #expect(s.answer(.done) == [])
        #expect(s.pass(2_000) == [])
    }

    @Test func ofSeveralEntriesTheNewestIsTold() {
        var s = Scene()
        s.isLive()
        s.isPosted(1...3, as: 1)
        #expect(s.gets(s.ack(3)) == [])
        #expect(s.pass(20) == [s.marks([delivered(3)])])
    }

    @Test func theMomentBeginsWithTheFirst() {
        var s = scene()
        _ = s.gets(s.hello(s.origin(cem, phone, 2), cursor: 0))
        _ = s.answer(opened())
        _ = s.gets(s.ack(1))
        #expect(s.pass(15) == [])
        #expect(s.gets(s.markRead(1, s.origin(cem, phone, 2))) == [])
        #expect(s.pass(5) == [s.marks([delivered(1), read(1, by: cem)])])
        #expect(s.answer(marked(.taken, .taken)) == [s.storeCursor(1), .tell(2, .noted(with: team, at: groupStamp(1)))])
    }

    @Test func whatComesWhileACallIsOnItsWayIsTheNextCall() {
        var s = scene()
        _ = s.gets(s.ack(1))
        #expect(s.pass(20) == [s.marks([delivered(1)])])
        #expect(s.gets(s.markRead(1)) == [])
        #expect(s.pass(500) == [])
        #expect(s.answer(marked(.taken)) == [s.storeCursor(1)])
        #expect(s.pass(20) == [s.marks([read(1)])])
        #expect(s.answerNewest(marked(.taken)) == [.tell(1, .noted(with: team, at: groupStamp(1)))])
        #expect(s.pass(500) == [])
    }

    @Test func groupsDoNotWaitForEachOther() {
        var s = Scene()
        s.isLive()
        s.isPosted(1...1, as: 1, of: team)
        s.isPosted(4...4, as: 2, of: crew)
        _ = s.gets(s.ack(2))
        #expect(s.pass(20) == [s.marks([delivered(1)], of: team), s.marks([delivered(4)], of: crew)])
        // One round: the cursor waits for both.
        #expect(s.answerNewest(marked(.taken)) == [])
        #expect(s.gets(s.markRead(4, of: crew)) == [])
        #expect(s.pass(20) == [s.marks([read(4)], of: crew)])
        #expect(s.answer(marked(.taken)) == [s.storeCursor(2)])
    }

    @Test func oneRoundBringsReceiptsOfPeopleAndOfGroups() {
        var s = scene()
        _ = s.arrives(2)
        #expect(s.gets(s.ack(2)) == [s.receipt(upTo: 2)])
        #expect(s.pass(20) == [s.marks([delivered(1)])])
        #expect(s.answer(.done) == [])
        #expect(s.answer(marked(.taken)) == [s.storeCursor(2)])
    }

    @Test func aDeviceThatGoesMeanwhileHasItsCursorMoved() {
        var s = scene()
        _ = s.gets(s.ack(1))
        #expect(s.gets(.detach(Detach(user: bob, connection: ConnectionID(rawValue: 1))), from: s.gateway) == [])
        #expect(s.pass(20) == [s.departed(bob, 1), s.marks([delivered(1)])])
        #expect(s.answer(marked(.taken)) == [s.storeCursor(1)])
    }

    // MARK: Refused

    /// Whoever is no member any more owes nobody a receipt; a group that does not know its own entry has lost it.
    @Test(arguments: [GroupMarked.Outcome.notMember, .ahead])
    func aMarkThatTheGroupDoesNotTakeEndsTheRound(outcome: GroupMarked.Outcome) {
        var s = scene()
        _ = s.gets(s.ack(1))
        _ = s.pass(20)
        #expect(s.answer(marked(outcome)) == [s.storeCursor(1)])
    }

    @Test(arguments: [Refusal.Code.unavailable, .timedOut, .overloaded])
    func aRefusedMarkIsToldAgainAndTheCursorStays(code: Refusal.Code) {
        var s = scene()
        _ = s.gets(s.ack(1))
        #expect(s.pass(20) == [s.marks([delivered(1)])])
        #expect(s.refuse(code) == [])
        #expect(s.pass(800) == [s.marks([delivered(1)])])
        #expect(s.refuse(code) == [])
        #expect(s.pass(800) == [s.marks([delivered(1)])])
        #expect(s.answer(marked(.taken)) == [s.storeCursor(1)])
        #expect(s.answer(.done) == [])
        #expect(s.pass(2_000) == [])
    }

    @Test func anAnswerThatDoesNotFitIsARefusal() {
        for answer in [marked(), marked(.taken, .taken), .done] {
            var s = scene()
            _ = s.gets(s.ack(1))
            _ = s.pass(20)
            #expect(s.answer(answer) == [])
            #expect(s.pass(800) == [s.marks([delivered(1)])])
        }
    }

    @Test func oneRefusedGroupHoldsBackTheWholeRound() {
        var s = Scene()
        s.isLive()
        s.isPosted(1...1, as: 1, of: team)
        s.isPosted(4...4, as: 2, of: crew)
        _ = s.gets(s.ack(2))
        #expect(s.pass(20).count == 2)
        #expect(s.refuse(.unavailable) == [])
        #expect(s.answer(marked(.taken)) == [])
        #expect(s.pass(800) == [s.marks([delivered(1)], of: team), s.marks([delivered(4)], of: crew)])
    }

    // MARK: Shards that go

    @Test func marksInFlightGoToTheNextShardWhenTheirsDies() {
        var s = scene()
        _ = s.gets(s.ack(1))
        _ = s.gets(s.markRead(1))
        #expect(s.pass(20) == [s.marks([delivered(1), read(1)])])
        #expect(s.on(.peerDown(s.shard())) == [])
        #expect(s.refuse(.peerDown) == [])
        // The round comes again by itself, the word of the client by the client.
        #expect(s.pass(800) == [s.marks([delivered(1)], at: s.otherShard())])
        #expect(s.answer(marked(.taken)) == [s.storeCursor(1)])
        #expect(s.gets(s.markRead(1)) == [])
        #expect(s.pass(20) == [s.marks([read(1)], at: s.otherShard())])
        // It is back, and the next go there.
        #expect(s.on(.peerUp(s.shard())) == [])
        #expect(s.answerNewest(marked(.taken)).count == 1)
        _ = s.gets(s.markRead(1))
        #expect(s.pass(20) == [s.marks([read(1)])])
    }

    @Test func marksThatGatherGoToWhoIsThereWhenTheyLeave() {
        var s = scene()
        _ = s.gets(s.ack(1))
        #expect(s.pass(10) == [])
        #expect(s.on(.peerDown(s.shard())) == [])
        #expect(s.pass(10) == [s.marks([delivered(1)], at: s.otherShard())])
    }

    @Test func withoutAnyShardMarksAreTriedUntilOneIsThere() {
        var s = scene()
        _ = s.on(.peerDown(s.shard()))
        _ = s.on(.peerDown(s.otherShard()))
        _ = s.gets(s.ack(1))
        _ = s.gets(s.markRead(1))
        #expect(s.pass(3_000) == [])
        #expect(s.callCount == 0)
        #expect(s.on(.peerUp(s.shard())) == [])
        #expect(s.pass(800) == [s.marks([delivered(1)])])
        #expect(s.answer(marked(.taken)) == [s.storeCursor(1)])
    }

    @Test func whatWaitsBehindACallThatFailsGoesOn() {
        var s = scene()
        _ = s.gets(s.markRead(1))
        #expect(s.pass(20) == [s.marks([read(1)])])
        _ = s.gets(s.ack(1))
        #expect(s.on(.peerDown(s.shard())) == [])
        #expect(s.refuse(.peerDown) == [])
        #expect(s.pass(20) == [s.marks([delivered(1)], at: s.otherShard())])
        #expect(s.answer(marked(.taken)) == [s.storeCursor(1)])
    }

    // MARK: Read

    @Test func aReadMarkIsNotedWhenTheGroupHasIt() {
        var s = scene()
        #expect(s.gets(s.markRead(1)) == [])
        #expect(s.pass(20) == [s.marks([read(1)])])
        #expect(s.answer(marked(.taken)) == [.tell(1, .noted(with: team, at: groupStamp(1)))])
    }

    @Test func aReadMarkThatIsNotTakenIsToldWithTheGroupAsReference() {
        for (outcome, code) in [(GroupMarked.Outcome.notMember, ErrorCode.notMember), (.ahead, .readAhead)] {
            var s = scene()
            _ = s.gets(s.markRead(9))
            _ = s.pass(20)
            #expect(complaints(s.answer(marked(outcome))) == [Complaint(1, code, ref: team.text)])
        }
    }

    /// Its client says it again.
    @Test func aRefusedReadMarkIsNotAnswered() {
        var s = scene()
        _ = s.gets(s.markRead(1))
        _ = s.pass(20)
        #expect(s.refuse(.unavailable, retryMs: 1_000) == [])
        #expect(s.pass(3_000) == [])
    }

    @Test func aReadMarkFromAConnectionThatIsNotHeldWaitsForItsRepeat() {
        var s = scene()
        #expect(s.gets(s.markRead(1, s.origin(bob, phone, 8))) == [])
        #expect(s.pass(100) == [])
    }

    /// Found by simulate --seed 2524, on the other side.
    @Test func eachMarkOfABatchHasItsOwnOutcome() {
        var s = scene()
        _ = s.gets(s.markRead(1))
        _ = s.gets(s.ack(1))
        _ = s.gets(s.markRead(99))
        #expect(s.pass(20) == [s.marks([read(1), delivered(1), read(99)])])
        let done = s.answer(marked(.notMember, .taken, .ahead))
        #expect(complaints(done) == [Complaint(1, .notMember, ref: team.text), Complaint(1, .readAhead, ref: team.text)])
        #expect(done.contains(s.storeCursor(1)))
    }

    // MARK: Bounds

    @Test func aCallTakesSoManyMarksAndTheRestIsTheNext() {
        var s = scene()
        let most = MessageLimits.groupMarkCountMax
        for _ in 0..<most { #expect(s.gets(s.markRead(1)) == []) }
        // A round is not turned away: there is one a user, and its end must come.
        _ = s.gets(s.ack(1))
        #expect(s.pass(20) == [s.marks([GroupMark](repeating: read(1), count: most))])
        let taken = Message.groupMarked(GroupMarked(outcomes: [GroupMarked.Outcome](repeating: .taken, count: most)))
        #expect(s.answer(taken).count == most)
        #expect(s.pass(20) == [s.marks([delivered(1)])])
        #expect(s.answer(marked(.taken)) == [s.storeCursor(1)])
    }

    @Test func whatPeopleHaveReadWaitsInABoundedQueue() {
        var s = scene()
        _ = s.gets(s.markRead(1))
        #expect(s.pass(20).count == 1)
        let most = MessageLimits.groupMarkCountMax
        for _ in 0..<most + 5 { _ = s.gets(s.markRead(1)) }
        _ = s.answer(marked(.taken))
        #expect(s.pass(20) == [s.marks([GroupMark](repeating: read(1), count: most))])
        _ = s.answer(.groupMarked(GroupMarked(outcomes: [GroupMarked.Outcome](repeating: .taken, count: most))))
        #expect(s.pass(500) == [])
    }

    @Test func manyGroupsAtOnceAreOneCallEach() {
        var s = Scene()
        s.isLive()
        let groups = (0..<50).map { UserID("g:\($0)")! }
        for (index, group) in groups.enumerated() { s.isPosted(1...1, as: UInt64(index + 1), of: group) }
        _ = s.gets(s.ack(50))
        #expect(s.pass(20) == groups.map { s.marks([delivered(1)], of: $0) })
        for _ in 1..<50 { #expect(s.answer(marked(.taken)) == []) }
        #expect(s.answer(marked(.taken)) == [s.storeCursor(50)])
    }
}
