// A message arrives: append it, tell the author `sent`, push it or poke whoever holds the addressee.
//
// When the author has more devices (or the cluster keeps an archive), the message is appended to her own inbox too, as a
// copy; then `sent` waits for both, so that it promises both. The copy is asked for once the message is stored: a message
// that was refused must not show on her other devices. Her client repeats what was not promised, and both appends recognise
// a repeat. An author whom the addressee has blocked cannot tell: she gets `sent` and her copies, nobody gets a message.

import ClientProtocol
import CoreKit
import Groups
import Messages
import Primitives
import RPC

struct PendingDelivery: Sendable {
    var origin: Origin
    var to: UserID
    var id: MessageID
    var after: MessageID?
    /// Kept until the append ends, for the push and the copy; shared with the call's own copy.
    var body: [UInt8]
}

struct ExpiryID: Hashable, Sendable { var rawValue: UInt32 }

/// A report of expired messages whose notices are on their way.
struct PendingExpiry: Sendable {
    var call: RemoteCall
    var outstanding: Int
    var hasFailed = false
}

extension SessionCore {
    mutating func onDeliver(_ deliver: Deliver, _ effects: inout [Effect]) {
        let delivery = PendingDelivery(
            origin: deliver.origin, to: deliver.to, id: deliver.id, after: deliver.after, body: deliver.body)
        let author = deliver.origin.user
        let append = Append(
            owner: deliver.to, kind: .message, author: author, chat: author, id: deliver.id, after: deliver.after,
            body: deliver.body)
        effects.append(.trace(TraceRecord(TraceKey(author: author, id: deliver.id), .storing)))
        ask(deliver.to, .append(append), .message(delivery), &effects)
    }

    mutating func onMessageStored(
        _ delivery: PendingDelivery, _ result: Result<Message, Refusal>, now: Now, _ effects: inout [Effect]
    ) {
        let appended = result.appended
        if case .success(let message) = appended, message.isPromised, isArchive || delivery.origin.hasSiblings, delivery.origin.user != .system {
            let author = delivery.origin.user
            let copy = Append(
                owner: author, kind: .copy, author: author, chat: delivery.to, id: delivery.id, after: delivery.after,
                body: delivery.body, messageStamp: message.stamp)
            ask(author, .append(copy), .copy(delivery, message), &effects)
        } else {
            concludeAppend(delivery, appended, &effects)
        }
        switch appended {
        case .success(let message):
            if message.isStored { pushAppended(delivery, message, now: now, &effects) }
        case .failure(let refusal):
            // Perhaps it is stored, and only the answer was lost: whoever holds the addressee here looks.
            if refusal.code == .timedOut || refusal.code == .peerDown { checkHead(delivery.to, &effects) }
        }
    }

    mutating func onCopyStored(
        _ delivery: PendingDelivery, _ message: Appended, _ result: Result<Message, Refusal>, _ effects: inout [Effect]
    ) {
        // `sent` promises both; a trouble with the copy is told like a trouble with the message.
        let copy = result.appended
        guard case .success(let stored) = copy, stored.isStored else { return concludeAppend(delivery, copy, &effects) }
        concludeAppend(delivery, .success(message), &effects)
        poke(delivery.origin.user, includingPrimary: true, &effects)
    }

    /// Tells the author how it ended.
    private mutating func concludeAppend(
        _ delivery: PendingDelivery, _ result: Result<Appended, Refusal>, _ effects: inout [Effect]
    ) {
        let key = TraceKey(author: delivery.origin.user, id: delivery.id)
        switch result {
        case .success(let appended) where appended.isPromised:
            switch appended.outcome {
            case .duplicate: counters.duplicates += 1
            case .blocked: counters.messagesBlocked += 1
            default: counters.messagesStored += 1
            }
            effects.append(.trace(TraceRecord(key, .stored, appended.number)))
            tell(delivery.origin, .sent(id: delivery.id, to: delivery.to, at: appended.stamp), &effects)
            effects.append(.trace(TraceRecord(key, .sentAnswered)))
        case .success(let appended):
            counters.messagesRefused += 1
            let error =
                appended.outcome == .conflict
                ? ErrorFrame(.idConflict, "this id was used for another message", ref: delivery.id)
                : ErrorFrame(.predecessorMissing, "the message named by after is not there", ref: delivery.id)
            effects.append(.trace(TraceRecord(key, .refused, UInt64(error.code.rawValue))))
            tell(delivery.origin, .error(error), &effects)
        case .failure(let refusal):
            counters.messagesRefused += 1
            let error = ErrorFrame(refusal, ref: delivery.id)
            effects.append(.trace(TraceRecord(key, .refused, UInt64(error.code.rawValue))))
            tell(delivery.origin, .error(error), &effects)
        }
    }

    /// Brings a stored message to the addressee's devices, here or at another shard.
    private mutating func pushAppended(
        _ delivery: PendingDelivery, _ appended: Appended, now: Now, _ effects: inout [Effect]
    ) {
        poke(delivery.to, includingPrimary: false, &effects)
        noteStored(delivery, appended, now: now)
        guard users[delivery.to] != nil else { return }
        // Whoever has written types no more, and is shown at once when she begins again.
        users[delivery.to]!.typists.remove(delivery.origin.user)
        let entry = InboxEntry(
            number: appended.number, stamp: appended.stamp, kind: .message, author: delivery.origin.user,
            chat: delivery.origin.user, id: delivery.id, body: delivery.body)
        onGrown(delivery.to, entry, TraceKey(author: entry.author, id: entry.id), now: now, &effects)
    }

