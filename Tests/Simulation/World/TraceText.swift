// Frames and messages in a few words each: who, what, which number. Bodies are told by their length.

import ChatClient
import ClientProtocol
import Groups
import Messages
import Primitives
import Privacy

extension Trace {
    /// Seconds since the clock of the run began; zero and other early stamps as they are.
    static func text(_ stamp: Stamp) -> String {
        let micros = stamp.microseconds - World.epochMicroseconds
        guard stamp.microseconds > World.epochMicroseconds / 2 else { return "\(stamp.microseconds)" }
        let fraction = String(1_000_000 + Swift.abs(micros) % 1_000_000).dropFirst()
        return (micros < 0 ? "-" : "+") + "\(Swift.abs(micros) / 1_000_000).\(fraction)"
    }

    private static func text(_ number: UInt64?) -> String { number.map(String.init) ?? "-" }

    static func text(_ frame: ClientFrame) -> String {
        switch frame {
        case .hello(let cursor, let ticks, let attempt):
            "hello \(text(attempt)), cursor \(text(cursor)), ticks \(ticks.map(text) ?? "-")"
        case .send(let id, let to, let body, let after, _):
            "send \(id) to \(to), \(body.count) bytes\(after.map { ", after \($0)" } ?? "")"
        case .ack(let number): "ack \(number)"
        case .read(let with, let at, _): "read \(with) up to \(text(at))"
        case .history(let ref, let with, let before, let limit):
            "history \(ref.map { "\($0)" } ?? "-") with \(with.map { "\($0)" } ?? "all") before \(text(before)), \(limit) at most"
        case .ping: "ping"
        case .group(let ref, let group, let change): "group \(ref): \(text(change)) in \(group.map { "\($0)" } ?? "a new one")"
        case .groupInfo(_, let group): "asks about \(group)"
        case .groupList: "asks for its groups"
        case .receipts(_, let with, let at): "asks who has what was written to \(with) at \(text(at))"
        case .groupHistory(_, let group, let before, let limit):
            "asks for the history of \(group) before \(text(before)), \(limit) at most"
        case .typing(let to, let isOn): "\(isOn ? "types" : "stops typing") to \(to)"
        case .active(let on): on ? "in front" : "in the background"
        case .presence(_, let users): "asks when \(users.map(\.text).joined(separator: ",")) were here"
        case .feature(let name, _): "feature \(name)"
        case .presenceWatch(_, let users): "watches \(users.isEmpty ? "nobody" : users.map(\.text).joined(separator: ","))"
        case .settings(_, let lastSeen, let exceptions, let readReceipts):
            "settings \(text(.set(lastSeen: lastSeen, exceptions: exceptions, readReceipts: readReceipts)))"
        case .block(_, let user, let on): "\(on ? "blocks" : "unblocks") \(user)"
        case .mediaUpload, .mediaLink, .mediaKeep: "asks about media"
        }
    }

