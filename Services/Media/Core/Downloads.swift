// Bytes that go out: a head of ours, and behind it the file, from the kernel's memory to the socket.
//
// What lies in the bucket is fetched a piece at a time, the next one when the client has the last; the first before the head goes
// out, so that a bucket which is away is told with its own status. One that goes away later ends the connection too soon, and the
// client goes on with `Range` where it broke.

import CoreKit
import Media
import Primitives
import RPC
import WebSocket

extension MediaCore {
    mutating func onFile(_ socket: SocketID, _ request: HTTPRequest, _ stored: StoredFile, now: Now, _ effects: inout [Effect]) {
        counters.downloads += 1
        let part = FilePart(request.headers, size: stored.file.size, tag: #""\#(stored.file.hash)""#)
        let isKept = request.bodyBytes == 0 && connections[socket]!.held.isEmpty && !connections[socket]!.isOutOfStep && request.headers["connection"]?.lowercased() != "close"
            && connections.count <= MediaLimits.connectionCountMax / 2
        connections[socket]!.isKept = isKept
        let head = Answers.file(stored.file, part, keepsConnection: isKept)
        let range: Range<UInt64>
        switch part {
        case .whole: range = 0..<stored.file.size
        case .range(let wanted): range = wanted
        case .unchanged, .unsatisfiable: range = 0..<0
        }
        guard request.method == "GET", !range.isEmpty else {
            if let handle = stored.handle { effects.append(.disk(.close(handle))) }
            effects.append(.writeClient(socket, head))
            return goOn(socket, now: now, &effects)
        }
        let count = range.upperBound - range.lowerBound
        connections[socket]!.phase = .sending
        connections[socket]!.size = count
        let seconds = Int64(count / MediaLimits.sendBytesPerSecondMin)
        timers.arm(.pace(socket), at: now.instant + MediaLimits.sendTimeout + .seconds(seconds))
        guard let handle = stored.handle else {
            guard fetchingCount < MediaLimits.fetchCountMax else { return refuse(socket, 503, "overloaded", &effects) }
            fetchingCount += 1
            connections[socket]!.remote = Connection.Remote(hash: stored.file.hash, range: range, head: head)
            return fetch(socket, &effects)
        }
        effects.append(.writeClient(socket, head))
        effects.append(.disk(.send(socket, handle, offset: range.lowerBound, count: count)))
    }

    /// The next piece.
    private mutating func fetch(_ socket: SocketID, _ effects: inout [Effect]) {
        guard let remote = connections[socket]?.remote else { return }
        let end = min(remote.range.upperBound, remote.range.lowerBound + MediaLimits.fetchBytesMax)
        order(.fetch(hash: remote.hash, range: remote.range.lowerBound..<end), for: .fetch(socket), &effects)
    }

    mutating func onFetched(_ socket: SocketID, _ outcome: MediaOutcome, now: Now, _ effects: inout [Effect]) {
        guard let remote = connections[socket]?.remote else { return close(outcome, &effects) }
        guard case .fetched(let handle) = outcome.result else {
            return remote.head.isEmpty ? end(socket, [], &effects) : refuse(socket, outcome.result, &effects)
        }
        if !remote.head.isEmpty { effects.append(.writeClient(socket, remote.head)) }
        let count = min(UInt64(remote.range.count), MediaLimits.fetchBytesMax)
        connections[socket]!.remote!.head = []
        connections[socket]!.remote!.range = remote.range.lowerBound + count..<remote.range.upperBound
        effects.append(.disk(.send(socket, handle, offset: 0, count: count)))
    }

    mutating func onSent(_ socket: SocketID, now: Now, _ effects: inout [Effect]) {
        guard let connection = connections[socket] else { return }
        if let remote = connection.remote, !remote.range.isEmpty { return fetch(socket, &effects) }
        counters.bytesOut += connection.size
        goOn(socket, now: now, &effects)
    }
}
