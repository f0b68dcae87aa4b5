// Logs of groups, the marks of their members, and what they bring to inboxes. The rules are those of the embedded engine.

import Messages
import Primitives
import Storage

extension PostgresStore {
    func appendGroup(_ request: AppendGroup, now: Stamp) throws(PostgresError) -> GroupAppended {
        let digest = ContentDigest.of(request.asked ?? request.body)
        let name = LogName(group: request.group, author: request.author, id: request.id)
        let known = try log(request.group)
        let isStale = request.eventNumber != known?.eventNumber ?? 0
        // A known id is recognised before anything else is judged.
        if let entry = isLooking || isStale ? try logEntry(name) : recentInLogs[name] ?? lookedInLogs[name] ?? nil {
            return answer(to: request, entry, digest: digest)
        }
        if isStale { return GroupAppended(outcome: .stale) }
        if let after = request.after, try logEntry(LogName(group: request.group, author: request.author, id: after)) == nil {
            if let entry = try logEntry(name) { return answer(to: request, entry, digest: digest) }
            return GroupAppended(outcome: .predecessorMissing)
        }
        var log = known ?? LogState()
        log.head = next(after: log.head, now: now)
        if log.oldest == nil { log.oldest = log.head.stamp }
        writes.insert(request, log.head, digest: digest)
        recentInLogs[name] = KnownLogEntry(
            number: log.head.number, stamp: log.head.stamp, kind: request.kind.rawValue, digest: digest)
        switch request.kind {
        case .event:
            log.eventNumber = log.head.number
            log.revision += 1
        case .message:
            let place = Place(group: request.group, owner: request.author)
            var member = try member(place)
            if member.wrote < log.head.stamp {
                member.wrote = log.head.stamp
                members[place] = member
                writes.put(member, place)
            }
        }
        try prune(request.group, &log, now: now)
        put(log, of: request.group)
        return GroupAppended(outcome: .stored, number: log.head.number, stamp: log.head.stamp, revision: log.revision)
    }

    private func answer(to request: AppendGroup, _ entry: KnownLogEntry, digest: UInt64) -> GroupAppended {
        entry.kind == request.kind.rawValue && entry.digest == digest
            ? GroupAppended(outcome: .duplicate, number: entry.number, stamp: entry.stamp) : GroupAppended(outcome: .conflict)
    }

    private func put(_ log: LogState, of group: UserID) {
        logs[group] = .some(log)
        writes.put(log, of: group)
    }

    /// Removes what is old, brought to all and no event, looking at no more than two entries.
    private func prune(_ group: UserID, _ log: inout LogState, now: Stamp) throws(PostgresError) {
        let age = max(policy.expiry, StoreLimits.idempotency)
        guard !policy.isArchive, log.pruned < log.fannedOut, let oldest = log.oldest, oldest + age < now else { return }
        let rows = try query(.nextLog, [.parameter(group.text), .parameter(Int64(clamping: log.pruned))])
        var index = 0
        while index < min(2, rows.count), rows.uint64(index, 0) <= log.fannedOut, rows.stamp(index, 1) + age < now {
            let number = rows.uint64(index, 0)
            if rows.int64(index, 2) == Int64(GroupEntry.Kind.message.rawValue) {
                writes.deleteLogEntry(of: group, number)
                forgetEntries(of: group, number)
            }
            log.pruned = number
            index += 1
        }
        log.oldest = index < rows.count ? rows.stamp(index, 1) : nil
    }

    /// Ids of what is deleted are unknown from now on; that happens a month later, so that nearly nothing is remembered by then.
    private func forgetEntries(of group: UserID, _ number: UInt64) {
        recentInLogs.removeAll { $0.group == group && $1.number == number }
        for (name, entry) in lookedInLogs where name.group == group && entry?.number == number { lookedInLogs[name] = .some(nil) }
    }

