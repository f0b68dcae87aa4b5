// The loop of a run: sockets, scenario, progress line. It obeys the scenario and takes the samples.

import BenchKit
import ChatClient
import FantailCLI
import Primitives
import ServiceKit

struct Runner<S: Scenario> {
    /// How a run ended.
    enum End {
        case over
        /// By a signal.
        case stopped
    }

    private(set) var scenario: S
    let fleet: Fleet
    private(set) var watch: ProcessWatch
    private(set) var samples: [SamplePoint: Sample] = [:]
    private var progressNext = Instant.zero
    private var progressCounts = LedgerCounts()
    private var startedAt = Instant.zero

    init(_ scenario: S, fleet: Fleet, watch: ProcessWatch) {
        self.scenario = scenario
        self.fleet = fleet
        self.watch = watch
    }

    /// - Parameter stop: readable when the run is to end early.
    mutating func run(stop: Descriptor) -> End {
        fleet.watchStop(stop)
        startedAt = SystemCalls.instant()
        progressNext = startedAt + .seconds(1)
        scenario.begin(now: startedAt)
        var isOver = obey()
        while !isOver {
            fleet.flush()
            let now = SystemCalls.instant()
            let next = min(scenario.deadline ?? progressNext, progressNext)
            guard fleet.receive(timeoutMs: Self.timeout(now, next)) else {
                Terminal.endProgress()
                return .stopped
            }
            for (member, news) in fleet.takeNews() { scenario.on(news, of: member, now: SystemCalls.instant()) }
            let after = SystemCalls.instant()
            if let deadline = scenario.deadline, deadline <= after { scenario.onTime(now: after) }
            isOver = obey()
            if after >= progressNext { showProgress(after) }
        }
        Terminal.endProgress()
        return .over
    }

    /// Milliseconds, at most the fleet's own 5: its clients' deadlines are swept at that pace.
    private static func timeout(_ now: Instant, _ next: Instant) -> Int32 {
        Int32(clamping: max(0, min(5, ((next - now).nanoseconds + 999_999) / 1_000_000)))
    }

    private mutating func obey() -> Bool {
        var isOver = false
        for order in scenario.takeOrders() {
            let now = SystemCalls.instant()
            switch order {
            case .start(let member): fleet.start(member, now: now)
            case .stop(let member): fleet.stop(member)
            case .cut(let member): fleet.cut(member, now: now)
            case .send(let member, let message): fleet.send(message, from: member, now: now)
            case .sample(let point): samples[point] = sample(isQuiet: point == .empty)
            case .end: isOver = true
            }
        }
        return isOver
    }

    /// - Parameter isQuiet: nothing is being measured, so that memory may be looked at.
    private mutating func sample(isQuiet: Bool) -> Sample {
        watch.look()
        return Sample(
            atNs: SystemCalls.instant().nanoseconds, cpuUs: watch.cpuUs, ownCpuUs: SystemCalls.cpuMicroseconds(), syncCount: 0,
            counts: scenario.ledger.counts, privateBytes: isQuiet ? watch.privateBytes() : [])
    }

    private mutating func showProgress(_ now: Instant) {
        watch.look()
        let counts = scenario.ledger.counts
        let recent = scenario.takeRecent()
        let second = (now - progressNext).nanoseconds + 1_000_000_000
        let rate = Double(counts.receipts - progressCounts.receipts) * 1e9 / Double(second)
        progressCounts = counts
        progressNext = now + .seconds(1)
        var line = "\((now - startedAt).nanoseconds / 1_000_000_000) s  \(scenario.phase.rawValue)"
        line += "  \(scenario.roster.liveCount)/\(scenario.roster.memberCount) connected  \(Int(rate)) exchanges/s"
        if let p50 = recent.percentile(0.5), let p99 = recent.percentile(0.99) { line += "  receipt p50 \(p50) us  p99 \(p99) us" }
        line += "  open \(scenario.ledger.inFlightSum)"
        Terminal.progress(line)
    }
}
