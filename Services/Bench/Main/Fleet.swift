// The fleet: many reference clients on real sockets in one thread.
//
// One epoll; what came over all sockets in a round is handled first, then each touched client acknowledges once and everything
// that it wants to say leaves in one write. Clients decide for themselves when to repeat, reconnect and acknowledge
// (`ChatClient`); the fleet only connects, carries bytes and tells the time.

import BenchKit
import ChatClient
import ClientProtocol
import Crypto
import Primitives
import RPC
import ServiceKit
import TLS
import WebSocket

final class Fleet {
    private struct Member {
        var client: ChatClient
        var connection: ClientConnection?
        var socket: SocketID?
        /// The gateway of the next attempt.
        var gateway: Int
        var isTouched = false
        /// Of the client; checked in one sweep over plain numbers instead of a heap that every message would stir.
        var deadline = Instant.zero
    }

    /// Figures beside the scenario's own.
    struct Counters {
        var sendFrames: UInt64 = 0
        /// Refusals by code, those that were retried included.
        var refusals: [ErrorCode: UInt64] = [:]
        var connectFailures: UInt64 = 0
        /// The newest reason for which a connection ended or did not come about.
        var lastTrouble: String?
    }

    /// A page that was asked for.
    private struct Question {
        var number: Int
        var request: [UInt8]
        var answer: [UInt8] = []
    }

    /// A page of metrics has about 20 KiB.
    private static let answerBytesMax = 1024 * 1024
    /// Between two looks at the clients' deadlines: they are of seconds, except the first reconnect of 125 ms and more.
    private static let sweepEvery = Interval.milliseconds(5)

    private var sockets = Sockets()
    private var members: ContiguousArray<Member> = []
    private var owners: [SocketID: Int] = [:]
    private var touched: [Int] = []
    private var deadlines: [Int64] = []
    private var sweepNext = Instant.zero
    /// Sockets that say goodbye, and until when they may.
    private var leaving: [(socket: SocketID, until: Instant)] = []
    private var heard: [ClientConnectionEvent] = []
    /// What clients had to tell since it was last taken.
    private var news: [(member: Int, ClientNews)] = []

    private var questions: [SocketID: Question] = [:]
    private var answers: [(question: Int, page: [UInt8])] = []

    private let gateways: [Door]
    private let encoding: ClientEncoding
    private let token: (Int) -> String
    private var dice: SeededGenerator
    private(set) var counters = Counters()

    struct Door {
        var name: String
        /// Without the port.
        var host: String
        var address: IPv4
        var port: UInt16
        /// Nil: it does not speak TLS.
        var trust: TLSContext?

        var security: SocketSecurity? { trust.map { .dialing($0, name: host) } }
    }

    /// - Parameters:
    ///   - windowCount: messages without `sent` that a client keeps on the wire.
    ///   - token: for a member, minted anew for each connection.
    init(
        memberCount: Int, windowCount: Int, gateways: [Door], encoding: ClientEncoding, dice: SeededGenerator,
        token: @escaping (Int) -> String
    ) {
        self.gateways = gateways
        self.encoding = encoding
        self.token = token
        self.dice = dice
        let launchedAt = SystemCalls.now().stamp
        for _ in 0..<memberCount {
            members.append(
                Member(
                    client: ChatClient(launchedAt: launchedAt, windowCount: windowCount, dice: self.dice.split()),
                    gateway: self.dice.pick(0..<gateways.count)))
        }
        deadlines = [Int64](repeating: .max, count: memberCount)
    }

    /// Whether any of the doors takes a connection.
    static func isAnybodyThere(_ doors: [Door], timeoutMs: Int64) -> Bool {
        let deadline = SystemCalls.instant() + .milliseconds(timeoutMs)
        var sockets = Sockets()
        var waiting = 0
        for door in doors {
            switch SystemCalls.connect(door.address, port: door.port) {
            case .connected(let descriptor):
                SystemCalls.close(descriptor)
                return true
            case .underWay(let descriptor):
                _ = sockets.add(descriptor, .client, isConnecting: true)
                waiting += 1
            case .failed: break
            }
        }
        while waiting > 0, SystemCalls.instant() < deadline {
            for index in 0..<sockets.wait(timeoutMs: 100) {
                switch sockets.fact(index) {
                case .connected(let socket):
                    sockets.abandon(socket)
                    return true
                case .connectFailed: waiting -= 1
                default: break
                }
            }
        }
        return false
    }

    // MARK: Orders

    func start(_ member: Int, now: Instant) {
        members[member].client.start(now: now)
        touch(member)
    }

    /// - Parameter gateway: its place among the doors.
    func start(_ member: Int, at gateway: Int, now: Instant) {
        members[member].gateway = gateway
        start(member, now: now)
    }

    func stop(_ member: Int, now: Instant) {
        members[member].client.stop(now: now)
        touch(member)
    }

    func send(_ message: OutgoingMessage, from member: Int, isOfPerson: Bool, now: Instant) {
        members[member].client.send(id: message.id, to: message.to, body: message.body, isOfPerson: isOfPerson, now: now)
        touch(member)
    }

