// Who is in the cluster: the typed value that a cluster file stands for.
//
// Every process reads the same file and must draw the same conclusions. So nodes are put in one canonical order, by
// role and then by the bytes of their names; a node's id is made of its name alone, so that it outlives the epoch. A value
// of this type has passed every check: no name is used twice, every required role is there, each ring is built. Code that
// holds one need not ask again.

import Groups
import Primitives
import Ring

/// A node as one line of the file gives it.
public struct NodeLine: Hashable, Sendable {
    public var role: Role
    /// Unique in the cluster: `[a-z0-9-]`, 1...`ClusterLimits.nodeNameBytesMax` bytes, no dash at either end.
    public var name: String
    /// Where other nodes reach it.
    public var rpc: Address
    /// Where metrics and the health page are.
    public var admin: Address
    /// Where clients reach it: gateways and api nodes must have one, a media node may, nobody else.
    public var client: Address?
    /// What links of a media node begin with, when clients do not reach it at `client` itself.
    public var publicURL: PublicURL?
    /// Where a media node puts its files; nil: into its own folder.
    public var objectStore: ObjectStorePlace?
    /// Its share of a ring compared with others of its role, 1...`RingLimits.weightMax`; 1 for roles without a ring.
    public var weight: Int
    /// It is to leave: it has no share of a ring, and gets no new clients. Only for roles that may (`Role.mayDrain`).
    public var isDraining: Bool

    /// - Parameters:
    ///   - weight: default 1.
    ///   - isDraining: default false.
    public init(
        role: Role, name: String, rpc: Address, admin: Address, client: Address? = nil, publicURL: PublicURL? = nil,
        objectStore: ObjectStorePlace? = nil, weight: Int = 1, isDraining: Bool = false
    ) {
        self.role = role
        self.name = name
        self.rpc = rpc
        self.admin = admin
        self.client = client
        self.publicURL = publicURL
        self.objectStore = objectStore
        self.weight = weight
        self.isDraining = isDraining
    }
}

/// A node of a checked cluster; the fields are those of `NodeLine`.
public struct Node: Hashable, Sendable {
    public let id: NodeID
    public let role: Role
    public let name: String
    public let rpc: Address
    public let admin: Address
    public let client: Address?
    public let publicURL: PublicURL?
    public let objectStore: ObjectStorePlace?
    public let weight: Int
    public let isDraining: Bool

    init(_ line: NodeLine) {
        id = NodeID(name: line.name)
        role = line.role
        name = line.name
        rpc = line.rpc
        admin = line.admin
        client = line.client
        publicURL = line.publicURL
        objectStore = line.objectStore
        weight = line.weight
        isDraining = line.isDraining
    }
}

/// How long messages stay.
public enum StorageMode: String, CaseIterable, Hashable, Sendable {
    /// Until every device of the recipient has them.
    case temporary
    /// For ever.
    case archive
}

/// How groups are kept.
public struct GroupRules: Hashable, Sendable {
    /// Members of one group, the owner counted; 2...`GroupLimits.memberCountMax`.
    public var memberCountMax: Int
    /// Failed tries to reach an inbox after which a message's author is told; `ClusterLimits.groupTriesRange`.
    public var tryCountMax: Int
    /// Milliseconds before the first of these tries is repeated, doubled each time; `ClusterLimits.groupRetryMsRange`.
    public var retryMs: Int

    /// The defaults are 1,024 members, 5 tries and 250 ms: an author hears of trouble after about 8 s.
    public init(memberCountMax: Int = GroupLimits.memberCountDefault, tryCountMax: Int = 5, retryMs: Int = 250) {
        self.memberCountMax = memberCountMax
        self.tryCountMax = tryCountMax
        self.retryMs = retryMs
    }
}

/// How presence is judged.
public struct PresenceRules: Hashable, Sendable {
    /// Milliseconds after their last act for which somebody counts as online; `ClusterLimits.onlineMsRange`. Default 30,000.
    public var onlineMs: Int

    public init(onlineMs: Int = 30_000) { self.onlineMs = onlineMs }
}

/// How long media waits, and how much of it one user may announce.
public struct FileRules: Hashable, Sendable {
    /// Seconds in which an upload must be finished; `ClusterLimits.fileSecondsRange`, as the next two. Default an hour.
    public var uploadSeconds: Int
    /// Seconds in which a link for a download may be followed. Default five minutes.
    public var linkSeconds: Int
    /// Seconds that a file waits for somebody to keep it. Default a day.
    public var orphanSeconds: Int
    /// MiB that one user may announce within 24 hours; `ClusterLimits.dayMiBRange`. Default 1,024.
    public var dayMiB: Int

