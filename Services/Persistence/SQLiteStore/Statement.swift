// One compiled statement: bind, step, read columns, reset.
//
// Parameters count from 1 and columns from 0, as SQLite has it. Every use ends with `reset`, also after an error, so that
// no statement keeps a transaction open; `run` does it by itself.

import CSQLite
import Messages
import Primitives
import Storage

package struct Statement {
    private let handle: OpaquePointer

    /// SQLite copies what is bound; its header spells this as a cast, which Swift does not import.
    private static let copies = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

    init(handle: OpaquePointer) { self.handle = handle }

    package func finalize() { sqlite3_finalize(handle) }

    // MARK: Parameters. Binding fails only when memory is out or an index is wrong: our bug.

    package func bind(_ index: Int32, _ value: Int64) {
        let code = sqlite3_bind_int64(handle, index, value)
        precondition(code == SQLITE_OK, "binding a number: \(code)")
    }

    package func bind(_ index: Int32, _ value: Stamp) { bind(index, value.microseconds) }

    /// Nil is NULL.
    package func bind(_ index: Int32, _ value: Stamp?) {
        guard let value else { return _ = sqlite3_bind_null(handle, index) }
        bind(index, value)
    }

    package func bind(_ index: Int32, _ value: String) {
        var text = value
        let code = text.withUTF8 { utf8 in
            utf8.withMemoryRebound(to: CChar.self) {
                sqlite3_bind_text(handle, index, $0.baseAddress, Int32($0.count), Self.copies)
            }
        }
        precondition(code == SQLITE_OK, "binding a text: \(code)")
    }

    /// An empty array is an empty blob, not NULL: a message without text is still a message.
    package func bind(_ index: Int32, _ value: [UInt8]) {
        let code =
            value.isEmpty
            ? sqlite3_bind_zeroblob(handle, index, 0)
            : value.withUnsafeBytes {
                sqlite3_bind_blob(handle, index, $0.baseAddress, Int32($0.count), Self.copies)
            }
        precondition(code == SQLITE_OK, "binding a blob: \(code)")
    }

    // MARK: Running

    /// True when there is a row to read, false at the end.
    package func step() throws(SQLiteError) -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default:
            let database = sqlite3_db_handle(handle)
            throw SQLiteError(
                code: sqlite3_extended_errcode(database), message: String(cString: sqlite3_errmsg(database)))
        }
    }

    /// The error of the last step comes back from `sqlite3_reset`, too; `step` has thrown it already.
    package func reset() { sqlite3_reset(handle) }

    /// Steps once, for statements without rows, and resets.
    package func run() throws(SQLiteError) {
        defer { reset() }
        _ = try step()
    }

    // MARK: Columns of the current row

    package func int64(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    package func bool(_ column: Int32) -> Bool { sqlite3_column_int(handle, column) != 0 }

    package func stamp(_ column: Int32) -> Stamp { Stamp(microseconds: int64(column)) }

    package func text(_ column: Int32) -> String {
        guard let start = sqlite3_column_text(handle, column) else { return "" }
        let count = Int(sqlite3_column_bytes(handle, column))
        return String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }

    package func blob(_ column: Int32) -> [UInt8] {
        guard let start = sqlite3_column_blob(handle, column) else { return [] }
        return Array(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, column))))
    }

    /// Whatever stands there.
    func value(_ column: Int32) -> StoreValue {
        switch sqlite3_column_type(handle, column) {
        case SQLITE_INTEGER: .integer(int64(column))
        case SQLITE_TEXT: .text(text(column))
        case SQLITE_BLOB: .bytes(blob(column))
        default: .null
        }
    }

    package func messageID(_ column: Int32) throws(SQLiteError) -> MessageID {
        let text = text(column)
        guard let id = MessageID(text) else { throw .badRow("not a message id: \(text)") }
        return id
    }

    package func userID(_ column: Int32) throws(SQLiteError) -> UserID {
        let text = text(column)
        guard let user = UserID(text) else { throw .badRow("not a user's name: \(text)") }
        return user
    }
}
