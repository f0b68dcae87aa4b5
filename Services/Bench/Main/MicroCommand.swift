// bench micro: operations alone, the store's append with its sync, and what last-seen costs. No cluster is needed.

import BenchKit
import Cluster
import FantailCLI
import Glibc
import Messages
import Primitives
import SQLiteStore
import ServiceKit
import Storage

enum MicroCommand {
    static let spec = CommandSpec(
        "micro", "Codecs, frames, ring and store alone: ns for each operation", synopsis: "[OPTIONS]",
        options: MicroPlan.options + OwnClusterOptions.reportOptions.filter { $0.name == "json" }, notes: HelpNotes.micro, tool: "bench")

    /// Appends in one transaction, as persistence makes them under little and much load.
    private static let batchSizes = [1, 16, 128, 512]
    /// Offline users whose inboxes are appended to.
    private static let ownerCount = 1000

    static func run(_ arguments: Arguments) throws(CommandFailure) -> Int32 {
        let plan = try MicroPlan(arguments)
        let json = try OutputFile(arguments, "json")
        var report = Report(
            scenario: "micro", headline: "\(plan.bodyBytes) bytes, \(plan.milliseconds) ms each",
            settings: [.init("milliseconds", .whole(Int64(plan.milliseconds))), .init("body", .whole(Int64(plan.bodyBytes)))])
        var wrong = 0
        var group = FigureGroup("Operation", [])
        for operation in MicroOperations.all(bodyBytes: plan.bodyBytes) {
            if !operation.isRight() { wrong += 1 }
            group.figures.append(
                Figure("ns_\(Words.key(operation.name))", operation.name, nanoseconds(plan.milliseconds, operation.run), places: 1, unit: "ns"))
        }
        report.groups.append(group)
        var store = FigureGroup("Store append, with its share of the sync", [])
        for size in batchSizes {
            let (us, isRight) = try append(plan, batch: size)
            if !isRight { wrong += 1 }
            store.figures.append(Figure("us_append_batch_\(size)", "in batches of \(size)", us, places: 2, unit: "us"))
        }
        report.groups.append(store)
        do throws(ClusterProblem) {
            let lastSeen = try LastSeenMicro.run(milliseconds: plan.milliseconds)
            if !lastSeen.isRight { wrong += 1 }
            report.groups.append(
                FigureGroup(
                    "Last seen",
                    [
                        Figure(
                            "us_last_seen_act", "an act, in batches of \(LastSeenMicro.batchCount)", lastSeen.microsecondsPerAct, places: 3,
                            unit: "us"),
                        Figure(
                            "bytes_last_seen_user", "a person known, of \(LastSeenMicro.userCount)", lastSeen.bytesPerUser, places: 1, unit: "bytes"),
                    ]))
        } catch {
            throw .failure("no cluster to measure last-seen in: \(error)")
        }
        report.verdict = Verdict([VerdictLine("wrong_results", "operations with a wrong result", Double(wrong), .exactly(0))])
        try json?.write(report.json.rendered)
        Terminal.print(ReportTable.rows(report))
        return report.exitCode
    }

    /// Repeats in growing rounds until the time is over; the sum of the results keeps the compiler honest.
    private static func nanoseconds(_ milliseconds: Int, _ run: (Int) -> UInt64) -> Double {
        var count = 1
        var sum = run(1)
        let limit = Interval.milliseconds(Int64(milliseconds))
        while true {
            let start = SystemCalls.instant()
            sum &+= run(count)
            let took = SystemCalls.instant() - start
            if took >= limit || count >= 1 << 40 {
                precondition(sum > 0 || count == 0)
                return Double(took.nanoseconds) / Double(count)
            }
            // Aims a little beyond the limit, and never more than tenfold at once.
            let aim = Double(count) * 1.2 * Double(limit.nanoseconds) / Double(max(1, took.nanoseconds))
            count = max(count + 1, min(count * 10, Int(aim)))
        }
    }

    /// Appends to many inboxes in a file of its own.
    /// - Returns: microseconds for each append; whether every append was stored.
    private static func append(_ plan: MicroPlan, batch: Int) throws(CommandFailure) -> (us: Double, isRight: Bool) {
        var template = Array("\(Terminal.environment("TMPDIR") ?? "/tmp")/fantail-bench-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw .failure("cannot make a temporary folder: \(String(cString: strerror(errno)))") }
        let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer {
            for name in ["bench.db", "bench.db-wal", "bench.db-shm"] { unlink("\(folder)/\(name)") }
            rmdir(folder)
        }
        let mark = MessageMark(random: 1, bodyBytes: max(plan.bodyBytes, MessageMark.bodyBytesMin))
        do {
            let store = try SQLiteStore(
                path: "\(folder)/bench.db", policy: StorePolicy(isArchive: false, expiry: StoreLimits.expiryDefault))
            defer { store.close() }
            var number: UInt32 = 0
            var isRight = true
            func once() throws {
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
        } catch {
            throw .failure("the store in \(folder) failed: \(error)")
        }
    }
}