    public init(uploadSeconds: Int = 3_600, linkSeconds: Int = 300, orphanSeconds: Int = 86_400, dayMiB: Int = 1_024) {
        self.uploadSeconds = uploadSeconds
        self.linkSeconds = linkSeconds
        self.orphanSeconds = orphanSeconds
        self.dayMiB = dayMiB
    }
}

/// Which connections speak TLS. Certificates and keys are files of each machine; the cluster file does not name them.
public struct TLSRules: Hashable, Sendable {
    /// Gateways, media and api nodes speak it with clients, at `client=`. Default false.
    public var clients: Bool
    /// Services speak it with each other, and each shows a certificate that names it. Default false.
    public var peers: Bool

    public init(clients: Bool = false, peers: Bool = false) {
        self.clients = clients
        self.peers = peers
    }
}

/// How much one client may ask of a gateway. 0: no limit.
public struct LimitRules: Hashable, Sendable {
    /// Frames a second of one user, over all her connections at a gateway; up to `ClusterLimits.framesMax`.
    public var framesPerSecond: Int
    /// KiB a second of the same; `ClusterLimits.kibRange`.
    public var kibPerSecond: Int
    /// Connections a second from one address; up to `ClusterLimits.connectsMax`.
    public var connectsPerSecond: Int

    /// The defaults are 5,000 frames, 8,192 KiB and 5,000 connections a second: no person comes near, nor does a load test
    /// of one machine; a loop without a pause does.
    public init(framesPerSecond: Int = 5_000, kibPerSecond: Int = 8_192, connectsPerSecond: Int = 5_000) {
        self.framesPerSecond = framesPerSecond
        self.kibPerSecond = kibPerSecond
        self.connectsPerSecond = connectsPerSecond
    }
}

/// A checked cluster: an immutable value that all processes of one epoch agree on.
public struct ClusterMap: Sendable {
    /// `[a-z0-9-]`, 1...`ClusterLimits.clusterNameBytesMax` bytes.
    public let name: String
    /// The version of this map, 1 and up; a higher one replaces it.
    public let epoch: UInt32
    public let storageMode: StorageMode
    /// How long a message that nobody fetches is kept, seconds; `ClusterLimits.expirySecondsRange`.
    public let expirySeconds: Int
    /// From which web pages browsers may connect, like `https://chat.example.org`. Empty: the file says nothing, and
    /// the gateway's own default applies.
    public let origins: [String]
    public let groupRules: GroupRules
    public let presenceRules: PresenceRules
    public let limitRules: LimitRules
    public let fileRules: FileRules
    public let tlsRules: TLSRules
    /// Gateways mint a token for any name that somebody at this machine asks for. Then all of them listen on loopback
    /// addresses only.
    public let hasDevelopmentLogin: Bool
    /// The database that all persistence nodes share; nil: each has a file of its own.
    public let database: DatabaseURL?
    /// Who is told of what happens; nil: nobody.
    public let webhooks: WebhookRules?
    /// Seed, load bound and epoch of all rings.
    public let ringParameters: RingParameters
    /// All nodes in canonical order.
    public let nodes: [Node]

    private let nodesByRole: [[Node]]
    private let ringsByRole: [RoutedRing?]
    private let placesByID: [NodeID: Int]

    /// Checks everything and builds the rings.
    /// - Parameters:
    ///   - ringParameters: its epoch is replaced by that of the map.
    ///   - nodes: in any order.
    ///   - former: a map whose rings are taken over where they have the same members; the result is the same without it.
    /// - Throws: the first problem found.
    /// - Complexity: O(nodes × log nodes), and a few milliseconds for each ring that is built.
    public init(
        name: String, epoch: UInt32, ringParameters: RingParameters = RingParameters(), storageMode: StorageMode,
        expirySeconds: Int = ClusterLimits.expirySecondsDefault, origins: [String] = [],
        groupRules: GroupRules = GroupRules(), presenceRules: PresenceRules = PresenceRules(), limitRules: LimitRules = LimitRules(),
        fileRules: FileRules = FileRules(), tlsRules: TLSRules = TLSRules(), hasDevelopmentLogin: Bool = false,
        database: DatabaseURL? = nil, webhooks: WebhookRules? = nil, nodes: [NodeLine], after former: ClusterMap? = nil
    ) throws(ClusterProblem) {
        try ClusterCheck.name(name)
        try ClusterCheck.epoch(epoch)
        try ClusterCheck.expiry(expirySeconds)
        try ClusterCheck.loadPermille(ringParameters.loadPermille)
        try ClusterCheck.origins(origins)
        try ClusterCheck.groups(groupRules)
        try ClusterCheck.presence(presenceRules)
        try ClusterCheck.limits(limitRules)
        try ClusterCheck.files(fileRules)
        var check = NodeCheck()
        for node in nodes { try check.add(node) }
        try check.finish()
        if let webhooks { try ClusterCheck.webhooks(webhooks, nodes) }
        if hasDevelopmentLogin { try ClusterCheck.developmentLogin(nodes) }
        self.init(
            checkedName: name, epoch: epoch, ringParameters: ringParameters, storageMode: storageMode,
            expirySeconds: expirySeconds, origins: origins, groupRules: groupRules, presenceRules: presenceRules,
            limitRules: limitRules, fileRules: fileRules, tlsRules: tlsRules, hasDevelopmentLogin: hasDevelopmentLogin, database: database,
            webhooks: webhooks, nodes: nodes, after: former)
    }

