// A batch of a group becomes entries of inboxes: stored once a partition, pushed to whoever is here, answered when all have it.

import ClientProtocol
import Cluster
import CoreKit
import Messages
import Primitives
import RPC
import Testing

@Suite struct GroupFanOutTests {
    @Test func aBatchIsStoredThenPushedThenAnswered() {
        var s = Scene()
        s.isLive()
        #expect(s.fanOut(batch(1...1, to: [ana, bob])) == [s.share(batch(1...1, to: [ana, bob]))])
        #expect(s.answer(shared(.new(1, from: 8), .new(1, from: 1))) == [.tell(1, posted(1, 1)), fannedOut()])
        #expect(s.wait(1_000) == [])
    }

    @Test func everyDeviceOfEveryMemberHereGetsIt() {
        var s = Scene()
        s.isLive(phone, 1, devices: 2)
        s.isLive(laptop, 2, devices: 2)
        _ = s.gets(s.hello(s.origin(cem, phone, 3), cursor: 0))
        _ = s.answer(opened())
        _ = s.fanOut(batch(1...1, to: [bob, cem]))
        #expect(
            s.answer(shared(.new(1, from: 1), .new(1, from: 1))) == [
                .tell(1, posted(1, 1)), .tell(2, posted(1, 1)), .tell(3, posted(1, 1)), fannedOut(),
            ])
    }

    @Test func entriesOfABatchComeInTheirOrder() {
        var s = Scene()
        s.isLive(cursor: 4, head: 4)
        _ = s.fanOut(batch(7...9, to: [bob]))
        #expect(
            s.answer(shared(.new(3, from: 5))) == [.tell(1, posted(5, 7)), .tell(1, posted(6, 8)), .tell(1, posted(7, 9)), fannedOut()])
    }

    @Test func theMarkOfABatchGoesToTheStore() {
        var s = Scene()
        let joined = batch(1...1, to: [bob], mark: .joined(title: "Team"))
        #expect(s.fanOut(joined) == [s.share(joined)])
    }

    @Test func ofARepeatedBatchOnlyWhatIsNewIsPushed() {
        var s = Scene()
        s.isLive()
        s.isPosted(1...2, as: 1)
        _ = s.fanOut(batch(1...3, to: [bob]))
        #expect(s.answer(shared(.new(1, from: 3))) == [.tell(1, posted(3, 3)), fannedOut()])
    }

    /// The answer of the first time was lost, perhaps before the push.
    @Test func aRepeatStoresNothingAndLooksAtTheInboxes() {
        var s = Scene()
        s.isLive()
        s.isPosted(1...1, as: 1)
        #expect(s.fanOut(batch(1...1, to: [bob])) == [s.share(batch(1...1, to: [bob]))])
        #expect(s.answer(shared(.known)) == [s.readHead(), fannedOut()])
        #expect(s.answer(head(1)) == [])
    }

    @Test func aRepeatFindsWhatWasStoredAndNeverPushed() {
        var s = Scene()
        s.isLive()
        _ = s.fanOut(batch(1...1, to: [bob]))
        #expect(s.answer(shared(.known)) == [s.readHead(), fannedOut()])
        #expect(s.answer(head(1)) == [s.read(after: 0)])
    }

    @Test func aDeviceThatIsBehindReadsUpToIt() {
        var s = Scene()
        s.isLive(cursor: 0, head: 3)
        // The first page is on its way.
        _ = s.fanOut(batch(1...1, to: [bob]))
        #expect(s.answerNewest(shared(.new(1, from: 4))) == [fannedOut()])
        #expect(s.answer(page(1...3, head: 4)).count == 4)
    }

    @Test func whoIsAwayHasItInTheInbox() {
        var s = Scene()
        _ = s.fanOut(batch(1...1, to: [bob]))
        #expect(s.answer(shared(.new(1, from: 1))) == [fannedOut()])
    }

    @Test func whoLacksWhatCameBeforeIsNamed() {
        var s = Scene()
        s.isLive()
        _ = s.fanOut(batch(3...3, to: [ana, bob, cem]))
        #expect(s.answer(shared(.behind, .new(1, from: 1), .behind)) == [.tell(1, posted(1, 3)), fannedOut(behind: [ana, cem])])
    }

    // MARK: Nonsense

    @Test func aBatchForNobodyIsDone() {
        var s = Scene()
        #expect(s.fanOut(batch(1...1, to: [])) == [fannedOut()])
    }

    @Test func aBatchOfNothingIsMalformed() {
        var s = Scene()
        #expect(s.fanOut(GroupBatch(group: team, entries: [], recipients: [bob], mark: .none)) == [.refuse(5, Refusal(.malformed))])
        #expect(s.callCount == 0)
    }

    @Test func anAnswerThatDoesNotFitIsNotTaken() {
        for answer in [shared(.new(1, from: 1)), shared(), .done] {
            var s = Scene()
            s.isLive()
            _ = s.fanOut(batch(1...1, to: [bob, cem]))
            #expect(s.answer(answer) == [.refuse(5, Refusal(.unsupported))])
        }
    }

    // MARK: Other shards

    /// One of three shards that does not own Bob.
    private func foreign() -> Scene {
        for shard in 0..<3 {
            let s = Scene(sessions: 3, shard: shard)
            if s.map.ring(of: .session).owner(ofKey: bob.text.utf8) != s.selfID { return s }
        }
        preconditionFailure("somebody does not own Bob")
    }

    private func pokes(_ s: Scene) -> [Did] {
        let ring = s.map.ring(of: .session)
        return ring.preference(of: ring.slot(of: bob.text.utf8)).filter { $0 != s.selfID }.map { .send($0, .poke(Poke(owner: bob))) }
    }

    @Test func forAnothersUserItStoresAndPokes() {
        var s = foreign()
        #expect(s.fanOut(batch(1...1, to: [bob])) == [s.share(batch(1...1, to: [bob]))])
        #expect(s.answer(shared(.new(1, from: 1))) == pokes(s) + [fannedOut()])
        #expect(pokes(s).count == 2)
    }

    /// Whoever stored it may have died before its poke.
    @Test func forAnothersUserARepeatPokesToo() {
        var s = foreign()
        _ = s.fanOut(batch(1...1, to: [bob]))
        #expect(s.answer(shared(.known)) == pokes(s) + [fannedOut()])
    }

    @Test func aUserHeldOutOfTurnIsPushedToAndTheOthersArePoked() {
        var s = foreign()
        s.isLive()
        _ = s.fanOut(batch(1...1, to: [bob]))
        let done = s.answer(shared(.new(1, from: 1)))
        #expect(done == [s.readHead()] + pokes(s) + [.tell(1, posted(1, 1)), fannedOut()])
    }

    // MARK: Partitions

    /// Somebody of each of two partitions, and the partitions.
    private func divided(_ s: Scene) -> [(user: UserID, partition: NodeID)] {
        let ring = s.map.ring(of: .persistence)
        let all = (0..<100).map { UserID("user-\($0)")! }.map { (user: $0, partition: ring.owner(ofKey: $0.text.utf8)) }
        return ring.nodeIDs.sorted().map { node in all.first { $0.partition == node }! }
    }

    private func isHere(_ s: inout Scene, _ user: UserID, _ connection: UInt64) {
        _ = s.gets(s.hello(s.origin(user, phone, connection), cursor: 0))
        _ = s.answer(opened())
    }

    @Test func eachPartitionGetsItsOwnAndTheAnswerWaitsForAll() {
        var s = Scene(partitions: 2)
        let (first, second) = (divided(s)[0], divided(s)[1])
        isHere(&s, first.user, 1)
        isHere(&s, second.user, 2)
        #expect(
            s.fanOut(batch(1...1, to: [second.user, first.user])) == [
                s.share(batch(1...1, to: [first.user]), at: first.partition),
                s.share(batch(1...1, to: [second.user]), at: second.partition),
            ])
        #expect(s.answer(shared(.new(1, from: 1))) == [.tell(1, posted(1, 1))])
        #expect(s.answer(shared(.new(1, from: 1))) == [.tell(2, posted(1, 1)), fannedOut()])
    }

    @Test(arguments: [Refusal.Code.storageFull, .timedOut, .peerDown, .unavailable])
    func whenOnePartitionFailsTheBatchIsRefusedAndTheOtherHasIt(code: Refusal.Code) {
        for failsFirst in [true, false] {
            var s = Scene(partitions: 2)
            let (first, second) = (divided(s)[0], divided(s)[1])
            isHere(&s, first.user, 1)
            isHere(&s, second.user, 2)
            _ = s.fanOut(batch(1...1, to: [first.user, second.user]))
            // It may be stored all the same, so who is here is looked at.
            if failsFirst {
                #expect(s.refuse(code) == [.call(first.partition, .readHead(ReadHead(owner: first.user)))])
                #expect(s.answer(shared(.new(1, from: 1))) == [.tell(2, posted(1, 1)), .refuse(5, Refusal(code))])
            } else {
                #expect(s.answer(shared(.new(1, from: 1))) == [.tell(1, posted(1, 1))])
                #expect(
                    s.refuse(code) == [.call(second.partition, .readHead(ReadHead(owner: second.user))), .refuse(5, Refusal(code))])
            }
            // The group's shard comes again with all of it.
            #expect(s.fanOut(batch(1...1, to: [first.user, second.user]), call: 6).count == 2)
        }
    }

    @Test func aBehindOfOnePartitionIsNamedWithTheOthersDone() {
        var s = Scene(partitions: 2)
        let users = divided(s).map(\.user)
        _ = s.fanOut(batch(2...2, to: users))
        #expect(s.answer(shared(.behind)) == [])
        #expect(s.answer(shared(.new(1, from: 1))) == [fannedOut(behind: [users[0]])])
    }

    // MARK: Several at once

    @Test func batchesOfManyGroupsDoNotMix() {
        var s = Scene()
        s.isLive()
        let groups = (0..<20).map { UserID("g:\($0)")! }
        for (index, group) in groups.enumerated() {
            let batch = batch(1...1, to: [bob], of: group)
            #expect(s.fanOut(batch, call: UInt32(index)) == [s.share(batch)])
        }
        for (index, group) in groups.enumerated() {
            let number = UInt64(index + 1)
            #expect(s.answer(shared(.new(1, from: number))) == [.tell(1, posted(number, 1, in: group)), fannedOut(UInt32(index))])
        }
    }

    @Test func twoShardsMayBringTheSame() {
        var s = Scene()
        s.isLive()
        _ = s.fanOut(batch(1...1, to: [bob]), call: 5)
        _ = s.fanOut(batch(1...1, to: [bob]), call: 6)
        #expect(s.answer(shared(.new(1, from: 1))) == [.tell(1, posted(1, 1)), fannedOut(5)])
        #expect(s.answer(shared(.known)) == [s.readHead(), fannedOut(6)])
    }

    /// The store answers in the order of the questions; the answers of two partitions may cross.
    @Test func anEntryThatComesBeforeItsPredecessorIsNotPushedOutOfTurn() {
        var s = Scene()
        s.isLive()
        _ = s.fanOut(batch(1...1, to: [bob]), call: 5)
        _ = s.fanOut(batch(2...2, to: [bob]), call: 6)
        #expect(s.answerNewest(shared(.new(1, from: 2))) == [s.read(after: 0), fannedOut(6)])
        // It is found by the page that is read.
        #expect(s.callCount == 2)
    }
}
