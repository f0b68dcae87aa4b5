// What a shard knows of one user: soft state only, all of it can be read again.
//
//     delivered <= windowBase <= windowTop <= head
//
// `delivered`: every entry up to here is acknowledged by some device, and its author's receipt is durable.
// The window holds the headers of the entries in (windowBase, windowTop]: what receipts need to know.

import CoreKit
import Messages
import Primitives
import Privacy
import RPC

/// An entry as far as receipts and traces need it.
struct EntryHeader: Sendable {
    var number: UInt64
    var stamp: Stamp
    /// Nil for entries that earn no receipt: copies, notices of expiry, what happened to a group.
    var author: UserID?
    /// The group that a message was written to; its receipts go there.
    var group: UserID?
    var key: TraceKey

    init(_ entry: InboxEntry) { self.init(entry, key: TraceKey(author: entry.author, id: entry.id)) }

    /// - Parameter key: that of the entry; for many recipients it is made once.
    init(_ entry: InboxEntry, key: TraceKey) {
        number = entry.number
        stamp = entry.stamp
        author = entry.kind == .message || entry.kind == .groupMessage ? entry.author : nil
        group = entry.kind == .groupMessage ? entry.chat : nil
        self.key = key
    }
}

/// One device of a user, connected here (or just gone, while its last acknowledgement is being stored).
struct DeviceState: Sendable {
    enum Phase: Sendable {
        /// Persistence was asked for the cursor. Then: live, or the device is dropped.
        case opening(call: CallID)
        case live
        /// The connection is gone; kept until `stored` has caught up with `acknowledged`.
        case gone
    }

    /// As far as it is not the device's own: `MarkRead` with an origin is three times as large.
    struct ClaimedRead: Sendable {
        let with: UserID
        let stamp: Stamp
    }

    struct InFlight: Sendable {
        var number: UInt64
        var bytes: Int
    }

    let origin: Origin
    /// Which of the device's connections this is, by its own count.
    let attempt: UInt64?
    var phase: Phase
    /// Pushed up to here.
    var pushed: UInt64 = 0
    /// The highest number that this shard ever pushed on this connection: what it takes an acknowledgement for.
    var pushedMax: UInt64 = 0
    /// An acknowledgement beyond that, until the inbox's head is known.
    var claimed: UInt64?
    /// A read mark beyond the newest entry known here, likewise. One at a time: the client repeats what is not noted.
    var claimedRead: ClaimedRead?
    /// Acknowledged up to here.
    var acknowledged: UInt64 = 0
    /// The cursor that persistence has.
    var stored: UInt64 = 0
    /// The cursor on its way to persistence.
    var storing: UInt64?
    var inFlight: [InFlight] = []
    var inFlightBytes = 0
    /// A page is being read; its answer counts only under this call.
    var reading: CallID?
    /// Receipts pushed up to this revision.
    var revision = Stamp.zero
    var readingReceipts: CallID?
    /// Receipts came while a page of them was being read, or the page was refused.
    var mustReadReceipts = false
    /// When the oldest entry in flight counts as unanswered.
    var ackDeadline: Instant?
    var ackTries = 0

    var isOpening: Bool { if case .opening = phase { true } else { false } }
    var isLive: Bool { if case .live = phase { true } else { false } }
    var isGone: Bool { if case .gone = phase { true } else { false } }

    init(origin: Origin, attempt: UInt64?, opening call: CallID) {
        self.origin = origin
        self.attempt = attempt
        phase = .opening(call: call)
    }

    /// At the end of what was pushed, and with room: entry `number` may follow.
    func isReady(for number: UInt64) -> Bool { isLive && reading == nil && pushed == number - 1 && hasRoom }

    /// Sees everything that there is: what happens just now may be shown.
    func isAtHead(_ head: UInt64) -> Bool { isLive && reading == nil && pushed == head }

    /// Room for another page.
    var hasRoom: Bool {
        inFlight.count < SessionLimits.inflightEntryCountMax && inFlightBytes <= SessionLimits.inflightBytesLow
    }

    mutating func onPushed(_ number: UInt64, bytes: Int, now: Instant) {
        pushed = number
        pushedMax = max(pushedMax, number)
        inFlight.append(InFlight(number: number, bytes: bytes))
        inFlightBytes += bytes
        if ackDeadline == nil { ackDeadline = now + ackTimeout }
    }

