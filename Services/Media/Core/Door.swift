// The HTTP door: connections come, say what they want, and are answered.

import CoreKit
import Media
import Primitives
import RPC
import WebSocket

extension MediaCore {
    mutating func onAccepted(_ socket: SocketID, now: Now, _ effects: inout [Effect]) {
        guard connections.count < MediaLimits.connectionCountMax else {
            counters.requestsRefused += 1
            effects.append(.writeClient(socket, Answers.refusal(503, "too_many_connections")))
            effects.append(.closeClient(socket))
            return
        }
        connections[socket] = Connection()
        timers.arm(.pace(socket), at: now.instant + MediaLimits.headTimeout)
    }

    mutating func onBytes(_ socket: SocketID, _ bytes: ArraySlice<UInt8>, now: Now, _ effects: inout [Effect]) {
        guard let connection = connections[socket] else { return }
        switch connection.phase {
        case .head(var parser):
            do throws(HTTPRefusal) {
                guard let (request, rest) = try parser.receive(bytes) else {
                    connections[socket]!.phase = .head(parser)
                    return
                }
                connections[socket]!.held = Array(rest)
                onRequest(socket, request, now: now, &effects)
            } catch {
                counters.requestsRefused += 1
                end(socket, error.responseBytes(), &effects)
            }
        case .body: takeBody(socket, bytes, now: now, &effects)
        // Bytes that the kernel had before it was told to hold them back.
        case .asking where connection.bodyLeft > 0: connections[socket]!.held.append(contentsOf: bytes)
        // Whoever asks before the answer is there is not waited for.
        case .asking, .finishing, .sending:
            connections[socket]!.isOutOfStep = true
            connections[socket]!.isKept = false
        }
    }

    private mutating func onRequest(_ socket: SocketID, _ request: HTTPRequest, now: Now, _ effects: inout [Effect]) {
        guard request.method != "OPTIONS" else { return end(socket, Answers.preflight, &effects) }
        let parts = request.path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0].isEmpty, parts[1] == "v1", parts[2] == "media", let purpose = Links.Purpose(rawValue: String(parts[3])),
            HexName.accepts(String(parts[4]), count: MediaLimits.idDigitCount)
        else { return refuse(socket, 404, "no_such_path", &effects) }
        let subject = String(parts[4])
        do throws(Links.Refusal) {
            try links.check(purpose, subject, request, now: now.stamp)
        } catch {
            return refuse(socket, 403, error.rawValue, &effects)
        }
        guard mayOrder else { return refuse(socket, 503, "overloaded", &effects) }
        // One link must not hold every place at the door: a download may take its time.
        let user = request.queryValue("user")
        guard connections.values.lazy.filter({ $0.user == user }).count < MediaLimits.userConnectionCountMax else {
            return refuse(socket, 503, "too_many_connections", &effects)
        }
        connections[socket]!.user = user
        connections[socket]!.subject = subject
        timers.arm(.pace(socket), at: now.instant + MediaLimits.paceInterval)
        switch (purpose, request.method) {
        case (.upload, "PUT"): beginUpload(socket, request, &effects)
        case (.upload, "HEAD"): ask(.look(upload: subject), socket, request, &effects)
        case (.download, "GET"), (.download, "HEAD"): ask(.read(id: subject), socket, request, &effects)
        case (.upload, _): end(socket, Answers.refusal(405, "only_put_and_head", allow: "PUT, HEAD"), &effects)
        case (.download, _): end(socket, Answers.refusal(405, "only_get_and_head", allow: "GET, HEAD"), &effects)
        }
    }

    /// Asks the store; the connection waits for it.
    mutating func ask(_ work: MediaOrder.Work, _ socket: SocketID, _ request: HTTPRequest, _ effects: inout [Effect]) {
        connections[socket]!.phase = .asking(request)
        order(work, for: .request(socket), &effects)
    }

    /// What the request wants is known to the store, or not.
    mutating func onLooked(
        _ socket: SocketID, _ request: HTTPRequest, _ result: MediaOutcome.Result, now: Now, _ effects: inout [Effect]
    ) {
        switch result {
        case .upload(let state) where request.method == "HEAD":
            end(socket, Answers.progress(200, state.offset, of: state.size), &effects)
        case .upload(let state): onUpload(socket, request, state, now: now, &effects)
        case .reading(let stored): onFile(socket, request, stored, now: now, &effects)
        default: refuse(socket, result, &effects)
        }
    }

    /// Connections that do not get on hold a place that others want.
    mutating func onPace(_ socket: SocketID, now: Now, _ effects: inout [Effect]) {
        guard let connection = connections[socket] else { return }
        switch connection.phase {
        case .head where connection.answerCount > 0: return end(socket, [], &effects)
        case .head: return refuse(socket, 408, "head_timeout", &effects)
        case .sending: return end(socket, [], &effects)
        case .body where connection.pieceCount == 0 && connection.recentBytes < MediaLimits.paceBytesMin:
            return refuse(socket, 408, "upload_too_slow", &effects)
        case .body, .asking, .finishing: break
        }
        connections[socket]!.recentBytes = 0
        timers.arm(.pace(socket), at: now.instant + MediaLimits.paceInterval)
    }

    // MARK: The end

    mutating func refuse(_ socket: SocketID, _ status: Int, _ reason: String, offset: UInt64? = nil, _ effects: inout [Effect]) {
        counters.requestsRefused += 1
        end(socket, Answers.refusal(status, reason, offset: offset), &effects)
    }

    /// What the store said, when it was no.
    mutating func refuse(_ socket: SocketID, _ result: MediaOutcome.Result, _ effects: inout [Effect]) {
        switch result {
        case .unknown: refuse(socket, 404, "media_unknown", &effects)
        case .misplaced: refuse(socket, 409, "offset_differs", &effects)
        case .hashDiffers: refuse(socket, 422, "hash_differs", &effects)
        case .typeDiffers: refuse(socket, 415, "type_differs", &effects)
        case .full: refuse(socket, 507, "storage_full", &effects)
        case .away: refuse(socket, 503, "store_away", &effects)
        case .forbidden: refuse(socket, 503, "store_forbidden", &effects)
        default: refuse(socket, 500, "store_failed", &effects)
        }
    }

    /// The last words, and the end.
    mutating func end(_ socket: SocketID, _ bytes: [UInt8], _ effects: inout [Effect]) {
        if !bytes.isEmpty { effects.append(.writeClient(socket, bytes)) }
        effects.append(.closeClient(socket))
        forget(socket)
    }

    /// Behind a file: another request, or the end.
    mutating func goOn(_ socket: SocketID, now: Now, _ effects: inout [Effect]) {
        guard let connection = connections[socket], connection.isKept else { return end(socket, [], &effects) }
        if connection.remote != nil { fetchingCount -= 1 }
        connections[socket] = Connection()
        connections[socket]!.answerCount = connection.answerCount + 1
        timers.arm(.pace(socket), at: now.instant + MediaLimits.headTimeout)
    }

    mutating func forget(_ socket: SocketID) {
        guard let connection = connections.removeValue(forKey: socket) else { return }
        if writers[connection.subject] == socket { writers[connection.subject] = nil }
        if connection.remote != nil { fetchingCount -= 1 }
        timers.cancel(.pace(socket))
    }
}
