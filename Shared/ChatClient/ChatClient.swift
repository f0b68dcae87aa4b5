// The reference client: everything docs/protocol.md asks of a client, as one pure state machine.
//
// The terminal chat, the simulator and the load tool all run this value; an app in another language can be written by
// reading it. It keeps three promises on its side of the wire:
//
// - It shows entry n of the inbox only after entry n - 1 (the number rule), acknowledges what it has shown, and meets a hole
//   by connecting anew.
// - It repeats a message under the same id until it is `sent` or refused for good, and never lets one message to a chat
//   overtake another: each names the one before it that is still on its way (`after`).
// - It comes back after every loss with backoff and jitter, from its cursor.
//
// The owner keeps `memory` somewhere safe whenever it changes, and obeys `actions`.

import ClientProtocol
import Primitives

/// What a device must not forget between two runs.
public struct ClientMemory: Equatable, Sendable {
    /// The highest inbox number that was shown; nil: never connected.
    public var cursor: UInt64?
    /// Revision of the newest receipt that was shown.
    public var ticks: Stamp?
    /// Messages without an answer, oldest first.
    public var outbox: [OutgoingMessage]

    public init(cursor: UInt64? = nil, ticks: Stamp? = nil, outbox: [OutgoingMessage] = []) {
        self.cursor = cursor
        self.ticks = ticks
        self.outbox = outbox
    }
}

/// A message that was not answered yet.
public struct OutgoingMessage: Equatable, Sendable {
    public var id: MessageID
    public var to: UserID
    public var body: [UInt8]

    public init(id: MessageID, to: UserID, body: [UInt8]) {
        self.id = id
        self.to = to
        self.body = body
    }
}

/// What the owner of a client does for it.
public enum ClientAction: Equatable, Sendable {
    /// Open a WebSocket to some gateway, then call `onConnected`, or `onDisconnected` if it fails.
    case connect
    /// Close it; `onDisconnected` need not be called.
    case disconnect
    case transmit(ClientFrame)
    case tell(ClientNews)
}

/// What a person at the client wants to know.
public enum ClientNews: Equatable, Sendable {
    case online
    /// The next try comes in so many milliseconds.
    case offline(retryMs: Int64)
    /// A new entry of the inbox: `.message`, `.copy` or `.expired`, each number once, in order.
    case entry(ServerFrame)
    /// These numbers will never come: they were dropped before this device had them.
    case gap(from: UInt64, to: UInt64)
    /// First tick.
    case sent(id: MessageID, to: UserID, at: Stamp)
    /// Refused for good; the message left the outbox.
    case failed(id: MessageID, ErrorFrame)
    case delivered(with: UserID, at: Stamp)
    case read(with: UserID, at: Stamp)
    case history(ref: MessageID?, entries: [ServerFrame], more: Bool)
    /// The cursor belongs to another inbox (the server was set up anew): the client starts over from what the server has.
    case cursorLost
    case refused(ErrorFrame)
}

public enum ClientTimes {
    /// Without `sent` or `noted` in this time the frame is repeated. A cluster that works answers in milliseconds; 5 s is the
    /// time after which its own calls between services have ended, one way or the other.
    public static let answerTimeout = Interval.seconds(5)
    /// Without a connection, and then without `welcome`, in this time the connection is given up. Longer than
    /// `answerTimeout`: a phone on a bad network needs several round trips to connect.
    public static let welcomeTimeout = Interval.seconds(10)
    /// Silence after which the connection counts as dead; the server pings every 30 s.
    public static let silenceMax = Interval.seconds(90)
    /// First wait before connecting again, and the longest; each is spread by half to one and a half.
    public static let reconnectFirst = Interval.milliseconds(250)
    public static let reconnectMax = Interval.seconds(30)
    /// Wait after a refusal that time can heal and that names no time itself.
    public static let retryDefault = Interval.milliseconds(250)
}

public struct ChatClient: Sendable {
    private enum Phase: Sendable {
        /// Waiting for the next try.
        case waiting
        /// `connect` was ordered.
        case connecting
        /// `hello` is out.
        case greeting
        /// `welcome` came.
        case live
    }

