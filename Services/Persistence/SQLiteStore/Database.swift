// The one place that talks to SQLite's C interface about connections; `Statement` is its twin for statements.
//
// Everything above sees typed errors with SQLite's extended result code, and nothing else of C.

import CSQLite
import Storage

/// What SQLite said: its extended result code and its sentence.
package struct SQLiteError: Error, Equatable {
    package let code: Int32
    package let message: String

    /// The code without its details: `SQLITE_IOERR_WRITE` becomes `SQLITE_IOERR`.
    package var primaryCode: Int32 { code & 0xFF }

    // SQLITE_IOERR_WRITE, _FSYNC, _DIR_FSYNC and _TRUNCATE: the header spells them as shifts, which Swift does not import.
    private static let failedWrite = SQLITE_IOERR | 3 << 8
    private static let failedSync = SQLITE_IOERR | 4 << 8
    private static let failedDirectorySync = SQLITE_IOERR | 5 << 8
    private static let failedTruncation = SQLITE_IOERR | 6 << 8

    /// A row that cannot be ours: somebody else wrote to the file, or the disk did.
    package static func badRow(_ message: String) -> SQLiteError { SQLiteError(code: SQLITE_CORRUPT, message: message) }

    /// How the caller of the engine hears of it.
    ///
    /// SQLite turns ENOSPC into `SQLITE_FULL`, but EDQUOT, EROFS and EIO on the way out arrive as failed writes, syncs and
    /// truncations. For the service all of them mean the same: reading may go on, writing has to wait.
    package var failure: StoreFailure {
        switch primaryCode {
        case SQLITE_FULL, SQLITE_READONLY: return .full
        case SQLITE_IOERR:
            switch code {
            case Self.failedWrite, Self.failedSync, Self.failedDirectorySync, Self.failedTruncation: return .full
            default: return .broken(message)
            }
        default: return .broken(message)
        }
    }
}

/// A connection. Used by one thread at a time; SQLite's own locks are off.
package final class Database {
    private(set) var handle: OpaquePointer?
    private var erasing: UnsafeMutablePointer<Erasure.Methods>?
    private var gathering: UnsafeMutablePointer<LogGathering.Methods>?

    /// - Parameter creates: whether a missing file is made.
    /// - Throws: `SQLiteError`, mostly `SQLITE_CANTOPEN`. Most wrong files are only noticed by the first read.
    package init(path: String, creates: Bool) throws(SQLiteError) {
        var opened: OpaquePointer?
        let flags =
            SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | (creates ? SQLITE_OPEN_CREATE : 0)
        let code = sqlite3_open_v2(path, &opened, flags, nil)
        guard code == SQLITE_OK else {
            let message = opened.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
            sqlite3_close(opened)
            throw SQLiteError(code: code, message: message)
        }
        handle = opened
        merge(whenClosing: false)
    }

    deinit { close() }

    /// Closes the connection and everything prepared on it. Closing twice does nothing.
    package func close() {
        guard let handle else { return }
        while let statement = sqlite3_next_stmt(handle, nil) { sqlite3_finalize(statement) }
        sqlite3_close(handle)
        self.handle = nil
        erasing?.deallocate()
        erasing = nil
        if let gathering { LogGathering.free(gathering) }
        gathering = nil
    }

    /// Whether the log is merged into the main file when the connection is closed; not before somebody says so, for a file
    /// that turns out not to be ours, or to be damaged, is left as it was found.
    package func merge(whenClosing isMerged: Bool) {
        guard let handle else { return }
        let code = fantail_set_checkpoint_on_close(handle, isMerged ? 1 : 0)
        precondition(code == SQLITE_OK)
    }

    /// From now on no page reaches the main file with remains of what was on it before.
    package func eraseRemains() throws(SQLiteError) {
        guard erasing == nil, let handle else { return }
        erasing = try Erasure.install(on: handle)
    }

    /// From now on a commit is few writes to the log. The log has to be open: to be called behind a transaction.
    package func gatherLog() throws(SQLiteError) {
        guard gathering == nil, let handle else { return }
        gathering = try LogGathering.install(on: handle)
    }

    /// The error that the last call left behind.
    package var lastError: SQLiteError {
        SQLiteError(code: sqlite3_extended_errcode(handle), message: String(cString: sqlite3_errmsg(handle)))
    }

    /// Rows that the last INSERT, UPDATE or DELETE touched.
    package var changeCount: Int64 { sqlite3_changes64(handle) }

    /// The row id that the last INSERT gave.
    package var lastRowID: Int64 { sqlite3_last_insert_rowid(handle) }

    /// True between BEGIN and COMMIT. SQLite ends a transaction by itself after some errors.
    package var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    /// Runs any number of statements whose rows nobody wants.
    package func execute(_ sql: String) throws(SQLiteError) {
        guard sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else { throw lastError }
    }

    /// Compiles one statement. It lives until `close`.
    package func prepare(_ sql: String) throws(SQLiteError) -> Statement {
        var prepared: OpaquePointer?
        let flags = UInt32(SQLITE_PREPARE_PERSISTENT)
        guard sqlite3_prepare_v3(handle, sql, -1, flags, &prepared, nil) == SQLITE_OK, let prepared else {
            throw lastError
        }
        return Statement(handle: prepared)
    }

    /// The first column of the first row as a number; 0 without a row.
    package func number(_ sql: String) throws(SQLiteError) -> Int64 {
        let statement = try prepare(sql)
        defer { statement.finalize() }
        return try statement.step() ? statement.int64(0) : 0
    }

    /// The first column of all rows as text.
    package func texts(_ sql: String) throws(SQLiteError) -> [String] {
        let statement = try prepare(sql)
        defer { statement.finalize() }
        var texts: [String] = []
        while try statement.step() { texts.append(statement.text(0)) }
        return texts
    }
}
