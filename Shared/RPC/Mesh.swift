// All links of one process: who is up, who is called again, which call waits for which answer.
//
// Of each pair of processes that talk, one dials (the lower `NodeID`); both use the one connection. A peer is up while its
// link is open and was heard within `silenceMax`. A call ends exactly once: with an answer, a refusal, a time-out, or
// `peerDown` when the link ends first. Messages to oneself take the same road without the bytes.

import Messages
import Primitives

/// A process this one talks to.
public struct Peer: Equatable, Sendable {
    public var id: NodeID
    public var name: String
    public var service: String
    /// This process opens the connection.
    public var isDialed: Bool

    public init(id: NodeID, name: String, service: String, isDialed: Bool) {
        self.id = id
        self.name = name
        self.service = service
        self.isDialed = isDialed
    }
}

/// A call made by this process's core; unique among its calls in flight. A core counts upwards and begins anew only after
/// 2^32 calls, so that a late answer never meets a newer call of the same number.
public struct CallID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: UInt32
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
    public var description: String { "call \(rawValue)" }
    @inlinable public static func < (a: CallID, b: CallID) -> Bool { a.rawValue < b.rawValue }
}

/// A call that a peer waits for: which call, over which connection.
public struct RemoteCall: Hashable, Sendable {
    public let node: NodeID
    public let socket: SocketID
    public let call: UInt32
    public init(node: NodeID, socket: SocketID, call: UInt32) {
        self.node = node
        self.socket = socket
        self.call = call
    }
}

/// By which cluster file a peer goes, compared with this process.
public enum EpochRelation: Equatable, Sendable {
    case same
    /// It routes by an older one.
    case behind
    /// It routes by a newer one.
    case ahead
}

/// What the mesh tells the core.
public enum MeshEvent: Equatable, Sendable {
    case peerUp(NodeID)
    case peerDown(NodeID)
    /// Of a peer that is up; `same` is not said of one that has just come.
    case epoch(NodeID, EpochRelation)
    case received(NodeID, Message)
    case requested(RemoteCall, Message)
    case answered(CallID, Message)
    case refused(CallID, Refusal)
}

/// What the mesh tells the operator.
public enum MeshNotice: Equatable, Sendable {
    case linkUp(NodeID)
    case linkDown(NodeID, LinkFault?)
    case strangerRefused(LinkFault)
    /// A second connection under a name that is already connected took over: a restart, or two processes with one name.
    case linkReplaced(NodeID)
    case unknownMethod(NodeID, UInt16)
    case epochDiffers(NodeID, UInt64)
    /// Somebody who knows the cluster's secret goes by a newer file, and we do not know them: they may have joined.
    case newcomer(String, UInt64)
}

public struct Mesh: Sendable {
    public struct Counters: Equatable, Sendable {
        public var framesReceived: UInt64 = 0
        public var callsMade: UInt64 = 0
        public var callsTimedOut: UInt64 = 0
        public var callsRefusedHere: UInt64 = 0
        public var oneWaysDropped: UInt64 = 0
        public var faults: UInt64 = 0
    }

    enum PeerState: Sendable {
        /// Waiting for the other side, or for the next dial.
        case away
        case dialing
        case connecting(SocketID)
        case up(SocketID)
    }

    enum Timer: Hashable, Sendable {
        /// Dial a peer again.
        case redial(NodeID)
        /// Ping the silent, cut the dead, end handshakes that take too long.
        case heartbeat
        /// The oldest call in flight may have waited long enough.
        case callTimeout
    }

    struct PeerEntry: Sendable {
        var peer: Peer
        var state: PeerState = .away
        var redialWait = RPCLimits.redialFirst
        var isCongested = false
        /// By which file it goes; while it is up.
        var epoch: UInt64 = 0
        /// What the core was told of that.
        var relation = EpochRelation.same
        var answerTimes = Histogram()
    }

    private struct CallEntry: Sendable {
        let node: NodeID
        /// Tells two calls apart that had the same `CallID` one after the other.
        let serial: UInt64
        let madeAt: Instant
    }

