// Two addresses of media that are more than a host and a port: what links begin with, and where files are put.

/// What links of a media node begin with: a proxy's address, perhaps with TLS, perhaps with a path of its own.
public struct PublicURL: Hashable, Sendable, CustomStringConvertible {
    /// `http://` or `https://`, a host, perhaps a port, perhaps a path; no slash at the end.
    public let description: String
    /// Without the path: what a browser compares.
    public let origin: String

    /// - Returns: nil when it is anything else, has a query or user, or is longer than `ClusterLimits.publicURLBytesMax` bytes.
    public init?(_ text: String) {
        guard text.utf8.count <= ClusterLimits.publicURLBytesMax, let url = WebAddress(text) else { return nil }
        var path = url.path
        if path.hasSuffix("/") { path.removeLast() }
        let segments = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).dropFirst()
        guard segments.allSatisfy({ Self.isSegment($0) }) else { return nil }
        origin = "\(url.scheme)\(url.host)"
        description = origin + path
    }

    private static func isSegment(_ bytes: Substring.UTF8View.SubSequence) -> Bool {
        guard !bytes.isEmpty, !bytes.elementsEqual(".".utf8), !bytes.elementsEqual("..".utf8) else { return false }
        return bytes.allSatisfy { Ascii.isDigit($0) || Ascii.isLowercase($0 | 0x20) || "._~-".utf8.contains($0) }
    }
}

/// A bucket of a store that speaks the protocol of Amazon S3.
public struct ObjectStorePlace: Hashable, Sendable, CustomStringConvertible {
    public let address: Address
    /// `[a-z0-9-]`, `ClusterLimits.bucketBytesRange` bytes: nothing that a path would have to escape.
    public let bucket: String
    /// What requests are signed for; `[a-z0-9-]`.
    public let region: String

    public static let regionDefault = "us-east-1"

    /// Reads `s3:http://HOST:PORT/BUCKET`; without a port it is 80.
    public init?(_ text: String, region: String = regionDefault) {
        guard text.hasPrefix("s3:"), let url = WebAddress(String(text.dropFirst(3))), url.scheme == "http://" else { return nil }
        let bucket = String(url.path.dropFirst())
        guard let address = Address(url.host) ?? Address(host: url.host, port: 80),
            ClusterLimits.bucketBytesRange.contains(bucket.utf8.count), Ascii.isLabel(bucket.utf8),
            Ascii.isLabel(region.utf8), region.utf8.count <= ClusterLimits.regionBytesMax
        else { return nil }
        self.address = address
        self.bucket = bucket
        self.region = region
    }

    /// Reads back to the same value, but for the region.
    public var description: String { "s3:http://\(address)/\(bucket)" }
}

/// A URL in its parts, the host checked and the path not.
struct WebAddress {
    /// `http://` or `https://`.
    var scheme: String
    /// In lower case, with its port if it has one.
    var host: String
    /// Empty, or from its first slash on.
    var path: String

    init?(_ text: String) {
        let folded = Ascii.lowercased(text)
        guard let scheme = ["http://", "https://"].first(where: { folded.hasPrefix($0) }) else { return nil }
        let rest = text.dropFirst(scheme.utf8.count)
        let end = rest.firstIndex(of: "/") ?? rest.endIndex
        let host = Ascii.lowercased(String(rest[..<end]))
        guard Address(host) != nil || Address(host: host, port: 1) != nil else { return nil }
        self.scheme = scheme
        self.host = host
        path = String(rest[end...])
    }
}
