// What a batch will need and nobody remembers, asked for at once before its first request is carried out. Whatever is missing
// later all the same (it was remembered and fell out of the cache meanwhile) is asked for alone.

import Messages
import Primitives
import Privacy
import Storage

extension PostgresStore {
    /// One round trip, or none.
    func lookUp(_ requests: [StoreRequest]) throws(PostgresError) {
        var wanted = Wanted()
        for request in requests { collect(request, into: &wanted) }
        var questions: [(Statement, [[UInt8]])] = []
        let owners = Array(wanted.inboxes)
        if !owners.isEmpty { questions += Self.questions(inboxes: owners) }
        let entries = Array(wanted.entries)
        if !entries.isEmpty { questions.append(Self.question(entries)) }
        let marks = Array(wanted.watermarks)
        if !marks.isEmpty { questions.append(Self.question(marks)) }
        let groups = Array(wanted.logs)
        if !groups.isEmpty { questions.append((.logs, [Self.column(groups)])) }
        let logEntries = Array(wanted.logEntries)
        if !logEntries.isEmpty { questions.append(Self.question(logEntries)) }
        let seats = Array(wanted.places)
        if !seats.isEmpty { questions.append((.places, Self.columns(seats, ownerFirst: true))) }
        let members = Array(wanted.members)
        if !members.isEmpty { questions.append((.members, Self.columns(members, ownerFirst: false))) }
        guard !questions.isEmpty else { return }

        var answers = try query(questions)[...]
        if !owners.isEmpty { try learn(owners, answers.removeFirst(), devices: answers.removeFirst()) }
        if !entries.isEmpty { try learn(entries, answers.removeFirst()) }
        if !marks.isEmpty { learn(marks, answers.removeFirst()) }
        if !groups.isEmpty { learn(groups, logs: answers.removeFirst()) }
        if !logEntries.isEmpty { learn(logEntries, answers.removeFirst()) }
        if !seats.isEmpty { learn(seats, places: answers.removeFirst()) }
        if !members.isEmpty { learn(members, members: answers.removeFirst()) }
    }

    private struct Wanted {
        var inboxes: Set<UserID> = []
        var entries: Set<EntryName> = []
        var watermarks: Set<WatermarkName> = []
        var logs: Set<UserID> = []
        var logEntries: Set<LogName> = []
        var places: Set<Place> = []
        var members: Set<Place> = []
    }

    private func collect(_ request: StoreRequest, into wanted: inout Wanted) {
        func inbox(_ owner: UserID) { if inboxes[owner] == nil { wanted.inboxes.insert(owner) } }
        func entry(_ name: EntryName) { if recent[name] == nil { wanted.entries.insert(name) } }
        func log(_ group: UserID) { if logs[group] == nil { wanted.logs.insert(group) } }
        func logEntry(_ name: LogName) { if recentInLogs[name] == nil { wanted.logEntries.insert(name) } }
        func member(_ place: Place) { if members[place] == nil { wanted.members.insert(place) } }
        switch request {
        case .append(let request):
            inbox(request.owner)
            if isLooking { entry(EntryName(owner: request.owner, kind: request.kind, author: request.author, id: request.id)) }
            if let after = request.after {
                entry(EntryName(owner: request.owner, kind: request.kind, author: request.author, id: after))
            }
        case .openDevice(let request): inbox(request.owner)
        case .readInbox(let request): inbox(request.owner)
        case .storeCursor(let request): inbox(request.owner)
        case .readHead(let request): inbox(request.owner)
        case .changeSettings(let request): inbox(request.owner)
        case .eraseInbox(let request): inbox(request.owner)
        case .readDevices(let request): inbox(request.owner)
        case .dropExpired: break
        case .storeWatermark(let request):
            inbox(request.owner)
            let name = WatermarkName(owner: request.owner, peer: request.peer, kind: request.kind)
            if watermarks[name] == nil { wanted.watermarks.insert(name) }
        case .appendGroup(let request):
            log(request.group)
            if isLooking { logEntry(LogName(group: request.group, author: request.author, id: request.id)) }
            if let after = request.after { logEntry(LogName(group: request.group, author: request.author, id: after)) }
            member(Place(group: request.group, owner: request.author))
        case .readGroup(let request): log(request.group)
        case .settleGroup(let request): log(request.group)
        case .storeGroupMarks(let request):
            log(request.group)
            for mark in request.marks { member(Place(group: request.group, owner: mark.member)) }
        case .readGroupMarks(let request): log(request.group)
        case .appendShared(let request):
            for recipient in request.recipients {
                inbox(recipient)
                let place = Place(group: request.group, owner: recipient)
                if places[place] == nil { wanted.places.insert(place) }
            }
        case .readWatermarks, .readHistory, .readPendingGroups, .readMemberships, .readPresence, .storeLastSeen, .sweep, .probe: break
        }
    }

