// The cluster that `run.sh` starts on one machine.
//
// Ports are laid out so that one can guess them: rpc from 7100, admin from 7200, a block of ten for each role in the
// order of the roles, and within the block the number of the node. gateway-1 is 7101 and 7201, session-3 is 7123 and
// 7223, and so on. Clients come in at 8080, 8081 and up. When a role has more nodes than fit, the blocks grow for all
// roles alike.

import Ring

/// How many nodes of each role a cluster on one machine has.
public struct LocalCounts: Hashable, Sendable {
    public var gateways: Int
    public var parsers: Int
    public var sessions: Int
    public var groups: Int
    public var lastSeens: Int
    public var persistences: Int
    public var medias: Int
    public var apis: Int

    /// The defaults are the smallest numbers that show how the work is divided; the store is one file, so one
    /// partition.
    public init(
        gateways: Int = 2, parsers: Int = 2, sessions: Int = 3, groups: Int = 2, lastSeens: Int = 2,
        persistences: Int = 1, medias: Int = 0, apis: Int = 0
    ) {
        self.gateways = gateways
        self.parsers = parsers
        self.sessions = sessions
        self.groups = groups
        self.lastSeens = lastSeens
        self.persistences = persistences
        self.medias = medias
        self.apis = apis
    }

    /// The number of nodes of a role.
    public subscript(role: Role) -> Int {
        switch role {
        case .gateway: gateways
        case .parser: parsers
        case .session: sessions
        case .group: groups
        case .lastSeen: lastSeens
        case .persistence: persistences
        case .media: medias
        case .api: apis
        }
    }
}

extension ClusterMap {
    /// Makes the layout of a cluster on one machine.
    /// - Parameters:
    ///   - counts: nodes of each role; at least one of each role but media and api.
    ///   - host: where all listen, default 127.0.0.1.
    ///   - clientPortBase: the first gateway's port for clients, default 8080; the others follow, then media and api nodes.
    ///   - rpcPortBase: default 7100; the first node has the port after it.
    ///   - adminPortBase: default 100 above `rpcPortBase`, or more hundreds when the rpc ports reach further.
    /// - Throws: `ClusterProblem`: a role without a node, too many nodes, or ports that overlap or go above
    ///   `ClusterLimits.localPortMax`.
    public static func local(
        _ counts: LocalCounts = LocalCounts(), name: String = "local", epoch: UInt32 = 1,
        ringParameters: RingParameters = RingParameters(), storageMode: StorageMode = .temporary,
        expirySeconds: Int = ClusterLimits.expirySecondsDefault, origins: [String] = [],
        groupRules: GroupRules = GroupRules(), limitRules: LimitRules = LimitRules(), tlsRules: TLSRules = TLSRules(),
        hasDevelopmentLogin: Bool = false, database: DatabaseURL? = nil, host: String = "127.0.0.1",
        clientPortBase: Int = 8080, rpcPortBase: Int = 7100, adminPortBase: Int? = nil
    ) throws(ClusterProblem) -> ClusterMap {
        let largest = Role.allCases.map { counts[$0] }.max() ?? 0
        guard largest <= ClusterLimits.nodeCountMax else { throw .tooManyNodes }
        let block = roundedUp(largest + 1, to: 10)
        let span = roundedUp(block * Role.allCases.count, to: 100)
        let adminPortBase = adminPortBase ?? rpcPortBase + span

        func address(_ port: Int) throws(ClusterProblem) -> Address {
            guard (1...ClusterLimits.localPortMax).contains(port),
                let address = Address(host: host, port: UInt16(port))
            else { throw .address("\(host):\(port)") }
            return address
        }

        var nodes: [NodeLine] = []
        var clientPort = clientPortBase
        for (roleIndex, role) in Role.allCases.enumerated() where counts[role] > 0 {
            for number in 1...counts[role] {
                let offset = roleIndex * block + number
                var node = NodeLine(
                    role: role, name: "\(role.name)-\(number)", rpc: try address(rpcPortBase + offset),
                    admin: try address(adminPortBase + offset))
                if role.servesClients {
                    node.client = try address(clientPort)
                    clientPort += 1
                }
                nodes.append(node)
            }
        }
        return try ClusterMap(
            name: name, epoch: epoch, ringParameters: ringParameters, storageMode: storageMode,
            expirySeconds: expirySeconds, origins: origins, groupRules: groupRules, limitRules: limitRules, tlsRules: tlsRules,
            hasDevelopmentLogin: hasDevelopmentLogin, database: database, nodes: nodes)
    }

    private static func roundedUp(_ number: Int, to step: Int) -> Int { (number + step - 1) / step * step }
}
