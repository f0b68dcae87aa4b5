// What `fantail cluster init` writes: the layout of a cluster on one machine, and its secrets.

import Cluster
import Primitives
import Tokens

public enum LocalPlan {
    public static let options = [
        OptionSpec("gateways", "N", "default 2"), OptionSpec("parsers", "N", "default 2"),
        OptionSpec("sessions", "N", "default 3"), OptionSpec("groups", "N", "default 2"),
        OptionSpec("last-seens", "N", "default 2"), OptionSpec("persistences", "N", "default 1"),
        OptionSpec("medias", "N", "default 0: no pictures and files"),
        OptionSpec("apis", "N", "default 0: no API for a product's backend"),
        OptionSpec("port-base", "N", "clients come in from N + 1080, rpc is from N + 100; default 7000"),
        OptionSpec("archive", nil, "keep messages for ever; default: until delivered"),
        OptionSpec("database", "URL", "keep messages in this PostgreSQL database; default: in a file for each persistence node"),
        OptionSpec("development-login", nil, "gateways mint tokens for anybody at this machine; default: they do not"),
        OptionSpec("tls", nil, "gateways, media and api speak TLS, with HOME/secrets/tls.crt and tls.key; default: they do not"),
        OptionSpec("force", nil, "write cluster.conf anew although it has other counts"),
    ]

    /// All ports follow from one: rpc ports begin above N + 100 (7101), client ports at N + 1080 (8080).
    private static let portBaseDefault = 7000
    /// With the largest cluster the ports still end below those that the kernel gives to outgoing connections (32768).
    private static let portBaseRange = 1024...28_000

    /// The map that was asked for.
    /// - Parameter existing: what stands there already: a count that is not named stays as it is.
    public static func map(_ arguments: Arguments, epoch: UInt32 = 1, existing: ClusterMap? = nil) throws(CommandFailure) -> ClusterMap {
        var counts = existing.map(LocalCounts.init(of:)) ?? LocalCounts()
        let range = 1...64
        if let number = try arguments.number("gateways", range) { counts.gateways = number }
        if let number = try arguments.number("parsers", range) { counts.parsers = number }
        if let number = try arguments.number("sessions", range) { counts.sessions = number }
        if let number = try arguments.number("groups", range) { counts.groups = number }
        if let number = try arguments.number("last-seens", range) { counts.lastSeens = number }
        if let number = try arguments.number("persistences", range) { counts.persistences = number }
        if let number = try arguments.number("medias", 0...64) { counts.medias = number }
        if let number = try arguments.number("apis", 0...64) { counts.apis = number }
        let portBase = try arguments.number("port-base", portBaseRange) ?? existing.flatMap(portBase(of:)) ?? portBaseDefault
        let storageMode = arguments.has("archive") ? .archive : existing?.storageMode ?? .temporary
        let hasLogin = arguments.has("development-login") || existing?.hasDevelopmentLogin ?? false
        let rules = TLSRules(clients: arguments.has("tls") || existing?.tlsRules.clients ?? false, peers: existing?.tlsRules.peers ?? false)
        var database = existing?.database
        if let text = arguments.value("database") {
            guard let url = DatabaseURL(text) else { throw .usage("\(ClusterProblem.database(text))") }
            database = url
        }
        do throws(ClusterProblem) {
            return try ClusterMap.local(
                counts, epoch: epoch, storageMode: storageMode, tlsRules: rules, hasDevelopmentLogin: hasLogin, database: database,
                clientPortBase: portBase + 1080, rpcPortBase: portBase + 100)
        } catch {
            throw .usage("\(error)")
        }
    }

    /// How an existing cluster differs from what was asked for; nil when it does not.
    public static func difference(existing: ClusterMap, wanted: ClusterMap) -> String? {
        var parts: [String] = []
        for role in Role.allCases where existing.nodes(of: role).count != wanted.nodes(of: role).count {
            parts.append("\(existing.nodes(of: role).count) \(role.name), not \(wanted.nodes(of: role).count)")
        }
        if existing.storageMode != wanted.storageMode {
            parts.append("store \(existing.storageMode.rawValue), not \(wanted.storageMode.rawValue)")
        }
        if existing.tlsRules != wanted.tlsRules { parts.append("no TLS with clients") }
        if existing.database != wanted.database {
            func place(_ url: DatabaseURL?) -> String { url.map { "database \($0)" } ?? "files" }
            parts.append("\(place(existing.database)), not \(place(wanted.database)); fantail store migrate moves what is there")
        }
        if let existing = portBase(of: existing), let wanted = portBase(of: wanted), existing != wanted {
            parts.append("port base \(existing), not \(wanted)")
        }
        return parts.isEmpty ? nil : parts.joined(separator: "; ")
    }

    /// The port base that the first client port tells of; nil for a layout that was not made here.
    private static func portBase(of map: ClusterMap) -> Int? {
        map.nodes(of: .gateway).first?.client.map { Int($0.port) - 1080 }.flatMap { portBaseRange.contains($0) ? $0 : nil }
    }

    /// One key, with which a product's backend may ask.
    /// - Parameter random: 32 bytes nobody can guess.
    public static func apiKeys(random: [UInt8]) -> [UInt8] {
        precondition(random.count == 32)
        return Array("# name key\nlocal-1 \(Base64URL.string(random))\n".utf8)
    }

    /// 64 hex digits and a line end.
    /// - Parameter random: 32 bytes nobody can guess.
    public static func clusterKey(random: [UInt8]) -> [UInt8] {
        precondition(random.count == 32)
        return Array((HexDigits.text(random) + "\n").utf8)
    }

    /// A key file with one key that may mint.
    /// - Parameter random: 32 bytes nobody can guess.
    public static func tokenKeys(random: [UInt8]) -> [UInt8] {
        precondition(random.count == TokenLimits.secretBytesMin)
        do {
            let key = try TokenKey(kid: "local-1", material: .secret(random), maySign: true)
            return Array("# kid algorithm key (base64url) [sign: fantail may mint with it]\n\(key.fileLine)\n".utf8)
        } catch {
            preconditionFailure("32 bytes make an HS256 key, but: \(error.sentence)")
        }
    }
}

extension LocalCounts {
    /// The counts of a cluster that exists.
    init(of map: ClusterMap) {
        func count(_ role: Role) -> Int { map.nodes(of: role).count }
        self.init(
            gateways: count(.gateway), parsers: count(.parser), sessions: count(.session), groups: count(.group),
            lastSeens: count(.lastSeen), persistences: count(.persistence), medias: count(.media), apis: count(.api))
    }
}
