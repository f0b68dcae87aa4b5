// The page that a browser gets: a handful of files, each under its own name, `index.html` also as `/`.
//
// The headers are the second lock behind the page's own care. Nothing is loaded from elsewhere, no script but the page's files
// runs, a string becomes no markup and no script (Trusted Types), and no other page shows this one in a frame.

import WebSocket

public struct PageFiles: Sendable {
    private let files: [String: HTTPFile]

    /// No page: every path is answered 404.
    public static let none = PageFiles()

    private init() { files = [:] }

    /// - Parameters:
    ///   - mediaOrigins: where links to files lead, such as `http://127.0.0.1:8082`; the page sends and fetches there, and nowhere
    ///     else beside its own host.
    ///   - files: names without a slash, such as `app.js`, and contents of at most `GatewayLimits.pageFileBytesMax`. They are
    ///     compiled in, so that a wrong one is our own mistake and stops the process.
    ///   - sha1: for entity tags.
    public init(_ files: [(name: String, bytes: [UInt8])], mediaOrigins: [String] = [], sha1: HandshakeKey.SHA1) {
        let headers = Self.headers(mediaOrigins: mediaOrigins)
        var served: [String: HTTPFile] = [:]
        for (name, bytes) in files {
            precondition(bytes.count <= GatewayLimits.pageFileBytesMax, "\(name) is too long to be served")
            let path = name == "index.html" ? "/" : "/" + name
            let file = HTTPFile(
                path: path, contentType: Self.contentType(of: name), headers: headers, body: bytes, sha1: sha1)
            precondition(served.updateValue(file, forKey: path) == nil, "\(name) is there twice")
        }
        self.files = served
    }

    /// - Throws: `.notFound`, or `.methodNotAllowed` where a file is.
    func answer(to request: HTTPRequest) throws(HTTPRefusal) -> [UInt8] {
        guard let file = files[request.path] else { throw .notFound }
        return try file.answer(to: request)
    }

    /// Pictures are fetched as bytes and shown as `blob:`, which only the page's own scripts can make: so `img-src` names no other host,
    /// and nothing is told to one by an address. Videos are played from where they lie.
    ///
    /// `'self'` in `connect-src` is the WebSocket of this host too (CSP level 3). The one policy of Trusted Types names the
    /// service worker's address.
    private static func headers(mediaOrigins: [String]) -> [(String, String)] {
        let media = mediaOrigins.map { " " + $0 }.joined()
        return [
            (
                "Content-Security-Policy",
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src blob:\(media); "
                    + "connect-src 'self'\(media); manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; "
                    + "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types fantail"
            ),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Referrer-Policy", "no-referrer"),
        ]
    }

    private static func contentType(of name: String) -> String {
        switch name.split(separator: ".").last {
        case "html": "text/html; charset=utf-8"
        case "css": "text/css; charset=utf-8"
        case "js": "text/javascript; charset=utf-8"
        case "svg": "image/svg+xml"
        case "webmanifest": "application/manifest+json"
        default: preconditionFailure("what is \(name)? say its content type here")
        }
    }
}
