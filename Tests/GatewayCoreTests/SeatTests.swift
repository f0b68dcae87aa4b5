// Which shard holds which connection, while shards come and go. The client notices nothing of it.

import Cluster
import CoreKit
import GatewayCore
import Messages
import Primitives
import RPC
import Testing
import WebSocket

@Suite struct SeatTests {
    /// Who holds a user's connections when `lost` is down.
    private func standIn(_ s: Scene, _ user: UserID, without lost: NodeID) -> NodeID {
        let ring = s.map.ring(of: .session)
        return ring.firstLive(ring.slot(of: user.text.utf8)) { $0 != lost }!
    }

    @Test func theOriginSaysWhatTheShardSaid() {
        var s = Scene()
        s.opens(1)
        let connection = s.connection(1)
        func origin() -> Origin? {
            for case .send(_, .clientInput(let input)) in s.sends(1, "a") { return input.origin }
            return nil
        }
        #expect(origin()?.isAttached == false)
        #expect(s.attached(connection, by: s.home(ana)) == [])
        #expect(origin()?.isAttached == true)
        #expect(origin()?.hasSiblings == false)
        #expect(s.attached(connection, by: s.home(ana), hasSiblings: true) == [])
        #expect(origin()?.hasSiblings == true)
    }

    @Test func aLostShardsConnectionsMoveAndOnlyThose() {
        var s = Scene()
        let (lost, other) = (s.sessions[0], s.sessions[1])
        let (mover, stayer) = (s.user(at: lost), s.user(at: other))
        s.isSeated(1, mover)
        s.isSeated(2, stayer)
        let heir = standIn(s, mover, without: lost)
        #expect(asked(s.on(.peerDown(lost))) == [Asked(heir, mover)])
        #expect(s.attached(s.connection(1, mover), by: heir) == [])
        // It comes back: the connection goes home, and the stand-in is told.
        let connection = s.connection(1, mover)
        let done = s.on(.peerUp(lost))
        #expect(done.first == s.detach(mover, connection, to: heir, hasMoved: true))
        #expect(asked(done) == [Asked(lost, mover)])
    }

    @Test func aShardThatLostItsMemoryIsToldAgain() {
        var s = Scene(try! .local(.init(sessions: 1)))
        s.isSeated(1)
        #expect(s.on(.peerDown(s.sessions[0])) == [])
        #expect(asked(s.on(.peerUp(s.sessions[0]))) == [Asked(s.sessions[0], ana)])
    }

    @Test func theReceiptsOfAMovedConnectionBeginWhereItBegan() {
        var s = Scene()
        s.opens(1)
        let connection = s.connection(1)
        let home = s.home(ana)
        _ = s.attached(connection, by: home, revision: 100)
        _ = s.welcomed(connection, by: home)
        _ = s.attached(connection, by: home, revision: 200)
        #expect(asked(s.on(.peerDown(home))).map(\.revision) == [100])
    }

    @Test func aSeatIsAskedForUntilItIsGiven() {
        var s = Scene()
        s.isSeated(1)
        let connection = s.connection(1)
        let home = s.home(ana)
        let heir = standIn(s, ana, without: home)
        #expect(asked(s.on(.peerDown(home))) == [Asked(heir, ana)])
        #expect(s.wait(999) == [])
        #expect(asked(s.wait(1)) == [Asked(heir, ana)])
        #expect(asked(s.wait(1_000)) == [Asked(heir, ana)])
        #expect(s.attached(connection, by: heir) == [])
        #expect(s.wait(10_000) == [])
    }

    /// However often a slow shard had to be asked, and however often it answers.
    @Test func aSeatCountsOnceItIsTakenOver() {
        var s = Scene()
        s.isSeated(1)
        let connection = s.connection(1)
        let home = s.home(ana)
        let heir = standIn(s, ana, without: home)
        #expect(s.figure("fantail_gateway_attaches_total") == 0)
        _ = s.on(.peerDown(home))
        #expect(asked(s.wait(1_000)) == [Asked(heir, ana)])
        #expect(s.figure("fantail_gateway_attaches_total") == 0)
        for _ in 0..<2 {
            #expect(s.attached(connection, by: heir) == [])
            #expect(s.figure("fantail_gateway_attaches_total") == 1)
        }
    }

    @Test func aShardThatWasAskedIsNotAskedAgainBecauseOfAnother() {
        var s = Scene()
        s.isSeated(1)
        let home = s.home(ana)
        let heir = standIn(s, ana, without: home)
        let third = s.sessions.first { $0 != home && $0 != heir }!
        #expect(asked(s.on(.peerDown(home))) == [Asked(heir, ana)])
        #expect(s.on(.peerDown(third)) == [])
    }