    func markRead(with peer: UserID, at: Stamp, by member: Int, now: Instant) {
        members[member].client.markRead(with: peer, at: at, now: now)
        touch(member)
    }

    func type(to peer: UserID, by member: Int, now: Instant) {
        members[member].client.setInFront(true, now: now)
        members[member].client.type(to: peer, now: now)
        touch(member)
    }

    func watch(_ peer: UserID, by member: Int, now: Instant) {
        members[member].client.setInFront(true, now: now)
        members[member].client.watch([peer], now: now)
        touch(member)
    }

    func askPresence(of peer: UserID, by member: Int) {
        members[member].client.requestPresence(ref: nil, of: [peer])
        touch(member)
    }

    func change(_ change: OutgoingChange, by member: Int, now: Instant) {
        members[member].client.change(ref: change.ref, group: change.group, change.change, now: now)
        touch(member)
    }

    /// Breaks the connection as a network would.
    func cut(_ member: Int, now: Instant) {
        guard let socket = members[member].socket else { return }
        sockets.abandon(socket)
        forgetSocket(member)
        members[member].client.onDisconnected(now: now)
        touch(member)
    }

    func takeNews() -> [(member: Int, ClientNews)] {
        defer { news.removeAll(keepingCapacity: true) }
        return news
    }

    // MARK: Questions to admin doors

    /// Asks for a page; the answer comes by `takeAnswers`, empty when there is none.
    func ask(_ question: Int, _ door: Door, path: String) {
        switch SystemCalls.connect(door.address, port: door.port) {
        case .connected(let descriptor):
            let socket = sockets.add(descriptor, .admin)
            questions[socket] = Question(number: question, request: Self.request(path, door))
            sendQuestion(socket)
        case .underWay(let descriptor):
            let socket = sockets.add(descriptor, .admin, isConnecting: true)
            questions[socket] = Question(number: question, request: Self.request(path, door))
        case .failed:
            answers.append((question, []))
        }
    }

    func takeAnswers() -> [(question: Int, page: [UInt8])] {
        guard !answers.isEmpty else { return [] }
        defer { answers = [] }
        return answers
    }

    private static func request(_ path: String, _ door: Door) -> [UInt8] {
        Array("GET \(path) HTTP/1.1\r\nHost: \(door.name)\r\nConnection: close\r\n\r\n".utf8)
    }

    private func sendQuestion(_ socket: SocketID) {
        guard let request = questions[socket]?.request else { return }
        sockets.write(socket, request)
    }

    private func endQuestion(_ socket: SocketID) {
        guard let question = questions.removeValue(forKey: socket) else { return }
        answers.append((question.number, question.answer))
    }

    /// Has something to tell or to do before it may sleep.
    var isBusy: Bool { !touched.isEmpty || !news.isEmpty || sockets.hasAftermath }

    // MARK: A round

    /// Waits for whatever comes first and lets the clients take it in.
    /// - Returns: false when a stop signal came.
    func receive(timeoutMs: Int32) -> Bool {
        var isStopped = false
        let count = sockets.wait(timeoutMs: isBusy ? 0 : timeoutMs)
        for index in 0..<count {
            switch sockets.fact(index) {
            case .nothing: break
            case .special: isStopped = true
            case .received(let socket, .admin):
                questions[socket]?.answer.append(contentsOf: sockets.received)
                if questions[socket]?.answer.count ?? 0 > Self.answerBytesMax { sockets.close(socket) }
            case .received(let socket, _): onBytes(socket)
            case .secured(let socket, _): if !sockets.received.isEmpty { onBytes(socket) }
            case .insecure(let socket, _, let failure): onEnded(socket, "no secure connection: \(failure)", isFailure: true)
            case .connected(let socket): if questions[socket] != nil { sendQuestion(socket) } else { onConnected(socket) }
            case .connectFailed(let socket, let error):
                endQuestion(socket)
                onEnded(socket, "cannot connect: \(error)", isFailure: true)
            case .closed(let socket, .admin): endQuestion(socket)
            case .closed(let socket, _): onEnded(socket, "connection lost", isFailure: false)
            }
        }
        for event in sockets.takeAftermath() {
            guard case .closed(let socket) = event else { continue }
            if questions[socket] != nil { endQuestion(socket) } else { onEnded(socket, "connection lost", isFailure: false) }
        }
        sweep(SystemCalls.instant())
        return !isStopped
    }

    /// Lets the touched clients say what they have to say; one write for each socket.
    func flush() {
        let now = SystemCalls.instant()
        var index = 0
        while index < touched.count {
            let member = touched[index]
            index += 1
            members[member].isTouched = false
            members[member].client.flush(now: now)
            obey(member, now)
            deadlines[member] = members[member].client.deadline()?.nanoseconds ?? .max
            if let socket = members[member].socket, let bytes = members[member].connection?.takeOutbound(), !bytes.isEmpty {
                sockets.write(socket, bytes)
            }
        }
        touched.removeAll(keepingCapacity: true)
        sockets.flush()
    }

