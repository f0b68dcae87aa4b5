// From one cluster file to the next.

import Cluster
import Primitives
import Ring
import Testing

@Suite struct ChangeTests {
    private let base = try! ClusterMap.local(LocalCounts(sessions: 3, persistences: 2))

    private func lines(_ map: ClusterMap) -> [NodeLine] {
        map.nodes.map {
            NodeLine(role: $0.role, name: $0.name, rpc: $0.rpc, admin: $0.admin, client: $0.client, weight: $0.weight, isDraining: $0.isDraining)
        }
    }

    private func next(
        _ map: ClusterMap, epoch: UInt32 = 2, name: String = "local", store: StorageMode = .temporary,
        ring: RingParameters = RingParameters(), _ change: (inout [NodeLine]) -> Void = { _ in }
    ) throws -> ClusterMap {
        var nodes = lines(map)
        change(&nodes)
        return try ClusterMap(name: name, epoch: epoch, ringParameters: ring, storageMode: store, nodes: nodes)
    }

    private func newcomer(_ name: String, _ role: Role = .session) -> NodeLine {
        NodeLine(role: role, name: name, rpc: Address("127.0.0.1:9001")!, admin: Address("127.0.0.1:9002")!)
    }

    @Test func aNodeKeepsItsNumberWhoeverComesAndGoes() throws {
        let joined = try next(base) { $0.insert(newcomer("session-0"), at: 0) }
        for node in base.nodes { #expect(joined.node(node.id)?.name == node.name) }
        for (left, right) in [("gateway-1", "session-2"), ("session-1", "session-3")] {
            #expect(base.dials(NodeID(name: left), NodeID(name: right)) && joined.dials(NodeID(name: left), NodeID(name: right)))
        }
    }

    @Test func whoJoinsTakesSlotsAndNobodyElseDoes() throws {
        let joined = try next(base) { $0.append(newcomer("session-4")) }
        let change = try ClusterChange(from: base, to: joined)
        #expect(change.joining.map(\.name) == ["session-4"])
        #expect(change.leaving.isEmpty && change.draining.isEmpty && change.relocated.isEmpty)
        let moved = change.movedSlotCount(of: .session)
        #expect(moved > 0 && moved * 100 <= change.idealMovedSlotCount(of: .session) * 110)
        #expect(change.movedSlotCount(of: .group) == 0 && change.movedSlotCount(of: .persistence) == 0)
    }

    @Test func whoIsDrainingHasNoShareAndStaysAPeer() throws {
        let drained = try next(base) { nodes in nodes[nodes.firstIndex { $0.name == "session-2" }!].isDraining = true }
        #expect(drained.ring(of: .session).nodeIDs == [NodeID(name: "session-1"), NodeID(name: "session-3")])
        #expect(drained.nodes(of: .session).count == 3)
        #expect(drained.peers(of: NodeID(name: "gateway-1")).contains { $0.name == "session-2" })
        #expect(try ClusterMap.parse(drained.render()) == drained)
        #expect(try ClusterChange(from: base, to: drained).draining.map(\.name) == ["session-2"])
    }

    @Test func whoIsUpStaysUpUnderTheNextRing() throws {
        var view = LiveRing(base.ring(of: .session))
        for name in ["session-1", "session-2"] { _ = view.set(NodeID(name: name), isUp: true) }
        let drained = try next(base) { nodes in nodes[nodes.firstIndex { $0.name == "session-2" }!].isDraining = true }
        view.adopt(drained.ring(of: .session))
        #expect(view.up == [NodeID(name: "session-1")])
        #expect(Set(view.present) == [NodeID(name: "session-1"), NodeID(name: "session-2")])
        #expect(view.away == [NodeID(name: "session-3")])
        view.adopt(base.ring(of: .session))
        #expect(Set(view.up) == [NodeID(name: "session-1"), NodeID(name: "session-2")])
    }

    @Test func whatCannotBeChangedIsRefused() throws {
        func problem(_ new: ClusterMap) -> ClusterChangeProblem? {
            do throws(ClusterChangeProblem) {
                _ = try ClusterChange(from: base, to: new)
                return nil
            } catch {
                return error
            }
        }
        #expect(problem(try next(base)) == nil)
        #expect(problem(try next(base, epoch: 1)) == .epochNotHigher(1, running: 1))
        #expect(problem(try next(base, name: "other")) == .otherCluster("other", running: "local"))
        #expect(problem(try next(base, store: .archive)) == .storeDiffers)
        #expect(problem(try next(base, ring: RingParameters(seed: 1))) == .ringDiffers)
        #expect(problem(try next(base) { $0.removeAll { $0.name == "persistence-2" } }) == .persistenceDiffers)
        #expect(problem(try next(base) { nodes in
            nodes.removeAll { $0.name == "session-3" }
            nodes.append(newcomer("session-3", .group))
        }) == .roleDiffers(node: "session-3"))
    }

    @Test func whatCannotBeDrainedIsSaid() {
        #expect(throws: ClusterProblem.drainNotAllowed(.persistence)) {
            try next(base) { nodes in nodes[nodes.firstIndex { $0.role == .persistence }!].isDraining = true }
        }
        #expect(throws: ClusterProblem.allDraining(.gateway)) {
            try next(base) { nodes in for index in nodes.indices where nodes[index].role == .gateway { nodes[index].isDraining = true } }
        }
    }
}
