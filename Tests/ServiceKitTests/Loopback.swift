// Two real services over loopback, and a client of theirs: what the tests of the loop have in common.
//
// The gateway's core passes what a client says to the parser, which answers in upper case; a few words make it do something
// else. Nothing here waits for a time: every wait ends with the thing that is waited for, or fails after a minute.

import Cluster
import CoreKit
import Foundation
import Messages
import Primitives
import RPC
import ServiceKit

/// A gateway that understands `flood` and `bye`, and sends everything else round by the parser.
struct FrontCore: ServiceCore {
    static let floodChunk = [UInt8](repeating: 0x66, count: 64 * 1024)
    static let farewell = [UInt8](repeating: 0x62, count: 300_000)

    let selfID: NodeID
    let parser: NodeID
    var load = LoadBook()
    private var isParserUp = false

    init(selfID: NodeID, parser: NodeID) {
        self.selfID = selfID
        self.parser = parser
    }

    mutating func on(_ event: Event, now: Now, effects: inout [Effect]) {
        switch event {
        case .peerUp(parser): isParserUp = true
        case .peerDown(parser): isParserUp = false
        case .clientReceived(let socket, let bytes) where bytes.elementsEqual("flood".utf8):
            // 64 MiB: no kernel buffers that much for somebody who does not read.
            for _ in 0..<1024 { effects.append(.writeClient(socket, Self.floodChunk)) }
        case .clientReceived(let socket, let bytes) where bytes.elementsEqual("bye".utf8):
            effects.append(.writeClient(socket, Self.farewell))
            effects.append(.closeClient(socket))
        case .clientReceived(let socket, let bytes):
            let origin = Origin(
                gateway: selfID, connection: ConnectionID(rawValue: socket.rawValue), user: UserID("ana")!,
                device: .unnamed, encoding: .json,
                isAttached: true, hasSiblings: false)
            effects.append(.send(parser, .clientInput(ClientInput(origin: origin, bytes: Array(bytes)))))
            effects.append(.trace(TraceRecord(TraceKey(rawValue: 0xAB), .parsed, 7)))
        case .received(_, .clientOutput(let output)):
            effects.append(.writeClient(SocketID(rawValue: output.connection.rawValue), output.bytes))
        default: break
        }
    }

    mutating func deadline() -> Instant? { nil }
    var unreadiness: String? { isParserUp ? nil : "no parser is up" }
    func report(into page: inout MetricsPage) { page.counter("fantail_front_test_total", "A figure of the core.", 42) }
}

/// A parser that shouts.
struct ShoutingCore: ServiceCore {
    var load = LoadBook()

    mutating func on(_ event: Event, now: Now, effects: inout [Effect]) {
        guard case .received(let node, .clientInput(let input)) = event else { return }
        let loud = input.bytes.map { (0x61...0x7A).contains($0) ? $0 - 32 : $0 }
        effects.append(.send(node, .clientOutput(ClientOutput(connection: input.origin.connection, bytes: loud))))
    }

    mutating func deadline() -> Instant? { nil }
    var unreadiness: String? { nil }
    func report(into page: inout MetricsPage) {}
}

/// A cluster of which a gateway and a parser really run, in threads of this process.
final class Loopback {
    struct Broken: Error {
        let what: String
    }

    let cluster: ClusterMap
    let folder: String
    private var stops: [Descriptor] = []
    private var threads: [DispatchGroup] = []

    init() throws {
        cluster = try Self.freeCluster()
        folder = NSTemporaryDirectory() + "fantail-loop-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try cluster.render().write(toFile: "\(folder)/cluster.conf", atomically: true, encoding: .utf8)
        try Self.write(String(repeating: "5a", count: 32), to: "\(folder)/key")
    }