    public let selfID: NodeID
    var identity: LinkIdentity
    private var dice: SeededGenerator
    /// In `NodeID` order.
    var peers: ContiguousArray<PeerEntry>
    var peerPlaces: NodeIndex
    /// Whom the last change took out: what is still to be said of them names them.
    var departed: [Peer] = []
    var links = LinkTable()
    private var dirty: [SocketID] = []
    var timers = TimerQueue<Timer>()
    private var calls = CallTable<CallEntry>()
    private var callSerialNext: UInt64 = 0
    /// Calls in the order they were made; those that ended since are recognised by their serial and skipped.
    private var callQueue: [(deadline: Instant, call: CallID, serial: UInt64)] = []
    private var callQueueStart = 0
    private var linkEvents: [LinkEvent] = []

    public internal(set) var events: [MeshEvent] = []
    public internal(set) var effects: [TransportEffect] = []
    public internal(set) var notices: [MeshNotice] = []
    public private(set) var counters = Counters()
    /// The highest epoch that anybody who knows the secret has named.
    public internal(set) var epochHeard: UInt64

    public init(selfID: NodeID, identity: LinkIdentity, peers: [Peer], dice: SeededGenerator) {
        self.selfID = selfID
        self.identity = identity
        self.dice = dice
        self.peers = ContiguousArray(peers.sorted { $0.id < $1.id }.map { PeerEntry(peer: $0) })
        precondition(!peers.contains { $0.id == selfID })
        peerPlaces = NodeIndex(self.peers.map(\.peer.id))
        epochHeard = identity.epoch
    }

    // MARK: Questions

    public func isUp(_ node: NodeID) -> Bool {
        if node == selfID { return true }
        return upSocket(node) != nil
    }

    /// Every peer with its state, in `NodeID` order.
    public var peerStates: [(peer: Peer, isUp: Bool)] { peers.map { ($0.peer, isUp($0.peer.id)) } }

    /// The epoch of this process's cluster file.
    public var epoch: UInt64 { identity.epoch }

    /// The epoch that a peer goes by; nil while it is not up.
    public func epoch(of node: NodeID) -> UInt64? {
        guard let peer = place(of: node), case .up = peers[peer].state else { return nil }
        return peers[peer].epoch
    }

    /// Somebody goes by a newer file than we do.
    public var isBehind: Bool { epochHeard > identity.epoch }

    public var callsInFlight: Int { calls.count }

    /// From a call to its answer, for every peer, in `NodeID` order. Refusals do not count.
    public var answerTimes: [(peer: Peer, times: Histogram)] { peers.map { ($0.peer, $0.answerTimes) } }

    public mutating func deadline() -> Instant? { timers.next() }

    public var hasEvents: Bool { !events.isEmpty }
    public mutating func takeEvents() -> [MeshEvent] { take(&events) }
    public mutating func takeEffects() -> [TransportEffect] { take(&effects) }
    public mutating func takeNotices() -> [MeshNotice] { take(&notices) }

    private func take<T>(_ list: inout [T]) -> [T] {
        guard !list.isEmpty else { return [] }
        let taken = list
        list = []
        return taken
    }

    // MARK: Orders of the core

    /// Dials every peer that this process must dial.
    public mutating func start(now: Instant) {
        for place in peers.indices where peers[place].peer.isDialed { dial(place) }
        timers.arm(.heartbeat, at: now + RPCLimits.heartbeat)
    }

    /// One-way. To a peer that is down it is dropped and counted: what must not be lost is sent as a call.
    public mutating func send(_ message: Message, to node: NodeID) {
        if node == selfID { return events.append(.received(selfID, message)) }
        guard let link = upLink(node) else {
            counters.oneWaysDropped += 1
            return
        }
        links[link].link.send(message)
        markDirty(link)
    }

