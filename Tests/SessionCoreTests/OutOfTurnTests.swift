// When shards disagree about who holds whom: pokes, and looks at the head, so that nothing waits for long.

import ClientProtocol
import Cluster
import CoreKit
import Messages
import Primitives
import RPC
import Testing

@Suite struct OutOfTurnTests {
    /// The shard of three that owns Bob, or one that does not.
    private func scene(ofBob isPrimary: Bool) -> Scene {
        for shard in 0..<3 {
            let s = Scene(sessions: 3, shard: shard)
            if (s.map.ring(of: .session).owner(ofKey: bob.text.utf8) == s.selfID) == isPrimary { return s }
        }
        preconditionFailure("the ring gives Bob to somebody")
    }

    private func poke(_ s: Scene) -> [Did] {
        LiveRingView(s).others(of: bob).map { .send($0, .poke(Poke(owner: bob))) }
    }

    /// The other shards that may hold a user, first choice first.
    private struct LiveRingView {
        let map: ClusterMap
        let selfID: NodeID
        init(_ s: Scene) { (map, selfID) = (s.map, s.selfID) }
        func others(of user: UserID) -> [NodeID] {
            let ring = map.ring(of: .session)
            return ring.preference(of: ring.slot(of: user.text.utf8)).filter { $0 != selfID }
        }
    }

    @Test func theShardThatOwnsTheUserTellsNobody() {
        var s = scene(ofBob: true)
        #expect(s.arrives(1) == [])
    }

    @Test func aShardThatStoresOutOfTurnPokesTheOthers() {
        var s = scene(ofBob: false)
        #expect(s.arrives(1) == poke(s))
        #expect(poke(s).count == 2)
    }

    @Test func aPokedShardLooksAndReads() {
        var s = scene(ofBob: true)
        s.isLive()
        #expect(s.gets(.poke(Poke(owner: bob))) == [s.readHead()])
        // One look answers all pokes that came before it ended, with one more to be sure.
        #expect(s.gets(.poke(Poke(owner: bob))) == [])
        #expect(s.gets(.poke(Poke(owner: bob))) == [])
        #expect(s.answer(head(1)) == [s.read(after: 0), s.readHead()])
        #expect(s.answer(page(1...1)) == [.tell(1, message(1))])
        #expect(s.answer(head(1)) == [])
    }

    @Test func anAckForAUserOfAnotherShardIsPassedOnOnce() {
        var s = scene(ofBob: false)
        let primary = s.map.ring(of: .session).owner(ofKey: bob.text.utf8)
        #expect(s.gets(s.ack(1)) == [.send(primary, s.ack(1))])
        // Another shard has passed it on already.
        let other = LiveRingView(s).others(of: bob).first { $0 != primary }!
        #expect(s.on(.received(other, s.ack(1))) == [])
        #expect(s.on(.peerDown(primary)) == [])
        #expect(s.gets(s.ack(1)) == [])
        var own = scene(ofBob: true)
        #expect(own.gets(own.ack(1)) == [])
    }

    @Test func aPokeForSomebodyAwayIsNothing() {
        var s = scene(ofBob: true)
        #expect(s.gets(.poke(Poke(owner: bob))) == [])
    }

    @Test func aPokeForAnothersUserIsPassedOnToTheShardThatOwnsHer() {
        var s = scene(ofBob: false)
        let owner = s.map.ring(of: .session).owner(ofKey: bob.text.utf8)
        let sender = s.map.nodes(of: .session).map(\.id).first { $0 != owner && $0 != s.selfID }!
        #expect(s.gets(.poke(Poke(owner: bob)), from: sender) == [.send(owner, .poke(Poke(owner: bob)))])
        // What the owner says it knows already.
        #expect(s.gets(.poke(Poke(owner: bob)), from: owner) == [])
    }

    @Test func aFailedLookIsRepeated() {
        var s = scene(ofBob: true)
        s.isLive()
        _ = s.gets(.poke(Poke(owner: bob)))
        #expect(s.refuse(.timedOut) == [])
        #expect(s.wait(750) == [s.readHead()])
    }

