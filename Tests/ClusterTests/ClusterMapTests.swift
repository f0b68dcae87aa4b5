import Cluster
import Primitives
import Ring
import Testing

@Suite("Roles")
struct RoleTests {
    @Test func numbersAndNamesAreFixed() {
        #expect(Role.allCases.map(\.rawValue) == [1, 2, 3, 4, 5, 6, 7, 8])
        #expect(
            Role.allCases.map(\.name) == [
                "gateway", "parser", "session", "group", "last-seen", "persistence", "media", "api",
            ])
        for role in Role.allCases { #expect(Role(name: role.name) == role) }
        #expect(Role(name: "lastSeen") == nil)
    }

    @Test func exactlyThesePairsTalk() {
        let pairs: [(Role, Role)] = [
            (.gateway, .parser), (.gateway, .session), (.gateway, .group), (.gateway, .lastSeen),
            (.gateway, .media), (.parser, .media),
            (.parser, .session), (.parser, .group), (.parser, .lastSeen),
            (.session, .session), (.session, .group), (.session, .lastSeen), (.session, .persistence),
            (.group, .persistence), (.lastSeen, .lastSeen), (.lastSeen, .persistence),
        ] + Role.allCases.filter { $0 != .api }.map { ($0, .api) }
        for left in Role.allCases {
            for right in Role.allCases {
                let listed = pairs.contains { ($0 == left && $1 == right) || ($0 == right && $1 == left) }
                #expect(left.talks(to: right) == listed, "\(left.name) and \(right.name)")
            }
        }
    }
}

@Suite("A cluster on one machine")
struct LocalClusterTests {
    @Test func hasTheNodesAndPortsThatTheManualShows() throws {
        let map = try ClusterMap.local()
        #expect(Role.allCases.map { map.nodes(of: $0).count } == [2, 2, 3, 2, 2, 1, 0, 0])
        #expect(map.node(named: "gateway-1")?.rpc == Address("127.0.0.1:7101"))
        #expect(map.node(named: "gateway-1")?.admin == Address("127.0.0.1:7201"))
        #expect(map.node(named: "gateway-2")?.client == Address("127.0.0.1:8081"))
        #expect(map.node(named: "session-3")?.rpc == Address("127.0.0.1:7123"))
        #expect(map.node(named: "persistence-1")?.admin == Address("127.0.0.1:7251"))
        #expect(map.storageMode == .temporary)
    }

    @Test func largerLayoutsKeepTheirPortsApart() throws {
        let map = try ClusterMap.local(
            LocalCounts(gateways: 3, parsers: 40, sessions: 20, groups: 9, lastSeens: 10, persistences: 4, medias: 2, apis: 2))
        #expect(map.nodes.count == 90)
        let ports = map.nodes.flatMap { [$0.rpc.port, $0.admin.port] + ($0.client.map { [$0.port] } ?? []) }
        #expect(Set(ports).count == 90 * 2 + 7)
        #expect(ports.allSatisfy { $0 < 32_768 })
    }

    @Test func impossibleLayoutsAreRefused() {
        #expect(throws: ClusterProblem.roleMissing(.session)) { try ClusterMap.local(LocalCounts(sessions: 0)) }
        #expect(throws: ClusterProblem.address("127.0.0.1:32768")) { try ClusterMap.local(rpcPortBase: 32_767) }
        #expect(throws: ClusterProblem.portTwice(Address("127.0.0.1:7101")!, usedBy: "gateway-1")) {
            try ClusterMap.local(clientPortBase: 7_100)
        }
        #expect(throws: ClusterProblem.tooManyNodes) { try ClusterMap.local(LocalCounts(parsers: 1_001)) }
        #expect(throws: ClusterProblem.epoch("0")) { try ClusterMap.local(epoch: 0) }
    }
}

