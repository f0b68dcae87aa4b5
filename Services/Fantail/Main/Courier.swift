// The reference client on a real socket.
//
// `ChatClient` decides, `ClientConnection` speaks, `DeviceStore` remembers, and this obeys: one `step` waits for whatever
// comes first (the socket, an input of the caller, a deadline) and returns what happened. The order inside a step is the
// order of the promise: receive, store, then answer.

import ChatClient
import ClientProtocol
import Cluster
import Crypto
import FantailCLI
import Glibc
import Media
import Groups
import Primitives
import TLS

/// What a step brought.
enum CourierEvent {
    case history(HistoryEvent)
    case online
    case offline(retryMs: Int64)
    /// A sentence about the connection or a frame that was refused.
    case trouble(String)
    /// What the cluster told of groups, and what it refused.
    case news(ClientNews)
    /// The gateway does not accept the token.
    case denied(String)
}

final class Courier {
    private enum Link {
        case none
        case connecting(Int32, Address)
        case speaking(ClientSocket, Address, ClientConnection)
    }

    private(set) var client: ChatClient
    let store: DeviceStore
    private let me: UserID
    /// The newest number of the inbox when the connection was greeted; nil before.
    private(set) var head: UInt64?
    private var link = Link.none
    private var outbound: [UInt8] = []
    /// The handshake is done.
    private var isOpen = false
    /// The answer to the handshake so far: a refusal is told in the server's own words.
    private var answer: [UInt8] = []
    /// Gateways that were not tried yet in this round.
    private var round: [Address] = []
    private var gateways: [Address]
    /// Nil: the gateways do not speak TLS.
    private let context: TLSContext?
    /// For links to files.
    let trust: Trust
    private let token: () throws(CommandFailure) -> String
    private let encoding: ClientEncoding
    private var events: [CourierEvent] = []

    /// - Parameter device: when the command names none.
    init(_ arguments: Arguments, device fallback: DeviceID) throws(CommandFailure) {
        let places = Places(arguments)
        let user = try arguments.user("as")
        let device = try arguments.device(fallback)
        me = user
        switch arguments.value("encoding") {
        case nil, "json": encoding = .json
        case "binary": encoding = .binary
        default: throw .usage("--encoding must be json or binary")
        }
        trust = Trust(arguments, home: places.home)
        let doors = try places.gateways(arguments)
        gateways = doors.addresses
        context = doors.isSecure ? try trust.context() : nil
        if let fixed = arguments.value("token") {
            token = { () throws(CommandFailure) in fixed }
        } else {
            // A fresh one for each connection: a window may stay open longer than any token holds.
            token = { () throws(CommandFailure) in try places.mint(user, device: device, ttlSeconds: 3_600) }
            _ = try token()
        }
        store = try DeviceStore(home: places.home, user: user, device: device)
        client = ChatClient(memory: store.memory, launchedAt: System.now().stamp, dice: SeededGenerator(seed: System.random64()))
    }

    deinit {
        switch link {
        case .none, .speaking: break
        case .connecting(let socket, _): close(socket)
        }
    }

    // MARK: Orders

    func start() throws(CommandFailure) {
        client.start(now: System.now().instant)
        try settle()
    }

    /// Hands a message over; on return it is durable here.
    func send(_ id: MessageID, to peer: UserID, _ body: [UInt8]) throws(CommandFailure) {
        let now = System.now()
        _ = try store.record([.wrote(to: peer, id: id, at: now.stamp, body: body)])
        client.send(id: id, to: peer, body: body, now: now.instant)
        try settle()
    }

    func markRead(with peer: UserID, at: Stamp) throws(CommandFailure) {
        client.markRead(with: peer, at: at, now: System.now().instant)
        try settle()
    }

    /// Makes or changes a group; on return the wish is durable here.
    func change(_ ref: MessageID, group: UserID?, _ change: GroupChange) throws(CommandFailure) {
        client.change(ref: ref, group: group, change, now: System.now().instant)
        try settle()
    }

    // Questions: asked once, while we are online.

    func requestInfo(of group: UserID, ref: MessageID? = nil) throws(CommandFailure) {
        client.requestGroupInfo(ref: ref, group: group)
        try settle()
    }

