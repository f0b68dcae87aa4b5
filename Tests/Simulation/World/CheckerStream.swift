// What devices are shown: numbers, messages, copies, notices, gaps, pages of the archive.

import ChatClient
import ClientProtocol
import Messages
import Primitives
import Storage
import WebSocket

extension Checker {
    mutating func onFrame(_ frame: ServerFrame, device: Int, _ moment: Moment, world: World) {
        switch frame {
        case .welcome(let user, let name, let cursor, _, _, _, _):
            screens[device].pushed = cursor
            let plan = shape.devices[device]
            guard user == shape.users[plan.user], name == plan.name else {
                return fail(.nobodyElse, moment, "a welcome for \(self.name(device))", "one for \(user)/\(name)")
            }
        case .message(let number, _, let id, _, _), .copy(let number, _, let id, _, _), .expired(let number, _, let id, _):
            onPushed(number...number, device, id, moment, world)
        case .groupMessage(let number, _, _, _, let id, _, _), .groupEvent(let number, _, _, _, let id, _, _):
            onPushed(number...number, device, id, moment, world)
        case .gap(let from, let to) where from <= to: onPushed(from...to, device, nil, moment, world)
        default: break
        }
    }

    /// A client refuses what comes behind a hole and is helped in the end; but no shard may make it wait for that. Only where devices are
    /// forgotten within a run, one may be while its shard is away and stay connected: the shard takes it for new, and begins behind what
    /// has expired.
    private mutating func onPushed(_ numbers: ClosedRange<UInt64>, _ device: Int, _ id: MessageID?, _ moment: Moment, _ world: World) {
        let pushed = screens[device].pushed
        let isKept = { [shape] in
            let user = shape.users[shape.devices[device].user]
            return world.archived(user, with: nil, before: numbers.lowerBound, limit: 1).lines.first.map { $0.number > pushed } ?? false
        }
        if numbers.lowerBound > pushed + 1, !isRude(device), !shape.isBrief || isKept() {
            fail(.order, moment, "number \(pushed + 1) is pushed to \(name(device)) before any behind it", "\(numbers.lowerBound)", id)
        }
        screens[device].pushed = max(pushed, numbers.upperBound)
    }

    /// A device here has one connection at a time, and the one that ended is it.
    mutating func onEnded(code: UInt16?, device: Int, _ moment: Moment) {
        guard code == CloseCode.replaced.rawValue, !isRude(device) else { return }
        fail(.recovery, moment, "only a newer connection of \(name(device)) replaces its connection", "4003 on the newest")
    }

