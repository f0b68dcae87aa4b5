// fantail store migrate: from the files of the embedded engine to a PostgreSQL database.
//
// Everything is written in one transaction, read again in it, and committed only when both sides have the same rows. So it is
// there as a whole or not at all, and a move that was cut off is simply begun again.

import Cluster
import FantailCLI
import SQLiteStore
import Storage

#if !WITHOUT_POSTGRES
import PostgresStore

struct StoreMigration {
    /// Rows, and bytes of them, in one statement: enough to make a round trip cheap, and nothing to the memory of either side.
    private static let rowCountMax = 1_000
    private static let rowBytesMax = 4 * 1024 * 1024

    private let map: ClusterMap
    private let data: String

    init(_ arguments: Arguments) throws(CommandFailure) {
        let places = Places(arguments)
        map = try places.cluster()
        data = arguments.value("data") ?? places.home
    }

    func run() throws(CommandFailure) {
        guard let url = map.database else {
            throw .failure("the cluster file names no database: add the line database postgresql://USER@HOST:PORT/NAME first")
        }
        let nodes = map.nodes(of: .persistence)
        for (node, answer) in zip(nodes, AdminPoll.get("/healthz", from: nodes.map(\.admin), timeoutMs: 1_000)) {
            if case .success = answer { throw .failure("\(node.name) runs; stop the cluster first") }
        }
        let files = nodes.map { "\(data)/persistence/\($0.name).db" }
        for file in files where !Files.exists(file) { throw .failure("there is no \(file); bring the files of all persistence nodes together here, or name their folder with --data") }
        let password = "\(data)/secrets/postgres.pass"
        let target: PostgresContent
        do throws(PostgresOpenFailure) {
            target = try PostgresContent(
                url: url.description, passwordFile: Files.exists(password) ? password : nil, isArchive: map.storageMode == .archive)
        } catch {
            throw .failure("\(error)")
        }
        let sum = try move(files, to: target)
        StoreFiles.show(sum)
        System.print("moved \(files.count) \(files.count == 1 ? "file" : "files") to the database; they hold the same. Keep the files until you trust it")
    }

    private func move(_ files: [String], to target: PostgresContent) throws(CommandFailure) -> ContentSum {
        do throws(StoreFailure) {
            guard try target.isEmpty() else {
                throw StoreFailure.broken("the database holds messages already; name an empty one, or drop its schema fantail if it is a leftover")
            }
        } catch {
            throw StoreFiles.failure(error, while: "looking at the database")
        }
        var sum = ContentSum()
        var contents: [SQLiteContent] = []
        defer { for content in contents { content.close() } }
        for file in files {
            let content = try StoreFiles.open(file)
            contents.append(content)
            let damages = content.damages()
            guard damages.isEmpty else { throw .failure("\(file) is damaged: \(damages.prefix(3).joined(separator: "; "))") }
            sum = sum + (try StoreFiles.sum(content, path: file))
        }
        do throws(StoreFailure) {
            try target.transaction { () throws(StoreFailure) in
                for content in contents {
                    for table in StoreTable.allCases { try Self.copy(table, from: content, to: target) }
                }
                let there = try ContentSum(of: target)
                let differences = there.differences(from: sum)
                guard differences.isEmpty else {
                    throw StoreFailure.broken("the database does not hold what the files do (\(differences.map(\.name).joined(separator: ", "))); nothing was kept")
                }
            }
        } catch {
            throw StoreFiles.failure(error, while: "moving; nothing was kept")
        }
        return sum
    }

    private static func copy(_ table: StoreTable, from source: SQLiteContent, to target: PostgresContent) throws(StoreFailure) {
        var rows: [[StoreValue]] = []
        var bytes = 0
        try source.read(table) { row throws(StoreFailure) in
            rows.append(row)
            for case .bytes(let value) in row { bytes += value.count }
            guard rows.count >= rowCountMax || bytes >= rowBytesMax else { return }
            try target.write(table, rows)
            rows.removeAll(keepingCapacity: true)
            bytes = 0
        }
        try target.write(table, rows)
    }
}
#else
struct StoreMigration {
    init(_ arguments: Arguments) {}

    func run() throws(CommandFailure) {
        throw .failure("this fantail was built without PostgreSQL, as the one of the image is; use one that swift build -c release --product fantail makes")
    }
}
#endif
