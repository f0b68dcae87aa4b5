// The client's half of the handshake: ask, then believe nothing that was not proven.
//
// Used by the command-line tool, the simulator and the bench. A refusal is as interesting as a success here: a user who mistyped
// a token must read the server's own words, so the body of a refusal is collected (bounded) and handed on with its status.

/// Why a client has no WebSocket.
public enum ClientHandshakeFailure: Error, Equatable, Sendable {
    /// Host, path, token or origin hold a byte that cannot stand in a request; the field's name.
    case invalidArgument(String)
    /// The server said no. `body` is at most 4 KiB, empty when it came in chunks.
    case refused(status: Int, reason: String, body: String)
    /// The response breaks HTTP.
    case malformed(HTTPRule)
    /// A 101 without `Upgrade: websocket` and `Connection: Upgrade`.
    case upgradeMissing
    /// `Sec-WebSocket-Accept` is absent or does not belong to our key.
    case acceptWrong
    /// The server chose another subprotocol than the one offered, or none; its choice.
    case subprotocolMismatch(String?)
    /// The server switched on an extension that was not offered.
    case extensionUnexpected(String)
    /// The connection ended before the response did.
    case closedEarly
}

/// How the client hands over its token.
public enum TokenPlacement: Equatable, Sendable, CaseIterable {
    /// `Authorization: Bearer`, the usual way.
    case header
    /// As a subprotocol name, like a browser.
    case subprotocol
    /// In the query; it may end up in logs of proxies.
    case query
}

/// One opening handshake of a client.
public struct ClientHandshake: Sendable {
    private enum State {
        case head
        /// A refusal whose body is still coming; nil length: until the connection ends.
        case refusalBody(status: Int, reason: String, bytesLeft: Int?, body: [UInt8])
        case finished
    }

    /// Send these first.
    public let requestBytes: [UInt8]
    private let key: String
    private let subprotocol: Subprotocol?
    private var reader = HTTPHeadReader()
    private var state = State.head

    /// - Parameters:
    ///   - host: name and port as in the URL, `chat.example.com:8443`.
    ///   - path: starts with "/", may hold a query.
    ///   - nonce: 16 bytes from the caller's dice.
    ///   - token: a JWT; nil sends none.
    ///   - subprotocol: the language to speak; nil offers none and gets JSON.
    ///   - origin: what a browser would send; default none.
    /// - Throws: `.invalidArgument` only.
    public init(
        host: String, path: String, nonce: [UInt8], token: String? = nil, tokenPlacement: TokenPlacement = .header,
        subprotocol: Subprotocol? = .json, origin: String? = nil
    ) throws(ClientHandshakeFailure) {
        guard !host.isEmpty, host.utf8.allSatisfy(ASCII.isHost) else { throw .invalidArgument("host") }
        guard path.hasPrefix("/"), path.utf8.allSatisfy({ ASCII.isVisible($0) && $0 != UInt8(ascii: "#") })
        else { throw .invalidArgument("path") }
        // The characters of RFC 6750's tokens that are also safe in a query and in a subprotocol name; every JWT is made of them.
        if let token, token.isEmpty || !token.utf8.allSatisfy({ ASCII.isLetter($0) || ASCII.isDigit($0) || "-._~".utf8.contains($0) }) {
            throw .invalidArgument("token")
        }
        if let origin, origin.isEmpty || !origin.utf8.allSatisfy(ASCII.isVisible) { throw .invalidArgument("origin") }

        var path = path
        var names = subprotocol.map { [$0.rawValue] } ?? []
        var authorization: String?
        if let token {
            switch tokenPlacement {
            case .header: authorization = token
            case .subprotocol: names.append(Subprotocol.tokenPrefix + token)
            case .query: path += (path.utf8.contains(UInt8(ascii: "?")) ? "&" : "?") + "access_token=" + token
            }
        }
        key = HandshakeKey.key(nonce: nonce)
        self.subprotocol = subprotocol
        var head = "GET \(path) HTTP/1.1\r\nHost: \(host)\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        head += "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \(key)\r\n"
        if !names.isEmpty { head += "Sec-WebSocket-Protocol: \(names.joined(separator: ", "))\r\n" }
        if let authorization { head += "Authorization: Bearer \(authorization)\r\n" }
        if let origin { head += "Origin: \(origin)\r\n" }
        head += "\r\n"
        requestBytes = Array(head.utf8)
    }

