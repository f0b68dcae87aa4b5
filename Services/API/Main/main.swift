// api: the door of the product that embeds the cluster.
//
// Purpose    Lets a product's backend send messages, keep groups and ask who has read what, over HTTP/1.1 with JSON, on the address
//            `client=` of its line in cluster.conf; and tells the backend what happens, by webhooks.
// Requests   Of backends: /v1/… as /v1/openapi.json describes it (docs/api.md). Of services: answers to connections that it made up,
//            and calls hookBatch of session shards.
// State      Requests that wait; a crash loses them, and a backend asks again under the same id. Webhooks that the receiver has not
//            taken: DATA/api/NODE/hooks.db, synced before a shard hears that they were taken.
// Touches    The key file (default DATA/secrets/api.keys), read once at start; with TLS its certificate and key. With webhooks that
//            database, in a thread beside the loop, the keys for signatures (DATA/secrets/webhook.keys), and the receiver, in four more.
// Settings   The common ones (--help). In cluster.conf: `webhooks`; what one key may ask for in a second: `limits frames=`.
// Weaknesses Plain HTTP without `tls clients=on` in cluster.conf. A key may do everything. `webhooks` is read at start only.

import APICore
import APIDescription
import Cluster
import CoreKit
import HookPoster
import HookStore
import ServiceKit
import Storage
import TLS

func keys(_ start: ServiceStart) throws(StartFailure) -> APIKeys {
    let path = start.options.apiKeys
    let file = try start.readSecretFile(path, what: "the key file", limitBytes: APILimits.keyFileBytesMax)
    do throws(APIKeyFileError) {
        return try APIKeys(parsing: file)
    } catch {
        throw StartFailure(.wrongConfiguration, "\(path): \(error.sentence)")
    }
}

func webhookKeys(_ start: ServiceStart) throws(StartFailure) -> [[UInt8]] {
    let path = start.options.webhookKeys
    let file = try start.readSecretFile(path, what: "the keys for webhooks", limitBytes: APILimits.webhookKeyFileBytesMax)
    guard let keys = WebhookKeys.parse(file) else { throw StartFailure(.wrongConfiguration, "\(path) \(WebhookKeys.rule)") }
    return keys
}

ServiceHost.run(
    .api, purpose: "the door of the product that embeds the cluster",
    hooks: { start throws(StartFailure) in
        guard let rules = start.cluster.webhooks else { return nil }
        let folder = try start.makeDataDirectory("api/\(start.node.name)")
        let keys = try webhookKeys(start)
        let authority = start.options.webhookAuthority
        guard !rules.url.isSecure || authority != nil || TLSContext.hasSystemAuthorities else {
            throw StartFailure(
                .wrongConfiguration, "nobody would believe the receiver of webhooks: there is no store of authorities here; name a file with --webhook-ca")
        }
        let table = HookOpening { () throws(StartFailure) in
            do throws(StoreFailure) {
                return try HookStore(path: "\(folder)/hooks.db", deadCountMax: APILimits.deadCountMax)
            } catch {
                throw StartFailure(.unavailable, "cannot use \(folder)/hooks.db: \(error); check its owner and its disk")
            }
        }
        let poster = HookOpening { () throws(StartFailure) in
            do throws(TLSFileProblem) {
                let trust = rules.url.isSecure ? try TLSContext(trusting: authority) : nil
                return HookPoster(url: rules.url, keys: keys, trust: trust, version: FantailVersion.text)
            } catch {
                throw StartFailure(.wrongConfiguration, "\(error)")
            }
        }
        return HookOpenings(table: table, posters: Array(repeating: poster, count: HookPosterLimits.threadCount))
    },
    core: { start throws(StartFailure) in
        let description = String(decoding: EmbeddedFiles.all(api_description_file)[0].bytes, as: UTF8.self)
        return APICore(
            selfID: start.selfID, cluster: start.cluster, keys: try keys(start), description: description,
            hookLaneCount: HookPosterLimits.threadCount, dice: start.dice(), startedAt: start.startedAt)
    })