    func readGroup(_ request: ReadGroup) throws(PostgresError) -> Pending {
        var page = GroupPage(entries: [], hasMore: false, head: 0, headStamp: .zero, eventNumber: 0, fannedOut: 0)
        guard let log = try log(request.group) else { return .ready(.groupPage(page)) }
        page.head = log.head.number
        page.headStamp = log.head.stamp
        page.eventNumber = log.eventNumber
        page.fannedOut = log.fannedOut
        let statement: Statement
        var (after, through) = (UInt64(0), log.head.number)
        switch request.part {
        case .entries(let number): (statement, after) = (.readLog, number)
        case .events(let number): (statement, after) = (.readEvents, number)
        case .newest(let before): (statement, through) = (.readNewest, min(max(before, 1) - 1, through))
        }
        guard after < through else { return .ready(.groupPage(page)) }
        let limit = min(max(request.limit, 1), MessageLimits.pageEntryCountMax)
        let empty = page
        return try ask(
            statement,
            [.parameter(request.group.text), .parameter(Int64(clamping: after)), .parameter(Int64(clamping: through)), .parameter(Int64(limit + 1))]
        ) { rows throws(PostgresError) in
            var page = empty
            var bodyBytes = 0
            for row in 0..<rows.count {
                let body = rows.bytes(row, 5)
                bodyBytes += body.count
                guard page.entries.count < limit, bodyBytes <= MessageLimits.pageBodyBytesMax || page.entries.isEmpty else {
                    page.hasMore = true
                    break
                }
                guard let kind = GroupEntry.Kind(rawValue: UInt8(clamping: rows.int64(row, 2))) else {
                    throw .badRow("no kind of a group's entry has the number \(rows.int64(row, 2))")
                }
                page.entries.append(
                    GroupEntry(
                        number: rows.uint64(row, 0), stamp: rows.stamp(row, 1), kind: kind, author: try rows.user(row, 3),
                        id: try rows.messageID(row, 4), body: body))
            }
            return .groupPage(page)
        }
    }

    func settleGroup(_ request: SettleGroup) throws(PostgresError) {
        guard var log = try log(request.group) else { return }
        let through = max(log.fannedOut, min(request.fannedOut, log.head.number))
        let told = max(log.told, min(request.told, log.revision))
        guard through > log.fannedOut || told > log.told else { return }
        if !policy.isArchive, through > log.fannedOut { writes.dropTexts(of: request.group, after: log.fannedOut, through: through) }
        log.fannedOut = through
        log.told = told
        put(log, of: request.group)
    }

    /// Those of this partition. O(groups of the database that owe something).
    func readPendingGroups(_ request: ReadPendingGroups) throws(PostgresError) -> PendingGroups {
        var pending = PendingGroups(groups: [], hasMore: false)
        var after = request.after?.text ?? ""
        let limit = MessageLimits.pageEntryCountMax
        while true {
            let rows = try query(.pendingLogs, [.parameter(after), .parameter(Int64(limit + 1))])
            for row in 0..<rows.count {
                let group = try rows.user(row, 0)
                after = group.text
                guard share.owns(group) else { continue }
                guard pending.groups.count < limit else {
                    pending.hasMore = true
                    return pending
                }
                pending.groups.append(group)
            }
            guard rows.count > limit else { return pending }
        }
    }

    // MARK: Marks

    func storeGroupMarks(_ request: GroupMarkBatch, now: Stamp) throws(PostgresError) -> GroupMarksStored {
        guard var log = try log(request.group) else { return GroupMarksStored(revision: 0, hasRisen: false) }
        var hasRisen = false
        for mark in request.marks where mark.upTo > .zero {
            let place = Place(group: request.group, owner: mark.member)
            var member = try member(place)
            guard mark.upTo > (mark.kind == .delivered ? member.delivered : member.read) else { continue }
            hasRisen = true
            if mark.kind == .delivered { member.delivered = mark.upTo } else { member.read = mark.upTo }
            members[place] = member
            let series = MarkSeries(group: request.group, member: mark.member, kind: mark.kind)
            // Whoever adds one removes two at most: two of one series are two steps.
            if writes.contains(series) { try flush() }
            writes.put(member, place)
            writes.insert(
                series, upTo: mark.upTo, at: now,
                prunesBefore: policy.isArchive ? nil : Stamp(microseconds: now.microseconds - policy.expiry.microseconds))
        }
        if hasRisen {
            log.revision += 1
            put(log, of: request.group)
        }
        return GroupMarksStored(revision: log.revision, hasRisen: hasRisen)
    }

