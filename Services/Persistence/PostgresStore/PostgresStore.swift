// The scale-out engine: a schema in a PostgreSQL database, or in an engine that speaks its language.
//
// Several processes may use one database. Each has a share of the owners, its partition, and for as long as it holds the lease
// of that partition nobody else writes its rows. So what the rows say can be remembered here, as the embedded engine does it, and
// the usual batch is one round trip: everything that it writes, the check of the lease, and the commit, sent at once.
//
// Two things are looked up before: owners that are not remembered, and ids that messages name as their predecessors. A new
// message's own id is not: it is inserted as if it were new, and when the database knows it, the batch is rolled back and done
// again with all ids looked up (`isLooking`).
//
// A connection that is lost in the middle of a commit leaves the question whether the batch has happened. It is not answered
// but made harmless. Whoever connects raises the lease's token first, which waits for a transaction of the former connection
// that still lives, and after which none of them can commit. Then the batch is done again, looking: what had happened is
// found, for every request is idempotent or only raises something.

import Messages
import Primitives
import Privacy
import Storage

/// A store in a PostgreSQL database. Single threaded and deliberately not `Sendable`, like the embedded one.
public final class PostgresStore: Store {
    /// Which part of the database is ours.
    public struct Share: Sendable {
        /// The name of the lease: the node's.
        public let partition: String
        /// Says how owners are spread over partitions. Processes that spread them in another way lose their leases.
        public let layout: String
        /// Whether an owner belongs to this partition.
        public let owns: @Sendable (UserID) -> Bool

        public init(partition: String, layout: String, owns: @escaping @Sendable (UserID) -> Bool) {
            self.partition = partition
            self.layout = layout
            self.owns = owns
        }
    }

    /// How long a batch may take and how long a lost database is looked for.
    public struct Patience: Sendable {
        /// For the answers of one round trip, milliseconds.
        public var answerMs: Int64 = 10_000
        /// For a batch whose connection was lost, milliseconds. After that it is refused, and so is what follows, but for one
        /// attempt a second. Below the callers' own patience: a promoted standby usually answers within it.
        public var reconnectMs: Int64 = 3_000

        public init() {}
    }

    /// What the engine has done.
    public struct Figures: Sendable {
        public var roundTripCount: UInt64 = 0
        public var reconnectCount: UInt64 = 0
        /// Batches that were done again, looking.
        public var repeatedCount: UInt64 = 0
        public var isConnected = false
        public var isFenced = false
    }

    static let cacheCapacity = 50_000

    let policy: StorePolicy
    let share: Share
    private let link: PostgresLink
    private let patience: Patience
    public private(set) var counts = Figures()
    private var connection: Connection?
    private var token: Int64 = 0
    /// Before this moment nobody tries to connect.
    private var quietUntil: Int64 = 0

    // What the rows say, remembered. Emptied with every transaction that fails.
    var inboxes = BoundedCache<UserID, InboxState>(capacity: cacheCapacity)
    /// Entries that were stored or found lately.
    var recent = BoundedCache<EntryName, KnownEntry>(capacity: cacheCapacity)
    var watermarks = BoundedCache<WatermarkName, Watermark>(capacity: cacheCapacity)
    /// The newest entry of a group that an inbox got; nil: it never got one.
    var places = BoundedCache<Place, UInt64?>(capacity: cacheCapacity)
    var logs = BoundedCache<UserID, LogState?>(capacity: cacheCapacity)
    var recentInLogs = BoundedCache<LogName, KnownLogEntry>(capacity: cacheCapacity)
    var members = BoundedCache<Place, MemberState>(capacity: cacheCapacity)
    /// Where sweeps stopped, by the number that was told.
    var sweepOwners: [Int64: UserID] = [:]

    // Of the batch at hand.
    var writes = WriteSet()
    var looked: [EntryName: KnownEntry?] = [:]
    var lookedInLogs: [LogName: KnownLogEntry?] = [:]
    private(set) var isLooking = false
    private var hasWritten = false

