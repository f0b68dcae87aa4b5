// The request that opens a connection: one line, some headers, never a body.
//
// The gateway speaks as little HTTP as the upgrade needs. It reads one request per connection and either upgrades, or answers and closes;
// so there is no keep-alive, no pipelining, no body, and what does not fit is refused with the rule it broke.

/// One parsed request.
public struct HTTPRequest: Equatable, Sendable {
    /// As sent; methods are case-sensitive.
    public let method: String
    /// Starts with "/"; not percent-decoded. The authority of an absolute target is dropped.
    public let path: String
    /// Behind the "?", without it; not percent-decoded.
    public let query: String?
    public let headers: HTTPHeaders

    /// Bytes of the body; 0 when no length is named.
    public let bodyBytes: UInt64

    init(lines: [ArraySlice<UInt8>], mayHaveBody: Bool) throws(HTTPRule) {
        guard let line = lines.first else { throw .requestLine }
        let parts = line.split(separator: ASCII.space, omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw .requestLine }
        guard !parts[0].isEmpty, parts[0].allSatisfy(ASCII.isToken) else { throw .method }
        guard ASCII.string(parts[2]) == "HTTP/1.1" else { throw .version }
        method = ASCII.string(parts[0])
        (path, query) = try Self.split(target: parts[1])
        headers = try HTTPHeaders(lines: lines.dropFirst())

        guard let host = headers["host"] else { throw .hostMissing }
        guard !host.isEmpty, host.utf8.allSatisfy(ASCII.isHost) else { throw .hostInvalid }
        guard headers["transfer-encoding"] == nil else { throw .bodyNotAllowed }
        bodyBytes = try Self.length(headers["content-length"])
        guard mayHaveBody || bodyBytes == 0 else { throw .bodyNotAllowed }
    }

    /// Digits only. Source: RFC 9110, section 8.6.
    private static func length(_ text: String?) throws(HTTPRule) -> UInt64 {
        guard let text else { return 0 }
        guard !text.isEmpty, text.utf8.allSatisfy(ASCII.isDigit), let length = UInt64(text) else { throw .bodyNotAllowed }
        return length
    }

    /// Origin form, or absolute form as RFC 9112, section 3.2.2, makes every server accept it.
    private static func split(target: ArraySlice<UInt8>) throws(HTTPRule) -> (path: String, query: String?) {
        guard target.allSatisfy(ASCII.isVisible), !target.contains(UInt8(ascii: "#")) else { throw .target }
        var target = target
        if target.first != UInt8(ascii: "/") {
            guard let scheme = ["http://", "https://", "ws://", "wss://"].first(where: { scheme in
                ASCII.equalIgnoringCase(ASCII.string(target.prefix(scheme.utf8.count)), scheme)
            }) else { throw .target }
            let authorityAndPath = target.dropFirst(scheme.utf8.count)
            let end = authorityAndPath.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") }
            guard end != authorityAndPath.startIndex, !authorityAndPath.isEmpty else { throw .target }
            target = authorityAndPath[(end ?? authorityAndPath.endIndex)...]
        }
        let mark = target.firstIndex(of: UInt8(ascii: "?"))
        let path = ASCII.string(target[..<(mark ?? target.endIndex)])
        return (path.isEmpty ? "/" : path, mark.map { ASCII.string(target[($0 + 1)...]) })
    }

