// The store as the simulator sees it: the rules of `Store` in plain values, as short as they can be said.
//
// It is the second opinion on SQLiteStore: both must give equal answers to every batch (Tests/SQLiteStoreTests). So it
// is written from the rules, not from the other engine: no keys, no caches, an inbox is an array.
//
// A value type: a copy is a snapshot. The simulator decides what a crash forgets by going back to the copy it took at the
// last sync; only inboxes that changed since are really copied.

import Groups
import Messages
import Primitives
import Privacy
import Storage

public struct MemoryStore: Store {
    public let policy: StorePolicy

    /// Stays until it is taken away. `.full`: batches that write fail, batches that only read are answered. `.broken`: all
    /// fail. A batch that fails has no effect.
    public var fault: StoreFailure?

    /// Everybody who is named in anything stored, in the order of first mention; the place, counted from 1, is the number
    /// that `Sweep.Position` speaks of.
    var names: [UserID] = []
    var numbers: [UserID: Int] = [:]
    var inboxes: [Inbox] = []
    /// Of groups (MemoryStoreGroups.swift).
    var logs: [UserID: GroupLog] = [:]
    /// Of who ever set something, and who was ever here (MemoryStorePresence.swift).
    var settings: [UserID: UserSettings] = [:]
    var lastSeen: [UserID: Stamp] = [:]

    public init(policy: StorePolicy) { self.policy = policy }

    /// Entries that still have their text, over all inboxes. For checks of what is left. O(entries).
    public var textCount: Int {
        inboxes.reduce(0) { $0 + $1.entries.count { $0.body != nil } }
    }

    /// The same, of one inbox.
    public func textCount(of owner: UserID) -> Int { find(owner).entries.count { $0.body != nil } }

    public mutating func apply(_ requests: [StoreRequest], stamp: Stamp) throws(StoreFailure) -> [StoreAnswer] {
        switch fault {
        case .full where requests.allSatisfy(\.isReadOnly), nil: break
        case .some(let fault): throw fault
        }
        return requests.map { answer($0, now: stamp) }
    }

    private mutating func answer(_ request: StoreRequest, now: Stamp) -> StoreAnswer {
        switch request {
        case .append(let request): return .appended(append(request, now: now))
        case .openDevice(let request): return .deviceOpened(open(request, now: now))
        case .readInbox(let request): return .inboxPage(read(request))
        case .storeCursor(let request): store(request, now: now)
        case .storeWatermark(let request): return .watermarkStored(store(request, now: now))
        case .readWatermarks(let request): return .watermarkPage(read(request))
        case .readHead(let request):
            let inbox = find(request.owner)
            return .inboxHead(InboxHead(head: inbox.head, headStamp: inbox.headStamp, revision: inbox.revision))
        case .readHistory(let request): return .historyPage(read(request))
        case .readDevices(let request):
            let devices = find(request.owner).devices.sorted { $0.key < $1.key }
            return .devicePage(
                DevicePage(devices: devices.map { .init(device: $0.key, cursor: $0.value.cursor, opened: $0.value.opened) }))
        case .eraseInbox(let request): return .inboxErased(erase(request))
        case .sweep(let request): return .swept(sweep(request, now: now))
        case .dropExpired(let request): drop(request)
        case .probe: break
        case .appendGroup, .readGroup, .settleGroup, .readPendingGroups, .storeGroupMarks, .readGroupMarks, .appendShared,
            .readMemberships:
            return answerGroup(request, now: now)!
        case .changeSettings, .readPresence, .storeLastSeen: return answerPresence(request)!
        }
        return .done
    }

    // MARK: Inboxes by name

    private func find(_ owner: UserID) -> Inbox { numbers[owner].map { inboxes[$0 - 1] } ?? Inbox() }

    /// The place in `inboxes`, a new one for a new name.
    mutating func place(of user: UserID) -> Int {
        if let number = numbers[user] { return number - 1 }
        names.append(user)
        inboxes.append(Inbox())
        numbers[user] = names.count
        return names.count - 1
    }

