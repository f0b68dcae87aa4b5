// A device comes, catches up, stays live, goes.
//
// The inbox in persistence is the queue; a device is a position in it. While a device is at the head, a new entry is pushed
// as it is appended; otherwise pages are read from where the device stands, one at a time, each only when there is room in
// flight. Both ways end in the same place, so there is no hole between catch-up and live.

import ClientProtocol
import CoreKit
import Messages
import Primitives
import RPC

extension SessionCore {
    // MARK: Coming

    /// Of two connections of one device the newer stays. A device that counts them itself (`attempt`) leaves no doubt, whatever
    /// road its hellos took: the older is told that it was replaced when it is here, and asked to come again when it comes
    /// late, for the device may have lost its count.
    ///
    /// Without a count the higher number stays. Numbers come from the clocks of gateways, so the lower one is probably the
    /// older only when its device has just said hello on the other. Else it may be the device's only one, and is asked to
    /// come again, with a higher number.
    /// - Parameter isLate: the hello waited here, and its device may have gone meanwhile.
    mutating func onAttach(_ attach: Attach, isLate: Bool = false, _ effects: inout [Effect]) {
        let origin = attach.origin
        // What a gateway says itself comes in order: a connection that it attaches again has not ended, only moved.
        let hasEnded = endedEarly.remove(Seat(gateway: origin.gateway, connection: origin.connection)) != nil
        if hasEnded && !attach.isResume { return }
        guard gatewaysUp.contains(origin.gateway) else { return waitForGateway(attach) }
        // What the store says of the inbox from here on is said with the cursors that it was to have.
        if users[origin.user]?.areCursorsWaiting == true { storeCursors(origin.user, &effects) }
        var user = users[origin.user] ?? UserState()
        // A token that was revoked puts nobody out: whoever is here with a newer one stays.
        if !origin.isAttached, origin.issuedAt < user.settings.revokedBefore { return close(origin, .tokenRevoked, &effects) }
        for index in user.devices.indices.reversed() where user.devices[index].origin.device == origin.device {
            let former = user.devices[index].origin
            let formerAttempt = user.devices[index].attempt
            let isSame = former.connection == origin.connection && former.gateway == origin.gateway
            // The gateway asks again every second; a store that takes longer must not begin anew each time.
            if isSame && user.devices[index].isOpening { return }
            // It asked twice, and our answer to the first is on its way or was lost. To open it anew would be to lose it when the store
            // refuses: the gateway, which has its answer, would not ask again.
            if isSame && attach.isResume && user.devices[index].isLive {
                return tellAttached(user.devices[index], hasSiblings: user.hasSiblings, &effects)
            }
            if !isSame && !user.devices[index].isGone {
                let order = ConnectionOrder(of: (former, formerAttempt), and: (origin, attach.attempt))
                guard order.isSecondNewer else { return close(origin, .tryAgainLater, &effects) }
                let isFinal = order.isCertain || !(attach.isResume || isLate)
                close(former, isFinal ? .replaced : .tryAgainLater, &effects)
                noteDeparture(former)
            }
            user.devices.remove(at: index)
        }
        // The store has the newest word about tokens; we may not have heard it yet.
        let open = OpenDevice(
            owner: origin.user, device: origin.device, cursor: attach.cursor, issuedAt: origin.isAttached ? nil : origin.issuedAt)
        let call = ask(origin.user, .openDevice(open), .open(origin.user, attach), &effects)
        user.devices.append(DeviceState(origin: origin, attempt: attach.attempt, opening: call))
        users[origin.user] = user
        counters.attaches += 1
        if sessions.primary(of: origin.user) != selfID { outOfTurn.insert(origin.user) }
    }

    /// The parser that brought this `hello` sees the gateway and we do not yet: a cluster that has just been started, a link
    /// that was just lost.
    private mutating func waitForGateway(_ attach: Attach) {
        if attachesWaiting.count == SessionLimits.attachWaitingCountMax { attachesWaiting.removeFirst() }
        attachesWaiting.append(attach)
    }

    /// The gateway came into reach. A connection that ended meanwhile is detached when its gateway hears of it.
    mutating func onGatewayUp(_ gateway: NodeID, _ effects: inout [Effect]) {
        let waiting = attachesWaiting.filter { $0.origin.gateway == gateway }
        attachesWaiting.removeAll { $0.origin.gateway == gateway }
        for attach in waiting { onAttach(attach, isLate: true, &effects) }
    }

