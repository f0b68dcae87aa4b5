// A stage for transcripts of the product's door: facts in, orders out; the test plays the backend, the shards and the queue.

import APICore
import ClientProtocol
import Cluster
import CoreKit
import Messages
import Primitives
import RPC

let start = Stamp(microseconds: 1_767_225_600_000_000)
let socket = SocketID(rawValue: 1)
let secret = String(repeating: "k", count: 40)
let ana = UserID("ana")!
let bob = UserID("bob")!

struct Scene {
    let map: ClusterMap
    var core: APICore
    var clock = Interval.seconds(0)

    init(webhooks: String? = nil, rate: Int = 0) {
        var rules = LimitRules()
        rules.framesPerSecond = rate
        let local = try! ClusterMap.local(LocalCounts(gateways: 1, parsers: 1, sessions: 1, groups: 1, lastSeens: 1, apis: 1), limitRules: rules)
        map = try! ClusterMap.parse(local.render() + (webhooks.map { "webhooks \($0)\n" } ?? ""))
        let keys = try! APIKeys(parsing: Array("# name key\nold \(String(repeating: "o", count: 40))\nnew \(secret)\n".utf8))
        core = APICore(
            selfID: map.nodes(of: .api)[0].id, cluster: map, keys: keys, description: "{}\n", hookLaneCount: 2,
            dice: SeededGenerator(seed: 7), startedAt: start)
        for node in map.nodes where node.role != .api { _ = on(.peerUp(node.id)) }
        _ = on(.clientAccepted(socket))
    }

    func node(_ role: Role) -> NodeID { map.nodes(of: role)[0].id }

    var now: Now { Now(instant: Instant(nanoseconds: clock.nanoseconds), stamp: start + clock) }

    mutating func on(_ event: Event) -> [Effect] {
        var effects: [Effect] = []
        core.on(event, now: now, effects: &effects)
        return effects
    }

    mutating func wait(_ interval: Interval) -> [Effect] {
        clock = Interval(nanoseconds: clock.nanoseconds + interval.nanoseconds)
        return on(.deadline)
    }

    static func request(_ method: String, _ path: String, _ body: String = "", key: String = secret, headers: String = "") -> [UInt8] {
        let length = body.isEmpty ? "" : "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
        return Array("\(method) \(path) HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(key)\r\n\(headers)\(length)\r\n\(body)".utf8)
    }

    mutating func ask(_ method: String, _ path: String, _ body: String = "", key: String = secret) -> [Effect] {
        on(.clientReceived(socket, Scene.request(method, path, body, key: key)[...]))
    }

    /// A shard says something about the connection that a message of ours named.
    mutating func tell(_ connection: ConnectionID, _ frame: ServerFrame) -> [Effect] {
        on(.received(node(.session), .clientOutput(ClientOutput(connection: connection, bytes: frame.encoded(as: .json)))))
    }
}

extension [Effect] {
    /// What the backend reads, and whether the connection ends.
    var answer: String {
        var text = ""
        for effect in self {
            if case .writeClient(_, let bytes) = effect { text += String(decoding: bytes, as: UTF8.self) }
            if case .closeClient = effect { text += "(closed)" }
        }
        return text
    }

    /// The first lines of the answers.
    var statuses: [String] {
        answer.split(separator: "\r\n").filter { $0.hasPrefix("HTTP/1.1 ") || $0.contains("HTTP/1.1 ") }.map { line in
            String(line.split(separator: "HTTP/1.1 ").last!.prefix(3))
        }
    }

    var sent: [(NodeID, Message)] {
        compactMap { effect in if case .send(let node, let message) = effect { (node, message) } else { nil } }
    }

    var orders: [HookOrder] {
        compactMap { effect in if case .disk(.hook(let order)) = effect { order } else { nil } }
    }
}
