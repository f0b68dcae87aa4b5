// From a command line to a running loop: what all services do before their own work begins.
//
// Everything that can be wrong is found here, before a single connection is accepted, and said in one sentence that names
// the remedy.

import Cluster
import CoreKit
import Crypto
import Media
import Primitives
import RPC
import Storage
import TLS

/// Why a service does not start.
public struct StartFailure: Error, Equatable, Sendable {
    /// Exit status (sysexits.h has the idea).
    public enum Status: Int32, Sendable {
        /// An address or the store cannot be used; trying again later may help.
        case unavailable = 1
        case wrongConfiguration = 78
    }

    public var status: Status
    /// For the operator: what, and what to do.
    public var sentence: String

    public init(_ status: Status, _ sentence: String) {
        self.status = status
        self.sentence = sentence
    }
}

/// What a core's and a store's constructor may want to know.
public struct ServiceStart: Sendable {
    public let options: ServiceOptions
    public let cluster: ClusterMap
    /// The line of the cluster file that is this process.
    public let node: Node
    public let startedAt: Stamp
    public let crypto = OpenSSLCrypto()

    public var selfID: NodeID { node.id }

    /// Dice of their own, from OpenSSL's random bytes. Different at each call.
    public func dice() -> SeededGenerator { SeededGenerator(seed: randomWord()) }

    func randomWord() -> UInt64 { crypto.randomBytes(8).reduce(0) { $0 << 8 | UInt64($1) } }

    /// A configuration file, whole.
    /// - Parameter what: how to call it in a sentence: "the key file".
    /// - Throws: `StartFailure` when it cannot be read or is larger than `limitBytes`.
    public func readFile(_ path: String, what: String, limitBytes: Int) throws(StartFailure) -> [UInt8] {
        try ServiceHost.readFile(path, what: what, limitBytes: limitBytes)
    }

    /// The same of a secret: a file that others may read, or that its group may change, is refused (`SecretFile.isKept`).
    public func readSecretFile(_ path: String, what: String, limitBytes: Int) throws(StartFailure) -> [UInt8] {
        try ServiceHost.readSecretFile(path, what: what, limitBytes: limitBytes)
    }

    /// The path of a file of `--data`/secrets that another library reads; nil when there is none.
    /// - Throws: `StartFailure` when others than its owner may read it: the library's own rule, stricter than `SecretFile.isKept`.
    public func passwordFile(_ name: String) throws(StartFailure) -> String? {
        let path = "\(options.data)/secrets/\(name)"
        guard case .success = SystemCalls.readFile(path, limitBytes: 1) else { return nil }
        try ServiceHost.checkPasswordFile(path)
        return path
    }

    /// A key for one purpose, 32 bytes, made of the cluster's secret: the same in every process, and it does not tell the secret.
    /// - Parameter purpose: one of ours, and never the same for two things.
    public func deriveKey(_ purpose: String) throws(StartFailure) -> [UInt8] {
        crypto.hmacSHA256(key: try ServiceHost.readSecret(options.secret), message: Array(purpose.utf8))
    }

    /// The path of a directory under `--data`, made when it is missing.
    public func makeDataDirectory(_ name: String) throws(StartFailure) -> String {
        let path = "\(options.data)/\(name)"
        if let error = SystemCalls.makeDirectories(path) {
            throw StartFailure(.unavailable, "cannot make the directory \(path): \(error); check --data and its owner")
        }
        return path
    }
}

/// Runs a service.
public enum ServiceHost {
    /// Reads the command line, builds the service, runs it until SIGTERM or SIGINT, and ends the process.
    /// - Parameters:
    ///   - purpose: one line for `--help`.
    ///   - makeStore: returns how to open the engine; nil for services without one.
    ///   - makeFiles: the same of a store of files.
    ///   - makeHooks: the same of a queue of webhooks; nil for a cluster without any.
    ///   - makeCore: builds the state machine.
    public static func run(
        _ role: Role, purpose: String,
        store makeStore: ((ServiceStart) throws(StartFailure) -> StoreOpening)? = nil,
        files makeFiles: ((ServiceStart) throws(StartFailure) -> MediaOpenings)? = nil,
        hooks makeHooks: ((ServiceStart) throws(StartFailure) -> HookOpenings?)? = nil,
        core makeCore: (ServiceStart) throws(StartFailure) -> any ServiceCore
    ) -> Never {
        switch ServiceCommand.parse(Array(Swift.CommandLine.arguments.dropFirst())) {
        case .help:
            SystemCalls.say(ServiceCommand.usage(role.name, purpose: purpose), toErrors: false)
            SystemCalls.exit(0)
        case .version:
            SystemCalls.say("\(role.name) (Fantail) \(FantailVersion.text)\n", toErrors: false)
            SystemCalls.exit(0)
        case .wrong(let sentence):
            let usage = ServiceCommand.usage(role.name, purpose: purpose)
            SystemCalls.say("\(role.name): \(sentence)\n\n\(usage)", toErrors: true)
            SystemCalls.exit(64)
        case .probe(let options, let question):
            SystemCalls.setLookupPatience(seconds: ServiceLimits.lookupSeconds, tries: ServiceLimits.lookupTries)
            do throws(StartFailure) {
                let node = try findNode(options.node, role, in: try readCluster(options.cluster))
                SystemCalls.exit(HealthProbe.ask(question, node) ? 0 : 1)
            } catch {
                SystemCalls.say("\(role.name): \(error.sentence)\n", toErrors: true)
                SystemCalls.exit(error.status.rawValue)
            }
        case .run(let options):
            SystemCalls.setLookupPatience(seconds: ServiceLimits.lookupSeconds, tries: ServiceLimits.lookupTries)
            do throws(StartFailure) {
                try serve(
                    role, options, stop: SystemCalls.stopSignals(), reload: SystemCalls.reloadSignals(), makeStore: makeStore, makeFiles: makeFiles,
                    makeHooks: makeHooks, makeCore: makeCore)
                SystemCalls.exit(0)
            } catch {
                SystemCalls.say("\(role.name): \(error.sentence)\n", toErrors: true)
                SystemCalls.exit(error.status.rawValue)
            }
        }
    }