    // MARK: Entries

    private mutating func append(_ request: Append, now: Stamp) -> Appended {
        let digest = ContentDigest.of(request.body)
        if let refused = repeated(request, digest: digest, now: now) { return refused }
        let owner = place(of: request.owner)
        _ = place(of: request.author)
        _ = place(of: request.chat)
        let entry = inboxes[owner].add(request, digest: digest, now: now)
        return Appended(outcome: .stored, number: entry.number, stamp: entry.stamp)
    }

    /// The answer when the id is known, the author is blocked or the predecessor is not known; nil when there is something to
    /// store.
    private func repeated(_ request: Append, digest: UInt64, now: Stamp) -> Appended? {
        let inbox = find(request.owner)
        if let known = inbox.entry(Inbox.EntryName(kind: request.kind, author: request.author, id: request.id)) {
            guard known.chat == request.chat, known.digest == digest else {
                return Appended(outcome: .conflict, number: 0, stamp: .zero)
            }
            return Appended(outcome: .duplicate, number: known.number, stamp: known.stamp)
        }
        if request.kind == .message, settings[request.owner]?.blocks(request.author) == true {
            return Appended(
                outcome: .blocked, number: 0, stamp: max(now, Stamp(microseconds: inbox.headStamp.microseconds + 1)))
        }
        guard let after = request.after else { return nil }
        let predecessor = inbox.entry(Inbox.EntryName(kind: request.kind, author: request.author, id: after))
        return predecessor == nil ? Appended(outcome: .predecessorMissing, number: 0, stamp: .zero) : nil
    }

    private func read(_ request: ReadInbox) -> InboxPage {
        let inbox = find(request.owner)
        let after = policy.isArchive ? request.after : max(request.after, inbox.lowest)
        let rest = inbox.entries[inbox.place(after: after)...].lazy.filter { $0.body != nil }
        let (entries, hasMore) = page(rest, limit: request.limit, withBodies: !request.headersOnly)
        return InboxPage(
            entries: entries, through: hasMore ? entries.last!.number : max(request.after, inbox.head),
            head: inbox.head)
    }

    private func read(_ request: ReadHistory) -> HistoryPage {
        guard policy.isArchive else { return HistoryPage(entries: [], hasMore: false) }
        let kept = find(request.owner).entries.reversed().lazy.filter {
            $0.body != nil && $0.number < request.before ?? .max && $0.chat == request.chat ?? $0.chat
        }
        let (entries, hasMore) = page(kept, limit: request.limit, withBodies: true)
        return HistoryPage(entries: entries, hasMore: hasMore)
    }

    private func page(
        _ entries: some Sequence<Inbox.Entry>, limit: Int, withBodies: Bool
    ) -> (entries: [InboxEntry], hasMore: Bool) {
        let limit = min(max(limit, 1), MessageLimits.pageEntryCountMax)
        var page: [InboxEntry] = []
        var bodyBytes = 0
        for entry in entries {
            let body = withBodies ? entry.body ?? [] : []
            bodyBytes += body.count
            if page.count == limit || (!page.isEmpty && bodyBytes > MessageLimits.pageBodyBytesMax) {
                return (page, true)
            }
            page.append(
                InboxEntry(
                    number: entry.number, stamp: entry.messageStamp ?? entry.stamp, kind: entry.name.kind, author: entry.name.author,
                    chat: entry.chat, id: entry.name.id, body: body, groupNumber: entry.groupNumber))
        }
        return (page, false)
    }

    // MARK: Devices

