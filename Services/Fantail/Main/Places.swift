// Where things are: the home of the cluster, its file, its secrets, and who we are in it.

import Cluster
import Crypto
import FantailCLI
import Glibc
import Primitives
import Tokens

struct Places {
    let home: String
    let clusterFile: String

    init(_ arguments: Arguments) {
        let named = arguments.value("home")
        let wanted = named ?? System.environment("FANTAIL_HOME") ?? ""
        home = wanted.isEmpty ? "./.fantail" : wanted
        // A home that was typed is meant with the file in it.
        let elsewhere = named == nil ? System.environment("FANTAIL_CLUSTER") : nil
        clusterFile = arguments.value("cluster") ?? elsewhere ?? "\(home)/cluster.conf"
    }

    var secrets: String { "\(home)/secrets" }
    var clusterKey: String { "\(home)/secrets/cluster.key" }
    var tokenKeys: String { "\(home)/secrets/tokens.keys" }
    var apiKeys: String { "\(home)/secrets/api.keys" }

    /// The cluster; nil when there is no file.
    func clusterIfPresent() throws(CommandFailure) -> ClusterMap? {
        guard let bytes = try Files.read(clusterFile) else { return nil }
        do throws(ClusterFileError) {
            return try ClusterMap.parse(bytes)
        } catch {
            throw .failure("\(clusterFile): \(error)")
        }
    }

    func cluster() throws(CommandFailure) -> ClusterMap {
        guard let map = try clusterIfPresent() else {
            throw .failure("no cluster here: run deploy/run.sh first, or name its folder with --home")
        }
        return map
    }

    /// The process of a node as the scripts that started it wrote it down; nil when they did not.
    func pid(of node: Node) throws(CommandFailure) -> Int? {
        guard let bytes = try Files.read("\(home)/run/\(node.name).pid") else { return nil }
        return Int(String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self))
    }

    /// A fresh token, minted with the key file of this cluster.
    func mint(_ user: UserID, device: DeviceID?, ttlSeconds: Int64, kid: String? = nil) throws(CommandFailure) -> String {
        guard let bytes = try Files.read(tokenKeys) else {
            throw .failure("no token keys here: run deploy/run.sh first, name the folder with --home, or pass a token with --token")
        }
        do {
            let keys = try TokenKeySet(parsing: bytes)
            guard let key = kid.map({ keys.key($0) }) ?? keys.signingKey else {
                throw CommandFailure.failure(
                    kid.map { "there is no key \($0) in \(tokenKeys)" }
                        ?? "no key in \(tokenKeys) may mint: end the line of one with the word sign")
            }
            return try TokenMinter(signatures: OpenSSLCrypto()).mint(
                sub: user, device: device, ttlSeconds: ttlSeconds, nowSeconds: System.now().stamp.seconds, key: key)
        } catch let failure as CommandFailure {
            throw failure
        } catch let error as TokenKeyFileError {
            throw .failure("\(tokenKeys): \(error.sentence)")
        } catch let refusal as TokenMintRefusal {
            throw .failure(refusal.sentence)
        } catch {
            throw .failure("\(error)")
        }
    }

    /// The gateways to try, in random order: the load of many clients spreads by itself. And whether they speak TLS.
    func gateways(_ arguments: Arguments) throws(CommandFailure) -> (addresses: [Address], isSecure: Bool) {
        if let text = arguments.value("gateway") {
            if let link = WebLink(text), link.path == "/" { return ([link.address], link.isSecure) }
            guard let address = Address(text) else {
                throw .usage("--gateway must be HOST:PORT or wss://HOST:PORT, for instance 127.0.0.1:8080")
            }
            let speaksTLS = try clusterIfPresent()?.tlsRules.clients ?? false
            return ([address], speaksTLS || arguments.has("ca"))
        }
        var dice = SeededGenerator(seed: System.random64())
        let cluster = try cluster()
        return (cluster.nodes(of: .gateway).compactMap(\.client).shuffled(using: &dice), cluster.tlsRules.clients)
    }
}

extension Arguments {
    static let nameRule = "1 to 64 letters, digits and . _ - @ + :"

    func user(_ option: String) throws(CommandFailure) -> UserID {
        guard let text = value(option) else { throw .usage("--\(option) USER is missing") }
        guard let user = UserID(text) else { throw .usage("--\(option): a user is \(Self.nameRule)") }
        return user
    }

    func device(_ fallback: DeviceID) throws(CommandFailure) -> DeviceID {
        guard let text = value("device") else { return fallback }
        guard let device = DeviceID(text) else { throw .usage("--device: a device is 1 to 32 letters, digits and . _ - @ + :") }
        return device
    }

    func noOperands() throws(CommandFailure) {
        if let first = operands.first { throw .usage("what is \"\(Printable.line(first))\" for? try --help") }
    }
}

/// Options of the commands that connect as somebody.
let connectionOptions = [
    OptionSpec("as", "USER", "who you are"),
    OptionSpec("gateway", "HOST:PORT", "or wss://HOST:PORT; default: the gateways of the cluster file, in random order"),
    OptionSpec("ca", "FILE", "whom to believe with TLS; default HOME/secrets/ca.crt, without it the system's authorities"),
    OptionSpec("encoding", "json|binary", "of the frames; default json"),
    OptionSpec("token", "JWT", "default: one minted with HOME/secrets/tokens.keys"),
]
