// Requests come in, byte by byte, and answers go out.

import CoreKit
import Messages
import Primitives
import RPC
import WebSocket

extension APICore {
    mutating func onAccepted(_ socket: SocketID, now: Now, _ effects: inout [Effect]) {
        guard connections.count < APILimits.connectionCountMax else {
            counters.refused += 1
            let answer = Answer(refusing: 503, "too_many_connections", "as many connections as there may be", retrySeconds: 1)
            effects.append(.writeClient(socket, answer.bytes(keepsConnection: false)))
            effects.append(.closeClient(socket))
            return
        }
        connections[socket] = Connection()
        timers.arm(.request(socket), at: now.instant + APILimits.requestTimeout)
    }

    mutating func onBytes(_ socket: SocketID, _ bytes: ArraySlice<UInt8>, now: Now, _ effects: inout [Effect]) {
        var rest = bytes
        while !rest.isEmpty, let connection = connections[socket] {
            switch connection.phase {
            case .head(var parser):
                do throws(HTTPRefusal) {
                    guard let (request, behind) = try parser.receive(rest) else {
                        connections[socket]!.phase = .head(parser)
                        return
                    }
                    rest = behind
                    onRequest(socket, request, now: now, &effects)
                } catch {
                    // What follows cannot be read any more.
                    connections[socket]!.isLast = true
                    return answer(socket, Answer(error), now: now, &effects)
                }
            case .body(var body):
                let piece = rest.prefix(Int(clamping: body.bytesLeft))
                rest = rest.dropFirst(piece.count)
                body.bytesLeft -= UInt64(piece.count)
                if body.verdict == nil { body.bytes += piece }
                connections[socket]!.phase = .body(body)
                if body.bytesLeft == 0 { onWhole(socket, body, now: now, &effects) }
            case .waiting:
                guard connection.held.count + rest.count <= APILimits.heldBytesMax else {
                    connections[socket]!.isLast = true
                    return
                }
                connections[socket]!.held += rest
                return
            }
        }
    }

    /// A head is there: what can be refused now is, and the body of it is dropped.
    private mutating func onRequest(_ socket: SocketID, _ request: HTTPRequest, now: Now, _ effects: inout [Effect]) {
        counters.requests += 1
        if request.headers.list("connection").contains(where: { $0.lowercased() == "close" }) { connections[socket]!.isLast = true }
        connections[socket]!.isBodyless = request.method == "HEAD"
        var verdict = judge(request, now: now)
        if verdict == nil, request.bodyBytes > UInt64(APILimits.bodyBytesMax) {
            verdict = Answer(refusing: 413, "body_too_long", "a body has at most \(APILimits.bodyBytesMax) bytes")
        }
        let body = Connection.Body(request: request, verdict: verdict, bytesLeft: request.bodyBytes)
        if request.bodyBytes == 0 { return onWhole(socket, body, now: now, &effects) }
        if request.bodyBytes > UInt64(APILimits.bodyBytesDropped), let verdict {
            connections[socket]!.isLast = true
            return answer(socket, verdict, now: now, &effects)
        }
        if verdict == nil, request.headers["expect"]?.lowercased() == "100-continue" {
            effects.append(.writeClient(socket, HTTPResponse.goOn))
        }
        connections[socket]!.phase = .body(body)
    }

    /// Who asks, and how often.
    private mutating func judge(_ request: HTTPRequest, now: Now) -> Answer? {
        guard let token = request.bearerToken, let key = keys.find(token) else {
            counters.unauthorized += 1
            return .unauthorized
        }
        guard rate == 0 || buckets[key].take(1, rate: rate, burstSeconds: APILimits.rateBurstSeconds, now: now.instant) else {
            return Answer(
                refusing: 429, "rate_limited", "this key asks more than \(rate) times a second", retrySeconds: APILimits.rateRetrySeconds)
        }
        return nil
    }

    private mutating func onWhole(_ socket: SocketID, _ body: Connection.Body, now: Now, _ effects: inout [Effect]) {
        if let verdict = body.verdict { return answer(socket, verdict, now: now, &effects) }
        switch route(body.request, body.bytes, socket, now: now, &effects) {
        case .answered(let answer): self.answer(socket, answer, now: now, &effects)
        case .asked(let name):
            connections[socket]!.phase = .waiting(name)
            timers.cancel(.request(socket))
            timers.arm(.answer(name), at: now.instant + APILimits.answerTimeout)
        }
    }

    /// Sends it, and reads on or ends.
    mutating func answer(_ socket: SocketID, _ answer: Answer, now: Now, _ effects: inout [Effect]) {
        guard let connection = connections[socket] else { return }
        if answer.status >= 400 { counters.refused += 1 }
        effects.append(.writeClient(socket, answer.bytes(keepsConnection: !connection.isLast, isBodyless: connection.isBodyless)))
        guard !connection.isLast else {
            effects.append(.closeClient(socket))
            return forget(socket)
        }
        connections[socket] = Connection()
        timers.arm(.request(socket), at: now.instant + APILimits.requestTimeout)
        // At most `heldBytesMax`, so the nesting is bounded: each level takes a whole request of it.
        if !connection.held.isEmpty { onBytes(socket, connection.held[...], now: now, &effects) }
    }

    /// Nobody asks in time: an idle connection ends without a word, a request that does not end with one.
    mutating func onRequestTimeout(_ socket: SocketID, now: Now, _ effects: inout [Effect]) {
        guard let connection = connections[socket] else { return }
        if case .body = connection.phase {
            connections[socket]!.isLast = true
            return answer(socket, Answer(refusing: 408, "request_timeout", "the body did not come in time"), now: now, &effects)
        }
        effects.append(.closeClient(socket))
        forget(socket)
    }

    mutating func forget(_ socket: SocketID) {
        guard let connection = connections.removeValue(forKey: socket) else { return }
        timers.cancel(.request(socket))
        if case .waiting(let name) = connection.phase {
            waiting[name] = nil
            cancelTimers(of: name)
        }
    }
}
