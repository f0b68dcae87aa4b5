// From a URL to a connection that may write: to the server that takes writes now, with our tables in it, and with the lease.
//
// A URL may name several servers, and libpq takes the first that lets us write: after a fail-over that is the promoted
// standby. The lease is a row for each partition with a number that only rises. Whoever connects raises it, and every
// transaction that writes looks for the number it knows and locks the row; so of two that believe a partition theirs only the
// one that came last can commit.

import Glibc

struct PostgresLink {
    let url: String
    let passwordFile: String?
    let share: PostgresStore.Share
    /// Names this process in the lease.
    let holder: String
    let isArchive: Bool
    var schema = PostgresSchema.nameDefault

    /// The URL without its options: what a log may show.
    var place: String { String(url.prefix { $0 != "?" }) }

    /// - Parameter isFirst: takes the lease from whoever has it; otherwise only goes on with ours.
    /// - Returns: the connection, in pipeline mode, and the token of the lease.
    func connect(isFirst: Bool, answerMs: Int64) throws(PostgresError) -> (Connection, token: Int64) {
        let connection = try Self.open(url: url, passwordFile: passwordFile, name: "fantail \(share.partition)", setUp: Self.settings)
        if isFirst { try prepare(connection) }
        try connection.run(PostgresSchema.session(schema))
        let token = try isFirst ? take(connection) : resume(connection)
        try connection.startPipeline(timeoutMs: answerMs)
        return (connection, token)
    }

    /// A connection for copying: outside of pipeline mode, and without a lease.
    func connectToCopy() throws(PostgresError) -> Connection {
        let connection = try Self.open(url: url, passwordFile: passwordFile, name: share.partition, setUp: Self.settings)
        try prepare(connection)
        try connection.run("SET search_path TO \(schema); SET standard_conforming_strings = on; SET bytea_output = hex")
        return connection
    }

    /// Before our schema is there.
    private static let settings = "SET client_min_messages = warning; SET lock_timeout = '5s'; SET statement_timeout = 0"

    static func open(url: String, passwordFile: String?, name: String, setUp: String) throws(PostgresError) -> Connection {
        // What the URL says comes last and wins.
        var settings = [
            ("application_name", name), ("client_encoding", "UTF8"), ("target_session_attrs", "read-write"),
            // A server that is gone without a word is noticed within five seconds or so.
            ("connect_timeout", "2"), ("keepalives_idle", "2"), ("keepalives_interval", "1"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "5000"),
        ]
        if let passwordFile { settings.append(("passfile", passwordFile)) }
        settings.append(("dbname", url))
        return try Connection(settings, setUp: setUp)
    }

    // MARK: The schema

    private func prepare(_ connection: Connection) throws(PostgresError) {
        try connection.run("BEGIN; SELECT pg_advisory_xact_lock(\(PostgresSchema.advisoryLock))")
        let isNew = try connection.run("SELECT to_regclass('\(schema).schema_version') IS NULL").first?.first == "t"
        if isNew {
            try connection.run(
                "CREATE SCHEMA IF NOT EXISTS \(schema); SET LOCAL search_path TO \(schema); "
                    + PostgresSchema.leases + PostgresSchema.first)
        } else {
            let version = Int64(try connection.run("SELECT version FROM \(schema).schema_version").first?.first.flatMap { $0 } ?? "") ?? 0
            guard version == PostgresSchema.version else {
                throw .refused("the database has schema \(version), and this release knows \(PostgresSchema.version)")
            }
        }
        try connection.run("SET LOCAL search_path TO \(schema)")
        let hasArchiveIndex = try connection.run(PostgresSchema.hasArchiveIndex(schema)).first?.first == "t"
        if isArchive, !hasArchiveIndex { try connection.run(PostgresSchema.archiveIndex) }
        if !isArchive, hasArchiveIndex { try connection.run("\(PostgresSchema.dropFannedOut); \(PostgresSchema.noArchiveIndex)") }
        try connection.run("COMMIT")
    }

    // MARK: The lease

    private func take(_ connection: Connection) throws(PostgresError) -> Int64 {
        let (partition, holder, layout) = (Self.quoted(share.partition), Self.quoted(holder), Self.quoted(share.layout))
        let rows = try connection.run(
            """
            UPDATE leases SET token = token + 1, holder = '' WHERE layout <> \(layout) AND holder <> '';
            INSERT INTO leases (partition, token, holder, layout) VALUES (\(partition), 1, \(holder), \(layout))
            ON CONFLICT (partition) DO UPDATE SET token = leases.token + 1, holder = excluded.holder, layout = excluded.layout
            RETURNING token
            """)
        guard let token = rows.first?.first.flatMap({ $0 }).flatMap({ Int64($0) }) else { throw .refused("the lease has no number") }
        return token
    }

    private func resume(_ connection: Connection) throws(PostgresError) -> Int64 {
        let rows = try connection.run(
            """
            UPDATE leases SET token = token + 1 WHERE partition = \(Self.quoted(share.partition)) AND holder = \(Self.quoted(holder))
            RETURNING token
            """)
        guard let token = rows.first?.first.flatMap({ $0 }).flatMap({ Int64($0) }) else { throw .fenced }
        return token
    }

    /// As a literal; names here are made of letters, digits and signs, and nothing is left to that.
    static func quoted(_ text: String) -> String {
        "'\(text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''"))'"
    }

    static func pause(milliseconds: Int32) { _ = poll(nil, 0, milliseconds) }
}

/// Why the engine did not open; the sentence is for the operator.
public struct PostgresOpenFailure: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ error: PostgresError, place: String) {
        description =
            switch error {
            case .lost(let why): "the database \(place) cannot be reached: \(why)"
            case .full: "the disk of the database \(place) is full"
            case .fenced: PostgresStore.fencedSentence
            case .exists, .conflict: "another process changes the database \(place) at this moment; start this one again"
            case .refused(let text): "the database \(place) refuses: \(text)"
            }
    }
}
