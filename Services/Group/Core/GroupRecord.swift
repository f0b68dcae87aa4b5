// What a shard knows of one group. All of it can be read again.

import CoreKit
import Groups
import Messages
import Primitives
import RPC

/// Something asked of a group.
enum GroupRequest: Sendable {
    case message(GroupSend)
    case act(GroupAct)
    case query(GroupQuery)
    case receipts(RemoteCall, GroupMarkBatch)
}

/// A request and how often it has met a group that had changed elsewhere.
struct Submission: Sendable {
    var request: GroupRequest
    var tries = 0
}

/// Members by the partition that keeps their inboxes.
typealias Split = [NodeID: [UserID]]

/// Who gets an entry. Most entries share the split of the roster.
struct Audience: Sendable {
    struct Part: Sendable {
        var mark: MembershipMark
        var members: Split
    }

    var parts: [Part]
    /// Counts changes of membership: entries of one version may travel together.
    var version: UInt64
    /// An ordinary message: one part, no mark.
    var isPlain: Bool { parts.count == 1 && parts[0].mark == .none }
}

struct PendingEntry: Sendable {
    var entry: GroupEntry
    var audience: Audience
}

/// The way into one partition: entries in order, one batch at a time.
struct Lane: Sendable {
    /// Everything before this number is in the inboxes.
    var next: UInt64
    /// A batch is on its way; nil: none.
    var flight: Flight?
    /// Failures in a row.
    var tryCount = 0
    /// Until when it rests after a failure.
    var restsUntil: Instant?
    var isLateTold = false

    struct Flight: Sendable {
        let serial: UInt32
        let through: UInt64
        var outstanding: Int
        var failedCount = 0
        var isBehind = false
    }
}

/// How far one member has come.
struct MemberMarks: Sendable {
    var wrote = Stamp.zero
    var delivered = Stamp.zero
    var read = Stamp.zero
    /// What the author was told of the others.
    var deliveredTold = Stamp.zero
    var readTold = Stamp.zero

    func told(_ kind: ReceiptKind) -> Stamp { kind == .delivered ? deliveredTold : readTold }

    mutating func raiseTold(_ kind: ReceiptKind, to upTo: Stamp) {
        switch kind {
        case .delivered: deliveredTold = max(deliveredTold, upTo)
        case .read: readTold = max(readTold, upTo)
        }
    }

    /// As the store has it. Marks never fall, and what was stored since it was asked is known here.
    mutating func raise(wrote: Stamp, delivered: Stamp, read: Stamp) {
        self.wrote = max(self.wrote, wrote)
        self.delivered = max(self.delivered, delivered)
        self.read = max(self.read, read)
    }
}

/// A message whose author may want to know how it fares.
struct KnownMessage: Sendable {
    let stamp: Stamp
    let author: UserID
    var delivered = 0
    var read = 0
    /// Everybody has read it.
    var isDone = false
}

/// Ticks on their way to authors.
struct Ticking: Sendable {
    var inFlight = 0
    var hasFailed = false
    /// The revision from which the latest were told.
    var from: UInt64 = 0
}

struct GroupRecord: Sendable {
    enum Phase: Sendable {
        /// Events up to the last finished fan-out are read.
        case events(after: UInt64)
        /// Then everything behind it.
        case tail
        /// Then how far the members have come. What the first page says of the group holds for all of them.
        case marks(first: GroupMarks?)
        case ready
        /// Nothing new elsewhere? Then the waiting requests go on.
        case checking
    }

    var phase = Phase.events(after: 0)
    /// Raised by every reading: answers to what was asked before it tell their author, and nothing else.
    var generation: UInt32
    var state = GroupState()
    var version: UInt64 = 0
    var split: Split = [:]
    var head: UInt64 = 0
    var headStamp = Stamp.zero
    var eventNumber: UInt64 = 0
    /// What the store has as fanned out.
    var fannedOut: UInt64 = 0
    /// Everything that the group had at this revision (see `GroupMarks`) is known here, and the highest that was heard of. Where
    /// they differ another shard took something, which is read before the next tick.
    var revision: UInt64 = 0
    var revisionHeard: UInt64 = 0
    /// Up to which revision authors know their ticks, and what the store has of it.
    var told: UInt64 = 0
    var toldStored: UInt64 = 0
    var ticking = Ticking()
    /// The store is being told what is settled.
    var isSettling = false
    var waiting: [Submission] = []
    var isEventInFlight = false
    var appendsInFlight = 0
    /// Rising numbers; the first is the oldest that some lane has not done.
    var pending: [PendingEntry] = []
    var pendingBytes = 0
    var lanes: [NodeID: Lane] = [:]
    var marks: [UserID: MemberMarks] = [:]
    /// Newest last; all messages that are stamped after `knownFrom`.
    var known: [KnownMessage] = []
    var knownFrom = Stamp.zero
    /// Batches of marks on their way to the store.
    var marksInFlight = 0
    var typing: GroupTypists
    var lastUsed: Instant

    /// A revision was heard of.
    /// - Parameter isOurs: it was made by what is known here.
    mutating func hear(_ revision: UInt64, isOurs: Bool) {
        revisionHeard = max(revisionHeard, revision)
        if isOurs, isLoaded, revision == self.revision + 1 { self.revision = revision }
    }

    /// - Parameter now: from when on the group is read.
    init(generation: UInt32, now: Instant) {
        self.generation = generation
        typing = GroupTypists(confirmedAt: now)
        lastUsed = now
    }

    /// Requests may be taken.
    var isReady: Bool { if case .ready = phase { true } else { false } }
    /// Everything was read; what is owed goes on also while it is asked whether there is more.
    var isLoaded: Bool { if case .checking = phase { true } else { isReady } }
    var isFull: Bool {
        pending.count + appendsInFlight >= GroupServiceLimits.pendingCountMax
            || pendingBytes >= GroupServiceLimits.pendingBytesMax
    }
    /// Nothing is owed to anybody, as far as is known here.
    var isIdle: Bool {
        isReady && waiting.isEmpty && pending.isEmpty && appendsInFlight == 0 && marksInFlight == 0 && !isSettling
            && toldStored == revisionHeard
    }

    /// A member's mark; who came later has nothing to receive from before.
    func effective(_ member: UserID, _ kind: ReceiptKind) -> Stamp {
        let marks = marks[member]
        let own = kind == .delivered ? marks?.delivered : marks?.read
        return max(own ?? .zero, state.members[member]?.joinedAt ?? .zero)
    }

    mutating func note(_ message: KnownMessage) {
        known.append(message)
        let excess = known.count - GroupServiceLimits.knownMessageCountMax
        guard excess > 0 else { return }
        knownFrom = known[excess - 1].stamp
        known.removeFirst(excess)
    }

    /// False when the author surely wrote nothing that is stamped in (`after`, `through`].
    func mayHaveWritten(_ author: UserID, after: Stamp, through: Stamp) -> Bool {
        after < knownFrom || known.contains { $0.author == author && $0.stamp > after && $0.stamp <= through }
    }
}