    /// Connects, makes what is missing in the database, and takes the lease of the partition over.
    /// - Parameters:
    ///   - url: `postgresql://user@host,other/database`; no password.
    ///   - passwordFile: in libpq's format, or nil.
    ///   - holder: names this process; another one each time.
    ///   - schema: of the database, a word of small letters; default `fantail`.
    /// - Throws: `PostgresOpenFailure`.
    public init(
        url: String, passwordFile: String?, policy: StorePolicy, share: Share, holder: String, patience: Patience = Patience(),
        schema: String? = nil
    ) throws(PostgresOpenFailure) {
        self.policy = policy
        self.share = share
        self.patience = patience
        link = PostgresLink(
            url: url, passwordFile: passwordFile, share: share, holder: holder, isArchive: policy.isArchive,
            schema: schema ?? PostgresSchema.nameDefault)
        do throws(PostgresError) {
            (connection, token) = try link.connect(isFirst: true, answerMs: patience.answerMs)
        } catch {
            throw PostgresOpenFailure(error, place: link.place)
        }
        counts.isConnected = true
    }

    /// Gives the connection up; later batches fail.
    public func close() {
        connection = nil
        quietUntil = .max
    }

    public func apply(_ requests: [StoreRequest], stamp: Stamp) throws(StoreFailure) -> [StoreAnswer] {
        if counts.isFenced { throw .broken(Self.fencedSentence) }
        let deadline = Connection.milliseconds() + patience.reconnectMs
        var mustLook = false
        var attempts = 0
        while true {
            do throws(PostgresError) {
                try connect()
                return try run(requests, now: stamp, isLooking: mustLook)
            } catch {
                forget()
                switch error {
                case .lost(let why):
                    if connection != nil { counts.isConnected = false }
                    connection = nil
                    mustLook = true
                    guard Connection.milliseconds() < deadline, quietUntil != .max else {
                        quietUntil = quietUntil == .max ? .max : Connection.milliseconds() + Self.attemptPauseMs
                        throw .broken("the database cannot be reached: \(why)")
                    }
                    PostgresLink.pause(milliseconds: Self.lookPauseMs)
                case .exists where !mustLook:
                    counts.repeatedCount += 1
                    mustLook = true
                case .conflict where attempts < Self.conflictCountMax:
                    attempts += 1
                    mustLook = true
                case .fenced:
                    counts.isFenced = true
                    connection = nil
                    throw .broken(Self.fencedSentence)
                case .full: throw .full
                case .exists: throw .broken("a row is there already under a key that was looked up before")
                case .conflict: throw .broken("the database gave the batch up \(Self.conflictCountMax) times")
                case .refused(let text): throw .broken(text)
                }
            }
        }
    }

    static let fencedSentence = "another process has taken this partition over, or the cluster file was changed; start this one again"
    /// Between two attempts to connect while a batch waits, milliseconds: short beside a fail-over, long beside an attempt.
    private static let lookPauseMs: Int32 = 100
    /// After a batch was refused for want of a database, the next ones are refused at once for so long, milliseconds.
    private static let attemptPauseMs: Int64 = 1_000
    /// Times that a batch is tried again after the database gave it up; nobody else writes our rows, so once is rare.
    private static let conflictCountMax = 5

    private func connect() throws(PostgresError) {
        guard connection == nil else { return }
        guard Connection.milliseconds() >= quietUntil else { throw .lost("tried a moment ago") }
        (connection, token) = try link.connect(isFirst: false, answerMs: patience.answerMs)
        quietUntil = 0
        counts.reconnectCount += 1
        counts.isConnected = true
    }

    private func forget() {
        inboxes.removeAll()
        recent.removeAll()
        watermarks.removeAll()
        places.removeAll()
        logs.removeAll()
        recentInLogs.removeAll()
        members.removeAll()
    }

    // MARK: A batch

    /// An answer, or where in the results it stands.
    enum Pending {
        case ready(StoreAnswer)
        case reading(Int, (Rows) throws(PostgresError) -> StoreAnswer)
    }

