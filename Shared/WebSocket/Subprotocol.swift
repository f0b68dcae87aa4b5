// The language inside the frames, agreed on during the handshake.
//
// A client offers names in its order of preference; the server takes the first that it knows. A browser cannot set headers on a
// WebSocket, but it can offer names, so a token may travel as one more name, `fantail.token.<jwt>`. That name is never the answer: a
// browser must offer a real one beside it, or it will end the connection because none was chosen.

/// An encoding of the client protocol. Next: `fantail.json.v2` would be a new case, an old name is never given a new meaning.
public enum Subprotocol: String, Equatable, Sendable, CaseIterable {
    /// JSON in text messages. Also what a client speaks that offers nothing.
    case json = "fantail.json.v1"
    /// The compact encoding in binary messages.
    case binary = "fantail.binary.v1"

    /// What stands before a token that travels as a subprotocol name.
    public static let tokenPrefix = "fantail.token."

    /// Checked names that a client offers, in its order.
    /// - Throws: `.subprotocolInvalid`. Source: RFC 6455, section 4.1, point 10.
    static func offered(in headers: HTTPHeaders) throws(HTTPRule) -> [String] {
        let names = headers.list("sec-websocket-protocol")
        guard names.count <= HTTPLimits.subprotocolsCountMax else { throw .subprotocolInvalid }
        for (index, name) in names.enumerated() {
            guard name.utf8.allSatisfy(ASCII.isToken) else { throw .subprotocolInvalid }
            guard !names[..<index].contains(name) else { throw .subprotocolInvalid }
        }
        return names
    }

    /// The first offered name that we know.
    static func chosen(from names: [String]) -> Subprotocol? {
        for name in names {
            if let known = Subprotocol(rawValue: name) { return known }
        }
        return nil
    }

    /// The token among the names.
    static func token(in names: [String]) -> String? {
        for name in names where name.hasPrefix(tokenPrefix) && name != tokenPrefix {
            return String(name.dropFirst(tokenPrefix.count))
        }
        return nil
    }
}
