// Files, written so that a crash at any instant leaves the old or the new one.

import FantailCLI
import Glibc

enum Files {
    /// Everything in a file; nil when there is none.
    /// - Parameter limit: bytes; a larger file gives its last `limit` bytes.
    static func read(_ path: String, limit: Int = 4 * 1024 * 1024) throws(CommandFailure) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0 {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw .failure("cannot read \(path): \(System.lastError)")
        }
        defer { close(descriptor) }
        let size = lseek(descriptor, 0, SEEK_END)
        lseek(descriptor, max(0, size - limit), SEEK_SET)
        var bytes: [UInt8] = []
        while bytes.count < limit {
            guard let chunk = System.read(descriptor) else { continue }
            if chunk.isEmpty { break }
            bytes += chunk
        }
        return bytes
    }

    /// Replaces a file as a whole: a new one is written and synced beside it and takes its name.
    static func replace(_ path: String, with bytes: [UInt8], mode: mode_t = 0o600) throws(CommandFailure) {
        let new = path + ".new"
        unlink(new)
        let descriptor = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw .failure("cannot write \(new): \(System.lastError)") }
        defer { close(descriptor) }
        try append(bytes, to: descriptor, path: new)
        guard rename(new, path) == 0 else { throw .failure("cannot replace \(path): \(System.lastError)") }
        syncFolder(of: path)
    }

    /// Makes a file that was not there, as a whole.
    /// - Throws: when there is one by now.
    static func create(_ path: String, with bytes: [UInt8], mode: mode_t = 0o644) throws(CommandFailure) {
        let new = "\(path).\(String(System.random64(), radix: 36)).part"
        let descriptor = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw .failure("cannot write \(new): \(System.lastError)") }
        defer {
            close(descriptor)
            unlink(new)
        }
        try append(bytes, to: descriptor, path: new)
        guard link(new, path) == 0 else { throw .failure("cannot make \(path): \(System.lastError)") }
        syncFolder(of: path)
    }

    /// Writes at the end of an open file; on return the bytes are on the disk.
    static func append(_ bytes: [UInt8], to descriptor: Int32, path: String) throws(CommandFailure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw .failure("cannot write \(path): \(System.lastError)")
            }
            rest = rest.dropFirst(count)
        }
        guard fsync(descriptor) == 0 else { throw .failure("cannot sync \(path): \(System.lastError)") }
    }

    /// Makes a folder and those above it.
    /// - Parameter ownedLikeParent: root gives each that it makes to the owner of the one above.
    static func makeFolder(_ path: String, mode: mode_t = 0o755, ownedLikeParent: Bool = false) throws(CommandFailure) {
        var made = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            let parent = made.isEmpty ? "." : made
            made += (made.isEmpty || made.hasSuffix("/") ? "" : "/") + part
            if mkdir(made, mode) == 0 {
                guard ownedLikeParent else { continue }
                let descriptor = open(made, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                guard descriptor >= 0 else { throw .failure("cannot open the folder \(made): \(System.lastError)") }
                defer { close(descriptor) }
                try give(descriptor, made, toOwnerOf: parent)
            } else if errno != EEXIST {
                throw .failure("cannot make the folder \(made): \(System.lastError)")
            }
        }
    }

    /// What root makes for a service, the service must be able to open: gives an open file the owner and group of another path.
    /// Whoever is not root owns what she makes, and nothing is done.
    static func give(_ descriptor: Int32, _ path: String, toOwnerOf other: String) throws(CommandFailure) {
        guard geteuid() == 0 else { return }
        var status = stat()
        guard stat(other, &status) == 0, fchown(descriptor, status.st_uid, status.st_gid) == 0 else {
            throw .failure("cannot give \(path) the owner of \(other): \(System.lastError)")
        }
    }

    static func exists(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }

    static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    static func syncFolder(of path: String) {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let descriptor = open(folder.isEmpty ? "/" : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }
}
