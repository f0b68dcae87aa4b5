// One connection between two processes: handshake, then frames both ways.
//
//     dialer                         acceptor
//       | -- hello ------------------> |   greeting
//       | <----------- hello, proof -- |   proving
//       | -- proof ------------------> |
//       |            open              |
//
// The dialer is the first to be convinced and may speak right behind its proof. Frames of one tick gather in one buffer and
// leave in one write.

import Messages
import Primitives

/// What this process says of itself, and the secret it shares.
public struct LinkIdentity: Sendable {
    public var cluster: String
    public var service: String
    public var node: String
    public var epoch: UInt64
    public var incarnation: UInt64
    public var secret: [UInt8]
    public var authenticator: any MessageAuthenticator
    /// Speaks as a release with a higher minor version would: a field more behind each message, and a message that this release does
    /// not know. For rehearsing an upgrade.
    public var speaksNext: Bool

    /// - Parameter speaksNext: default false.
    public init(
        cluster: String, service: String, node: String, epoch: UInt64, incarnation: UInt64, secret: [UInt8],
        authenticator: any MessageAuthenticator, speaksNext: Bool = false
    ) {
        self.cluster = cluster
        self.service = service
        self.node = node
        self.epoch = epoch
        self.incarnation = incarnation
        self.secret = secret
        self.authenticator = authenticator
        self.speaksNext = speaksNext
    }

    func hello(nonce: [UInt8]) -> Hello {
        var hello = Hello(cluster: cluster, service: service, node: node, epoch: epoch, incarnation: incarnation, nonce: nonce)
        if speaksNext { hello.minorVersion += 1 }
        return hello
    }
}

/// Why a link is closed by this side.
public enum LinkFault: Error, Equatable, Sendable {
    case frame(FrameError)
    case decode(DecodeError)
    /// A kind of frame that has no place in this state.
    case outOfTurn(FrameKind)
    case wrongCluster(String)
    case wrongProof
    /// The name is not one that may connect here: unknown, our own, of another service, or not the one we dialled.
    case wrongName(String)
    /// The certificate that was shown is another node's.
    case wrongCertificate(String)
    case handshakeTimeout
    case silent
    /// The peer said no during the handshake.
    case refused(Refusal.Code)
}

/// What a link makes of received bytes.
public enum LinkEvent: Equatable, Sendable {
    case opened(Hello)
    case oneWay(Message)
    case request(call: UInt32, Message)
    case answer(call: UInt32, Message)
    case refusal(call: UInt32, Refusal)
    /// A one-way message whose number this release does not know: it belongs to a newer one.
    case unknownOneWay(method: UInt16)
}

/// The state machine of one connection. Pure: bytes in, events and bytes out.
public struct Link: Sendable {
    enum State: Sendable {
        /// Dialer: hello sent, waiting for the other's hello. Then: greeted.
        case dialing(hello: [UInt8], expecting: String)
        /// Dialer: hello known, waiting for the proof. Then: open.
        case greeted(hello: [UInt8], peer: Hello, peerBytes: [UInt8])
        /// Acceptor: nothing received yet. Then: proving.
        case accepting
        /// Acceptor: hello and proof sent, waiting for the dialer's proof. Then: open.
        case proving(peer: Hello, dialerBytes: [UInt8], acceptorBytes: [UInt8])
        case open(Hello)
    }

    private(set) var state: State
    private let identity: LinkIdentity
    private let nonce: [UInt8]
    private var splitter = FrameSplitter()
    private var outbound = ByteWriter()
    public private(set) var receivedAt: Instant
    public let startedAt: Instant

    /// The end that opened the connection. Its hello waits in `takeOutbound`.
    public init(dialing node: String, identity: LinkIdentity, nonce: [UInt8], now: Instant) {
        let hello = identity.hello(nonce: nonce)
        self.identity = identity
        self.nonce = nonce
        state = .dialing(hello: hello.encoded, expecting: node)
        receivedAt = now
        startedAt = now
        outbound.frame(FrameHeader(kind: .hello)) { hello.encode(into: &$0) }
    }

    /// The end that was called.
    public init(acceptingWith identity: LinkIdentity, nonce: [UInt8], now: Instant) {
        self.identity = identity
        self.nonce = nonce
        state = .accepting
        receivedAt = now
        startedAt = now
    }

    public var peer: Hello? {
        if case .open(let hello) = state { hello } else { nil }
    }

    /// The epoch that this end's hello has named.
    var epochSaid: UInt64 { identity.epoch }

    var isOpen: Bool { if case .open = state { true } else { false } }

    // MARK: Sending

    public mutating func send(_ message: Message) { write(.oneWay, call: 0, message) }
    public mutating func request(_ call: UInt32, _ message: Message) { write(.request, call: call, message) }
    public mutating func answer(_ call: UInt32, _ message: Message) { write(.answer, call: call, message) }

    @inline(__always)
    private mutating func write(_ kind: FrameKind, call: UInt32, _ message: Message) {
        guard identity.speaksNext else { return outbound.frame(kind, call: call, message) }
        if kind == .oneWay { outbound.frame(FrameHeader(kind: .oneWay, method: Self.nextMethod)) { $0.u8(1) } }
        outbound.frame(FrameHeader(kind: kind, method: message.method, call: call)) {
            message.encode(into: &$0)
            $0.u32(0x6E65_7874)
        }
    }

    /// A number that no release has given to a message.
    private static let nextMethod: UInt16 = 0xFFFF

