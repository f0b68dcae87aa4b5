// Signing requests as Amazon's stores and their likes want it: AWS Signature Version 4, with the signature in a header.
//
// A request is written down in one canonical form, hashed, and signed with a key that is good for one day, region and service.
// Source: "Create a signed AWS API request" of the IAM User Guide; the tests have Amazon's own examples.

import Crypto
import Media

/// Who signs.
public struct ObjectKeys: Equatable, Sendable {
    public var id: String
    public var secret: String

    public init(id: String, secret: String) {
        self.id = id
        self.secret = secret
    }

    /// What a file of keys must be, behind its path.
    public static let rule = "must have one line, the id of the key and its secret, with a blank between them"

    /// Reads the file of keys: the id and the secret, two words in one line; lines that begin with # are comments.
    /// - Returns: nil when it is anything else.
    public static func parse(_ bytes: [UInt8]) -> ObjectKeys? {
        let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("#") }
        let words = lines.flatMap { $0.split(whereSeparator: \.isWhitespace) }
        guard lines.count == 1, words.count == 2, words.allSatisfy({ $0.utf8.allSatisfy { (0x21...0x7E).contains($0) } }) else { return nil }
        return ObjectKeys(id: String(words[0]), secret: String(words[1]))
    }
}

public struct RequestSigner: Sendable {
    private let keys: ObjectKeys
    private let region: String
    private let service: String
    private let crypto = OpenSSLCrypto()

    public init(keys: ObjectKeys, region: String, service: String = "s3") {
        self.keys = keys
        self.region = region
        self.service = service
    }

    /// The value of `Authorization`.
    /// - Parameters:
    ///   - path: escaped, as it stands in the request.
    ///   - query: escaped, and sorted by its names.
    ///   - headers: all that are signed, `host` among them, names in lower case.
    ///   - payloadHash: SHA-256 of the body in digits.
    ///   - time: of `x-amz-date`, like `20130524T000000Z`.
    public func authorization(
        _ method: String, _ path: String, query: String = "", headers: [(name: String, value: String)], payloadHash: String, time: String
    ) -> String {
        let sorted = headers.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        let names = sorted.map(\.name).joined(separator: ";")
        let lines = sorted.map { "\($0.name):\($0.value)\n" }.joined()
        let canonical = "\(method)\n\(path)\n\(query)\n\(lines)\n\(names)\n\(payloadHash)"
        let day = String(time.prefix(8))
        let scope = "\(day)/\(region)/\(service)/aws4_request"
        let text = "AWS4-HMAC-SHA256\n\(time)\n\(scope)\n\(HexName.text(crypto.sha256(Array(canonical.utf8))))"
        var key = Array("AWS4\(keys.secret)".utf8)
        for word in [day, region, service, "aws4_request"] { key = crypto.hmacSHA256(key: key, message: Array(word.utf8)) }
        let signature = HexName.text(crypto.hmacSHA256(key: key, message: Array(text.utf8)))
        return "AWS4-HMAC-SHA256 Credential=\(keys.id)/\(scope), SignedHeaders=\(names), Signature=\(signature)"
    }
}
