// media: pictures, video and files, off the chat's path.
//
// Purpose    Takes uploads and gives downloads over HTTP, on the address `client=` of its line in cluster.conf, to whoever has a
//            signed link; links are asked for on the chat's socket.
// Requests   Of services: mediaRequest of parsers, one-way. Of clients: PUT and HEAD /v1/media/up/…, GET and HEAD /v1/media/get/…
//            It answers no calls.
// State      Files by their hash, uploads that are not finished, and what is known of both: DATA/media/NODE. What it has
//            acknowledged is synced. With `store=` of its line, files are in a bucket and the rest is there.
// Touches    That folder, in one thread beside the loop; the bucket, in two more.
// Settings   The common ones (--help), and --store-keys. In cluster.conf: `public=`, `store=` and `region=` of its line; `files` has
//            times and the quota; `store temporary` lets files go with the messages, `expiry` says when.
// Weaknesses Plain HTTP without `tls clients=on` in cluster.conf. A file is on one node; while that is away it cannot be had.

import Cluster
import Media
import MediaCore
import MediaFileStore
import MediaObjectStore
import Primitives
import ServiceKit
import Storage

/// What the cluster file says of media. A kept file stays as long as its message may wait, and as long as it may have waited to be sent.
func rules(_ cluster: ClusterMap) -> MediaRules {
    let files = cluster.fileRules
    return MediaRules(
        uploadTimeout: .seconds(Int64(files.uploadSeconds)), linkTimeout: .seconds(Int64(files.linkSeconds)),
        orphanTimeout: .seconds(Int64(files.orphanSeconds)),
        keptFor: cluster.storageMode == .archive ? nil : .seconds(Int64(cluster.expirySeconds + files.orphanSeconds)),
        userBytesPerDayMax: UInt64(files.dayMiB) * 1024 * 1024)
}

func keys(_ start: ServiceStart) throws(StartFailure) -> ObjectKeys {
    let path = start.options.storeKeys
    let bytes = try start.readSecretFile(path, what: "the keys of the object store", limitBytes: MediaLimits.storeKeysBytesMax)
    guard let keys = ObjectKeys.parse(bytes) else {
        throw StartFailure(.wrongConfiguration, "\(path) \(ObjectKeys.rule)")
    }
    return keys
}

ServiceHost.run(
    .media, purpose: "pictures, video and files, off the chat's path",
    files: { start throws(StartFailure) in
        let path = try start.makeDataDirectory("media/\(start.node.name)")
        let tag = MediaReference.tag(ofNode: start.node.name)
        let rules = rules(start.cluster)
        let place = start.node.objectStore
        var lanes: MediaOpenings = [
            .folder: MediaOpening { () throws(StartFailure) in
                do throws(StoreFailure) {
                    return try FileStore(path: path, tag: tag, rules: rules, hasBucket: place != nil)
                } catch {
                    throw StartFailure(.unavailable, "cannot use the folder \(path): \(error); check its owner and its disk")
                }
            }
        ]
        if let place {
            let bucket = Bucket(place, keys: try keys(start), cluster: start.cluster.name, node: start.node.name, folder: path)
            for lane in [MediaOrder.Lane.bucket, .fetching] { lanes[lane] = MediaOpening { () throws(StartFailure) in BucketStore(bucket) } }
        }
        return lanes
    },
    core: { start throws(StartFailure) in
        let crypto = start.crypto
        let key = try start.deriveKey("fantail media links v1")
        let base = start.node.client.map { start.node.publicURL?.description ?? start.cluster.clientOrigin($0) }
        return MediaCore(base: base, rules: rules(start.cluster)) { crypto.hmacSHA256(key: key, message: $0) }
    })