    /// Feeds received bytes; any split of the stream is fine.
    /// - Returns: when the server agreed, the bytes behind its response, which are frames already; nil: need more bytes.
    /// - Throws: `ClientHandshakeFailure`; the caller then closes.
    /// - Precondition: not called again after it returned a value or threw.
    public mutating func receive(
        _ bytes: ArraySlice<UInt8>, sha1: HandshakeKey.SHA1
    ) throws(ClientHandshakeFailure) -> ArraySlice<UInt8>? {
        switch state {
        case .head:
            let head: (lines: [ArraySlice<UInt8>], rest: ArraySlice<UInt8>)?
            do {
                head = try reader.receive(bytes)
            } catch {
                state = .finished
                throw .malformed(error)
            }
            guard let head else { return nil }
            state = .finished
            return try onHead(head.lines, rest: head.rest, sha1: sha1)
        case .refusalBody(let status, let reason, let bytesLeft, var body):
            state = .finished
            body.append(contentsOf: bytes)
            try onRefusalBody(status: status, reason: reason, bytesLeft: bytesLeft.map { $0 - bytes.count }, body: body)
            return nil
        case .finished:
            preconditionFailure("the handshake is over")
        }
    }

    /// The connection ended before `receive` returned a value or threw: a refusal without a length is complete, anything else was cut.
    public mutating func receivedEnd() -> ClientHandshakeFailure {
        defer { state = .finished }
        switch state {
        case .refusalBody(let status, let reason, _, let body):
            return .refused(status: status, reason: reason, body: String(decoding: body, as: UTF8.self))
        case .head, .finished:
            return .closedEarly
        }
    }

    private mutating func onHead(
        _ lines: [ArraySlice<UInt8>], rest: ArraySlice<UInt8>, sha1: HandshakeKey.SHA1
    ) throws(ClientHandshakeFailure) -> ArraySlice<UInt8>? {
        let status: Int
        let reason: String
        let headers: HTTPHeaders
        do {
            (status, reason) = try Self.parse(statusLine: lines[0])
            headers = try HTTPHeaders(lines: lines.dropFirst())
        } catch {
            throw .malformed(error)
        }
        guard status == 101 else {
            let isChunked = headers["transfer-encoding"] != nil
            // A length that is no plain number counts as none: the body then lasts until the connection ends.
            let announced = headers["content-length"].flatMap { $0.utf8.allSatisfy(ASCII.isDigit) ? Int($0) : nil }
            let length = isChunked ? 0 : announced
            try onRefusalBody(status: status, reason: reason, bytesLeft: length.map { $0 - rest.count }, body: isChunked ? [] : Array(rest))
            return nil
        }
        guard headers.list("upgrade", has: "websocket"), headers.list("connection", has: "upgrade") else { throw .upgradeMissing }
        guard headers["sec-websocket-accept"] == HandshakeKey.accept(for: key, sha1: sha1) else { throw .acceptWrong }
        let extensions = headers.list("sec-websocket-extensions")
        guard extensions.isEmpty else { throw .extensionUnexpected(extensions[0]) }
        let chosen = headers["sec-websocket-protocol"]
        guard chosen == subprotocol?.rawValue else { throw .subprotocolMismatch(chosen) }
        return rest
    }

    /// Throws the refusal once its body is complete or as long as we keep it.
    private mutating func onRefusalBody(
        status: Int, reason: String, bytesLeft: Int?, body: [UInt8]
    ) throws(ClientHandshakeFailure) {
        let bytesMax = HTTPLimits.refusalBodyBytesMax
        if body.count < bytesMax, bytesLeft.map({ $0 > 0 }) ?? true {
            state = .refusalBody(status: status, reason: reason, bytesLeft: bytesLeft, body: body)
            return
        }
        // Bytes behind the announced length are not the body's.
        let surplus = max(0, -(bytesLeft ?? 0))
        let kept = body.dropLast(surplus).prefix(bytesMax)
        throw .refused(status: status, reason: reason, body: String(decoding: kept, as: UTF8.self))
    }

    /// RFC 9112, section 4; a missing reason is let pass, proxies forget it. HTTP/1.0 too, so that their refusal can be read.
    private static func parse(statusLine line: ArraySlice<UInt8>) throws(HTTPRule) -> (status: Int, reason: String) {
        let parts = line.split(separator: ASCII.space, maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count >= 2 else { throw .statusLine }
        guard ["HTTP/1.1", "HTTP/1.0"].contains(ASCII.string(parts[0])) else { throw .version }
        guard parts[1].count == 3, parts[1].allSatisfy(ASCII.isDigit), let status = Int(ASCII.string(parts[1])) else {
            throw .statusLine
        }
        return (status, parts.count == 3 ? ASCII.string(parts[2]) : "")
    }
}
