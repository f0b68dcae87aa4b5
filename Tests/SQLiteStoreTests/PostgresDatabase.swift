// What only an engine behind a connection must answer for: who may write, and what becomes of a batch whose end nobody heard.

import Messages
import PostgresStore
import Primitives
import SQLiteStore
import Simulation
import Storage
import Testing

private let temporary = StorePolicy(isArchive: false)
private let now = Stamp(microseconds: 1_767_225_600_000_000)

private func message(_ name: String, to owner: UserID = ana) -> StoreRequest {
    .append(Append(owner: owner, kind: .message, author: ben, chat: ben, id: id(name), after: nil, body: Array(name.utf8)))
}

private func numbers(_ answers: [StoreAnswer]) -> [UInt64] {
    answers.map { if case .appended(let answer) = $0 { answer.number } else { 0 } }
}

@Suite("A database", .enabled(if: TestDatabase.url != nil, "FANTAIL_POSTGRES_URL names no server"))
struct PostgresDatabase {
    @Test("An older process of a partition writes nothing after a newer one has come, and says why")
    func fencing() throws {
        let database = TestDatabase()
        defer { database.drop() }
        let old = try database.open(temporary)
        #expect(numbers(try old.apply([message("m1")], stamp: now)) == [1])
        let new = try database.open(temporary)
        #expect(throws: StoreFailure.self) { try old.apply([message("m2")], stamp: now) }
        #expect(old.counts.isFenced)
        #expect(throws: StoreFailure.self) { try old.apply([.readHead(ReadHead(owner: ana))], stamp: now) }
        #expect(numbers(try new.apply([message("m3")], stamp: now)) == [2])
        #expect(try database.run("SELECT count(*) FROM entries") == [["2"]])
    }

    @Test("Processes of other partitions go on, unless they spread the owners in another way")
    func layouts() throws {
        let database = TestDatabase()
        defer { database.drop() }
        let first = try database.open(temporary, partition: "p1", layout: "p1 p2") { $0 == ana }
        let second = try database.open(temporary, partition: "p2", layout: "p1 p2") { $0 != ana }
        #expect(numbers(try first.apply([message("m1")], stamp: now)) == [1])
        #expect(numbers(try second.apply([message("m1", to: cleo)], stamp: now)) == [1])
        let third = try database.open(temporary, partition: "p3", layout: "p1 p2 p3") { _ in false }
        #expect(throws: StoreFailure.self) { try first.apply([message("m2")], stamp: now) }
        #expect(throws: StoreFailure.self) { try second.apply([message("m2", to: cleo)], stamp: now) }
        _ = try third.apply([.probe], stamp: now)
    }

    @Test("A partition sweeps its own owners only")
    func sweeping() throws {
        let database = TestDatabase()
        defer { database.drop() }
        let first = try database.open(temporary, partition: "p1", layout: "p1 p2") { $0 == ana }
        let second = try database.open(temporary, partition: "p2", layout: "p1 p2") { $0 != ana }
        _ = try first.apply([message("m1")], stamp: now)
        _ = try second.apply([message("m1", to: cleo)], stamp: now)
        let later = now + day * 40
        let swept = try first.apply([.sweep(Sweep(position: .start, limit: 100))], stamp: later)
        guard case .swept(let swept) = swept[0] else {
            Issue.record("no sweep")
            return
        }
        #expect(swept.expired.map(\.owner) == [ana])
    }

    @Test("A connection that is cut between batches costs nothing but a reconnect")
    func cut() throws {
        let database = TestDatabase()
        defer { database.drop() }
        let store = try database.open(temporary)
        _ = try store.apply([message("m1")], stamp: now)
        for number in 2...4 {
            try database.cut()
            #expect(numbers(try store.apply([message("m\(number)")], stamp: now)) == [UInt64(number)])
        }
        #expect(store.counts.isConnected)
        #expect(store.counts.reconnectCount == 3)
    }

    @Test("A batch that had happened although nobody heard of it is found, not stored twice")
    func unknownCommit() throws {
        let database = TestDatabase()
        defer { database.drop() }
        let store = try database.open(temporary)
        _ = try store.apply([message("m1")], stamp: now)
        // Done behind its back, as by a former connection whose answer was lost; what the process remembers is older.
        let other = try database.open(temporary)
        _ = try other.apply([message("m2")], stamp: now)
        other.close()
        let again = try database.open(temporary)
        let answers = try again.apply([message("m1"), message("m2"), message("m3")], stamp: now + .seconds(1))
        #expect(numbers(answers) == [1, 2, 3])
        #expect(again.counts.repeatedCount == 1)
        #expect(try database.run("SELECT count(*) FROM entries") == [["3"]])
    }

    @Test("A database that cannot be reached is told at once after the first patience")
    func unreachable() throws {
        #expect(throws: PostgresOpenFailure.self) {
            try PostgresStore(
                url: "postgresql://fantail@127.0.0.1:9/fantail", passwordFile: nil, policy: temporary,
                share: .init(partition: "p1", layout: "p1") { _ in true }, holder: "h")
        }
    }

    @Test("A file's content is the database's content once it was written there")
    func migration() throws {
        let directory = try Directory()
        let source = try SQLiteStore(path: directory.path, policy: temporary)
        var dice = RequestDice(seed: 7, now: now, sweepsWholeRounds: false)
        for _ in 0..<400 {
            let requests = dice.batch()
            dice.learn(from: try source.apply(requests, stamp: dice.now), to: requests)
        }
        source.close()
        let database = TestDatabase()
        defer { database.drop() }
        let file = try SQLiteContent(path: directory.path)
        defer { file.close() }
        let target = try PostgresContent(url: TestDatabase.url!, passwordFile: TestDatabase.passwordFile, isArchive: false, schema: database.schema)
        #expect(try target.isEmpty())
        try target.transaction { () throws(StoreFailure) in
            for table in StoreTable.allCases {
                var rows: [[StoreValue]] = []
                try file.read(table) { row throws(StoreFailure) in rows.append(row) }
                try target.write(table, rows)
            }
        }
        let sum = try ContentSum(of: file)
        #expect(try ContentSum(of: target) == sum)
        #expect(sum.tables.allSatisfy { $0.rowCount > 0 })
        #expect(try !target.isEmpty())
        // And it goes on from there.
        let opened = try database.open(temporary)
        guard case .inboxHead(let head) = try opened.apply([.readHead(ReadHead(owner: ana))], stamp: now)[0] else {
            Issue.record("no head")
            return
        }
        #expect(head.head > 0)
    }
}
