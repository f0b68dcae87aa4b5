// The key files of a home, read by the very functions that services read them with: what one of them would refuse at its start is
// said before it is started.

import APICore
import Cluster
import FantailCLI
import Glibc
import Media
import MediaObjectStore
import Primitives
import ServiceKit
import Tokens

struct SecretFiles {
    let places: Places
    let cluster: ClusterMap

    /// Reads each file that is there, and says of each what it has. One that is not here may be on another machine.
    /// - Throws: the sentence of the service that would not start.
    func check() throws(CommandFailure) {
        try look(places.clusterKey, isWanted: true, by: "every service") { path throws(StartFailure) in
            "\(try ServiceHost.readSecret(path).count) bytes"
        }
        try look(places.tokenKeys, isWanted: true, by: "gateways") { path throws(StartFailure) in try self.tokenKeys(path) }
        try look(places.apiKeys, isWanted: !cluster.nodes(of: .api).isEmpty, by: "api nodes") { path throws(StartFailure) in
            let file = try ServiceHost.readSecretFile(path, what: "the key file", limitBytes: APILimits.keyFileBytesMax)
            do throws(APIKeyFileError) {
                return Self.count(try APIKeys(parsing: file).names.count)
            } catch {
                throw StartFailure(.wrongConfiguration, "\(path): \(error.sentence)")
            }
        }
        try look("\(places.secrets)/webhook.keys", isWanted: cluster.webhooks != nil, by: "api nodes") { path throws(StartFailure) in
            let file = try ServiceHost.readSecretFile(path, what: "the keys for webhooks", limitBytes: APILimits.webhookKeyFileBytesMax)
            guard let keys = WebhookKeys.parse(file) else { throw StartFailure(.wrongConfiguration, "\(path) \(WebhookKeys.rule)") }
            return Self.count(keys.count)
        }
        let hasBucket = cluster.nodes(of: .media).contains { $0.objectStore != nil }
        try look("\(places.secrets)/s3.keys", isWanted: hasBucket, by: "media nodes") { path throws(StartFailure) in
            let file = try ServiceHost.readSecretFile(path, what: "the keys of the object store", limitBytes: MediaLimits.storeKeysBytesMax)
            guard ObjectKeys.parse(file) != nil else { throw StartFailure(.wrongConfiguration, "\(path) \(ObjectKeys.rule)") }
            return Self.count(1)
        }
        // Not every database asks for a password, so nobody misses this one.
        try look("\(places.secrets)/postgres.pass", isWanted: false, by: "persistence nodes") { path throws(StartFailure) in
            try ServiceHost.checkPasswordFile(path)
            return "for its owner only"
        }
    }

    private func tokenKeys(_ path: String) throws(StartFailure) -> String {
        let file = try ServiceHost.readSecretFile(path, what: "the key file", limitBytes: TokenLimits.keyFileBytesMax)
        let keys: TokenKeySet
        do throws(TokenKeyFileError) {
            keys = try TokenKeySet(parsing: file)
        } catch {
            throw StartFailure(.wrongConfiguration, "\(path): \(error.sentence)")
        }
        guard keys.signingKey != nil || !cluster.hasDevelopmentLogin else {
            throw StartFailure(.wrongConfiguration, TokenKeySet.loginRefusal(path: path))
        }
        return Self.count(keys.keys.count) + (keys.signingKey.map { "; fantail token mints with \($0.kid)" } ?? "; none may mint")
    }

    private func look(
        _ path: String, isWanted: Bool, by readers: String, _ read: (String) throws(StartFailure) -> String
    ) throws(CommandFailure) {
        guard Files.exists(path) else {
            if isWanted { System.print("\(path): not here; \(readers) read it") }
            return
        }
        do throws(StartFailure) {
            System.print("\(path): \(try read(path))")
        } catch {
            throw .failure(error.sentence)
        }
    }

    private static func count(_ keys: Int) -> String { keys == 1 ? "1 key" : "\(keys) keys" }
}
