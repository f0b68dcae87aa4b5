// What the HTTP door says.
//
// Every answer tells the browser to take a file for nothing but what it is called, to run nothing of it, and that pages of any
// origin may have it: whoever holds a link may follow it, and no cookie or other standing authority is ever asked for.

import Media
import WebSocket

enum Answers {
    private static let always = [
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Expose-Headers", "Upload-Offset, Upload-Length, ETag, Content-Range, Accept-Ranges"),
        ("Cross-Origin-Resource-Policy", "cross-origin"),
        ("Content-Security-Policy", "default-src 'none'; sandbox"), ("Referrer-Policy", "no-referrer"),
    ]

    /// A no: `reason` is for programs too.
    static func refusal(_ status: Int, _ reason: String, offset: UInt64? = nil, allow: String? = nil) -> [UInt8] {
        var headers = always
        if let offset { headers.append(("Upload-Offset", String(offset))) }
        if let allow { headers.append(("Allow", allow)) }
        if status == 503 || status == 507 { headers.append(("Retry-After", "30")) }
        let error = word(of: status)
        return HTTPResponse.answer(status: status, headers: headers, json: #"{"error":"\#(error)","reason":"\#(reason)"}"# + "\n")
    }

    private static func word(of status: Int) -> String {
        switch status {
        case 400: "bad_request"
        case 403: "forbidden"
        case 404: "not_found"
        case 405: "method_not_allowed"
        case 408: "request_timeout"
        case 409: "conflict"
        case 411: "length_required"
        case 413: "content_too_large"
        case 415: "unsupported_media_type"
        case 416: "range_not_satisfiable"
        case 422: "unprocessable_content"
        case 503: "unavailable"
        case 507: "insufficient_storage"
        default: "internal_server_error"
        }
    }

    /// To a browser that asks whether a page may.
    static let preflight = HTTPResponse.head(
        status: 204,
        headers: always + [
            ("Access-Control-Allow-Methods", "GET, HEAD, PUT"),
            ("Access-Control-Allow-Headers", "Content-Type, Upload-Offset, Range, If-None-Match, If-Range"),
            ("Access-Control-Max-Age", "600"),
        ])

    /// How far an upload is. 200 to HEAD, 204 to PUT.
    static func progress(_ status: Int, _ offset: UInt64, of size: UInt64) -> [UInt8] {
        HTTPResponse.head(
            status: status,
            headers: always + [("Upload-Offset", String(offset)), ("Upload-Length", String(size)), ("Cache-Control", "no-store")])
    }

    static func created(_ reference: MediaReference, size: UInt64) -> [UInt8] {
        HTTPResponse.answer(
            status: 201, headers: always + [("Upload-Offset", String(size)), ("Upload-Length", String(size))],
            json: #"{"media":"\#(reference.id)","secret":"\#(reference.secret)","size":\#(size)}"# + "\n")
    }

    /// The head before a file or a part of it; 304 and 416 have nothing behind them.
    static func file(_ file: MediaFile, _ part: FilePart, keepsConnection: Bool) -> [UInt8] {
        var headers = always + [
            ("ETag", #""\#(file.hash)""#), ("Accept-Ranges", "bytes"), ("Cache-Control", "private, max-age=31536000, immutable"),
            ("X-Content-Type-Options", "nosniff"), ("Content-Disposition", disposition(file)),
        ]
        let type = file.isOpaque ? "application/octet-stream" : file.mime
        switch part {
        case .whole:
            headers += [("Content-Type", type), ("Content-Length", String(file.size))]
            return HTTPResponse.head(status: 200, headers: headers, keepsConnection: keepsConnection)
        case .range(let range):
            headers += [
                ("Content-Type", type), ("Content-Length", String(range.count)),
                ("Content-Range", "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(file.size)"),
            ]
            return HTTPResponse.head(status: 206, headers: headers, keepsConnection: keepsConnection)
        case .unchanged:
            return HTTPResponse.head(status: 304, headers: headers, keepsConnection: keepsConnection)
        case .unsatisfiable:
            return HTTPResponse.head(
                status: 416, headers: always + [("Content-Range", "bytes */\(file.size)"), ("Content-Length", "0")],
                keepsConnection: keepsConnection)
        }
    }

    /// Everything but letters, digits and `. _ -` is escaped, so that a name can break out of nothing. Source: RFC 6266, RFC 8187.
    private static func disposition(_ file: MediaFile) -> String {
        let digits = Array("0123456789ABCDEF")
        var name = ""
        for byte in file.name.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2E, 0x5F, 0x2D: name.unicodeScalars.append(Unicode.Scalar(byte))
            default: name += "%" + String([digits[Int(byte >> 4)], digits[Int(byte & 15)]])
            }
        }
        return "\(file.isOpaque ? "attachment" : "inline"); filename*=UTF-8''\(name)"
    }
}
