// The system calls about files of media. What goes wrong is a value; nothing here decides.

import CLinux
import Glibc
import Media
import Primitives
import Storage

struct Folder {
    enum Append {
        case done
        case misplaced
        case full
        case failed(String)
    }

    private let path: String
    /// One read while a hash is made, bytes.
    private static let pieceBytes = 1024 * 1024

    init(_ path: String) throws(StoreFailure) {
        self.path = path
        for name in ["uploads", "files"] {
            guard mkdir("\(path)/\(name)", 0o700) == 0 || errno == EEXIST else {
                throw .broken("cannot make \(path)/\(name): \(Self.reason)")
            }
        }
        guard Self.sync(folder: path) else { throw .broken("cannot sync \(path): \(Self.reason)") }
    }

    private func uploadPath(_ id: String) -> String {
        precondition(HexName.accepts(id, count: MediaLimits.idDigitCount))
        return "\(path)/uploads/\(id)"
    }

    private func filePath(_ hash: String) -> (folder: String, file: String) {
        precondition(HexName.accepts(hash, count: MediaLimits.hashDigitCount))
        let folder = "\(path)/files/\(hash.prefix(2))"
        return (folder, "\(folder)/\(hash)")
    }

    /// Bytes that the file system still gives us.
    var freeBytes: UInt64 {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return 0 }
        let (bytes, isHuge) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
        return isHuge ? .max : bytes
    }

    // MARK: Uploads

    /// Uploads of which something has come in.
    /// - Complexity: O(uploads): for the start only.
    var uploadIDs: [String] {
        guard let listing = opendir("\(path)/uploads") else { return [] }
        defer { closedir(listing) }
        var ids: [String] = []
        while let entry = readdir(listing) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if HexName.accepts(name, count: MediaLimits.idDigitCount) { ids.append(name) }
        }
        return ids
    }

    /// 0 when nothing has come in.
    func uploadSize(_ id: String) -> UInt64 {
        var status = stat()
        return stat(uploadPath(id), &status) == 0 ? UInt64(clamping: status.st_size) : 0
    }

    /// All of the bytes, or none.
    func append(_ id: String, _ offset: UInt64, _ bytes: [UInt8]) -> Append {
        let file = fantail_open_to_write(uploadPath(id))
        guard file >= 0 else { return Self.failure }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { return Self.failure }
        guard UInt64(clamping: status.st_size) == offset else { return .misplaced }
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                pwrite(file, $0.baseAddress! + written, bytes.count - written, off_t(offset) + off_t(written))
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                let failure = Self.failure
                _ = ftruncate(file, off_t(offset))
                return failure
            }
            written += count
        }
        return .done
    }

    /// A piece of what has come in; nil when it cannot be read.
    func readUpload(_ id: String, from offset: UInt64) -> ArraySlice<UInt8>? {
        let file = fantail_open_to_read(uploadPath(id))
        guard file >= 0 else { return nil }
        defer { close(file) }
        var piece = [UInt8](repeating: 0, count: Self.pieceBytes)
        while true {
            let count = pread(file, &piece, piece.count, off_t(offset))
            if count < 0 && errno == EINTR { continue }
            return count > 0 ? piece[..<count] : nil
        }
    }

    /// Syncs an upload and puts it where files are, or drops it when the file is there. Durable when it returns.
    /// - Returns: nil, or what went wrong; then the upload is as it was, or gone where a sync has failed: a second one would
    ///   be told that all is well.
    func place(_ id: String, hash: String) -> MediaOutcome.Result? {
        let (folder, file) = filePath(hash)
        if access(file, F_OK) == 0 {
            // Whoever put it there may have ended before the folder was synced.
            guard Self.sync(folder: folder) else { return Self.result }
            removeUpload(id)
            return nil
        }
        if mkdir(folder, 0o700) == 0 {
            guard Self.sync(folder: "\(path)/files") else { return Self.result }
        } else if errno != EEXIST {
            return Self.result
        }
        guard Self.sync(file: uploadPath(id)) else {
            let why = Self.result
            removeUpload(id)
            return why
        }
        guard rename(uploadPath(id), file) == 0, Self.sync(folder: folder) else { return Self.result }
        return nil
    }

    func removeUpload(_ id: String) { unlink(uploadPath(id)) }

    // MARK: Files

    func openFile(_ hash: String) -> FileHandle? {
        let file = fantail_open_to_read(filePath(hash).file)
        return file >= 0 ? FileHandle(rawValue: file) : nil
    }

    func hasFile(_ hash: String) -> Bool { access(filePath(hash).file, F_OK) == 0 }

    func removeFile(_ hash: String) { unlink(filePath(hash).file) }

    // MARK: Inside

    private static func sync(file path: String) -> Bool {
        let file = fantail_open_to_read(path)
        guard file >= 0 else { return false }
        defer { close(file) }
        return fsync(file) == 0
    }

    private static func sync(folder path: String) -> Bool { sync(file: path) }

    private static var reason: String { String(cString: strerror(errno)) }

    /// What a file system that takes no more says, in its several ways.
    private static var isFull: Bool { [ENOSPC, EDQUOT, EROFS].contains(errno) }

    private static var failure: Append { isFull ? .full : .failed(reason) }
    private static var result: MediaOutcome.Result { isFull ? .full : .broken(reason) }
}
