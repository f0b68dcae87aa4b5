// The gateway: sockets of clients on one side, the mesh on the other.
//
// It terminates WebSocket, checks the token once at the upgrade, and from then on moves opaque bytes: up to the parser that
// a connection sticks to, down from whoever has something for it. It knows its own connections and nothing of anybody
// else's. What it does keep is each connection's seat at a session shard: when the user's shard changes or loses its
// memory, the gateway attaches the connection anew, and the client notices nothing.
//
//     Handshakes.swift   from the first byte to the upgrade, and how fast; Crowd.swift: who is on the way
//     PageFiles.swift    what a browser gets instead; DevelopmentLogin.swift: and a token for it
//     Seats.swift        which shard holds which connection
//     Draining.swift     leaving, some clients at a time
//     Rates.swift        how much one user, and one address, may ask for
//     Connection.swift   what is known of one connection

import Cluster
import CoreKit
import Messages
import Primitives
import RPC
import Tokens
import WebSocket

public struct GatewayCore: ServiceCore {
    enum Timer: Hashable, Sendable {
        /// Something about this connection is due: a handshake, a ping, a token's end.
        case connection(SocketID)
        /// Shards that were asked for a seat and did not answer.
        case seats
        /// Some more clients are to go elsewhere.
        case departure
        /// Some more of those who wait may come in.
        case requests
    }

    let selfID: NodeID
    let policy: UpgradePolicy
    let verifier: TokenVerifier
    let sha1: @Sendable ([UInt8]) -> [UInt8]
    let page: PageFiles
    let login: DevelopmentLogin?
    var sessions: LiveRing
    private var parserIDs: [NodeID]
    private var parsersDraining: Set<NodeID>
    var parsersUp: [NodeID] = []
    private var parserNext = 0
    /// Under way when this gateway is draining.
    var departure: Departure?
    var dice: SeededGenerator
    var connections: [SocketID: Connection] = [:]
    var sockets: [ConnectionID: SocketID] = [:]
    /// Connections that ended while their `hello` was on its way, and whose they were.
    var departed: [ConnectionID: UserID] = [:]
    var departedOrder: [ConnectionID] = []
    /// Whoever has not shown a token yet.
    var handshakes = Crowd()
    /// Whoever has shown one and may not come in yet.
    var requests = Crowd()
    var upgradesInTick = 0
    /// Whoever has said hello and is not welcome yet.
    var greetings = Crowd()
    var connectionLast: UInt64
    var dirty: [SocketID] = []
    var timers = TimerQueue<Timer>()
    var counters = GatewayCounters()
    var addresses: AddressRates
    var rates: UserRates
    public var load: LoadBook
    private var decoded: [WebSocketEvent] = []

    /// - Parameters:
    ///   - sha1: for the handshake's accept key only (RFC 6455, section 4.2.2).
    ///   - page: what browsers get; default none.
    ///   - login: mints tokens for anybody at this machine; default nil, nobody does.
    ///   - startedAt: connection ids begin here.
    public init(
        selfID: NodeID, cluster: ClusterMap, verifier: TokenVerifier, sha1: @escaping @Sendable ([UInt8]) -> [UInt8],
        page: PageFiles = .none, login: DevelopmentLogin? = nil, dice: SeededGenerator, startedAt: Stamp
    ) {
        self.selfID = selfID
        self.verifier = verifier
        self.sha1 = sha1
        self.page = page
        self.login = login
        policy = UpgradePolicy(chatPath: GatewayLimits.chatPath, origins: cluster.origins)
        sessions = LiveRing(cluster.ring(of: .session))
        addresses = AddressRates(cluster.limitRules)
        rates = UserRates(cluster.limitRules)
        load = LoadBook(tells: cluster.nodes(of: .parser).map(\.id))
        parserIDs = cluster.nodes(of: .parser).map(\.id)
        parsersDraining = Self.draining(cluster)
        connectionLast = UInt64(max(0, startedAt.microseconds))
        // Gateways begin at different parsers, so that a small cluster uses all of them.
        self.dice = dice
        parserNext = self.dice.pick(0..<max(1, parserIDs.count))
        // Nobody is here yet who would have to go.
        if cluster.node(selfID)?.isDraining == true { departure = Departure(order: [], beganAt: .zero) }
    }

