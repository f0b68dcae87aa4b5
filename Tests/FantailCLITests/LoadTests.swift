import Cluster
import FantailCLI
import Testing

@Suite struct LoadTests {
    private func page(_ level: Int, pinned: Bool = false) -> String {
        """
        {"node":"parser-1","level":\(level),"admit_permille":\(level == 4 ? 125 : 1000),"own_level":0,"worst_level":\(level),\
        "pinned":\(pinned),"wait_us":21400,"changes":3,"typing_given_up":17}

        """
    }

    @Test func aNodeTellsItsLoadInOneFlatObject() {
        let load = NodeLoad(json: page(4, pinned: true))
        #expect(load?.level == 4 && load?.ownLevel == 0 && load?.admitPermille == 125)
        #expect(load?.isPinned == true && load?.waitUs == 21_400)
        #expect(load?.worstLevel == 4 && load?.changes == 3 && load?.work == ["typing_given_up": 17])
        #expect(NodeLoad(json: "{}") == nil)
        #expect(NodeLoad(json: "not found\n") == nil)
        #expect(NodeLoad(json: "") == nil)
    }

    @Test func theTableSaysWhatALevelMeans() throws {
        let map = try ClusterMap.local(LocalCounts(gateways: 1, parsers: 1, sessions: 1, groups: 1, lastSeens: 1))
        var loads = map.nodes.map { _ in NodeLoad(json: page(0)) }
        #expect(LoadReport.rows(map, loads).last?.text == "Everything is done at once.")
        loads[1] = NodeLoad(json: page(4, pinned: true))
        loads[2] = nil
        let rows = LoadReport.rows(map, loads).map(\.text)
        #expect(rows[2].hasPrefix("parser-1"))
        #expect(rows[2].hasSuffix("4    0     21.4    12.5 %  messages refused, held by hand"))
        #expect(rows[3].hasSuffix("no answer"))
        #expect(rows.last == "The highest level is 4: messages refused.")
        #expect(LoadReport.rows(map, map.nodes.map { _ in nil }).last?.text == "No node answers.")
    }

    @Test func anOrderNamesALevelAndWhoIsToHoldIt() throws {
        #expect(try LoadOrder([]) == .show)
        #expect(try LoadOrder(["pin", "3", "session-1"]) == .pin(level: 3, node: "session-1"))
        #expect(try LoadOrder(["pin", "0", "all"]) == .pin(level: 0, node: nil))
        #expect(try LoadOrder(["auto", "all"]) == .pin(level: nil, node: nil))
        #expect(try LoadOrder(["pin", "3", "all"]).path == "/load?pin=3")
        #expect(try LoadOrder(["auto", "gateway-1"]).path == "/load?pin=auto")
        for words in [["pin"], ["pin", "5", "all"], ["pin", "-1", "all"], ["pin", "x", "all"], ["pin", "1"], ["auto"], ["of"]] {
            #expect(throws: CommandFailure.self) { try LoadOrder(words) }
        }
    }
}