    mutating func onOpened(
        _ id: UserID, _ attach: Attach, _ call: CallID, _ result: Result<Message, Refusal>, now: Now,
        _ effects: inout [Effect]
    ) {
        guard
            let index = users[id]?.devices.firstIndex(where: {
                if case .opening(call) = $0.phase { true } else { false }
            })
        else { return }
        let origin = attach.origin
        switch result {
        case .success(.deviceOpened(let opened)) where opened.outcome == .opened:
            onLive(id, index, attach, opened, now: now, &effects)
            return
        case .success(.deviceOpened(let opened)) where opened.outcome == .cursorAhead:
            tell(origin, .error(ErrorFrame(.cursorAhead, "the inbox ends at \(opened.head): the cursor belongs to another")), &effects)
        case .success(.deviceOpened(let opened)) where opened.outcome == .revoked: close(origin, .tokenRevoked, &effects)
        case .success(.deviceOpened):
            let error = ErrorFrame(.tooManyDevices, "at most \(MessageLimits.deviceCountMax) devices a user")
            tell(origin, .error(error), &effects)
        case .success:
            tell(origin, .error(ErrorFrame(Refusal(.unsupported), ref: nil)), &effects)
        case .failure(let refusal):
            // A gateway that attaches again keeps trying by itself; the client need not know.
            if !attach.isResume { tell(origin, .error(ErrorFrame(refusal, ref: nil)), &effects) }
        }
        users[id]!.devices.remove(at: index)
        forgetIfIdle(id)
    }

    private mutating func onLive(
        _ id: UserID, _ index: Int, _ attach: Attach, _ opened: DeviceOpened, now: Now, _ effects: inout [Effect]
    ) {
        var user = users[id]!
        var device = user.devices[index]
        let start = attach.cursor ?? opened.cursor
        device.phase = .live
        device.stored = opened.cursor
        device.pushed = start
        device.pushedMax = start
        device.acknowledged = start
        device.revision = attach.revision ?? opened.revision
        user.devices[index] = device
        user.noteHead(opened.head, opened.headStamp)
        user.noteDelivered(opened.delivered)
        let hadSiblings = user.hasSiblings
        user.deviceCount = opened.deviceCount
        _ = user.note(opened.settings)
        users[id] = user
        armRenewal(now: now)

        // The gateway first: it judges the token before it lets anything through, and the client's answer to `welcome` must find the
        // connection attached.
        let origin = attach.origin
        tellTokenRule(user, origin, &effects)
        tellAttached(device, hasSiblings: user.hasSiblings, &effects)
        if !attach.isResume {
            tell(
                origin,
                .welcome(
                    user: id, device: origin.device, cursor: start, head: user.head, ticks: device.revision, time: now.stamp,
                    archive: isArchive), &effects)
        }
        if user.hasSiblings != hadSiblings { tellSiblings(of: origin.connection, user, &effects) }
        if device.revision < opened.revision { readReceipts(id, index, &effects) }
        resume(id, now: now, &effects)
    }

    private func tellSiblings(of connection: ConnectionID?, _ user: UserState, _ effects: inout [Effect]) {
        for other in user.devices where other.isLive && other.origin.connection != connection {
            tellAttached(other, hasSiblings: user.hasSiblings, &effects)
        }
    }

    private func tellAttached(_ device: DeviceState, hasSiblings: Bool, _ effects: inout [Effect]) {
        let attached = Attached(
            connection: device.origin.connection, revision: device.revision, hasSiblings: hasSiblings,
            attempt: device.attempt)
        effects.append(.send(device.origin.gateway, .attached(attached)))
    }

    private func close(_ origin: Origin, _ reason: ClosingReason, _ effects: inout [Effect]) {
        let order = CloseConnection(connection: origin.connection, code: reason.rawValue, reason: reason.text)
        effects.append(.send(origin.gateway, .closeConnection(order)))
    }

    // MARK: Staying