    static func text(_ frame: ServerFrame) -> String {
        switch frame {
        case .welcome(let user, let device, let cursor, let head, let ticks, _, _):
            "welcome \(user)/\(device), cursor \(cursor), head \(head), ticks \(text(ticks))"
        case .sent(let id, let to, let at): "sent \(id) to \(to), at \(text(at))"
        case .message(let number, let from, let id, let at, let body):
            "message \(number): \(id) from \(from), at \(text(at)), \(body.count) bytes"
        case .copy(let number, let to, let id, let at, let body):
            "copy \(number): \(id) to \(to), at \(text(at)), \(body.count) bytes"
        case .expired(let number, let to, let id, let at): "expired \(number): \(id) to \(to), at \(text(at))"
        case .gap(let from, let to): "gap \(from) to \(to)"
        case .delivered(let with, let at, let revision): "delivered to \(with) up to \(text(at)), revision \(text(revision))"
        case .read(let with, let at, let revision): "read by \(with) up to \(text(at)), revision \(text(revision))"
        case .noted(let with, let at): "noted \(with) up to \(text(at))"
        case .history(let ref, let entries, let more): "history \(ref.map { "\($0)" } ?? "-"): \(entries.count) entries\(more ? " and more" : "")"
        case .pong: "pong"
        case .groupMessage(let number, let group, let place, let from, let id, let at, let body):
            "group message \(number): \(id) from \(from) in \(group) as \(place), at \(text(at)), \(body.count) bytes"
        case .groupEvent(let number, let group, let place, let from, let id, let at, let change):
            "group event \(number): \(id), \(from) \(text(change)) in \(group) as \(place), at \(text(at))"
        case .groupDone(let ref, let group, let place, let at): "done \(ref) in \(group) as \(place), at \(text(at))"
        case .groupInfo(_, let info): "\(info.group) has \(info.members.count) members"
        case .groupList(_, let groups, let more): "\(groups.count) groups\(more ? " and more" : "")"
        case .groupCounts(let group, let at, let delivered, let read, let of):
            "counts in \(group) at \(text(at)): \(delivered) and \(read) of \(of)"
        case .groupLate(let group, let at, let count): "late in \(group) at \(text(at)): \(count)"
        case .receipts(_, let with, let at, let entries): "receipts in \(with) at \(text(at)) of \(entries.count)"
        case .typing(let from, let group, let isOn): typing(from, group, isOn)
        case .presence(_, let users): users.map { "\($0.user) \(presence($0.isOnline, $0.lastSeen))" }.joined(separator: ", ")
        case .settings(_, let settings): text(settings)
        case .mediaUpload, .mediaLink, .mediaKept: "an answer about media"
        case .error(let error): "error \(error.code.name)\(error.ref.map { " about \($0)" } ?? "")\(error.retryMs.map { ", retry in \($0) ms" } ?? "")"
        }
    }

    static func text(_ news: ClientNews) -> String {
        switch news {
        case .entry(let frame): text(frame)
        case .online: "online"
        case .offline(let retryMs): "offline, tries again in \(retryMs) ms"
        case .gap(let from, let to): "gap \(from) to \(to)"
        case .sent(let id, let to, let at): "sent \(id) to \(to), at \(text(at))"
        case .failed(let id, let error): "failed \(id): \(error.code.name)"
        case .delivered(let with, let at): "delivered to \(with) up to \(text(at))"
        case .read(let with, let at): "read by \(with) up to \(text(at))"
        case .history(let ref, let entries, _): "history \(ref.map { "\($0)" } ?? "-"): \(entries.count) entries"
        case .cursorLost: "that its cursor is lost"
        case .refused(let error): "error \(error.code.name)"
        case .changed(let ref, let group, let number, let at): "changed \(ref) in \(group) as \(number), at \(text(at))"
        case .changeFailed(let ref, let error): "change failed \(ref): \(error.code.name)"
        case .groupInfo(_, let info): "\(info.group) with \(info.members.count) members"
        case .groupList(_, let groups, _): "\(groups.count) groups"
        case .counts(let group, let at, let delivered, let read, let of):
            "counts in \(group) at \(text(at)): \(delivered) and \(read) of \(of)"
        case .late(let group, let at, let count): "late in \(group) at \(text(at)): \(count)"
        case .receipts(_, let with, let at, let entries): "receipts in \(with) at \(text(at)) of \(entries.count)"
        case .typing(let from, let group, let isOn): "that " + typing(from, group, isOn)
        case .presence(_, let users): users.map { "\($0.user) \(presence($0.isOnline, $0.lastSeen))" }.joined(separator: ", ")
        case .settings(_, let settings): text(settings)
        case .mediaLink, .mediaKept: "an answer about media"
        }
    }

    private static func typing(_ from: UserID, _ group: UserID?, _ isOn: Bool) -> String {
        "\(from) \(isOn ? "types" : "types no more")\(group.map { " in \($0)" } ?? "")"
    }

    private static func presence(_ isOnline: Bool, _ lastSeen: Stamp?) -> String {
        isOnline ? "online" : lastSeen.map { "last seen \(text($0))" } ?? "not seen"
    }

    private static func text(_ settings: UserSettings) -> String {
        "settings \(settings.revision): \(settings.lastSeen) but \(settings.exceptions), receipts \(settings.readReceipts), blocked \(settings.blocked)"
    }

