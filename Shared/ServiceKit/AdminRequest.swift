// The little of HTTP that the admin door understands: one request, then the connection ends.
//
// Pages are asked for with GET or HEAD. Three things can be ordered: a load level by POST /load?pin=LEVEL, a copy of the store by
// POST /backup, which goes to one place that the store itself knows, and the cluster file to be read again by
// POST /cluster/reload. A web page that an operator happens to have open could send such a POST too, but not with a header of our
// own: so that header must be there.
//
// Source: RFC 9112, sections 2 to 4. All other headers are read past: nothing here depends on them.

import CoreKit
import Messages

/// What somebody wants to see.
package enum AdminRequest: Equatable {
    /// `/`, which leads to the status page.
    case home
    /// A file of the status page.
    case file(String)
    /// The figures of the whole cluster: the one page that is not at hand, other nodes are asked for it.
    case status
    /// What another node asks for that one.
    case look
    case metrics
    case health
    case readiness
    case peers
    case load
    /// Hold the load level here; nil: measure it again.
    case pin(LoadLevel?)
    /// How far the copy of the store is.
    case backup
    case startBackup
    case trace(TraceKey)
    /// Epochs, and what a node that is draining still holds.
    case cluster
    /// Read the cluster file again.
    case reload

    /// The header that a POST must have, with any value.
    package static let changeHeader = "x-fantail-admin"

    /// Why a request is not answered with a page.
    package enum Refusal: Error, Equatable {
        case malformed
        case tooLarge
        case unknownPath
        case methodNotAllowed
        case badTraceKey
        /// A POST without `changeHeader`.
        case notByHand
        case badLevel
    }

    /// - Parameter bytes: everything received so far.
    /// - Returns: nil when the head is not complete yet.
    package static func parse(_ bytes: [UInt8]) throws(Refusal) -> (request: AdminRequest, wantsBody: Bool)? {
        guard let end = headEnd(bytes) else {
            guard bytes.count <= ServiceLimits.adminRequestBytesMax else { throw .tooLarge }
            return nil
        }
        guard end <= ServiceLimits.adminRequestBytesMax else { throw .tooLarge }
        let line = bytes.prefix { $0 != 0x0D && $0 != 0x0A }
        let words = line.split(separator: 0x20, omittingEmptySubsequences: false)
        guard words.count == 3, words[2].starts(with: Array("HTTP/1.".utf8)), words[1].first == 0x2F else { throw .malformed }
        let method = String(decoding: words[0], as: UTF8.self)
        let parts = words[1].split(separator: 0x3F, maxSplits: 1, omittingEmptySubsequences: false)
        let query = parts.count == 2 ? String(decoding: parts[1], as: UTF8.self) : ""
        let path = String(decoding: parts[0], as: UTF8.self)
        if method == "POST", path == "/backup" {
            guard hasChangeHeader(bytes[..<end]) else { throw .notByHand }
            return (.startBackup, true)
        }
        if method == "POST", path == "/load" {
            guard hasChangeHeader(bytes[..<end]) else { throw .notByHand }
            return (.pin(try level(query)), true)
        }
        if method == "POST", path == "/cluster/reload" {
            guard hasChangeHeader(bytes[..<end]) else { throw .notByHand }
            return (.reload, true)
        }
        guard method == "GET" || method == "HEAD" else { throw .methodNotAllowed }
        return (try page(path, query), method == "GET")
    }

    private static func hasChangeHeader(_ head: ArraySlice<UInt8>) -> Bool {
        String(decoding: head, as: UTF8.self).split(whereSeparator: \.isNewline).dropFirst().contains {
            $0.prefix { $0 != ":" }.lowercased() == changeHeader && $0.contains(":")
        }
    }

    /// `pin=0` to `pin=4`, or `pin=auto`.
    private static func level(_ query: String) throws(Refusal) -> LoadLevel? {
        guard let value = query.split(separator: "&").first(where: { $0.hasPrefix("pin=") })?.dropFirst(4) else { throw .badLevel }
        if value == "auto" { return nil }
        guard value.utf8.count == 1, let number = UInt8(value), let level = LoadLevel(rawValue: number) else { throw .badLevel }
        return level
    }

    private static func page(_ path: String, _ query: String) throws(Refusal) -> AdminRequest {
        switch path {
        case "/": return .home
        case "/status": return .file("status.html")
        case "/status.css", "/status.js", "/status-map.js": return .file(String(path.dropFirst()))
        case "/status.json": return .status
        case "/look": return .look
        case "/metrics": return .metrics
        case "/healthz": return .health
        case "/readyz": return .readiness
        case "/peers": return .peers
        case "/load": return .load
        case "/cluster": return .cluster
        case "/backup": return .backup
        case "/trace":
            guard let value = query.split(separator: "&").first(where: { $0.hasPrefix("key=") })?.dropFirst(4),
                (1...16).contains(value.utf8.count), value.allSatisfy(\.isHexDigit), let key = UInt64(value, radix: 16)
            else { throw .badTraceKey }
            return .trace(TraceKey(rawValue: key))
        default: throw .unknownPath
        }
    }

    /// Where the empty line is that ends the head.
    private static func headEnd(_ bytes: [UInt8]) -> Int? {
        var index = 0
        while index + 1 < bytes.count {
            if bytes[index] == 0x0A {
                if bytes[index + 1] == 0x0A { return index + 2 }
                if bytes[index + 1] == 0x0D, index + 2 < bytes.count, bytes[index + 2] == 0x0A { return index + 3 }
            }
            index += 1
        }
        return nil
    }
}

