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
            return (try wait(for: node), true)
        case .failure(let failure):
            guard Files.exists(file) else {
                throw .failure("\(node.name) does not answer (\(failure.sentence)), and there is no \(file) here; run this on its machine, with its --data")
            }
            return (file, false)
        }
    }

    private static func wait(for node: Node) throws(CommandFailure) -> String {
        var left = ""
        var movedAt = System.now().instant
        while true {
            guard case .success(let page) = AdminPoll.get("/backup", from: [node.admin], timeoutMs: 5_000)[0], page.status == 200
            else { throw .failure("\(node.name) stopped answering while it made the copy; try again") }
            switch BackupReport(page) {
            case .done(let path):
                guard Files.exists(path) else {
                    throw .failure("\(node.name) made its copy at \(Printable.line(path)), which is not on this machine; run this there")
                }
                return path
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

    /// Writes what a file holds into a new one, checks that, and only then gives it its name.
    static func pack(_ source: String, into target: String) throws(CommandFailure) {
        guard Files.exists(source) else { throw .failure("there is no \(source)") }
        let part = "\(target).\(String(System.random64(), radix: 36)).part"
        defer { remove(part) }
        let content = try open(source)
        defer { content.close() }
        do throws(StoreFailure) { try content.pack(into: part) } catch { throw failure(error, while: "writing \(part)") }
        let packed = try checked(part)
        let original = try sum(content, path: source)
        guard packed == original else { throw .failure("the copy does not hold what \(source) does; nothing was kept") }
        let descriptor = Glibc.open(part, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0, fchmod(descriptor, 0o600) == 0, fsync(descriptor) == 0 else {
            throw .failure("cannot sync \(part): \(System.lastError)")
        }
        Glibc.close(descriptor)
        guard link(part, target) == 0 else { throw .failure("cannot make \(target): \(System.lastError)") }
        Files.syncFolder(of: target)
        show(packed)
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