    /// A secret, which only its owner may read unless `mode` says otherwise.
    static func write(_ text: String, to path: String, mode: Int = 0o600) throws {
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func options(_ node: String) -> ServiceOptions {
        ServiceOptions(
            cluster: "\(folder)/cluster.conf", node: node, data: folder, secret: "\(folder)/key", keys: "", storeKeys: "", logLevel: .error)
    }

    var gateway: Node { cluster.node(named: "gateway-1")! }

    /// Starts both services and waits until the gateway is ready.
    func start() throws {
        run(.parser, "parser-1") { _ in ShoutingCore() }
        run(.gateway, "gateway-1") { start in
            FrontCore(selfID: start.selfID, parser: start.cluster.node(named: "parser-1")!.id)
        }
        for _ in 0..<6000 {
            if let answer = try? page("/readyz"), answer.hasPrefix("HTTP/1.1 200") { return }
            usleep(10_000)
        }
        throw Broken(what: "the gateway did not become ready")
    }

    /// Tells both to stop and waits for their ends.
    func stop() throws {
        for stop in stops { SystemCalls.raise(event: stop) }
        for thread in threads where thread.wait(timeout: .now() + 60) != .success { throw Broken(what: "does not stop") }
    }

    func page(_ path: String) throws -> String {
        let client = try Client(gateway.admin)
        client.send("GET \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return String(decoding: try client.receiveAll(), as: UTF8.self)
    }

    private func run(_ role: Role, _ node: String, _ core: @escaping @Sendable (ServiceStart) -> any ServiceCore) {
        let stop = SystemCalls.makeEvent()
        let group = DispatchGroup()
        let options = options(node)
        group.enter()
        let thread = Thread {
            try? ServiceHost.serve(role, options, stop: stop, makeStore: nil) { start in core(start) }
            group.leave()
        }
        thread.start()
        stops.append(stop)
        threads.append(group)
    }

    /// A layout whose ports are free just now.
    private static func freeCluster() throws -> ClusterMap {
        for _ in 0..<50 {
            let base = Int.random(in: 200..<310) * 100
            let counts = LocalCounts(gateways: 1, parsers: 1, sessions: 1, groups: 1, lastSeens: 1, persistences: 1)
            let cluster = try ClusterMap.local(counts, clientPortBase: base + 90, rpcPortBase: base)
            let addresses = cluster.nodes.flatMap { [$0.rpc, $0.admin] } + [cluster.nodes[0].client!]
            if addresses.allSatisfy({ (try? Client($0)) == nil }) { return cluster }
        }
        throw Broken(what: "no free ports")
    }
}

/// A blocking connection.
final class Client {
    struct NotConnected: Error {}

    private let socket: Int32

    init(_ address: Address) throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var patience = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = address.port.bigEndian
        inet_pton(AF_INET, address.host, &name.sin_addr)
        let result = withUnsafePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        // `deinit` closes it: all properties are set.
        if result != 0 { throw NotConnected() }
    }

    deinit { close(socket) }

    func send(_ text: String) {
        let bytes = Array(text.utf8)
        _ = Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    /// Exactly `count` bytes, or what came before the end.
    func receive(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count, let chunk = chunk(count - bytes.count), !chunk.isEmpty { bytes += chunk }
        return bytes
    }

    /// Everything until the other side ends properly.
    func receiveAll() throws -> [UInt8] {
        var bytes: [UInt8] = []
        while let chunk = chunk(65_536) {
            if chunk.isEmpty { return bytes }
            bytes += chunk
        }
        throw NotConnected()
    }

    /// Everything until the end, proper or not.
    func receiveCount() -> Int {
        var count = 0
        while let chunk = chunk(65_536), !chunk.isEmpty { count += chunk.count }
        return count
    }

    /// Nil: a reset, or nothing for a minute.
    private func chunk(_ limit: Int) -> [UInt8]? {
        var room = [UInt8](repeating: 0, count: limit)
        let count = recv(socket, &room, limit, 0)
        return count < 0 ? nil : Array(room[0..<count])
    }
}