    /// Tells the other shards that may hold `user` to look at the inbox.
    /// - Parameter includingPrimary: false where this shard, when it is the primary, is the one that should hold the user.
    mutating func poke(_ user: UserID, includingPrimary: Bool, _ effects: inout [Effect]) {
        let primary = sessions.primary(of: user)
        if primary == selfID {
            if includingPrimary { checkHead(user, &effects) }
            return
        }
        if includingPrimary, sessions.isUp(primary) {
            counters.pokesSent += 1
            return effects.append(.send(primary, .poke(Poke(owner: user))))
        }
        if users[user] != nil { checkHead(user, &effects) }
        for node in sessions.live(for: user) where node != selfID {
            counters.pokesSent += 1
            effects.append(.send(node, .poke(Poke(owner: user))))
        }
    }

    // MARK: Expiry

    mutating func onExpiredReport(_ report: ExpiredReport, _ call: RemoteCall, _ effects: inout [Effect]) {
        guard !report.items.isEmpty else { return effects.append(.answer(call, .done)) }
        serialNext &+= 1
        let id = ExpiryID(rawValue: serialNext)
        expiries[id] = PendingExpiry(call: call, outstanding: report.items.count)
        for item in report.items {
            let notice = Append(
                owner: item.author, kind: .expired, author: report.owner, chat: report.owner, id: item.id, after: nil,
                body: [])
            ask(item.author, .append(notice), .notice(item.author, id), &effects)
        }
    }

    mutating func onNoticeStored(
        _ author: UserID, _ id: ExpiryID, _ result: Result<Message, Refusal>, _ effects: inout [Effect]
    ) {
        guard var expiry = expiries[id] else { return }
        expiry.outstanding -= 1
        if case .success(let appended) = result.appended, appended.outcome != .predecessorMissing {
            poke(author, includingPrimary: true, &effects)
        } else {
            expiry.hasFailed = true
        }
        expiries[id] = expiry
        guard expiry.outstanding == 0 else { return }
        expiries[id] = nil
        effects.append(
            expiry.hasFailed
                ? .refuse(expiry.call, Refusal(.unavailable, retryAfterMs: unavailableRetryMs))
                : .answer(expiry.call, .done))
    }

    // MARK: History

    mutating func onHistoryQuery(_ query: HistoryQuery, _ effects: inout [Effect]) {
        guard isArchive else {
            let error = ErrorFrame(
                .unsupported, "this cluster keeps no archive: messages are dropped once every device has them",
                ref: query.reference)
            return tell(query.origin, .error(error), &effects)
        }
        let read = ReadHistory(
            owner: query.origin.user, chat: query.with, before: query.before,
            limit: min(max(query.limit, 1), MessageLimits.historyEntryCountMax))
        ask(query.origin.user, .readHistory(read), .history(query.origin, query.reference), &effects)
    }

    mutating func onHistory(
        _ origin: Origin, _ reference: MessageID?, _ result: Result<Message, Refusal>, _ effects: inout [Effect]
    ) {
        switch result {
        case .success(.historyPage(let page)):
            let entries = page.entries.map(ServerFrame.init)
            tell(origin, .history(ref: reference, entries: entries, more: page.hasMore), &effects)
        case .success:
            tell(origin, .error(ErrorFrame(Refusal(.unsupported), ref: reference)), &effects)
        case .failure(let refusal):
            tell(origin, .error(ErrorFrame(refusal, ref: reference)), &effects)
        }
    }
}

extension Appended {
    var isStored: Bool { outcome == .stored || outcome == .duplicate }

    /// The author is told `sent`: of somebody who is blocked nothing was stored, and they do not learn it.
    var isPromised: Bool { isStored || outcome == .blocked }
}

extension Result where Success == Message, Failure == Refusal {
    /// The end of an append; any other answer counts as a refusal.
    var appended: Result<Appended, Refusal> {
        flatMap { message in
            if case .appended(let appended) = message { .success(appended) } else { .failure(Refusal(.unsupported)) }
        }
    }
}

extension ServerFrame {
    /// An inbox entry as a client sees it.
    init(_ entry: InboxEntry) {
        switch entry.kind {
        case .message:
            self = .message(number: entry.number, from: entry.author, id: entry.id, at: entry.stamp, body: entry.body)
        case .copy:
            self = .copy(number: entry.number, to: entry.chat, id: entry.id, at: entry.stamp, body: entry.body)
        case .expired:
            self = .expired(number: entry.number, to: entry.chat, id: entry.id, at: entry.stamp)
        case .groupMessage:
            self = .groupMessage(
                number: entry.number, group: entry.chat, groupNumber: entry.groupNumber, from: entry.author, id: entry.id,
                at: entry.stamp, body: entry.body)
        case .groupEvent:
            // A kind of change that only a newer release knows: its number is all that can be told.
            self =
                GroupChange(bytes: entry.body).map {
                    .groupEvent(
                        number: entry.number, group: entry.chat, groupNumber: entry.groupNumber, from: entry.author,
                        id: entry.id, at: entry.stamp, change: $0)
                } ?? .gap(from: entry.number, to: entry.number)
        }
    }
}