    @Test func theAnswerOfAShardThatIsNoLongerRightIsDeclined() {
        var s = Scene()
        s.isSeated(1)
        let connection = s.connection(1)
        let home = s.home(ana)
        let heir = standIn(s, ana, without: home)
        _ = s.on(.peerDown(home))
        #expect(asked(s.on(.peerUp(home))) == [Asked(home, ana)])
        #expect(s.attached(connection, by: home) == [])
        // The stand-in's late answer.
        #expect(s.attached(connection, by: heir) == [s.detach(ana, connection, to: heir, hasMoved: true)])
    }

    /// Found by simulate --seed 67: the connection ended before the answer came, and nobody told the shard.
    @Test func aShardThatWasAskedInVainIsTold() {
        var s = Scene()
        s.isSeated(1)
        let connection = s.connection(1)
        let home = s.home(ana)
        let heir = standIn(s, ana, without: home)
        #expect(asked(s.on(.peerDown(home))) == [Asked(heir, ana)])
        #expect(s.on(.peerUp(home)).contains(s.detach(ana, connection, to: heir, hasMoved: true)))
    }

    @Test func aWrongShardGivesTheSeatToTheRightOne() {
        var s = Scene()
        s.opens(1)
        let connection = s.connection(1)
        let wrong = s.sessions.first { $0 != s.home(ana) }!
        // Its welcome comes first: what the right one pushes must not overtake it.
        #expect(s.attached(connection, by: wrong) == [])
        let done = s.welcomed(connection, by: wrong)
        #expect(done.first == s.detach(ana, connection, to: wrong, hasMoved: true))
        #expect(asked(done) == [Asked(s.home(ana), ana)])
        #expect(asked(s.welcomed(connection, by: wrong)) == [])
    }

    @Test func aShardThatComesDoesNotTakeAConnectionBeforeItsWelcome() {
        var s = Scene()
        let home = s.home(ana)
        _ = s.on(.peerDown(home))
        s.opens(1)
        let connection = s.connection(1)
        let heir = standIn(s, ana, without: home)
        #expect(s.attached(connection, by: heir) == [])
        #expect(s.on(.peerUp(home)) == [])
        let done = s.welcomed(connection, by: heir)
        #expect(done.first == s.detach(ana, connection, to: heir, hasMoved: true))
        #expect(asked(done) == [Asked(home, ana)])
    }

    @Test func aConnectionWhoseWelcomeIsLostIsClosedInTime() {
        var s = Scene()
        s.opens(1)
        #expect(s.attached(s.connection(1), by: s.home(ana)) == [])
        #expect(s.on(.peerDown(s.home(ana))) == [])
        #expect(s.wait(31_000).contains(.frames(1, [goodbye(.policyViolation)])))
    }

    @Test func withoutAnyShardTheConnectionWaits() {
        var s = Scene()
        s.isSeated(1)
        for shard in s.sessions { _ = s.on(.peerDown(shard)) }
        #expect(s.core.unreadiness == "no session service is connected")
        #expect(s.wait(5_000) == [])
        #expect(asked(s.on(.peerUp(s.sessions[2]))) == [Asked(s.sessions[2], ana)])
    }

    @Test func aConnectionThatWasNeverGreetedKeepsNoSeat() {
        var s = Scene()
        s.opens(1)
        _ = s.connection(1)
        #expect(s.on(.peerDown(s.home(ana))) == [])
        #expect(s.on(.peerUp(s.home(ana))) == [])
    }

    @Test func aFarewellThatOvertakesTheHelloIsSaidAgain() {
        var s = Scene()
        s.opens(1)
        let connection = s.connection(1)
        let home = s.home(ana)
        #expect(s.ends(1) == [s.detach(ana, connection, to: home)])
        // The parser was slower: the shard takes a connection that is gone.
        #expect(s.attached(connection, by: home) == [s.detach(ana, connection, to: home)])
        #expect(s.attached(ConnectionID(rawValue: 4), by: home) == [])
    }

    @Test func whoLeavesWhileAskingIsDetachedWhereItAsked() {
        var s = Scene()
        s.isSeated(1)
        let connection = s.connection(1)
        let home = s.home(ana)
        _ = s.on(.peerDown(home))
        #expect(s.ends(1) == [s.detach(ana, connection, to: standIn(s, ana, without: home))])
    }
}

