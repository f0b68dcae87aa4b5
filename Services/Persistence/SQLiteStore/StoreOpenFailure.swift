// Why a file was not opened, with a sentence for the person who has to do something about it.

import CSQLite

/// The file was left as it was. `description` says what to do.
public enum StoreOpenFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file is damaged, or no database at all.
    case corrupt(path: String, detail: String)
    /// A newer release wrote it.
    case newer(path: String, found: Int64, known: Int64)
    /// A database of some other program.
    case foreign(path: String)
    /// Another process has it open.
    case locked(path: String)
    /// The file cannot be opened or made, or the file system cannot do what the engine needs.
    case cannotOpen(path: String, detail: String)

    public var description: String {
        switch self {
        case .corrupt(let path, let detail):
            """
            \(path) is damaged (\(detail)). Stop persistence, keep a copy of the file and of \(path)-wal, then restore \
            your latest backup, or save what is readable with: sqlite3 \(path) .recover | sqlite3 recovered.db
            """
        case .newer(let path, let found, let known):
            """
            \(path) was written by a newer release (schema \(found); this release knows up to \(known)). Start that \
            release or a later one, or restore a backup from before the upgrade.
            """
        case .foreign(let path):
            """
            \(path) is a database of another program and was not touched. Set persistence's data path to an empty \
            place or to Fantail's own file.
            """
        case .locked(let path):
            """
            \(path) is in use by another process. Each partition needs a file of its own: look for a persistence \
            process that still runs (fuser \(path)) or for two partitions with the same path.
            """
        case .cannotOpen(let path, let detail):
            """
            \(path) cannot be opened (\(detail)). Check that the directory exists, is on a local disk and can be \
            written by the user that runs persistence.
            """
        }
    }

    init(_ error: SQLiteError, path: String) {
        switch error.primaryCode {
        case SQLITE_BUSY, SQLITE_LOCKED: self = .locked(path: path)
        case SQLITE_CORRUPT, SQLITE_NOTADB: self = .corrupt(path: path, detail: error.message)
        default: self = .cannotOpen(path: path, detail: error.message)
        }
    }
}
