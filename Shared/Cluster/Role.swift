// The kinds of process in a cluster, and which kinds talk to each other.
//
// One table answers three questions: whom does a process dial, whose call does it accept, and what must a firewall let
// through. A connection between two nodes is dialled by the one that comes first by role and name, so that there is exactly
// one for each pair and nobody waits for the other to begin.

/// What a node does. The numbers travel in the hello of a connection: they are never changed and never used again.
public enum Role: UInt8, CaseIterable, Hashable, Comparable, Sendable {
    /// Holds the clients' connections.
    case gateway = 1
    /// Turns client bytes into typed messages and back.
    case parser = 2
    /// Holds its ring share of users: devices and deliveries in flight.
    case session = 3
    /// Holds its ring share of groups: members, roles, fan-out.
    case group = 4
    /// Holds its ring share of last activity and of who watches whom.
    case lastSeen = 5
    /// The only one that touches a database.
    case persistence = 6
    /// Images and video; off the chat path.
    case media = 7
    /// The door of the product that embeds the cluster: its backend asks over HTTP.
    case api = 8

    /// The name in the cluster file, in logs and of the executable.
    public var name: String {
        switch self {
        case .gateway: "gateway"
        case .parser: "parser"
        case .session: "session"
        case .group: "group"
        case .lastSeen: "last-seen"
        case .persistence: "persistence"
        case .media: "media"
        case .api: "api"
        }
    }

    /// The role of a name, nil if there is none.
    public init?(name: String) {
        guard let role = Role.allCases.first(where: { $0.name == name }) else { return nil }
        self = role
    }

    /// Whether the nodes of this role divide the keys among them by a ring; only then a weight has a meaning.
    public var hasRing: Bool {
        switch self {
        case .session, .group, .lastSeen, .persistence: true
        case .gateway, .parser, .media, .api: false
        }
    }

    /// Whether a node of this role may be drained: what it holds can be held by another. Rows stay in their partition, files in
    /// their folder, and what a webhook was not told yet in its queue.
    public var mayDrain: Bool {
        switch self {
        case .gateway, .parser, .session, .group, .lastSeen: true
        case .persistence, .media, .api: false
        }
    }

    /// Whether a cluster cannot work without a node of this role.
    public var isRequired: Bool { self != .media && self != .api }

    /// Whether nodes of this role listen for clients and may so have a `client` address.
    public var servesClients: Bool {
        switch self {
        case .gateway, .media, .api: true
        case .parser, .session, .group, .lastSeen, .persistence: false
        }
    }

    /// Whether nodes of these two roles keep a connection. Symmetric.
    public func talks(to other: Role) -> Bool {
        let low = min(self, other)
        let high = max(self, other)
        // The door of the product asks shards and stores, and sees of everybody whether they are there.
        if high == .api { return low != .api }
        return switch low {
        // Frames of clients to the parser, devices to sessions, rendered answers back; who typed and who was seen; links.
        case .gateway: [.parser, .session, .group, .lastSeen, .media].contains(high)
        // A decoded message goes straight to the shard that serves it.
        case .parser: [.session, .group, .lastSeen, .media].contains(high)
        // Receipts travel from shard to shard; fan-outs come in from groups; connections that ended, settings; inboxes are stored.
        case .session: [.session, .group, .lastSeen, .persistence].contains(high)
        case .group: high == .persistence
        // Who watches and who is watched may live at two shards.
        case .lastSeen: [.lastSeen, .persistence].contains(high)
        case .persistence, .media, .api: false
        }
    }

    public static func < (left: Role, right: Role) -> Bool { left.rawValue < right.rawValue }
}
