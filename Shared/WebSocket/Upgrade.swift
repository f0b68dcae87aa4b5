// May this request become a WebSocket? The server's half of the handshake.
//
// A parsed request becomes one of three things: an upgrade, a plain request for something else, or a refusal. Whether the token holds is not decided here: the
// caller checks `bearerToken` and answers with `responseBytes` or with `HTTPRefusal.unauthorized`.
//
// About origins: a browser always names the page that opens the socket, other programs do not. Chat tokens are not cookies, so a foreign page
// has nothing to steal by itself; the list is the second lock. Without a list only pages of this very host may connect.

/// What the gateway serves where, and to which pages.
public struct UpgradePolicy: Equatable, Sendable {
    /// The path that upgrades, such as `/chat`.
    public let chatPath: String
    /// Origins of pages that may connect, such as `https://app.example.com`; "*" allows any. Empty: pages of the same host only.
    /// A client that sends no `Origin` (no browser) is always allowed.
    public let origins: [String]

    public init(chatPath: String, origins: [String] = []) {
        self.chatPath = chatPath
        self.origins = origins
    }

    /// Whether a request with these headers comes from an allowed page.
    func allowsOrigin(_ headers: HTTPHeaders) -> Bool {
        guard let origin = headers["origin"] else { return true }
        if origins.contains("*") { return true }
        guard origins.isEmpty else { return origins.contains { ASCII.equalIgnoringCase($0, origin) } }
        guard let host = headers["host"] else { return false }
        return ["http://", "https://"].contains { ASCII.equalIgnoringCase($0 + host, origin) }
    }
}

/// What a request asks for.
public enum UpgradeDecision: Equatable, Sendable {
    /// Check the token, then answer with `responseBytes` and start decoding frames.
    case upgrade(Upgrade)
    /// Any method, another path: serve something, or refuse with `.notFound`.
    case plain(HTTPRequest)
    /// Answer with `responseBytes` and close.
    case refused(HTTPRefusal)
}

/// A request that keeps every rule of the upgrade.
public struct Upgrade: Equatable, Sendable {
    public let request: HTTPRequest
    /// The client's `Sec-WebSocket-Key`.
    public let key: String
    /// The agreed language; nil when the client offered none that we know. Then `json` is spoken and none is named in the answer.
    public let subprotocol: Subprotocol?
    /// The client's token, unchecked: from the `Authorization` header, else from a `fantail.token.` subprotocol, else from the query's
    /// `access_token`. Nil when there is none. Never log it.
    public let bearerToken: String?

    /// Decides about a request. The order of the checks is fixed: path, method, upgrade, version, key, subprotocols, origin.
    /// - Source: RFC 6455, section 4.2.1.
    public static func decide(_ request: HTTPRequest, policy: UpgradePolicy) -> UpgradeDecision {
        let headers = request.headers
        let asksForUpgrade = headers.list("upgrade", has: "websocket")
        guard request.path == policy.chatPath else { return asksForUpgrade ? .refused(.notFound) : .plain(request) }
        guard request.method == "GET" else { return .refused(.methodNotAllowed(.get)) }
        guard asksForUpgrade else { return .refused(.upgradeRequired) }
        guard headers.list("connection", has: "upgrade") else { return .refused(.badRequest(.connectionNotUpgrade)) }
        guard headers["sec-websocket-version"] == "13" else { return .refused(.webSocketVersion) }
        guard let key = headers["sec-websocket-key"] else { return .refused(.badRequest(.keyMissing)) }
        guard HandshakeKey.isValid(key) else { return .refused(.badRequest(.keyInvalid)) }
        let names: [String]
        do {
            names = try Subprotocol.offered(in: headers)
        } catch {
            return .refused(HTTPRefusal(error))
        }
        guard policy.allowsOrigin(headers) else { return .refused(.forbiddenOrigin) }
        return .upgrade(
            Upgrade(
                request: request, key: key, subprotocol: Subprotocol.chosen(from: names),
                bearerToken: bearerToken(of: request, subprotocols: names)))
    }

    private static func bearerToken(of request: HTTPRequest, subprotocols: [String]) -> String? {
        if let token = request.bearerToken { return token }
        if let token = Subprotocol.token(in: subprotocols) { return token }
        if let token = request.queryValue("access_token"), !token.isEmpty { return token }
        return nil
    }

    /// The 101 response; frames follow at once.
    /// - Source: RFC 6455, section 4.2.2.
    public func responseBytes(sha1: HandshakeKey.SHA1) -> [UInt8] {
        var head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        head += "Sec-WebSocket-Accept: \(HandshakeKey.accept(for: key, sha1: sha1))\r\n"
        if let subprotocol { head += "Sec-WebSocket-Protocol: \(subprotocol.rawValue)\r\n" }
        head += "\r\n"
        return Array(head.utf8)
    }
}
