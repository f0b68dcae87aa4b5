// Where a link leads: with TLS or without, to whom, and what for.

import Cluster

/// `http`, `https`, `ws` or `wss`, a host, perhaps a port, perhaps a path.
public struct WebLink: Equatable, Sendable {
    public let isSecure: Bool
    public let address: Address
    /// From the first slash on, `/` at least.
    public let path: String

    private static let schemes = [("http://", false), ("https://", true), ("ws://", false), ("wss://", true)]

    /// - Returns: nil when it is anything else. Without a port it is 443 or 80.
    public init?(_ text: String) {
        guard let (scheme, isSecure) = Self.schemes.first(where: { text.hasPrefix($0.0) }) else { return nil }
        let rest = text.dropFirst(scheme.utf8.count)
        let end = rest.firstIndex(of: "/") ?? rest.endIndex
        let place = String(rest[..<end])
        guard let address = Address(place) ?? Address(host: place, port: isSecure ? 443 : 80) else { return nil }
        self.isSecure = isSecure
        self.address = address
        path = end == rest.endIndex ? "/" : String(rest[end...])
    }
}