    private enum Timer: Hashable, Sendable {
        case reconnect
        /// No `welcome` yet.
        case welcome
        /// Silence.
        case silence
        /// Some message or read mark has waited for its answer, or for its retry.
        case retry
    }

    private struct Pending: Sendable {
        var message: OutgoingMessage
        /// When the answer is overdue; nil: not on the wire.
        var deadline: Instant?
        /// Not before this.
        var notBefore: Instant
        var retryWait = ClientTimes.retryDefault
    }

    private var phase = Phase.waiting
    private var timers = TimerQueue<Timer>()
    private var dice: SeededGenerator
    private var reconnectWait = ClientTimes.reconnectFirst
    private var heardAt = Instant.zero
    /// Messages on the wire at once. 16 keeps a connection busy without flooding it.
    private let windowCount: Int

    private var cursor: UInt64?
    private var ticks: Stamp?
    private var outbox: [Pending] = []
    /// Read marks without `noted`, by peer, in the order they were made.
    private var reads: [(peer: UserID, at: Stamp, deadline: Instant?)] = []
    private var mustAcknowledge = false
    private var isRunning = false

    public private(set) var actions: [ClientAction] = []

    public init(memory: ClientMemory = ClientMemory(), windowCount: Int = 16, dice: SeededGenerator) {
        cursor = memory.cursor
        ticks = memory.ticks
        outbox = memory.outbox.map { Pending(message: $0, deadline: nil, notBefore: .zero) }
        self.windowCount = windowCount
        self.dice = dice
    }

    /// What must survive this process.
    public var memory: ClientMemory { ClientMemory(cursor: cursor, ticks: ticks, outbox: outbox.map(\.message)) }
    public var isLive: Bool { phase == .live }
    public var hasWork: Bool { !outbox.isEmpty || !reads.isEmpty }
    public mutating func deadline() -> Instant? { timers.next() }

    public mutating func takeActions() -> [ClientAction] {
        defer { actions.removeAll(keepingCapacity: true) }
        return actions
    }

    // MARK: Orders of the person

    public mutating func start(now: Instant) {
        isRunning = true
        connect(now)
    }

    /// Leaves; what is in the outbox stays there.
    public mutating func stop() {
        isRunning = false
        if phase != .waiting { actions.append(.disconnect) }
        lose()
        timers.cancel(.reconnect)
    }

    /// - Parameter id: unique among this author's messages, for ever.
    public mutating func send(id: MessageID, to: UserID, body: [UInt8], now: Instant) {
        outbox.append(Pending(message: OutgoingMessage(id: id, to: to, body: body), deadline: nil, notBefore: now))
        pump(now)
    }

    /// Everything that `peer` sent, up to the stamp of the newest message that was looked at.
    public mutating func markRead(with peer: UserID, at: Stamp, now: Instant) {
        reads.removeAll { $0.peer == peer && $0.at <= at }
        guard !reads.contains(where: { $0.peer == peer }) else { return }
        reads.append((peer, at, nil))
        pump(now)
    }

    public mutating func requestHistory(ref: MessageID?, with: UserID?, before: UInt64?, limit: Int) {
        guard phase == .live else { return }
        actions.append(.transmit(.history(ref: ref, with: with, before: before, limit: limit)))
    }

    // MARK: Facts

    public mutating func onConnected(now: Instant) {
        guard phase == .connecting else { return }
        phase = .greeting
        heardAt = now
        actions.append(.transmit(.hello(cursor: cursor, ticks: ticks)))
        timers.arm(.welcome, at: now + ClientTimes.welcomeTimeout)
        timers.arm(.silence, at: now + ClientTimes.silenceMax)
    }

    /// - Parameter retryAt: the server's or the operator's wish; nil: the client's own backoff.
    public mutating func onDisconnected(now: Instant) {
        guard phase != .waiting else { return }
        retreat(now)
    }

    /// Any bytes at all, a ping for instance.
    public mutating func onHeard(now: Instant) { heardAt = now }

