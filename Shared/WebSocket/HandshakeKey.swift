// The proof that the other side speaks WebSocket and is not a confused web server.
//
// The client sends 16 random bytes as base64; the server appends a fixed text, hashes with SHA-1 and returns that as base64. It is
// no security, only a greeting that nobody gives by accident. SHA-1 is handed in, because this module has no system library.

public enum HandshakeKey {
    /// SHA-1 of some bytes, 20 bytes.
    public typealias SHA1 = (_ bytes: [UInt8]) -> [UInt8]

    /// Bytes of a key before base64.
    public static let nonceBytesCount = 16

    /// RFC 6455, section 1.3.
    private static let suffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    /// The `Sec-WebSocket-Key` of a client.
    /// - Precondition: 16 bytes, from the caller's dice.
    public static func key(nonce: [UInt8]) -> String {
        precondition(nonce.count == nonceBytesCount, "a handshake nonce has 16 bytes")
        return base64(nonce)
    }

    /// Whether the text is base64 of exactly 16 bytes: 22 digits, of which the last holds two bits, and "==".
    public static func isValid(_ key: String) -> Bool {
        let bytes = Array(key.utf8)
        guard bytes.count == 24, bytes[22] == UInt8(ascii: "="), bytes[23] == UInt8(ascii: "=") else { return false }
        guard bytes[..<22].allSatisfy({ digits.contains($0) }) else { return false }
        // The four bits that the last digit has left over must be zero: A, Q, g or w.
        return digits.firstIndex(of: bytes[21]).map { $0 & 0x0F == 0 } ?? false
    }

    /// The `Sec-WebSocket-Accept` that answers a key.
    /// - Precondition: `sha1` returns 20 bytes.
    public static func accept(for key: String, sha1: SHA1) -> String {
        let digest = sha1(Array((key + suffix).utf8))
        precondition(digest.count == 20, "SHA-1 has 20 bytes")
        return base64(digest)
    }

    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// RFC 4648, section 4, with padding.
    private static func base64(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var bits = group.reduce(0) { $0 << 8 | UInt32($1) }
            bits <<= UInt32(3 - group.count) * 8
            for position in 0..<4 {
                let digit = Int(bits >> UInt32(18 - 6 * position)) & 0x3F
                text.append(position <= group.count ? digits[digit] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
