// Who is told, over HTTP, of what happens: `webhooks` of the cluster file.

/// Where a webhook leads.
public struct WebhookURL: Hashable, Sendable, CustomStringConvertible {
    /// `http://` or `https://`, a host, perhaps a port, perhaps a path.
    public let description: String
    public let isSecure: Bool
    public let address: Address
    /// As `Host` names it.
    public let authority: String
    /// From its first slash on; `/` when there is none.
    public let path: String

    /// - Returns: nil when it is anything else, has a query, or is longer than `ClusterLimits.publicURLBytesMax` bytes.
    public init?(_ text: String) {
        guard text.utf8.count <= ClusterLimits.publicURLBytesMax, let url = WebAddress(text) else { return nil }
        let isSecure = url.scheme == "https://"
        guard let address = Address(url.host) ?? Address(host: url.host, port: isSecure ? 443 : 80) else { return nil }
        let path = url.path.isEmpty ? "/" : url.path
        guard path.utf8.allSatisfy({ Ascii.isDigit($0) || Ascii.isLowercase($0 | 0x20) || "/._~-".utf8.contains($0) }) else { return nil }
        self.isSecure = isSecure
        self.address = address
        self.path = path
        authority = url.host
        description = url.scheme + url.host + url.path
    }
}

/// What may be told.
public enum WebhookKind: String, CaseIterable, Hashable, Sendable {
    /// A message, or several, for somebody who has no device connected.
    case offline
    /// A message between two people was stored.
    case stored
    /// A tick of an author has moved.
    case delivered, read
}

public struct WebhookRules: Hashable, Sendable {
    public var url: WebhookURL
    /// Default: `offline` alone.
    public var kinds: Set<WebhookKind>
    /// Tries before a delivery is a dead letter; `ClusterLimits.hookTriesRange`. Default 12, about half an hour.
    public var tryCountMax: Int
    /// Milliseconds before the first repeat, doubled each time, an hour at most; `ClusterLimits.hookRetryMsRange`. Default 1,000.
    public var retryMs: Int

    public init(url: WebhookURL, kinds: Set<WebhookKind> = [.offline], tryCountMax: Int = 12, retryMs: Int = 1_000) {
        self.url = url
        self.kinds = kinds
        self.tryCountMax = tryCountMax
        self.retryMs = retryMs
    }
}

extension WebhookRules: CustomStringConvertible {
    /// As the cluster file has it.
    public var description: String {
        let names = WebhookKind.allCases.filter(kinds.contains).map(\.rawValue).joined(separator: ",")
        return "\(url) events=\(names) tries=\(tryCountMax) retry-ms=\(retryMs)"
    }
}
