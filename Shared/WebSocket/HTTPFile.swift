// A file that is served as it is, and what is answered when somebody asks for it.
//
// The three answers (the file, its head, "you have it already") are made once. Whoever writes one to a socket hands on the
// same array, so ten thousand readers who take their time share one copy and hold no memory of their own.

/// One file of a page.
public struct HTTPFile: Equatable, Sendable {
    /// As the request spells it, such as `/app.js`.
    public let path: String
    /// The answers to GET, to HEAD, and to either when the client has this version.
    private let whole: [UInt8]
    private let head: [UInt8]
    private let unchanged: [UInt8]
    private let entityTag: String

    /// - Parameters:
    ///   - contentType: one of ours; not checked for line ends.
    ///   - headers: more headers of ours, such as a `Content-Security-Policy`; not checked either.
    ///   - sha1: what the entity tag is made with; it only has to differ when the file does.
    public init(
        path: String, contentType: String, headers: [(String, String)] = [], body: [UInt8], sha1: HandshakeKey.SHA1
    ) {
        let digits = Array("0123456789abcdef")
        let tag = "\"" + String(sha1(body).prefix(10).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }) + "\""
        // `no-cache`: keep it, but ask each time whether it is still the one. A new release is there with the next load.
        let always = headers + [("ETag", tag), ("Cache-Control", "no-cache"), ("X-Content-Type-Options", "nosniff")]
        self.path = path
        entityTag = tag
        head = HTTPResponse.head(
            status: 200, headers: always + [("Content-Type", contentType), ("Content-Length", String(body.count))])
        whole = head + body
        unchanged = HTTPResponse.head(status: 304, headers: always)
    }

    /// The whole response; the caller writes it and closes.
    /// - Throws: `.methodNotAllowed` for anything but GET and HEAD.
    public func answer(to request: HTTPRequest) throws(HTTPRefusal) -> [UInt8] {
        guard request.method == "GET" || request.method == "HEAD" else { throw .methodNotAllowed(.getAndHead) }
        if isKnown(to: request.headers) { return unchanged }
        return request.method == "HEAD" ? head : whole
    }

    /// Whether the client holds this version. Source: RFC 9110, section 13.1.2; the comparison is the weak one.
    private func isKnown(to headers: HTTPHeaders) -> Bool {
        headers.list("if-none-match").contains { tag in
            tag == "*" || tag == entityTag || tag == "W/" + entityTag
        }
    }
}
