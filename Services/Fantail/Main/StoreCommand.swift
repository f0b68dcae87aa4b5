// fantail store: copies of the store, and whether they are good.
//
// A running persistence process makes the copy itself, beside its file, between its batches; a stopped one's file is read
// here. Either way this tool then packs it into its place, looks through all of it and says what it holds. Nothing that is
// there is ever overwritten.

import Cluster
import FantailCLI
import SQLiteStore
import Storage

enum StoreCommand {
    static let spec = CommandSpec(
        "store", "Back up, restore, check, compare or move the stores of persistence nodes",
        synopsis: "backup TO | restore FROM | check FILE | compare A B | migrate [OPTIONS]",
        options: [
            OptionSpec("node", "NAME", "whose store to back up or restore; may be left out when there is one persistence node"),
            OptionSpec("data", "DIR", "the folder that the node was given with --data; default HOME"),
        ],
        notes: [
            "backup goes on while the node runs and answers; run it on the node's machine. The copy holds all that was acknowledged",
            "before backup began. Of a node in a container, --data is its volume as it is called on this machine. restore puts a copy",
            "where the node's file belongs; the node must be stopped, and no file be there. Restored by root, the file gets the owner",
            "of its folder.",
            "migrate copies the files of all persistence nodes into the empty database that the cluster file names, and compares; the",
            "cluster must be stopped, and all files be on this machine. The files stay as they are.",
            "check reads a file from end to end; compare tells in which tables two files differ (status 1), whatever their pages.",
        ])

    static func run(_ arguments: Arguments) throws(CommandFailure) -> Int32 {
        let words = arguments.operands
        switch (words.first, words.count) {
        case ("backup", 2): try backup(to: words[1], arguments)
        case ("restore", 2): try restore(from: words[1], arguments)
        case ("check", 2): StoreFiles.show(try StoreFiles.checked(words[1]))
        case ("compare", 3): return try compare(words[1], words[2])
        case ("migrate", 1): try StoreMigration(arguments).run()
        default: throw .usage("say fantail store backup TO, restore FROM, check FILE, compare A B or migrate")
        }
        return 0
    }

    // MARK: backup

    private static func backup(to target: String, _ arguments: Arguments) throws(CommandFailure) {
        let (node, file) = try place(arguments)
        guard !Files.exists(target) else { throw .failure("\(target) is there already; name a file that is not") }
        let (copy, isRunning) = try StoreFiles.copy(of: node, file: file)
        defer { if isRunning { StoreFiles.remove(copy) } }
        try StoreFiles.pack(copy, into: target)
        System.print("wrote \(target)")
    }

    // MARK: restore

    private static func restore(from source: String, _ arguments: Arguments) throws(CommandFailure) {
        let (node, file) = try place(arguments)
        if case .success = AdminPoll.get("/healthz", from: [node.admin], timeoutMs: 1_000)[0] {
            throw .failure("\(node.name) runs; stop the cluster first")
        }
        // A log belongs to its file: beside another one it would be taken for that one's. An empty one is what readers leave.
        for path in [file, "\(file)-wal"] {
            guard let bytes = try Files.read(path, limit: 1), path == file || !bytes.isEmpty else { continue }
            throw .failure("\(path) is there; a restore overwrites nothing: move it away first")
        }
        let folder = StoreFiles.folder(of: file)
        try Files.makeFolder(folder, mode: 0o700, ownedLikeParent: true)
        try StoreFiles.pack(source, into: file, ownedLike: folder)
        System.print("restored \(node.name) to \(file)")
    }

    // MARK: compare

    private static func compare(_ first: String, _ second: String) throws(CommandFailure) -> Int32 {
        let sums = (try StoreFiles.checked(first), try StoreFiles.checked(second))
        let differences = sums.0.differences(from: sums.1)
        guard !differences.isEmpty else {
            System.print("the same: \(sums.0.tables.reduce(0) { $0 + $1.rowCount }) rows in \(sums.0.tables.count) tables")
            return 0
        }
        for table in differences {
            let (mine, other) = (sums.0.tables[Int(table.rawValue) - 1], sums.1.tables[Int(table.rawValue) - 1])
            System.print("\(table.name) differ: \(mine.rowCount) rows \(mine.digest), \(other.rowCount) rows \(other.digest)")
        }
        return 1
    }

    // MARK: Pieces

    /// The node that is meant, and where its file is.
    private static func place(_ arguments: Arguments) throws(CommandFailure) -> (Node, String) {
        let places = Places(arguments)
        let nodes = try places.cluster().nodes(of: .persistence)
        let node: Node
        if let name = arguments.value("node") {
            guard let named = nodes.first(where: { $0.name == name }) else {
                throw .failure("there is no persistence node \(Printable.line(name)); there are: \(nodes.map(\.name).joined(separator: ", "))")
            }
            node = named
        } else {
            guard nodes.count == 1 else {
                throw .usage("which of \(nodes.map(\.name).joined(separator: ", "))? each has a store of its own: add --node NAME")
            }
            node = nodes[0]
        }
        return (node, "\(arguments.value("data") ?? places.home)/persistence/\(node.name).db")
    }
}
