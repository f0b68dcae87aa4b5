// Signed links: who may do what with which file, until when. Whoever has one may follow it; nobody can make or change one.

import Primitives
import WebSocket

struct Links {
    /// What a link is for.
    enum Purpose: String {
        case upload = "up"
        case download = "get"
    }

    enum Refusal: String, Error {
        case forged = "link_forged"
        case expired = "link_expired"
    }

    /// HMAC-SHA256.
    let mac: @Sendable ([UInt8]) -> [UInt8]

    /// Path and query.
    /// - Parameter subject: hexadecimal digits.
    func make(_ purpose: Purpose, _ subject: String, user: UserID, until: Stamp) -> String {
        let seconds = until.microseconds / 1_000_000
        let name = Self.escaped(user.text)
        return "/v1/media/\(purpose.rawValue)/\(subject)?user=\(name)&until=\(seconds)&sig=\(sign(purpose, subject, user.text, seconds))"
    }

    /// - Throws: why the request may not be obeyed. That it is forged comes first: of a forged link nothing is true.
    func check(_ purpose: Purpose, _ subject: String, _ request: HTTPRequest, now: Stamp) throws(Refusal) {
        guard let user = request.queryValue("user"), let text = request.queryValue("until"), let until = Int64(text),
            let signature = request.queryValue("sig"), constantTimeEquals(signature, sign(purpose, subject, user, until))
        else { throw .forged }
        guard now.microseconds / 1_000_000 < until else { throw .expired }
    }

    private func sign(_ purpose: Purpose, _ subject: String, _ user: String, _ seconds: Int64) -> String {
        Base64URL.string(mac(Array("\(purpose.rawValue)\n\(subject)\n\(user)\n\(seconds)".utf8)))
    }

    /// A plus would be a space to some readers of queries.
    private static func escaped(_ name: String) -> String { name.split(separator: "+", omittingEmptySubsequences: false).joined(separator: "%2B") }
}
