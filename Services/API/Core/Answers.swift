// What the door says: JSON, and for every no a class, a word and a sentence.

import ClientProtocol
import CoreKit
import WebSocket

/// An answer before it is known whether the connection stays.
struct Answer: Equatable, Sendable {
    var status: Int
    var json: String
    var headers: [(String, String)] = []

    static func == (a: Answer, b: Answer) -> Bool {
        a.status == b.status && a.json == b.json && a.headers.elementsEqual(b.headers) { $0 == $1 }
    }

    init(_ status: Int, _ json: String, headers: [(String, String)] = []) {
        self.status = status
        self.json = json
        self.headers = headers
    }

    /// A no.
    /// - Parameters:
    ///   - reason: a word that stays the same between releases.
    ///   - text: a sentence for a developer.
    init(refusing status: Int, _ reason: String, _ text: String, retrySeconds: Int? = nil, headers: [(String, String)] = []) {
        var body = JSONText()
        body.string("error", Self.word(of: status))
        body.string("reason", reason)
        body.string("text", text)
        self.init(status, body.finished, headers: headers + (retrySeconds.map { [("Retry-After", String($0))] } ?? []))
    }

    /// A client's error in HTTP's words. 400 is for what the description forbids; what it allows and cannot be done is 409.
    init(_ error: ErrorFrame) {
        let status =
            switch error.code {
            case .malformed, .unknownType, .missingField, .badField, .tooManyUsers, .unsupported: 400
            case .bodyTooLong, .mediaTooLarge: 413
            case .notMember, .notAllowed: 403
            case .noSuchGroup, .mediaUnknown: 404
            case .toSelf, .idConflict, .predecessorMissing, .groupFull, .noChange, .badUsers: 409
            case .rateLimited, .mediaQuota, .tooManyUploads: 429
            case .overloaded, .unavailable, .storageFull: 503
            // Of connections and their devices; nobody here has one.
            case .cursorAhead, .ackAhead, .readAhead, .helloMissing, .helloRepeated, .tooManyDevices, .mediaType: 500
            }
        let waits = status == 503 || status == 429
        let seconds = max(1, (Int(error.retryMs ?? 0) + 999) / 1_000)
        self.init(refusing: status, error.code.name, error.text, retrySeconds: waits ? seconds : nil)
    }

    /// What broke HTTP itself.
    init(_ refusal: HTTPRefusal) { self.init(refusing: refusal.status, refusal.reason, "the request breaks a rule of HTTP") }

    static let noSuchPath = Answer(refusing: 404, "no_such_path", "there is nothing at this path; see /v1/openapi.json")
    static let unauthorized = Answer(
        refusing: 401, "key_unknown", "a key is needed: Authorization: Bearer KEY", headers: [("WWW-Authenticate", "Bearer")])
    static let away = Answer(
        refusing: 503, "unavailable", "a part of the cluster is away; what was asked may have been done, ask again under the same id",
        retrySeconds: 1)

    static func methodNotAllowed(_ allow: String) -> Answer {
        Answer(refusing: 405, "method_not_allowed", "this path has other methods: \(allow)", headers: [("Allow", allow)])
    }

    static func bad(_ field: String, _ rule: String) -> Answer { Answer(refusing: 400, "bad_field", "`\(field)` must be \(rule)") }

    private static func word(of status: Int) -> String {
        switch status {
        case 400: "bad_request"
        case 401: "unauthorized"
        case 403: "forbidden"
        case 404: "not_found"
        case 405: "method_not_allowed"
        case 408: "request_timeout"
        case 409: "conflict"
        case 413: "content_too_large"
        case 415: "unsupported_media_type"
        case 429: "too_many_requests"
        case 431: "request_header_fields_too_large"
        case 503: "unavailable"
        default: "internal_server_error"
        }
    }

    func bytes(keepsConnection: Bool, isBodyless: Bool = false) -> [UInt8] {
        let all =
            headers + [
                ("Content-Type", "application/json"), ("Content-Length", String(json.utf8.count)), ("Cache-Control", "no-store"),
                ("X-Content-Type-Options", "nosniff"),
            ]
        return HTTPResponse.head(status: status, headers: all, keepsConnection: keepsConnection) + (isBodyless ? [] : Array(json.utf8))
    }
}
