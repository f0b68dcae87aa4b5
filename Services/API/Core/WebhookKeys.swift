// The key file of webhooks: a key a line. Every delivery is signed with each of them, so that a receiver may change from one to the next.

public enum WebhookKeys {
    /// What a file must be, behind its path.
    public static let rule =
        "must have one key a line, at most two, of 32 visible characters or more; make one with: openssl rand -hex 32"

    /// - Parameter file: at most `APILimits.webhookKeyFileBytesMax` bytes.
    /// - Returns: 1...`APILimits.webhookKeyCountMax` keys; nil when it is anything else.
    public static func parse(_ file: [UInt8]) -> [[UInt8]]? {
        let lines = file.split { $0 == 0x0A || $0 == 0x0D }.map { Array($0) }
        guard (1...APILimits.webhookKeyCountMax).contains(lines.count),
            lines.allSatisfy({ $0.count >= 32 && $0.allSatisfy { (0x21...0x7E).contains($0) } })
        else { return nil }
        return lines
    }
}
