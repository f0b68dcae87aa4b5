// Acknowledgements become receipts; receipts reach authors.
//
// The order is the promise: a device's acknowledgement first makes the authors' `delivered` watermarks durable, one round
// for everything that gathered, and only then moves the device's own cursor (Cursors.swift), which lets the text go. If this shard dies in
// between, the cursor still stands before those entries, they come again, and so does the acknowledgement. No receipt is
// lost, and none is early.

import ClientProtocol
import CoreKit
import Groups
import Messages
import Primitives
import RPC

extension SessionCore {
    // MARK: The reader's side

    mutating func onAcknowledge(_ acknowledge: Acknowledge, from node: NodeID, now: Now, _ effects: inout [Effect]) {
        let id = acknowledge.origin.user
        guard let index = users[id]?.index(of: acknowledge.origin.connection, at: acknowledge.origin.gateway),
            users[id]!.devices[index].isLive
        else { return passOn(acknowledge, from: node, &effects) }
        guard acknowledge.number <= users[id]!.devices[index].pushedMax else {
            // Another shard, that serves this connection too or served it before, may have pushed what we have not. The store
            // knows whether there is such an entry; if so, the device has it. To push it all again would not do: its answer
            // would be the same acknowledgement, and what was pushed would stay in flight.
            users[id]!.devices[index].claimed = max(users[id]!.devices[index].claimed ?? 0, acknowledge.number)
            return checkHead(id, &effects)
        }
        take(acknowledge.number, id, index, now: now, &effects)
    }

    /// Not held here, or not any more. A parser that does not see the user's shard turns to the next one; we may see it. Once only: between
    /// shards of different epochs it could go round. What is lost here comes again: whoever holds the device pushes again.
    private mutating func passOn(_ acknowledge: Acknowledge, from node: NodeID, _ effects: inout [Effect]) {
        let primary = sessions.primary(of: acknowledge.origin.user)
        guard primary != selfID, sessions.isUp(primary), !sessions.present.contains(node) else { return }
        effects.append(.send(primary, .acknowledge(acknowledge)))
    }

    /// A device has everything up to `number`.
    private mutating func take(_ number: UInt64, _ id: UserID, _ index: Int, now: Now, _ effects: inout [Effect]) {
        let wasRepeated = users[id]!.devices[index].ackTries > 0
        guard users[id]!.devices[index].onAcknowledged(number, now: now.instant) else { return }
        counters.acknowledgements += 1
        // The pauses begin anew, short ones: the timer may stand behind the next.
        if wasRepeated { armAckTimer(id) }
        if !delayReceipts(of: id, now: now) {
            startReceiptRound(id, now: now, &effects)
            gatherCursors(of: id, now: now, &effects)
        }
        catchUp(id, index, &effects)
    }

    /// Sends the receipts for everything acknowledged and not yet delivered, one round at a time.
    mutating func startReceiptRound(_ id: UserID, now: Now, _ effects: inout [Effect]) {
        guard let user = users[id], user.round == nil else { return }
        let through = user.devices.lazy.map(\.acknowledged).max() ?? 0
        guard through > user.delivered else { return }
        guard through <= user.windowTop else { return readHeaders(id, &effects) }

        // The newest stamp per author, in the order in which authors appear.
        var receipts: [Receipt] = []
        var marks: [(group: UserID, upTo: Stamp)] = []
        for header in user.window where header.number <= through {
            guard let author = header.author else { continue }
            effects.append(.trace(TraceRecord(header.key, .acknowledged, header.number)))
            if let group = header.group {
                if let index = marks.firstIndex(where: { $0.group == group }) {
                    marks[index].upTo = max(marks[index].upTo, header.stamp)
                } else {
                    marks.append((group, header.stamp))
                }
            } else if let index = receipts.firstIndex(where: { $0.author == author }) {
                receipts[index].upTo = max(receipts[index].upTo, header.stamp)
            } else {
                receipts.append(Receipt(author: author, peer: id, kind: .delivered, upTo: header.stamp))
            }
        }
        serialNext &+= 1
        let serial = serialNext
        users[id]!.round = ReceiptRound(serial: serial, through: through, outstanding: receipts.count + marks.count)
        for receipt in receipts {
            // Without any shard the call to ourselves stores it just as well: a watermark belongs to persistence.
            call(sessions.route(receipt.author) ?? selfID, .receipt(receipt), .receipt(id, round: serial), &effects)
        }
        for mark in marks {
            queue(GroupMark(member: id, kind: .delivered, upTo: mark.upTo), of: mark.group, for: .round(id, serial))
        }
        if receipts.isEmpty && marks.isEmpty { concludeRound(id, now: now, &effects) }
    }