    func requestGroups(after: UserID?, ref: MessageID) throws(CommandFailure) {
        client.requestGroupList(ref: ref, after: after)
        try settle()
    }

    func requestReceipts(of group: UserID, at: Stamp, ref: MessageID) throws(CommandFailure) {
        client.requestReceipts(ref: ref, with: group, at: at)
        try settle()
    }

    func requestHistory(of group: UserID, before: UInt64?, limit: Int, ref: MessageID) throws(CommandFailure) {
        client.requestGroupHistory(ref: ref, group: group, before: before, limit: limit)
        try settle()
    }

    func requestPresence(of users: [UserID], ref: MessageID) throws(CommandFailure) {
        client.requestPresence(ref: ref, of: users)
        try settle()
    }

    /// Asks for the settings, or for a change of them, which may be asked for twice.
    func request(_ order: SettingsOrder, ref: MessageID) throws(CommandFailure) {
        switch order {
        case .change(let lastSeen, let exceptions, let readReceipts):
            client.changeSettings(ref: ref, lastSeen: lastSeen, exceptions: exceptions, readReceipts: readReceipts)
        case .block(let user, let isOn): client.block(ref: ref, user, isOn: isOn)
        }
        try settle()
    }

    func requestUpload(of file: MediaFile, ref: MessageID) throws(CommandFailure) {
        client.requestUpload(ref: ref, of: file)
        try settle()
    }

    func requestDownload(of media: MediaReference, ref: MessageID) throws(CommandFailure) {
        client.requestDownload(ref: ref, of: media)
        try settle()
    }

    func keep(_ media: MediaReference, ref: MessageID) throws(CommandFailure) {
        client.keep(ref: ref, media)
        try settle()
    }

    // What others may see of the person, and what she sees of others.

    /// Follows the presence of `peer`, as long as a chat with them is open.
    func watch(_ peer: UserID) throws(CommandFailure) {
        client.watch(peer.isGroup ? [] : [peer], now: System.now().instant)
        try settle()
    }

    /// The person sees this app, or does not any more.
    func setInFront(_ isInFront: Bool) throws(CommandFailure) {
        client.setInFront(isInFront, now: System.now().instant)
        try settle()
    }

    /// The person has pressed a key, which made of her draft to `peer` this.
    func onKey(to peer: UserID, draft: String, before: String) throws(CommandFailure) {
        let now = System.now().instant
        client.act(now)
        if draft != before {
            if draft.isEmpty { client.stopTyping(now: now) } else { client.type(to: peer, now: now) }
        }
        try settle()
    }

    /// Says goodbye; what is in the outbox stays there.
    func stop() throws(CommandFailure) {
        let deadline = System.now().instant + .milliseconds(500)
        while !outbound.isEmpty, case .speaking = link, System.now().instant < deadline {
            _ = try step(inputs: [], until: deadline)
        }
        client.stop(now: System.now().instant)
        try settle()
    }

    // MARK: The step

    /// Waits and handles what came.
    /// - Parameters:
    ///   - inputs: descriptors of the caller.
    ///   - deadline: when to return at the latest; nil: when something happens.
    /// - Returns: what happened, and which inputs are readable.
    func step(
        inputs: [Int32], until deadline: Instant?
    ) throws(CommandFailure) -> (events: [CourierEvent], ready: [Int32]) {
        if !events.isEmpty { return (takeEvents(), []) }
        var descriptors = inputs.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        switch link {
        case .none: break
        case .connecting(let socket, _): descriptors.append(pollfd(fd: socket, events: Int16(POLLOUT), revents: 0))
        case .speaking(let socket, _, _):
            let wantsToWrite = socket.wantsToWrite(hasMore: !outbound.isEmpty)
            descriptors.append(pollfd(fd: socket.descriptor, events: Int16(POLLIN | (wantsToWrite ? POLLOUT : 0)), revents: 0))
        }
        let next = [client.deadline(), deadline].compactMap { $0 }.min()
        System.wait(&descriptors, until: next)
        if descriptors.count > inputs.count, let socket = descriptors.last, socket.revents != 0 { onSocket() }
        client.onDeadline(now: System.now().instant)
        try settle()
        return (takeEvents(), descriptors.prefix(inputs.count).filter { $0.revents != 0 }.map(\.fd))
    }