    private static func draining(_ cluster: ClusterMap) -> Set<NodeID> {
        Set(cluster.nodes(of: .parser).filter(\.isDraining).map(\.id))
    }

    // MARK: ServiceCore

    public mutating func on(_ event: Event, now: Now, effects: inout [Effect]) {
        switch event {
        case .peerUp(let node): onPeer(node, isUp: true, now: now, &effects)
        case .peerDown(let node): onPeer(node, isUp: false, now: now, &effects)
        case .clusterChanged(let cluster): onClusterChanged(cluster, now: now, &effects)
        case .received(let node, let message): onReceived(node, message, now: now, &effects)
        case .requested(let call, _): effects.append(.refuse(call, Refusal(.unsupported)))
        case .clientAccepted(let socket, let address): onAccepted(socket, from: address, now: now, &effects)
        case .clientReceived(let socket, let bytes): onBytes(socket, bytes, now: now, &effects)
        case .clientClosed(let socket): forget(socket, &effects)
        case .deadline: onDeadline(now: now, &effects)
        case .flush: onFlush(&effects)
        case .epoch, .answered, .refused, .committed, .commitFailed, .disk: break
        }
    }

    public mutating func deadline() -> Instant? { timers.next() }

    public var remainder: String? {
        let count = sockets.count
        return count == 0 ? nil : "\(count) \(count == 1 ? "client is" : "clients are") connected"
    }

    public var unreadiness: String? {
        if departure != nil { return "it is draining: clients go elsewhere" }
        if parsersUp.isEmpty { return "no parser service is connected" }
        if sessions.up.isEmpty { return "no session service is connected" }
        return nil
    }

    public func report(into page: inout MetricsPage) {
        page.gauge("fantail_gateway_connections", "Open WebSocket connections.", sockets.count)
        page.gauge("fantail_gateway_handshakes", "Handshakes in progress.", handshakes.count)
        page.gauge("fantail_gateway_requests", "Connections that wait for their turn to come in.", requests.count)
        page.gauge("fantail_gateway_greetings", "Connections whose hello is on its way through the cluster.", greetings.count)
        page.counter("fantail_gateway_upgrades_total", "Connections that became WebSockets.", counters.upgrades)
        page.counter("fantail_gateway_upgrades_refused_total", "Requests that were refused.", counters.upgradesRefused)
        page.counter("fantail_gateway_pages_total", "Plain requests that were answered: the page's files, log-ins.", counters.pagesServed)
        page.counter("fantail_gateway_frames_received_total", "Messages received from clients.", counters.framesReceived)
        page.counter("fantail_gateway_frames_sent_total", "Messages sent to clients.", counters.framesSent)
        page.counter("fantail_gateway_websocket_failures_total", "Connections ended because they broke RFC 6455.", counters.failures)
        page.counter(
            "fantail_gateway_rate_limited_total", "Frames of clients dropped because their user sends too many.", counters.framesLimited)
        page.counter(
            "fantail_gateway_connects_limited_total", "Connections refused because their address makes too many.",
            counters.connectsLimited)
        page.counter(
            "fantail_gateway_connects_overloaded_total", "Connections refused because there is too much work.",
            counters.connectsOverloaded)
        page.counter("fantail_gateway_sent_away_total", "Connections closed because this gateway is draining.", counters.sentAway)
        page.counter("fantail_gateway_tokens_revoked_total", "Connections closed because their token was revoked.", counters.tokensRevoked)
        page.counter("fantail_gateway_attaches_total", "Connections that a session shard has taken over from another, or anew.", counters.attaches)
    }

    // MARK: The mesh