/// An answer of the admin door, whole.
package struct AdminAnswer: Equatable {
    package enum Content: String {
        case text = "text/plain; charset=utf-8"
        case metrics = "text/plain; version=0.0.4; charset=utf-8"
        case json = "application/json"
        case jsonLines = "application/x-ndjson"
        case html = "text/html; charset=utf-8"
        case css = "text/css; charset=utf-8"
        case script = "text/javascript; charset=utf-8"
    }

    package var status: Int
    package var content: Content
    package var body: String
    /// Where to go instead; nil: nowhere.
    package var location: String?

    package init(_ status: Int, _ content: Content, _ body: String, location: String? = nil) {
        self.status = status
        self.content = content
        self.body = body
        self.location = location
    }

    package init(_ refusal: AdminRequest.Refusal) {
        switch refusal {
        case .malformed: self.init(400, .text, "This door understands HTTP/1.1 requests only.\n")
        case .badLevel: self.init(400, .text, "POST /load wants ?pin= and a level from 0 to 4, or auto.\n")
        case .notByHand: self.init(403, .text, "A change wants the header \(AdminRequest.changeHeader), with any value.\n")
        case .badTraceKey: self.init(400, .text, "/trace wants ?key= and 1 to 16 hexadecimal digits.\n")
        case .unknownPath:
            self.init(404, .text, "No such page. There are: /status /metrics /healthz /readyz /peers /load /cluster /backup /look /trace?key=HEX\n")
        case .methodNotAllowed:
            self.init(405, .text, "Only GET and HEAD, and POST for /load, /backup and /cluster/reload: nothing else can be changed here.\n")
        case .tooLarge: self.init(431, .text, "The request is larger than \(ServiceLimits.adminRequestBytesMax) bytes.\n")
        }
    }

    /// The bytes to send.
    package func encoded(wantsBody: Bool = true) -> [UInt8] {
        var head = "HTTP/1.1 \(status) \(reason)\r\nContent-Type: \(content.rawValue)\r\n"
        head += "Content-Length: \(body.utf8.count)\r\nConnection: close\r\nCache-Control: no-store\r\n"
        head += "X-Content-Type-Options: nosniff\r\n"
        if let location { head += "Location: \(location)\r\n" }
        if content == .html { head += "Content-Security-Policy: \(Self.policy)\r\nReferrer-Policy: no-referrer\r\n" }
        if status == 405 { head += "Allow: GET, HEAD\r\n" }
        return Array((head + "\r\n").utf8) + (wantsBody ? Array(body.utf8) : [])
    }

    /// The page has its own style and script, asks its own door, and is shown in no other page.
    private static let policy =
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        + "frame-ancestors 'none'"

    private var reason: String {
        switch status {
        case 200: "OK"
        case 302: "Found"
        case 400: "Bad Request"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 431: "Request Header Fields Too Large"
        case 503: "Service Unavailable"
        default: preconditionFailure("a status without a name")
        }
    }
}
