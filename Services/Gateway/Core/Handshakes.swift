// From the first byte of a client to its WebSocket.
//
// Thousands may come in the same instant, when another gateway has died. They come in step by step, in their order, so that those
// who are in and write to each other wait behind a few of them and not behind all.
//
// Nothing of a connection reaches another service before its token was checked: no name, no byte. A refusal is an HTTP
// answer with a reason a developer can read.

import CoreKit
import Messages
import Primitives
import RPC
import Tokens
import WebSocket

extension GatewayCore {
    mutating func onAccepted(_ socket: SocketID, from address: ClientAddress?, now: Now, _ effects: inout [Effect]) {
        if handshakes.count + requests.count >= GatewayLimits.handshakeCountMax { dropOldestHandshake(&effects) }
        connections[socket] = Connection(
            phase: .handshake(HTTPRequestParser()), openedAt: now.instant, isLimited: !addresses.take(address, now: now.instant))
        handshakes.enter(socket, now: now.instant) { connections[$0]?.isSilent == true }
        timers.arm(.connection(socket), at: now.instant + GatewayLimits.handshakeTimeout)
    }

    /// A full house lets nobody in before its oldest guest has had time to speak. O(1), amortised.
    public mutating func wantsClient(now: Instant) -> Bool {
        guard handshakes.count + requests.count >= GatewayLimits.handshakeCountMax else { return true }
        guard let oldest = handshakes.oldest({ connections[$0]?.isSilent == true }) else { return false }
        return now - oldest.since >= GatewayLimits.handshakeGrace
    }

    private mutating func dropOldestHandshake(_ effects: inout [Effect]) {
        guard let oldest = handshakes.oldest({ connections[$0]?.isSilent == true })?.socket else { return }
        counters.upgradesRefused += 1
        effects.append(.closeClient(oldest))
        forget(oldest, &effects)
    }

    mutating func onHandshake(
        _ socket: SocketID, _ parser: HTTPRequestParser, _ bytes: ArraySlice<UInt8>, now: Now, _ effects: inout [Effect]
    ) {
        var parser = parser
        let request: HTTPRequest
        let rest: ArraySlice<UInt8>
        do throws(HTTPRefusal) {
            guard let parsed = try parser.receive(bytes) else {
                connections[socket]!.phase = .handshake(parser)
                return
            }
            (request, rest) = parsed
        } catch {
            return refuse(socket, error, &effects)
        }
        guard !connections[socket]!.isLimited else {
            counters.connectsLimited += 1
            return refuse(socket, .tooManyRequests(retryAfterSeconds: GatewayLimits.connectRetrySeconds), &effects)
        }
        switch Upgrade.decide(request, policy: policy) {
        case .refused(let refusal):
            refuse(socket, refusal, &effects)
        case .plain(let request):
            onPlain(socket, request, now: now, &effects)
        case .upgrade(let upgrade):
            guard requests.count == 0, mayUpgrade(now.instant) else { return hold(socket, upgrade, rest, now: now, &effects) }
            onUpgrade(socket, upgrade, rest, now: now, &effects)
        }
    }

    // MARK: Pace

    /// Whether one more may come in now: so many in a tick, and not while many are on their way through the cluster.
    private mutating func mayUpgrade(_ now: Instant) -> Bool {
        guard upgradesInTick < GatewayLimits.upgradesPerTickMax else { return false }
        guard greetings.count >= GatewayLimits.greetingCountMax else { return true }
        return greetings.oldest { connections[$0]?.isGreeting == true }.map { now - $0.since >= GatewayLimits.greetingGrace } ?? true
    }

    private mutating func hold(_ socket: SocketID, _ upgrade: Upgrade, _ rest: ArraySlice<UInt8>, now: Now, _ effects: inout [Effect]) {
        handshakes.leave()
        connections[socket]!.phase = .request(upgrade, rest: [])
        requests.enter(socket, now: now.instant) { connections[$0]?.isWaiting == true }
        timers.armIfIdle(.requests, at: now.instant + GatewayLimits.requestPause)
        if !rest.isEmpty { onEarly(socket, upgrade, Array(rest), &effects) }
    }

    /// Somebody does not wait for the answer (RFC 6455, section 4.1, demands it): a first message is kept, no more.
    mutating func onEarly(_ socket: SocketID, _ upgrade: Upgrade, _ rest: [UInt8], _ effects: inout [Effect]) {
        guard rest.count <= GatewayLimits.earlyBytesMax else {
            counters.failures += 1
            effects.append(.closeClient(socket))
            return forget(socket, &effects)
        }
        connections[socket]!.phase = .request(upgrade, rest: rest)
    }

