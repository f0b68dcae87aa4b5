// fantail cluster: makes and checks the files of a cluster on one machine, lists its nodes for scripts, changes a cluster that runs.

import Cluster
import Crypto
import FantailCLI
import Primitives
import TLS

enum ClusterCommand {
    static let spec = CommandSpec(
        "cluster", "Make or check the files of a cluster, list its nodes, or change it while it runs",
        synopsis: "init | check | nodes | apply FILE | drain NODE | stay NODE | remove NODE [OPTIONS]",
        options: LocalPlan.options,
        notes: [
            "init writes HOME/cluster.conf, HOME/secrets/cluster.key and HOME/secrets/tokens.keys where they are missing;",
            "with api nodes also HOME/secrets/api.keys.",
            "check reads HOME/cluster.conf and what is below HOME/secrets, keys and certificates, as the services do at their start, and",
            "says what one of them would refuse. Type it after every change of a file.",
            "nodes prints a line for each node: role, name, rpc, admin, client (- for none).",
            "apply FILE makes FILE the cluster file, with a higher epoch, and has every node read it: nodes join, leave, get another weight.",
            "drain NODE moves away what a node holds and sends its clients elsewhere; stay NODE takes that back.",
            "remove NODE takes a drained node out of the file; with --force, also one that still holds something.",
        ])

    static func run(_ arguments: Arguments) throws(CommandFailure) -> Int32 {
        let places = Places(arguments)
        switch arguments.operands {
        case ["init"]: try initialise(places, arguments)
        case ["check"]: try check(places)
        case ["nodes"]:
            for node in try places.cluster().nodes {
                System.print("\(node.role.name) \(node.name) \(node.rpc) \(node.admin) \(node.client.map { "\($0)" } ?? "-")")
            }
        default:
            guard arguments.operands.count == 2 else { throw .usage("say fantail cluster init, check, nodes, apply FILE, drain NODE, stay NODE or remove NODE") }
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

    /// What every service would say at its start, before one is started.
    private static func check(_ places: Places) throws(CommandFailure) {
        let cluster = try places.cluster()
        System.print("\(places.clusterFile): \(cluster.nodes.count) nodes, epoch \(cluster.epoch), store \(cluster.storageMode.rawValue)")
        try SecretFiles(places: places, cluster: cluster).check()
        if cluster.tlsRules.clients {
            let files = TLSFiles(certificate: "\(places.secrets)/tls.crt", key: "\(places.secrets)/tls.key")
            try check(files) { files, now throws(TLSFileProblem) in try TLSContext(serving: files, now: now) }
        }
        guard cluster.tlsRules.peers else { return }
        let folder = "\(places.secrets)/peers"
        // A machine has the certificates of its own nodes.
        let here = cluster.nodes.filter { Files.exists("\(folder)/\($0.name).crt") }
        guard !here.isEmpty else { throw .failure("cluster.conf says \"tls peers=on\", and \(folder) has no certificate of any node") }
        for node in here {
            let files = TLSFiles(
                certificate: "\(folder)/\(node.name).crt", key: "\(folder)/\(node.name).key", authority: "\(folder)/ca.crt", name: node.name)
            try check(files) { files, now throws(TLSFileProblem) in try TLSContext(peers: files, now: now) }
        }
    }

    private static func check(_ files: TLSFiles, _ make: (TLSFiles, Stamp) throws(TLSFileProblem) -> TLSContext) throws(CommandFailure) {
        let now = System.now().stamp
        do throws(TLSFileProblem) {
            let seconds = try make(files, now).expirySeconds ?? 0
            System.print("\(files.certificate): good for \((seconds - now.seconds) / 86_400) days")
        } catch {
            throw .failure("\(error)")
        }
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
        guard !wanted.nodes(of: .api).isEmpty else { return }
        try write(places.apiKeys, "one key for a product's backend, local-1") { LocalPlan.apiKeys(random: OpenSSLCrypto().randomBytes(32)) }
    }

    private static func write(_ path: String, _ what: String, _ bytes: () -> [UInt8]) throws(CommandFailure) {
        if try Files.read(path) != nil { return System.print("kept  \(path)") }
        try Files.replace(path, with: bytes(), mode: 0o600)
        System.print("wrote \(path): \(what)")
    }
}