    private mutating func open(_ request: OpenDevice, now: Stamp) -> DeviceOpened {
        let before = find(request.owner)
        var deviceCount = before.devices.count
        func answer(_ outcome: DeviceOpened.Outcome, cursor: UInt64) -> DeviceOpened {
            DeviceOpened(
                outcome: outcome, cursor: cursor, head: before.head, headStamp: before.headStamp,
                delivered: before.delivered, revision: before.revision, deviceCount: deviceCount,
                settings: settings[request.owner] ?? UserSettings())
        }

        let known = before.devices[request.device]
        if let issuedAt = request.issuedAt, issuedAt < settings[request.owner]?.revokedBefore ?? .zero { return answer(.revoked, cursor: 0) }
        if let claim = request.cursor, claim > before.head { return answer(.cursorAhead, cursor: known?.cursor ?? 0) }
        if let known {
            let owner = place(of: request.owner)
            if known.opened + refreshInterval < now { inboxes[owner].devices[request.device]!.opened = now }
            return answer(.opened, cursor: known.cursor)
        }
        if deviceCount >= MessageLimits.deviceCountMax {
            forgetUnused(place(of: request.owner), now: now)
            deviceCount = find(request.owner).devices.count
            guard deviceCount < MessageLimits.deviceCountMax else { return answer(.tooManyDevices, cursor: 0) }
        }
        // A claim above what any device has is not stored: its receipts are not out yet.
        let cursor = request.cursor.map { min($0, before.delivered) } ?? before.startOfNewDevice
        inboxes[place(of: request.owner)].devices[request.device] = Inbox.Device(cursor: cursor, opened: now)
        deviceCount += 1
        return answer(.opened, cursor: cursor)
    }

    private mutating func store(_ request: StoreCursor, now: Stamp) {
        guard let number = numbers[request.owner] else { return }
        let owner = number - 1
        let cursor = min(request.number, inboxes[owner].head)
        let known = inboxes[owner].devices[request.device]
        // One that was forgotten while it was connected is remembered again.
        guard known != nil || inboxes[owner].devices.count < MessageLimits.deviceCountMax else { return }
        guard cursor > known?.cursor ?? 0 else { return }
        let lowest = inboxes[owner].lowest
        inboxes[owner].devices[request.device] = Inbox.Device(cursor: cursor, opened: max(known?.opened ?? .zero, now))
        dropWhatAllHave(owner, after: lowest)
    }

    /// A sign of life is noted when the last one is older than this: a device that reconnects often does not write often.
    private var refreshInterval: Interval { Interval(nanoseconds: policy.expiry.nanoseconds / 64) }

    private mutating func forgetUnused(_ owner: Int, now: Stamp) {
        let lowest = inboxes[owner].lowest
        let delivered = inboxes[owner].delivered
        let used = inboxes[owner].devices.filter { $0.value.opened + refreshInterval + policy.expiry >= now }
        guard used.count < inboxes[owner].devices.count else { return }
        inboxes[owner].forgotten = delivered
        inboxes[owner].devices = used
        dropWhatAllHave(owner, after: lowest)
    }

    mutating func dropWhatAllHave(_ owner: Int, after lowest: UInt64) {
        guard !policy.isArchive else { return }
        inboxes[owner].drop(after: lowest, through: inboxes[owner].lowest)
    }

    // MARK: Watermarks

    private mutating func store(_ request: StoreWatermark, now: Stamp) -> WatermarkStored {
        let name = Inbox.WatermarkName(peer: request.peer, kind: request.kind)
        let known =
            find(request.owner).watermarks[name]
            ?? Watermark(peer: request.peer, kind: request.kind, upTo: .zero, revision: .zero)
        let previous = find(request.owner).revision
        // Who has read receipts off gets none from people.
        let isWanted = request.kind == .delivered || request.peer.isGroup || settings[request.owner]?.readReceipts != false
        guard isWanted, request.upTo > known.upTo else { return WatermarkStored(watermark: known, previous: previous) }
        let owner = place(of: request.owner)
        _ = place(of: request.peer)
        let raised = Watermark(
            peer: request.peer, kind: request.kind, upTo: request.upTo,
            revision: max(now, Stamp(microseconds: inboxes[owner].revision.microseconds + 1)))
        inboxes[owner].watermarks[name] = raised
        inboxes[owner].revision = raised.revision
        return WatermarkStored(watermark: raised, previous: previous)
    }

