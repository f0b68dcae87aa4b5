// What secure_delete forgets to erase, and how it is erased all the same.
//
// `PRAGMA secure_delete` overwrites what is deleted. But when SQLite splits or merges pages, it writes the cells of a page
// anew from the end, and what stood in the free middle before stays there: copies of texts that moved to a neighbour, which
// no later deletion finds. (Measured: with 300-byte texts in 17 interleaved inboxes some survive; the test of erasure fails
// without this file.)
//
// So every page on its way into the main file gets zeros in its free middle. That is the one function through which all
// such writes go: the `xWrite` of the file's methods, which SQLite lets us reach and which we put ours in front of. The log
// keeps the copies until it is emptied (`SQLiteStore.checkpoint`); it has check sums and is left alone.
//
// The hard corner: the page must be a B-tree page, and only its first byte says so (2, 5, 10 or 13). Overflow and free-list
// pages begin with a page number, high byte first, which is 0 or 1 as long as the file has less than 2^25 pages. Temporary
// stores are bound to that, 128 GiB of undelivered messages; archives keep everything and need none of this.
// Source: https://www.sqlite.org/fileformat2.html, "B-tree Pages" and "Cell Payload Overflow Pages".

import CSQLite

enum Erasure {
    /// The largest file, pages, in which the first byte tells B-tree pages from all others.
    static let pageCountMax: Int64 = 1 << 25 - 1

    /// SQLite's methods with our `xWrite`; SQLite sees only the first field.
    struct Methods {
        var methods: sqlite3_io_methods
        let original: UnsafePointer<sqlite3_io_methods>
    }

    /// Puts our `xWrite` in front of that of the main file, until the file is closed.
    /// - Returns: memory to be freed after `sqlite3_close`.
    static func install(on database: OpaquePointer) throws(SQLiteError) -> UnsafeMutablePointer<Methods> {
        var file: UnsafeMutablePointer<sqlite3_file>?
        let code = sqlite3_file_control(database, "main", SQLITE_FCNTL_FILE_POINTER, &file)
        guard code == SQLITE_OK, let file, let original = file.pointee.pMethods else {
            throw SQLiteError(code: SQLITE_CANTOPEN, message: "SQLite does not give its file away (\(code))")
        }
        precondition(MemoryLayout<Methods>.offset(of: \.methods) == 0)
        let ours = UnsafeMutablePointer<Methods>.allocate(capacity: 1)
        ours.initialize(to: Methods(methods: original.pointee, original: original))
        ours.pointee.methods.xWrite = { file, bytes, count, offset in
            guard let file, let bytes else { return SQLITE_IOERR }
            let original = UnsafeRawPointer(file.pointee.pMethods!).assumingMemoryBound(to: Methods.self).pointee.original
            let page = UnsafeRawBufferPointer(start: bytes, count: Int(count))
            guard let gap = Erasure.gap(in: page, isFirst: offset == 0) else {
                return original.pointee.xWrite(file, bytes, count, offset)
            }
            return withUnsafeTemporaryAllocation(byteCount: page.count, alignment: 8) { copy in
                copy.copyMemory(from: page)
                for index in gap { copy[index] = 0 }
                return original.pointee.xWrite(file, copy.baseAddress, count, offset)
            }
        }
        file.pointee.pMethods = UnsafeRawPointer(ours).assumingMemoryBound(to: sqlite3_io_methods.self)
        return ours
    }

    /// The unused bytes between a B-tree page's list of cells and its cells; nil for all other pages and for full ones.
    static func gap(in page: UnsafeRawBufferPointer, isFirst: Bool) -> Range<Int>? {
        guard page.count >= 512, page.count.nonzeroBitCount == 1 else { return nil }
        // The first page begins with the file's header.
        let header = isFirst ? 100 : 0
        let headerBytes: Int
        switch page[header] {
        case 2, 5: headerBytes = 12  // inner pages
        case 10, 13: headerBytes = 8  // leaves
        default: return nil
        }
        func number(at offset: Int) -> Int { Int(page[offset]) << 8 | Int(page[offset + 1]) }
        let start = header + headerBytes + 2 * number(at: header + 3)
        let content = number(at: header + 5)
        let end = content == 0 ? 65_536 : content
        guard start < end, end <= page.count else { return nil }
        return start..<end
    }
}