    private func run(_ requests: [StoreRequest], now: Stamp, isLooking: Bool) throws(PostgresError) -> [StoreAnswer] {
        let connection = connection!
        writes = WriteSet()
        looked.removeAll(keepingCapacity: true)
        lookedInLogs.removeAll(keepingCapacity: true)
        self.isLooking = isLooking
        hasWritten = false
        let roundTripsBefore = connection.roundTripCount
        defer { counts.roundTripCount += connection.roundTripCount - roundTripsBefore }
        connection.begin()
        try connection.send(.begin)
        try lookUp(requests)
        var pending: [Pending] = []
        pending.reserveCapacity(requests.count)
        for request in requests { pending.append(try answer(request, now: now)) }
        try flush()
        try connection.send(hasWritten ? .fence : .look, [.parameter(share.partition), .parameter(token)])
        let end = try connection.send(.commit)
        try connection.collect(isLast: true, timeoutMs: patience.answerMs)
        guard connection.results[end].tag == "COMMIT" else { throw .refused("the database rolled the batch back") }
        var answers: [StoreAnswer] = []
        answers.reserveCapacity(pending.count)
        for item in pending {
            switch item {
            case .ready(let answer): answers.append(answer)
            case .reading(let place, let read): answers.append(try read(connection.results[place]))
            }
        }
        return answers
    }

    /// Sends what was written so far. To be called before anything is read that it may have changed.
    func flush() throws(PostgresError) {
        guard !writes.isEmpty else { return }
        hasWritten = true
        for (statement, parameters) in writes.statements { try connection!.send(statement, parameters) }
        writes = WriteSet()
    }

    /// Sends a statement that writes, behind all that was written before.
    func write(_ statement: Statement, _ parameters: [[UInt8]]) throws(PostgresError) {
        try flush()
        hasWritten = true
        try connection!.send(statement, parameters)
    }

    /// Sends a question whose answer is looked at when the batch is done.
    func ask(_ statement: Statement, _ parameters: [[UInt8]], _ read: @escaping (Rows) throws(PostgresError) -> StoreAnswer)
        throws(PostgresError) -> Pending
    {
        try flush()
        return .reading(try connection!.send(statement, parameters), read)
    }

    /// Asks and waits: a round trip in the middle of the batch.
    func query(_ statement: Statement, _ parameters: [[UInt8]]) throws(PostgresError) -> Rows {
        try query([(statement, parameters)])[0]
    }

    /// Several questions, one round trip.
    func query(_ questions: [(Statement, [[UInt8]])]) throws(PostgresError) -> [Rows] {
        try flush()
        var places: [Int] = []
        for (statement, parameters) in questions { places.append(try connection!.send(statement, parameters)) }
        try connection!.collect(isLast: false, timeoutMs: patience.answerMs)
        return places.map { connection!.results[$0] }
    }

    private func answer(_ request: StoreRequest, now: Stamp) throws(PostgresError) -> Pending {
        switch request {
        case .append(let request): return .ready(.appended(try append(request, now: now)))
        case .openDevice(let request): return .ready(.deviceOpened(try openDevice(request, now: now)))
        case .readInbox(let request): return try readInbox(request)
        case .storeCursor(let request): try storeCursor(request, now: now)
        case .storeWatermark(let request): return .ready(.watermarkStored(try storeWatermark(request, now: now)))
        case .readWatermarks(let request): return try readWatermarks(request)
        case .readHead(let request): return .ready(.inboxHead(try readHead(request)))
        case .readHistory(let request): return try readHistory(request)
        case .appendGroup(let request): return .ready(.groupAppended(try appendGroup(request, now: now)))
        case .readGroup(let request): return try readGroup(request)
        case .settleGroup(let request): try settleGroup(request)
        case .readPendingGroups(let request): return .ready(.pendingGroups(try readPendingGroups(request)))
        case .storeGroupMarks(let request): return .ready(.groupMarksStored(try storeGroupMarks(request, now: now)))
        case .readGroupMarks(let request): return .ready(.groupMarks(try readGroupMarks(request)))
        case .appendShared(let request): return .ready(.sharedAppended(try appendShared(request, now: now)))
        case .readMemberships(let request): return try readMemberships(request)
        case .changeSettings(let request): return .ready(.settingsStored(try changeSettings(request)))
        case .readPresence(let request): return try readPresence(request)
        case .storeLastSeen(let request): for item in request.items where item.at > .zero { writes.see(item.user, at: item.at) }
        case .readDevices(let request): return .ready(.devicePage(DevicePage(try inbox(request.owner).devices)))
        case .eraseInbox(let request): return .ready(.inboxErased(try eraseInbox(request)))
        case .sweep(let request): return .ready(.swept(try sweep(request, now: now)))
        case .dropExpired(let request): dropExpired(request)
        case .probe: try probe()
        }
        return .ready(.done)
    }
}