// Another cluster file.
extension SeatTests {
    private func next(_ map: ClusterMap, draining: Set<NodeID> = [], without gone: Set<NodeID> = []) -> ClusterMap {
        let lines = map.nodes.filter { !gone.contains($0.id) }.map {
            NodeLine(
                role: $0.role, name: $0.name, rpc: $0.rpc, admin: $0.admin, client: $0.client, isDraining: draining.contains($0.id))
        }
        return try! ClusterMap(name: map.name, epoch: map.epoch + 1, storageMode: map.storageMode, nodes: lines)
    }

    @Test func onlyThoseMoveWhoseShardIsAnotherOneNow() {
        var s = Scene()
        let (leaving, other) = (s.sessions[0], s.sessions[1])
        let (mover, stayer) = (s.user(at: leaving), s.user(at: other))
        s.isSeated(1, mover)
        s.isSeated(2, stayer)
        let map = next(s.map, draining: [leaving])
        let heir = map.ring(of: .session).owner(ofKey: mover.text.utf8)
        #expect(map.ring(of: .session).owner(ofKey: stayer.text.utf8) == other)
        let connection = s.connection(1, mover)
        let done = s.on(.clusterChanged(map))
        #expect(done.first == s.detach(mover, connection, to: leaving, hasMoved: true))
        #expect(asked(done) == [Asked(heir, mover)])
    }

    @Test func whileNobodyElseIsThereADrainingShardKeepsItsSeats() {
        var s = Scene(try! .local(.init(sessions: 2)))
        let (leaving, other) = (s.sessions[0], s.sessions[1])
        let user = s.user(at: leaving)
        s.isSeated(1, user)
        _ = s.on(.peerDown(other))
        #expect(s.on(.clusterChanged(next(s.map, draining: [leaving]))) == [])
        let connection = s.connection(1, user)
        let done = s.on(.peerUp(other))
        #expect(done.first == s.detach(user, connection, to: leaving, hasMoved: true))
        #expect(asked(done) == [Asked(other, user)])
    }

    @Test func aGatewayThatDrainsTakesNobodyAndSendsItsClientsAway() {
        var s = Scene()
        for socket in 1...20 as ClosedRange<UInt64> { s.isSeated(socket, UserID("user-\(socket)")!) }
        #expect(s.core.unreadiness == nil && s.core.remainder == "20 clients are connected")
        #expect(s.on(.clusterChanged(next(s.map, draining: [s.selfID]))) == [])
        #expect(s.core.unreadiness != nil)
        #expect(s.comes(99, s.request(s.token())).first == .http(99, 503, "draining"))
        func gone(_ done: [Did]) -> Int { done.count { if case .frames(_, [goodbye(.goingAway)]) = $0 { true } else { false } } }
        let first = gone(s.wait(1_000))
        // Some at a time: half of them after half of the window.
        #expect((8...12).contains(first))
        #expect(gone(s.wait(1_100)) == 20 - first)
        #expect(s.core.remainder == nil)
    }

    @Test func aGatewayThatIsToStayAfterAllStays() {
        var s = Scene()
        s.isSeated(1)
        let draining = next(s.map, draining: [s.selfID])
        _ = s.on(.clusterChanged(draining))
        _ = s.on(.clusterChanged(next(draining)))
        #expect(s.core.unreadiness == nil)
        #expect(s.wait(5_000) == [])
        s.opens(2, bob)
    }

    @Test func framesGoToAParserThatStays() {
        var s = Scene()
        let leaving = s.parsers[0]
        _ = s.on(.clusterChanged(next(s.map, draining: [leaving])))
        for socket in 1...4 as ClosedRange<UInt64> {
            s.opens(socket, UserID("user-\(socket)")!)
            let parsers = s.sends(socket, "a").compactMap { if case .send(let node, .clientInput) = $0 { node } else { nil } }
            #expect(!parsers.isEmpty && !parsers.contains(leaving))
        }
    }
}

@Suite struct RevocationTests {
    private func rule(_ s: Scene, _ connection: ConnectionID, secondsFromNow: Int64) -> Event {
        let before = Stamp(microseconds: s.now.stamp.microseconds + secondsFromNow * 1_000_000)
        return .received(s.home(ana), .tokenRule(TokenRule(connection: connection, before: before)))
    }

    @Test func aConnectionEndsWhenItsTokenIsOlderThanWhatHolds() {
        var s = Scene()
        s.isSeated(1)
        let connection = s.connection(1)
        // Issued now: a moment that is past does not concern it.
        #expect(s.on(rule(s, connection, secondsFromNow: 0)) == [])
        let done = s.on(rule(s, connection, secondsFromNow: 1))
        #expect(done.contains(.frames(1, [.close(code: 4001, reason: Array("token_revoked".utf8))])), "\(done)")
        #expect(s.on(rule(s, connection, secondsFromNow: 1)) == [])
    }
}
