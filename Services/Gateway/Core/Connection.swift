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

    var phase: Phase
    let openedAt: Instant
    /// Its address makes too many: it is told so when its request is there.
    var isLimited = false

    /// It has not shown a token yet.
    var isSilent: Bool { if case .handshake = phase { true } else { false } }
    /// It has shown one and may not come in yet.
    var isWaiting: Bool { if case .request = phase { true } else { false } }
    /// Its hello is on its way through the cluster.
    var isGreeting: Bool { if case .open(let session) = phase { session.isGreeting } else { false } }
}
