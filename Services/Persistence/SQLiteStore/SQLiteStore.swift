// The embedded engine: one SQLite file that belongs to one process and one thread.
//
// A batch is one transaction and one sync, so its cost is shared by everything that queued up meanwhile. The write-ahead
// log makes that sync one sequential write; SQLite moves it into the main file by itself every few thousand pages, and
// `checkpoint` does so in quiet moments and empties the log, so that dropped text is gone from both files.
//
// After a failed sync nothing of the batch counts as durable: it is rolled back and answered with a failure. Should the
// process die right then, the log on disk may still hold the whole batch, and the next start will see it. Every request is
// idempotent or only raises something, so that a batch which happened although its sender was told otherwise does no harm.

import CSQLite
import Messages
import Primitives
import Privacy
import Storage

/// A store in one SQLite file, exclusively locked while it is open. Single threaded and deliberately not `Sendable`: make it
/// and hand it to the one thread that writes.
public final class SQLiteStore: Store {
    /// What an operator or a test may turn.
    public struct Options: Sendable {
        /// Memory for pages of the file, bytes, 1 MiB or more. Default 64 MiB: the leaves of some 10,000 busy inboxes.
        public var cacheBytes = 64 * 1024 * 1024
        /// Files up to this size are checked from end to end when they are opened, bytes. Default 256 MiB, about a second;
        /// larger ones would delay the return of the service, and have `integrityCheck`.
        public var checkBytesMax: Int64 = 256 * 1024 * 1024
        /// For tests: pages of 4 KiB that the file may have before it counts as full. Default: no bound but the disk's.
        public var pageCountMax: Int64?

        public init() {}
    }

    /// Owners, names and devices kept in memory, of each kind and per generation: about 100 bytes apiece.
    static let cacheCapacity = 50_000

    let policy: StorePolicy
    let database: Database
    let sql: Statements
    let groupSQL: GroupStatements
    let presenceSQL: PresenceStatements

    // What the rows say, remembered. Emptied after every rollback: that is rare, and nothing stale can survive it.
    var userIDs = BoundedCache<UserID, Int64>(capacity: cacheCapacity)
    var userNames = BoundedCache<Int64, UserID>(capacity: cacheCapacity)
    var heads = BoundedCache<Int64, Head>(capacity: cacheCapacity)
    var deviceSets = BoundedCache<Int64, DeviceSet>(capacity: cacheCapacity)
    var revisions = BoundedCache<Int64, Stamp>(capacity: cacheCapacity)
    /// The newest entry of a group that an inbox got.
    var places = BoundedCache<GroupPlace, UInt64>(capacity: cacheCapacity)
    /// When the oldest mark of each was made, or an earlier moment.
    var oldestMarks = BoundedCache<MarkSeries, Stamp>(capacity: cacheCapacity)
    var settings = BoundedCache<Int64, UserSettings>(capacity: cacheCapacity)
    /// Somebody in this file has set something.
    var hasSettings: Bool

    /// A copy in the making.
    var backup: OnlineBackup?

    /// By key of a group's entry: rows of this batch that do not need its text any more.
    var released: [Int64: Int64] = [:]

    /// Opens the file, makes it when it is missing, and brings an older one up to date.
    /// - Parameters:
    ///   - path: on a local disk; `path-wal` appears beside it.
    ///   - policy: may differ from the last time. What an archive kept is dropped step by step when it becomes temporary.
    /// - Throws: `StoreOpenFailure`; a file that is not ours is not changed.
    public init(path: String, policy: StorePolicy, options: Options = Options()) throws(StoreOpenFailure) {
        self.policy = policy
        database = try Opening.open(path: path, policy: policy, options: options)
        do throws(SQLiteError) {
            sql = try Statements(database, isArchive: policy.isArchive)
            groupSQL = try GroupStatements(database)
            presenceSQL = try PresenceStatements(database)
            hasSettings = try database.number("SELECT EXISTS (SELECT 1 FROM settings)") == 1
        } catch {
            throw StoreOpenFailure(error, path: path)
        }
    }

