// The key file: whose requests are believed.
//
//     # name       key
//     backend-1    0hVt7cGvGm3vWLp1Yc8o0ZqU3l0mTn8sHkQ5yFvXw2E
//     backend-2    Yx3…
//
// One key a line, `#` starts a comment. Several stand together, and that is how keys rotate: add the new one, restart the api nodes
// one by one, let the backend use it, remove the old line. A key is its own secret: whoever has it may do everything here.

import Primitives

/// Why a key file is not accepted: a sentence for the operator, without a byte of any key.
public struct APIKeyFileError: Error, Equatable, Sendable {
    public let sentence: String
}

/// 1...`APILimits.keyCountMax` keys with different names.
public struct APIKeys: Equatable, Sendable {
    /// Names for figures and logs, in the order of the file.
    public let names: [String]
    private let secrets: [[UInt8]]

    /// - Parameter file: at most `APILimits.keyFileBytesMax` bytes.
    /// - Throws: the first line that is wrong, and why; a file is accepted as a whole or not at all.
    public init(parsing file: [UInt8]) throws(APIKeyFileError) {
        var names: [String] = []
        var secrets: [[UInt8]] = []
        for (index, line) in file.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            func wrong(_ what: String) -> APIKeyFileError { APIKeyFileError(sentence: "line \(index + 1): \(what)") }
            let words = line.prefix { $0 != UInt8(ascii: "#") }.split { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
            if words.isEmpty { continue }
            guard words.count == 2 else { throw wrong("a line is a name and a key") }
            let name = String(decoding: words[0], as: UTF8.self)
            guard NameAlphabet.accepts(name, limitBytes: 32) else {
                throw wrong("a name has 1 to 32 of A-Z a-z 0-9 . _ - @ + :")
            }
            guard !names.contains(name) else { throw wrong("the name \(name) stands twice") }
            let range = APILimits.keyBytesRange
            guard range.contains(words[1].count), words[1].allSatisfy({ (0x21...0x7E).contains($0) }) else {
                throw wrong("a key has \(range.lowerBound) to \(range.upperBound) visible characters; make one with: openssl rand -hex 32")
            }
            guard !secrets.contains(Array(words[1])) else { throw wrong("the key of \(name) stands twice") }
            guard names.count < APILimits.keyCountMax else { throw wrong("more than \(APILimits.keyCountMax) keys") }
            names.append(name)
            secrets.append(Array(words[1]))
        }
        guard !names.isEmpty else { throw APIKeyFileError(sentence: "there is no key in it") }
        self.names = names
        self.secrets = secrets
    }

    /// Whose key that is, by its place in `names`; nil: nobody's. All keys are compared, each in a time that tells nothing of its
    /// bytes.
    public func find(_ presented: String) -> Int? {
        let presented = Array(presented.utf8)
        var found: Int?
        for (index, secret) in secrets.enumerated() where constantTimeEquals(secret, presented) { found = index }
        return found
    }
}
