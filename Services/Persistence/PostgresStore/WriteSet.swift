// What a batch writes, by table, until it has to be sent. Of rows that are written several times the last state counts, and a
// statement takes all rows of its kind.
//
// The order in which the statements leave is right for all of them: rows are there before they are changed, and what is
// dropped or deleted was there before (see Batches in the contract: whatever reads, sends first).

import Messages
import Primitives
import Storage

struct WriteSet {
    private struct Table {
        var columns: [Column]
        var count: Int { columns[0].count }
        var parameters: [[UInt8]] { columns.map(\.parameter) }

        init(_ elements: Column.Element...) { columns = elements.map { Column($0) } }
    }

    private struct DeviceName: Hashable {
        let owner: UserID
        let device: DeviceID
    }

    private var entries = Table(.text, .integer, .integer, .text, .text, .integer, .integer, .text, .integer, .bytes, .integer)
    private var logEntries = Table(.text, .integer, .integer, .text, .text, .integer, .integer, .bytes)
    private var marks = Table(.text, .text, .integer, .integer, .integer)
    private var prunes = Table(.text, .text, .integer, .integer)
    private var pruneBefore = Stamp.zero
    private var series: Set<MarkSeries> = []
    private var blanks = Table(.text, .integer, .integer)
    private var purges = Table(.text, .integer)
    private var drops = Table(.text, .integer, .integer)
    private var logDeletes = Table(.text, .integer)
    /// Nil: forgotten.
    private var devices: [DeviceName: (cursor: UInt64, opened: Stamp)?] = [:]
    private var forgotten: [UserID: UInt64] = [:]
    private var settings: [UserID: [UInt8]] = [:]
    private var seen: [UserID: Stamp] = [:]
    private var watermarks: [WatermarkName: Watermark] = [:]
    private var places: [Place: UInt64] = [:]
    private var logs: [UserID: LogState] = [:]
    private var members: [Place: MemberState] = [:]
    private(set) var isEmpty = true

    // MARK: What is written

    mutating func insert(_ append: Append, _ head: Head, digest: UInt64) {
        isEmpty = false
        entries.columns[0].add(append.owner.text)
        entries.columns[1].add(Int64(head.number))
        entries.columns[2].add(Int64(append.kind.rawValue))
        entries.columns[3].add(append.author.text)
        entries.columns[4].add(append.id.text)
        entries.columns[5].add(head.stamp)
        if let stamp = append.messageStamp { entries.columns[6].add(stamp) } else { entries.columns[6].addNull() }
        entries.columns[7].add(append.chat.text)
        entries.columns[8].add(Int64(bitPattern: digest))
        entries.columns[9].add(append.body)
        entries.columns[10].addNull()
    }

    mutating func insert(_ entry: GroupEntry, of group: UserID, to owner: UserID, _ head: Head) {
        isEmpty = false
        entries.columns[0].add(owner.text)
        entries.columns[1].add(Int64(head.number))
        entries.columns[2].add(Int64(entry.kind.inInbox.rawValue))
        entries.columns[3].add(entry.author.text)
        entries.columns[4].add(entry.id.text)
        entries.columns[5].add(head.stamp)
        entries.columns[6].add(entry.stamp)
        entries.columns[7].add(group.text)
        entries.columns[8].add(0 as Int64)
        entries.columns[9].add(entry.body)
        entries.columns[10].add(Int64(entry.number))
    }

    mutating func insert(_ append: AppendGroup, _ head: Head, digest: UInt64) {
        isEmpty = false
        logEntries.columns[0].add(append.group.text)
        logEntries.columns[1].add(Int64(head.number))
        logEntries.columns[2].add(Int64(append.kind.rawValue))
        logEntries.columns[3].add(append.author.text)
        logEntries.columns[4].add(append.id.text)
        logEntries.columns[5].add(head.stamp)
        logEntries.columns[6].add(Int64(bitPattern: digest))
        logEntries.columns[7].add(append.body)
    }

    func contains(_ mark: MarkSeries) -> Bool { series.contains(mark) }

    /// - Parameter prunesBefore: nil in archives.
    mutating func insert(_ mark: MarkSeries, upTo: Stamp, at: Stamp, prunesBefore: Stamp?) {
        isEmpty = false
        series.insert(mark)
        marks.columns[0].add(mark.group.text)
        marks.columns[1].add(mark.member.text)
        marks.columns[2].add(Int64(mark.kind.rawValue))
        marks.columns[3].add(upTo)
        marks.columns[4].add(at)
        guard let prunesBefore else { return }
        pruneBefore = prunesBefore
        prunes.columns[0].add(mark.group.text)
        prunes.columns[1].add(mark.member.text)
        prunes.columns[2].add(Int64(mark.kind.rawValue))
        prunes.columns[3].add(upTo)
    }

    mutating func blank(_ owner: UserID, after: UInt64, through: UInt64) {
        isEmpty = false
        blanks.columns[0].add(owner.text)
        blanks.columns[1].add(Int64(clamping: after))
        blanks.columns[2].add(Int64(clamping: through))
    }

    mutating func purge(_ owner: UserID, _ number: UInt64) {
        isEmpty = false
        purges.columns[0].add(owner.text)
        purges.columns[1].add(Int64(clamping: number))
    }

    mutating func dropTexts(of group: UserID, after: UInt64, through: UInt64) {
        isEmpty = false
        drops.columns[0].add(group.text)
        drops.columns[1].add(Int64(clamping: after))
        drops.columns[2].add(Int64(clamping: through))
    }