    mutating func onNews(_ news: ClientNews, device: Int, _ moment: Moment, world: World) {
        judgeShown(device, moment)
        switch news {
        case .presence(_, let lines): onPresence(lines, device, moment, world)
        case .settings(_, let told): onSettings(told, device, moment)
        case .mediaLink, .mediaKept: break
        case .typing(let from, let group, let isOn): onTypingShown(TypingSign(from: from, group: group), isOn, device, moment)
        case .online: onOnline(device, cursor: world.devices[device].client.memory.cursor!, moment)
        case .offline:
            screens[device].liveSince = nil
            screens[device].presence = [:]
        case .entry(.message(let number, let from, let id, let at, let body)):
            onNumber(number, at, device, id, moment)
            onTypingEnded(TypingSign(from: from, group: nil), by: id, device, moment)
            onMessage(number, from, id, at, body, device, moment, world)
        case .entry(.copy(let number, let to, let id, let at, let body)):
            // A copy bears the stamp of another inbox.
            onNumber(number, nil, device, id, moment)
            onCopy(to, id, body, at, device, moment, world)
        case .entry(.expired(let number, let to, let id, let at)):
            onNumber(number, at, device, id, moment)
            onExpired(to, id, device, moment)
        case .entry(.groupMessage(let number, let group, let place, let from, let id, let at, let body)):
            // Like a copy, it bears the stamp of another stream.
            onNumber(number, nil, device, id, moment)
            onTypingEnded(TypingSign(from: from, group: group), by: id, device, moment)
            let entry = GroupEntry(number: place, stamp: at, kind: .message, author: from, id: id, body: body)
            onGroupEntry(entry, nil, in: group, device, moment)
        case .entry(.groupEvent(let number, let group, let place, let from, let id, let at, let change)):
            onNumber(number, nil, device, id, moment)
            let entry = GroupEntry(number: place, stamp: at, kind: .event, author: from, id: id, body: [])
            onGroupEntry(entry, change, in: group, device, moment)
        case .entry(let frame):
            preconditionFailure("no entry: \(frame)")
        case .gap(let from, let to): onGap(from, to, device, moment)
        case .sent(let id, let to, let at) where to.isGroup: onGroupSent(id, to, at, device, moment)
        case .sent(let id, let to, let at): onSent(id, to, at, device, moment, world)
        case .failed(let id, let error):
            guard !isRude(device) else { return }
            if groupPlaces[id] != nil { return onGroupRefused(id, error, device, moment) }
            fail(.loss, moment, "\(id) is accepted in the end", "refused for good: \(error.code.name), \(error.text)", id)
        case .delivered(let group, let at) where group.isGroup: onGroupTick(.delivered, group, at, device, moment)
        case .read(let group, let at) where group.isGroup: onGroupTick(.read, group, at, device, moment)
        case .changed(let ref, let group, let number, _): onChanged(ref, group, number, device, moment)
        case .changeFailed(let ref, let error): onChangeFailed(ref, error, device, moment)
        case .counts(let group, let at, let delivered, let read, let of):
            onCounts(group, at, delivered: delivered, read: read, of: of, device, moment)
        case .late(let group, let at, let count): onLate(group, at, count, device, moment)
        case .groupInfo(let ref, let info): onGroupInfo(ref, info, device, moment, world)
        case .groupList(let ref, let groups, let more): onGroupList(ref, groups, more, device, moment, world)
        case .receipts(let ref, let group, let at, let entries): onReceiptList(ref, group, at, entries, device, moment, world)
        case .delivered(let peer, let at): onDelivered(peer, at, device, moment, world)
        case .read(let peer, let at): onRead(peer, at, device, moment, world)
        case .cursorLost:
            guard !isRude(device) else { return }
            fail(.loss, moment, "the inbox of \(name(device)) is the same for ever", "its cursor is beyond the inbox: entries were forgotten")
        case .refused(let error):
            if let ask = error.ref.flatMap({ world.devices[device].groupAsks.removeValue(forKey: $0) }) {
                return onQuestionRefused(ask, error, device, moment)
            }
            switch error.code {
            case .overloaded, .unavailable, .storageFull, .helloMissing: break
            // A read mark of somebody who was removed meanwhile; the second answer to what was asked twice.
            case .notMember, .notAllowed, .noSuchGroup, .noChange, .groupFull, .badUsers:
                guard let ref = error.ref, !isRude(device) else { break }
                guard groupPlaces[ref] != nil || shape.groups.contains(where: { $0.id.asReference == ref }) || changes.contains(where: { $0.ref == ref }) else {
                    return fail(.nobodyElse, moment, "answers to what was asked", "\(error.code.name) about \(ref) at \(name(device))", ref)
                }
            case .tooManyDevices where shape.isCrowded(shape.devices[device].user): break
            default:
                guard !isRude(device) else { return }
                fail(.recovery, moment, "\(name(device)) asks for nothing that is refused", "\(error.code.name): \(error.text)", error.ref)
            }
        case .history(let ref, let entries, let more): onHistory(ref, entries, more, device, moment, world)
        }
    }

    private mutating func onOnline(_ device: Int, cursor: UInt64, _ moment: Moment) {
        screens[device].liveSince = moment
        guard screens[device].start == nil else { return }
        screens[device].start = cursor
        screens[device].startedAt = moment
        screens[device].last = cursor
    }

    /// Dense numbers, rising stamps.
    private mutating func onNumber(_ number: UInt64, _ at: Stamp?, _ device: Int, _ id: MessageID, _ moment: Moment) {
        guard !isRude(device) else { return }
        let screen = screens[device]
        if number != screen.last + 1 {
            fail(.order, moment, "\(name(device)) is shown number \(screen.last + 1)", "number \(number)", id)
        }
        screens[device].last = number
        guard let at else { return }
        if at <= screen.lastStamp {
            fail(.order, moment, "stamps of \(name(device)) rise above \(screen.lastStamp.microseconds)", "\(at.microseconds)", id)
        }
        screens[device].lastStamp = at
    }

