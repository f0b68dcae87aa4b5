// What a file must answer for about groups: a text is in it once, however many have it, goes with the last who needs it,
// and costs each recipient little.

import CSQLite
import Foundation
import Messages
import Primitives
import SQLiteStore
import Storage
import Testing

private let temporary = StorePolicy(isArchive: false)
private let start = Stamp(microseconds: 1_767_225_600_000_000)
private let people = (0..<1_024).map { UserID("user\($0)")! }

@Suite("Groups in a file")
struct SQLiteGroups {
    private static let marker = Array("Quetzalcoatl".utf8)

    private func share(_ entry: GroupEntry, with recipients: some Collection<UserID>, _ mark: MembershipMark = .none)
        -> StoreRequest
    {
        .appendShared(GroupBatch(group: team, entries: [entry], recipients: Array(recipients), mark: mark))
    }

    private func write(_ number: UInt64, event: UInt64, _ kind: GroupEntry.Kind, body: [UInt8]) -> StoreRequest {
        .appendGroup(
            AppendGroup(group: team, kind: kind, author: ben, id: id("e\(number)"), after: nil, eventNumber: event, body: body))
    }

    /// Rows that a query of one number finds in the closed file.
    private func number(_ sql: String, in directory: Directory) throws -> Int64 {
        var database: OpaquePointer?
        var statement: OpaquePointer?
        defer {
            sqlite3_finalize(statement)
            sqlite3_close(database)
        }
        #expect(sqlite3_open(directory.path, &database) == SQLITE_OK)
        try #require(sqlite3_prepare_v2(database, sql, -1, &statement, nil) == SQLITE_OK)
        try #require(sqlite3_step(statement) == SQLITE_ROW)
        return sqlite3_column_int64(statement, 0)
    }

    private func occurrences(in directory: Directory) throws -> Int {
        let bytes = try directory.bytes()
        var count = 0
        var rest = bytes.startIndex..<bytes.endIndex
        while let found = bytes.range(of: Data(Self.marker), in: rest) {
            count += 1
            rest = found.upperBound..<bytes.endIndex
        }
        return count
    }

    @Test("A text is stored once for 200 recipients, and goes with the last who needs it")
    func once() throws {
        let directory = try Directory()
        let store = try SQLiteStore(path: directory.path, policy: temporary)
        let members = people.prefix(200)
        for member in members {
            _ = try store.apply([.openDevice(OpenDevice(owner: member, device: phone, cursor: nil))], stamp: start)
        }
        _ = try store.apply([share(.made(1, .event, body: [1]), with: members, .joined(title: "Team"))], stamp: start)
        // In two batches, as two shards would ask.
        _ = try store.apply([share(.made(2, body: Self.marker), with: members.prefix(120))], stamp: start)
        _ = try store.apply([share(.made(2, body: Self.marker), with: members.suffix(120))], stamp: start)
        try store.checkpoint()
        #expect(try occurrences(in: directory) == 1)

        func acknowledge(_ members: some Collection<UserID>) throws {
            let requests = members.map { StoreRequest.storeCursor(StoreCursor(owner: $0, device: phone, number: 2)) }
            _ = try store.apply(requests, stamp: start)
            try store.checkpoint()
        }
        try acknowledge(members.dropLast(1))
        #expect(try occurrences(in: directory) == 1)
        let read = ReadInbox(owner: members.last!, after: 1, limit: 10, headersOnly: false)
        guard case .inboxPage(let page) = try store.apply([.readInbox(read)], stamp: start)[0] else {
            return #expect(Bool(false), "no page")
        }
        #expect(page.entries.map(\.body) == [Self.marker])
        try acknowledge(members)
        #expect(try occurrences(in: directory) == 0)
        store.close()
        #expect(try number("SELECT count(*) FROM shared", in: directory) == 0)
        #expect(try number("SELECT count(*) FROM shared_counts", in: directory) == 0)
        #expect(try SQLiteStore.integrityCheck(path: directory.path).isEmpty)
    }