    /// Builds the service and runs it until `stop` is readable; reads the cluster file again whenever `reload` is.
    package static func serve(
        _ role: Role, _ options: ServiceOptions, stop: Descriptor, reload: Descriptor? = nil,
        makeStore: ((ServiceStart) throws(StartFailure) -> StoreOpening)?,
        makeFiles: ((ServiceStart) throws(StartFailure) -> MediaOpenings)? = nil,
        makeHooks: ((ServiceStart) throws(StartFailure) -> HookOpenings?)? = nil,
        makeCore: (ServiceStart) throws(StartFailure) -> any ServiceCore
    ) throws(StartFailure) {
        let cluster = try readCluster(options.cluster)
        let node = try findNode(options.node, role, in: cluster)
        let secret = try readSecret(options.secret)
        let start = ServiceStart(options: options, cluster: cluster, node: node, startedAt: SystemCalls.now().stamp)
        let core = try makeCore(start)
        let opening = try makeStore?(start)
        let filesOpening = try makeFiles?(start)
        let hookOpenings = try makeHooks?(start)
        let certificates = try readCertificates(start)
        let descriptorCountMax = SystemCalls.raiseDescriptorLimit()

        let peerDoor = try openDoor(node.rpc)
        defer { SystemCalls.close(peerDoor) }
        let adminDoor = try openDoor(node.admin)
        defer { SystemCalls.close(adminDoor) }
        var clientDoor: Descriptor?
        if role.servesClients, let address = node.client { clientDoor = try openDoor(address) }
        defer { if let clientDoor { SystemCalls.close(clientDoor) } }
        var store: StoreWriter?
        if let opening { store = try StoreWriter(opening) }
        var files: MediaWorker?
        if let filesOpening { files = try MediaWorker(filesOpening) }
        var hooks: HookWorker?
        if let hookOpenings { hooks = try HookWorker(hookOpenings) }

        let setup = LoopSetup(
            cluster: cluster, clusterPath: options.cluster, node: node, startedAt: start.startedAt, logLevel: options.logLevel, peerDoor: peerDoor,
            adminDoor: adminDoor, clientDoor: clientDoor, stop: stop, reload: reload, store: store, files: files, hooks: hooks, certificates: certificates,
            descriptorCountMax: descriptorCountMax)
        var loop = ServiceLoop(setup: setup, node: ServiceNode(core: core, mesh: mesh(start, secret)))
        loop.run()
    }

    // MARK: Pieces

    private static func mesh(_ start: ServiceStart, _ secret: [UInt8]) -> Mesh {
        let cluster = start.cluster
        let identity = LinkIdentity(
            cluster: cluster.name, service: start.node.role.name, node: start.node.name, epoch: UInt64(cluster.epoch),
            incarnation: start.randomWord(), secret: secret, authenticator: start.crypto,
            speaksNext: SystemCalls.environment("FANTAIL_REHEARSE_NEXT") == "1")
        return Mesh(selfID: start.selfID, identity: identity, peers: cluster.meshPeers(of: start.selfID), dice: start.dice())
    }

    /// What `tls` of the cluster file asks for.
    private static func readCertificates(_ start: ServiceStart) throws(StartFailure) -> Certificates {
        let (paths, rules) = (start.options.certificates, start.cluster.tlsRules)
        var certificates = Certificates()
        do throws(TLSFileProblem) {
            if rules.clients, start.node.role.servesClients, start.node.client != nil {
                try certificates.add(.clients, TLSFiles(certificate: paths.certificate, key: paths.key), now: start.startedAt)
            }
            if rules.peers {
                let files = TLSFiles(
                    certificate: paths.peerCertificate, key: paths.peerKey, authority: paths.peerAuthority, name: start.node.name)
                try certificates.add(.peers, files, now: start.startedAt)
            }
        } catch {
            throw StartFailure(.wrongConfiguration, "\(error)")
        }
        return certificates
    }

