// What we answer over plain HTTP: a refusal that tells the developer what to change, or a word of our own.
//
// Every answer but the upgrade closes the connection. A refusal carries `{"error": class, "reason": rule}`: the class for the program,
// the rule for whoever debugs it.

/// Why a request is not upgraded.
public enum HTTPRefusal: Error, Equatable, Sendable {
    /// 400: a rule of HTTP or of the upgrade was broken.
    case badRequest(HTTPRule)
    /// 401: no token, or one that does not hold. The reason is a word such as `token_expired`.
    case unauthorized(reason: String)
    /// 403: the page's origin is not on the list.
    case forbiddenOrigin
    /// 404.
    case notFound
    /// 405: this path has other methods.
    case methodNotAllowed(HTTPMethods)
    /// 426: the chat path was asked for without `Upgrade: websocket`.
    case upgradeRequired
    /// 426: a version other than 13.
    case webSocketVersion
    /// 429: this address connects too often; come back after that many seconds.
    case tooManyRequests(retryAfterSeconds: Int)
    /// 431: the head has too many bytes or lines.
    case headTooLarge(HTTPRule)
    /// 503: the gateway sheds load or drains; come back after that many seconds.
    case unavailable(reason: String, retryAfterSeconds: Int)

    init(_ rule: HTTPRule) {
        switch rule {
        case .headTooLarge, .tooManyHeaders: self = .headTooLarge(rule)
        default: self = .badRequest(rule)
        }
    }

    public var status: Int {
        switch self {
        case .badRequest: 400
        case .unauthorized: 401
        case .forbiddenOrigin: 403
        case .notFound: 404
        case .methodNotAllowed: 405
        case .upgradeRequired, .webSocketVersion: 426
        case .tooManyRequests: 429
        case .headTooLarge: 431
        case .unavailable: 503
        }
    }

    /// The rule that was broken, as a word for logs, counters and the body.
    public var reason: String {
        switch self {
        case .badRequest(let rule), .headTooLarge(let rule): rule.rawValue
        case .unauthorized(let reason), .unavailable(let reason, _): reason
        case .forbiddenOrigin: "origin_not_allowed"
        case .notFound: "no_such_path"
        case .methodNotAllowed(let methods): methods.reason
        case .upgradeRequired: "websocket_expected"
        case .webSocketVersion: "websocket_version_13_expected"
        case .tooManyRequests: "too_many_connections"
        }
    }

    /// The whole response; the caller writes it and closes.
    public func responseBytes() -> [UInt8] {
        var headers: [(String, String)] = []
        var connection = "close"
        switch self {
        case .badRequest, .forbiddenOrigin, .notFound, .headTooLarge: break
        case .unauthorized: headers = [("WWW-Authenticate", "Bearer")]
        case .methodNotAllowed(let methods): headers = [("Allow", methods.rawValue)]
        case .upgradeRequired, .webSocketVersion:
            // RFC 9110, section 7.8: who sends Upgrade names it in Connection.
            connection = "close, Upgrade"
            headers = [("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]
        case .unavailable(_, let seconds), .tooManyRequests(let seconds): headers = [("Retry-After", String(max(0, seconds)))]
        }
        let error = HTTPResponse.name(ofStatus: status).map { $0 == " " ? "_" : Character($0.lowercased()) }
        let body = "{\"error\":\"\(String(error))\",\"reason\":\"\(Self.word(reason))\"}\n"
        return HTTPResponse.bytes(
            status: status, connection: connection, headers: headers, contentType: "application/json", body: Array(body.utf8))
    }

    /// A reason may come from another module; only letters, digits and a few signs reach the wire, so that it can break out of nothing.
    private static func word(_ reason: String) -> String {
        let kept = reason.utf8.prefix(64).map { byte in
            ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
                ? byte : UInt8(ascii: "_")
        }
        return String(decoding: kept, as: UTF8.self)
    }
}

/// The methods that a path has; the raw value is what `Allow` says.
public enum HTTPMethods: String, Equatable, Sendable {
    case get = "GET"
    case getAndHead = "GET, HEAD"
    case getAndPost = "GET, POST"

    var reason: String {
        switch self {
        case .get: "only_get"
        case .getAndHead: "only_get_and_head"
        case .getAndPost: "only_get_and_post"
        }
    }
}

/// Writes responses.
public enum HTTPResponse {
    /// An answer of the gateway itself, made for this request; the caller writes it and closes.
    /// - Parameter json: one of ours, with a line end.
    public static func answer(json: String) -> [UInt8] {
        bytes(status: 200, headers: [], contentType: "application/json", body: Array(json.utf8))
    }

    /// An answer of another service that speaks HTTP, whole; the caller writes it and closes.
    /// - Parameters:
    ///   - headers: of ours; not checked for line ends.
    ///   - json: one of ours, with a line end; empty: no body.
    public static func answer(status: Int, headers: [(String, String)], json: String) -> [UInt8] {
        bytes(status: status, headers: headers, contentType: "application/json", body: Array(json.utf8))
    }

    /// A head whose body the caller sends otherwise; then it closes, or awaits another request if it `keepsConnection`.
    public static func head(status: Int, headers: [(String, String)], keepsConnection: Bool = false) -> [UInt8] {
        head(status: status, headers: headers, connection: keepsConnection ? "keep-alive" : "close")
    }

    /// The word before a body that the client holds back until it hears it. Source: RFC 9110, section 10.1.1.
    public static let goOn = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    static func bytes(
        status: Int, connection: String = "close", headers: [(String, String)], contentType: String, body: [UInt8]
    ) -> [UInt8] {
        let content = [
            ("Content-Type", contentType), ("Content-Length", String(body.count)), ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
        ]
        return head(status: status, headers: headers + content, connection: connection) + body
    }

    static func head(status: Int, headers: [(String, String)], connection: String) -> [UInt8] {
        var head = "HTTP/1.1 \(status) \(name(ofStatus: status))\r\nConnection: \(connection)\r\n"
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        return Array((head + "\r\n").utf8)
    }

    static func name(ofStatus status: Int) -> String {
        switch status {
        case 101: "Switching Protocols"
        case 200: "OK"
        case 201: "Created"
        case 204: "No Content"
        case 206: "Partial Content"
        case 304: "Not Modified"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 411: "Length Required"
        case 413: "Content Too Large"
        case 415: "Unsupported Media Type"
        case 416: "Range Not Satisfiable"
        case 422: "Unprocessable Content"
        case 426: "Upgrade Required"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 503: "Service Unavailable"
        case 507: "Insufficient Storage"
        default: preconditionFailure("a status that this module never sends")
        }
    }
}