    /// Request; ends with `answered` or `refused` for `id`, never during this call.
    public mutating func call(_ id: CallID, _ message: Message, to node: NodeID, now: Instant) {
        counters.callsMade += 1
        let link = upLink(node)
        guard link != nil || node == selfID else { return events.append(.refused(id, Refusal(.peerDown))) }
        guard calls.count < RPCLimits.callsInFlightMax, !isCongested(node) else {
            counters.callsRefusedHere += 1
            return events.append(.refused(id, Refusal(.overloaded, retryAfterMs: 1000)))
        }
        callSerialNext += 1
        calls.insert(id, CallEntry(node: node, serial: callSerialNext, madeAt: now))
        callQueue.append((now + RPCLimits.callTimeout, id, callSerialNext))
        timers.armIfIdle(.callTimeout, at: now + RPCLimits.callTimeout)
        guard let link else {
            return events.append(
                .requested(RemoteCall(node: selfID, socket: SocketID(rawValue: 0), call: id.rawValue), message))
        }
        links[link].link.request(id.rawValue, message)
        markDirty(link)
    }

    public mutating func answer(_ call: RemoteCall, _ message: Message) {
        if call.node == selfID { return finish(CallID(rawValue: call.call), from: selfID, .answered(.init(rawValue: call.call), message)) }
        // Gone with its connection: the caller was told `peerDown` when that ended.
        guard let link = links.place(of: call.socket) else { return }
        links[link].link.answer(call.call, message)
        markDirty(link)
    }

    public mutating func refuse(_ call: RemoteCall, _ refusal: Refusal) {
        if call.node == selfID { return finish(CallID(rawValue: call.call), from: selfID, .refused(.init(rawValue: call.call), refusal)) }
        guard let link = links.place(of: call.socket) else { return }
        links[link].link.refuse(call.call, refusal)
        markDirty(link)
    }

    /// The end of a tick: one write per link that has something to say.
    public mutating func flush() {
        for socket in dirty {
            guard let link = links.place(of: socket) else { continue }
            links[link].isDirty = false
            let bytes = links[link].link.takeOutbound()
            if !bytes.isEmpty { effects.append(.write(socket, bytes)) }
        }
        dirty.removeAll(keepingCapacity: true)
    }

    // MARK: Facts about sockets

    /// True when the socket belongs to the mesh.
    public func owns(_ socket: SocketID) -> Bool { links.place(of: socket) != nil }

    public mutating func onAccepted(_ socket: SocketID, now: Instant) {
        guard links.strangerCount < RPCLimits.strangerCountMax else { return effects.append(.close(socket)) }
        links.add(socket, LinkEntry(link: Link(acceptingWith: identity, nonce: nonce(), now: now), node: nil))
    }

    public mutating func onCertified(_ socket: SocketID, names: [String]) {
        if let link = links.place(of: socket) { links[link].certifiedNames = names }
    }

    public mutating func onDialed(_ node: NodeID, _ socket: SocketID, now: Instant) {
        guard let peer = place(of: node), case .dialing = peers[peer].state else { return effects.append(.close(socket)) }
        peers[peer].state = .connecting(socket)
        let link = Link(dialing: peers[peer].peer.name, identity: identity, nonce: nonce(), now: now)
        links.add(socket, LinkEntry(link: link, node: node))
        markDirty(links.place(of: socket)!)
    }

    public mutating func onDialFailed(_ node: NodeID, now: Instant) {
        guard let peer = place(of: node), case .dialing = peers[peer].state else { return }
        peers[peer].state = .away
        scheduleRedial(peer, now: now)
    }

    public mutating func onReceived(_ socket: SocketID, _ bytes: ArraySlice<UInt8>, now: Instant) {
        guard let link = links.place(of: socket) else { return }
        var fault: LinkFault?
        do throws(LinkFault) {
            try links[link].link.receive(bytes, now: now, into: &linkEvents)
        } catch {
            fault = error
        }
        let batch = linkEvents
        linkEvents.removeAll(keepingCapacity: true)
        for event in batch {
            if let refused = onLinkEvent(event, socket, now: now) {
                fault = refused
                break
            }
        }
        if let fault { return drop(socket, fault, now: now) }
        if let link = links.place(of: socket), links[link].link.outboundBytes > 0 { markDirty(link) }
    }

    public mutating func onCongested(_ socket: SocketID, _ isCongested: Bool) {
        guard let link = links.place(of: socket), let node = links[link].node else { return }
        if let peer = place(of: node) { peers[peer].isCongested = isCongested }
    }

    public mutating func onClosed(_ socket: SocketID, now: Instant) { forget(socket, fault: nil, now: now) }