    static func readCluster(_ path: String) throws(StartFailure) -> ClusterMap {
        let bytes = try readFile(path, what: "the cluster file", limitBytes: ClusterLimits.fileBytesMax)
        do throws(ClusterFileError) {
            return try ClusterMap.parse(bytes)
        } catch {
            throw StartFailure(.wrongConfiguration, "\(path): \(error)")
        }
    }

    private static func findNode(_ name: String, _ role: Role, in cluster: ClusterMap) throws(StartFailure) -> Node {
        guard let node = cluster.node(named: name) else {
            let known = cluster.nodes(of: role).map(\.name).joined(separator: ", ")
            throw StartFailure(
                .wrongConfiguration,
                "the cluster file has no node \(name); give --node one of: \(known.isEmpty ? "(no \(role.name) there)" : known)")
        }
        guard node.role == role else {
            throw StartFailure(
                .wrongConfiguration, "node \(name) is a \(node.role.name); start the \(node.role.name) executable for it")
        }
        return node
    }

    /// The cluster's secret; `fantail cluster check` reads it so too.
    package static func readSecret(_ path: String) throws(StartFailure) -> [UInt8] {
        let file = try readSecretFile(path, what: "the cluster's secret", limitBytes: ServiceLimits.secretFileBytesMax)
        do throws(Secret.Refusal) {
            return try Secret.parse(file)
        } catch {
            let remedy = "make one with: openssl rand -hex 32, and give every node the same"
            switch error {
            case .tooLarge:
                throw StartFailure(.wrongConfiguration, "the secret \(path) is too large to be one; \(remedy)")
            case .tooShort(let bytes):
                throw StartFailure(
                    .wrongConfiguration,
                    "the secret \(path) has \(bytes) bytes, at least \(ServiceLimits.secretBytesMin) are needed, "
                        + "raw or in hexadecimal digits; \(remedy)")
            }
        }
    }

    static func readFile(_ path: String, what: String, limitBytes: Int) throws(StartFailure) -> [UInt8] {
        switch SystemCalls.readFile(path, limitBytes: limitBytes) {
        case .failure(let error):
            throw StartFailure(.wrongConfiguration, "cannot read \(what) \(path): \(error)")
        case .success(let bytes):
            guard bytes.count <= limitBytes else {
                throw StartFailure(.wrongConfiguration, "\(what) \(path) is larger than \(limitBytes) bytes")
            }
            return bytes
        }
    }

    /// Refuses a file for libpq that others than its owner may read.
    package static func checkPasswordFile(_ path: String) throws(StartFailure) {
        // libpq passes over any other, also one of another owner.
        if let openness = SystemCalls.openness(path), openness.mode & 0o077 != 0 {
            throw StartFailure(.wrongConfiguration, SecretFile.refusal(path, path: path, isOurs: true))
        }
    }

    package static func readSecretFile(_ path: String, what: String, limitBytes: Int) throws(StartFailure) -> [UInt8] {
        let bytes = try readFile(path, what: what, limitBytes: limitBytes)
        if let openness = SystemCalls.openness(path), !SecretFile.isKept(mode: openness.mode, isOurs: openness.isOurs) {
            throw StartFailure(.wrongConfiguration, SecretFile.refusal("\(what) \(path)", path: path, isOurs: openness.isOurs))
        }
        return bytes
    }

    private static func openDoor(_ address: Address) throws(StartFailure) -> Descriptor {
        let host: IPv4
        switch SystemCalls.resolve(address.host) {
        case .success(let found): host = found
        case .failure(let error):
            throw StartFailure(
                .unavailable, "the host name \(address.host) of this node cannot be resolved (\(error.text)); change cluster.conf")
        }
        switch SystemCalls.listen(host, port: address.port) {
        case .success(let door): return door
        case .failure(.portTaken):
            throw StartFailure(
                .unavailable,
                "port \(address.port) of \(address.host) is taken by another process; stop it or change cluster.conf")
        case .failure(.notPermitted):
            throw StartFailure(
                .unavailable,
                "this user may not listen on port \(address.port) of \(address.host); take one from 1024 up in cluster.conf")
        case .failure(.notHere):
            throw StartFailure(
                .unavailable,
                "\(address.host) (port \(address.port)) is not an address of this machine; start this node where it belongs "
                    + "or change cluster.conf")
        case .failure(let error):
            throw StartFailure(
                .unavailable, "cannot listen on \(address.host), port \(address.port): \(error); change cluster.conf")
        }
    }
}