    private func takeEvents() -> [CourierEvent] {
        defer { events = [] }
        return events
    }

    private func onSocket() {
        let now = System.now().instant
        switch link {
        case .none: break
        case .connecting(let socket, let address):
            if let why = Sockets.failure(of: socket) {
                close(socket)
                events.append(.trouble("cannot reach \(address): \(why)"))
                link = .none
                connect()
            } else {
                speak(socket, address)
            }
        case .speaking(let socket, let address, var connection):
            var heard: [ClientConnectionEvent] = []
            if let bytes = socket.receive() {
                if let failure = socket.failure {
                    tell(failure, address)
                } else if bytes.isEmpty {
                    connection.receivedEnd(into: &heard)
                } else {
                    if !isOpen { answer += bytes.prefix(max(0, 8_192 - answer.count)) }
                    connection.receive(bytes[...], into: &heard)
                }
            }
            outbound += connection.takeOutbound()
            link = .speaking(socket, address, connection)
            for event in heard { on(event, now) }
            flushSocket()
        }
    }

    private func on(_ event: ClientConnectionEvent, _ now: Instant) {
        switch event {
        case .open:
            isOpen = true
            client.onConnected(now: now)
        case .frame(let frame):
            if case .welcome(_, _, _, let newest, _, _, _) = frame { head = newest }
            client.onFrame(frame, now: now)
        case .pinged:
            client.onHeard(now: now)
        case .ended(_, let why):
            if case .speaking(let socket, _, _) = link { _ = socket.send(&outbound) }
            if !isOpen, let refusal = AdminAnswer(answer), refusal.status >= 400 {
                if refusal.status == 401 || refusal.status == 403 {
                    events.append(.denied("the gateway does not accept the token (\(refusal.sentence)); fantail token USER mints a good one"))
                } else {
                    events.append(.trouble("the gateway refused us (\(refusal.status)): \(refusal.sentence)"))
                }
            } else if !why.isEmpty {
                events.append(.trouble(Printable.line(why)))
            }
            hangUp()
            client.onDisconnected(now: now)
        }
    }

    // MARK: Obeying the client

    /// Obeys until the client is content: first what must be kept, then what may leave.
    private func settle() throws(CommandFailure) {
        while true {
            let actions = client.takeActions()
            if actions.isEmpty {
                client.flush(now: System.now().instant)
                if client.actions.isEmpty { break }
                continue
            }
            let told = actions.compactMap { historyEvent($0) }
            let echoes = told.filter { store.book.isEcho($0) }
            let kept = try store.record(told).filter { !echoes.contains($0) }
            try store.remember(client.memory)
            events += kept.map { .history($0) }
            for action in actions { obey(action) }
        }
        flushSocket()
    }

    private func historyEvent(_ action: ClientAction) -> HistoryEvent? {
        guard case .tell(let news) = action else { return nil }
        switch news {
        case .entry(.message(let number, let from, let id, let at, let body)):
            return .received(number: number, from: from, id: id, at: at, body: body)
        case .entry(.copy(let number, let to, let id, let at, let body)):
            return .copied(number: number, to: to, id: id, at: at, body: body)
        case .entry(.expired(let number, let to, let id, let at)): return .expired(number: number, to: to, id: id, at: at)
        case .gap(let from, let to): return .gap(from: from, to: to)
        case .sent(let id, let to, let at): return .sent(to: to, id: id, at: at)
        case .failed(let id, let error):
            guard let message = store.memory.outbox.first(where: { $0.id == id }) else { return nil }
            return .failed(to: message.to, id: id, reason: error.code.name)
        case .delivered(let peer, let at): return .delivered(with: peer, at: at)
        case .read(let peer, let at): return .read(with: peer, at: at)
        case .cursorLost: return .restarted
        // Everything written to a group comes back to its author too, under the stamp that `sent` told.
        case .entry(.groupMessage(let number, let group, _, me, let id, let at, let body)):
            return .copied(number: number, to: group, id: id, at: at, body: body)
        case .entry(.groupMessage(let number, let group, _, let from, let id, let at, let body)):
            return .posted(number: number, group: group, from: from, id: id, at: at, body: body)
        case .entry(.groupEvent(let number, let group, _, let from, let id, let at, let change)):
            return .changed(number: number, group: group, from: from, ref: id, at: at, change)
        case .online, .offline, .entry, .history, .refused: return nil
        case .changed, .changeFailed, .groupInfo, .groupList, .counts, .late, .receipts, .typing, .presence, .settings, .mediaLink, .mediaKept: return nil
        }
    }