    public mutating func refuse(_ call: UInt32, _ refusal: Refusal) {
        outbound.frame(FrameHeader(kind: .refusal, call: call)) { refusal.encode(into: &$0) }
    }

    public mutating func ping() { outbound.frame(FrameHeader(kind: .ping)) }

    public var outboundBytes: Int { outbound.count }

    /// Everything that gathered since the last call, for one write.
    public mutating func takeOutbound() -> [UInt8] {
        defer { outbound = ByteWriter() }
        return outbound.bytes
    }

    // MARK: Receiving

    /// Feeds received bytes; any split of the stream is fine.
    /// - Throws: `LinkFault`; the caller then flushes what is left to say and closes.
    public mutating func receive(
        _ bytes: ArraySlice<UInt8>, now: Instant, into events: inout [LinkEvent]
    ) throws(LinkFault) {
        receivedAt = now
        splitter.append(bytes)
        while true {
            let limit = isOpen ? RPCLimits.frameBytesMax : RPCLimits.helloBytesMax
            let frame: (FrameHeader, ByteReader)?
            do { frame = try splitter.next(limitBytes: limit) } catch { throw .frame(error) }
            guard var (header, reader) = frame else { return }
            do throws(DecodeError) {
                try onFrame(&header, &reader, into: &events)
            } catch {
                throw .decode(error)
            }
            if let fault {
                self.fault = nil
                throw fault
            }
        }
    }

    /// Set by `onFrame` when a rule other than decoding is broken.
    private var fault: LinkFault?

    private mutating func onFrame(
        _ header: inout FrameHeader, _ reader: inout ByteReader, into events: inout [LinkEvent]
    ) throws(DecodeError) {
        if isOpen { return try onOpenFrame(header, &reader, into: &events) }
        if header.kind == .refusal {
            fault = .refused(try Refusal(from: &reader).code)
            return
        }
        switch (state, header.kind) {
        case (.dialing(let mine, let expected), .hello):
            let received = try Hello.received(reader)
            let peer = try Hello(from: &reader)
            guard peer.cluster == identity.cluster else { return fault = .wrongCluster(peer.cluster) }
            guard peer.node == expected else { return fault = .wrongName(peer.node) }
            state = .greeted(hello: mine, peer: peer, peerBytes: received)

        case (.greeted(let mine, let peer, let peerBytes), .proof):
            let proof = try reader.blob(max: Proof.bytes)
            guard constantTimeEquals(proof, makeProof(.acceptor, dialer: mine, acceptor: peerBytes)) else {
                return refuseStranger(.wrongProof)
            }
            let answer = makeProof(.dialer, dialer: mine, acceptor: peerBytes)
            outbound.frame(FrameHeader(kind: .proof)) { $0.blob(answer) }
            state = .open(peer)
            events.append(.opened(peer))

        case (.accepting, .hello):
            let received = try Hello.received(reader)
            let peer = try Hello(from: &reader)
            guard peer.cluster == identity.cluster else { return refuseStranger(.wrongCluster(peer.cluster)) }
            guard peer.node != identity.node else { return refuseStranger(.wrongName(peer.node)) }
            let mine = identity.hello(nonce: nonce).encoded
            let proof = makeProof(.acceptor, dialer: received, acceptor: mine)
            outbound.frame(FrameHeader(kind: .hello)) { $0.bytes.append(contentsOf: mine) }
            outbound.frame(FrameHeader(kind: .proof)) { $0.blob(proof) }
            state = .proving(peer: peer, dialerBytes: received, acceptorBytes: mine)

        case (.proving(let peer, let dialerBytes, let acceptorBytes), .proof):
            let proof = try reader.blob(max: Proof.bytes)
            guard constantTimeEquals(proof, makeProof(.dialer, dialer: dialerBytes, acceptor: acceptorBytes)) else {
                return refuseStranger(.wrongProof)
            }
            state = .open(peer)
            events.append(.opened(peer))

        default:
            fault = .outOfTurn(header.kind)
        }
    }

    private mutating func onOpenFrame(
        _ header: FrameHeader, _ reader: inout ByteReader, into events: inout [LinkEvent]
    ) throws(DecodeError) {
        switch header.kind {
        case .oneWay:
            if let message = try Message(method: header.method, from: &reader) {
                events.append(.oneWay(message))
            } else {
                events.append(.unknownOneWay(method: header.method))
            }
        case .request:
            // A bad request is answered, not punished: the caller may be newer than we are.
            do throws(DecodeError) {
                if let message = try Message(method: header.method, from: &reader) {
                    events.append(.request(call: header.call, message))
                } else {
                    refuse(header.call, Refusal(.unsupported))
                }
            } catch {
                refuse(header.call, Refusal(.malformed))
            }
        case .answer:
            if let message = try Message(method: header.method, from: &reader) {
                events.append(.answer(call: header.call, message))
            } else {
                events.append(.refusal(call: header.call, Refusal(.unsupported)))
            }
        case .refusal:
            events.append(.refusal(call: header.call, try Refusal(from: &reader)))
        case .ping:
            outbound.frame(FrameHeader(kind: .pong))
        case .pong:
            break
        case .hello, .proof:
            fault = .outOfTurn(header.kind)
        }
    }

    private func makeProof(_ side: Proof.Side, dialer: [UInt8], acceptor: [UInt8]) -> [UInt8] {
        Proof.make(
            side: side, dialer: dialer, acceptor: acceptor, secret: identity.secret,
            authenticator: identity.authenticator)
    }

    private mutating func refuseStranger(_ reason: LinkFault) {
        refuse(0, Refusal(.forbidden))
        fault = reason
    }
}