    /// Runs every timer that is due.
    public mutating func onDeadline(now: Instant) {
        while let timer = timers.popDue(now) {
            switch timer {
            case .redial(let node):
                guard let peer = place(of: node) else { continue }
                if case .away = peers[peer].state { dial(peer) }
            case .heartbeat:
                onHeartbeat(now: now)
                timers.arm(.heartbeat, at: now + RPCLimits.heartbeat)
            case .callTimeout:
                onCallTimeout(now: now)
            }
        }
    }

    // MARK: Inside

    func place(of node: NodeID) -> Int? {
        peerPlaces[node]
    }

    private func upSocket(_ node: NodeID) -> SocketID? {
        guard let peer = place(of: node), case .up(let socket) = peers[peer].state else { return nil }
        return socket
    }

    /// The place of the link to a peer that is up.
    private func upLink(_ node: NodeID) -> Int? { upSocket(node).flatMap { links.place(of: $0) } }

    private func isCongested(_ node: NodeID) -> Bool { place(of: node).map { peers[$0].isCongested } ?? false }

    mutating func markDirty(_ link: Int) {
        guard !links[link].isDirty else { return }
        links[link].isDirty = true
        dirty.append(links.sockets[link])
    }

    /// Fresh, and not to be foretold from earlier ones: the dice alone could be, so the secret stirs them.
    private mutating func nonce() -> [UInt8] {
        var writer = ByteWriter()
        writer.string("fantail rpc 1 nonce")
        writer.string(identity.node)
        writer.u64(identity.incarnation)
        writer.u64(dice.next())
        writer.u64(dice.next())
        return identity.authenticator.hmacSHA256(key: identity.secret, message: writer.bytes)
    }

    mutating func dial(_ peer: Int) {
        peers[peer].state = .dialing
        effects.append(.dial(peers[peer].peer.id))
    }

    private mutating func scheduleRedial(_ peer: Int, now: Instant) {
        guard peers[peer].peer.isDialed else { return }
        let wait = peers[peer].redialWait
        timers.arm(.redial(peers[peer].peer.id), at: now + dice.jittered(wait))
        peers[peer].redialWait = Swift.min(wait * 2, RPCLimits.redialMax)
    }

    /// Returns a fault when the peer's name has no business here.
    private mutating func onLinkEvent(_ event: LinkEvent, _ socket: SocketID, now: Instant) -> LinkFault? {
        guard let link = links.place(of: socket) else { return nil }
        counters.framesReceived += 1
        if case .opened(let hello) = event { return onOpened(hello, socket, now: now) }
        guard let node = links[link].node else { return nil }
        switch event {
        case .opened:
            break
        case .oneWay(.epoch(let news)):
            note(news.epoch, of: node)
        case .oneWay(let message):
            events.append(.received(node, message))
        case .request(let call, let message):
            events.append(.requested(RemoteCall(node: node, socket: socket, call: call), message))
        case .answer(let call, let message):
            let id = CallID(rawValue: call)
            if let entry = calls[id], entry.node == node { peers[place(of: node)!].answerTimes.record(now - entry.madeAt) }
            finish(id, from: node, .answered(id, message))
        case .refusal(let call, let refusal):
            let id = CallID(rawValue: call)
            finish(id, from: node, .refused(id, refusal))
        case .unknownOneWay(let method):
            notices.append(.unknownMethod(node, method))
        }
        return nil
    }

    private mutating func onOpened(_ hello: Hello, _ socket: SocketID, now: Instant) -> LinkFault? {
        let dialled = links[links.place(of: socket)!].node
        epochHeard = Swift.max(epochHeard, hello.epoch)
        if hello.epoch > identity.epoch, !peers.contains(where: { $0.peer.name == hello.node }) {
            notices.append(.newcomer(hello.node, hello.epoch))
        }
        guard let peer = peers.firstIndex(where: { $0.peer.name == hello.node }),
            peers[peer].peer.service == hello.service,
            dialled == nil ? !peers[peer].peer.isDialed : dialled == peers[peer].peer.id
        else { return .wrongName(hello.node) }
        if let names = links[links.place(of: socket)!].certifiedNames, !names.contains(hello.node) { return .wrongCertificate(hello.node) }
        let node = peers[peer].peer.id
        if let former = upSocket(node), former != socket {
            notices.append(.linkReplaced(node))
            effects.append(.close(former))
            forget(former, fault: nil, now: now)
        }
        links[links.place(of: socket)!].node = node
        peers[peer].state = .up(socket)
        peers[peer].isCongested = false
        peers[peer].relation = .same
        notices.append(.linkUp(node))
        events.append(.peerUp(node))
        note(hello.epoch, of: node)
        // Ours may have changed since this link's hello.
        let link = links.place(of: socket)!
        if links[link].link.epochSaid != identity.epoch { announce(on: link) }
        return nil
    }

