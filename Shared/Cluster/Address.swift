// Where a node listens, as text: a host and a port.
//
// A host is an IPv4 address or a name; resolving names is the shell's business. What looks like an IPv4 address must be
// one: `127.0.0.256` or `10.1` would otherwise become a name that nobody can resolve, an hour later, on another box.

/// A host and a TCP port.
public struct Address: Hashable, Sendable, CustomStringConvertible {
    /// An IPv4 address in dotted form, or a host name in lower case; 1...`ClusterLimits.hostBytesMax` bytes.
    public let host: String
    /// 1...65,535.
    public let port: UInt16

    /// - Returns: nil if the host is neither an IPv4 address nor a name of `[a-z0-9.-]` (upper case is folded), or the
    ///   port is 0.
    public init?(host: String, port: UInt16) {
        let folded = Ascii.lowercased(host)
        guard port != 0, Address.isHost(folded) else { return nil }
        self.host = folded
        self.port = port
    }

    /// Reads `host:port`.
    public init?(_ text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count == 2, let port = Ascii.decimal(parts[1], max: UInt64(UInt16.max)) else { return nil }
        self.init(host: String(decoding: parts[0], as: UTF8.self), port: UInt16(port))
    }

    /// `host:port`, which reads back to the same value.
    public var description: String { "\(host):\(port)" }

    /// The host for the question whether two addresses are the same: `localhost` is `127.0.0.1` everywhere that we
    /// know.
    var canonicalHost: String { host == "localhost" ? "127.0.0.1" : host }

    /// Only this machine reaches it (RFC 1122, section 3.2.1.3: 127/8). A host of four numbers is an address, never a name.
    var isLoopback: Bool {
        let labels = canonicalHost.split(separator: ".")
        return labels.count == 4 && labels[0] == "127" && labels.allSatisfy { $0.utf8.allSatisfy(Ascii.isDigit) }
    }

    private static func isHost(_ host: String) -> Bool {
        guard (1...ClusterLimits.hostBytesMax).contains(host.utf8.count) else { return false }
        let labels = host.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        if labels.allSatisfy({ $0.allSatisfy(Ascii.isDigit) }) {
            return labels.count == 4 && labels.allSatisfy { Ascii.decimal($0, max: 255) != nil }
        }
        return labels.allSatisfy { Ascii.isLabel($0) }
    }
}

/// The few questions about ASCII bytes that the cluster file needs.
enum Ascii {
    static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    static func isLowercase(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }

    /// `[a-z0-9-]`, with neither a dash at an end nor more than 63 bytes: a DNS label.
    static func isLabel(_ bytes: some BidirectionalCollection<UInt8>) -> Bool {
        let dash = UInt8(ascii: "-")
        guard let first = bytes.first, let last = bytes.last, bytes.count <= 63 else { return false }
        return first != dash && last != dash && bytes.allSatisfy { isDigit($0) || isLowercase($0) || $0 == dash }
    }

    /// A decimal number without sign, blanks or needless zeros; nil if it is anything else or above `max`.
    static func decimal(_ digits: some Collection<UInt8>, max: UInt64) -> UInt64? {
        guard let first = digits.first, digits.count <= 20, digits.allSatisfy(isDigit) else { return nil }
        guard first != UInt8(ascii: "0") || digits.count == 1 else { return nil }
        var number: UInt64 = 0
        for digit in digits {
            let (tens, overflow) = number.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(UInt64(digit - UInt8(ascii: "0")))
            guard !overflow, !carry else { return nil }
            number = sum
        }
        return number <= max ? number : nil
    }

    static func lowercased(_ text: String) -> String {
        String(decoding: text.utf8.map { (65...90).contains($0) ? $0 + 32 : $0 }, as: UTF8.self)
    }
}
