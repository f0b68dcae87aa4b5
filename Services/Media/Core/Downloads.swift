// Bytes that go out: a head of ours, and behind it the file, from the kernel's memory to the socket.

import CoreKit
import Media
import Primitives
import RPC
import WebSocket

extension MediaCore {
    mutating func onFile(_ socket: SocketID, _ request: HTTPRequest, _ stored: StoredFile, now: Now, _ effects: inout [Effect]) {
        counters.downloads += 1
        let part = FilePart(request.headers, size: stored.file.size, tag: #""\#(stored.file.hash)""#)
        effects.append(.writeClient(socket, Answers.file(stored.file, part)))
        let range: Range<UInt64>
        switch part {
        case .whole: range = 0..<stored.file.size
        case .range(let wanted): range = wanted
        case .unchanged, .unsatisfiable: range = 0..<0
        }
        guard request.method == "GET", !range.isEmpty else {
            effects.append(.disk(.close(stored.handle)))
            return end(socket, [], &effects)
        }
        let count = range.upperBound - range.lowerBound
        connections[socket]!.phase = .sending
        connections[socket]!.size = count
        effects.append(.disk(.send(socket, stored.handle, offset: range.lowerBound, count: count)))
        let seconds = Int64(count / MediaLimits.sendBytesPerSecondMin)
        timers.arm(.pace(socket), at: now.instant + MediaLimits.sendTimeout + .seconds(seconds))
    }

    mutating func onSent(_ socket: SocketID, _ effects: inout [Effect]) {
        guard let connection = connections[socket] else { return }
        counters.bytesOut += connection.size
        end(socket, [], &effects)
    }
}