    /// - Returns: false when it says nothing new.
    mutating func onAcknowledged(_ number: UInt64, now: Instant) -> Bool {
        guard number > acknowledged else { return false }
        acknowledged = number
        pushed = max(pushed, number)
        let count = inFlight.firstIndex { $0.number > number } ?? inFlight.count
        for entry in inFlight[..<count] { inFlightBytes -= entry.bytes }
        inFlight.removeFirst(count)
        ackTries = 0
        ackDeadline = inFlight.isEmpty ? nil : now + ackTimeout
        return true
    }

    /// Begins again behind what was acknowledged.
    mutating func rewind() {
        pushed = min(pushed, acknowledged)
        inFlight.removeAll()
        inFlightBytes = 0
        ackDeadline = nil
        reading = nil
    }

    var ackTimeout: Interval { SessionLimits.ackTimeoutFirst * Int64(1 << ackTries) }
}

/// Receipts on their way to authors for the entries up to `through`.
struct ReceiptRound: Sendable {
    /// Tells the answers of this round from those of one that was forgotten.
    let serial: UInt32
    var through: UInt64
    var outstanding: Int
    var hasFailed = false
}

struct UserState: Sendable {
    var devices: [DeviceState] = []
    /// What the user lets others see. Known once a device of theirs is live here.
    var settings = UserSettings()
    /// Devices that persistence knows of, connected or not.
    var deviceCount = 0
    /// The newest entry that this shard has heard of.
    var head: UInt64 = 0
    var headStamp = Stamp.zero
    var delivered: UInt64 = 0
    var window: [EntryHeader] = []
    var windowBase: UInt64 = 0
    var windowTop: UInt64 = 0
    var round: ReceiptRound?
    /// In the queue of those whose cursors are to be stored.
    var areCursorsWaiting = false
    var readingHeaders: CallID?
    var checkingHead: CallID?
    /// Who types to this user just now.
    var typists = Typists(countMax: SessionLimits.typistCountMax)
    /// Somebody said that the inbox has grown while its head was being read.
    var mustCheckAgain = false
    /// When the timer stands that looks for overdue acknowledgements; nil: it does not.
    var ackTimerAt: Instant?

    var hasSiblings: Bool { deviceCount > 1 }
    var hasConnection: Bool { devices.contains { !$0.isGone } }

    func index(of connection: ConnectionID, at gateway: NodeID) -> Int? {
        devices.firstIndex { $0.origin.connection == connection && $0.origin.gateway == gateway && !$0.isGone }
    }

    /// What a device has acknowledged and authors have been told of; nil: nothing that is not stored or on its way.
    func cursorToStore(of device: DeviceState) -> UInt64? {
        let number = min(device.acknowledged, delivered)
        return device.storing == nil && number > device.stored && !device.isOpening ? number : nil
    }

    var isCursorBehind: Bool { devices.contains { cursorToStore(of: $0) != nil } }

    /// Of two versions the newer stands.
    /// - Returns: false when these are not newer.
    mutating func note(_ settings: UserSettings) -> Bool {
        guard settings.revision > self.settings.revision else { return false }
        self.settings = settings
        return true
    }

    mutating func noteHead(_ number: UInt64, _ stamp: Stamp) {
        if number > head {
            head = number
            headStamp = stamp
        }
    }

    /// Takes the header of an entry that was just appended.
    mutating func noteHeader(_ header: EntryHeader) {
        guard header.number == windowTop + 1 else { return }
        window.append(header)
        windowTop = header.number
    }

    /// Takes the headers of a page that is complete for (`after`, `through`].
    mutating func noteHeaders(_ entries: [EntryHeader], after: UInt64, through: UInt64) {
        guard after <= windowTop, through > windowTop else { return }
        window.append(contentsOf: entries.filter { $0.number > windowTop })
        windowTop = through
    }

    /// Everything up to `number` has its receipts.
    mutating func noteDelivered(_ number: UInt64) {
        guard number > delivered else { return }
        delivered = number
        let count = window.firstIndex { $0.number > number } ?? window.count
        window.removeFirst(count)
        windowBase = max(windowBase, number)
        windowTop = max(windowTop, number)
    }
}