    /// A device that is connected and gets no messages gives persistence no sign of life, and would be forgotten as unused:
    /// what it has not seen would be dropped when its siblings have it, and copies for it not be made.
    mutating func renewDevices(_ id: UserID, _ effects: inout [Effect]) {
        for device in users[id]?.devices ?? [] where device.isLive {
            let open = OpenDevice(owner: id, device: device.origin.device, cursor: device.acknowledged)
            ask(id, .openDevice(open), .renewal(id), &effects)
        }
    }

    /// A refusal waits for the next round.
    mutating func onRenewed(_ id: UserID, _ result: Result<Message, Refusal>, _ effects: inout [Effect]) {
        guard case .success(.deviceOpened(let opened)) = result, opened.outcome == .opened, var user = users[id] else { return }
        let hadSiblings = user.hasSiblings
        user.deviceCount = opened.deviceCount
        let isNews = user.note(opened.settings)
        users[id] = user
        if user.hasSiblings != hadSiblings { tellSiblings(of: nil, user, &effects) }
        if isNews { tellTokenRule(user, &effects) }
    }

    /// Of somebody whose tokens were revoked once: the gateway knows how old a connection's token is.
    private func tellTokenRule(_ user: UserState, _ origin: Origin, _ effects: inout [Effect]) {
        guard user.settings.revokedBefore != .zero else { return }
        let rule = TokenRule(connection: origin.connection, before: user.settings.revokedBefore)
        effects.append(.send(origin.gateway, .tokenRule(rule)))
    }

    /// Tokens were revoked: what a device that is gone had acknowledged is not stored any more. It would make the device known again.
    mutating func forgetGone(_ id: UserID) {
        users[id]?.devices.removeAll(where: \.isGone)
        forgetIfIdle(id)
    }

    func tellTokenRule(_ user: UserState, _ effects: inout [Effect]) {
        for device in user.devices where device.isLive { tellTokenRule(user, device.origin, &effects) }
    }

    // MARK: Going

    mutating func onDetach(_ detach: Detach, from gateway: NodeID, _ effects: inout [Effect]) {
        if let index = users[detach.user]?.index(of: detach.connection, at: gateway) {
            return leave(detach.user, index, hasMoved: detach.hasMoved, &effects)
        }
        if endedEarly.count == SessionLimits.endedEarlyCountMax { endedEarly.removeAll(keepingCapacity: true) }
        endedEarly.insert(Seat(gateway: gateway, connection: detach.connection))
    }

    mutating func onGatewayDown(_ gateway: NodeID, _ effects: inout [Effect]) {
        for id in users.keys.sorted() {
            for index in users[id]!.devices.indices.reversed() where users[id]!.devices[index].origin.gateway == gateway {
                leave(id, index, &effects)
                if users[id] == nil { break }
            }
        }
    }

    /// The connection is gone. What the device acknowledged is still stored, then the device is forgotten.
    /// - Parameter hasMoved: it is gone from here only, and lives at another shard.
    private mutating func leave(_ id: UserID, _ index: Int, hasMoved: Bool = false, _ effects: inout [Effect]) {
        let device = users[id]!.devices[index]
        if device.isGone { return }
        if !hasMoved { noteDeparture(device.origin) }
        if device.isLive && device.acknowledged > device.stored {
            users[id]!.devices[index].phase = .gone
            users[id]!.devices[index].rewind()
            users[id]!.devices[index].readingReceipts = nil
            // Nothing more will come from it that could share the write.
            storeCursors(id, &effects)
        } else {
            users[id]!.devices.remove(at: index)
        }
        if !hasMoved { noteUnseen(id, device) }
        forgetIfIdle(id)
    }

    /// Drops what is kept of a user who has nobody here and nothing under way.
    mutating func forgetIfIdle(_ id: UserID) {
        guard let user = users[id] else { return }
        if !user.hasConnection { outOfTurn.remove(id) }
        guard user.devices.isEmpty else { return }
        users[id] = nil
        timers.cancel(.acknowledgement(id))
        timers.cancel(.retry(id))
    }

    // MARK: Pushing

