// Bytes of a product's backend, which has a key and may still be mistaken: the whole door of the API, body and all.

import APICore
import ClientProtocol
import Cluster
import CoreKit
import Messages
import Primitives
import RPC

extension FuzzTarget {
    static let backendTargets = [
        FuzzTarget("api-door", seeds: doorSeeds, run: door),
        FuzzTarget("api-body", seeds: bodySeeds, run: requestBody),
    ]

    // MARK: The door

    private static let key = String(repeating: "k", count: 32)
    private static let map = try! ClusterMap.local(.init(gateways: 1, parsers: 1, sessions: 1, groups: 1, lastSeens: 1, apis: 1))

    private static func request(_ line: String, _ body: String = "") -> String {
        let length = body.isEmpty ? "" : "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
        return "\(line) HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(key)\r\n\(length)\r\n\(body)"
    }

    private static let doorSeeds = [
        request("POST /v1/messages", #"{"to":"bob","id":"m1","body":"hi"}"#),
        request("POST /v1/groups", #"{"id":"g1","title":"Team","users":["ana","bob"]}"#),
        request("POST /v1/groups/g:9fJ2/changes", #"{"id":"c1","from":"ana","change":"role","role":"admin","users":["bob"]}"#),
        request("POST /v1/users/ana/revocation", #"{"before":1767225600000000}"#),
        request("DELETE /v1/users/ana") + request("GET /v1/cluster"),
        request("GET /v1/receipts?from=ana&to=g%3A9fJ2&at=300") + request("GET /v1/users/ana/export/inbox?after=7"),
        request("GET /v1/openapi.json") + request("HEAD /v1/cluster") + request("PUT /v1/nowhere"),
    ].map { Array($0.utf8) }

    /// A door at which one connection stands, and nobody behind it who answers.
    private struct Door {
        private static let now = Now(instant: .zero, stamp: Stamp(microseconds: 1_767_225_600_000_000))
        private static let socket = SocketID(rawValue: 1)
        var core: APICore
        var answers: [UInt8] = []
        var isClosed = false
        var askedCount = 0

        init() {
            let keys = try! APIKeys(parsing: Array("k \(key)\n".utf8))
            core = APICore(
                selfID: map.nodes(of: .api)[0].id, cluster: map, keys: keys, description: "{}\n", hookLaneCount: 1,
                dice: SeededGenerator(seed: 1), startedAt: Self.now.stamp)
            for node in map.nodes where node.role != .api { on(.peerUp(node.id)) }
            on(.clientAccepted(Self.socket))
        }

        private mutating func on(_ event: Event) {
            var effects: [Effect] = []
            core.on(event, now: Self.now, effects: &effects)
            for effect in effects {
                switch effect {
                case .writeClient(_, let bytes):
                    demand(!isClosed, "nothing is said behind the end")
                    answers += bytes
                case .closeClient: isClosed = true
                case .send, .call: askedCount += 1
                default: break
                }
            }
        }

        mutating func receive(_ bytes: ArraySlice<UInt8>) { if !isClosed { on(.clientReceived(Self.socket, bytes)) } }
    }

    /// Any split of the stream gets the same answers, and the cluster is asked for one thing at a time.
    private static func door(_ bytes: [UInt8]) {
        var whole = Door()
        whole.receive(bytes[...])
        var parts = Door()
        for piece in bytes.pieces { parts.receive(piece) }
        demand(whole.answers == parts.answers, "a split stream gets the same answers")
        demand(whole.isClosed == parts.isClosed && whole.askedCount == parts.askedCount, "a split stream does the same")
        // Ticks are two questions; nothing else is more than one, and what comes behind a question waits.
        demand(whole.askedCount <= 2, "one request is in work")
    }

    // MARK: Bodies

    private static let bodySeeds = [
        #"{"from":"ana","to":"bob","id":"m1","after":"m0","body":"hi \u00e4 \ud83d\ude00"}"#,
        #"{"id":"g1","title":"Team","users":["ana","bob"]}"#,
        #"{"id":"c1","change":"settings","announce":true,"receipts":false,"history":null}"#,
        #"{"before":1767225600000000}"#,
    ].map { Array($0.utf8) }

    /// What is understood is within the bounds of what clients may say.
    private static func requestBody(_ bytes: [UInt8]) {
        if let message = try? RequestBody.message(bytes) {
            demand(message.body.count <= MessageLimits.bodyBytesMax, "a text is bounded")
            demand(message.from?.isGroup != true, "people speak")
        }
        if let group = try? RequestBody.newGroup(bytes) { demand(group.from?.isGroup != true, "people make groups") }
        if let change = try? RequestBody.change(bytes) {
            if case .create = change.change { demand(false, "a group is not made by a change") }
        }
        if let before = try? RequestBody.before(bytes) { demand(before <= .max, "a stamp is bounded") }
    }
}
