// What the store does for a message, alone: no mesh, no sockets, a file of its own that is gone afterwards.

import BenchKit
import FantailCLI
import Glibc
import Groups
import Messages
import Primitives
import SQLiteStore
import ServiceKit
import Storage

enum StoreOperations {
    private static let ownerCount = 1000
    private static let memberCount = 100

    /// Appends to many inboxes.
    /// - Returns: microseconds for each append, its share of the sync with it; whether every append was stored.
    static func append(_ plan: MicroPlan, batch: Int) throws(CommandFailure) -> (us: Double, isRight: Bool) {
        try withStore { store throws(StoreFailure) in
            let mark = MessageMark(random: 1, bodyBytes: max(plan.bodyBytes, MessageMark.bodyBytesMin))
            var number: UInt32 = 0
            var isRight = true
            func once() throws(StoreFailure) {
                var requests: [StoreRequest] = []
                for _ in 0..<batch {
                    let owner = Int(number) % ownerCount
                    requests.append(
                        .append(
                            Append(
                                owner: mark.user(owner), kind: .message, author: mark.user(ownerCount + owner),
                                chat: mark.user(ownerCount + owner), id: mark.id(chat: owner, number: number), after: nil,
                                body: mark.body(chat: owner, number: number))))
                    number += 1
                }
                for answer in try store.apply(requests, stamp: SystemCalls.now().stamp) {
                    guard case .appended(let appended) = answer, appended.outcome == .stored else {
                        isRight = false
                        continue
                    }
                }
            }
            // The first batches make users and tables warm.
            while number < ownerCount { try once() }
            let before = number
            let start = SystemCalls.instant()
            while SystemCalls.instant() - start < .milliseconds(Int64(plan.milliseconds)) { try once() }
            let took = SystemCalls.instant() - start
            return (Double(took.nanoseconds) / 1_000 / Double(number - before), isRight)
        }
    }

    /// A message to a group of 100, from its fan-out to the members' cursors: into every inbox, then everybody's mark, then
    /// everybody's cursor, which lets the text go; three commits, as the services make them.
    /// - Parameter entries: messages that leave together.
    /// - Returns: microseconds of CPU for each message in each inbox; whether every inbox got each.
    static func groupDelivery(_ plan: MicroPlan, entries: Int) throws(CommandFailure) -> (us: Double, isRight: Bool) {
        try withStore { store throws(StoreFailure) in
            let mark = MessageMark(random: 1, bodyBytes: max(plan.bodyBytes, MessageMark.bodyBytesMin))
            let group = UserID.group(of: mark.user(0), reference: mark.id(chat: 0, number: 0))
            let members = (0..<memberCount).map { mark.user($0) }
            var isRight = true
            var number: UInt64 = 0
            func log(_ kind: GroupEntry.Kind, _ body: [UInt8], after event: UInt64) throws(StoreFailure) -> GroupEntry {
                let id = mark.id(chat: 0, number: UInt32(number) + 1)
                let append = AppendGroup(
                    group: group, kind: kind, author: members[0], id: id, after: nil, eventNumber: event, body: body)
                guard case .groupAppended(let appended) = try store.apply([.appendGroup(append)], stamp: SystemCalls.now().stamp)[0],
                    appended.outcome == .stored
                else { throw .broken("the group's log does not take entry \(number + 1)") }
                number = appended.number
                return GroupEntry(
                    number: appended.number, stamp: appended.stamp, kind: kind, author: members[0], id: id, body: body)
            }
            func bring(_ batch: [GroupEntry], _ membership: MembershipMark) throws(StoreFailure) {
                let shared = GroupBatch(group: group, entries: batch, recipients: members, mark: membership)
                guard case .sharedAppended(let appended) = try store.apply([.appendShared(shared)], stamp: SystemCalls.now().stamp)[0]
                else { return isRight = false }
                if appended.items.contains(where: { $0.storedCount != batch.count || $0.isBehind }) { isRight = false }
                let marks = members.map { GroupMark(member: $0, kind: .delivered, upTo: batch.last!.stamp) }
                _ = try store.apply([.storeGroupMarks(GroupMarkBatch(group: group, marks: marks))], stamp: SystemCalls.now().stamp)
                let cursors = members.map { StoreRequest.storeCursor(StoreCursor(owner: $0, device: .unnamed, number: number)) }
                _ = try store.apply(cursors, stamp: SystemCalls.now().stamp)
            }
            let create = GroupChange.create(title: "bench", users: Array(members.dropFirst()))
            try bring([try log(.event, create.bytes, after: 0)], .joined(title: "bench"))
            func once() throws(StoreFailure) {
                var batch: [GroupEntry] = []
                for _ in 0..<entries {
                    batch.append(try log(.message, mark.body(chat: 0, number: UInt32(number) + 1), after: 1))
                }
                try bring(batch, .none)
            }
            for _ in 0..<8 { try once() }
            let before = number
            let cpu = SystemCalls.cpuTime()
            let start = SystemCalls.instant()
            while SystemCalls.instant() - start < .milliseconds(Int64(plan.milliseconds)) { try once() }
            let took = SystemCalls.cpuTime() - cpu
            return (Double(took.nanoseconds) / 1_000 / Double(number - before) / Double(memberCount), isRight)
        }
    }

    /// A store in a temporary folder.
    private static func withStore<Result>(
        _ body: (SQLiteStore) throws(StoreFailure) -> Result
    ) throws(CommandFailure) -> Result {
        var template = Array("\(Terminal.environment("TMPDIR") ?? "/tmp")/fantail-bench-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw .failure("cannot make a temporary folder: \(String(cString: strerror(errno)))") }
        let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer {
            for name in ["bench.db", "bench.db-wal", "bench.db-shm"] { unlink("\(folder)/\(name)") }
            rmdir(folder)
        }
        do {
            let store = try SQLiteStore(
                path: "\(folder)/bench.db", policy: StorePolicy(isArchive: false, expiry: StoreLimits.expiryDefault))
            defer { store.close() }
            return try body(store)
        } catch {
            throw .failure("the store in \(folder) failed: \(error)")
        }
    }
}
