// The lanes of the bucket: puts and removals in one, fetching in the other; each has a connection of its own.
//
// A file's key is `CLUSTER/NODE/HASH`: each node counts references to its own files, so no two nodes may share one. The hash signs the
// body too, so the store checks what it gets, and a put that is repeated writes the same again.

import Cluster
import Media
import Primitives

/// Where a node's files are, and what opens them.
public final class Bucket: Sendable {
    let place: ObjectStorePlace
    let keys: ObjectKeys
    /// What its keys begin with.
    let prefix: String
    /// Of the media node, with its uploads.
    let folder: String

    /// - Parameters:
    ///   - cluster, node: their names.
    ///   - folder: what `FileStore` has.
    public init(_ place: ObjectStorePlace, keys: ObjectKeys, cluster: String, node: String, folder: String) {
        self.place = place
        self.keys = keys
        prefix = "\(cluster)/\(node)"
        self.folder = folder
    }
}

public final class BucketStore: MediaStore {
    private let bucket: Bucket
    private let client: ObjectClient

    public init(_ bucket: Bucket) {
        self.bucket = bucket
        client = ObjectClient(bucket.place, RequestSigner(keys: bucket.keys, region: bucket.place.region))
    }

    public func close() {}

    public func carryOut(_ order: MediaOrder, now: Stamp) -> MediaOutcome {
        switch order.work {
        case .put(let upload, let hash, let size): MediaOutcome(order.ticket, put(upload, hash, size))
        case .remove(let hashes): MediaOutcome(order.ticket, remove(hashes))
        case .fetch(let hash, let range): MediaOutcome(order.ticket, fetch(hash, range))
        default: preconditionFailure("this lane is not the folder's")
        }
    }

    private func path(_ hash: String) -> String {
        precondition(HexName.accepts(hash, count: MediaLimits.hashDigitCount))
        return "/\(bucket.place.bucket)/\(bucket.prefix)/\(hash)"
    }

    private func put(_ upload: String, _ hash: String, _ size: UInt64) -> MediaOutcome.Result {
        precondition(HexName.accepts(upload, count: MediaLimits.idDigitCount))
        guard let file = Machine.openToRead("\(bucket.folder)/uploads/\(upload)") else { return .unknown }
        defer { Machine.close(file) }
        do throws(WireFailure) {
            let answer = try client.ask(ObjectRequest(method: "PUT", path: path(hash), body: (file, size, hash)))
            return answer.status == 200 ? .done : Self.refusal(answer, "PUT")
        } catch {
            return .away(error.text)
        }
    }

    /// Those that are gone; the rest is tried again by the next round.
    private func remove(_ hashes: [String]) -> MediaOutcome.Result {
        var gone: [String] = []
        for hash in hashes {
            do throws(WireFailure) {
                let answer = try client.ask(ObjectRequest(method: "DELETE", path: path(hash)))
                if (200...299).contains(answer.status) || (answer.status == 404 && answer.code != "NoSuchBucket") { gone.append(hash) }
            } catch {
                break
            }
        }
        return .removed(gone)
    }

    private func fetch(_ hash: String, _ range: Range<UInt64>) -> MediaOutcome.Result {
        guard let file = Machine.memoryFile() else { return .broken("no memory for a piece of a file") }
        var count: UInt64 = 0
        do throws(WireFailure) {
            let answer = try client.ask(ObjectRequest(method: "GET", path: path(hash), range: range)) { piece throws(WireFailure) in
                count += UInt64(piece.count)
                guard count <= range.count, Machine.write(piece, to: file) else { throw WireFailure(text: "more than was asked for") }
            }
            if (200...299).contains(answer.status), count == range.count { return .fetched(FileHandle(rawValue: file)) }
            Machine.close(file)
            if answer.status == 404, answer.code != "NoSuchBucket" { return .unknown }
            return Self.refusal(answer, "GET")
        } catch {
            Machine.close(file)
            return .away(error.text)
        }
    }

    private static func refusal(_ answer: ObjectAnswer, _ method: String) -> MediaOutcome.Result {
        let text = "\(method): \(answer.status) \(answer.code)"
        switch answer.status {
        case 507: return .full
        case 200...299, 408, 429, 500...599: return .away(text)
        default: return answer.code.hasSuffix("StorageFull") || answer.code.hasSuffix("QuotaExceeded") ? .full : .forbidden(text)
        }
    }
}
