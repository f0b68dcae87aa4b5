// media: pictures, video and files, off the chat's path.
//
// Purpose    Takes uploads and gives downloads over HTTP, on the address `client=` of its line in cluster.conf, to whoever has a
//            signed link; links are asked for on the chat's socket.
// Requests   Of services: mediaRequest of parsers, one-way. Of clients: PUT and HEAD /v1/media/up/…, GET and HEAD /v1/media/get/…
//            It answers no calls.
// State      Files by their hash, uploads that are not finished, and what is known of both: DATA/media/NODE. What it has
//            acknowledged is synced.
// Touches    That folder, in one thread beside the loop.
// Settings   The common ones (--help). In cluster.conf: `store temporary` lets files go with the messages, `expiry` says when.
// Weaknesses Plain HTTP: put a TLS proxy before it. A file is on one node; while that is away it cannot be had.

import Cluster
import Media
import MediaCore
import MediaFileStore
import Primitives
import ServiceKit
import Storage

/// A file is uploaded before its message is sent, by a day at most.
func keptFor(_ cluster: ClusterMap) -> Interval? {
    cluster.storageMode == .archive ? nil : .seconds(Int64(cluster.expirySeconds) + MediaLimits.orphanTimeout.microseconds / 1_000_000)
}

ServiceHost.run(
    .media, purpose: "pictures, video and files, off the chat's path",
    files: { start throws(StartFailure) in
        let path = try start.makeDataDirectory("media/\(start.node.name)")
        let tag = MediaReference.tag(ofNode: start.node.name)
        let kept = keptFor(start.cluster)
        return { () throws(StartFailure) in
            do throws(StoreFailure) {
                return try FileStore(path: path, tag: tag, keptFor: kept)
            } catch {
                throw StartFailure(.unavailable, "cannot use the folder \(path): \(error); check its owner and its disk")
            }
        }
    },
    core: { start throws(StartFailure) in
        let crypto = start.crypto
        let key = try start.deriveKey("fantail media links v1")
        return MediaCore(address: start.node.client) { crypto.hmacSHA256(key: key, message: $0) }
    })