    mutating func onReceiptDone(
        _ id: UserID, round serial: UInt32, _ result: Result<Message, Refusal>, now: Now, _ effects: inout [Effect]
    ) {
        guard users[id]?.round?.serial == serial else { return }
        users[id]!.round!.outstanding -= 1
        if case .success(.done) = result {} else { users[id]!.round!.hasFailed = true }
        if users[id]!.round!.outstanding == 0 { concludeRound(id, now: now, &effects) }
    }

    private mutating func concludeRound(_ id: UserID, now: Now, _ effects: inout [Effect]) {
        let round = users[id]!.round!
        users[id]!.round = nil
        guard !round.hasFailed else { return retryLater(id, now: now) }
        users[id]!.noteDelivered(round.through)
        gatherCursors(of: id, now: now, &effects)
        // What was acknowledged meanwhile may have been told to gather.
        if !delayed.has(id) { startReceiptRound(id, now: now, &effects) }
    }

    private mutating func readHeaders(_ id: UserID, _ effects: inout [Effect]) {
        guard users[id]!.readingHeaders == nil else { return }
        let after = users[id]!.windowTop
        let read = ReadInbox(owner: id, after: after, limit: MessageLimits.pageEntryCountMax, headersOnly: true)
        users[id]!.readingHeaders = ask(id, .readInbox(read), .headers(id, after: after), &effects)
    }

    mutating func onHeaders(
        _ id: UserID, after: UInt64, _ call: CallID, _ result: Result<Message, Refusal>, now: Now,
        _ effects: inout [Effect]
    ) {
        guard users[id]?.readingHeaders == call else { return }
        users[id]!.readingHeaders = nil
        guard case .success(.inboxPage(let page)) = result else { return retryLater(id, now: now) }
        guard page.through > after else { return retryLater(id, now: now) }
        users[id]!.noteHeaders(page.entries.map(EntryHeader.init), after: after, through: page.through)
        startReceiptRound(id, now: now, &effects)
    }

    mutating func onMarkRead(_ mark: MarkRead, now: Now, _ effects: inout [Effect]) {
        if delayRead(mark, now: now) { return }
        takeRead(mark, &effects)
    }

    mutating func takeRead(_ mark: MarkRead, _ effects: inout [Effect]) {
        let id = mark.origin.user
        guard let index = users[id]?.index(of: mark.origin.connection, at: mark.origin.gateway),
            users[id]!.devices[index].isLive
        else { return }
        // The group's shard knows where the group ends.
        if mark.with.isGroup {
            return queue(GroupMark(member: id, kind: .read, upTo: mark.stamp), of: mark.with, for: .read(mark.origin, mark.stamp))
        }
        guard mark.stamp > users[id]!.headStamp else { return storeRead(mark, &effects) }
        // As with acknowledgements: another shard may have pushed what was read.
        users[id]!.devices[index].claimedRead = .init(with: mark.with, stamp: mark.stamp)
        checkHead(id, &effects)
    }

    /// Of a reader who has read receipts off the author does not hear; the reader's client cannot tell.
    private mutating func storeRead(_ mark: MarkRead, _ effects: inout [Effect]) {
        guard users[mark.origin.user]?.settings.readReceipts != false else {
            return tell(mark.origin, .noted(with: mark.with, at: mark.stamp), &effects)
        }
        let receipt = Receipt(author: mark.with, peer: mark.origin.user, kind: .read, upTo: mark.stamp)
        call(sessions.route(mark.with) ?? selfID, .receipt(receipt), .read(mark.origin, mark.with, mark.stamp), &effects)
    }

    mutating func onReadStored(
        _ origin: Origin, _ peer: UserID, _ stamp: Stamp, _ result: Result<Message, Refusal>, _ effects: inout [Effect]
    ) {
        // A refused mark is repeated by the client until it is noted.
        if case .success(.done) = result { tell(origin, .noted(with: peer, at: stamp), &effects) }
    }

