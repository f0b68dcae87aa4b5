// Another cluster file, taken up by a mesh that is up.

import Messages
import Primitives
import RPC
import Testing

@Suite struct MeshChangeTests {
    private func peers(_ node: NodeID, among nodes: [NodeID]) -> [Peer] {
        nodes.filter { $0 != node }.map { Peer(id: $0, name: Net.names($0), service: "session", isDialed: node < $0) }
    }

    private func adopt(_ net: inout Net, _ node: NodeID, _ nodes: [NodeID], epoch: UInt64, relocated: Set<NodeID> = []) {
        let peers = peers(node, among: nodes)
        net.on(node) { $0.adopt(peers, relocated: relocated, epoch: epoch, now: $1) }
    }

    @Test func linksStayAndPeersHearOfTheEpoch() {
        var net = Net.up([a, b])
        adopt(&net, a, [a, b], epoch: 2)
        #expect(net.events(a) == [.epoch(b, .behind)])
        #expect(net.events(b) == [.epoch(a, .ahead)])
        #expect(net.meshes[b]!.isBehind && !net.meshes[a]!.isBehind)
        #expect(net.meshes[b]!.epoch(of: a) == 2)
        adopt(&net, b, [a, b], epoch: 2)
        #expect(net.events(a) == [.epoch(b, .same)])
        #expect(net.events(b) == [.epoch(a, .same)])
        #expect(!net.meshes[b]!.isBehind)
        #expect(net.isUp(a, b) && net.isUp(b, a))
    }

    @Test func whoJoinsIsDialledAndWhoLeavesIsDown() {
        var net = Net.up([a, b])
        net.restart(c, as: Net.mesh(c, among: [a, c], as: identity("c", epoch: 2)))
        // Nobody knows c yet.
        #expect(!net.isUp(a, c))
        adopt(&net, a, [a, c], epoch: 2)
        #expect(net.events(a) == [.peerDown(b), .peerUp(c)])
        #expect(net.events(c) == [.peerUp(a)])
        #expect(net.isUp(c, a) && !net.isUp(a, b))
        net.run(5_000)
        #expect(!net.isUp(b, a))
    }

    @Test func aCallToWhoLeavesEnds() {
        var net = Net.up([a, b])
        net.call(1, readHead("ana"), to: b)
        adopt(&net, a, [a], epoch: 2)
        #expect(net.events(a) == [.peerDown(b), .refused(CallID(rawValue: 1), Refusal(.peerDown))])
    }

    @Test func whoHasMovedIsDialledAnew() {
        var net = Net.up([a, b])
        adopt(&net, a, [a, b], epoch: 2, relocated: [b])
        net.run(200)
        #expect(net.events(a) == [.peerDown(b), .peerUp(b), .epoch(b, .behind)])
        #expect(net.isUp(a, b))
    }
}