    public mutating func onFrame(_ frame: ServerFrame, now: Instant) {
        heardAt = now
        switch frame {
        case .welcome(_, _, let start, _, let revision, _, _):
            onWelcome(start: start, revision: revision, now: now)
        case .message(let number, _, _, _, _), .copy(let number, _, _, _, _), .expired(let number, _, _, _):
            onEntry(number, frame, now: now)
        case .groupMessage(let number, _, _, _, _, _, _), .groupEvent(let number, _, _, _, _, _, _):
            onEntry(number, frame, now: now)
        case .gap(let from, let to):
            onGap(from: from, to: to, now: now)
        case .sent(let id, let to, let at):
            guard let index = outbox.firstIndex(where: { $0.message.id == id && $0.message.to == to }) else { return }
            outbox.remove(at: index)
            actions.append(.tell(.sent(id: id, to: to, at: at)))
            pump(now)
        case .delivered(let peer, let at, let revision):
            guard isNews(revision) else { return }
            actions.append(.tell(.delivered(with: peer, at: at)))
        case .read(let peer, let at, let revision):
            guard isNews(revision) else { return }
            actions.append(.tell(.read(with: peer, at: at)))
        case .noted(let peer, let at):
            reads.removeAll { $0.peer == peer && $0.at <= at }
        case .history(let ref, let entries, let more):
            actions.append(.tell(.history(ref: ref, entries: entries, more: more)))
        case .pong, .groupDone, .groupInfo, .groupList, .groupCounts, .groupLate, .receipts:
            break
        case .error(let error):
            onError(error, now: now)
        }
    }

    /// The end of a batch of frames: one acknowledgement for all of them.
    public mutating func flush(now: Instant) {
        guard mustAcknowledge, phase == .live, let cursor else { return }
        mustAcknowledge = false
        actions.append(.transmit(.ack(upTo: cursor)))
    }

    public mutating func onDeadline(now: Instant) {
        while let timer = timers.popDue(now) {
            switch timer {
            case .reconnect:
                connect(now)
            case .welcome:
                if phase == .greeting || phase == .connecting { giveUp(now) }
            case .silence:
                guard phase != .waiting else { break }
                if now - heardAt >= ClientTimes.silenceMax {
                    giveUp(now)
                } else {
                    timers.arm(.silence, at: heardAt + ClientTimes.silenceMax)
                }
            case .retry:
                onRetry(now)
            }
        }
    }

    // MARK: The stream

    private mutating func onWelcome(start: UInt64, revision: Stamp, now: Instant) {
        guard phase == .greeting else { return }
        phase = .live
        timers.cancel(.welcome)
        reconnectWait = ClientTimes.reconnectFirst
        if cursor == nil { cursor = start }
        if ticks == nil { ticks = revision }
        for index in outbox.indices {
            outbox[index].deadline = nil
            outbox[index].notBefore = now
        }
        for index in reads.indices { reads[index].deadline = nil }
        actions.append(.tell(.online))
        pump(now)
    }

    private mutating func onEntry(_ number: UInt64, _ frame: ServerFrame, now: Instant) {
        guard phase == .live, let cursor else { return }
        if number > cursor + 1 { return giveUp(now) }
        mustAcknowledge = true
        guard number == cursor + 1 else { return }
        self.cursor = number
        actions.append(.tell(.entry(frame)))
    }

    private mutating func onGap(from: UInt64, to: UInt64, now: Instant) {
        guard phase == .live, let cursor else { return }
        if from > cursor + 1 { return giveUp(now) }
        mustAcknowledge = true
        guard to > cursor else { return }
        self.cursor = to
        actions.append(.tell(.gap(from: max(from, cursor + 1), to: to)))
    }

    /// Receipts come in the order of their revisions; one that does not is a repeat, or an echo from a shard that served this
    /// connection before. Showing it would take a tick back.
    private mutating func isNews(_ revision: Stamp) -> Bool {
        guard revision > ticks ?? .zero else { return false }
        ticks = revision
        return true
    }

    // MARK: The outbox

