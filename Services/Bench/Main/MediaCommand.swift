// bench media: files to the cluster and back, and MB for each second of the server's CPU, beside another server's.

import BenchKit
import Cluster
import Crypto
import FantailCLI
import Media
import Primitives
import ServiceKit

enum MediaCommand {
    static let spec = CommandSpec(
        "media", "Files to media and back: MB for a second of its CPU", synopsis: "[OPTIONS]",
        options: MediaPlan.options + OwnClusterOptions.options + OwnClusterOptions.reportOptions.filter { $0.name != "svg" }, notes: HelpNotes.media,
        tool: "bench")

    /// Files that one user uploads: below the bound on open uploads, and their bytes below that of a day.
    private static func share(_ plan: MediaPlan) -> Int {
        max(1, min(Int(MediaLimits.openUploadCountMax), Int(MediaLimits.userBytesPerDayMax) / max(plan.kib * 1024, Int(MediaLimits.userBytesPerFileMin))))
    }

    static func run(_ arguments: Arguments) throws(CommandFailure) -> Int32 {
        let plan = try MediaPlan(arguments)
        let json = try OutputFile(arguments, "json")
        let rig = try Rig(arguments, connectionCount: plan.connections)
        defer { rig.own?.stop() }
        guard !rig.home.map.nodes(of: .media).isEmpty else { throw .failure("the cluster in \(rig.home.folder) has no media node") }
        let crypto = OpenSSLCrypto()
        let files = (0..<plan.files).map { _ in TransferFile(bytes: crypto.randomBytes(plan.kib * 1024)) }
        var runs: [(key: String, label: String, result: TransferResult)] = []

        // Links for uploads are asked for a user at a time and used at once: only so many may be open.
        var upload = TransferResult(bytes: 0, requests: 0, failures: 0, seconds: 0, cpuUs: 0)
        var downloads: [Transfer] = []
        for (number, begin) in stride(from: 0, to: files.count, by: share(plan)).enumerated() {
            let part = Array(files[begin..<min(begin + share(plan), files.count)])
            let asker = try MediaAsker(rig.home, user: UserID("bench-\(HexName.text(crypto.randomBytes(6)))-\(number)")!)
            var puts: [Transfer] = []
            for file in part { puts.append(try Transfer(file, put: try asker.upload(file.announced), trust: rig.home.trust)) }
            let (result, answers) = measure(rig, plan, puts, isOnce: true, pids: mediaPids(rig))
            upload.add(result)
            for (file, answer) in zip(part, answers) {
                guard let reference = MediaWords.reference(in: answer) else { continue }
                downloads.append(try Transfer(file, get: try asker.download(reference), trust: rig.home.trust, isChecked: true))
            }
        }
        runs.append(("upload", "upload", upload))
        if downloads.isEmpty { throw .failure("no upload was taken; look at the log of media") }
        // Once each, with its hash, so that everything is in memory; then for a time.
        let warm = measure(rig, plan, downloads, isOnce: true, pids: mediaPids(rig)).result
        var download = measure(rig, plan, downloads.map { $0.unchecked }, isOnce: false, pids: mediaPids(rig)).result
        download.failures += warm.failures
        runs.append(("download", "download", download))

        if let peer = plan.peer, let pid = plan.peerPid {
            let puts = try files.map { file throws(CommandFailure) in try Transfer(file, put: "http://\(peer)/put/\(file.announced.hash)") }
            runs.append(("peer_upload", "peer: upload", measure(rig, plan, puts, isOnce: true, pids: family(pid)).result))
            let gets = try files.map { file throws(CommandFailure) in
                try Transfer(file, get: "http://\(peer)/\(file.announced.hash.prefix(2))/\(file.announced.hash)", isChecked: true)
            }
            let warm = measure(rig, plan, gets, isOnce: true, pids: family(pid)).result
            var result = measure(rig, plan, gets.map { $0.unchecked }, isOnce: false, pids: family(pid)).result
            result.failures += warm.failures
            runs.append(("peer_download", "peer: download", result))
        }
        let report = MediaReport.report(plan, runs)
        try json?.write(report.json.rendered)
        Terminal.print(ReportTable.rows(report))
        return report.exitCode
    }

    /// - Parameter isOnce: each of them once; otherwise all in turn until the time is over.
    private static func measure(
        _ rig: Rig, _ plan: MediaPlan, _ transfers: [Transfer], isOnce: Bool, pids: [Int]
    ) -> (result: TransferResult, answers: [String]) {
        let before = cpuUs(pids)
        let begin = SystemCalls.instant()
        let crew = TransferCrew(transfers, until: isOnce ? nil : begin + .seconds(Int64(plan.seconds)))
        let threads = (0..<plan.connections).map { _ in SystemCalls.startThread { crew.work() } }
        for thread in threads { thread.join() }
        let seconds = Double((SystemCalls.instant() - begin).nanoseconds) / 1e9
        let after = cpuUs(pids)
        let (account, answers) = crew.outcome
        let used = before.flatMap { before in after.map { $0 - before } }
        return (
            TransferResult(bytes: account.bytes, requests: account.requests, failures: account.failures, seconds: seconds, cpuUs: used), answers
        )
    }

    private static func mediaPids(_ rig: Rig) -> [Int] { rig.home.map.nodes(of: .media).compactMap { rig.home.pid(of: $0) } }

    /// A process and those that it started.
    private static func family(_ pid: Int) -> [Int] {
        let text = ClusterHome.read("/proc/\(pid)/task/\(pid)/children").map { String(decoding: $0, as: UTF8.self) } ?? ""
        return [pid] + text.split(separator: " ").compactMap { Int($0) }
    }

    /// User and system time of these processes, microseconds; nil when one of them is not there.
    private static func cpuUs(_ pids: [Int]) -> Int64? {
        var ticks: UInt64 = 0
        for pid in pids {
            guard let stat = ClusterHome.read("/proc/\(pid)/stat"), let reading = ProcessReading(pid: pid, stat: stat) else { return nil }
            ticks += reading.cpuTicks
        }
        return Int64(ticks) * 1_000_000 / ProcessWatch.ticksPerSecond
    }
}

extension TransferResult {
    fileprivate mutating func add(_ other: TransferResult) {
        bytes += other.bytes
        requests += other.requests
        failures += other.failures
        seconds += other.seconds
        cpuUs = cpuUs.flatMap { own in other.cpuUs.map { own + $0 } }
    }
}
