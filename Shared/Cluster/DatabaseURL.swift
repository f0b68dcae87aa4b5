// Where a PostgreSQL database is, as the cluster file says it: a URL in the form that libpq reads, without a password.
//
// It may name several servers, `postgresql://fantail@db-1:5432,db-2:5432/fantail`, and options behind a question mark. The file
// is for everybody to read, so a password has no place in it.
// Source: PostgreSQL 15 manual, 34.1.1.2 Connection URIs.

/// A checked URL of a database.
public struct DatabaseURL: Hashable, Sendable, CustomStringConvertible {
    public let description: String

    /// Nil for another scheme, a character that no URL has, one that is too long, or one with a password.
    public init?(_ text: String) {
        guard text.utf8.count <= ClusterLimits.databaseURLBytesMax, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        guard let scheme = ["postgresql://", "postgres://"].first(where: { text.hasPrefix($0) }) else { return nil }
        let rest = text.dropFirst(scheme.count)
        let address = rest.prefix { $0 != "?" }
        let authority = address.prefix { $0 != "/" }
        if let at = authority.lastIndex(of: "@"), authority[..<at].contains(":") { return nil }
        let options = rest.dropFirst(address.count).dropFirst().split(separator: "&")
        guard !options.contains(where: { $0.lowercased().hasPrefix("password=") }) else { return nil }
        description = text
    }
}