    func readGroupMarks(_ request: ReadGroupMarks) throws(PostgresError) -> GroupMarks {
        var marks = GroupMarks(items: [], hasMore: false)
        guard let log = try log(request.group) else { return marks }
        (marks.revision, marks.told, marks.eventNumber) = (log.revision, log.told, log.eventNumber)
        let limit = MessageLimits.pageEntryCountMax
        var parameters: [[UInt8]] = [
            .parameter(request.group.text), .parameter(request.after?.text ?? ""), .parameter(Int64(limit + 1)),
        ]
        let rows: Rows
        if let at = request.at {
            parameters.append(.parameter(at.microseconds))
            let answers = try query([
                (.readMembersAt, parameters), (.authorAt, [.parameter(request.group.text), .parameter(at.microseconds)]),
            ])
            rows = answers[0]
            if answers[1].count > 0, answers[1].int64(0, 1) == Int64(GroupEntry.Kind.message.rawValue) {
                marks.author = try answers[1].user(0, 0)
            }
        } else {
            rows = try query(.readMembers, parameters)
        }
        for row in 0..<min(rows.count, limit) {
            marks.items.append(
                GroupMarks.Item(
                    member: try rows.user(row, 0), wrote: rows.stamp(row, 1), delivered: rows.stamp(row, 2), read: rows.stamp(row, 3)))
        }
        marks.hasMore = rows.count > limit
        return marks
    }

    // MARK: Inboxes

    func appendShared(_ request: GroupBatch, now: Stamp) throws(PostgresError) -> SharedAppended {
        var answer = SharedAppended(items: [])
        answer.items.reserveCapacity(request.recipients.count)
        var reached: [UserID] = []
        for recipient in request.recipients {
            let item = try append(request, to: recipient, now: now)
            if item.storedCount > 0 { reached.append(recipient) }
            answer.items.append(item)
        }
        guard !reached.isEmpty else { return answer }
        // A recipient that is named twice is one row.
        let owners = Self.column(Array(Set(reached)))
        let group: [UInt8] = .parameter(request.group.text)
        switch request.mark {
        case .none: break
        case .joined(let title): try write(.putMemberships, [owners, group, .parameter(title)])
        case .renamed(let title): try write(.renameMemberships, [owners, group, .parameter(title)])
        case .left: try write(.deleteMemberships, [owners, group])
        }
        return answer
    }

    private func append(_ request: GroupBatch, to recipient: UserID, now: Stamp) throws(PostgresError) -> SharedAppended.Item {
        var item = SharedAppended.Item(storedCount: 0, firstNumber: 0, isBehind: false)
        let place = Place(group: request.group, owner: recipient)
        var last = try lastEntry(of: place)
        var state = try inbox(recipient)
        for (index, entry) in request.entries.enumerated() {
            if let last, entry.number <= last { continue }
            guard last.map({ entry.number == $0 + 1 }) ?? false || index == 0 && request.mark.isJoined else {
                item.isBehind = true
                break
            }
            state.head = next(after: state.head, now: now)
            writes.insert(entry, of: request.group, to: recipient, state.head)
            if item.storedCount == 0 { item.firstNumber = state.head.number }
            item.storedCount += 1
            last = entry.number
        }
        if item.storedCount > 0, let last {
            inboxes[recipient] = state
            places[place] = .some(last)
            writes.put(place, last: last)
        }
        return item
    }

    func readMemberships(_ request: ReadMemberships) throws(PostgresError) -> Pending {
        let limit = MessageLimits.membershipCountMax
        return try ask(
            .readMemberships, [.parameter(request.owner.text), .parameter(request.after?.text ?? ""), .parameter(Int64(limit + 1))]
        ) { rows throws(PostgresError) in
            var page = MembershipPage(items: [], hasMore: rows.count > limit)
            for row in 0..<min(rows.count, limit) {
                page.items.append(MembershipPage.Item(group: try rows.user(row, 0), title: rows.text(row, 1)))
            }
            return .membershipPage(page)
        }
    }
}