    private static func text(_ change: SettingsChange) -> String {
        switch change {
        case .question: "which?"
        case .set(let lastSeen, let exceptions, let readReceipts):
            [lastSeen.map { "\($0)" }, exceptions.map { "except \($0)" }, readReceipts.map { "receipts \($0)" }]
                .compactMap { $0 }.joined(separator: ", ")
        case .block(let user): "block \(user)"
        case .unblock(let user): "unblock \(user)"
        case .revokeTokens(let before): "no tokens before \(text(before))"
        case .erase(let before): "none, and no tokens before \(text(before))"
        }
    }

    static func text(_ change: GroupChange) -> String {
        let users = change.users.isEmpty ? "" : " " + change.users.map { "\($0)" }.joined(separator: ",")
        if case .role(let role, _) = change { return "\(role.name)\(users)" }
        return change.name + users
    }

    static func text(_ message: Message) -> String {
        switch message {
        case .clientInput(let input):
            "\(name(input.origin)) says " + ((try? ClientFrame.decode(input.bytes, as: input.origin.encoding)).map(text) ?? "nonsense")
        case .clientOutput(let output):
            "to \(output.connection): " + serverFrame(output.bytes)
        case .closeConnection(let order): "close \(order.connection): \(order.code) \(order.reason)"
        case .attach(let attach):
            "attach \(name(attach.origin)) \(attach.origin.connection), \(attach.isResume ? "again" : "cursor \(text(attach.cursor))")"
        case .attached(let attached): "attached \(attached.connection), revision \(text(attached.revision))\(attached.hasSiblings ? ", siblings" : "")"
        case .detach(let detach): "detach \(detach.user) \(detach.connection)"
        case .featureRequest(let request): "feature \(request.feature) for \(name(request.origin))"
        case .mediaRequest(let request): "\(name(request.origin)) asks about media"
        case .hookBatch(let batch): "\(batch.events.count) events for webhooks"
        case .tokenRule(let rule): "no tokens before \(text(rule.before)) at \(rule.connection)"
        case .epoch(let news): "goes by epoch \(news.epoch)"
        case .load(let load): "load \(load.level.rawValue), \(load.admitPermille) of 1000 may send"
        case .deliver(let deliver):
            "deliver \(deliver.id) from \(name(deliver.origin)) to \(deliver.to), \(deliver.body.count) bytes\(deliver.after.map { ", after \($0)" } ?? "")"
        case .acknowledge(let acknowledge): "\(name(acknowledge.origin)) acknowledges \(acknowledge.number)"
        case .markRead(let mark): "\(name(mark.origin)) has read \(mark.with) up to \(text(mark.stamp))"
        case .historyQuery(let query): "history for \(name(query.origin)), before \(text(query.before)), \(query.limit) at most"
        case .receipt(let receipt): "receipt for \(receipt.author): \(receipt.kind) by \(receipt.peer) up to \(text(receipt.upTo))"
        case .poke(let poke): "poke for \(poke.owner)"
        case .expiredReport(let report): "expired of \(report.owner): \(report.items.map { "\($0.id) of \($0.author)" }.joined(separator: ", "))"
        case .append, .openDevice, .readInbox, .storeCursor, .storeWatermark, .readWatermarks, .readHead, .readHistory, .eraseInbox, .readDevices:
            request(message)
        case .groupSend(let send):
            "group send \(send.id) from \(name(send.origin)) to \(send.group), \(send.body.count) bytes\(send.after.map { ", after \($0)" } ?? "")"
        case .groupAct(let act): "group act \(act.id) of \(name(act.origin)): \(text(act.change)) in \(act.group)"
        case .groupQuery(let query): "\(name(query.origin)) asks about \(query.group)"
        case .membershipQuery(let query): "\(name(query.origin)) asks for its groups"
        case .fanOut(let fanOut):
            "fan-out of \(fanOut.group) \(text(fanOut.entries)) to \(fanOut.recipients.map(\.text).joined(separator: ",")), \(fanOut.mark)"
        case .fannedOut(let done): done.behind.isEmpty ? "fanned out" : "fanned out, behind: \(done.behind)"
        case .groupReceipts(let receipts):
            "receipts for \(receipts.group): " + receipts.marks.map { "\($0.member) \($0.kind) \(text($0.upTo))" }.joined(separator: ", ")
        case .groupMarked(let marked): "marked \(marked.outcomes.map { "\($0)" }.joined(separator: ","))"
        case .typing(let typing): "\(name(typing.origin)) \(typing.isOn ? "types" : "stops typing") to \(typing.to)"
        case .groupTyping(let sign):
            "\(typing(sign.author, sign.group, sign.isOn)), for \(sign.recipients.map(\.text).joined(separator: ","))"
        case .groupNotice(let notice): "notice for \(notice.author) of \(notice.group) at \(text(notice.at)): \(notice.content)"
        case .appendGroup, .readGroup, .settleGroup, .readPendingGroups, .storeGroupMarks, .readGroupMarks, .appendShared,
            .readMemberships:
            groupRequest(message)
        case .groupAppended(let appended): "\(appended.outcome) as \(appended.number), at \(text(appended.stamp))"
        case .groupPage(let page):
            "log \(text(page.entries)) of \(page.head), event \(page.eventNumber), fanned out \(page.fannedOut)\(page.hasMore ? ", more" : "")"
        case .pendingGroups(let page): "they owe something: \(page.groups)"
        case .groupMarks(let page):
            "marks: " + page.items.map { "\($0.member) \(text($0.wrote)) \(text($0.delivered)) \(text($0.read))" }.joined(separator: ", ")
                + ", revision \(page.revision), told of \(page.told)"
        case .groupMarksStored(let stored): "\(stored.hasRisen ? "marks stored" : "no mark rose"), revision \(stored.revision)"
        case .sharedAppended(let appended):
            "shared: " + appended.items.map { "\($0.storedCount) from \($0.firstNumber)\($0.isBehind ? " behind" : "")" }.joined(separator: ", ")
        case .membershipPage(let page): "\(page.items.count) memberships"
        case .done: "done"
        case .appended(let appended): "\(appended.outcome) as \(appended.number), at \(text(appended.stamp))"
        case .deviceOpened(let opened):
            "\(opened.outcome), cursor \(opened.cursor), head \(opened.head), delivered \(opened.delivered), \(opened.deviceCount) devices"
        case .inboxPage(let page):
            "page through \(page.through) of \(page.head): \(page.entries.map { "\($0.number) \($0.kind) \($0.id)" }.joined(separator: ", "))"
        case .watermarkStored(let stored): "watermark \(stored.watermark.peer) \(stored.watermark.kind) up to \(text(stored.watermark.upTo)), revision \(text(stored.watermark.revision))"
        case .watermarkPage(let page): "\(page.watermarks.count) watermarks\(page.hasMore ? " and more" : "")"
        case .inboxHead(let head): "head \(head.head), at \(text(head.headStamp)), revision \(text(head.revision))"
        case .devicePage(let page): "\(page.devices.count) devices"
        case .inboxErased(let erased): "erased through \(erased.through)\(erased.hasMore ? ", more" : "")"
        case .historyPage(let page): "history: \(page.entries.count) entries\(page.hasMore ? " and more" : "")"
        case .changeSettings, .readPresence, .storeLastSeen, .settingsStored, .presencePage, .activity, .appFront, .presenceGone,
            .presenceQuery, .settingsQuery, .lookUp, .presenceLines, .unwatch, .settingsNews:
            ofPresence(message)
        }
    }

