// Small changes of a file that people wrote by hand.

import Cluster
import FantailCLI
import Testing

@Suite struct ClusterEditTests {
    private let text = """
        # ours
        cluster local   # epoch 1 is the first
        epoch   1       # counted by hand
        store   temporary
        gateway gateway-1 127.0.0.1:7101 127.0.0.1:7201 client=127.0.0.1:8080
        gateway gateway-2 127.0.0.1:7102 127.0.0.1:7202 client=127.0.0.1:8081   # the new box
        parser parser-1 127.0.0.1:7111 127.0.0.1:7211
        session session-1 127.0.0.1:7121 127.0.0.1:7221
        group group-1 127.0.0.1:7131 127.0.0.1:7231
        last-seen last-seen-1 127.0.0.1:7141 127.0.0.1:7241
        persistence persistence-1 127.0.0.1:7151 127.0.0.1:7251

        """

    private func edited(_ edit: ClusterEdit, _ text: String) throws -> String { try edit.applied(to: text, of: ClusterMap.parse(text)) }

    @Test func aDrainIsOneWordAndTheNextEpoch() throws {
        let drained = try edited(.drain("gateway-2"), text)
        #expect(drained.contains("epoch   2       # counted by hand\n"))
        #expect(drained.contains("client=127.0.0.1:8081 state=draining   # the new box\n"))
        #expect(drained.contains("cluster local   # epoch 1 is the first\n"))
        let map = try ClusterMap.parse(drained)
        #expect(map.epoch == 2 && map.node(named: "gateway-2")?.isDraining == true)
        #expect(try edited(.stay("gateway-2"), drained) == text.replacing("epoch   1 ", with: "epoch   3 "))
    }

    @Test func whoIsRemovedHasNoLine() throws {
        let left = try edited(.remove("gateway-2"), text)
        #expect(!left.contains("gateway-2"))
        #expect(try ClusterMap.parse(left).nodes.count == 6)
    }

    @Test func whatWouldChangeNothingIsSaid() throws {
        #expect(throws: CommandFailure.self) { try edited(.drain("nobody"), text) }
        #expect(throws: CommandFailure.self) { try edited(.stay("gateway-1"), text) }
        let drained = try edited(.drain("gateway-2"), text)
        #expect(throws: CommandFailure.self) { try edited(.drain("gateway-2"), drained) }
    }

    @Test func whatANodeSaysOfTheClusterIsRead() throws {
        let view = try #require(
            NodeView(json: #"{"node":"session-1","epoch":3,"draining":true,"left":"2 users have a device here","peers_up":"gateway-1@3 group-1@2","peers_away":"gateway-2"}"#))
        #expect(view.epoch == 3 && view.isDraining && view.remainder == "2 users have a device here" && view.refusal == nil)
        #expect(view.peersUp == ["gateway-1": 3, "group-1": 2] && view.peersAway == ["gateway-2"])
        #expect(NodeView(json: "{}") == nil && NodeView(json: "") == nil)
    }
}
