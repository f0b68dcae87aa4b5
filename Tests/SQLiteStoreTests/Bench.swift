// What every test of an engine needs: an engine of the wanted sort in the wanted mode, a clock that the test turns, and
// short words for requests.

import Foundation
import Messages
import PostgresStore
import Primitives
import Privacy
import SQLiteStore
import Simulation
import Storage
import Testing

/// Which engine, in which mode.
struct Setup: Sendable, CustomTestStringConvertible {
    enum Engine: Sendable { case memory, sqlite, postgres }

    /// PostgreSQL is judged where the environment names a server, as deploy/test.sh does: FANTAIL_POSTGRES_URL, and its password in
    /// FANTAIL_POSTGRES_PASS.
    static let engines: [Engine] = TestDatabase.url == nil ? [.memory, .sqlite] : [.memory, .sqlite, .postgres]

    let engine: Engine
    let isArchive: Bool

    var testDescription: String { "\(engine), \(isArchive ? "archive" : "temporary")" }

    static let temporary = engines.map { Setup(engine: $0, isArchive: false) }
    static let archive = engines.map { Setup(engine: $0, isArchive: true) }
    static let all = temporary + archive
}

/// A directory that goes with its test.
final class Directory {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("fantail-store-\(UUID().uuidString)")
    var path: String { url.appendingPathComponent("inbox.db").path }

    init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(at: url) }

    /// The bytes of the database and its log together.
    func bytes() throws -> Data {
        let log = URL(fileURLWithPath: path + "-wal")
        return try Data(contentsOf: URL(fileURLWithPath: path)) + ((try? Data(contentsOf: log)) ?? Data())
    }

    /// Overwrites bytes of the closed database.
    func patch(at offset: Int, with bytes: [UInt8]) throws {
        var data = try Data(contentsOf: URL(fileURLWithPath: path))
        data.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        try data.write(to: URL(fileURLWithPath: path))
    }
}

let ana = UserID("ana")!
let ben = UserID("ben")!
let cleo = UserID("cleo")!
let phone = DeviceID("phone")!
let laptop = DeviceID("laptop")!
let tablet = DeviceID("tablet")!
let hour = Interval.seconds(3600)
let day = Interval.seconds(24 * 3600)

func id(_ text: String) -> MessageID { MessageID(text)! }
func device(_ number: Int) -> DeviceID { DeviceID("device\(number)")! }

/// An engine with a clock.
final class Bench {
    private let directory: Directory
    private let database: TestDatabase?
    let policy: StorePolicy
    var store: any Store
    /// 2026-01-01.
    var now = Stamp(microseconds: 1_767_225_600_000_000)

    init(_ setup: Setup, expiry: Interval = StoreLimits.expiryDefault) throws {
        directory = try Directory()
        database = setup.engine == .postgres ? TestDatabase() : nil
        policy = StorePolicy(isArchive: setup.isArchive, expiry: expiry)
        switch setup.engine {
        case .memory: store = MemoryStore(policy: policy)
        case .sqlite: store = try SQLiteStore(path: directory.path, policy: policy)
        case .postgres: store = try database!.open(policy)
        }
    }

    deinit {
        (store as? PostgresStore)?.close()
        database?.drop()
    }

    /// Closes and opens again what has a file or a database.
    func reopen() throws {
        if let database, let postgres = store as? PostgresStore {
            postgres.close()
            store = try database.open(policy)
        }
        guard let sqlite = store as? SQLiteStore else { return }
        sqlite.close()
        store = try SQLiteStore(path: directory.path, policy: policy)
    }

    func wait(_ interval: Interval) { now = now + interval }

    func ask(_ requests: [StoreRequest]) throws -> [StoreAnswer] { try store.apply(requests, stamp: now) }

    func ask<Answer>(_ request: StoreRequest, _ take: (StoreAnswer) -> Answer?) throws -> Answer {
        let answers = try ask([request])
        #expect(answers.count == 1)
        return try #require(take(answers[0]), "\(answers[0]) is no answer to \(request)")
    }

    @discardableResult
    func append(
        _ name: String, to owner: UserID = ana, from author: UserID = ben, kind: InboxEntry.Kind = .message,
        chat: UserID? = nil, after: String? = nil, body: [UInt8]? = nil, messageStamp: Stamp? = nil
    ) throws -> Appended {
        let request = Append(
            owner: owner, kind: kind, author: author, chat: chat ?? author, id: id(name), after: after.map(id),
            body: body ?? Array("text of \(name)".utf8), messageStamp: messageStamp)
        return try ask(.append(request)) { if case .appended(let answer) = $0 { answer } else { nil } }
    }

