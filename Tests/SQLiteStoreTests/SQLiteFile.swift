// What only an engine with a file must answer for: whose file it is, what is left in it, and what happens when it is full.

import CSQLite
import Foundation
import Messages
import Primitives
import SQLiteStore
import Simulation
import Storage
import Testing

private let temporary = StorePolicy(isArchive: false)
private let now = Stamp(microseconds: 1_767_225_600_000_000)

/// Undoes the fifth migration.
let backToVersion4 = """
    DROP INDEX pending_groups;
    ALTER TABLE group_logs DROP COLUMN revision;
    ALTER TABLE group_logs DROP COLUMN told;
    CREATE INDEX pending_groups ON group_logs (name) WHERE fanned_out < head;
    PRAGMA user_version = 4;

    """

/// Undoes the fourth as well.
let backToVersion3 = backToVersion4 + "DROP TABLE settings; DROP TABLE last_seen; PRAGMA user_version = 3;\n"

/// Undoes the third as well.
let backToVersion2 = backToVersion3 + """
    DROP TABLE shared; DROP TABLE shared_counts; DROP TABLE group_places; DROP TABLE memberships; DROP TABLE group_logs;
    DROP TABLE group_entries; DROP TABLE group_members; DROP TABLE group_marks; DROP INDEX entries_by_id;
    ALTER TABLE entries DROP COLUMN group_number;
    CREATE UNIQUE INDEX entries_by_id ON entries (owner, author, kind, id);
    PRAGMA user_version = 2;

    """

private func message(_ number: Int, to owner: UserID = ana, body: [UInt8]) -> StoreRequest {
    .append(Append(owner: owner, kind: .message, author: ben, chat: ben, id: id("m\(number)"), after: nil, body: body))
}

@Suite("Opening a file")
struct SQLiteOpening {
    private func failure(_ directory: Directory) -> StoreOpenFailure? {
        do throws(StoreOpenFailure) {
            _ = try SQLiteStore(path: directory.path, policy: temporary)
            return nil
        } catch {
            return error
        }
    }

    /// A closed database with some messages.
    private func filled() throws -> Directory {
        let directory = try Directory()
        let store = try SQLiteStore(path: directory.path, policy: temporary)
        _ = try store.apply((1...300).map { message($0, body: Array(repeating: 65, count: 200)) }, stamp: now)
        store.close()
        return directory
    }

    @Test("A missing or empty file becomes a database with our mark and version")
    func newFile() throws {
        for makesFile in [false, true] {
            let directory = try Directory()
            if makesFile { try Data().write(to: URL(fileURLWithPath: directory.path)) }
            try SQLiteStore(path: directory.path, policy: temporary).close()
            let header = try directory.bytes()
            #expect(Array(header[60..<64]) == [0, 0, 0, 5])
            #expect(Array(header[68..<72]) == Array("FANT".utf8))
            #expect(try SQLiteStore.integrityCheck(path: directory.path).isEmpty)
        }
    }

    @Test("The log is gone after closing")
    func closing() throws {
        let directory = try filled()
        #expect(!FileManager.default.fileExists(atPath: directory.path + "-wal"))
    }

