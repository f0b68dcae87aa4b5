// The machinery of these tests: one gateway, its mesh, clients made of bytes, and a clock that only moves when it is told to.
//
// Each line of a transcript is an event (and the end of its tick), compared with everything the gateway did about it. Writes
// are shown as a client sees them: an HTTP answer first, WebSocket events afterwards.

import Cluster
import CoreKit
import Crypto
import GatewayCore
import Messages
import Primitives
import RPC
import Testing
import Tokens
import WebSocket

let ana = UserID("ana")!
let bob = UserID("bob")!
let crypto = OpenSSLCrypto()
let key = try! TokenKey(kid: "k", material: .secret([UInt8](repeating: 7, count: 32)), maySign: true)
let strangeKey = try! TokenKey(kid: "k", material: .secret([UInt8](repeating: 8, count: 32)), maySign: true)

enum Did: Equatable {
    /// Status and reason of an HTTP answer; the reason is empty for 101 and for pages.
    case http(UInt64, Int, String = "")
    case frames(UInt64, [WebSocketEvent])
    case end(UInt64)
    case send(NodeID, Message)
    case refuse(Refusal)
}

struct Scene {
    static let origins = try! ClusterMap.local(origins: ["https://chat.example.org"])
    static let plain = try! ClusterMap.local()
    /// Where the wall clock begins, seconds.
    static let start: Int64 = 1_800_000_000

    static let page = PageFiles(
        [("index.html", Array("<p>hi".utf8)), ("app.js", Array("1".utf8))], mediaOrigins: ["http://10.0.0.7:8082"]
    ) { crypto.sha1($0) }

    let map: ClusterMap
    let selfID: NodeID
    var core: GatewayCore
    private(set) var milliseconds: Int64 = 0
    private var decoders: [UInt64: FrameDecoder] = [:]

    var parsers: [NodeID] { map.nodes(of: .parser).map(\.id) }
    var sessions: [NodeID] { map.nodes(of: .session).map(\.id) }

