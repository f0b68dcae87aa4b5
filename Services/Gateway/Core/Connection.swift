// What the gateway knows of one connection.
//
//     handshake --> request --> open --> closing
//         |            |                    |
//         +------------+---> gone <---------+

import Messages
import Primitives
import RPC
import WebSocket

struct Connection: Sendable {
    enum Phase: Sendable {
        /// Reading the HTTP head. Then: open, a request, or closed with a refusal.
        case handshake(HTTPRequestParser)
        /// It may come in as soon as it is its turn. `rest`: what has come behind the head.
        case request(Upgrade, rest: [UInt8])
        /// A WebSocket. Then: closing.
        case open(Session)
        /// Our close frame is out; waiting for the peer's, for a moment.
        case closing
    }

    /// What an open connection is.
    struct Session: Sendable {
        let id: ConnectionID
        let user: UserID
        let device: DeviceID
        let encoding: ClientEncoding
        /// The user's row in `UserRates`.
        let rate: Int
        /// When the token ends, wall seconds.
        let expirySeconds: Int64
        /// When it was issued; nil: it does not say.
        let issuedAt: Stamp?
        var decoder: FrameDecoder
        /// The parser that this connection sticks to while it lives.
        var parser: NodeID?
        /// The session shard that holds it; nil before `Attached`.
        var home: NodeID?
        /// The shard that was asked to hold it and has not answered.
        var asked: NodeID?
        /// Where the receipts of this connection began.
        var revision = Stamp.zero
        /// Which of the device's connections this is, as it said itself.
        var attempt: UInt64?
        var hasSiblings = false
        /// It has spoken, and is not welcome yet.
        var isGreeting = false
        /// Attached once: a shard has taken the hello, and its `welcome` is on its way.
        var isGreeted = false
        /// That shard's first frame has passed: from then on the gateway itself keeps the connection attached.
        var isWelcomed = false
        var heardAt: Instant
        var isPinged = false
        /// When the message that is being received began.
        var messageBeganAt: Instant?
        /// Frames of this tick.
        var outbound: [UInt8] = []
    }

    /// As `Phase`, its session aside. What is only there for a moment is boxed, so that it takes no room afterwards.
    private enum Stage: Sendable {
        indirect case handshake(HTTPRequestParser)
        indirect case request(Upgrade, rest: [UInt8])
        case open
        case closing
    }

    private var stage = Stage.closing
    /// Of an open connection. Apart from the stage: what every frame touches is changed where it lies, and not copied out and in.
    private var session: Session?
    let openedAt: Instant
    /// Its address makes too many: it is told so when its request is there.
    var isLimited = false

    init(phase: Phase, openedAt: Instant, isLimited: Bool = false) {
        self.openedAt = openedAt
        self.isLimited = isLimited
        self.phase = phase
    }

    var phase: Phase {
        get {
            switch stage {
            case .handshake(let parser): .handshake(parser)
            case .request(let upgrade, let rest): .request(upgrade, rest: rest)
            case .open: .open(session!)
            case .closing: .closing
            }
        }
        set {
            session = nil
            switch newValue {
            case .handshake(let parser): stage = .handshake(parser)
            case .request(let upgrade, let rest): stage = .request(upgrade, rest: rest)
            case .open(let session):
                stage = .open
                self.session = session
            case .closing: stage = .closing
            }
        }
    }

    /// It has not shown a token yet.
    var isSilent: Bool { if case .handshake = phase { true } else { false } }
    /// It has shown one and may not come in yet.
    var isWaiting: Bool { if case .request = phase { true } else { false } }
    /// Its hello is on its way through the cluster.
    var isGreeting: Bool { if case .open(let session) = phase { session.isGreeting } else { false } }

    // MARK: What every frame does

    /// What became of a frame for the client.
    struct Added {
        /// The first of this tick.
        let isFirst: Bool
        /// The first of the shard that holds the connection: its welcome; and whether that was waited for.
        let isWelcome: Bool
        let wasGreeting: Bool
    }

    /// Adds a frame from `node` to what leaves with this tick; nil when the connection is not open.
    mutating func add(_ bytes: [UInt8], from node: NodeID) -> Added? {
        guard session != nil else { return nil }
        let isFirst = session!.outbound.isEmpty
        switch session!.encoding {
        case .json: FrameEncoder.appendText(bytes, to: &session!.outbound)
        case .binary: FrameEncoder.appendBinary(bytes, to: &session!.outbound)
        }
        guard !session!.isWelcomed, session!.home == node else { return Added(isFirst: isFirst, isWelcome: false, wasGreeting: false) }
        defer {
            session!.isWelcomed = true
            session!.isGreeting = false
        }
        return Added(isFirst: isFirst, isWelcome: true, wasGreeting: session!.isGreeting)
    }

    /// What leaves with this tick.
    mutating func takeOutbound() -> [UInt8] {
        guard session != nil else { return [] }
        defer { session!.outbound = [] }
        return session!.outbound
    }

    /// Reads bytes of the client; nil when the connection is not open.
    /// - Parameter draining: parsers that a connection leaves when it has been silent.
    /// - Returns: whether this was awaited behind a ping.
    mutating func receive(
        _ bytes: ArraySlice<UInt8>, into events: inout [WebSocketEvent], draining: Set<NodeID>, now: Instant
    ) -> Bool? {
        guard session != nil else { return nil }
        let wasPinged = session!.isPinged
        if let parser = session!.parser, draining.contains(parser), now - session!.heardAt >= GatewayLimits.parserChangeAfter {
            session!.parser = nil
        }
        session!.heardAt = now
        session!.isPinged = false
        session!.decoder.receive(bytes, into: &events)
        if session!.decoder.isIdle {
            session!.messageBeganAt = nil
        } else if session!.messageBeganAt == nil || events.contains(where: \.isMessage) {
            session!.messageBeganAt = now
        }
        return wasPinged
    }
}