    private mutating func onPeer(_ node: NodeID, isUp: Bool, now: Now, _ effects: inout [Effect]) {
        if parserIDs.contains(node) {
            parsersUp.removeAll { $0 == node }
            if isUp { parsersUp = (parsersUp + [node]).sorted() }
        }
        if sessions.set(node, isUp: isUp) { reseat(after: node, now: now, &effects) }
    }

    /// Connections whose shard is another one now are seated there; nobody else is touched. A gateway that is not of the cluster
    /// any more drains like one that is to leave.
    private mutating func onClusterChanged(_ cluster: ClusterMap, now: Now, _ effects: inout [Effect]) {
        parserIDs = cluster.nodes(of: .parser).map(\.id)
        parsersDraining = Self.draining(cluster)
        parsersUp.removeAll { !parserIDs.contains($0) }
        sessions.adopt(cluster.ring(of: .session))
        load.adopt(tells: parserIDs)
        reseat(after: nil, now: now, &effects)
        setDraining(cluster.node(selfID)?.isDraining ?? true, now: now)
    }

    private mutating func onReceived(_ node: NodeID, _ message: Message, now: Now, _ effects: inout [Effect]) {
        switch message {
        case .clientOutput(let output):
            send(output, from: node, now: now, &effects)
        case .closeConnection(let order):
            guard let socket = sockets[order.connection] else { return }
            // A code that may not stand in a frame comes from a release that knows more than this one.
            let code = CloseCode.mayTravel(order.code) ? order.code : CloseCode.internalError.rawValue
            close(socket, code: code, reason: order.reason, now: now, &effects)
        case .tokenRule(let rule):
            onTokenRule(rule, now: now, &effects)
        case .attached(let attached):
            onAttached(attached, by: node, now: now, &effects)
        default:
            effects.append(
                .log(LogRecord(.warning, "unexpected_message", ["peer": "\(node)", "method": "\(message.method)"])))
        }
    }

    private mutating func send(_ output: ClientOutput, from node: NodeID, now: Now, _ effects: inout [Effect]) {
        guard let socket = sockets[output.connection], let place = connections.index(forKey: socket),
            let added = connections.values[place].add(output.bytes, from: node)
        else { return }
        counters.framesSent += 1
        if added.isFirst { dirty.append(socket) }
        guard added.isWelcome else { return }
        if added.wasGreeting { greetings.leave() }
        correctSeat(socket, now: now, &effects)
    }

    /// A token that does not say when it was issued is as old as any.
    private mutating func onTokenRule(_ rule: TokenRule, now: Now, _ effects: inout [Effect]) {
        guard let socket = sockets[rule.connection], case .open(let session) = connections[socket]?.phase,
            (session.issuedAt ?? .zero) < rule.before
        else { return }
        counters.tokensRevoked += 1
        close(socket, code: CloseCode.tokenExpired.rawValue, reason: "token_revoked", now: now, &effects)
    }

    private mutating func onFlush(_ effects: inout [Effect]) {
        upgradesInTick = 0
        for socket in dirty {
            guard let place = connections.index(forKey: socket) else { continue }
            let bytes = connections.values[place].takeOutbound()
            if !bytes.isEmpty { effects.append(.writeClient(socket, bytes)) }
        }
        dirty.removeAll(keepingCapacity: true)
    }

    // MARK: Frames of clients

    private mutating func onBytes(_ socket: SocketID, _ bytes: ArraySlice<UInt8>, now: Now, _ effects: inout [Effect]) {
        guard let place = connections.index(forKey: socket) else { return }
        if let wasPinged = connections.values[place].receive(bytes, into: &decoded, draining: parsersDraining, now: now.instant) {
            // Behind a ping the timer stands at the end of all patience; now it is pinging time again before that.
            if wasPinged, case .open(let session) = connections[socket]?.phase { arm(socket, session, now: now) }
            // Taken out while they are handled, and put back for its room.
            var events = decoded
            decoded = []
            for event in events { onFrame(socket, event, now: now, &effects) }
            events.removeAll(keepingCapacity: true)
            decoded = events
            return
        }
        switch connections[socket]?.phase {
        case .handshake(let parser): onHandshake(socket, parser, bytes, now: now, &effects)
        case .request(let upgrade, let rest): onEarly(socket, upgrade, rest + bytes, &effects)
        case .open, .closing, nil: break
        }
    }