    /// Appends m1, m2, ...
    func appendMessages(_ numbers: ClosedRange<Int>, to owner: UserID = ana, from author: UserID = ben) throws {
        for number in numbers { try append("m\(number)", to: owner, from: author) }
    }

    @discardableResult
    func open(_ device: DeviceID, of owner: UserID = ana, cursor: UInt64? = nil) throws -> DeviceOpened {
        try ask(.openDevice(OpenDevice(owner: owner, device: device, cursor: cursor))) {
            if case .deviceOpened(let answer) = $0 { answer } else { nil }
        }
    }

    func acknowledge(_ number: UInt64, on device: DeviceID, of owner: UserID = ana) throws {
        let request = StoreCursor(owner: owner, device: device, number: number)
        #expect(try ask([.storeCursor(request)]) == [.done])
    }

    func read(
        of owner: UserID = ana, after: UInt64 = 0, limit: Int = 100, headersOnly: Bool = false
    ) throws -> InboxPage {
        try ask(.readInbox(ReadInbox(owner: owner, after: after, limit: limit, headersOnly: headersOnly))) {
            if case .inboxPage(let answer) = $0 { answer } else { nil }
        }
    }

    func history(
        of owner: UserID = ana, with chat: UserID? = nil, before: UInt64? = nil, limit: Int = 100
    ) throws -> HistoryPage {
        try ask(.readHistory(ReadHistory(owner: owner, chat: chat, before: before, limit: limit))) {
            if case .historyPage(let answer) = $0 { answer } else { nil }
        }
    }

    func head(of owner: UserID = ana) throws -> InboxHead {
        try ask(.readHead(ReadHead(owner: owner))) { if case .inboxHead(let answer) = $0 { answer } else { nil } }
    }

    @discardableResult
    func raise(
        _ kind: ReceiptKind, of owner: UserID = ben, by peer: UserID = ana, to stamp: Int64
    ) throws -> Watermark {
        try store(kind, of: owner, by: peer, to: stamp).watermark
    }

    /// The same, with the revision that came before.
    func store(
        _ kind: ReceiptKind, of owner: UserID = ben, by peer: UserID = ana, to stamp: Int64
    ) throws -> WatermarkStored {
        let request = StoreWatermark(owner: owner, peer: peer, kind: kind, upTo: Stamp(microseconds: stamp))
        return try ask(.storeWatermark(request)) { if case .watermarkStored(let answer) = $0 { answer } else { nil } }
    }

    func watermarks(of owner: UserID = ben, after: Stamp = .zero) throws -> WatermarkPage {
        try ask(.readWatermarks(ReadWatermarks(owner: owner, after: after))) {
            if case .watermarkPage(let answer) = $0 { answer } else { nil }
        }
    }

    @discardableResult
    func change(_ change: SettingsChange, of owner: UserID = ana) throws -> SettingsStored {
        try ask(.changeSettings(ChangeSettings(owner: owner, change: change))) {
            if case .settingsStored(let answer) = $0 { answer } else { nil }
        }
    }

    func see(_ items: (UserID, Int64)...) throws {
        let batch = SeenBatch(items: items.map { .init(user: $0.0, at: Stamp(microseconds: $0.1)) })
        #expect(try ask([.storeLastSeen(batch)]) == [.done])
    }

    func presence(of users: [UserID]) throws -> [PresencePage.Item] {
        try ask(.readPresence(ReadPresence(users: users))) { if case .presencePage(let page) = $0 { page.items } else { nil } }
    }

    func sweepStep(from position: Sweep.Position = .start, limit: Int = 256) throws -> Swept {
        try ask(.sweep(Sweep(position: position, limit: limit))) { if case .swept(let answer) = $0 { answer } else { nil } }
    }

    /// A whole round of housekeeping.
    @discardableResult
    func sweep(limit: Int = 256) throws -> Swept {
        var all = Swept(next: .start, expired: [], purgedCount: 0)
        repeat {
            let step = try sweepStep(from: all.next, limit: limit)
            all.expired += step.expired
            all.purgedCount += step.purgedCount
            all.next = step.next
        } while all.next != .start
        return all
    }

    func dropExpired(_ numbers: [UInt64], of owner: UserID = ana) throws {
        #expect(try ask([.dropExpired(DropExpired(owner: owner, numbers: numbers))]) == [.done])
    }
}