@Suite("The cluster map")
struct ClusterMapTests {
    @Test func ofEachPairThatTalksExactlyOneDials() throws {
        let map = try ClusterMap.local(LocalCounts(medias: 1, apis: 1))
        for (first, left) in map.nodes.enumerated() {
            for (second, right) in map.nodes.enumerated() {
                let dials = [map.dials(left.id, right.id), map.dials(right.id, left.id)]
                let talk = left.id != right.id && left.role.talks(to: right.role)
                #expect(map.talk(left.id, right.id) == talk)
                #expect(dials.filter { $0 }.count == (talk ? 1 : 0))
                #expect(map.dials(left.id, right.id) == (talk && first < second))
            }
        }
    }

    @Test func peersAreThoseOfTheTable() throws {
        let map = try ClusterMap.local()
        let session = try #require(map.node(named: "session-2"))
        #expect(
            map.peers(of: session.id).map(\.name) == [
                "gateway-1", "gateway-2", "parser-1", "parser-2", "session-1", "session-3", "group-1", "group-2",
                "last-seen-1", "last-seen-2", "persistence-1",
            ])
    }

    @Test func idsComeFromTheNamesAlone() throws {
        let map = try ClusterMap.local(LocalCounts(sessions: 11))
        #expect(map.nodes(of: .session).prefix(3).map(\.name) == ["session-1", "session-10", "session-11"])
        for node in map.nodes {
            #expect(node.id == NodeID(name: node.name))
            #expect(map.node(node.id) == node)
        }
        #expect(map.node(NodeID(name: "nobody")) == nil)
    }

    @Test(arguments: [Role.session, .group, .lastSeen, .persistence])
    func theRingOfARoleLeadsToItsNodes(role: Role) throws {
        let map = try ClusterMap.local(LocalCounts(sessions: 12, persistences: 2))
        let ring = map.ring(of: role)
        let expected = map.nodes(of: role).map(\.id)
        #expect(ring.nodeIDs == expected)
        var seen: Set<NodeID> = []
        for number in 0..<500 {
            let key = "user-\(number)".utf8
            let slot = ring.slot(of: key)
            let owner = ring.owner(ofKey: key)
            #expect(owner == ring.owner(of: slot))
            #expect(map.node(owner)?.name == ring.table.members[ring.table.owner(of: slot)].name)
            let preference = ring.preference(of: slot)
            #expect(preference.first == owner)
            #expect(Set(preference).count == min(expected.count, 8))
            #expect(ring.firstLive(slot) { _ in true } == owner)
            #expect(ring.firstLive(slot) { $0 != owner } == preference.dropFirst().first)
            #expect(ring.firstLive(slot) { _ in false } == nil)
            seen.insert(owner)
        }
        #expect(seen.count == expected.count)
    }

    @Test func weightsReachTheRing() throws {
        let map = try ClusterMap.parse(goodFile)
        let shares = map.ring(of: .session).table.shares
        #expect(map.ring(of: .session).table.members.map(\.weight) == [1, 3])
        #expect((47_000...51_200).contains(shares[1]))
    }

    @Test func aHigherEpochAloneMovesNobody() throws {
        let old = try ClusterMap.local(epoch: 1)
        let new = try ClusterMap.local(epoch: 2)
        #expect(old != new)
        #expect(new.ring(of: .session).table.parameters.epoch == 2)
        #expect(new.ring(of: .session).table.moved(from: old.ring(of: .session).table) == [])
    }

    @Test func addressesReadAndWriteAlike() {
        for text in ["127.0.0.1:1", "localhost:65535", "a-b.example.org:80", "0.0.0.0:7000", "9gag:80"] {
            #expect(Address(text)?.description == text)
        }
        #expect(Address("LOCALHOST:80") == Address("localhost:80"))
        for text in [
            "", ":80", "a:", "a:080", "a:+1", "a b:1", "-a:1", "a..b:1", "01.2.3.4:5", "[::1]:80", "1.2.3.4.5:6",
        ] {
            #expect(Address(text) == nil, "\(text)")
        }
        #expect(Address(host: String(repeating: "a.", count: 126) + "a", port: 1) != nil)
        #expect(Address(host: String(repeating: "a.", count: 127) + "a", port: 1) == nil)
    }
}
