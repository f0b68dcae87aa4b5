// From a path to a connection that can be trusted: ours alone, a Fantail database, undamaged, up to date.
//
// The order matters. Nothing is written before the file is known to be ours; the lock comes with the first read, so that a
// second process stops before it has seen, let alone changed, anything.

import CSQLite
import Storage

enum Opening {
    /// Log pages after which SQLite moves the log into the main file: 16 MiB. A smaller log writes hot pages to the main
    /// file more often, a larger one makes recovery after a crash longer and the pause of the move, too.
    private static let checkpointPageCount = 4_000

    static func open(
        path: String, policy: StorePolicy, options: SQLiteStore.Options
    ) throws(StoreOpenFailure) -> Database {
        let database = try connect(path: path, creates: true)
        do throws(SQLiteError) {
            let isNew = try database.number("SELECT count(*) FROM sqlite_schema") == 0
            let version = try identify(database, path: path, isNew: isNew)
            try configure(database, options: options)
            if !policy.isArchive { try erase(database) }
            if !isNew { try check(database, sizeMax: options.checkBytesMax) }
            try migrate(database, from: version)
            try setMode(database, isArchive: policy.isArchive)
            if let pages = options.pageCountMax { _ = try database.number("PRAGMA max_page_count = \(pages)") }
            database.merge(whenClosing: true)
            try database.gatherLog()
            return database
        } catch {
            database.close()
            throw refusal(error, path: path)
        }
    }

    /// Opens a file of ours without changing it.
    static func openExisting(path: String) throws(StoreOpenFailure) -> Database {
        let database = try connect(path: path, creates: false)
        do throws(SQLiteError) {
            _ = try identify(database, path: path, isNew: false)
            return database
        } catch {
            database.close()
            throw refusal(error, path: path)
        }
    }

    private static func connect(path: String, creates: Bool) throws(StoreOpenFailure) -> Database {
        do throws(SQLiteError) {
            let database = try Database(path: path, creates: creates)
            // Before the first read: the log then needs no shared memory, and the lock stays until the file is closed.
            try database.execute("PRAGMA locking_mode = EXCLUSIVE")
            return database
        } catch {
            throw StoreOpenFailure(error, path: path)
        }
    }

    // MARK: Steps. What they find wrong beyond SQLite's own errors travels under codes of ours, unpacked by `refusal`.

    /// Not SQLite's: its primary codes are 0...101 in the low byte, and no extended code has this high part.
    private static let foreignCode: Int32 = 0x7F00_0001
    private static let newerCode: Int32 = 0x7F00_0002

    private static func refusal(_ error: SQLiteError, path: String) -> StoreOpenFailure {
        switch error.code {
        case foreignCode: .foreign(path: path)
        case newerCode: .newer(path: path, found: Int64(error.message) ?? 0, known: Schema.version)
        default: StoreOpenFailure(error, path: path)
        }
    }

    /// The schema version of the file; 0 for a new one.
    private static func identify(_ database: Database, path: String, isNew: Bool) throws(SQLiteError) -> Int64 {
        let applicationID = try database.number("PRAGMA application_id")
        let version = try database.number("PRAGMA user_version")
        if isNew && applicationID == 0 && version == 0 { return 0 }
        guard applicationID == Schema.applicationID else { throw SQLiteError(code: foreignCode, message: "") }
        guard version <= Schema.version else { throw SQLiteError(code: newerCode, message: "\(version)") }
        return version
    }

    private static func configure(_ database: Database, options: SQLiteStore.Options) throws(SQLiteError) {
        let mode = try database.texts("PRAGMA journal_mode = WAL")
        guard mode == ["wal"] else {
            throw SQLiteError(code: SQLITE_CANTOPEN, message: "the file system does not allow a write-ahead log")
        }
        // FULL: a commit returns after the log was synced. secure_delete: what is deleted is overwritten with zeros.
        try database.execute(
            """
            PRAGMA synchronous = FULL;
            PRAGMA secure_delete = ON;
            PRAGMA wal_autocheckpoint = \(checkpointPageCount);
            PRAGMA cache_size = -\(max(1024, options.cacheBytes / 1024));
            PRAGMA temp_store = MEMORY;
            """)
    }

    private static func erase(_ database: Database) throws(SQLiteError) {
        // A larger file keeps its size, and the answer says so.
        let bound = try database.number("PRAGMA max_page_count = \(Erasure.pageCountMax)")
        guard bound <= Erasure.pageCountMax else {
            throw SQLiteError(
                code: SQLITE_CANTOPEN, message: "it is larger than 128 GiB, too large for storage \"temporary\"")
        }
        try database.eraseRemains()
    }

    private static func check(_ database: Database, sizeMax: Int64) throws(SQLiteError) {
        let pageCount = try database.number("PRAGMA page_count")
        let pageBytes = try database.number("PRAGMA page_size")
        guard pageCount * pageBytes <= sizeMax else { return }
        let lines = try database.texts("PRAGMA quick_check(1)")
        guard lines == ["ok"] else { throw .badRow(lines.first ?? "the check gave no answer") }
    }

    private static func setMode(_ database: Database, isArchive: Bool) throws(SQLiteError) {
        guard !isArchive else { return try database.execute(Schema.archiveIndex) }
        guard try database.number(Schema.hasArchiveIndex) > 0 else { return }
        try database.execute("BEGIN IMMEDIATE; \(Schema.dropFannedOut); \(Schema.noArchiveIndex); COMMIT")
    }

    private static func migrate(_ database: Database, from version: Int64) throws(SQLiteError) {
        let pending = Schema.migrations.filter { $0.version > version }
        guard !pending.isEmpty else { return }
        // A connection that fails here is closed, which rolls back.
        try database.execute("BEGIN IMMEDIATE")
        for migration in pending { try database.execute(migration.sql) }
        try database.execute(
            "PRAGMA application_id = \(Schema.applicationID); PRAGMA user_version = \(Schema.version); COMMIT")
    }
}