    private func obey(_ action: ClientAction) {
        switch action {
        case .connect:
            round = gateways
            connect()
        case .disconnect:
            if case .speaking(let socket, let address, var connection) = link {
                connection.close()
                outbound += connection.takeOutbound()
                link = .speaking(socket, address, connection)
                _ = socket.send(&outbound)
            }
            hangUp()
        case .transmit(let frame):
            guard case .speaking(let socket, let address, var connection) = link else { return }
            connection.transmit(frame)
            outbound += connection.takeOutbound()
            link = .speaking(socket, address, connection)
        case .tell(.online):
            events.append(.online)
        case .tell(.offline(let retryMs)):
            events.append(.offline(retryMs: retryMs))
        case .tell(.refused(let error)):
            events.append(.trouble("the cluster refused: \(Printable.line(error.text)) (\(error.code.name))"))
            events.append(.news(.refused(error)))
        case .tell(let news):
            switch news {
            case .changed, .changeFailed, .groupInfo, .groupList, .counts, .late, .receipts, .history, .typing, .presence,
                .settings, .mediaLink, .mediaKept:
                events.append(.news(news))
            case .online, .offline, .refused, .entry, .gap, .sent, .failed, .delivered, .read, .cursorLost: break
            }
        }
    }

    // MARK: The socket

    /// Tries the next gateway; when all were tried the client hears that it failed.
    private func connect() {
        hangUp()
        while !round.isEmpty {
            let address = round.removeFirst()
            // The next time we begin elsewhere.
            if gateways.count > 1 { gateways.append(gateways.removeFirst()) }
            do throws(CommandFailure) {
                link = .connecting(try Sockets.connect(to: address), address)
                return
            } catch {
                events.append(.trouble(error.sentence))
            }
        }
        client.onDisconnected(now: System.now().instant)
    }

    private func speak(_ socket: Int32, _ address: Address) {
        do {
            var connection = try ClientConnection(
                host: "\(address)", token: try token(), encoding: encoding, dice: SeededGenerator(seed: System.random64()),
                sha1: { OpenSSLCrypto().sha1($0) })
            outbound = connection.takeOutbound()
            answer = []
            isOpen = false
            head = nil
            link = .speaking(ClientSocket(socket, trust: context, name: address.host), address, connection)
            flushSocket()
        } catch {
            close(socket)
            link = .none
            let failure = error as? CommandFailure
            events.append(.denied(failure?.sentence ?? "this token cannot be sent: \(error)"))
            client.onDisconnected(now: System.now().instant)
        }
    }

    private func flushSocket() {
        guard case .speaking(let socket, let address, _) = link else { return }
        guard !socket.send(&outbound) else { return }
        if let failure = socket.failure { return tell(failure, address) }
        hangUp()
        client.onDisconnected(now: System.now().instant)
    }

    /// Nobody is spoken to whose certificate is not accepted, and trying again changes nothing.
    private func tell(_ failure: TLSFailure, _ address: Address) {
        let sentence = "no secure connection to \(address): \(failure)"
        if failure.reason == .certificate {
            let authority = trust.authority.map { "those of \($0) are believed" } ?? "those of the system are believed"
            events.append(.denied("\(sentence) (\(authority); name another file with --ca)"))
        } else {
            events.append(.trouble(sentence))
        }
        hangUp()
        client.onDisconnected(now: System.now().instant)
    }

    private func hangUp() {
        if case .connecting(let socket, _) = link { close(socket) }
        link = .none
        outbound = []
    }
}
