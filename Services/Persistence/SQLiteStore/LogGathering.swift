// Few writes a commit. SQLite puts each changed page into its log with two writes, 24 bytes of header and the page; a message
// to a group of a hundred changes some hundred pages, and those writes cost more than all the work on the pages. They follow
// each other without a gap, and nobody looks at them before the sync. So they gather here, and leave thirty pages at a time,
// the last of them just before whoever syncs, reads or measures the log.
//
// Nothing of what SQLite promises changes: what a sync has confirmed is on the disk, and what was not synced may be lost in
// whatever parts. A write that fails is told where it is noticed, by the sync; SQLite then rolls back, as it does after a
// failed sync, and writes the same place again.
//
// This is done to the methods of the log's file, as `Erasure` does it to those of the main file.
// Source: https://www.sqlite.org/c3ref/io_methods.html and https://www.sqlite.org/walformat.html

import CSQLite

enum LogGathering {
    /// What gathers at most, bytes: thirty pages with their headers; more leaves in pieces of that size. SQLite's own file
    /// methods write less than 128 KiB at once, and take a longer write for a shorter one.
    static let capacityBytes = 124 * 1024

    /// SQLite's methods with ours in front; SQLite sees only the first field.
    struct Methods {
        var methods: sqlite3_io_methods
        let original: UnsafePointer<sqlite3_io_methods>
        let bytes: UnsafeMutableRawPointer
        var count = 0
        /// Where in the file `bytes` belong.
        var offset: sqlite3_int64 = 0
    }

    /// Puts our methods in front of those of the log, until the file is closed.
    /// - Returns: to be given to `free` after `sqlite3_close`.
    /// - Throws: when SQLite has no log open, which it has behind the first transaction.
    static func install(on database: OpaquePointer) throws(SQLiteError) -> UnsafeMutablePointer<Methods> {
        var file: UnsafeMutablePointer<sqlite3_file>?
        let code = sqlite3_file_control(database, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file)
        guard code == SQLITE_OK, let file, let original = file.pointee.pMethods else {
            throw SQLiteError(code: SQLITE_CANTOPEN, message: "SQLite does not give its log away (\(code))")
        }
        precondition(MemoryLayout<Methods>.offset(of: \.methods) == 0)
        let ours = UnsafeMutablePointer<Methods>.allocate(capacity: 1)
        let bytes = UnsafeMutableRawPointer.allocate(byteCount: capacityBytes, alignment: 4096)
        ours.initialize(to: Methods(methods: original.pointee, original: original, bytes: bytes))
        ours.pointee.methods.xWrite = { file, bytes, count, offset in
            guard let file, let bytes else { return SQLITE_IOERR }
            return LogGathering.write(file, UnsafeRawBufferPointer(start: bytes, count: Int(count)), at: offset)
        }
        ours.pointee.methods.xRead = { file, bytes, count, offset in
            LogGathering.settled(file) { $0.xRead(file, bytes, count, offset) }
        }
        ours.pointee.methods.xSync = { file, flags in LogGathering.settled(file) { $0.xSync(file, flags) } }
        ours.pointee.methods.xTruncate = { file, size in LogGathering.settled(file) { $0.xTruncate(file, size) } }
        ours.pointee.methods.xFileSize = { file, size in LogGathering.settled(file) { $0.xFileSize(file, size) } }
        file.pointee.pMethods = UnsafeRawPointer(ours).assumingMemoryBound(to: sqlite3_io_methods.self)
        return ours
    }

    static func free(_ ours: UnsafeMutablePointer<Methods>) {
        ours.pointee.bytes.deallocate()
        ours.deallocate()
    }

    private static func state(of file: UnsafeMutablePointer<sqlite3_file>) -> UnsafeMutablePointer<Methods> {
        UnsafeMutablePointer(mutating: UnsafeRawPointer(file.pointee.pMethods!).assumingMemoryBound(to: Methods.self))
    }

    private static func write(
        _ file: UnsafeMutablePointer<sqlite3_file>, _ bytes: UnsafeRawBufferPointer, at offset: sqlite3_int64
    ) -> Int32 {
        let state = state(of: file)
        let follows = offset == state.pointee.offset + sqlite3_int64(state.pointee.count)
        if !follows || state.pointee.count + bytes.count > capacityBytes {
            let code = flush(file)
            guard code == SQLITE_OK else { return code }
            state.pointee.offset = offset
        }
        guard bytes.count <= capacityBytes else {
            return state.pointee.original.pointee.xWrite(file, bytes.baseAddress, Int32(bytes.count), offset)
        }
        (state.pointee.bytes + state.pointee.count).copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
        state.pointee.count += bytes.count
        return SQLITE_OK
    }

    /// Writes what has gathered. After a failure it is gone: SQLite hears of it and writes that place again.
    private static func flush(_ file: UnsafeMutablePointer<sqlite3_file>) -> Int32 {
        let state = state(of: file)
        guard state.pointee.count > 0 else { return SQLITE_OK }
        defer { state.pointee.count = 0 }
        return state.pointee.original.pointee.xWrite(
            file, state.pointee.bytes, Int32(state.pointee.count), state.pointee.offset)
    }

    /// Does what wants the file as SQLite believes it to be.
    private static func settled(
        _ file: UnsafeMutablePointer<sqlite3_file>?, _ body: (sqlite3_io_methods) -> Int32
    ) -> Int32 {
        guard let file else { return SQLITE_IOERR }
        let code = flush(file)
        return code == SQLITE_OK ? body(state(of: file).pointee.original.pointee) : code
    }
}