    private static func ofPresence(_ message: Message) -> String {
        switch message {
        case .changeSettings(let change): "settings of \(change.owner): \(text(change.change))"
        case .readPresence(let read): "presence of \(read.users.map(\.text).joined(separator: ","))"
        case .storeLastSeen(let batch), .activity(let batch):
            "seen: " + batch.items.map { "\($0.user) \(text($0.at))" }.joined(separator: ", ")
        case .settingsStored(let stored): "\(stored.outcome): \(text(stored.settings))"
        case .presencePage(let page):
            "presence: " + page.items.map { presence(false, $0.lastSeen) + ", " + text($0.settings) }.joined(separator: "; ")
        case .appFront(let front): "\(front.user) \(front.isInFront ? "in front" : "in the background") at \(front.place.connection)"
        case .presenceGone(let gone): "gone: " + gone.items.map { "\($0.user) \($0.place.connection)" }.joined(separator: ", ")
        case .presenceQuery(let query):
            "\(name(query.origin)) \(query.isWatch ? "watches" : "asks about") \(query.users.map(\.text).joined(separator: ","))"
        case .settingsQuery(let query): "settings of \(name(query.origin)): \(text(query.change))"
        case .lookUp(let look):
            "\(look.viewer) \(look.watcher == nil ? "asks about" : "watches") \(look.users.map(\.text).joined(separator: ","))"
        case .presenceLines(let lines): "lines: " + lines.items.map { presence($0.isOnline, $0.lastSeen) }.joined(separator: ", ")
        case .unwatch(let unwatch): "\(unwatch.place.connection) watches no more: \(unwatch.users.map(\.text).joined(separator: ","))"
        case .settingsNews(let news): "\(news.owner) has " + text(news.settings)
        default: "\(message)"
        }
    }