    /// The parts of the path behind its slashes, percent-decoded one by one: `/v1/a%2Fb` has `v1` and `a/b`.
    /// - Returns: nil when percent signs are broken.
    public var pathParts: [String]? {
        var parts: [String] = []
        for part in Array(path.utf8).dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            guard let decoded = Self.percentDecoded(part) else { return nil }
            parts.append(decoded)
        }
        return parts
    }

    /// Whether every percent sign of the query is that of an escape.
    public var isQueryIntact: Bool { query.map { Self.percentDecoded(Array($0.utf8)[...]) != nil } ?? true }

    /// Value of the first query field of that name, percent-decoded ("+" stays: tokens are not forms).
    /// - Returns: nil when it is absent or its percent signs are broken.
    public func queryValue(_ name: String) -> String? {
        guard let query else { return nil }
        for field in Array(query.utf8).split(separator: UInt8(ascii: "&")) {
            guard let equals = field.firstIndex(of: UInt8(ascii: "=")), ASCII.string(field[..<equals]) == name else { continue }
            return Self.percentDecoded(field[(equals + 1)...])
        }
        return nil
    }

    /// The token of the `Authorization` header, unchecked; nil when there is none. Never log it.
    public var bearerToken: String? {
        guard let authorization = headers["authorization"] else { return nil }
        let scheme = "Bearer "
        guard ASCII.equalIgnoringCase(authorization.prefix(scheme.count), scheme) else { return nil }
        let token = ASCII.trimmed(Array(authorization.utf8)[scheme.utf8.count...])
        return token.isEmpty ? nil : ASCII.string(token)
    }

    /// Whether somebody on this very machine asks, in a page of ours or in no page: `Host` names the machine as only it names
    /// itself, and `Origin`, which browsers send with each POST, is that host's. A page that calls its own server 127.0.0.1
    /// by tricks with DNS still names the server in `Host`.
    public var isOfThisMachine: Bool {
        guard let host = headers["host"] else { return false }
        let isLoopback = ["127.0.0.1", "localhost", "[::1]"].contains { name in
            ASCII.equalIgnoringCase(host, name) || ASCII.equalIgnoringCase(host.prefix(name.utf8.count + 1), name + ":")
        }
        guard isLoopback else { return false }
        guard let origin = headers["origin"] else { return true }
        return ["http://", "https://"].contains { ASCII.equalIgnoringCase(origin, $0 + host) }
    }

    private static func percentDecoded(_ bytes: ArraySlice<UInt8>) -> String? {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var index = bytes.startIndex
        while index < bytes.endIndex {
            if bytes[index] == UInt8(ascii: "%") {
                guard bytes.endIndex - index >= 3, let high = ASCII.hexValue(bytes[index + 1]),
                    let low = ASCII.hexValue(bytes[index + 2])
                else { return nil }
                decoded.append(high << 4 | low)
                index += 3
            } else {
                decoded.append(bytes[index])
                index += 1
            }
        }
        return String(decoding: decoded, as: UTF8.self)
    }
}

/// Reads one request from the stream of one connection.
public struct HTTPRequestParser: Sendable {
    private var reader = HTTPHeadReader()
    private var isFinished = false
    private let mayHaveBody: Bool

    /// - Parameter mayHaveBody: a body of a named length may follow; it is what comes behind the request.
    public init(mayHaveBody: Bool = false) { self.mayHaveBody = mayHaveBody }

    /// Feeds received bytes; any split of the stream is fine, even one byte at a time.
    /// - Parameter bytes: not kept after return.
    /// - Returns: the request, and the bytes behind it (after an upgrade they belong to the frame decoder); nil: need more bytes.
    /// - Throws: `HTTPRefusal` only; the caller sends its `responseBytes` and closes.
    /// - Precondition: not called again after a request or a refusal came out.
    /// - Complexity: O(bytes.count). Source: RFC 9112, sections 2 to 5.
    public mutating func receive(
        _ bytes: ArraySlice<UInt8>
    ) throws(HTTPRefusal) -> (request: HTTPRequest, rest: ArraySlice<UInt8>)? {
        precondition(!isFinished, "the request was already read")
        do {
            guard let (lines, rest) = try reader.receive(bytes) else { return nil }
            isFinished = true
            return (try HTTPRequest(lines: lines, mayHaveBody: mayHaveBody), rest)
        } catch {
            isFinished = true
            throw HTTPRefusal(error)
        }
    }
}