    private func read(_ request: ReadWatermarks) -> WatermarkPage {
        let changed = find(request.owner).watermarks.values.filter { $0.revision > request.after }
            .sorted { $0.revision < $1.revision }
        return WatermarkPage(
            watermarks: Array(changed.prefix(MessageLimits.watermarkCountMax)),
            hasMore: changed.count > MessageLimits.watermarkCountMax)
    }

    // MARK: Housekeeping

    private mutating func erase(_ request: EraseInbox) -> InboxErased {
        let inbox = find(request.owner)
        let rest = inbox.entries[inbox.place(after: request.after)...]
        guard let first = rest.first(where: { $0.body != nil })?.number else {
            return InboxErased(through: max(request.after, inbox.head), hasMore: false)
        }
        let through = min(inbox.head, first - 1 + UInt64(request.limit))
        inboxes[place(of: request.owner)].drop(after: first - 1, through: through)
        return InboxErased(through: through, hasMore: through < inbox.head)
    }

    private mutating func drop(_ request: DropExpired) {
        guard !policy.isArchive, let number = numbers[request.owner] else { return }
        for expired in request.numbers where expired > 0 {
            inboxes[number - 1].drop(after: expired - 1, through: expired)
        }
    }

    private mutating func sweep(_ request: Sweep, now: Stamp) -> Swept {
        var swept = Swept(next: .start, expired: [], purgedCount: 0)
        var left = max(1, request.limit)
        var owner = max(0, Int(clamping: request.position.owner) - 1)
        var after = request.position.owner > 0 ? request.position.number : 0
        while owner < inboxes.count, left > 0 {
            let start = inboxes[owner].place(after: after)
            let end = min(start + left, inboxes[owner].entries.count)
            if start < end {
                let last = inboxes[owner].entries[end - 1].number
                sweep(owner, after: after, through: last, now: now, into: &swept)
                left -= end - start
                if left == 0 { swept.next = Sweep.Position(owner: Int64(owner + 1), number: last) }
            }
            owner += 1
            after = 0
        }
        return swept
    }

    private mutating func sweep(
        _ owner: Int, after: UInt64, through: UInt64, now: Stamp, into swept: inout Swept
    ) {
        forgetUnused(owner, now: now)
        if !policy.isArchive {
            let delivered = inboxes[owner].delivered
            let isExpired = { [policy] (entry: Inbox.Entry) in entry.stamp + policy.expiry < now }
            let isOwed = { (entry: Inbox.Entry) in entry.name.kind == .message && entry.number > delivered }
            let items = inboxes[owner].entries(after: after, through: through)
                .filter { $0.body != nil && isExpired($0) && isOwed($0) }
                .map { ExpiredReport.Item(number: $0.number, author: $0.name.author, id: $0.name.id) }
            for start in stride(from: 0, to: items.count, by: MessageLimits.expiredCountMax) {
                let part = items[start..<min(start + MessageLimits.expiredCountMax, items.count)]
                swept.expired.append(ExpiredReport(owner: names[owner], items: Array(part)))
            }
            inboxes[owner].drop(after: after, through: min(through, inboxes[owner].lowest))
            inboxes[owner].drop(after: after, through: through) { isExpired($0) && !isOwed($0) }
        }
        let young = Stamp(microseconds: now.microseconds - StoreLimits.idempotency.microseconds)
        swept.purgedCount += inboxes[owner].purge(after: after, through: through, before: young)
    }
}

/// What is stored of one user.
struct Inbox: Sendable {
    struct EntryName: Hashable, Sendable {
        let kind: InboxEntry.Kind
        let author: UserID
        let id: MessageID
    }

