// A file's content as `StoreTable` has it: numbers of users become their names again, and what the inboxes of a group share
// stands in each of them.

import Storage

/// Reads a file that no process has open; nothing is changed.
public final class SQLiteContent: StoreContent {
    private let database: Database
    private let path: String

    /// - Throws: `StoreOpenFailure`, also for a file of an older release: the service brings it up to date when it starts.
    public init(path: String) throws(StoreOpenFailure) {
        self.path = path
        database = try Opening.openExisting(path: path)
        do throws(SQLiteError) {
            let version = try database.number("PRAGMA user_version")
            guard version == Schema.version else {
                throw SQLiteError(
                    code: -1, message: "schema \(version), and this release reads \(Schema.version): start and stop it once with this release")
            }
        } catch {
            database.close()
            throw StoreOpenFailure(error, path: path)
        }
    }

    public func close() { database.close() }

    /// What SQLite finds wrong, at most 100 sentences; empty when all is well. Reads the whole file.
    public func damages() -> [String] {
        do throws(SQLiteError) {
            let lines = try database.texts("PRAGMA integrity_check(100)")
            return lines == ["ok"] ? [] : lines
        } catch {
            return [error.message]
        }
    }

    /// Writes all of it to a new file, packed, without a trace of what was deleted before.
    /// - Parameter target: must not be there.
    public func pack(into target: String) throws(StoreFailure) {
        do throws(SQLiteError) {
            let quoted = target.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''")
            try database.execute("VACUUM INTO '\(quoted)'")
        } catch {
            throw error.failure
        }
    }

    public func read(_ table: StoreTable, _ take: ([StoreValue]) throws(StoreFailure) -> Void) throws(StoreFailure) {
        let rows: Statement
        do throws(SQLiteError) { rows = try database.prepare(Self.query(table)) } catch { throw error.failure }
        defer { rows.finalize() }
        let columnCount = Int32(table.columns.count)
        while true {
            do throws(SQLiteError) { guard try rows.step() else { return } } catch { throw error.failure }
            try take((0..<columnCount).map(rows.value))
        }
    }

    private static func query(_ table: StoreTable) -> String {
        let number = "& \(EntryKey.numberMax)"
        switch table {
        case .entries:
            return """
                SELECT o.name, e.key \(number), e.kind, coalesce(sa.name, a.name, ''), coalesce(s.id, e.id), e.stamp,
                    coalesce(s.stamp, e.message_stamp), c.name, e.digest,
                    CASE WHEN e.body IS NULL THEN NULL ELSE coalesce(s.body, e.body) END, e.group_number
                FROM entries AS e JOIN users AS o ON o.id = e.owner JOIN users AS c ON c.id = e.chat
                LEFT JOIN users AS a ON a.id = e.author
                LEFT JOIN shared AS s ON s.key = (e.chat << \(EntryKey.numberBits) | e.group_number) AND e.body IS NOT NULL
                LEFT JOIN users AS sa ON sa.id = s.author
                """
        case .devices: return "SELECT o.name, device, cursor, opened FROM devices JOIN users AS o ON o.id = owner"
        case .people:
            return """
                SELECT o.name, o.delivered, s.value, l.at FROM users AS o
                LEFT JOIN settings AS s ON s.owner = o.id LEFT JOIN last_seen AS l ON l.owner = o.id
                WHERE o.delivered > 0 OR s.value IS NOT NULL OR l.at IS NOT NULL
                """
        case .watermarks:
            return """
                SELECT o.name, p.name, kind, upto, revision FROM watermarks
                JOIN users AS o ON o.id = owner JOIN users AS p ON p.id = peer
                """
        case .memberships: return "SELECT o.name, m.name, title FROM memberships AS m JOIN users AS o ON o.id = owner"
        case .places:
            return "SELECT o.name, g.name, last FROM group_places JOIN users AS o ON o.id = owner JOIN users AS g ON g.id = group_id"
        case .logs: return "SELECT name, head, head_stamp, event_number, fanned_out, pruned, revision, told FROM group_logs"
        case .logEntries:
            return """
                SELECT g.name, e.key \(number), e.kind, a.name, e.id, e.stamp, e.digest, e.body FROM group_entries AS e
                JOIN users AS g ON g.id = e.group_id JOIN users AS a ON a.id = e.author
                """
        case .members:
            return "SELECT g.name, m.name, wrote, m.delivered, read FROM group_members AS m JOIN users AS g ON g.id = group_id"
        case .marks:
            return """
                SELECT g.name, u.name, kind, upto, at FROM group_marks
                JOIN users AS g ON g.id = group_id JOIN users AS u ON u.id = member
                """
        }
    }
}
