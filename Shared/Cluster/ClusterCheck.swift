// The rules that a cluster must keep, apart from how it is written down. The file and the initialiser share them.

import Groups
import Primitives
import Ring

/// Rules for single values.
enum ClusterCheck {
    static func name(_ name: String) throws(ClusterProblem) {
        guard Ascii.isLabel(name.utf8), name.utf8.count <= ClusterLimits.clusterNameBytesMax else {
            throw .clusterName(name)
        }
    }

    static func epoch(_ epoch: UInt32) throws(ClusterProblem) {
        guard epoch >= 1 else { throw .epoch("\(epoch)") }
    }

    static func expiry(_ seconds: Int) throws(ClusterProblem) {
        guard ClusterLimits.expirySecondsRange.contains(seconds) else { throw .expiry("\(seconds)s") }
    }

    static func loadPermille(_ permille: Int) throws(ClusterProblem) {
        guard RingLimits.loadPermilleRange.contains(permille) else { throw .load("\(permille)/1000") }
    }

    static func origins(_ origins: [String]) throws(ClusterProblem) {
        guard origins.count <= ClusterLimits.originCountMax else { throw .tooManyOrigins(count: origins.count) }
        for origin in origins where !isOrigin(origin) { throw .origin(origin) }
    }

    static func groups(_ rules: GroupRules) throws(ClusterProblem) {
        guard (2...GroupLimits.memberCountMax).contains(rules.memberCountMax) else { throw .groups("members=\(rules.memberCountMax)") }
        guard ClusterLimits.groupTriesRange.contains(rules.tryCountMax) else { throw .groups("tries=\(rules.tryCountMax)") }
        guard ClusterLimits.groupRetryMsRange.contains(rules.retryMs) else { throw .groups("retry-ms=\(rules.retryMs)") }
    }

    /// Whoever reaches a gateway may become anybody: nobody but this machine may reach one.
    static func developmentLogin(_ nodes: [NodeLine]) throws(ClusterProblem) {
        for node in nodes where node.role == .gateway {
            guard let client = node.client, client.isLoopback else { throw .loginNotLocal(node: node.name) }
        }
    }

    static func presence(_ rules: PresenceRules) throws(ClusterProblem) {
        guard ClusterLimits.onlineMsRange.contains(rules.onlineMs) else { throw .presence("online-ms=\(rules.onlineMs)") }
    }

    static func limits(_ rules: LimitRules) throws(ClusterProblem) {
        guard (0...ClusterLimits.framesMax).contains(rules.framesPerSecond) else { throw .limits("frames=\(rules.framesPerSecond)") }
        guard rules.kibPerSecond == 0 || ClusterLimits.kibRange.contains(rules.kibPerSecond) else { throw .limits("kib=\(rules.kibPerSecond)") }
        guard (0...ClusterLimits.connectsMax).contains(rules.connectsPerSecond) else {
            throw .limits("connects=\(rules.connectsPerSecond)")
        }
    }

    static func files(_ rules: FileRules) throws(ClusterProblem) {
        for (name, seconds) in [("upload", rules.uploadSeconds), ("link", rules.linkSeconds), ("orphan", rules.orphanSeconds)] {
            guard ClusterLimits.fileSecondsRange.contains(seconds) else { throw .files("\(name)=\(seconds)s") }
        }
        guard ClusterLimits.dayMiBRange.contains(rules.dayMiB) else { throw .files("day-mib=\(rules.dayMiB)") }
    }

    /// An api node keeps what is to be told.
    static func webhooks(_ rules: WebhookRules, _ nodes: [NodeLine]) throws(ClusterProblem) {
        guard !rules.kinds.isEmpty else { throw .webhooks("events=") }
        guard ClusterLimits.hookTriesRange.contains(rules.tryCountMax) else { throw .webhooks("tries=\(rules.tryCountMax)") }
        guard ClusterLimits.hookRetryMsRange.contains(rules.retryMs) else { throw .webhooks("retry-ms=\(rules.retryMs)") }
        guard nodes.contains(where: { $0.role == .api }) else { throw .webhooksWithoutAPI }
    }

    /// `http` or `https`, a host, perhaps a port, and nothing behind (RFC 6454, section 6.2).
    private static func isOrigin(_ origin: String) -> Bool {
        guard origin.utf8.count <= ClusterLimits.originBytesMax else { return false }
        let folded = Ascii.lowercased(origin)
        guard let scheme = ["http://", "https://"].first(where: { folded.hasPrefix($0) }) else { return false }
        let rest = String(folded.dropFirst(scheme.count))
        return Address(rest) != nil || Address(host: rest, port: 1) != nil
    }
}

/// Rules for a node, and for a node beside those before it.
struct NodeCheck {
    private var names: Set<String> = []
    private var portUsers: [String: String] = [:]
    private var namesByID: [NodeID: String] = [:]
    private var roles: Set<Role> = []
    /// With a node that stays.
    private var rolesStaying: Set<Role> = []

    /// Takes one node more into account.
    mutating func add(_ node: NodeLine) throws(ClusterProblem) {
        guard names.count < ClusterLimits.nodeCountMax else { throw .tooManyNodes }
        guard Ascii.isLabel(node.name.utf8) else { throw .nodeName(node.name) }
        guard names.insert(node.name).inserted else { throw .nodeTwice(node.name) }
        if let other = namesByID.updateValue(node.name, forKey: NodeID(name: node.name)) { throw .nameClash(node.name, other) }
        guard !node.isDraining || node.role.mayDrain else { throw .drainNotAllowed(node.role) }
        guard (1...RingLimits.weightMax).contains(node.weight) else { throw .weight("\(node.weight)") }
        guard node.weight == 1 || node.role.hasRing else { throw .weightWithoutRing(node.role) }
        guard node.client == nil || node.role.servesClients else { throw .clientNotAllowed(node.role) }
        guard node.publicURL == nil || node.role == .media else { throw .onlyMedia("public=", node.role) }
        guard node.objectStore == nil || node.role == .media else { throw .onlyMedia("store=", node.role) }
        guard node.client != nil || (node.role != .gateway && node.role != .api && node.publicURL == nil) else { throw .clientMissing(node: node.name) }
        for address in [node.rpc, node.admin, node.client] {
            guard let address else { continue }
            // "Every address of this machine" is another one on each machine, and which machine it is the rpc address says.
            let host = address.canonicalHost == "0.0.0.0" ? node.rpc.canonicalHost : address.canonicalHost
            let key = "\(host):\(address.port)"
            if let user = portUsers.updateValue(node.name, forKey: key) { throw .portTwice(address, usedBy: user) }
        }
        roles.insert(node.role)
        if !node.isDraining { rolesStaying.insert(node.role) }
    }

    /// All nodes are there: is anybody missing?
    func finish() throws(ClusterProblem) {
        for role in Role.allCases where role.isRequired && !roles.contains(role) { throw .roleMissing(role) }
        for role in Role.allCases where roles.contains(role) && !rolesStaying.contains(role) { throw .allDraining(role) }
    }
}
