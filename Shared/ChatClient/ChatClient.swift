// The reference client: everything docs/protocol.md asks of a client, as one pure state machine.
//
// The terminal chat, the simulator and the load tool all run this value; an app in another language can be written by
// reading it. It keeps three promises on its side of the wire:
//
// - It shows entry n of the inbox only after entry n - 1 (the number rule), acknowledges what it has shown, and meets a hole
//   by connecting anew.
// - It repeats a message under the same id until it is `sent` or refused for good, and never lets one message to a chat
//   overtake another: each names the one before it that is still on its way (`after`). Changes of groups are repeated likewise.
// - It comes back after every loss with backoff and jitter, from its cursor.
//
// The owner keeps `memory` somewhere safe whenever it changes, and obeys `actions`.

import ClientProtocol
import Groups
import Primitives
import Privacy

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
        /// Some message, read mark or change has waited for its answer, or for its retry.
        case retry
        /// What is owed has gathered long enough.
        case acknowledge
        /// Somebody who is shown as typing has said nothing for long.
        case typing
        /// Say again who is watched.
        case watch
    }

    private struct Pending: Sendable {
        var message: OutgoingMessage
        /// It goes on the wire because its person has just written it; later it is the app that repeats it.
        var isFresh = false
        /// When the answer is overdue; nil: not on the wire.
        var deadline: Instant?
        /// Not before this.
        var notBefore: Instant
        var retryPause = RetryPause()
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
    private var attempt: UInt64
    private var outbox: [Pending] = []
    /// Read marks without `noted`, by peer, in the order they were made.
    private var reads: [(peer: UserID, at: Stamp, isFresh: Bool, deadline: Instant?)] = []
    private var changes: ChangeQueue
    private var acknowledging = Acknowledging()
    private var typing = TypingSigns()
    private var presence = OwnPresence()
    /// Of the newest settings that were told.
    private var settingsRevision: UInt64?
    private var isRunning = false

    public internal(set) var actions: [ClientAction] = []

    /// - Parameter launchedAt: the wall clock. Connections are counted from there, or from what is remembered if that is
    ///   more: a device that has lost its memory still counts upwards.
    public init(memory: ClientMemory = ClientMemory(), launchedAt: Stamp, windowCount: Int = 16, dice: SeededGenerator) {
        cursor = memory.cursor
        ticks = memory.ticks
        attempt = max(memory.attempt, UInt64(max(0, launchedAt.microseconds)))
        outbox = memory.outbox.map { Pending(message: $0, deadline: nil, notBefore: .zero) }
        changes = ChangeQueue(memory.changes)
        self.windowCount = windowCount
        self.dice = dice
    }

    /// What must survive this process.
    public var memory: ClientMemory {
        ClientMemory(cursor: cursor, ticks: ticks, attempt: attempt, outbox: outbox.map(\.message), changes: changes.waiting)
    }
    public var isLive: Bool { phase == .live }
    public var hasWork: Bool { !outbox.isEmpty || !reads.isEmpty || !changes.isEmpty }
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
    public mutating func stop(now: Instant) {
        isRunning = false
        if acknowledging.due(now: now) != nil { acknowledge(now) }
        if phase != .waiting { actions.append(.disconnect) }
        lose()
        timers.cancel(.reconnect)
    }

    /// - Parameters:
    ///   - id: unique among this author's messages, for ever.
    ///   - isOfPerson: false for what an app writes by itself, an automatic reply for instance: it does not make anybody online.
    public mutating func send(id: MessageID, to: UserID, body: [UInt8], isOfPerson: Bool = true, now: Instant) {
        let message = OutgoingMessage(id: id, to: to, body: body)
        outbox.append(Pending(message: message, isFresh: isOfPerson && phase == .live, deadline: nil, notBefore: now))
        typing.onSent(to: to)
        if isOfPerson { act(now) }
        pump(now)
    }

    /// Everything that `peer` sent, up to the stamp of the newest message that was looked at.
    public mutating func markRead(with peer: UserID, at: Stamp, now: Instant) {
        reads.removeAll { $0.peer == peer && $0.at <= at }
        guard !reads.contains(where: { $0.peer == peer }) else { return }
        reads.append((peer, at, phase == .live, nil))
        pump(now)
    }

    /// Makes (`group` is nil) or changes a group. Changes of one group go one after the other.
    /// - Parameter ref: unique among this person's changes and messages, for ever.
    public mutating func change(ref: MessageID, group: UserID?, _ change: GroupChange, now: Instant) {
        changes.add(OutgoingChange(ref: ref, group: group, change: change), now: now)
        pump(now)
    }

    /// The person has changed what she is writing to `peer`, a user or a group. Call it for each key: it is said as often as it
    /// should be.
    public mutating func type(to peer: UserID, now: Instant) {
        act(now)
        guard phase == .live else { return }
        for frame in typing.onTyped(to: peer, now: now) { actions.append(.transmit(frame)) }
    }

    /// The person has stopped and sent nothing: what she wrote is erased, or the chat is left. Who only pauses says nothing.
    public mutating func stopTyping(now: Instant) {
        if let frame = typing.onStopped(now: now), phase == .live { actions.append(.transmit(frame)) }
    }

    /// The app came to the front, where its person sees it, or went away from there. At first it is not in front.
    public mutating func setInFront(_ isInFront: Bool, now: Instant) {
        if let frame = presence.setInFront(isInFront, isLive: phase == .live, now: now) { actions.append(.transmit(frame)) }
    }

    /// The person does something in the app: scrolls, taps. Call it for each; it is said as often as it should be. What is written
    /// and sent counts by itself.
    public mutating func act(_ now: Instant) {
        if let frame = presence.onAct(isLive: phase == .live, now: now) { actions.append(.transmit(frame)) }
    }

    /// These are watched from now on, also after a reconnect, in place of those before; at most `ClientLimits.watchUserCountMax`.
    public mutating func watch(_ users: [UserID], now: Instant) {
        if let frame = presence.setWatched(users, isLive: phase == .live, now: now) { actions.append(.transmit(frame)) }
        armWatch()
    }

    private mutating func armWatch() {
        if let next = presence.watchAt { timers.arm(.watch, at: next) } else { timers.cancel(.watch) }
    }

    // MARK: Facts

    public mutating func onConnected(now: Instant) {
        guard phase == .connecting else { return }
        phase = .greeting
        heardAt = now
        attempt += 1
        actions.append(.transmit(.hello(cursor: cursor, ticks: ticks, attempt: attempt)))
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
        case .pong:
            break
        case .groupDone(let ref, let group, let number, let at):
            guard changes.remove(ref) else { return }
            actions.append(.tell(.changed(ref: ref, group: group, number: number, at: at)))
            pump(now)
        case .groupInfo(let ref, let info): actions.append(.tell(.groupInfo(ref: ref, info)))
        case .groupList(let ref, let groups, let more):
            actions.append(.tell(.groupList(ref: ref, groups: groups, more: more)))
        case .groupCounts(let group, let at, let delivered, let read, let of):
            actions.append(.tell(.counts(group: group, at: at, delivered: delivered, read: read, of: of)))
        case .groupLate(let group, let at, let count):
            actions.append(.tell(.late(group: group, at: at, count: count)))
        case .receipts(let ref, let with, let at, let entries):
            actions.append(.tell(.receipts(ref: ref, with: with, at: at, entries: entries)))
        case .typing(let from, let group, let isOn):
            guard phase == .live else { return }
            tell(typing.onSign(TypingSign(from: from, group: group), isOn: isOn, now: now))
        case .presence(let ref, let users):
            let isWatch = presence.onPresence(ref: ref, now: now)
            actions.append(.tell(.presence(ref: isWatch ? nil : ref, users)))
            armWatch()
        case .settings(let ref, let settings):
            // What another device changed may come after what was changed later.
            guard ref != nil || settings.revision > settingsRevision ?? 0 else { return }
            settingsRevision = max(settingsRevision ?? 0, settings.revision)
            actions.append(.tell(.settings(ref: ref, settings)))
        case .mediaUpload(let ref, let url, let until), .mediaLink(let ref, let url, let until):
            actions.append(.tell(.mediaLink(ref: ref, url: url, until: until)))
        case .mediaKept(let ref):
            actions.append(.tell(.mediaKept(ref: ref)))
        case .error(let error):
            onError(error, now: now)
        }
    }

    /// The end of a batch of frames: one acknowledgement for all of them, now or in a moment.
    public mutating func flush(now: Instant) {
        guard let due = acknowledging.due(now: now) else { return }
        if due <= now { acknowledge(now) } else { timers.armIfIdle(.acknowledge, at: due) }
    }

    private mutating func acknowledge(_ now: Instant) {
        guard phase == .live, let cursor else { return }
        timers.cancel(.acknowledge)
        acknowledging.onSaid(now: now)
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
            case .acknowledge:
                flush(now: now)
            case .typing:
                tell(typing.expire(now))
            case .watch:
                actions.append(.transmit(presence.watch(now)))
                armWatch()
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
        changes.restart(now: now)
        actions.append(.tell(.online))
        pump(now)
        for frame in presence.onWelcome(now: now) { actions.append(.transmit(frame)) }
        armWatch()
    }

    private mutating func onEntry(_ number: UInt64, _ frame: ServerFrame, now: Instant) {
        guard phase == .live, let cursor else { return }
        if number > cursor + 1 { return giveUp(now) }
        acknowledging.owe(bytes: frame.bodyBytes)
        guard number == cursor + 1 else { return }
        self.cursor = number
        if let sign = TypingSign(endedBy: frame) { tell(typing.onEnded(sign)) }
        actions.append(.tell(.entry(frame)))
    }

    private mutating func onGap(from: UInt64, to: UInt64, now: Instant) {
        guard phase == .live, let cursor else { return }
        if from > cursor + 1 { return giveUp(now) }
        acknowledging.owe(bytes: 0)
        guard to > cursor else { return }
        self.cursor = to
        actions.append(.tell(.gap(from: max(from, cursor + 1), to: to)))
    }

    private mutating func tell(_ signs: [(sign: TypingSign, isOn: Bool)]) {
        for (sign, isOn) in signs { actions.append(.tell(.typing(from: sign.from, group: sign.group, isOn: isOn))) }
        if let next = typing.next { timers.arm(.typing, at: next) } else { timers.cancel(.typing) }
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
        if presence.onError(error, dice: &dice, now: now) { return armWatch() }
        guard let index = outbox.firstIndex(where: { $0.message.id == error.ref }) else {
            return onErrorElsewhere(error, now: now)
        }
        switch error.code {
        case .overloaded, .unavailable, .storageFull, .helloMissing:
            outbox[index].deadline = nil
            outbox[index].notBefore = now + dice.jittered(outbox[index].retryPause.take(error))
            // What was sent behind it to the same chat is refused too, and comes again behind it.
        case .predecessorMissing:
            // What went before it was lost on the way: send the whole chat again, in order. Repeats are recognised.
            for earlier in outbox[...index].indices where outbox[earlier].message.to == outbox[index].message.to {
                outbox[earlier].deadline = nil
            }
            outbox[index].notBefore = now + dice.jittered(outbox[index].retryPause.take(error))
        default:
            outbox.remove(at: index)
            actions.append(.tell(.failed(id: error.ref!, error)))
        }
        pump(now)
    }

    /// An error that is about no message.
    private mutating func onErrorElsewhere(_ error: ErrorFrame, now: Instant) {
        if error.code == .rateLimited, error.ref == nil { slowDown(error, now: now) }
        if [.overloaded, .unavailable].contains(error.code), error.ref == nil {
            acknowledging.oweAgain(at: now + dice.jittered(error.retryPause ?? ClientTimes.retryDefault))
        }
        switch error.ref.flatMap({ changes.onError(error, ref: $0, dice: &dice, now: now) }) {
        case .retry?: break
        case .final?: actions.append(.tell(.changeFailed(ref: error.ref!, error)))
        case nil:
            // A group does not take our mark, and the error names it: the next look at it makes a new one.
            if let ref = error.ref, [.notMember, .noSuchGroup, .readAhead].contains(error.code) {
                reads.removeAll { $0.peer.isGroup && $0.peer.asReference == ref }
            }
            actions.append(.tell(.refused(error)))
        }
        pump(now)
    }

    /// Frames were dropped unread, nobody knows which: what has no answer is said again after the pause.
    private mutating func slowDown(_ error: ErrorFrame, now: Instant) {
        let later = now + dice.jittered(error.retryPause ?? ClientTimes.retryDefault)
        for index in outbox.indices where outbox[index].deadline != nil {
            outbox[index].deadline = nil
            outbox[index].notBefore = later
        }
        for index in reads.indices where reads[index].deadline != nil { reads[index].deadline = later }
        acknowledging.oweAgain(at: later)
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

    /// Puts on the wire what may go: messages in order per chat, at most `windowCount` at once; marks; changes of groups.
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
                    .transmit(
                        .send(
                            id: message.id, to: message.to, body: message.body, after: before[chat],
                            isAuto: !outbox[index].isFresh)))
                outbox[index].isFresh = false
            }
            before[chat] = outbox[index].message.id
            next = min(next ?? outbox[index].deadline!, outbox[index].deadline!)
        }
        for index in reads.indices {
            if reads[index].deadline == nil {
                reads[index].deadline = now + ClientTimes.answerTimeout
                actions.append(
                    .transmit(.read(with: reads[index].peer, at: reads[index].at, isAuto: !reads[index].isFresh)))
                reads[index].isFresh = false
            }
            next = min(next ?? reads[index].deadline!, reads[index].deadline!)
        }
        for change in changes.takeDue(now: now) {
            actions.append(.transmit(.group(ref: change.ref, group: change.group, change: change.change)))
        }
        if let due = changes.next { next = min(next ?? due, due) }
        if let next { timers.arm(.retry, at: next) } else { timers.cancel(.retry) }
    }

    private mutating func onRetry(_ now: Instant) {
        for index in outbox.indices {
            if let deadline = outbox[index].deadline, deadline <= now { outbox[index].deadline = nil }
        }
        for index in reads.indices {
            if let deadline = reads[index].deadline, deadline <= now { reads[index].deadline = nil }
        }
        changes.giveUpWaiting(now: now)
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
        acknowledging.onLost()
        timers.cancel(.acknowledge)
        timers.cancel(.welcome)
        timers.cancel(.silence)
        timers.cancel(.retry)
        for index in outbox.indices {
            outbox[index].deadline = nil
            outbox[index].isFresh = false
        }
        for index in reads.indices { reads[index].isFresh = false }
        presence.onLost()
        armWatch()
        tell(typing.onLost())
    }
}