    /// A call ends once, and only by the peer it was made to; anything else came too late.
    private mutating func finish(_ id: CallID, from node: NodeID, _ event: MeshEvent) {
        guard calls[id]?.node == node else { return }
        _ = calls.remove(id)
        events.append(event)
    }

    /// Says what is left to say, then closes.
    private mutating func drop(_ socket: SocketID, _ fault: LinkFault, now: Instant) {
        counters.faults += 1
        if let link = links.place(of: socket) {
            let bytes = links[link].link.takeOutbound()
            if !bytes.isEmpty { effects.append(.write(socket, bytes)) }
        }
        effects.append(.close(socket))
        forget(socket, fault: fault, now: now)
    }

    mutating func forget(_ socket: SocketID, fault: LinkFault?, now: Instant) {
        guard let entry = links.remove(socket) else { return }
        guard let node = entry.node else {
            if let fault { notices.append(.strangerRefused(fault)) }
            return
        }
        // Nil: it is no peer any more.
        guard let peer = place(of: node) else { return }
        switch peers[peer].state {
        case .up(socket):
            peers[peer].state = .away
            // Only a link that lasted ends the backoff: a peer that shakes hands and then shows us out is not called all day.
            if now - entry.link.startedAt >= RPCLimits.redialMax { peers[peer].redialWait = RPCLimits.redialFirst }
            notices.append(.linkDown(node, fault))
            events.append(.peerDown(node))
            failCalls(to: node)
            scheduleRedial(peer, now: now)
        case .connecting(socket):
            peers[peer].state = .away
            if let fault { notices.append(.linkDown(node, fault)) }
            scheduleRedial(peer, now: now)
        case .away, .dialing, .connecting, .up:
            break
        }
    }

    private mutating func failCalls(to node: NodeID) {
        for index in callQueueStart..<callQueue.count {
            let (_, call, serial) = callQueue[index]
            if let entry = calls[call], entry.serial == serial, entry.node == node { finish(call, from: node, .refused(call, Refusal(.peerDown))) }
        }
    }

    private mutating func onCallTimeout(now: Instant) {
        while callQueueStart < callQueue.count {
            let (deadline, call, serial) = callQueue[callQueueStart]
            if let entry = calls[call], entry.serial == serial {
                guard deadline <= now else { break }
                counters.callsTimedOut += 1
                finish(call, from: entry.node, .refused(call, Refusal(.timedOut)))
            }
            callQueueStart += 1
        }
        if callQueueStart > 1024 && callQueueStart * 2 > callQueue.count {
            callQueue.removeFirst(callQueueStart)
            callQueueStart = 0
        }
        if callQueueStart < callQueue.count {
            timers.arm(.callTimeout, at: Swift.max(callQueue[callQueueStart].deadline, now + .milliseconds(100)))
        } else {
            callQueue.removeAll(keepingCapacity: true)
            callQueueStart = 0
        }
    }

    private mutating func onHeartbeat(now: Instant) {
        for socket in links.sockets.sorted() {
            guard let place = links.place(of: socket) else { continue }
            let silence = now - links[place].link.receivedAt
            if !links[place].link.isOpen {
                let age = now - links[place].link.startedAt
                if age >= RPCLimits.handshakeTimeout { drop(socket, .handshakeTimeout, now: now) }
            } else if silence >= RPCLimits.silenceMax {
                drop(socket, .silent, now: now)
            } else if silence >= RPCLimits.heartbeat {
                links[place].link.ping()
                markDirty(place)
            }
        }
    }
}