    private init(
        checkedName name: String, epoch: UInt32, ringParameters: RingParameters, storageMode: StorageMode,
        expirySeconds: Int, origins: [String], groupRules: GroupRules, presenceRules: PresenceRules, limitRules: LimitRules,
        fileRules: FileRules, tlsRules: TLSRules, hasDevelopmentLogin: Bool, database: DatabaseURL?, webhooks: WebhookRules?,
        nodes lines: [NodeLine], after former: ClusterMap?
    ) {
        self.name = name
        self.epoch = epoch
        self.storageMode = storageMode
        self.expirySeconds = expirySeconds
        self.origins = origins.map(Ascii.lowercased)
        self.groupRules = groupRules
        self.presenceRules = presenceRules
        self.limitRules = limitRules
        self.fileRules = fileRules
        self.tlsRules = tlsRules
        self.hasDevelopmentLogin = hasDevelopmentLogin
        self.database = database
        self.webhooks = webhooks
        var parameters = ringParameters
        parameters.epoch = epoch
        self.ringParameters = parameters

        let sorted = lines.sorted { left, right in
            left.role != right.role
                ? left.role < right.role : left.name.utf8.lexicographicallyPrecedes(right.name.utf8)
        }
        let nodes = sorted.map { Node($0) }
        let byRole = Role.allCases.map { role in nodes.filter { $0.role == role } }
        self.nodes = nodes
        nodesByRole = byRole
        placesByID = Dictionary(uniqueKeysWithValues: nodes.enumerated().map { ($0.element.id, $0.offset) })
        ringsByRole = zip(Role.allCases, byRole).map { role, members in
            role.hasRing ? RoutedRing(members, parameters, after: former?.ring(of: role)) : nil
        }
    }

    /// The nodes of a role in canonical order.
    public func nodes(of role: Role) -> [Node] { nodesByRole[Int(role.rawValue) - 1] }

    /// The node with a name, nil if there is none.
    public func node(named name: String) -> Node? { node(NodeID(name: name)).flatMap { $0.name == name ? $0 : nil } }

    /// The node with an id, for instance one from the network; nil if there is none under this epoch.
    public func node(_ id: NodeID) -> Node? { placesByID[id].map { nodes[$0] } }

    /// The ring over the nodes of a role. For persistence it says in which partition a key is kept.
    ///
    /// Stops the process for a role without a ring, see `Role.hasRing`: that is a mistake in our code.
    public func ring(of role: Role) -> RoutedRing {
        guard let ring = ringsByRole[Int(role.rawValue) - 1] else {
            preconditionFailure("the role \(role.name) has no ring")
        }
        return ring
    }

    /// What links to an address for clients begin with.
    public func clientOrigin(_ address: Address) -> String { "\(tlsRules.clients ? "https" : "http")://\(address)" }

    /// Whether two nodes keep a connection.
    public func talk(_ left: NodeID, _ right: NodeID) -> Bool {
        guard left != right, let left = node(left), let right = node(right) else { return false }
        return left.role.talks(to: right.role)
    }

    /// Whether `dialler` opens the connection between two nodes: of each pair that talks, the one that comes first in
    /// canonical order does, under every epoch the same.
    public func dials(_ dialler: NodeID, _ listener: NodeID) -> Bool {
        guard let first = placesByID[dialler], let second = placesByID[listener] else { return false }
        return first < second && talk(dialler, listener)
    }

    /// All nodes that a node keeps a connection with, in canonical order; none for a node that is not of this cluster.
    /// - Complexity: O(nodes).
    public func peers(of id: NodeID) -> [Node] { nodes.filter { talk(id, $0.id) } }
}

extension ClusterMap: Equatable {
    /// Everything else follows from these.
    public static func == (left: ClusterMap, right: ClusterMap) -> Bool {
        left.name == right.name && left.epoch == right.epoch && left.storageMode == right.storageMode
            && left.expirySeconds == right.expirySeconds && left.origins == right.origins
            && left.groupRules == right.groupRules && left.presenceRules == right.presenceRules
            && left.limitRules == right.limitRules && left.fileRules == right.fileRules && left.tlsRules == right.tlsRules
            && left.hasDevelopmentLogin == right.hasDevelopmentLogin && left.database == right.database && left.webhooks == right.webhooks
            && left.ringParameters == right.ringParameters && left.nodes == right.nodes
    }
}