    @Test("A second process is refused while the first one lives")
    func secondOpener() throws {
        let directory = try filled()
        let store = try SQLiteStore(path: directory.path, policy: temporary)
        #expect(failure(directory) == .locked(path: directory.path))
        #expect(throws: StoreOpenFailure.locked(path: directory.path)) {
            try SQLiteStore.integrityCheck(path: directory.path)
        }
        _ = try store.apply([message(301, body: [1])], stamp: now)
        store.close()
        #expect(failure(directory) == nil)
    }

    @Test("A file of a newer release is refused and not changed")
    func newerVersion() throws {
        let directory = try filled()
        try directory.patch(at: 60, with: [0, 0, 0, 99])
        let before = try directory.bytes()
        #expect(failure(directory) == .newer(path: directory.path, found: 99, known: 5))
        #expect(try directory.bytes() == before)
    }

    @Test("A file of the first schema is brought up to date and goes on")
    func olderVersion() throws {
        let directory = try filled()
        var database: OpaquePointer?
        #expect(sqlite3_open(directory.path, &database) == SQLITE_OK)
        let back = backToVersion2 + "ALTER TABLE entries DROP COLUMN message_stamp; PRAGMA user_version = 1"
        #expect(sqlite3_exec(database, back, nil, nil, nil) == SQLITE_OK)
        sqlite3_close(database)

        let store = try SQLiteStore(path: directory.path, policy: temporary)
        let copy = Append(
            owner: ana, kind: .copy, author: ana, chat: ben, id: id("c1"), after: nil, body: [1],
            messageStamp: Stamp(microseconds: 7))
        let read = ReadInbox(owner: ana, after: 299, limit: 10, headersOnly: false)
        guard case .inboxPage(let page) = try store.apply([.append(copy), .readInbox(read)], stamp: now)[1] else {
            throw StoreFailure.broken("no page")
        }
        #expect(page.entries.map(\.id) == [id("m300"), id("c1")])
        #expect(page.entries.map(\.stamp) == [now + .microseconds(299), Stamp(microseconds: 7)])
        store.close()
        #expect(Array(try directory.bytes()[60..<64]) == [0, 0, 0, 5])
    }

    @Test("A refused file whose log was not merged keeps both as they are")
    func refusedWithLog() throws {
        let directory = try filled()
        var store: SQLiteStore? = try SQLiteStore(path: directory.path, policy: temporary)
        _ = try store!.apply([message(301, body: Array(repeating: 66, count: 200))], stamp: now)
        // What a killed process leaves: the copies are made while the log is not merged.
        let killed = try Directory()
        let logPath = killed.path + "-wal"
        try FileManager.default.copyItem(atPath: directory.path, toPath: killed.path)
        try FileManager.default.copyItem(atPath: directory.path + "-wal", toPath: logPath)
        store!.close()
        store = nil
        try killed.patch(at: 68, with: [1, 2, 3, 4])
        let before = (try killed.bytes(), try Data(contentsOf: URL(fileURLWithPath: logPath)))
        #expect(before.1.count > 0)
        #expect(failure(killed) != nil)
        #expect(try killed.bytes() == before.0)
        #expect(try Data(contentsOf: URL(fileURLWithPath: logPath)) == before.1)
    }

    @Test("A database of another program is refused and not changed", arguments: [[0, 0, 0, 0], [1, 2, 3, 4]] as [[UInt8]])
    func foreignDatabase(mark: [UInt8]) throws {
        let directory = try filled()
        try directory.patch(at: 68, with: mark)
        let before = try directory.bytes()
        #expect(failure(directory) == .foreign(path: directory.path))
        #expect(try directory.bytes() == before)
    }

    @Test("A file that is no database is refused as corrupt and not changed")
    func noDatabase() throws {
        let directory = try Directory()
        let text = Data(repeating: 0x61, count: 5_000)
        try text.write(to: URL(fileURLWithPath: directory.path))
        guard case .corrupt = failure(directory) else { return #expect(Bool(false), "it was opened") }
        #expect(try directory.bytes() == text)
    }

    @Test("A damaged page is found when the file is opened")
    func damagedPage() throws {
        let directory = try filled()
        let size = try directory.bytes().count
        #expect(size > 10 * 4096)
        // Every page after the first has a hole where its cells are listed.
        for page in 1..<size / 4096 { try directory.patch(at: page * 4096 + 8, with: Array(repeating: 0xFF, count: 64)) }
        guard case .corrupt = failure(directory) else { return #expect(Bool(false), "it was opened") }
        let problems = try SQLiteStore.integrityCheck(path: directory.path)
        #expect(!problems.isEmpty)
    }

    @Test("A path in a directory that does not exist cannot be opened")
    func missingDirectory() throws {
        let path = "/nonexistent/inbox.db"
        do throws(StoreOpenFailure) {
            _ = try SQLiteStore(path: path, policy: temporary)
            Issue.record("it was opened")
        } catch {
            guard case .cannotOpen(path, _) = error else { return #expect(Bool(false), "\(error)") }
        }
    }

    @Test("Every failure tells the operator what to do")
    func sentences() {
        let failures: [StoreOpenFailure] = [
            .corrupt(path: "/data/x.db", detail: "bad"), .newer(path: "/data/x.db", found: 2, known: 1),
            .foreign(path: "/data/x.db"), .locked(path: "/data/x.db"), .cannotOpen(path: "/data/x.db", detail: "no"),
        ]
        for failure in failures {
            #expect(failure.description.hasPrefix("/data/x.db "))
            #expect(!failure.description.contains("\n"))
            #expect(failure.description.count > 80)
        }
    }

    @Test("A closed store fails and does not crash")
    func afterClosing() throws {
        let directory = try Directory()
        let store = try SQLiteStore(path: directory.path, policy: temporary)
        store.close()
        store.close()
        try store.checkpoint()
        #expect(throws: StoreFailure.self) { try store.apply([.probe], stamp: now) }
    }

    @Test("An archive that becomes temporary loses, step by step, what every device has")
    func archiveBecomesTemporary() throws {
        let directory = try Directory()
        let archive = try SQLiteStore(path: directory.path, policy: StorePolicy(isArchive: true))
        _ = try archive.apply(
            [
                message(1, body: [1]), message(2, body: [2]),
                .openDevice(OpenDevice(owner: ana, device: phone, cursor: nil)),
                .storeCursor(StoreCursor(owner: ana, device: phone, number: 1)),
            ], stamp: now)
        archive.close()
        let store = try SQLiteStore(path: directory.path, policy: temporary)
        _ = try store.apply([.sweep(Sweep(position: .start, limit: 10))], stamp: now)
        store.close()
        let again = try SQLiteStore(path: directory.path, policy: StorePolicy(isArchive: true))
        let read = StoreRequest.readHistory(ReadHistory(owner: ana, chat: ben, before: nil, limit: 10))
        guard case .historyPage(let page) = try again.apply([read], stamp: now)[0] else {
            return #expect(Bool(false), "no page")
        }
        #expect(page.entries.map(\.number) == [2])
    }
}

@Suite("Temporary is temporary")
struct SQLiteErasure {
    /// Text that stands nowhere else; long ones repeat it to the end, so that every overflow page has it.
    private static let marker = Array("Quetzalcoatl".utf8)

    private static func body(_ number: Int, bytes: Int) -> [UInt8] {
        var body: [UInt8] = []
        while body.count < bytes { body += marker + Array("\(number) ".utf8) }
        return body
    }

    @Test(
        "No text is left in the file and its log after every device has it and the log was emptied",
        arguments: [40, 300, 1_500, 6_000, 60_000])
    func erased(bytes: Int) throws {
        let directory = try Directory()
        let store = try SQLiteStore(path: directory.path, policy: temporary)
        let owners = (1...17).map { UserID("owner\($0)")! }
        _ = try store.apply(
            owners.flatMap { owner in
                [phone, laptop].map { .openDevice(OpenDevice(owner: owner, device: $0, cursor: nil)) }
            }, stamp: now)
        // Interleaved inboxes, so that pages split and cells move, with acknowledgements that lag behind.
        let rounds = bytes > 1_500 ? 12 : 150
        for round in 1...rounds {
            try store.applyAll(owners.map { message(round, to: $0, body: Self.body(round, bytes: bytes)) })
            if round % 10 == 0 { try store.applyAll(owners.map { acknowledge(round - 5, on: phone, of: $0) }) }
            if round % 15 == 0 { try store.applyAll(owners.map { acknowledge(round - 7, on: laptop, of: $0) }) }
        }
        try store.checkpoint()
        #expect(try directory.bytes().range(of: Data(Self.marker)) != nil)

        try store.applyAll(owners.map { acknowledge(rounds, on: phone, of: $0) })
        try store.checkpoint()
        #expect(try directory.bytes().range(of: Data(Self.marker)) != nil, "the laptop does not have it yet")

        try store.applyAll(owners.map { acknowledge(rounds, on: laptop, of: $0) })
        try store.checkpoint()
        #expect(try directory.bytes().range(of: Data(Self.marker)) == nil)
        store.close()
    }

    private func acknowledge(_ number: Int, on device: DeviceID, of owner: UserID) -> StoreRequest {
        .storeCursor(StoreCursor(owner: owner, device: device, number: UInt64(number)))
    }
}

extension SQLiteStore {
    fileprivate func applyAll(_ requests: [StoreRequest]) throws(StoreFailure) { _ = try apply(requests, stamp: now) }
}

@Suite("A full disk")
struct SQLiteFull {
    private func options(pageCountMax: Int64) -> SQLiteStore.Options {
        var options = SQLiteStore.Options()
        options.pageCountMax = pageCountMax
        return options
    }

    private let readHead = StoreRequest.readHead(ReadHead(owner: ana))

    /// Fills with batches of 4 messages of 6,000 bytes until one fails; the number of batches that did not.
    private func fill(_ store: SQLiteStore) -> (batches: Int, failure: StoreFailure?) {
        for batch in 0..<1_000 {
            do throws(StoreFailure) {
                try store.applyAll((1...4).map { message(batch * 4 + $0, body: Array(repeating: 7, count: 6_000)) })
            } catch {
                return (batch, error)
            }
        }
        return (1_000, nil)
    }

    @Test("A batch that does not fit fails as full and leaves nothing behind")
    func rollback() throws {
        let directory = try Directory()
        let store = try SQLiteStore(path: directory.path, policy: temporary, options: options(pageCountMax: 82))
        try store.applyAll([.openDevice(OpenDevice(owner: ana, device: phone, cursor: nil))])
        let (batches, failure) = fill(store)
        #expect(failure == .full)
        #expect(batches > 3)
        let head = UInt64(batches * 4)
        guard case .inboxHead(let stored) = try store.apply([readHead], stamp: now)[0] else {
            return #expect(Bool(false), "no head")
        }
        #expect(stored.head == head)
        #expect(throws: StoreFailure.full) { try store.apply([.probe], stamp: now) }
        // A new name and a new inbox in the failing batch must not be remembered, either.
        let large = Array(repeating: UInt8(7), count: 60_000)
        #expect(throws: StoreFailure.full) {
            try store.apply([message(1, to: cleo, body: [1]), message(2, to: cleo, body: large)], stamp: now)
        }
        let read = StoreRequest.readInbox(ReadInbox(owner: cleo, after: 0, limit: 10, headersOnly: false))
        #expect(
            try store.apply([read], stamp: now) == [.inboxPage(InboxPage(entries: [], through: 0, head: 0))])

        // Text that goes makes room, and the service goes on with the next number.
        try store.applyAll([.storeCursor(StoreCursor(owner: ana, device: phone, number: head))])
        try store.applyAll([.probe])
        let answers = try store.apply([message(9_999, body: [1]), message(1, to: cleo, body: [1])], stamp: now)
        #expect(
            answers.map { if case .appended(let appended) = $0 { appended.number } else { 0 } } == [head + 1, 1])
        store.close()
        #expect(try SQLiteStore.integrityCheck(path: directory.path).isEmpty)
    }

    @Test("After a larger disk came, everything from before is there")
    func largerDisk() throws {
        let directory = try Directory()
        let small = try SQLiteStore(path: directory.path, policy: temporary, options: options(pageCountMax: 80))
        let (batches, failure) = fill(small)
        #expect(failure == .full)
        small.close()
        let store = try SQLiteStore(path: directory.path, policy: temporary)
        let answers = try store.apply([message(1, body: Array(repeating: 7, count: 6_000)), .probe, readHead], stamp: now)
        guard case .appended(let repeated) = answers[0], case .inboxHead(let head) = answers[2] else {
            return #expect(Bool(false), "\(answers)")
        }
        #expect(repeated.outcome == .duplicate)
        #expect(head.head == UInt64(batches * 4))
    }
}