    /// Lets in those who wait, in the order in which they came.
    mutating func answerRequests(now: Now, _ effects: inout [Effect]) {
        while let socket = requests.oldest({ connections[$0]?.isWaiting == true })?.socket, case .request(let upgrade, let rest) = connections[socket]!.phase {
            guard mayUpgrade(now.instant) else { return timers.arm(.requests, at: now.instant + GatewayLimits.requestPause) }
            onUpgrade(socket, upgrade, rest[...], now: now, &effects)
        }
    }

    /// Its hello is on its way through the cluster.
    mutating func beginGreeting(_ socket: SocketID, now: Now) {
        guard case .open(var session) = connections[socket]?.phase else { return }
        session.isGreeting = true
        connections[socket]!.phase = .open(session)
        greetings.enter(socket, now: now.instant) { connections[$0]?.isGreeting == true }
    }

    /// A connection is through, or gone.
    mutating func leaveDoor(_ phase: Connection.Phase) {
        switch phase {
        case .handshake: handshakes.leave()
        case .request: requests.leave()
        case .open, .closing: break
        }
    }

    private mutating func onUpgrade(
        _ socket: SocketID, _ upgrade: Upgrade, _ rest: ArraySlice<UInt8>, now: Now, _ effects: inout [Effect]
    ) {
        guard let token = upgrade.bearerToken else {
            return refuse(socket, .unauthorized(reason: TokenRefusal.missing.code), &effects)
        }
        let claims: TokenClaims
        do throws(TokenRefusal) {
            claims = try verifier.verify(token, nowSeconds: now.stamp.seconds)
        } catch {
            return refuse(socket, .unauthorized(reason: error.code), &effects)
        }
        if let reason = unreadiness {
            let word = departure != nil ? "draining" : reason.contains("parser") ? "parser_away" : "session_away"
            let refusal = HTTPRefusal.unavailable(
                reason: word, retryAfterSeconds: GatewayLimits.unavailableRetrySeconds)
            return refuse(socket, refusal, &effects)
        }
        guard hasRoom(for: claims.user, now: now) else {
            counters.connectsOverloaded += 1
            let seconds = Int((LoadBook.retryMs(claims.user, now: now.stamp) + 999) / 1_000)
            return refuse(socket, .unavailable(reason: "overloaded", retryAfterSeconds: seconds), &effects)
        }
        counters.upgrades += 1
        upgradesInTick += 1
        leaveDoor(connections[socket]!.phase)
        connectionLast = max(connectionLast + 1, UInt64(max(0, now.stamp.microseconds)))
        let session = Connection.Session(
            id: ConnectionID(rawValue: connectionLast), user: claims.user, device: claims.device ?? .unnamed,
            encoding: upgrade.subprotocol == .binary ? .binary : .json, rate: rates.join(claims.user, now: now.instant), expirySeconds: claims.expirySeconds,
            issuedAt: claims.issuedSeconds.map { Stamp(microseconds: max(0, $0) * 1_000_000) },
            decoder: FrameDecoder(
                role: .server, limits: WebSocketLimits(messageBytesMax: MessageLimits.clientFrameBytesMax)),
            heardAt: now.instant)
        sockets[session.id] = socket
        connections[socket] = Connection(phase: .open(session), openedAt: now.instant)
        effects.append(.writeClient(socket, upgrade.responseBytes(sha1: sha1)))
        arm(socket, session, now: now)
        if !rest.isEmpty { on(.clientReceived(socket, rest), now: now, effects: &effects) }
    }

    private mutating func onPlain(_ socket: SocketID, _ request: HTTPRequest, now: Now, _ effects: inout [Effect]) {
        do throws(HTTPRefusal) {
            let answer =
                request.path == GatewayLimits.loginPath
                ? try loginAnswer(to: request, nowSeconds: now.stamp.seconds) : try page.answer(to: request)
            counters.pagesServed += 1
            finish(socket, answer, &effects)
        } catch {
            refuse(socket, error, &effects)
        }
    }

    private mutating func refuse(_ socket: SocketID, _ refusal: HTTPRefusal, _ effects: inout [Effect]) {
        counters.upgradesRefused += 1
        finish(socket, refusal.responseBytes(), &effects)
    }

    private mutating func finish(_ socket: SocketID, _ bytes: [UInt8], _ effects: inout [Effect]) {
        effects.append(.writeClient(socket, bytes))
        effects.append(.closeClient(socket))
        forget(socket, &effects)
    }
}