    @Test("A text that one request lets go and the next brings again is there")
    func againInOneBatch() throws {
        let directory = try Directory()
        let store = try SQLiteStore(path: directory.path, policy: temporary)
        let answers = try store.apply(
            [
                .openDevice(OpenDevice(owner: ana, device: phone, cursor: nil)),
                share(.made(1, .event), with: [ana], .joined(title: "Team")),
                .storeCursor(StoreCursor(owner: ana, device: phone, number: 1)),
                share(.made(1, .event), with: [ben, cleo], .joined(title: "Team")),
                .readInbox(ReadInbox(owner: ben, after: 0, limit: 10, headersOnly: false)),
            ], stamp: start)
        guard case .inboxPage(let page) = answers[4] else { return #expect(Bool(false), "no page") }
        #expect(page.entries.map(\.body) == [GroupEntry.made(1).body])
        store.close()
        #expect(try number("SELECT count FROM shared_counts", in: directory) == 2)
        #expect(try number("SELECT count(*) FROM shared", in: directory) == 1)
    }

    @Test("Counts agree with rows after sweeps, cursors and reports")
    func counts() throws {
        let directory = try Directory()
        let store = try SQLiteStore(path: directory.path, policy: temporary)
        let members = people.prefix(20)
        _ = try store.apply([share(.made(1, .event), with: members, .joined(title: "Team"))], stamp: start)
        for number in 2...30 as ClosedRange<UInt64> {
            _ = try store.apply([share(.made(number), with: members)], stamp: start + day * Int64(number))
        }
        _ = try store.apply(
            [
                .openDevice(OpenDevice(owner: members[0], device: phone, cursor: nil)),
                .storeCursor(StoreCursor(owner: members[0], device: phone, number: 30)),
                .dropExpired(DropExpired(owner: members[1], numbers: [29, 29, 3])),
            ], stamp: start + day * 31)
        _ = try store.apply([.sweep(Sweep(position: .start, limit: 10_000))], stamp: start + day * 45)
        store.close()
        let disagreeing = """
            SELECT count(*) FROM shared_counts WHERE count <> (
                SELECT count(*) FROM entries
                WHERE chat << 35 | group_number = shared_counts.key AND typeof(body) <> 'null')
            """
        #expect(try number(disagreeing, in: directory) == 0)
        // Older than 30 days: what came on days 0 to 14.
        #expect(try number("SELECT min(key & ((1 << 35) - 1)) FROM shared", in: directory) == 15)
        #expect(try number("SELECT count(*) FROM shared", in: directory) == 16)
        #expect(try number("SELECT count FROM shared_counts WHERE key & ((1 << 35) - 1) = 29", in: directory) == 18)
    }

    @Test("A recipient more costs less than 64 bytes")
    func bytesPerRecipient() throws {
        let directory = try Directory()
        let store = try SQLiteStore(path: directory.path, policy: temporary)
        _ = try store.apply([share(.made(1, .event), with: people, .joined(title: "Team"))], stamp: start)
        try store.checkpoint()
        let before = try directory.bytes().count
        let messageCount = 50
        for number in 2...messageCount + 1 {
            let entry = GroupEntry.made(UInt64(number), body: Array(repeating: 7, count: 100))
            _ = try store.apply([share(entry, with: people)], stamp: start + .seconds(Int64(number)))
        }
        try store.checkpoint()
        let bytes = try directory.bytes().count - before - messageCount * 100
        store.close()
        let perRecipient = Double(bytes) / Double(messageCount * people.count)
        #expect(perRecipient < 64, "\(perRecipient) bytes")
        #expect(perRecipient > 20, "less than the row itself: \(perRecipient)")
    }

    @Test("A file of the second schema is brought up to date and goes on")
    func olderVersion() throws {
        let directory = try Directory()
        let old = try SQLiteStore(path: directory.path, policy: temporary)
        let message = Append(owner: ana, kind: .message, author: ben, chat: ben, id: id("m1"), after: nil, body: [1])
        _ = try old.apply([.append(message)], stamp: start)
        old.close()
        var database: OpaquePointer?
        #expect(sqlite3_open(directory.path, &database) == SQLITE_OK)
        #expect(sqlite3_exec(database, backToVersion2, nil, nil, nil) == SQLITE_OK)
        sqlite3_close(database)

        let store = try SQLiteStore(path: directory.path, policy: temporary)
        let answers = try store.apply(
            [
                .append(message), share(.made(1, .event), with: [ana], .joined(title: "Team")),
                write(1, event: 0, .event, body: [1]),
                .readInbox(ReadInbox(owner: ana, after: 0, limit: 10, headersOnly: false)),
            ], stamp: start)
        guard case .appended(let appended) = answers[0], case .inboxPage(let page) = answers[3] else {
            return #expect(Bool(false), "\(answers)")
        }
        #expect(appended.outcome == .duplicate)
        #expect(page.entries.map(\.id) == [id("m1"), id("e1")])
        store.close()
        #expect(try number("PRAGMA user_version", in: directory) == 5)
        #expect(try SQLiteStore.integrityCheck(path: directory.path).isEmpty)
    }

    @Test("In a file of the fourth schema every group may owe ticks, once")
    func ticksNotWrittenDown() throws {
        let directory = try Directory()
        let old = try SQLiteStore(path: directory.path, policy: temporary)
        _ = try old.apply(
            [write(1, event: 0, .event, body: [1]), .settleGroup(SettleGroup(group: team, fannedOut: 1, told: 1))], stamp: start)
        old.close()
        var database: OpaquePointer?
        #expect(sqlite3_open(directory.path, &database) == SQLITE_OK)
        #expect(sqlite3_exec(database, backToVersion4, nil, nil, nil) == SQLITE_OK)
        sqlite3_close(database)

        let store = try SQLiteStore(path: directory.path, policy: temporary)
        let ask = StoreRequest.readPendingGroups(ReadPendingGroups(after: nil))
        let answers = try store.apply(
            [ask, .settleGroup(SettleGroup(group: team, fannedOut: 1, told: 1)), ask], stamp: start)
        #expect(answers[0] == .pendingGroups(PendingGroups(groups: [team], hasMore: false)))
        #expect(answers[2] == .pendingGroups(PendingGroups(groups: [], hasMore: false)))
        store.close()
        #expect(try SQLiteStore.integrityCheck(path: directory.path).isEmpty)
    }

    @Test("An archive that becomes temporary loses the texts of its logs, what is not everywhere and events aside")
    func archiveBecomesTemporary() throws {
        let directory = try Directory()
        let archive = try SQLiteStore(path: directory.path, policy: StorePolicy(isArchive: true))
        _ = try archive.apply(
            [
                write(1, event: 0, .event, body: [1]), write(2, event: 1, .message, body: Self.marker),
                write(3, event: 1, .message, body: [3]), .settleGroup(SettleGroup(group: team, fannedOut: 2, told: 0)),
            ], stamp: start)
        archive.close()
        #expect(try occurrences(in: directory) == 1)
        let store = try SQLiteStore(path: directory.path, policy: temporary)
        let read = ReadGroup(group: team, .entries(after: 0), limit: 10)
        guard case .groupPage(let page) = try store.apply([.readGroup(read)], stamp: start)[0] else {
            return #expect(Bool(false), "no page")
        }
        #expect(page.entries.map(\.body) == [[1], [], [3]])
        store.close()
        #expect(try occurrences(in: directory) == 0)
    }

    @Test(
        "No text of a group is left in the file and its log after every device has it and the log was emptied",
        arguments: [40, 300, 6_000])
    func erased(bytes: Int) throws {
        let directory = try Directory()
        let store = try SQLiteStore(path: directory.path, policy: temporary)
        let members = people.prefix(40)
        for member in members {
            _ = try store.apply([.openDevice(OpenDevice(owner: member, device: phone, cursor: nil))], stamp: start)
        }
        let body = Array(repeatElement(Self.marker, count: bytes / Self.marker.count).joined())
        let rounds: UInt64 = bytes > 1_000 ? 20 : 100
        for round in 1...rounds {
            let kind: GroupEntry.Kind = round == 1 ? .event : .message
            let text = round == 1 ? [1] : body
            var requests = [write(round, event: round == 1 ? 0 : 1, kind, body: text)]
            requests.append(share(.made(round, kind, body: text), with: members, round == 1 ? .joined(title: "T") : .none))
            if round > 6 {
                requests += members.prefix(30).map {
                    .storeCursor(StoreCursor(owner: $0, device: phone, number: round - 5))
                }
                requests.append(.settleGroup(SettleGroup(group: team, fannedOut: round - 3, told: 0)))
            }
            _ = try store.apply(requests, stamp: start)
        }
        try store.checkpoint()
        #expect(try occurrences(in: directory) > 0)
        var requests = members.map { StoreRequest.storeCursor(StoreCursor(owner: $0, device: phone, number: rounds)) }
        requests.append(.settleGroup(SettleGroup(group: team, fannedOut: rounds, told: 0)))
        _ = try store.apply(requests, stamp: start)
        try store.checkpoint()
        #expect(try occurrences(in: directory) == 0)
        store.close()
    }

    @Test("A batch that does not fit leaves nothing of a group behind")
    func full() throws {
        let directory = try Directory()
        var options = SQLiteStore.Options()
        options.pageCountMax = 90
        let store = try SQLiteStore(path: directory.path, policy: temporary, options: options)
        let large = Array(repeating: UInt8(7), count: 60_000)
        _ = try store.apply(
            [
                .openDevice(OpenDevice(owner: ana, device: phone, cursor: nil)),
                share(.made(1, .event), with: [ana], .joined(title: "Team")), write(1, event: 0, .event, body: [1]),
            ], stamp: start)
        #expect(throws: StoreFailure.full) {
            try store.apply(
                [
                    .storeCursor(StoreCursor(owner: ana, device: phone, number: 1)),
                    share(.made(2, body: large), with: [ana]), write(2, event: 1, .message, body: large),
                    write(3, event: 1, .message, body: large), write(4, event: 1, .message, body: large),
                    write(5, event: 1, .message, body: large), write(6, event: 1, .message, body: large),
                ], stamp: start)
        }
        let answers = try store.apply(
            [
                .readInbox(ReadInbox(owner: ana, after: 0, limit: 10, headersOnly: false)),
                .readGroup(ReadGroup(group: team, .entries(after: 0), limit: 10)),
                share(.made(2), with: [ana]), write(2, event: 1, .message, body: [1]),
            ], stamp: start)
        guard case .inboxPage(let inbox) = answers[0], case .groupPage(let log) = answers[1] else {
            return #expect(Bool(false), "\(answers)")
        }
        #expect(inbox.entries.map(\.groupNumber) == [1])
        #expect(log.head == 1)
        #expect(answers[2] == .sharedAppended(SharedAppended(items: [.stored(1, from: 2)])))
        guard case .groupAppended(let appended) = answers[3] else { return #expect(Bool(false), "\(answers)") }
        #expect(appended.number == 2)
        store.close()
        #expect(try number("SELECT sum(count) FROM shared_counts", in: directory) == 2)
        #expect(try SQLiteStore.integrityCheck(path: directory.path).isEmpty)
    }
}