    private mutating func onFrame(_ socket: SocketID, _ event: WebSocketEvent, now: Now, _ effects: inout [Effect]) {
        guard case .open(var session) = connections[socket]?.phase else { return }
        switch event {
        case .text(let payload) where session.encoding == .json,
            .binary(let payload) where session.encoding == .binary:
            counters.framesReceived += 1
            guard rates.take(session.rate, bytes: payload.count, now: now.instant) else {
                return tellLimited(socket, now: now)
            }
            onMessage(socket, session, payload, now: now, &effects)
        case .text, .binary:
            close(socket, .unsupportedData, now: now, &effects)
        case .ping(let payload):
            if session.outbound.isEmpty { dirty.append(socket) }
            FrameEncoder.appendPong(payload, to: &session.outbound)
            connections[socket]!.phase = .open(session)
        case .pong:
            break
        case .close(let code, _):
            var bytes = session.outbound
            FrameEncoder.appendClose(code: code, to: &bytes)
            effects.append(.writeClient(socket, bytes))
            effects.append(.closeClient(socket))
            forget(socket, &effects)
        case .failure(let failure):
            counters.failures += 1
            var bytes = session.outbound
            FrameEncoder.appendClose(failure, to: &bytes)
            effects.append(.writeClient(socket, bytes))
            effects.append(.closeClient(socket))
            forget(socket, &effects)
        }
    }

    private mutating func onMessage(
        _ socket: SocketID, _ session: Connection.Session, _ payload: [UInt8], now: Now, _ effects: inout [Effect]
    ) {
        var parser = session.parser
        if parser == nil || !parsersUp.contains(parser!) {
            parser = nextParser()
            if case .open(var changed) = connections[socket]!.phase {
                changed.parser = parser
                connections[socket]!.phase = .open(changed)
            }
            // Who has never spoken says hello now.
            if session.parser == nil, !session.isWelcomed, !session.isGreeting { beginGreeting(socket, now: now) }
        }
        guard let parser else { return close(socket, .tryAgainLater, now: now, &effects) }
        effects.append(.send(parser, .clientInput(ClientInput(origin: origin(of: session), bytes: payload))))
    }

    private mutating func nextParser() -> NodeID? {
        guard !parsersUp.isEmpty else { return nil }
        // The next that stays; if all that are up are to leave, one of those.
        for _ in parsersUp.indices {
            parserNext = (parserNext + 1) % parsersUp.count
            if !parsersDraining.contains(parsersUp[parserNext]) { break }
        }
        return parsersUp[parserNext]
    }

    func origin(of session: Connection.Session) -> Origin {
        Origin(
            gateway: selfID, connection: session.id, user: session.user, device: session.device,
            encoding: session.encoding, isAttached: session.isGreeted, hasSiblings: session.hasSiblings,
            issuedAt: session.issuedAt ?? .zero)
    }

    // MARK: Time and ends

    private mutating func onDeadline(now: Now, _ effects: inout [Effect]) {
        while let timer = timers.popDue(now.instant) {
            switch timer {
            case .connection(let socket): onConnectionTimer(socket, now: now, &effects)
            case .seats: retrySeats(now: now, &effects)
            case .departure: sendSomeAway(now: now, &effects)
            case .requests: answerRequests(now: now, &effects)
            }
        }
    }