    init(_ map: ClusterMap = Scene.plain, allUp: Bool = true, hasLogin: Bool = false) {
        self.map = map
        selfID = map.nodes(of: .gateway)[0].id
        let keys = try! TokenKeySet(parsing: key.fileLine)
        core = GatewayCore(
            selfID: selfID, cluster: map, verifier: TokenVerifier(keys: keys, signatures: crypto),
            sha1: { crypto.sha1($0) }, page: Scene.page,
            login: hasLogin ? DevelopmentLogin(minter: TokenMinter(signatures: crypto), key: key) : nil,
            dice: SeededGenerator(seed: 3), startedAt: .zero)
        if allUp { for peer in map.peers(of: selfID) { #expect(on(.peerUp(peer.id)) == []) } }
    }

    /// The value of a figure without labels on the core's page; nil where there is none.
    func figure(_ name: String) -> Int? {
        var page = MetricsPage()
        core.report(into: &page)
        return page.text.split(separator: "\n").first { $0.hasPrefix(name + " ") }.flatMap { Int($0.dropFirst(name.count + 1)) }
    }

    var now: Now {
        Now(
            instant: Instant(nanoseconds: milliseconds * 1_000_000),
            stamp: Stamp(microseconds: Scene.start * 1_000_000 + milliseconds * 1_000))
    }

    // MARK: Events

    /// One tick with these events.
    mutating func on(_ events: Event...) -> [Did] { tick(events) }

    mutating func tick(_ events: [Event]) -> [Did] {
        var effects: [Effect] = []
        for event in events { core.on(event, now: now, effects: &effects) }
        core.on(.flush, now: now, effects: &effects)
        return effects.compactMap { read($0) }
    }

    mutating func wait(_ duration: Int64) -> [Did] {
        let end = milliseconds + duration
        var done: [Did] = []
        while let due = core.deadline(), due <= Instant(nanoseconds: end * 1_000_000) {
            milliseconds = max(milliseconds, (due.nanoseconds + 999_999) / 1_000_000)
            done += tick([.deadline])
        }
        milliseconds = end
        return done
    }

    private mutating func read(_ effect: Effect) -> Did? {
        switch effect {
        case .writeClient(let socket, let bytes):
            let socket = socket.rawValue
            if decoders[socket] != nil {
                var events: [WebSocketEvent] = []
                decoders[socket]!.receive(bytes, into: &events)
                return .frames(socket, events)
            }
            let text = String(decoding: bytes, as: UTF8.self)
            let status = Int(text.split(separator: " ")[1])!
            if status == 101 { decoders[socket] = FrameDecoder(role: .client, limits: WebSocketLimits()) }
            let reason = text.split(separator: "\"reason\":\"").dropFirst().first?.split(separator: "\"").first
            return .http(socket, status, String(reason ?? ""))
        case .closeClient(let socket): return .end(socket.rawValue)
        case .send(let node, let message): return .send(node, message)
        case .refuse(_, let refusal): return .refuse(refusal)
        case .log, .trace: return nil
        case .call, .answer, .commit, .disk:
            Issue.record("a gateway does not do this: \(effect)")
            return nil
        }
    }

    /// One request on a connection of its own, and the answer as it was written.
    mutating func text(_ socket: UInt64, _ request: [UInt8]) -> String {
        var effects: [Effect] = []
        core.on(.clientAccepted(SocketID(rawValue: socket)), now: now, effects: &effects)
        core.on(.clientReceived(SocketID(rawValue: socket), request[...]), now: now, effects: &effects)
        guard case .writeClient(_, let bytes)? = effects.first else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }

    // MARK: Clients

    func token(_ user: UserID = ana, seconds: Int64 = 3600, key: TokenKey = key) -> String {
        try! TokenMinter(signatures: crypto).mint(sub: user, ttlSeconds: seconds, nowSeconds: now.stamp.seconds, key: key)
    }

    func request(_ token: String?, subprotocol: String? = nil, origin: String? = nil, path: String = "/v1/ws") -> [UInt8] {
        var head = "GET \(path) HTTP/1.1\r\nHost: gw.example.org:8080\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        head += "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        if let token { head += "Authorization: Bearer \(token)\r\n" }
        if let subprotocol { head += "Sec-WebSocket-Protocol: \(subprotocol)\r\n" }
        if let origin { head += "Origin: \(origin)\r\n" }
        return Array((head + "\r\n").utf8)
    }

    /// A new socket sends `bytes` at once.
    mutating func comes(_ socket: UInt64, _ bytes: [UInt8]) -> [Did] {
        on(.clientAccepted(SocketID(rawValue: socket)), .clientReceived(SocketID(rawValue: socket), bytes[...]))
    }

    mutating func sends(_ socket: UInt64, _ bytes: [UInt8]) -> [Did] {
        on(.clientReceived(SocketID(rawValue: socket), bytes[...]))
    }

    mutating func sends(_ socket: UInt64, _ text: String) -> [Did] { sends(socket, frame(text)) }

    mutating func ends(_ socket: UInt64) -> [Did] { on(.clientClosed(SocketID(rawValue: socket))) }

    /// An open WebSocket.
    mutating func opens(_ socket: UInt64, _ user: UserID = ana, seconds: Int64 = 3600, subprotocol: String? = nil) {
        let request = request(token(user, seconds: seconds), subprotocol: subprotocol)
        #expect(comes(socket, request) == [.http(socket, 101)])
    }

    /// An open WebSocket that the right shard holds.
    mutating func isSeated(_ socket: UInt64, _ user: UserID = ana, at node: NodeID? = nil, seconds: Int64 = 3600) {
        opens(socket, user, seconds: seconds)
        let connection = connection(socket, user)
        #expect(attached(connection, by: node ?? home(user)) == [])
        _ = welcomed(connection, by: node ?? home(user))
        _ = on(.flush)
    }

    /// The first frame of the shard that took the hello.
    mutating func welcomed(_ connection: ConnectionID, by node: NodeID) -> [Did] {
        on(.received(node, .clientOutput(ClientOutput(connection: connection, bytes: Array("welcome".utf8)))))
    }

    /// The connection that a socket became, read from what reaches a parser.
    mutating func connection(_ socket: UInt64, _ user: UserID = ana) -> ConnectionID {
        for case .send(_, .clientInput(let input)) in sends(socket, "?") { return input.origin.connection }
        Issue.record("no parser heard of socket \(socket)")
        return ConnectionID(rawValue: 0)
    }

    mutating func attached(
        _ connection: ConnectionID, by node: NodeID, hasSiblings: Bool = false, revision: Int64 = 0, attempt: UInt64? = nil
    ) -> [Did] {
        on(
            .received(
                node,
                .attached(
                    Attached(
                        connection: connection, revision: Stamp(microseconds: revision), hasSiblings: hasSiblings, attempt: attempt))))
    }

    /// The shard that owns a user while all are up.
    func home(_ user: UserID) -> NodeID { map.ring(of: .session).owner(ofKey: user.text.utf8) }

    /// A user of that shard.
    func user(at node: NodeID) -> UserID {
        (0..<1_000).lazy.map { UserID("user-\($0)")! }.first { home($0) == node }!
    }

    func output(_ connection: ConnectionID, _ text: String) -> Event {
        .received(sessions[0], .clientOutput(ClientOutput(connection: connection, bytes: Array(text.utf8))))
    }

    func detach(_ user: UserID, _ connection: ConnectionID, to node: NodeID, hasMoved: Bool = false) -> Did {
        .send(node, .detach(Detach(user: user, connection: connection, hasMoved: hasMoved)))
    }
}

/// A masked text frame.
func frame(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    FrameEncoder.appendText(Array(text.utf8), mask: 0x0102_0304, to: &bytes)
    return bytes
}

func text(_ text: String) -> WebSocketEvent { .text(Array(text.utf8)) }

func goodbye(_ code: CloseCode) -> WebSocketEvent { .close(code: code.rawValue, reason: Array(code.reason.utf8)) }

/// The frames that reached parsers: which parser, whose, what.
struct Passed: Equatable {
    var parser: NodeID
    var user: UserID
    var bytes: String
}

func passed(_ done: [Did]) -> [Passed] {
    done.compactMap {
        guard case .send(let node, .clientInput(let input)) = $0 else { return nil }
        return Passed(parser: node, user: input.origin.user, bytes: String(decoding: input.bytes, as: UTF8.self))
    }
}

/// The connections that shards were asked to hold, and by which shard.
struct Asked: Equatable {
    var shard: NodeID
    var user: UserID
    var revision: Int64
    init(_ shard: NodeID, _ user: UserID, revision: Int64 = 0) {
        (self.shard, self.user, self.revision) = (shard, user, revision)
    }
}

func asked(_ done: [Did]) -> [Asked] {
    done.compactMap {
        guard case .send(let node, .attach(let attach)) = $0 else { return nil }
        #expect(attach.isResume && attach.cursor == nil && attach.origin.isAttached)
        return Asked(node, attach.origin.user, revision: attach.revision!.microseconds)
    }
}