    /// What is asked of a store.
    private static func request(_ message: Message) -> String {
        switch message {
        case .append(let append):
            "append to \(append.owner): \(append.kind) \(append.id) of \(append.author), \(append.body.count) bytes\(append.after.map { ", after \($0)" } ?? "")"
        case .openDevice(let open): "open \(open.owner)/\(open.device), cursor \(text(open.cursor))"
        case .readInbox(let read): "read \(read.owner) after \(read.after), \(read.limit) \(read.headersOnly ? "headers" : "entries")"
        case .storeCursor(let store): "cursor of \(store.owner)/\(store.device) to \(store.number)"
        case .storeWatermark(let store): "watermark of \(store.owner): \(store.kind) by \(store.peer) up to \(text(store.upTo))"
        case .readWatermarks(let read): "watermarks of \(read.owner) after \(text(read.after))"
        case .readHead(let read): "head of \(read.owner)"
        case .readDevices(let read): "devices of \(read.owner)"
        case .eraseInbox(let erase): "erase \(erase.limit) of \(erase.owner) after \(erase.after)"
        case .readHistory(let read): "history of \(read.owner) before \(text(read.before)), \(read.limit) at most"
        default: "\(message)"
        }
    }

    /// What is asked of a store about groups.
    private static func groupRequest(_ message: Message) -> String {
        switch message {
        case .appendGroup(let append):
            "append to \(append.group): \(append.kind) \(append.id) of \(append.author) behind event \(append.eventNumber)\(append.after.map { ", after \($0)" } ?? "")"
        case .readGroup(let read): "read \(read.limit) of \(read.group), \(read.part)"
        case .settleGroup(let settle): "\(settle.group) is fanned out through \(settle.fannedOut), ticks told of \(settle.told)"
        case .readPendingGroups: "which groups owe something?"
        case .storeGroupMarks(let store):
            "marks of \(store.group): " + store.marks.map { "\($0.member) \($0.kind) \(text($0.upTo))" }.joined(separator: ", ")
        case .readGroupMarks(let read): "read marks of \(read.group)"
        case .appendShared(let append):
            "share \(append.group) \(text(append.entries)) with \(append.recipients.map(\.text).joined(separator: ",")), \(append.mark)"
        case .readMemberships(let read): "memberships of \(read.owner)"
        default: "\(message)"
        }
    }

    private static func text(_ entries: [GroupEntry]) -> String {
        "[" + entries.map { "\($0.number) \($0.kind) \($0.id)" }.joined(separator: ", ") + "]"
    }

    private static func name(_ origin: Origin) -> String { "\(origin.user)/\(origin.device)" }

    /// The encoding is told by the first byte: no binary frame has the type `{`.
    private static func serverFrame(_ bytes: [UInt8]) -> String {
        let encoding: ClientEncoding = bytes.first == UInt8(ascii: "{") ? .json : .binary
        return (try? ServerFrame.decode(bytes, as: encoding)).flatMap { $0 }.map(text) ?? "\(bytes.count) bytes"
    }
}
