// The door between persistence and an engine.
//
// An engine takes a batch, runs it in order inside one transaction, syncs once, and answers item by item. Whatever an
// answer says is durable; after a failure nothing of the batch has happened. `Tests/StoreContract` is the judge of every
// engine.

import Messages
import Primitives

/// One thing asked of an engine.
public enum StoreRequest: Equatable, Sendable {
    case append(Append)
    case openDevice(OpenDevice)
    case readInbox(ReadInbox)
    case storeCursor(StoreCursor)
    case storeWatermark(StoreWatermark)
    case readWatermarks(ReadWatermarks)
    case readHead(ReadHead)
    case readHistory(ReadHistory)
    case appendGroup(AppendGroup)
    case readGroup(ReadGroup)
    case settleGroup(SettleGroup)
    case readPendingGroups(ReadPendingGroups)
    case storeGroupMarks(GroupMarkBatch)
    case readGroupMarks(ReadGroupMarks)
    case appendShared(GroupBatch)
    case readMemberships(ReadMemberships)
    case changeSettings(ChangeSettings)
    case readPresence(ReadPresence)
    case storeLastSeen(SeenBatch)
    case eraseInbox(EraseInbox)
    case readDevices(ReadDevices)
    case sweep(Sweep)
    case dropExpired(DropExpired)
    /// Writes and syncs a few bytes: does the disk take writes again?
    case probe

    /// True when the request changes nothing, and so may be answered while the disk is full.
    public var isReadOnly: Bool {
        switch self {
        case .readInbox, .readWatermarks, .readHead, .readHistory, .readGroup, .readPendingGroups, .readGroupMarks, .readMemberships,
            .readPresence, .readDevices:
            true
        // Up to zero raises nothing: it is the question how far a peer has come.
        case .storeWatermark(let mark): mark.upTo == .zero
        case .append, .openDevice, .storeCursor, .appendGroup, .settleGroup, .storeGroupMarks, .appendShared,
            .changeSettings, .storeLastSeen, .eraseInbox, .sweep, .dropExpired, .probe:
            false
        }
    }

    /// True when the request may succeed while the disk is full: it changes nothing, or only sometimes. A device that is known
    /// opens without a write, so a full disk does not keep people from what is stored for them; and settings may always be
    /// asked for.
    public var mayBeReadOnly: Bool {
        switch self {
        case .openDevice, .changeSettings: true
        default: isReadOnly
        }
    }
}

/// The answer to the request at the same place in the batch.
public enum StoreAnswer: Equatable, Sendable {
    case done
    case appended(Appended)
    case deviceOpened(DeviceOpened)
    case inboxPage(InboxPage)
    case watermarkStored(WatermarkStored)
    case watermarkPage(WatermarkPage)
    case inboxHead(InboxHead)
    case historyPage(HistoryPage)
    case groupAppended(GroupAppended)
    case groupPage(GroupPage)
    case pendingGroups(PendingGroups)
    case groupMarks(GroupMarks)
    case sharedAppended(SharedAppended)
    case membershipPage(MembershipPage)
    case settingsStored(SettingsStored)
    case presencePage(PresencePage)
    case groupMarksStored(GroupMarksStored)
    case inboxErased(InboxErased)
    case devicePage(DevicePage)
    case swept(Swept)
}

/// Why a batch did not happen. The engine has rolled everything back and can be asked again.
public enum StoreFailure: Error, Equatable, Sendable {
    /// No room, or the file system refuses writes.
    case full
    /// Reading or writing failed otherwise; the text is for the log.
    case broken(String)
}

/// A step of housekeeping: looks at the next `limit` entries in (owner, number) order and
/// - purges the remains of entries whose text is gone and whose id is older than `StoreLimits.idempotency`
///   (never an owner's newest entry: it carries the inbox's number on),
/// - drops the text of entries older than the expiry that some device has acknowledged,
/// - reports those that no device has acknowledged, so that their authors can be told before `dropExpired`,
/// - forgets devices that were not opened for the expiry time.
public struct Sweep: Equatable, Sendable {
    /// Where the last step stopped, as the engine wrote it; 0,0 begins anew.
    public var position: Position
    public var limit: Int

    public struct Position: Equatable, Sendable {
        public var owner: Int64
        public var number: UInt64
        public static let start = Position(owner: 0, number: 0)

        public init(owner: Int64, number: UInt64) {
            self.owner = owner
            self.number = number
        }
    }

    public init(position: Position, limit: Int) {
        self.position = position
        self.limit = limit
    }
}

/// What a step of housekeeping found.
public struct Swept: Equatable, Sendable {
    /// Where the next step begins; `.start` when the end was reached.
    public var next: Sweep.Position
    /// Entries to report to their authors, by owner; each report at most `MessageLimits.expiredCountMax` items.
    public var expired: [ExpiredReport]
    public var purgedCount: Int

    public init(next: Sweep.Position, expired: [ExpiredReport], purgedCount: Int) {
        self.next = next
        self.expired = expired
        self.purgedCount = purgedCount
    }
}

/// The authors know: drop the text.
public struct DropExpired: Equatable, Sendable {
    public var owner: UserID
    public var numbers: [UInt64]

    public init(owner: UserID, numbers: [UInt64]) {
        self.owner = owner
        self.numbers = numbers
    }
}

/// How an engine keeps messages.
public struct StorePolicy: Equatable, Sendable {
    /// False: text goes once every device has it. True: it stays for ever and can be asked for.
    public var isArchive: Bool
    /// How long a message waits for its first device, and how long an unused device is remembered.
    public var expiry: Interval

    public init(isArchive: Bool, expiry: Interval = StoreLimits.expiryDefault) {
        self.isArchive = isArchive
        self.expiry = expiry
    }
}

/// The bounds of engines.
public enum StoreLimits {
    /// How long a message id is remembered after its text is gone, so that a late repeat is recognised. Promised: 24 h.
    /// The hour more covers clocks that disagree.
    public static let idempotency = Interval.seconds(25 * 3600)

    /// 30 days, the time after which comparable services give up.
    public static let expiryDefault = Interval.seconds(30 * 24 * 3600)

    /// Requests in one transaction. Beyond that a batch only delays its first answer: 512 appends are about 5 ms.
    public static let batchRequestCountMax = 512

    /// Entries that one step of housekeeping looks at: well below a millisecond of the writer's time.
    public static let sweepEntryCountMax = 256
}

/// An engine. Called from one thread at a time.
public protocol Store {
    /// Runs `requests` in order as one transaction and syncs before it returns; answers in the same order.
    /// - Parameter stamp: the wall clock now. Stamps given out rise strictly per inbox even when this jumps back.
    /// - Throws: `StoreFailure`; then nothing of the batch has happened.
    mutating func apply(_ requests: [StoreRequest], stamp: Stamp) throws(StoreFailure) -> [StoreAnswer]
}

/// What makes two messages under one id the same message.
public enum ContentDigest {
    /// 64 bits of SipHash-1-3 under a fixed key over the body. Not a secret: it tells a repeat from a mistake.
    public static func of(_ body: [UInt8]) -> UInt64 { StableHash(k0: 0x46_61_6E_74_61_69_6C_00, k1: 1)(body) }
}
