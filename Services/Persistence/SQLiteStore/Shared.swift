// What groups bring to inboxes. A message to a thousand people is a thousand small rows in their inboxes, and once what
// they have in common: its author, its name and its text. A count of the rows that still need it goes along, and with the
// last of them, delivered or expired, the text goes.

import Messages
import Primitives
import Storage

/// An inbox, as far as it takes part in a group.
struct GroupPlace: Hashable {
    let group: Int64
    let owner: Int64
}

extension SQLiteStore {
    func appendShared(_ request: GroupBatch, now: Stamp) throws(SQLiteError) -> SharedAppended {
        var answer = SharedAppended(items: [])
        answer.items.reserveCapacity(request.recipients.count)
        var copyCounts = Array(repeating: 0, count: request.entries.count)
        for recipient in request.recipients {
            answer.items.append(try append(request, to: recipient, copyCounts: &copyCounts, now: now))
        }
        for (entry, count) in zip(request.entries, copyCounts) where count > 0 {
            groupSQL.addCount.bind(1, EntryKey.of(owner: try makeUser(request.group), number: entry.number))
            groupSQL.addCount.bind(2, Int64(count))
            try groupSQL.addCount.run()
        }
        return answer
    }

    private func append(
        _ request: GroupBatch, to recipient: UserID, copyCounts: inout [Int], now: Stamp
    ) throws(SQLiteError) -> SharedAppended.Item {
        var item = SharedAppended.Item(storedCount: 0, firstNumber: 0, isBehind: false)
        var last = try findPlace(of: recipient, in: request.group)
        for (index, entry) in request.entries.enumerated() {
            if let last, entry.number <= last { continue }
            guard last.map({ entry.number == $0 + 1 }) ?? false || index == 0 && request.mark.isJoined else {
                item.isBehind = true
                break
            }
            let owner = try makeUser(recipient)
            let group = try makeUser(request.group)
            if copyCounts[index] == 0 { try insertShared(entry, group: group) }
            copyCounts[index] += 1
            let number = try insertCopy(entry, owner: owner, name: recipient, group: group, now: now)
            if item.storedCount == 0 { item.firstNumber = number }
            item.storedCount += 1
            last = entry.number
        }
        if item.storedCount > 0, let last {
            try place(owner: try makeUser(recipient), request: request, last: last)
        }
        return item
    }

    /// The newest entry of the group that this inbox got; nil when it never got one.
    private func findPlace(of recipient: UserID, in group: UserID) throws(SQLiteError) -> UInt64? {
        guard let owner = try findUser(recipient), let group = try findUser(group) else { return nil }
        let place = GroupPlace(group: group, owner: owner)
        if let last = places[place] { return last }
        defer { groupSQL.findPlace.reset() }
        groupSQL.findPlace.bind(1, group)
        groupSQL.findPlace.bind(2, owner)
        guard try groupSQL.findPlace.step() else { return nil }
        let last = UInt64(groupSQL.findPlace.int64(0))
        places[place] = last
        return last
    }

    private func insertShared(_ entry: GroupEntry, group: Int64) throws(SQLiteError) {
        guard entry.number <= EntryKey.numberMax else { throw .badRow("no group's log is as long as \(entry.number)") }
        groupSQL.insertShared.bind(1, EntryKey.of(owner: group, number: entry.number))
        groupSQL.insertShared.bind(2, try makeUser(entry.author))
        groupSQL.insertShared.bind(3, entry.id.text)
        groupSQL.insertShared.bind(4, entry.stamp)
        groupSQL.insertShared.bind(5, entry.body)
        try groupSQL.insertShared.run()
    }

    private func insertCopy(
        _ entry: GroupEntry, owner: Int64, name: UserID, group: Int64, now: Stamp
    ) throws(SQLiteError) -> UInt64 {
        let next = try next(after: try head(of: owner), of: name, now: now)
        groupSQL.insertCopy.bind(1, EntryKey.of(owner: owner, number: next.number))
        groupSQL.insertCopy.bind(2, owner)
        groupSQL.insertCopy.bind(3, Int64(entry.kind.inInbox.rawValue))
        groupSQL.insertCopy.bind(4, next.stamp)
        groupSQL.insertCopy.bind(5, group)
        groupSQL.insertCopy.bind(6, Int64(entry.number))
        try groupSQL.insertCopy.run()
        heads[owner] = next
        return next.number
    }

    private func place(owner: Int64, request: GroupBatch, last: UInt64) throws(SQLiteError) {
        let group = try makeUser(request.group)
        groupSQL.putPlace.bind(1, group)
        groupSQL.putPlace.bind(2, owner)
        groupSQL.putPlace.bind(3, Int64(last))
        try groupSQL.putPlace.run()
        places[GroupPlace(group: group, owner: owner)] = last
        let change: Statement
        switch request.mark {
        case .none: return
        case .joined(let title):
            change = groupSQL.putMembership
            change.bind(3, title)
        case .renamed(let title):
            change = groupSQL.renameMembership
            change.bind(3, title)
        case .left: change = groupSQL.deleteMembership
        }
        change.bind(1, owner)
        change.bind(2, request.group.text)
        try change.run()
    }

    /// Drops the text of one entry.
    func blank(through key: Int64) throws(SQLiteError) { try blank(after: key - 1, through: key) }

    /// Drops the text of all entries with a key in (`after`, `through`], and what no inbox needs any more. O(keys between).
    func blank(after: Int64, through: Int64) throws(SQLiteError) {
        defer { sql.blankRange.reset() }
        sql.blankRange.bind(1, after)
        sql.blankRange.bind(2, through)
        // The first step changes all rows, the others tell what they shared: nothing of a text that was theirs alone.
        while try sql.blankRange.step() {
            let shared = sql.blankRange.int64(0)
            if shared != 0 { released[shared, default: 0] += 1 }
        }
    }

    /// At the end of a batch: so many rows less need each text; with the last it goes. A hundred members who have a message
    /// are a hundred rows and one count.
    func settleReleased() throws(SQLiteError) {
        guard !released.isEmpty else { return }
        for (key, count) in released.sorted(by: { $0.key < $1.key }) where try takeCount(key, count) <= 0 {
            for statement in [groupSQL.deleteCount, groupSQL.deleteShared] {
                statement.bind(1, key)
                try statement.run()
            }
        }
        released.removeAll(keepingCapacity: true)
    }

    private func takeCount(_ key: Int64, _ count: Int64) throws(SQLiteError) -> Int64 {
        defer { groupSQL.takeCount.reset() }
        groupSQL.takeCount.bind(1, key)
        groupSQL.takeCount.bind(2, count)
        guard try groupSQL.takeCount.step() else { throw .badRow("nobody counts the copies of \(key)") }
        return groupSQL.takeCount.int64(0)
    }

    func readMemberships(_ request: ReadMemberships) throws(SQLiteError) -> MembershipPage {
        var page = MembershipPage(items: [], hasMore: false)
        guard let owner = try findUser(request.owner) else { return page }
        let rows = groupSQL.readMemberships
        defer { rows.reset() }
        rows.bind(1, owner)
        rows.bind(2, request.after?.text ?? "")
        rows.bind(3, Int64(MessageLimits.membershipCountMax + 1))
        while try rows.step() {
            guard page.items.count < MessageLimits.membershipCountMax else {
                page.hasMore = true
                break
            }
            page.items.append(MembershipPage.Item(group: try rows.userID(0), title: rows.text(1)))
        }
        return page
    }
}
