// A shorter run that breaks the same rule: what remains is what matters.
//
// Greedy and simple. Each round proposes trims, the boldest first: half of the faults, half of the people, a kind of fault
// less, one fault less. A proposal is run; when the same rule is broken again it becomes the new run, else it is dropped. The
// search ends when a whole round brings nothing, or after so many runs. Removing something changes what follows, so the
// last word is not the shortest run there is; it is a run that a person can read.

import Primitives

public struct Shrinker {
    public let seed: UInt64
    public let plant: Plant?
    /// The best so far.
    public private(set) var report: RunReport
    public private(set) var runCount = 0
    private let rule: Rule
    private let runCountMax: Int
    /// Called with each better run.
    private let onBetter: (RunReport) -> Void

    /// - Parameters:
    ///   - report: a run that broke a rule.
    ///   - runCountMax: runs at most; default 400, a minute or less.
    public init?(_ report: RunReport, plant: Plant? = nil, runCountMax: Int = 400, onBetter: @escaping (RunReport) -> Void = { _ in }) {
        guard let rule = report.violation?.rule else { return nil }
        seed = report.seed
        self.plant = plant
        self.report = report
        self.rule = rule
        self.runCountMax = runCountMax
        self.onBetter = onBetter
    }

    public mutating func run() {
        while runCount < runCountMax {
            let before = report
            cutTime()
            shrinkFaults()
            dropKinds()
            shrinkCounts()
            if report == before { return }
        }
    }

    /// - Returns: true when the trimmed run breaks the same rule and is shorter.
    private mutating func accept(_ change: (inout Trim) -> Void) -> Bool {
        guard runCount < runCountMax else { return false }
        var trim = report.trim
        change(&trim)
        guard trim != report.trim else { return false }
        runCount += 1
        let candidate = World(seed: seed, plant: plant, trim: trim).run()
        guard candidate.violation?.rule == rule, candidate.isShorter(than: report) else { return false }
        report = candidate
        onBetter(candidate)
        return true
    }

    /// What comes after the violation does not matter; healing may begin much earlier.
    private mutating func cutTime() {
        let end = report.violation!.moment
        _ = accept { $0.safety = Swift.min($0.safety ?? .max, end / 1_000_000 * 1_000_000 + 1_000_000) }
        for percent in [25, 50, 75, 90] as [Int64] {
            let end = Swift.min(report.trim.safety ?? .max, report.violation!.moment) * percent / 100 / 1_000_000 * 1_000_000
            if accept({ $0.safety = end }) { return cutTime() }
        }
    }

    /// Parts of the faults, then smaller parts, then single ones.
    private mutating func shrinkFaults() {
        if accept({ $0.faults = [] }) { return }
        // The same run under another name, from which single faults can be taken.
        var size = Swift.max(1, report.strikes.count / 2)
        while !report.strikes.isEmpty {
            var start = 0
            while start < report.strikes.count {
                let strikes = report.strikes
                let kept = Set(strikes[..<start] + strikes[Swift.min(strikes.count, start + size)...])
                if !accept({ $0.faults = kept }) { start += size }
            }
            if size == 1 { return }
            size /= 2
        }
    }

    private mutating func dropKinds() {
        for kind in FaultKind.allCases where report.count(of: kind) > 0 {
            _ = accept { $0.without.insert(kind) }
        }
    }

    private mutating func shrinkCounts() {
        for percent in [25, 50, 75, 90] {
            while report.messageCount > 0 {
                let count = report.messageCount * percent / 100
                guard accept({ $0.messages = count }) else { break }
            }
        }
        for percent in [0, 25, 50, 75, 90] where report.epochCount > 0 {
            let count = report.epochCount * percent / 100
            _ = accept { $0.changes = count }
        }
        for count in [0, 1] where accept({ $0.groups = Swift.min($0.groups ?? .max, count) }) { break }
        for count in [2, 3, 4, 6] where accept({ $0.users = Swift.min($0.users ?? .max, count) }) { break }
        for count in [1, 2] where accept({ $0.devices = Swift.min($0.devices ?? .max, count) }) { break }
        for role in 0..<6 {
            for count in stride(from: 1, to: report.processCounts[role], by: 1) {
                var counts = report.processCounts
                counts[role] = count
                if accept({ $0.processes = counts }) { break }
            }
        }
    }
}

extension RunReport {
    /// Less of something that a reader has to read, and not much more of anything else.
    func isShorter(than other: RunReport) -> Bool { size < other.size }

    /// A fault is as much to read as ten messages or a hundred events; time hardly counts.
    private var size: Int {
        (strikes.count + epochCount) * 1_000 + (messageCount + groupMessageCount + changeCount) * 100 + occurrenceCount * 10
            + Int(length / 1_000_000_000)
    }
}
