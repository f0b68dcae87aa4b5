// The cluster under test, found by its folder: the cluster file, the key that mints tokens, the pid files.

import BenchKit
import Cluster
import Crypto
import FantailCLI
import Primitives
import ServiceKit
import TLS
import Tokens

struct ClusterHome {
    let folder: String
    let map: ClusterMap
    private let key: TokenKey
    /// Whom to believe, where the cluster speaks TLS with clients.
    let trust: TLSContext?

    /// Tokens of a run hold this long: longer than any run waits between two connections is of no use.
    private static let tokenSeconds: Int64 = 3_600
    /// No cluster file or key file of ours is near this, bytes.
    private static let fileBytesMax = 1024 * 1024

    static func folder(_ arguments: Arguments) -> String {
        let wanted = arguments.value("home") ?? Terminal.environment("FANTAIL_HOME") ?? ""
        return wanted.isEmpty ? "./.fantail" : wanted
    }

    /// - Parameter authority: a file of authorities; default FOLDER/secrets/ca.crt if it is there, else those of the system.
    init(_ folder: String, clusterFile: String? = nil, authority: String? = nil) throws(CommandFailure) {
        self.folder = folder
        let path = clusterFile ?? "\(folder)/cluster.conf"
        guard let text = Self.read(path) else {
            throw .failure(
                "no cluster in \(folder): type deploy/run.sh --detach first, name its folder with --home, or let bench start one with --start")
        }
        do throws(ClusterFileError) {
            map = try ClusterMap.parse(text)
        } catch {
            throw .failure("\(path): \(error)")
        }
        let keyFile = "\(folder)/secrets/tokens.keys"
        guard let bytes = Self.read(keyFile) else { throw .failure("cannot read \(keyFile), which bench needs to mint tokens") }
        let keys: TokenKeySet
        do throws(TokenKeyFileError) {
            keys = try TokenKeySet(parsing: bytes)
        } catch {
            throw .failure("\(keyFile): \(error.sentence)")
        }
        guard let key = keys.signingKey else {
            throw .failure("no key in \(keyFile) may mint: end the line of one with the word sign")
        }
        self.key = key
        guard map.tlsRules.clients else {
            trust = nil
            return
        }
        let own = "\(folder)/secrets/ca.crt"
        do throws(TLSFileProblem) {
            trust = try TLSContext(trusting: authority ?? (Self.read(own) == nil ? nil : own))
        } catch {
            throw .failure("\(error)")
        }
    }

    func mint(_ user: UserID) -> String {
        do throws(TokenMintRefusal) {
            return try TokenMinter(signatures: OpenSSLCrypto()).mint(
                sub: user, ttlSeconds: Self.tokenSeconds, nowSeconds: SystemCalls.now().stamp.seconds, key: key)
        } catch {
            preconditionFailure("a key that may sign: \(error)")
        }
    }

    /// The doors of all gateways.
    func gateways() throws(CommandFailure) -> [Fleet.Door] {
        var doors: [Fleet.Door] = []
        for address in map.nodes(of: .gateway).compactMap(\.client) {
            switch SystemCalls.resolve(address.host) {
            case .success(let found): doors.append(.init(name: "\(address)", host: address.host, address: found, port: address.port, trust: trust))
            case .failure(let error): throw .failure("there is no host \(address.host): \(error.text)")
            }
        }
        guard !doors.isEmpty else { throw .failure("no gateway in the cluster file listens for clients") }
        return doors
    }

    /// The admin doors of persistence; those whose host is unknown are left out.
    func stores() -> [Fleet.Door] { map.nodes(of: .persistence).compactMap(Self.admin) }

    /// The admin doors of all nodes; nil where the host is unknown.
    func admins() -> [Fleet.Door?] { map.nodes.map(Self.admin) }

    private static func admin(_ node: Node) -> Fleet.Door? {
        guard case .success(let found) = SystemCalls.resolve(node.admin.host) else { return nil }
        return Fleet.Door(name: "\(node.admin)", host: node.admin.host, address: found, port: node.admin.port)
    }

    /// The process of a node as the scripts wrote it down; nil when it is not there.
    func pid(of node: Node) -> Int? {
        guard let bytes = Self.read("\(folder)/run/\(node.name).pid") else { return nil }
        return Int(String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self))
    }

    static func read(_ path: String) -> [UInt8]? {
        guard case .success(let bytes) = SystemCalls.readFile(path, limitBytes: fileBytesMax) else { return nil }
        return bytes
    }
}
