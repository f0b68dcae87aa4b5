// fantail cluster: makes the files of a cluster on one machine, lists its nodes for scripts, changes a cluster that runs.

import Cluster
import Crypto
import FantailCLI

enum ClusterCommand {
    static let spec = CommandSpec(
        "cluster", "Make the files of a cluster, list its nodes, or change it while it runs",
        synopsis: "init | nodes | apply FILE | drain NODE | stay NODE | remove NODE [OPTIONS]",
        options: LocalPlan.options,
        notes: [
            "init writes HOME/cluster.conf, HOME/secrets/cluster.key and HOME/secrets/tokens.keys where they are missing.",
            "nodes prints a line for each node: role, name, rpc, admin, client (- for none).",
            "apply FILE makes FILE the cluster file, with a higher epoch, and has every node read it: nodes join, leave, get another weight.",
            "drain NODE moves away what a node holds and sends its clients elsewhere; stay NODE takes that back.",
            "remove NODE takes a drained node out of the file; with --force, also one that still holds something.",
        ])

    static func run(_ arguments: Arguments) throws(CommandFailure) -> Int32 {
        let places = Places(arguments)
        switch arguments.operands {
        case ["init"]: try initialise(places, arguments)
        case ["nodes"]:
            for node in try places.cluster().nodes {
                System.print("\(node.role.name) \(node.name) \(node.rpc) \(node.admin) \(node.client.map { "\($0)" } ?? "-")")
            }
        default:
            guard arguments.operands.count == 2 else { throw .usage("say fantail cluster init, nodes, apply FILE, drain NODE, stay NODE or remove NODE") }
            let changes = ClusterChanges(places: places, isForced: arguments.has("force"))
            let target = arguments.operands[1]
            switch arguments.operands[0] {
            case "apply": return try changes.apply(target)
            case "drain": return try changes.edit(.drain(target))
            case "stay": return try changes.edit(.stay(target))
            case "remove": return try changes.edit(.remove(target))
            default: throw .usage("there is no fantail cluster \(Printable.line(arguments.operands[0])); try --help")
            }
        }
        return 0
    }

    private static func initialise(_ places: Places, _ arguments: Arguments) throws(CommandFailure) {
        let existing = try places.clusterIfPresent()
        let epoch = arguments.has("force") ? (existing?.epoch ?? 0) + 1 : 1
        let wanted = try LocalPlan.map(arguments, epoch: epoch, existing: existing)
        if let existing, let difference = LocalPlan.difference(existing: existing, wanted: wanted), !arguments.has("force") {
            throw .failure(
                "\(places.clusterFile) has \(difference); name the same counts, or add --force to write it anew (stop the cluster first)")
        }
        try Files.makeFolder(places.home)
        try Files.makeFolder(places.secrets, mode: 0o700)
        if existing == nil || arguments.has("force") {
            try Files.replace(places.clusterFile, with: Array(wanted.render().utf8), mode: 0o644)
            System.print("wrote \(places.clusterFile): \(wanted.nodes.count) nodes, epoch \(wanted.epoch), store \(wanted.storageMode.rawValue)")
        } else {
            System.print("kept  \(places.clusterFile)")
        }
        try write(places.clusterKey, "what nodes prove to each other") { LocalPlan.clusterKey(random: OpenSSLCrypto().randomBytes(32)) }
        try write(places.tokenKeys, "one HS256 key, local-1") { LocalPlan.tokenKeys(random: OpenSSLCrypto().randomBytes(32)) }
    }

    private static func write(_ path: String, _ what: String, _ bytes: () -> [UInt8]) throws(CommandFailure) {
        if try Files.read(path) != nil { return System.print("kept  \(path)") }
        try Files.replace(path, with: bytes(), mode: 0o600)
        System.print("wrote \(path): \(what)")
    }
}