    /// An entry was appended, and here it is. The hottest path of a group: the user is looked up once, and nothing is copied
    /// out of the table.
    /// - Parameter key: that of the entry; for many recipients it is made once.
    mutating func onGrown(_ id: UserID, _ entry: InboxEntry, _ key: TraceKey, now: Now, _ effects: inout [Effect]) {
        guard let place = users.place(of: id) else { return }
        let stamp = entry.kind.isOfGroup ? users[place: place].headStamp : entry.stamp
        users[place: place].noteHead(entry.number, stamp)
        users[place: place].noteHeader(EntryHeader(entry, key: key))
        for index in users[place: place].devices.indices {
            if users[place: place].devices[index].isReady(for: entry.number) {
                let wasSilent = users[place: place].devices[index].ackDeadline == nil
                push(entry, key, to: place, index, now: now, &effects)
                if wasSilent { armAckTimer(id) }
            } else {
                catchUp(id, index, &effects)
            }
        }
    }

    /// Reads the next page for a device that is behind and has room.
    mutating func catchUp(_ id: UserID, _ index: Int, _ effects: inout [Effect]) {
        let device = users[id]!.devices[index]
        guard device.isLive, device.reading == nil, device.pushed < users[id]!.head, device.hasRoom else { return }
        let read = ReadInbox(
            owner: id, after: device.pushed,
            limit: SessionLimits.inflightEntryCountMax - device.inFlight.count, headersOnly: false)
        let origin = device.origin
        users[id]!.devices[index].reading = ask(
            id, .readInbox(read), .page(id, origin.connection, origin.gateway, after: device.pushed), &effects)
    }

    mutating func onPage(
        _ id: UserID, _ connection: ConnectionID, _ gateway: NodeID, after: UInt64, _ call: CallID,
        _ result: Result<Message, Refusal>, now: Now, _ effects: inout [Effect]
    ) {
        guard let index = users[id]?.index(of: connection, at: gateway), users[id]!.devices[index].reading == call else {
            return
        }
        users[id]!.devices[index].reading = nil
        guard case .success(.inboxPage(let page)) = result else { return retryLater(id, now: now) }
        users[id]!.noteHead(page.head, users[id]!.headStamp)
        users[id]!.noteHeaders(page.entries.map(EntryHeader.init), after: after, through: page.through)
        // The device may have acknowledged a part meanwhile: what it held from before, here or at another shard.
        for entry in page.entries where entry.number > users[id]!.devices[index].pushed {
            if entry.number > users[id]!.devices[index].pushed + 1 {
                pushGap(to: entry.number - 1, id, index, now: now, &effects)
            }
            guard let place = users.place(of: id) else { return }
            push(entry, TraceKey(author: entry.author, id: entry.id), to: place, index, now: now, &effects)
        }
        if page.through > users[id]!.devices[index].pushed { pushGap(to: page.through, id, index, now: now, &effects) }
        armAckTimer(id)
        if page.through > after {
            catchUp(id, index, &effects)
        } else if users[id]!.devices[index].pushed < users[id]!.head {
            // An inbox that ends before its head: a store set back to an older day. Asked again, but not without pause.
            retryLater(id, now: now)
        }
    }

    private mutating func push(
        _ entry: InboxEntry, _ key: TraceKey, to place: Int, _ index: Int, now: Now,
        _ effects: inout [Effect]
    ) {
        counters.entriesPushed += 1
        // A copy bears the stamp of another inbox, a group's entry that of the group.
        if entry.kind != .copy && !entry.kind.isOfGroup {
            users[place: place].headStamp = max(users[place: place].headStamp, entry.stamp)
        }
        users[place: place].devices[index].onPushed(entry.number, bytes: entry.body.count, now: now.instant)
        tell(users[place: place].devices[index].origin, ServerFrame(entry), &effects)
        if entry.kind == .message || entry.kind == .groupMessage {
            effects.append(.trace(TraceRecord(key, .pushed, entry.number)))
        }
    }

    /// Numbers that are no longer kept: said, not skipped.
    private mutating func pushGap(to number: UInt64, _ id: UserID, _ index: Int, now: Now, _ effects: inout [Effect]) {
        let device = users[id]!.devices[index]
        tell(device.origin, .gap(from: device.pushed + 1, to: number), &effects)
        users[id]!.devices[index].onPushed(number, bytes: 0, now: now.instant)
    }

    // MARK: Silence

    func earliestAckDeadline(_ user: UserState) -> Instant? { user.devices.compactMap(\.ackDeadline).min() }