    /// The store has said where the inbox ends: who acknowledged or read more than there is is told, others are believed.
    mutating func judgeClaims(_ id: UserID, _ head: InboxHead, now: Now, _ effects: inout [Effect]) {
        for index in users[id]!.devices.indices {
            let device = users[id]!.devices[index]
            users[id]!.devices[index].claimed = nil
            users[id]!.devices[index].claimedRead = nil
            guard device.isLive else { continue }
            if let claimed = device.claimed {
                if claimed > head.head {
                    let error = ErrorFrame(.ackAhead, "the inbox ends at \(head.head), \(claimed) was never sent")
                    tell(device.origin, .error(error), &effects)
                } else {
                    take(claimed, id, index, now: now, &effects)
                }
            }
            if let mark = device.claimedRead {
                if mark.stamp > head.headStamp {
                    let error = ErrorFrame(.readAhead, "the newest message is stamped \(head.headStamp.microseconds)")
                    tell(device.origin, .error(error), &effects)
                } else {
                    storeRead(MarkRead(origin: device.origin, with: mark.with, stamp: mark.stamp), &effects)
                }
            }
        }
    }

    // MARK: The author's side

    /// Another shard (or this one) brings a receipt for a user of ours: make it durable, answer, push.
    mutating func onReceipt(_ receipt: Receipt, _ call: RemoteCall, _ effects: inout [Effect]) {
        let store = StoreWatermark(owner: receipt.author, peer: receipt.peer, kind: receipt.kind, upTo: receipt.upTo)
        ask(receipt.author, .storeWatermark(store), .watermark(call, receipt), &effects)
    }

    mutating func onWatermarkStored(
        _ call: RemoteCall, _ receipt: Receipt, _ result: Result<Message, Refusal>, now: Now, _ effects: inout [Effect]
    ) {
        guard case .success(.watermarkStored(let stored)) = result else {
            return effects.append(
                .refuse(call, Refusal(.unavailable, retryAfterMs: unavailableRetryMs)))
        }
        counters.receiptsStored += 1
        noteReceipt(receipt, stored)
        effects.append(.answer(call, .done))
        let id = receipt.author
        // Whoever else may hold the author must look, as with messages.
        if sessions.primary(of: id) != selfID { poke(id, includingPrimary: false, &effects) }
        guard users[id] != nil else { return }
        for index in users[id]!.devices.indices where users[id]!.devices[index].isLive {
            let device = users[id]!.devices[index]
            guard stored.watermark.revision > device.revision else { continue }
            if device.readingReceipts == nil && device.revision >= stored.previous {
                pushReceipt(stored.watermark, id, index, &effects)
            } else {
                readReceipts(id, index, &effects)
            }
        }
    }

    private mutating func pushReceipt(_ watermark: Watermark, _ id: UserID, _ index: Int, _ effects: inout [Effect]) {
        users[id]!.devices[index].revision = watermark.revision
        let origin = users[id]!.devices[index].origin
        switch watermark.kind {
        case .delivered:
            tell(origin, .delivered(with: watermark.peer, at: watermark.upTo, rev: watermark.revision), &effects)
        case .read:
            tell(origin, .read(with: watermark.peer, at: watermark.upTo, rev: watermark.revision), &effects)
        }
    }

    /// Reads the receipts that a device has not seen.
    mutating func readReceipts(_ id: UserID, _ index: Int, _ effects: inout [Effect]) {
        let device = users[id]!.devices[index]
        guard device.isLive else { return }
        guard device.readingReceipts == nil else {
            users[id]!.devices[index].mustReadReceipts = true
            return
        }
        users[id]!.devices[index].mustReadReceipts = false
        let read = ReadWatermarks(owner: id, after: device.revision)
        users[id]!.devices[index].readingReceipts = ask(
            id, .readWatermarks(read), .receiptPage(id, device.origin.connection, device.origin.gateway), &effects)
    }

    mutating func onReceiptPage(
        _ id: UserID, _ connection: ConnectionID, _ gateway: NodeID, _ call: CallID, _ result: Result<Message, Refusal>,
        now: Now, _ effects: inout [Effect]
    ) {
        guard let index = users[id]?.index(of: connection, at: gateway), users[id]!.devices[index].readingReceipts == call
        else { return }
        users[id]!.devices[index].readingReceipts = nil
        guard case .success(.watermarkPage(let page)) = result else {
            users[id]!.devices[index].mustReadReceipts = true
            return retryLater(id, now: now)
        }
        for watermark in page.watermarks where watermark.revision > users[id]!.devices[index].revision {
            pushReceipt(watermark, id, index, &effects)
        }
        if page.hasMore || users[id]!.devices[index].mustReadReceipts { readReceipts(id, index, &effects) }
    }
}