    private mutating func onError(_ error: ErrorFrame, now: Instant) {
        if phase == .greeting && error.ref == nil { return onHelloRefused(error, now: now) }
        guard let index = outbox.firstIndex(where: { $0.message.id == error.ref }) else {
            return actions.append(.tell(.refused(error)))
        }
        switch error.code {
        case .overloaded, .unavailable, .storageFull, .helloMissing:
            let wait = error.retryMs.map { Interval.milliseconds(Int64($0)) } ?? outbox[index].retryWait
            outbox[index].deadline = nil
            outbox[index].notBefore = now + dice.jittered(wait)
            outbox[index].retryWait = min(outbox[index].retryWait * 2, ClientTimes.reconnectMax)
            // What was sent behind it to the same chat is refused too, and comes again behind it.
        case .predecessorMissing:
            // What went before it was lost on the way: send the whole chat again, in order. Repeats are recognised.
            for earlier in outbox[...index].indices where outbox[earlier].message.to == outbox[index].message.to {
                outbox[earlier].deadline = nil
            }
            outbox[index].notBefore = now + dice.jittered(outbox[index].retryWait)
            outbox[index].retryWait = min(outbox[index].retryWait * 2, ClientTimes.reconnectMax)
        default:
            outbox.remove(at: index)
            actions.append(.tell(.failed(id: error.ref!, error)))
        }
        pump(now)
    }

    private mutating func onHelloRefused(_ error: ErrorFrame, now: Instant) {
        if error.code == .cursorAhead {
            cursor = nil
            ticks = nil
            // Stamps of the other history: nobody could take these marks.
            reads.removeAll()
            actions.append(.tell(.cursorLost))
        } else {
            actions.append(.tell(.refused(error)))
        }
        giveUp(now)
    }

    /// Puts on the wire what may go: in order per chat, at most `windowCount` at once.
    private mutating func pump(_ now: Instant) {
        guard phase == .live else { return }
        var onWire = outbox.count { $0.deadline != nil }
        var before: [UserID: MessageID] = [:]
        var blocked: Set<UserID> = []
        var next: Instant?
        for index in outbox.indices {
            let chat = outbox[index].message.to
            if outbox[index].deadline == nil {
                if blocked.contains(chat) || onWire >= windowCount { blocked.insert(chat); continue }
                guard outbox[index].notBefore <= now else {
                    blocked.insert(chat)
                    next = min(next ?? outbox[index].notBefore, outbox[index].notBefore)
                    continue
                }
                outbox[index].deadline = now + ClientTimes.answerTimeout
                onWire += 1
                let message = outbox[index].message
                actions.append(
                    .transmit(.send(id: message.id, to: message.to, body: message.body, after: before[chat])))
            }
            before[chat] = outbox[index].message.id
            next = min(next ?? outbox[index].deadline!, outbox[index].deadline!)
        }
        for index in reads.indices {
            if reads[index].deadline == nil {
                reads[index].deadline = now + ClientTimes.answerTimeout
                actions.append(.transmit(.read(with: reads[index].peer, at: reads[index].at)))
            }
            next = min(next ?? reads[index].deadline!, reads[index].deadline!)
        }
        if let next { timers.arm(.retry, at: next) } else { timers.cancel(.retry) }
    }

    private mutating func onRetry(_ now: Instant) {
        for index in outbox.indices {
            if let deadline = outbox[index].deadline, deadline <= now { outbox[index].deadline = nil }
        }
        for index in reads.indices {
            if let deadline = reads[index].deadline, deadline <= now { reads[index].deadline = nil }
        }
        pump(now)
    }

    // MARK: The connection

    private mutating func connect(_ now: Instant) {
        guard isRunning else { return }
        phase = .connecting
        timers.arm(.welcome, at: now + ClientTimes.welcomeTimeout)
        actions.append(.connect)
    }

    /// Closes a connection that is of no use.
    private mutating func giveUp(_ now: Instant) {
        actions.append(.disconnect)
        retreat(now)
    }

    private mutating func retreat(_ now: Instant) {
        lose()
        guard isRunning else { return }
        let wait = dice.jittered(reconnectWait)
        reconnectWait = min(reconnectWait * 2, ClientTimes.reconnectMax)
        timers.arm(.reconnect, at: now + wait)
        actions.append(.tell(.offline(retryMs: wait.milliseconds)))
    }

    private mutating func lose() {
        phase = .waiting
        mustAcknowledge = false
        timers.cancel(.welcome)
        timers.cancel(.silence)
        timers.cancel(.retry)
        for index in outbox.indices { outbox[index].deadline = nil }
    }
}