    // MARK: One at a time

    func inbox(_ owner: UserID) throws(PostgresError) -> InboxState {
        if let state = inboxes[owner] { return state }
        let answers = try query(Self.questions(inboxes: [owner]))
        return try learn([owner], answers[0], devices: answers[1])
    }

    /// Inboxes that a step of housekeeping meets.
    func loadInboxes(_ owners: [UserID]) throws(PostgresError) {
        let missing = owners.filter { inboxes[$0] == nil }
        guard !missing.isEmpty else { return }
        let answers = try query(Self.questions(inboxes: missing))
        try learn(missing, answers[0], devices: answers[1])
    }

    /// Nil: there is no such entry.
    func entry(_ name: EntryName) throws(PostgresError) -> KnownEntry? {
        if let known = recent[name] { return known }
        if let known = looked[name] { return known }
        try learn([name], try query([Self.question([name])])[0])
        return looked[name] ?? nil
    }

    func watermark(_ name: WatermarkName) throws(PostgresError) -> Watermark {
        if let known = watermarks[name] { return known }
        learn([name], try query([Self.question([name])])[0])
        return watermarks[name]!
    }

    /// Nil: the group was never made.
    func log(_ group: UserID) throws(PostgresError) -> LogState? {
        if let known = logs[group] { return known }
        learn([group], logs: try query(.logs, [Self.column([group])]))
        return logs[group]!
    }

    func logEntry(_ name: LogName) throws(PostgresError) -> KnownLogEntry? {
        if let known = recentInLogs[name] { return known }
        if let known = lookedInLogs[name] { return known }
        learn([name], try query([Self.question([name])])[0])
        return lookedInLogs[name] ?? nil
    }

    func lastEntry(of place: Place) throws(PostgresError) -> UInt64? {
        if let known = places[place] { return known }
        learn([place], places: try query(.places, Self.columns([place], ownerFirst: true)))
        return places[place]!
    }

    func member(_ place: Place) throws(PostgresError) -> MemberState {
        if let known = members[place] { return known }
        learn([place], members: try query(.members, Self.columns([place], ownerFirst: false)))
        return members[place]!
    }

    // MARK: Questions

    static func column(_ users: [UserID]) -> [UInt8] {
        var column = Column(.text)
        for user in users { column.add(user.text) }
        return column.parameter
    }

    private static func columns(_ places: [Place], ownerFirst: Bool) -> [[UInt8]] {
        let owners = column(places.map(\.owner))
        let groups = column(places.map(\.group))
        return ownerFirst ? [owners, groups] : [groups, owners]
    }

    private static func questions(inboxes owners: [UserID]) -> [(Statement, [[UInt8]])] {
        let column = column(owners)
        return [(.inboxes, [column]), (.devices, [column])]
    }

    private static func question(_ names: [EntryName]) -> (Statement, [[UInt8]]) {
        var (kinds, ids) = (Column(.integer), Column(.text))
        for name in names {
            kinds.add(Int64(name.kind.rawValue))
            ids.add(name.id.text)
        }
        return (.known, [column(names.map(\.owner)), column(names.map(\.author)), kinds.parameter, ids.parameter])
    }

    private static func question(_ names: [WatermarkName]) -> (Statement, [[UInt8]]) {
        var kinds = Column(.integer)
        for name in names { kinds.add(Int64(name.kind.rawValue)) }
        return (.watermarks, [column(names.map(\.owner)), column(names.map(\.peer)), kinds.parameter])
    }

    private static func question(_ names: [LogName]) -> (Statement, [[UInt8]]) {
        var ids = Column(.text)
        for name in names { ids.add(name.id.text) }
        return (.knownLog, [column(names.map(\.group)), column(names.map(\.author)), ids.parameter])
    }