    /// One timer for all devices of a user; the pauses of one may have grown when another's begin.
    mutating func armAckTimer(_ id: UserID) {
        guard let user = users[id], let deadline = earliestAckDeadline(user) else { return }
        if let standing = user.ackTimerAt, standing <= deadline { return }
        users[id]!.ackTimerAt = deadline
        timers.arm(.acknowledgement(id), at: deadline)
    }

    mutating func onAckTimer(_ id: UserID, now: Now, _ effects: inout [Effect]) {
        guard users[id] != nil else { return }
        users[id]!.ackTimerAt = nil
        for index in users[id]!.devices.indices.reversed() {
            let device = users[id]!.devices[index]
            guard let deadline = device.ackDeadline, deadline <= now.instant else { continue }
            guard device.ackTries < SessionLimits.ackTryCountMax - 1 else {
                close(device.origin, .ackOverdue, &effects)
                leave(id, index, &effects)
                guard users[id] != nil else { return }
                continue
            }
            counters.entriesRepeated += 1
            users[id]!.devices[index].ackTries += 1
            users[id]!.devices[index].rewind()
            catchUp(id, index, &effects)
        }
        armAckTimer(id)
    }

    // MARK: Looking

    /// Somebody says, or time suggests, that the inbox has grown elsewhere.
    mutating func checkHead(_ id: UserID, _ effects: inout [Effect]) {
        guard let user = users[id], user.hasConnection else { return }
        guard user.checkingHead == nil else {
            users[id]!.mustCheckAgain = true
            return
        }
        users[id]!.checkingHead = ask(id, .readHead(ReadHead(owner: id)), .head(id), &effects)
    }

    mutating func onHead(
        _ id: UserID, _ call: CallID, _ result: Result<Message, Refusal>, now: Now, _ effects: inout [Effect]
    ) {
        guard users[id]?.checkingHead == call else { return }
        users[id]!.checkingHead = nil
        guard case .success(.inboxHead(let head)) = result else {
            users[id]!.mustCheckAgain = true
            return retryLater(id, now: now)
        }
        users[id]!.noteHead(head.head, head.headStamp)
        // A look that began before the claim was made says nothing about it.
        if !users[id]!.mustCheckAgain { judgeClaims(id, head, now: now, &effects) }
        for index in users[id]!.devices.indices {
            catchUp(id, index, &effects)
            if users[id]!.devices[index].revision < head.revision { readReceipts(id, index, &effects) }
        }
        if users[id]!.mustCheckAgain {
            users[id]!.mustCheckAgain = false
            checkHead(id, &effects)
        }
    }

    /// Takes up everything that may have been left: after a refusal, and when a device has come.
    mutating func resume(_ id: UserID, now: Now, _ effects: inout [Effect]) {
        guard users[id] != nil else { return }
        for index in users[id]!.devices.indices { catchUp(id, index, &effects) }
        startReceiptRound(id, now: now, &effects)
        storeCursors(id, &effects)
        if users[id]!.mustCheckAgain && users[id]!.checkingHead == nil {
            users[id]!.mustCheckAgain = false
            checkHead(id, &effects)
        }
        for index in users[id]!.devices.indices where users[id]!.devices[index].mustReadReceipts {
            readReceipts(id, index, &effects)
        }
        armAckTimer(id)
    }
}

/// Which of two connections of one device is the newer one.
struct ConnectionOrder {
    let isSecondNewer: Bool
    /// The device itself has said so; otherwise the clocks of gateways did.
    let isCertain: Bool

    init(of first: (origin: Origin, attempt: UInt64?), and second: (origin: Origin, attempt: UInt64?)) {
        if let a = first.attempt, let b = second.attempt, a != b {
            (isSecondNewer, isCertain) = (a < b, true)
        } else {
            (isSecondNewer, isCertain) = (first.origin.connection < second.origin.connection, false)
        }
    }
}

/// Why a session shard ends a connection. 1013 is in IANA's registry of close codes; RFC 6455, section 7.4.2: 4000 and above
/// are ours.
enum ClosingReason: UInt16 {
    case tryAgainLater = 1013
    case tokenRevoked = 4001
    case replaced = 4003
    case ackOverdue = 4004

    var text: String {
        switch self {
        case .tryAgainLater: "try_again_later"
        case .tokenRevoked: "token_revoked"
        case .replaced: "replaced"
        case .ackOverdue: "ack_overdue"
        }
    }
}