    /// What a block kept from the store has an id that nobody remembers: a rude author may use it for something else.
    private func isReused(_ message: SentMessage) -> Bool { message.wasUnkept && isRude(message.device) }

    private mutating func onMessage(
        _ number: UInt64, _ from: UserID, _ id: MessageID, _ at: Stamp, _ body: [UInt8], _ device: Int,
        _ moment: Moment, _ world: World
    ) {
        guard let index = place(id, to: shape.devices[device].user) else {
            return fail(.nobodyElse, moment, "only what somebody wrote to \(name(device)) is shown there", "\(id) from \(from) at \(name(device))", id)
        }
        let message = messages[index]
        guard shape.users[shape.devices[message.device].user] == from, message.to == shape.devices[device].user else {
            return fail(.nobodyElse, moment, "\(id) from \(name(message.device)) to \(shape.users[message.to])", "from \(from) at \(name(device))", id)
        }
        guard message.body == body else {
            if isReused(message) { return }
            return fail(.nobodyElse, moment, "\(id) as it was written, \(message.body.count) bytes", "another body, \(body.count) bytes", id)
        }
        guard world.stored(message) == at else {
            return fail(.honestTicks, moment, "what is shown at \(name(device)) is stored, stamped \(at.microseconds)", "the store has \(world.stored(message).map { "\($0.microseconds)" } ?? "nothing")", id)
        }
        judgeBlocked(message, device, moment)
        guard !isRude(device) else { return }
        guard !message.shownBy.contains(device) else {
            return fail(.duplicate, moment, "\(id) once at \(name(device))", "a second time, as number \(number)", id)
        }
        if let known = message.number, known != number {
            fail(.order, moment, "\(id) has number \(known) at every device", "\(number) at \(name(device))", id)
        }
        let before = screens[device].placeOfDevice[message.device]
        if message.place <= before, !isRude(message.device) {
            fail(.order, moment, "\(id) comes before what was written after it", "\(name(device)) has a later message of \(name(message.device)) already", id)
        }
        screens[device].placeOfDevice[message.device] = message.place
        messages[index].number = number
        messages[index].shownBy.insert(device)
        shownCount += 1
        stamp(index, at, moment, world)
    }

    private mutating func onCopy(
        _ to: UserID, _ id: MessageID, _ body: [UInt8], _ at: Stamp, _ device: Int, _ moment: Moment, _ world: World
    ) {
        guard let index = users[to].flatMap({ place(id, to: $0) }) else {
            return fail(.nobodyElse, moment, "only what somebody wrote is shown", "a copy of \(id) at \(name(device))", id)
        }
        let message = messages[index]
        guard shape.devices[message.device].user == shape.devices[device].user, shape.users[message.to] == to else {
            return fail(.nobodyElse, moment, "copies of one's own messages", "\(id) at \(name(device))", id)
        }
        guard message.body == body else {
            if isReused(message) { return }
            return fail(.nobodyElse, moment, "\(id) as it was written", "a copy with another body", id)
        }
        guard !isRude(device) else { return }
        guard !message.copiedTo.contains(device) else {
            return fail(.duplicate, moment, "one copy of \(id) at \(name(device))", "a second one", id)
        }
        messages[index].copiedTo.insert(device)
        copyCount += 1
        stamp(index, at, moment, world)
    }

    /// The author learns that nobody came for a message.
    private mutating func onExpired(_ to: UserID, _ id: MessageID, _ device: Int, _ moment: Moment) {
        expiredCount += 1
        expiredAt = moment
        guard let index = users[to].flatMap({ place(id, to: $0) }), author(messages[index]) == shape.devices[device].user else {
            return fail(.nobodyElse, moment, "notices of one's own messages", "\(id) to \(to) expired, says \(name(device))", id)
        }
        guard shape.isBrief else {
            return fail(.loss, moment, "nothing expires within a minute", "\(name(device)) is told that \(id) did", id)
        }
        guard !isRude(device) else { return }
        guard !messages[index].expiredAt.contains(device) else {
            return fail(.duplicate, moment, "one notice of \(id) at \(name(device))", "a second one", id)
        }
        messages[index].expiredAt.insert(device)
    }

