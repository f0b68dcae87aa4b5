// What `fantail cluster init` writes: the layout of a cluster on one machine, and its secrets.

import Cluster
import Tokens

public enum LocalPlan {
    public static let options = [
        OptionSpec("gateways", "N", "default 2"), OptionSpec("parsers", "N", "default 2"),
        OptionSpec("sessions", "N", "default 3"), OptionSpec("groups", "N", "default 2"),
        OptionSpec("last-seens", "N", "default 2"), OptionSpec("persistences", "N", "default 1"),
        OptionSpec("port-base", "N", "nodes listen from N + 100, clients come in from N + 1080; default 7000"),
        OptionSpec("archive", nil, "keep messages for ever; default: until delivered"),
        OptionSpec("force", nil, "write cluster.conf anew although it has other counts"),
    ]

    /// The map that was asked for.
    public static func map(_ arguments: Arguments, epoch: UInt32 = 1) throws(CommandFailure) -> ClusterMap {
        var counts = LocalCounts()
        let range = 1...64
        if let number = try arguments.number("gateways", range) { counts.gateways = number }
        if let number = try arguments.number("parsers", range) { counts.parsers = number }
        if let number = try arguments.number("sessions", range) { counts.sessions = number }
        if let number = try arguments.number("groups", range) { counts.groups = number }
        if let number = try arguments.number("last-seens", range) { counts.lastSeens = number }
        if let number = try arguments.number("persistences", range) { counts.persistences = number }
        let portBase = try arguments.number("port-base", 1_000...(ClusterLimits.localPortMax - 2_000)) ?? 7_000
        do throws(ClusterProblem) {
            return try ClusterMap.local(
                counts, epoch: epoch, storageMode: arguments.has("archive") ? .archive : .temporary,
                clientPortBase: portBase + 1_080, rpcPortBase: portBase + 100)
        } catch {
            throw .usage("\(error)")
        }
    }

    /// How an existing cluster differs from what was asked for; nil when it does not. What was not named is not compared: a
    /// plain `init` is content with any cluster.
    public static func difference(existing: ClusterMap, wanted: ClusterMap, _ arguments: Arguments) -> String? {
        var parts: [String] = []
        for role in Role.allCases where arguments.has("\(role.name)s") {
            let (old, new) = (existing.nodes(of: role).count, wanted.nodes(of: role).count)
            if old != new { parts.append("--\(role.name)s \(old), not \(new)") }
        }
        if arguments.has("archive"), existing.storageMode != .archive { parts.append("store temporary, not archive") }
        if arguments.has("port-base"),
            existing.nodes(of: .gateway).first?.client != wanted.nodes(of: .gateway).first?.client
        {
            parts.append("other ports")
        }
        return parts.isEmpty ? nil : parts.joined(separator: "; ")
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
