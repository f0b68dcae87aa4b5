// What is known of files and uploads, in SQLite. Every commit is synced before it returns.

import Media
import Primitives
import SQLiteStore

/// An upload as the table has it.
struct UploadRow {
    var owner: String
    var file: MediaFile
    /// It is finished, and this opens it.
    var reference: MediaReference?
}

/// A file as the table has it.
struct FileRow {
    var secret: String
    var file: MediaFile
    var made: Stamp
    var isKept: Bool
}

struct Table {
    private enum State: Int64 {
        case open = 0
        case stored = 1
        /// Of no use, but it counts for the day.
        case refused = 2
    }

    private static let schema = """
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        CREATE TABLE IF NOT EXISTS uploads (
          id TEXT PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL, mime TEXT NOT NULL, size INTEGER NOT NULL,
          hash TEXT NOT NULL, opaque INTEGER NOT NULL, made INTEGER NOT NULL, expires INTEGER NOT NULL,
          state INTEGER NOT NULL DEFAULT 0, media TEXT NOT NULL DEFAULT '', secret TEXT NOT NULL DEFAULT ''
        ) WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS uploads_by_owner ON uploads (owner, made);
        CREATE INDEX IF NOT EXISTS uploads_by_end ON uploads (state, expires);
        CREATE TABLE IF NOT EXISTS files (
          id TEXT PRIMARY KEY, secret TEXT NOT NULL, owner TEXT NOT NULL, name TEXT NOT NULL, mime TEXT NOT NULL,
          size INTEGER NOT NULL, hash TEXT NOT NULL, opaque INTEGER NOT NULL, made INTEGER NOT NULL,
          expires INTEGER NOT NULL, kept INTEGER NOT NULL DEFAULT 0
        ) WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS files_by_hash ON files (hash);
        CREATE INDEX IF NOT EXISTS files_by_end ON files (expires);
        CREATE TABLE IF NOT EXISTS removals (hash TEXT PRIMARY KEY) WITHOUT ROWID;
        """

    private let database: Database
    private let statements: Statements

    init(path: String) throws(SQLiteError) {
        database = try Database(path: path, creates: true)
        try database.execute(Self.schema)
        database.merge(whenClosing: true)
        statements = Statements(database)
    }

    func close() { database.close() }

    // MARK: Uploads

    /// What a user has announced since then, bytes, and how many of these uploads are open.
    func use(of owner: UserID, since: Stamp, now: Stamp) throws(SQLiteError) -> (bytes: UInt64, openCount: Int64) {
        let statement = try statements.prepare(
            """
            SELECT coalesce(sum(max(size, \(MediaLimits.userBytesPerFileMin))), 0), coalesce(sum(state = 0 AND expires > ?3), 0)
            FROM uploads WHERE owner = ?1 AND made > ?2
            """)
        defer { statement.reset() }
        statement.bind(1, owner.text)
        statement.bind(2, since)
        statement.bind(3, now)
        guard try statement.step() else { return (0, 0) }
        return (UInt64(clamping: statement.int64(0)), statement.int64(1))
    }