    private mutating func onGap(_ from: UInt64, _ to: UInt64, _ device: Int, _ moment: Moment) {
        gapCount += 1
        guard !isRude(device) else { return }
        guard from == screens[device].last + 1, to >= from else {
            return fail(.order, moment, "\(name(device)) at \(screens[device].last) is told of a gap from there", "\(from)...\(to)")
        }
        screens[device].last = to
        screens[device].gaps.append(from...to)
        screens[device].gapAt = moment
    }

    /// A page of the archive: exactly what lies there. Older entries never change, so the store can be asked now.
    private mutating func onHistory(
        _ ref: MessageID?, _ entries: [ServerFrame], _ more: Bool, _ device: Int, _ moment: Moment, _ world: World
    ) {
        if let ref, world.devices[device].groupAsks[ref] != nil { return onGroupHistory(ref, entries, more, device, moment, world) }
        guard let ref, let ask = world.devices[device].historyAsks.removeValue(forKey: ref) else {
            return fail(.nobodyElse, moment, "answers to what was asked", "\(name(device)) gets a page for \(ref.map { "\($0)" } ?? "nothing")")
        }
        historyCount += 1
        let answered = entries.compactMap(HistoryLine.init)
        guard answered.count == entries.count, answered.count <= ask.limit else {
            return fail(.bounded, moment, "at most \(ask.limit) entries for \(ref)", "\(entries.count) frames, \(answered.count) of them entries")
        }
        guard let newest = answered.first else {
            if more { fail(.loss, moment, "an empty page of history is the last", "\(name(device)) is told of more, for \(ref)") }
            return
        }
        if let before = ask.before, newest.number >= before {
            return fail(.order, moment, "entries below \(before) for \(ref)", "number \(newest.number)")
        }
        let (expected, hasMore) = world.archived(
            shape.users[shape.devices[device].user], with: ask.with.map { shape.users[$0] }, before: ask.before ?? newest.number + 1,
            limit: ask.limit)
        guard expected == answered, hasMore == more else {
            return fail(
                .loss, moment, "\(name(device)) is answered \(ref) with numbers \(expected.map(\.number)), more: \(hasMore)",
                "\(answered.map(\.number)), more: \(more)")
        }
    }
}

/// An entry of the archive, as both sides can say it.
struct HistoryLine: Equatable {
    var number: UInt64
    var kind: InboxEntry.Kind
    /// The author of a message, the addressee of a copy or of a notice.
    var other: UserID
    var id: MessageID
    var at: Stamp
    var body: [UInt8]

    init?(_ frame: ServerFrame) {
        switch frame {
        case .message(let number, let from, let id, let at, let body):
            (self.number, kind, other, self.id, self.at, self.body) = (number, .message, from, id, at, body)
        case .copy(let number, let to, let id, let at, let body):
            (self.number, kind, other, self.id, self.at, self.body) = (number, .copy, to, id, at, body)
        case .expired(let number, let to, let id, let at):
            (self.number, kind, other, self.id, self.at, body) = (number, .expired, to, id, at, [])
        case .groupMessage(let number, let group, _, _, let id, let at, let body):
            (self.number, kind, other, self.id, self.at, self.body) = (number, .groupMessage, group, id, at, body)
        case .groupEvent(let number, let group, _, _, let id, let at, let change):
            (self.number, kind, other, self.id, self.at, body) = (number, .groupEvent, group, id, at, change.bytes)
        case .welcome, .sent, .gap, .delivered, .read, .noted, .history, .pong, .error, .groupDone, .groupInfo, .groupList,
            .groupCounts, .groupLate, .receipts, .typing, .presence, .settings, .mediaUpload, .mediaLink, .mediaKept:
            return nil
        }
    }

    init(_ entry: InboxEntry) {
        (number, kind, other, id, at, body) = (entry.number, entry.kind, entry.chat, entry.id, entry.stamp, entry.body)
    }
}

extension World {
    /// What the store of `user` has, newest first.
    func archived(_ user: UserID, with: UserID?, before: UInt64?, limit: Int) -> (lines: [HistoryLine], hasMore: Bool) {
        var copy = processes[shape.partition(of: user)].disk!.durable
        let request = ReadHistory(owner: user, chat: with, before: before, limit: limit)
        guard let answers = try? copy.apply([.readHistory(request)], stamp: .zero), case .historyPage(let page) = answers[0]
        else { preconditionFailure("the store answers") }
        return (page.entries.map(HistoryLine.init), page.hasMore)
    }
}