    public func apply(_ requests: [StoreRequest], stamp: Stamp) throws(StoreFailure) -> [StoreAnswer] {
        guard database.handle != nil else { throw .broken("the store was closed") }
        do throws(SQLiteError) {
            let isReadOnly = requests.allSatisfy(\.isReadOnly)
            try (isReadOnly ? sql.beginRead : sql.beginWrite).run()
            var answers: [StoreAnswer] = []
            answers.reserveCapacity(requests.count)
            for request in requests { answers.append(try answer(request, now: stamp)) }
            try settleReleased()
            try sql.commit.run()
            return answers
        } catch {
            rollBack()
            throw error.failure
        }
    }

    /// Moves the log into the main file and empties it. To be called when about a second was quiet: it costs a few syncs,
    /// and nothing at all when the log is empty.
    /// - Throws: `StoreFailure`; nothing is lost, the log keeps what it has.
    public func checkpoint() throws(StoreFailure) {
        guard let handle = database.handle else { return }
        guard sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_TRUNCATE, nil, nil) == SQLITE_OK else {
            throw database.lastError.failure
        }
    }

    /// Checkpoints and closes the file; later batches fail. Closing twice does nothing.
    public func close() {
        backup?.abandon()
        backup = nil
        database.close()
    }

    /// Reads the whole file and compares every index with its table. Takes minutes for tens of gigabytes.
    /// - Returns: what is wrong, at most 100 sentences; empty when all is well.
    /// - Throws: `StoreOpenFailure` when it cannot even be opened; it must not be open elsewhere.
    public static func integrityCheck(path: String) throws(StoreOpenFailure) -> [String] {
        let database = try Opening.openExisting(path: path)
        defer { database.close() }
        do throws(SQLiteError) {
            let lines = try database.texts("PRAGMA integrity_check(100)")
            return lines == ["ok"] ? [] : lines
        } catch {
            return [error.message]
        }
    }

    private func answer(_ request: StoreRequest, now: Stamp) throws(SQLiteError) -> StoreAnswer {
        switch request {
        case .append(let request): return .appended(try append(request, now: now))
        case .openDevice(let request): return .deviceOpened(try openDevice(request, now: now))
        case .readInbox(let request): return .inboxPage(try readInbox(request))
        case .storeCursor(let request): try storeCursor(request, now: now)
        case .storeWatermark(let request): return .watermarkStored(try storeWatermark(request, now: now))
        case .readWatermarks(let request): return .watermarkPage(try readWatermarks(request))
        case .readHead(let request): return .inboxHead(try readHead(request))
        case .readHistory(let request): return .historyPage(try readHistory(request))
        case .appendGroup(let request): return .groupAppended(try appendGroup(request, now: now))
        case .readGroup(let request): return .groupPage(try readGroup(request))
        case .settleGroup(let request): try settleGroup(request)
        case .readPendingGroups(let request): return .pendingGroups(try readPendingGroups(request))
        case .storeGroupMarks(let request): return .groupMarksStored(try storeGroupMarks(request, now: now))
        case .readGroupMarks(let request): return .groupMarks(try readGroupMarks(request))
        case .appendShared(let request): return .sharedAppended(try appendShared(request, now: now))
        case .readMemberships(let request): return .membershipPage(try readMemberships(request))
        case .changeSettings(let request): return .settingsStored(try changeSettings(request))
        case .readPresence(let request): return .presencePage(try readPresence(request))
        case .storeLastSeen(let request): try storeLastSeen(request)
        case .readDevices(let request): return .devicePage(try readDevices(request))
        case .eraseInbox(let request): return .inboxErased(try eraseInbox(request))
        case .sweep(let request): return .swept(try sweep(request, now: now))
        case .dropExpired(let request): try dropExpired(request)
        case .probe: try probe()
        }
        return .done
    }

    private func rollBack() {
        if database.isInTransaction { try? sql.rollback.run() }
        userIDs.removeAll()
        userNames.removeAll()
        heads.removeAll()
        deviceSets.removeAll()
        revisions.removeAll()
        oldestMarks.removeAll()
        places.removeAll()
        settings.removeAll()
        released.removeAll()
    }
}
