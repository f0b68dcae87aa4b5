// What `bench media` was asked to do.

import FantailCLI

public struct MediaPlan: Equatable, Sendable {
    /// Files, and KiB of each.
    public var files = 32
    public var kib = 4096
    /// Connections at once.
    public var connections = 4
    /// How long downloads are measured.
    public var seconds = 8
    /// Where another server gives out the same files: `HOST:PORT`, `/ab/HASH` is one.
    public var peer: String?
    /// That of its first process.
    public var peerPid: Int?

    public init() {}

    public static let options = [
        OptionSpec("files", "N", "files that are uploaded and then read; default 32"),
        OptionSpec("kib", "K", "KiB of each, up to 102400; default 4096"),
        OptionSpec("connections", "C", "connections at once; default 4"),
        OptionSpec("seconds", "S", "how long downloads are measured; default 8"),
        OptionSpec("peer", "HOST:PORT", "another server that gives out /ab/HASH of the same files and takes PUT /put/NAME"),
        OptionSpec("peer-pid", "PID", "its first process; those that it started count too"),
    ]

    public init(_ arguments: Arguments) throws(CommandFailure) {
        try arguments.noOperands()
        if let files = try arguments.number("files", 1...BenchLimits.filesMax) { self.files = files }
        if let kib = try arguments.number("kib", 1...102_400) { self.kib = kib }
        if let connections = try arguments.number("connections", 1...BenchLimits.transferThreadsMax) { self.connections = connections }
        if let seconds = try arguments.number("seconds", 1...BenchLimits.linkSecondsMax) { self.seconds = seconds }
        peer = arguments.value("peer")
        peerPid = try arguments.number("peer-pid", 1...Int(Int32.max))
        guard (peer == nil) == (peerPid == nil) else { throw .usage("--peer and --peer-pid belong together") }
        guard UInt64(files) * UInt64(kib) <= BenchLimits.mediaKiBMax else {
            throw .usage("\(files) files of \(kib) KiB are more than the \(BenchLimits.mediaKiBMax) KiB that are kept in memory")
        }
    }
}

/// What one way of moving files came to.
public struct TransferResult: Equatable, Sendable {
    public var bytes: UInt64
    public var requests: UInt64
    /// Answers that were not what they should be.
    public var failures: UInt64
    public var seconds: Double
    /// CPU of the server's processes; nil when they were not seen.
    public var cpuUs: Int64?

    public init(bytes: UInt64, requests: UInt64, failures: UInt64, seconds: Double, cpuUs: Int64?) {
        self.bytes = bytes
        self.requests = requests
        self.failures = failures
        self.seconds = seconds
        self.cpuUs = cpuUs
    }

    /// MB (a million bytes) for a second of the server's CPU.
    public var megabytesPerCPUSecond: Double? { cpuUs.flatMap { $0 > 0 ? Double(bytes) / Double($0) : nil } }
    public var megabytesPerSecond: Double? { seconds > 0 ? Double(bytes) / seconds / 1e6 : nil }
}

public enum MediaReport {
    /// - Parameter runs: name for people, and what came of it; those of the peer begin with "peer".
    public static func report(_ plan: MediaPlan, _ runs: [(key: String, label: String, result: TransferResult)]) -> Report {
        var report = Report(
            scenario: "media", headline: "\(plan.files) files of \(plan.kib) KiB, \(plan.connections) connections",
            settings: [
                .init("files", .whole(Int64(plan.files))), .init("kib", .whole(Int64(plan.kib))),
                .init("connections", .whole(Int64(plan.connections))), .init("seconds", .whole(Int64(plan.seconds))),
            ])
        var cost = FigureGroup("For a second of the server's CPU", [])
        var pace = FigureGroup("Throughput, load and server on one machine", [])
        for run in runs {
            cost.figures.append(Figure("mb_per_cpu_second_\(run.key)", run.label, run.result.megabytesPerCPUSecond, unit: "MB"))
            pace.figures.append(Figure("mb_per_second_\(run.key)", run.label, run.result.megabytesPerSecond, unit: "MB/s"))
            pace.figures.append(Figure("requests_\(run.key)", "  requests", Double(run.result.requests)))
        }
        func ratio(_ way: String) -> Double? {
            guard let own = runs.first(where: { $0.key == way })?.result.megabytesPerCPUSecond,
                let peer = runs.first(where: { $0.key == "peer_\(way)" })?.result.megabytesPerCPUSecond, peer > 0
            else { return nil }
            return own / peer
        }
        for way in ["upload", "download"] {
            if let ratio = ratio(way) { cost.figures.append(Figure("ratio_\(way)", "\(way), of the peer's", ratio, places: 2)) }
        }
        report.groups = [cost, pace]
        report.verdict = Verdict(
            runs.map { VerdictLine("failures_\($0.key)", "\($0.label): wrong answers", Double($0.result.failures), .exactly(0)) })
        return report
    }
}
