// A copy of the file while it is in use: a few pages at a time, between batches.
//
// SQLite copies page after page, and what a batch changes of what was copied already it writes to the copy as well, because
// batch and copy use one connection. So the copy is the state after the last step, and nobody waits for longer than a step.
// The copy is made beside the file, with the pages as they are; whoever asked for it packs it, which also removes what was
// deleted (see Erasure).
// Source: https://www.sqlite.org/c3ref/backup_finish.html

import CSQLite
import Glibc
import Storage

/// A copy in the making.
final class OnlineBackup {
    /// 1 MiB of pages: about a millisecond, which a batch may have to wait.
    private static let stepPageCount: Int32 = 256

    let path: String
    private let target: Database
    private var handle: OpaquePointer?

    /// - Parameter path: what is there from an earlier copy goes.
    init(of source: Database, path: String) throws(SQLiteError) {
        Self.remove(path)
        self.path = path
        try Self.create(path)
        target = try Database(path: path, creates: true)
        handle = sqlite3_backup_init(target.handle, "main", source.handle, "main")
        guard handle != nil else { throw target.lastError }
    }

    /// - Returns: pages that are left and pages in all; nothing is left when the copy is complete and synced.
    func step() throws(SQLiteError) -> (left: Int, all: Int) {
        guard let handle else { return (0, 0) }
        let code = sqlite3_backup_step(handle, Self.stepPageCount)
        let left = Int(sqlite3_backup_remaining(handle))
        let all = Int(sqlite3_backup_pagecount(handle))
        switch code {
        case SQLITE_OK, SQLITE_BUSY, SQLITE_LOCKED: return (max(1, left), all)
        case SQLITE_DONE:
            try finish()
            return (0, all)
        default:
            sqlite3_backup_finish(handle)
            self.handle = nil
            let message = String(cString: sqlite3_errstr(code))
            abandon()
            throw SQLiteError(code: code, message: message)
        }
    }

    private func finish() throws(SQLiteError) {
        let code = sqlite3_backup_finish(handle)
        handle = nil
        target.close()
        guard code == SQLITE_OK else { throw SQLiteError(code: code, message: String(cString: sqlite3_errstr(code))) }
    }

    /// Gives up, and removes what was written.
    func abandon() {
        if let handle { sqlite3_backup_finish(handle) }
        handle = nil
        target.close()
        Self.remove(path)
    }

    /// An empty file, for its owner only: SQLite would make one that others may read, and gives its journal what the file has.
    private static func create(_ path: String) throws(SQLiteError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            let isFull = errno == ENOSPC || errno == EDQUOT
            throw SQLiteError(code: isFull ? SQLITE_FULL : SQLITE_CANTOPEN, message: "cannot make \(path): \(String(cString: strerror(errno)))")
        }
        close(descriptor)
    }

    private static func remove(_ path: String) {
        for suffix in ["", "-journal", "-wal"] { _ = unlink("\(path)\(suffix)") }
    }
}

extension SQLiteStore {
    /// Begins a copy beside the file, or anew.
    /// - Returns: its absolute path.
    public func startBackup() throws(StoreFailure) -> String {
        backup?.abandon()
        backup = nil
        guard let handle = database.handle, let name = sqlite3_db_filename(handle, "main") else {
            throw .broken("the store was closed")
        }
        let path = String(cString: name) + ".backup"
        do throws(SQLiteError) { backup = try OnlineBackup(of: database, path: path) } catch { throw error.failure }
        return path
    }

    /// A step of the copy.
    /// - Returns: pages that are left and pages in all; nothing is left at the end.
    public func stepBackup() throws(StoreFailure) -> (left: Int, all: Int) {
        guard let backup else { return (0, 0) }
        do throws(SQLiteError) {
            let (left, all) = try backup.step()
            if left == 0 { self.backup = nil }
            return (left, all)
        } catch {
            self.backup = nil
            throw error.failure
        }
    }
}