    func insertUpload(_ id: String, _ owner: UserID, _ file: MediaFile, made: Stamp, expires: Stamp) throws(SQLiteError) {
        let statement = try statements.prepare(
            "INSERT INTO uploads (id, owner, name, mime, size, hash, opaque, made, expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
        defer { statement.reset() }
        statement.bind(1, id)
        statement.bind(2, owner.text)
        bind(file, to: statement, from: 3)
        statement.bind(8, made)
        statement.bind(9, expires)
        try statement.run()
    }

    /// Nil when there is none, it was refused, or it was not finished in time.
    func upload(_ id: String, _ now: Stamp) throws(SQLiteError) -> UploadRow? {
        let statement = try statements.prepare(
            """
            SELECT name, mime, size, hash, opaque, owner, media, secret FROM uploads
            WHERE id = ?1 AND (state = \(State.stored.rawValue) OR state = \(State.open.rawValue) AND expires > ?2)
            """)
        defer { statement.reset() }
        statement.bind(1, id)
        statement.bind(2, now)
        guard try statement.step() else { return nil }
        return UploadRow(
            owner: statement.text(5), file: try file(in: statement),
            reference: MediaReference(id: statement.text(6), secret: statement.text(7)))
    }

    /// It is not finished, refused or unknown.
    func isOpen(_ id: String) throws(SQLiteError) -> Bool {
        let statement = try statements.prepare("SELECT 1 FROM uploads WHERE id = ?1 AND state = \(State.open.rawValue)")
        defer { statement.reset() }
        statement.bind(1, id)
        return try statement.step()
    }

    func refuse(_ id: String) throws(SQLiteError) {
        try run("UPDATE uploads SET state = \(State.refused.rawValue) WHERE id = ?", id)
    }

    /// Both rows or none.
    func finish(_ id: String, as reference: MediaReference, _ upload: UploadRow, made: Stamp, expires: Stamp) throws(SQLiteError) {
        try database.execute("BEGIN IMMEDIATE")
        do throws(SQLiteError) {
            let insert = try statements.prepare(
                "INSERT INTO files (id, secret, name, mime, size, hash, opaque, owner, made, expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
            defer { insert.reset() }
            insert.bind(1, reference.id)
            insert.bind(2, reference.secret)
            bind(upload.file, to: insert, from: 3)
            insert.bind(8, upload.owner)
            insert.bind(9, made)
            insert.bind(10, expires)
            try insert.run()
            let update = try statements.prepare(
                "UPDATE uploads SET state = \(State.stored.rawValue), media = ?2, secret = ?3 WHERE id = ?1")
            defer { update.reset() }
            update.bind(1, id)
            update.bind(2, reference.id)
            update.bind(3, reference.secret)
            try update.run()
            try database.execute("COMMIT")
        } catch {
            if database.isInTransaction { try database.execute("ROLLBACK") }
            throw error
        }
    }

    // MARK: Files

    /// Nil when there is none, or not any more.
    func stored(_ id: String, _ now: Stamp) throws(SQLiteError) -> FileRow? {
        let statement = try statements.prepare(
            "SELECT name, mime, size, hash, opaque, secret, made, kept FROM files WHERE id = ?1 AND expires > ?2")
        defer { statement.reset() }
        statement.bind(1, id)
        statement.bind(2, now)
        guard try statement.step() else { return nil }
        return FileRow(
            secret: statement.text(5), file: try file(in: statement), made: statement.stamp(6), isKept: statement.bool(7))
    }

    func keep(_ id: String, expires: Stamp) throws(SQLiteError) {
        let statement = try statements.prepare("UPDATE files SET kept = 1, expires = max(expires, ?2) WHERE id = ?1")
        defer { statement.reset() }
        statement.bind(1, id)
        statement.bind(2, expires)
        try statement.run()
    }

    func referenceCount(_ hash: String) throws(SQLiteError) -> Int64 {
        let statement = try statements.prepare("SELECT count(*) FROM files WHERE hash = ?")
        defer { statement.reset() }
        statement.bind(1, hash)
        return try statement.step() ? statement.int64(0) : 0
    }

    // MARK: What is over

    func uploadsOver(_ now: Stamp) throws(SQLiteError) -> [(id: String, hash: String)] {
        try over("SELECT id, hash FROM uploads WHERE state = 0 AND expires <= ?1 LIMIT ?2", now)
    }

    func filesOver(_ now: Stamp) throws(SQLiteError) -> [(id: String, hash: String)] {
        try over("SELECT id, hash FROM files WHERE expires <= ?1 LIMIT ?2", now)
    }

    /// - Parameter hash: what the bucket may have of it; not nil: it is noted in the same commit.
    /// The row stays for its day: what was announced counts, whatever became of it.
    func endUpload(_ id: String, removing hash: String?) throws(SQLiteError) {
        try remove("UPDATE uploads SET state = \(State.refused.rawValue) WHERE id = ?", id, hash)
    }

    /// See `endUpload`.
    func removeFile(_ id: String, removing hash: String?) throws(SQLiteError) { try remove("DELETE FROM files WHERE id = ?", id, hash) }

    /// Hashes that the bucket must let go, unless somebody has a reference.
    func removals() throws(SQLiteError) -> [String] {
        let statement = try statements.prepare("SELECT hash FROM removals LIMIT ?")
        defer { statement.reset() }
        statement.bind(1, MediaLimits.sweepCountMax)
        var hashes: [String] = []
        while try statement.step() { hashes.append(statement.text(0)) }
        return hashes
    }

    func forgetRemoval(_ hash: String) throws(SQLiteError) { try run("DELETE FROM removals WHERE hash = ?", hash) }

    /// The day of these is over, so they count no more.
    func forgetUploads(before: Stamp) throws(SQLiteError) {
        let statement = try statements.prepare("DELETE FROM uploads WHERE state <> 0 AND made <= ?")
        defer { statement.reset() }
        statement.bind(1, before)
        try statement.run()
    }

    // MARK: Tools

    private func over(_ sql: String, _ now: Stamp) throws(SQLiteError) -> [(id: String, hash: String)] {
        let statement = try statements.prepare(sql)
        defer { statement.reset() }
        statement.bind(1, now)
        statement.bind(2, MediaLimits.sweepCountMax)
        var rows: [(id: String, hash: String)] = []
        while try statement.step() { rows.append((statement.text(0), statement.text(1))) }
        return rows
    }

    private func remove(_ sql: String, _ id: String, _ hash: String?) throws(SQLiteError) {
        guard let hash else { return try run(sql, id) }
        try database.execute("BEGIN IMMEDIATE")
        do throws(SQLiteError) {
            try run("INSERT OR IGNORE INTO removals (hash) VALUES (?)", hash)
            try run(sql, id)
            try database.execute("COMMIT")
        } catch {
            if database.isInTransaction { try database.execute("ROLLBACK") }
            throw error
        }
    }

    private func run(_ sql: String, _ id: String) throws(SQLiteError) {
        let statement = try statements.prepare(sql)
        defer { statement.reset() }
        statement.bind(1, id)
        try statement.run()
    }

    private func bind(_ file: MediaFile, to statement: Statement, from first: Int32) {
        statement.bind(first, file.name)
        statement.bind(first + 1, file.mime)
        statement.bind(first + 2, Int64(clamping: file.size))
        statement.bind(first + 3, file.hash)
        statement.bind(first + 4, Int64(file.isOpaque ? 1 : 0))
    }

    /// Columns 0 to 4.
    private func file(in statement: Statement) throws(SQLiteError) -> MediaFile {
        guard let file = MediaFile(
            name: statement.text(0), mime: statement.text(1), size: UInt64(clamping: statement.int64(2)),
            hash: statement.text(3), isOpaque: statement.bool(4))
        else { throw .badRow("not a file: \(statement.text(3))") }
        return file
    }
}

/// Statements that were compiled once: each text of this file.
private final class Statements {
    private let database: Database
    private var prepared: [String: Statement] = [:]

    init(_ database: Database) { self.database = database }

    /// To be reset behind its use.
    func prepare(_ sql: String) throws(SQLiteError) -> Statement {
        if let statement = prepared[sql] { return statement }
        let statement = try database.prepare(sql)
        prepared[sql] = statement
        return statement
    }
}
