// bench micro: operations alone, the store's append with its sync, and what last-seen costs. No cluster is needed.

import BenchKit
import Cluster
import FantailCLI
import Primitives
import ServiceKit

enum MicroCommand {
    static let spec = CommandSpec(
        "micro", "Codecs, frames, ring and store alone: ns for each operation", synopsis: "[OPTIONS]",
        options: MicroPlan.options + OwnClusterOptions.reportOptions.filter { $0.name == "json" }, notes: HelpNotes.micro, tool: "bench")

    /// Appends in one transaction, as persistence makes them under little and much load.
    private static let batchSizes = [1, 16, 128, 512]

    static func run(_ arguments: Arguments) throws(CommandFailure) -> Int32 {
        let plan = try MicroPlan(arguments)
        let json = try OutputFile(arguments, "json")
        var report = Report(
            scenario: "micro", headline: "\(plan.bodyBytes) bytes, \(plan.milliseconds) ms each",
            settings: [.init("milliseconds", .whole(Int64(plan.milliseconds))), .init("body", .whole(Int64(plan.bodyBytes)))])
        var wrong = 0
        var times = FigureGroup("Operation", [])
        var allocations = FigureGroup("Objects that it allocates", [])
        for operation in MicroOperations.all(bodyBytes: plan.bodyBytes) {
            if !operation.isRight() { wrong += 1 }
            times.figures.append(
                Figure("ns_\(Words.key(operation.name))", operation.name, nanoseconds(plan.milliseconds, operation.run), places: 1, unit: "ns"))
            if let count = objects(operation.run) {
                allocations.figures.append(Figure("objects_\(Words.key(operation.name))", operation.name, count, places: 1, unit: ""))
            }
        }
        report.groups.append(times)
        if !allocations.figures.isEmpty { report.groups.append(allocations) }
        var store = FigureGroup("Store append, with its share of the sync", [])
        for size in batchSizes {
            let (us, isRight) = try StoreOperations.append(plan, batch: size)
            if !isRight { wrong += 1 }
            store.figures.append(Figure("us_append_batch_\(size)", "in batches of \(size)", us, places: 2, unit: "us"))
        }
        report.groups.append(store)
        var delivery = FigureGroup("Store, one delivery to a group of 100: entry, mark, cursor; CPU", [])
        for size in [1, 8] {
            let (us, isRight) = try StoreOperations.groupDelivery(plan, entries: size)
            if !isRight { wrong += 1 }
            delivery.figures.append(
                Figure("us_group_delivery_batch_\(size)", "messages in batches of \(size)", us, places: 2, unit: "us"))
        }
        report.groups.append(delivery)
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

    /// Objects for each operation, over as many that what is made once does not count; nil where nobody can count.
    private static func objects(_ run: (Int) -> UInt64) -> Double? {
        let count = 1_000
        var sum: UInt64 = 0
        guard let objects = AllocationCounter.count(in: { sum = run(count) }) else { return nil }
        precondition(sum > 0)
        return Double(objects) / Double(count)
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
}