    private mutating func onConnectionTimer(_ socket: SocketID, now: Now, _ effects: inout [Effect]) {
        switch connections[socket]?.phase {
        case .handshake, .request:
            counters.upgradesRefused += 1
            effects.append(.closeClient(socket))
            forget(socket, &effects)
        case .closing:
            effects.append(.closeClient(socket))
            forget(socket, &effects)
        case .open(var session):
            let silence = now.instant - session.heardAt
            if now.stamp.seconds >= session.expirySeconds {
                return close(socket, .tokenExpired, now: now, &effects)
            }
            if silence >= GatewayLimits.silenceMax {
                return close(socket, .goingAway, now: now, &effects)
            }
            if let began = session.messageBeganAt, now.instant - began >= GatewayLimits.messageTimeout {
                return close(socket, .policyViolation, now: now, &effects)
            }
            if !session.isWelcomed, now.instant - connections[socket]!.openedAt >= GatewayLimits.helloTimeout {
                return close(socket, .policyViolation, now: now, &effects)
            }
            if silence >= GatewayLimits.pingAfter, !session.isPinged {
                session.isPinged = true
                if session.outbound.isEmpty { dirty.append(socket) }
                FrameEncoder.appendPing(to: &session.outbound)
                connections[socket]!.phase = .open(session)
            }
            arm(socket, session, now: now)
        case nil:
            break
        }
    }

    /// Sets the timer for whatever about an open connection is due next.
    mutating func arm(_ socket: SocketID, _ session: Connection.Session, now: Now) {
        var next = session.heardAt + (session.isPinged ? GatewayLimits.silenceMax : GatewayLimits.pingAfter)
        // Wall clocks may jump: the token's end is looked at again at least once an hour.
        let left = Interval.seconds(max(0, min(session.expirySeconds - now.stamp.seconds, 3600)))
        next = min(next, now.instant + left)
        if !session.isWelcomed { next = min(next, connections[socket]!.openedAt + GatewayLimits.helloTimeout) }
        if let began = session.messageBeganAt { next = min(next, began + GatewayLimits.messageTimeout) }
        timers.arm(.connection(socket), at: max(next, now.instant + .milliseconds(100)).roundedUp(to: GatewayLimits.timerGrid))
    }

    mutating func close(_ socket: SocketID, _ code: CloseCode, now: Now, _ effects: inout [Effect]) {
        close(socket, code: code.rawValue, reason: code.reason, now: now, &effects)
    }

    /// Says why, then waits a moment for the peer's goodbye.
    mutating func close(_ socket: SocketID, code: UInt16, reason: String, now: Now, _ effects: inout [Effect]) {
        guard case .open(let session) = connections[socket]?.phase else { return }
        var bytes = session.outbound
        FrameEncoder.appendClose(code: code, reason: reason, to: &bytes)
        effects.append(.writeClient(socket, bytes))
        part(session, &effects)
        connections[socket]!.phase = .closing
        timers.arm(.connection(socket), at: now.instant + GatewayLimits.closeTimeout)
    }

    /// The socket is gone, or about to be.
    mutating func forget(_ socket: SocketID, _ effects: inout [Effect]) {
        guard let connection = connections.removeValue(forKey: socket) else { return }
        timers.cancel(.connection(socket))
        leaveDoor(connection.phase)
        if case .open(let session) = connection.phase { part(session, &effects) }
    }

    /// An open connection is none any more.
    private mutating func part(_ session: Connection.Session, _ effects: inout [Effect]) {
        if session.isGreeting { greetings.leave() }
        leaveSeat(session, &effects)
        rates.leave(session.rate)
        sockets[session.id] = nil
    }
}

struct GatewayCounters: Sendable {
    var upgrades: UInt64 = 0
    var upgradesRefused: UInt64 = 0
    var pagesServed: UInt64 = 0
    var framesReceived: UInt64 = 0
    var framesSent: UInt64 = 0
    var failures: UInt64 = 0
    var attaches: UInt64 = 0
    var sentAway: UInt64 = 0
    var tokensRevoked: UInt64 = 0
    var framesLimited: UInt64 = 0
    var connectsLimited: UInt64 = 0
    var connectsOverloaded: UInt64 = 0
}

extension WebSocketEvent {
    /// A whole message of the client.
    var isMessage: Bool {
        switch self {
        case .text, .binary: true
        case .ping, .pong, .close, .failure: false
        }
    }
}
