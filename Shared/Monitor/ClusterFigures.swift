// What the whole cluster does, worked out of looks at all its nodes.

import Cluster
import Ring

/// What is shown of a cluster.
public struct ClusterFigures: Sendable {
    /// The calls that nodes of one role make to those of another, as the callers see them.
    public struct Hop: Equatable, Sendable {
        public var from: Role
        public var to: Role
        /// Answers a second.
        public var rate: Double
        /// From the call to its answer, seconds.
        public var median: Double
        public var p99: Double
    }

    /// A node's part of a ring.
    public struct Share: Equatable, Sendable {
        public var node: Node
        /// Of 1.
        public var part: Double
    }

    public let map: ClusterMap
    /// Between the two looks; 0: there was only one.
    public let seconds: Double
    /// In the order of the map.
    public let nodes: [NodeFigures]
    public let warnings: [[String]]
    public let hops: [Hop]
    /// Nil: nothing to compare with yet.
    public let messageRate: Double?
    public let deliveryRate: Double?
    public let clientCount: Double

    /// - Parameters:
    ///   - looks: for each node of the map, in its order.
    ///   - seconds: between the looks before and these; 0 when there were none.
    /// - Complexity: O(nodes squared) for links, and O(figures).
    public init(_ map: ClusterMap, _ looks: [NodeLook], seconds: Double) {
        precondition(looks.count == map.nodes.count)
        self.map = map
        self.seconds = seconds
        nodes = zip(map.nodes, looks).map { NodeFigures($0, $1, map, seconds: seconds) }
        warnings = looks.map(\.warnings)
        clientCount = looks.reduce(0) { $0 + ($1.now?["fantail_gateway_connections"] ?? 0) }
        func rate(_ name: String) -> Double? {
            guard seconds > 0 else { return nil }
            let gain = looks.reduce(0.0) { sum, look in
                guard let now = look.now, let before = look.before else { return sum }
                return sum + now.gain(name, since: before)
            }
            return gain / seconds
        }
        messageRate = rate("fantail_session_messages_stored_total")
        deliveryRate = rate("fantail_session_entries_pushed_total")
        hops = Self.hops(map, looks, seconds)
    }

    public var readyCount: Int { nodes.count { $0.state == .ready } }
    /// The highest of all.
    public var level: Int { nodes.map(\.level).max() ?? 0 }

    /// What is given up at a level of load, 0 to 4.
    public static let levelMeanings = ["calm", "typing given up", "last seen given up", "receipts wait", "messages refused"]

    /// Who has which part of the users, or groups, of a role.
    public func shares(of role: Role) -> [Share] {
        let slots = map.ring(of: role).table.shares
        return zip(map.nodes(of: role), slots).map { Share(node: $0, part: Double($1) / Double(RingLimits.slotCount)) }
    }

    private static func hops(_ map: ClusterMap, _ looks: [NodeLook], _ seconds: Double) -> [Hop] {
        guard seconds > 0 else { return [] }
        var hops: [Hop] = []
        for from in Role.allCases {
            for to in Role.allCases {
                var all = Distribution()
                for (node, look) in zip(map.nodes, looks) where node.role == from {
                    guard let now = look.now, let before = look.before else { continue }
                    all.add(now.distribution("fantail_rpc_answer_seconds{service=\"\(to.name)\"}", since: before))
                }
                guard let median = all.quantile(0.5), let p99 = all.quantile(0.99) else { continue }
                hops.append(Hop(from: from, to: to, rate: all.count / seconds, median: median, p99: p99))
            }
        }
        return hops
    }
}