    @Test func aUserHeldOutOfTurnIsLookedAtEveryTwoSeconds() {
        var s = scene(ofBob: false)
        s.isLive()
        #expect(s.wait(2_000) == [s.readHead()])
        #expect(s.answer(head(0)) == [])
        #expect(s.wait(2_000) == [s.readHead()])
        // It grew elsewhere, and a receipt came elsewhere.
        let ticks = Did.call(s.store, .readWatermarks(ReadWatermarks(owner: bob, after: .zero)))
        #expect(s.answer(head(1, revision: 30)) == [s.read(after: 0), ticks])
        #expect(s.gets(.detach(Detach(user: bob, connection: ConnectionID(rawValue: 1))), from: s.gateway) == [])
        #expect(s.wait(10_000) == [])
    }

    @Test func aUserInTurnIsNotLookedAt() {
        var s = scene(ofBob: true)
        s.isLive()
        #expect(s.wait(10_000) == [])
    }

    @Test func shardsThatMeetAgainLookForWhatTheOtherStored() {
        var s = scene(ofBob: true)
        s.isLive()
        let other = s.map.nodes(of: .session).map(\.id).first { $0 != s.selfID }!
        #expect(s.on(.peerDown(other)) == [])
        #expect(s.wait(5_000) == [])
        #expect(s.on(.peerUp(other)) == [])
        // Whoever comes before the other surely sees us is looked at as well.
        #expect(s.gets(s.hello(s.origin(ana, phone, 9), cursor: 0)) == [s.open(ana, phone, cursor: 0)])
        _ = s.answer(opened())
        let looks = s.wait(3_000).filter { $0 == s.readHead() || $0 == s.readHead(ana) }
        #expect(looks.contains(s.readHead()) && looks.contains(s.readHead(ana)))
    }

    @Test func aPokeThatCannotGoStraightIsPassedOn() {
        var s = scene(ofBob: false)
        let primary = s.map.ring(of: .session).owner(ofKey: bob.text.utf8)
        let third = s.map.nodes(of: .session).map(\.id).first { $0 != s.selfID && $0 != primary }!
        let poke = Message.poke(Poke(owner: bob))
        #expect(s.gets(poke, from: third) == [.send(primary, poke)])
        // Not back to where it came from, and not to nobody.
        #expect(s.gets(poke, from: primary) == [])
        #expect(s.on(.peerDown(primary)) == [])
        #expect(s.gets(poke, from: third) == [])
    }

    @Test func aReceiptStoredOutOfTurnPokesTheAuthorsShard() {
        for shard in 0..<3 {
            var s = Scene(sessions: 3, shard: shard)
            let isPrimary = s.map.ring(of: .session).owner(ofKey: ana.text.utf8) == s.selfID
            let receipt = Receipt(author: ana, peer: bob, kind: .delivered, upTo: stamp(1))
            _ = s.on(.requested(RemoteCall(node: s.parser, socket: SocketID(rawValue: 1), call: 5), .receipt(receipt)))
            let stored = WatermarkStored(watermark: watermark(upTo: 1, revision: 9), previous: .zero)
            let pokes = LiveRingView(s).others(of: ana).map { Did.send($0, .poke(Poke(owner: ana))) }
            #expect(s.answer(.watermarkStored(stored)) == [.answer(5, .done)] + (isPrimary ? [] : pokes))
        }
    }

    @Test func receiptsGoToTheShardThatHoldsTheAuthorNow() {
        var s = scene(ofBob: true)
        s.isLive(head: 1)
        _ = s.answer(page(1...1))
        let order = s.map.ring(of: .session).preference(of: s.map.ring(of: .session).slot(of: ana.text.utf8))
        #expect(s.gets(s.ack(1)) == [s.receipt(upTo: 1, at: order[0])])
        guard order[0] != s.selfID else { return }
        #expect(s.refuse(.peerDown) == [])
        #expect(s.on(.peerDown(order[0])) == [])
        #expect(s.wait(750) == [s.receipt(upTo: 1, at: order[1])])
    }
}