    mutating func deleteLogEntry(of group: UserID, _ number: UInt64) {
        isEmpty = false
        logDeletes.columns[0].add(group.text)
        logDeletes.columns[1].add(Int64(clamping: number))
    }

    mutating func put(_ device: DeviceID, of owner: UserID, cursor: UInt64, opened: Stamp) {
        isEmpty = false
        devices[DeviceName(owner: owner, device: device)] = .some((cursor, opened))
    }

    mutating func forget(_ device: DeviceID, of owner: UserID) {
        isEmpty = false
        devices[DeviceName(owner: owner, device: device)] = .some(nil)
    }

    mutating func remember(_ owner: UserID, forgotten cursor: UInt64) {
        isEmpty = false
        forgotten[owner] = cursor
    }

    mutating func put(_ value: [UInt8], settingsOf owner: UserID) {
        isEmpty = false
        settings[owner] = value
    }

    mutating func see(_ user: UserID, at stamp: Stamp) {
        isEmpty = false
        seen[user] = max(seen[user] ?? stamp, stamp)
    }

    mutating func put(_ watermark: Watermark, _ name: WatermarkName) {
        isEmpty = false
        watermarks[name] = watermark
    }

    mutating func put(_ place: Place, last: UInt64) {
        isEmpty = false
        places[place] = last
    }

    mutating func put(_ log: LogState, of group: UserID) {
        isEmpty = false
        logs[group] = log
    }

    mutating func put(_ member: MemberState, _ place: Place) {
        isEmpty = false
        members[place] = member
    }

    // MARK: What is sent

    var statements: [(Statement, [[UInt8]])] {
        var list: [(Statement, [[UInt8]])] = []
        func add(_ statement: Statement, _ table: Table, _ more: [[UInt8]] = []) {
            if table.count > 0 { list.append((statement, table.parameters + more)) }
        }
        add(.insertEntries, entries)
        add(.insertLogEntries, logEntries)
        add(.insertMarks, marks)
        add(.pruneMarks, prunes, [.parameter(pruneBefore.microseconds)])
        addDevices(to: &list)
        // Rows are locked in the order of their keys, whoever else is at work.
        var table = Table(.text, .integer)
        for (owner, cursor) in forgotten.sorted(by: { $0.key < $1.key }) {
            table.columns[0].add(owner.text)
            table.columns[1].add(Int64(clamping: cursor))
        }
        add(.putForgotten, table)
        table = Table(.text, .bytes)
        for (owner, value) in settings.sorted(by: { $0.key < $1.key }) {
            table.columns[0].add(owner.text)
            table.columns[1].add(value)
        }
        add(.putSettings, table)
        table = Table(.text, .integer)
        for (user, stamp) in seen.sorted(by: { $0.key < $1.key }) {
            table.columns[0].add(user.text)
            table.columns[1].add(stamp)
        }
        add(.raiseSeen, table)
        table = Table(.text, .text, .integer, .integer, .integer)
        for (name, watermark) in watermarks {
            table.columns[0].add(name.owner.text)
            table.columns[1].add(name.peer.text)
            table.columns[2].add(Int64(name.kind.rawValue))
            table.columns[3].add(watermark.upTo)
            table.columns[4].add(watermark.revision)
        }
        add(.putWatermarks, table)
        table = Table(.text, .text, .integer)
        for (place, last) in places {
            table.columns[0].add(place.owner.text)
            table.columns[1].add(place.group.text)
            table.columns[2].add(Int64(clamping: last))
        }
        add(.putPlaces, table)
        addLogs(to: &list)
        add(.blank, blanks)
        add(.dropTexts, drops)
        add(.purge, purges)
        add(.deleteLogEntries, logDeletes)
        return list
    }

    private func addDevices(to list: inout [(Statement, [[UInt8]])]) {
        var puts = Table(.text, .text, .integer, .integer)
        var deletes = Table(.text, .text)
        for (name, state) in devices {
            if let state {
                puts.columns[0].add(name.owner.text)
                puts.columns[1].add(name.device.text)
                puts.columns[2].add(Int64(clamping: state.cursor))
                puts.columns[3].add(state.opened)
            } else {
                deletes.columns[0].add(name.owner.text)
                deletes.columns[1].add(name.device.text)
            }
        }
        if puts.count > 0 { list.append((.putDevices, puts.parameters)) }
        if deletes.count > 0 { list.append((.deleteDevices, deletes.parameters)) }
    }

    private func addLogs(to list: inout [(Statement, [[UInt8]])]) {
        var table = Table(.text, .integer, .integer, .integer, .integer, .integer, .integer, .integer)
        for (group, log) in logs {
            table.columns[0].add(group.text)
            table.columns[1].add(Int64(clamping: log.head.number))
            table.columns[2].add(log.head.stamp)
            for (index, number) in [log.eventNumber, log.fannedOut, log.pruned, log.revision, log.told].enumerated() {
                table.columns[3 + index].add(Int64(clamping: number))
            }
        }
        if table.count > 0 { list.append((.putLogs, table.parameters)) }
        var rows = Table(.text, .text, .integer, .integer, .integer)
        for (place, member) in members {
            rows.columns[0].add(place.group.text)
            rows.columns[1].add(place.owner.text)
            rows.columns[2].add(member.wrote)
            rows.columns[3].add(member.delivered)
            rows.columns[4].add(member.read)
        }
        if rows.count > 0 { list.append((.putMembers, rows.parameters)) }
    }
}