    struct Entry: Sendable {
        let number: UInt64
        let stamp: Stamp
        let name: EntryName
        let chat: UserID
        let digest: UInt64
        /// Of a copy: the stamp that its devices are told.
        let messageStamp: Stamp?
        /// Of a group's entry: its number in the log.
        var groupNumber: UInt64 = 0
        /// Nil once dropped.
        var body: [UInt8]?
    }

    struct Device: Sendable {
        var cursor: UInt64
        var opened: Stamp
    }

    struct WatermarkName: Hashable, Sendable {
        let peer: UserID
        let kind: ReceiptKind
    }

    /// Rising numbers.
    private(set) var entries: [Entry] = []
    private var numbers: [EntryName: UInt64] = [:]
    private(set) var head: UInt64 = 0
    private(set) var headStamp: Stamp = .zero

    var devices: [DeviceID: Device] = [:]
    /// The highest cursor of any forgotten device.
    var forgotten: UInt64 = 0
    var watermarks: [WatermarkName: Watermark] = [:]
    var revision: Stamp = .zero
    var places: [UserID: GroupPlace] = [:]

    /// Some device has, or had, everything up to here.
    var delivered: UInt64 { max(forgotten, devices.values.map(\.cursor).max() ?? 0) }
    /// All devices have everything up to here.
    var lowest: UInt64 { devices.values.map(\.cursor).min() ?? forgotten }
    /// Just before the first text that no device has.
    var startOfNewDevice: UInt64 {
        entries[place(after: delivered)...].first { $0.body != nil }.map { $0.number - 1 } ?? head
    }

    func entry(_ name: EntryName) -> Entry? {
        numbers[name].map { entries[place(after: $0 - 1)] }
    }

    /// Index of the first entry with a larger number. O(log n).
    func place(after number: UInt64) -> Int {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].number <= number { low = middle + 1 } else { high = middle }
        }
        return low
    }

    func entries(after: UInt64, through: UInt64) -> ArraySlice<Entry> {
        entries[place(after: after)..<place(after: through)]
    }

    mutating func add(_ request: Append, digest: UInt64, now: Stamp) -> Entry {
        let entry = Entry(
            number: head + 1, stamp: max(now, Stamp(microseconds: headStamp.microseconds + 1)),
            name: EntryName(kind: request.kind, author: request.author, id: request.id), chat: request.chat,
            digest: digest, messageStamp: request.messageStamp, body: request.body)
        entries.append(entry)
        numbers[entry.name] = entry.number
        head = entry.number
        headStamp = entry.stamp
        return entry
    }

    /// Appends an entry of a group, which is not found by its name; says its number.
    mutating func add(_ entry: GroupEntry, of group: UserID, now: Stamp) -> UInt64 {
        head += 1
        headStamp = max(now, Stamp(microseconds: headStamp.microseconds + 1))
        entries.append(
            Entry(
                number: head, stamp: headStamp, name: EntryName(kind: entry.kind.inInbox, author: entry.author, id: entry.id), chat: group,
                digest: 0, messageStamp: entry.stamp, groupNumber: entry.number, body: entry.body))
        return head
    }

    /// Drops the text of entries numbered in (`after`, `through`] for which `isDone`.
    mutating func drop(after: UInt64, through: UInt64, where isDone: (Entry) -> Bool = { _ in true }) {
        guard through > after else { return }
        for index in place(after: after)..<place(after: through)
        where entries[index].body != nil && isDone(entries[index]) {
            entries[index].body = nil
        }
    }

    /// Removes entries without text numbered in (`after`, `through`] and stamped before `before`, never the newest; says
    /// how many.
    mutating func purge(after: UInt64, through: UInt64, before: Stamp) -> Int {
        let isGone = { [head] (entry: Entry) in
            entry.body == nil && entry.stamp < before && entry.number != head && entry.number > after
                && entry.number <= through
        }
        let gone = entries.filter(isGone)
        guard !gone.isEmpty else { return 0 }
        entries.removeAll(where: isGone)
        for entry in gone where !entry.name.kind.isOfGroup { numbers[entry.name] = nil }
        return gone.count
    }
}
