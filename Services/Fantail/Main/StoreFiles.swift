// Files of the embedded store, as `fantail store` handles them: copied, packed, checked, and never half there.

import Cluster
import FantailCLI
import Glibc
import Primitives
import SQLiteStore
import Storage

enum StoreFiles {
    /// Longest time without a step of the copy before we stop waiting. A step is a millisecond; a disk may stand still.
    private static let stallSecondsMax: Int64 = 60
    /// Between two looks at the copy, milliseconds: more often would be load, less often only later.
    private static let lookMs: Int32 = 50

    /// A copy of the store to read from: of a node that runs, one that it makes now; of one that does not, its file itself.
    static func copy(of node: Node, file: String) throws(CommandFailure) -> (path: String, isRunning: Bool) {
        switch AdminPoll.get("/backup", from: [node.admin], timeoutMs: 5_000, isChange: true)[0] {
        case .success(let page):
            guard page.status == 200 else { throw .failure("\(node.name): \(page.sentence)") }
            do throws(CommandFailure) {
                return (try wait(for: node, file: file), true)
            } catch {
                remove(copyPath(of: file))
                throw error
            }
        case .failure(let failure):
            guard Files.exists(file) else {
                throw .failure("\(node.name) does not answer (\(failure.sentence)), and there is no \(file) here; run this on its machine, with its --data")
            }
            return (file, false)
        }
    }

    /// Where a process makes its copy: beside its file.
    private static func copyPath(of file: String) -> String { "\(file).backup" }

    private static func wait(for node: Node, file: String) throws(CommandFailure) -> String {
        var left = ""
        var movedAt = System.now().instant
        while true {
            guard case .success(let page) = AdminPoll.get("/backup", from: [node.admin], timeoutMs: 5_000)[0], page.status == 200
            else { throw .failure("\(node.name) stopped answering while it made the copy; try again") }
            switch BackupReport(page) {
            case .done(let path):
                // Whoever has the port may say anything, and what is copied is removed afterwards.
                guard path.hasSuffix("/\(copyPath(of: "\(node.name).db"))") else {
                    throw .failure("\(node.name) says that it made its copy at \(Printable.line(path)), where no persistence node makes one")
                }
                // In a container the folder has another path than here.
                guard let found = [path, copyPath(of: file)].first(where: Files.exists) else {
                    throw .failure(
                        "\(node.name) made its copy at \(Printable.line(path)), which is not on this machine, and \(folder(of: file)) has none either; "
                            + "run this on its machine, with --data naming its folder as it is called there")
                }
                return found
            case .running(let now):
                if now != left { (left, movedAt) = (now, System.now().instant) }
                guard System.now().instant - movedAt < .seconds(stallSecondsMax) else {
                    throw .failure("the copy has not moved for \(stallSecondsMax) s; look at the disk of \(node.name)")
                }
                _ = poll(nil, 0, lookMs)
            case .failed(let why): throw .failure("\(node.name) could not make the copy: \(why)")
            }
        }
    }

    /// Writes what a file holds into a new one, checks that, and only then gives it its name. It is for its owner only from the beginning.
    /// - Parameter owner: a file or folder whose owner and group it gets, when root makes it; nil: it is ours.
    static func pack(_ source: String, into target: String, ownedLike owner: String? = nil) throws(CommandFailure) {
        guard Files.exists(source) else { throw .failure("there is no \(source)") }
        let part = "\(target).\(String(System.random64(), radix: 36)).part"
        defer { remove(part) }
        let descriptor = Glibc.open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .failure("cannot write \(part): \(System.lastError)") }
        close(descriptor)
        let content = try open(source)
        defer { content.close() }
        do throws(StoreFailure) { try content.pack(into: part) } catch { throw failure(error, while: "writing \(part)") }
        let packed = try checked(part)
        let original = try sum(content, path: source)
        guard packed == original else { throw .failure("the copy does not hold what \(source) does; nothing was kept") }
        try sync(part, ownedLike: owner)
        guard link(part, target) == 0 else { throw .failure("cannot make \(target): \(System.lastError)") }
        Files.syncFolder(of: target)
        show(packed)
    }

    private static func sync(_ path: String, ownedLike owner: String?) throws(CommandFailure) {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .failure("cannot sync \(path): \(System.lastError)") }
        defer { close(descriptor) }
        if let owner { try Files.give(descriptor, path, toOwnerOf: owner) }
        guard fsync(descriptor) == 0 else { throw .failure("cannot sync \(path): \(System.lastError)") }
    }

    /// Looks through a file from end to end.
    static func checked(_ path: String) throws(CommandFailure) -> ContentSum {
        guard Files.exists(path) else { throw .failure("there is no \(path)") }
        let content = try open(path)
        defer { content.close() }
        let damages = content.damages()
        guard damages.isEmpty else { throw .failure("\(path) is damaged: \(damages.prefix(3).joined(separator: "; "))") }
        return try sum(content, path: path)
    }

    static func show(_ sum: ContentSum) {
        var table = TextTable(["TABLE", "ROWS", "DIGEST"], rightAligned: [1])
        for (name, sum) in zip(StoreTable.allCases.map(\.name), sum.tables) {
            table.add([Span(name), Span("\(sum.rowCount)"), Span(sum.digest)])
        }
        System.print(table.lines)
    }

    static func folder(of path: String) -> String { path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "." }

    static func remove(_ path: String) {
        for suffix in ["", "-journal", "-wal", "-shm"] { unlink(path + suffix) }
    }

    static func open(_ path: String) throws(CommandFailure) -> SQLiteContent {
        do throws(StoreOpenFailure) { return try SQLiteContent(path: path) } catch { throw .failure("\(error)") }
    }

    static func sum(_ content: SQLiteContent, path: String) throws(CommandFailure) -> ContentSum {
        do throws(StoreFailure) { return try ContentSum(of: content) } catch { throw failure(error, while: "reading \(path)") }
    }

    static func failure(_ error: StoreFailure, while doing: String) -> CommandFailure {
        switch error {
        case .full: .failure("the disk is full (\(doing)); nothing was kept")
        case .broken(let text): .failure("\(text) (\(doing))")
        }
    }
}
