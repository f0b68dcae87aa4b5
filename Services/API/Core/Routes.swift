// Which path means what.

import Primitives
import RPC
import CoreKit
import Messages
import WebSocket

extension APICore {
    /// What became of a request at once.
    enum Outcome {
        case answered(Answer)
        /// The cluster was asked; the answer comes under this name.
        case asked(ConnectionID)
    }

    mutating func route(_ request: HTTPRequest, _ body: [UInt8], _ socket: SocketID, now: Now, _ effects: inout [Effect]) -> Outcome {
        guard let parts = request.pathParts, parts.first == "v1" else { return .answered(.noSuchPath) }
        guard request.isQueryIntact else { return .answered(.bad("query", "a percent sign begins two hexadecimal digits")) }
        let words = parts.dropFirst().map { $0 }
        let method = request.method
        func only(_ allowed: String) -> Outcome? {
            guard method == allowed else { return .answered(.methodNotAllowed(allowed)) }
            guard method == "POST", let type = request.headers["content-type"], !Self.isJSON(type) else { return nil }
            return .answered(Answer(refusing: 415, "json_expected", "a body is application/json"))
        }
        let ask = Ask(socket: socket, request: request, body: body)
        switch (words.count, words.first ?? "") {
        case (1, "messages"): return only("POST") ?? sendMessage(ask, now: now, &effects)
        case (1, "groups"): return only("POST") ?? makeGroup(ask, now: now, &effects)
        case (2, "groups"): return only("GET") ?? readGroup(words[1], ask, now: now, &effects)
        case (3, "groups") where words[2] == "changes": return only("POST") ?? changeGroup(words[1], ask, now: now, &effects)
        case (3, "groups") where words[2] == "receipts": return only("GET") ?? readGroupReceipts(words[1], ask, now: now, &effects)
        case (2, "users"): return only("DELETE") ?? eraseUser(words[1], ask, now: now, &effects)
        case (3, "users") where words[2] == "presence": return only("GET") ?? readPresence(words[1], ask, &effects)
        case (3, "users") where words[2] == "groups": return only("GET") ?? readMemberships(words[1], ask, now: now, &effects)
        case (3, "users") where words[2] == "revocation": return only("POST") ?? revokeTokens(words[1], ask, now: now, &effects)
        case (3, "users") where words[2] == "export": return only("GET") ?? export(.profile, of: words[1], ask, &effects)
        case (4, "users") where words[2] == "export" && words[3] == "inbox":
            return only("GET") ?? export(.inbox, of: words[1], ask, &effects)
        case (4, "users") where words[2] == "export" && words[3] == "devices":
            return only("GET") ?? export(.devices, of: words[1], ask, &effects)
        case (4, "users") where words[2] == "export" && words[3] == "receipts":
            return only("GET") ?? export(.receipts, of: words[1], ask, &effects)
        case (1, "receipts"): return only("GET") ?? readReceipts(ask, &effects)
        case (2, "webhooks") where words[1] == "dead": return only("GET") ?? readDeadLetters(ask, &effects)
        case (3, "webhooks") where words[1] == "dead":
            return only("DELETE") ?? changeDeadLetter(words[2], revives: false, ask, &effects)
        case (4, "webhooks") where words[1] == "dead" && words[3] == "retry":
            return only("POST") ?? changeDeadLetter(words[2], revives: true, ask, &effects)
        case (1, "cluster"): return only("GET") ?? .answered(clusterAnswer)
        case (1, "openapi.json"): return only("GET") ?? .answered(Answer(200, description))
        default: return .answered(.noSuchPath)
        }
    }

    /// `application/json`, perhaps with parameters.
    private static func isJSON(_ type: String) -> Bool {
        let name = type.prefix { $0 != ";" && $0 != " " }
        return name.lowercased() == "application/json"
    }
}

/// A request on its way to its handler.
struct Ask {
    let socket: SocketID
    let request: HTTPRequest
    let body: [UInt8]

    /// A field of the query.
    func query(_ name: String) -> String? { request.queryValue(name) }
}