    // MARK: Answers. Column 0 is the place of the question, from 1; what has no row is not there.

    @discardableResult
    private func learn(_ owners: [UserID], _ rows: Rows, devices: Rows) throws(PostgresError) -> InboxState {
        var states = [InboxState](repeating: InboxState(), count: owners.count)
        for row in 0..<rows.count {
            let place = Int(rows.int64(row, 0)) - 1
            states[place].head = Head(number: rows.uint64(row, 1), stamp: rows.stamp(row, 2))
            states[place].devices.forgotten = rows.uint64(row, 3)
            if !rows.isNull(row, 4) { states[place].settings = try Self.settings(rows.bytes(row, 4)) }
            states[place].revision = rows.stamp(row, 5)
        }
        for row in 0..<devices.count {
            let name = devices.text(row, 1)
            guard let device = DeviceID(name) else { throw .badRow("not a device's name: \(name)") }
            states[Int(devices.int64(row, 0)) - 1].devices.devices.append(
                DeviceSet.Device(name: device, cursor: devices.uint64(row, 2), opened: devices.stamp(row, 3)))
        }
        for (owner, state) in zip(owners, states) { inboxes[owner] = state }
        return states[0]
    }

    static func settings(_ bytes: [UInt8]) throws(PostgresError) -> UserSettings {
        var reader = ByteReader(bytes)
        do throws(DecodeError) { return try UserSettings(from: &reader) } catch { throw .badRow("settings: \(error)") }
    }

    private func learn(_ names: [EntryName], _ rows: Rows) throws(PostgresError) {
        for name in names { looked[name] = .some(nil) }
        for row in 0..<rows.count {
            let name = names[Int(rows.int64(row, 0)) - 1]
            let known = KnownEntry(
                number: rows.uint64(row, 1), stamp: rows.stamp(row, 2), chat: try rows.user(row, 3),
                digest: UInt64(bitPattern: rows.int64(row, 4)))
            looked[name] = .some(known)
            recent[name] = known
        }
    }

    private func learn(_ names: [WatermarkName], _ rows: Rows) {
        for name in names { watermarks[name] = Watermark(peer: name.peer, kind: name.kind, upTo: .zero, revision: .zero) }
        for row in 0..<rows.count {
            let name = names[Int(rows.int64(row, 0)) - 1]
            watermarks[name] = Watermark(peer: name.peer, kind: name.kind, upTo: rows.stamp(row, 1), revision: rows.stamp(row, 2))
        }
    }

    private func learn(_ groups: [UserID], logs rows: Rows) {
        for group in groups { logs[group] = .some(nil) }
        for row in 0..<rows.count {
            logs[groups[Int(rows.int64(row, 0)) - 1]] = LogState(
                head: Head(number: rows.uint64(row, 1), stamp: rows.stamp(row, 2)), eventNumber: rows.uint64(row, 3),
                fannedOut: rows.uint64(row, 4), pruned: rows.uint64(row, 5), revision: rows.uint64(row, 6), told: rows.uint64(row, 7),
                oldest: rows.isNull(row, 8) ? nil : rows.stamp(row, 8))
        }
    }

    private func learn(_ names: [LogName], _ rows: Rows) {
        for name in names { lookedInLogs[name] = .some(nil) }
        for row in 0..<rows.count {
            let name = names[Int(rows.int64(row, 0)) - 1]
            let known = KnownLogEntry(
                number: rows.uint64(row, 1), stamp: rows.stamp(row, 2), kind: UInt8(clamping: rows.int64(row, 3)),
                digest: UInt64(bitPattern: rows.int64(row, 4)))
            lookedInLogs[name] = .some(known)
            recentInLogs[name] = known
        }
    }

    private func learn(_ seats: [Place], places rows: Rows) {
        for seat in seats { places[seat] = .some(nil) }
        for row in 0..<rows.count { places[seats[Int(rows.int64(row, 0)) - 1]] = .some(rows.uint64(row, 1)) }
    }

    private func learn(_ seats: [Place], members rows: Rows) {
        for seat in seats { members[seat] = MemberState() }
        for row in 0..<rows.count {
            members[seats[Int(rows.int64(row, 0)) - 1]] = MemberState(
                wrote: rows.stamp(row, 1), delivered: rows.stamp(row, 2), read: rows.stamp(row, 3))
        }
    }
}