    /// Cuts everybody off and gives all descriptors back: the fleet is of no use any more.
    func end() { sockets.end() }

    func watchStop(_ descriptor: Descriptor) { sockets.watch(descriptor, as: .stop) }

    // MARK: Sockets to clients

    private func onBytes(_ socket: SocketID) {
        guard let member = owners[socket] else { return }
        members[member].connection?.receive(sockets.received, into: &heard)
        takeHeard(member)
    }

    private func onConnected(_ socket: SocketID) {
        guard let member = owners[socket] else { return }
        do throws(ClientHandshakeFailure) {
            members[member].connection = try ClientConnection(
                host: gateways[members[member].gateway].name, token: token(member), encoding: encoding, dice: dice.split(),
                sha1: { OpenSSLCrypto().sha1($0) })
        } catch {
            preconditionFailure("a name or token of our own making: \(error)")
        }
        touch(member)
    }

    private func onEnded(_ socket: SocketID, _ why: String, isFailure: Bool) {
        guard let member = owners.removeValue(forKey: socket) else { return }
        if isFailure { counters.connectFailures += 1 }
        counters.lastTrouble = "\(gateways[members[member].gateway].name): \(why)"
        members[member].socket = nil
        if isFailure {
            onLost(member)
        } else {
            members[member].connection?.receivedEnd(into: &heard)
            takeHeard(member)
            if members[member].connection != nil { onLost(member) }
        }
    }

    private func takeHeard(_ member: Int) {
        let now = SystemCalls.instant()
        for event in heard {
            switch event {
            case .open: members[member].client.onConnected(now: now)
            case .frame(let frame):
                if case .error(let error) = frame { counters.refusals[error.code, default: 0] += 1 }
                members[member].client.onFrame(frame, now: now)
            case .pinged: members[member].client.onHeard(now: now)
            case .ended(_, let why):
                counters.lastTrouble = "\(gateways[members[member].gateway].name): \(why)"
                leave(member, now)
                onLost(member)
            }
        }
        heard.removeAll(keepingCapacity: true)
        obey(member, now)
        touch(member)
    }

    /// The connection is gone: the next attempt goes to the next gateway.
    private func onLost(_ member: Int) {
        forgetSocket(member)
        members[member].gateway = (members[member].gateway + 1) % gateways.count
        members[member].client.onDisconnected(now: SystemCalls.instant())
        touch(member)
    }

    private func sweep(_ now: Instant) {
        guard now >= sweepNext else { return }
        sweepNext = now + Self.sweepEvery
        for member in deadlines.indices where deadlines[member] <= now.nanoseconds {
            deadlines[member] = .max
            members[member].client.onDeadline(now: now)
            touch(member)
        }
        while let first = leaving.first, first.until <= now {
            sockets.abandon(first.socket)
            leaving.removeFirst()
        }
    }

    // MARK: Clients to sockets

    private func touch(_ member: Int) {
        guard !members[member].isTouched else { return }
        members[member].isTouched = true
        touched.append(member)
    }

    private func obey(_ member: Int, _ now: Instant) {
        for action in members[member].client.takeActions() {
            switch action {
            case .connect: connect(member, now)
            case .disconnect: leave(member, now)
            case .transmit(let frame):
                if case .send = frame { counters.sendFrames += 1 }
                members[member].connection?.transmit(frame)
                touch(member)
            case .tell(let item): news.append((member, item))
            }
        }
    }

    private func connect(_ member: Int, _ now: Instant) {
        forgetSocket(member)
        let door = gateways[members[member].gateway]
        let source = door.address.isLoopback ? IPv4(127, 1, UInt8(truncatingIfNeeded: member / BenchLimits.usersPerAddress), 1) : nil
        switch SystemCalls.connect(door.address, port: door.port, from: source) {
        case .underWay(let descriptor):
            let socket = sockets.add(descriptor, .client, isConnecting: true, security: door.security)
            members[member].socket = socket
            owners[socket] = member
        case .connected(let descriptor):
            let socket = sockets.add(descriptor, .client, security: door.security)
            members[member].socket = socket
            owners[socket] = member
            onConnected(socket)
        case .failed(let error):
            counters.connectFailures += 1
            counters.lastTrouble = "\(door.name): cannot connect: \(error)"
            onLost(member)
        }
    }

    /// Says goodbye; the socket may finish on its own.
    private func leave(_ member: Int, _ now: Instant) {
        guard let socket = members[member].socket else { return }
        defer { forgetSocket(member) }
        guard members[member].connection != nil else { return sockets.abandon(socket) }
        members[member].connection?.close()
        if let bytes = members[member].connection?.takeOutbound(), !bytes.isEmpty { sockets.write(socket, bytes) }
        sockets.close(socket)
        _ = sockets.takeClosing()
        leaving.append((socket, now + .seconds(2)))
    }

    private func forgetSocket(_ member: Int) {
        if let socket = members[member].socket { owners[socket] = nil }
        members[member].socket = nil
        members[member].connection = nil
    }
}
