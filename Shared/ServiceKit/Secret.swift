// Reading the secret that the processes of a cluster share.

/// The cluster's secret as its file spells it.
package enum Secret {
    package enum Refusal: Error, Equatable {
        case tooShort(bytes: Int)
        case tooLarge
    }

    /// Text of hexadecimal digits is decoded, other text counts as its bytes without the line end that editors add, and
    /// anything else is taken as it is: `openssl rand -hex 32` and `head -c 32 /dev/urandom` are both fine.
    /// - Returns: `ServiceLimits.secretBytesMin` bytes or more.
    package static func parse(_ file: [UInt8]) throws(Refusal) -> [UInt8] {
        guard file.count <= ServiceLimits.secretFileBytesMax else { throw .tooLarge }
        let secret = decode(file)
        guard secret.count >= ServiceLimits.secretBytesMin else { throw .tooShort(bytes: secret.count) }
        return secret
    }

    private static func decode(_ file: [UInt8]) -> [UInt8] {
        let isText = file.allSatisfy { (0x20...0x7E).contains($0) || $0 == 0x0A || $0 == 0x0D }
        guard isText else { return file }
        var text = file
        while let last = text.last, last == 0x0A || last == 0x0D || last == 0x20 { text.removeLast() }
        let digits = text.compactMap { UInt8(String(UnicodeScalar($0)), radix: 16) }
        guard digits.count == text.count, digits.count % 2 == 0 else { return text }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}