@Suite("The memory store's faults")
struct MemoryStoreFaults {
    @Test("While the disk is full reads are answered and writes have no effect")
    func full() throws {
        var store = MemoryStore(policy: temporary)
        let read = StoreRequest.readHead(ReadHead(owner: ana))
        let empty = StoreAnswer.inboxHead(InboxHead(head: 0, headStamp: .zero, revision: .zero))
        store.fault = .full
        #expect(throws: StoreFailure.full) { try store.apply([read, message(1, body: [1])], stamp: now) }
        #expect(try store.apply([read], stamp: now) == [empty])
        store.fault = .broken("gone")
        #expect(throws: StoreFailure.broken("gone")) { try store.apply([read], stamp: now) }
        store.fault = nil
        #expect(try store.apply([read], stamp: now) == [empty])
    }

    @Test("A copy is a snapshot")
    func snapshot() throws {
        var store = MemoryStore(policy: temporary)
        _ = try store.apply([message(1, body: [1])], stamp: now)
        var synced = store
        _ = try store.apply([message(2, body: [1])], stamp: now)
        #expect(store.textCount == 2)
        #expect(synced.textCount == 1)
        let answer = try synced.apply([message(3, body: [1])], stamp: now)
        #expect(answer == [.appended(Appended(outcome: .stored, number: 2, stamp: now + .microseconds(1)))])
    }
}
