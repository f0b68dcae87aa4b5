// The loop of a run: sockets, scenario, progress line. It obeys the scenario and takes the samples.

import BenchKit
import ChatClient
import Cluster
import Primitives
import ServiceKit

struct Runner<S: Scenario> {
    private(set) var scenario: S
    let fleet: Fleet
    private(set) var samples: [SamplePoint: Sample] = [:]
    /// What the store had done at the beginning of the measured interval and at its end; nil: could not be found out.
    private(set) var syncs: (begin: StoreAccount.Reading, end: StoreAccount.Reading)?
    private(set) var curve: [SecondPoint] = []

    private var watch: ProcessWatch
    private var store: StoreAccount
    private let storeDoors: [Fleet.Door]
    private let isQuiet: Bool
    /// The first reading after this sample is wanted.
    private var wanted: SamplePoint?
    private var syncsBegin: StoreAccount.Reading?

    private var startedAt = Instant.zero
    private var secondBeganAt = Instant.zero
    private var paceBefore: UInt64 = 0

    init(_ scenario: S, fleet: Fleet, home: ClusterHome, isQuiet: Bool) {
        self.scenario = scenario
        self.fleet = fleet
        self.isQuiet = isQuiet
        watch = ProcessWatch(home)
        storeDoors = home.stores()
        store = StoreAccount(nodeCount: storeDoors.count)
    }

    /// - Returns: false when it was stopped by a signal.
    mutating func run(stop: Descriptor) -> Bool {
        fleet.watchStop(stop)
        startedAt = SystemCalls.instant()
        secondBeganAt = startedAt
        scenario.begin(now: startedAt)
        obey()
        askStore()
        while scenario.phase != .over {
            guard round() else { return false }
        }
        let deadline = SystemCalls.instant() + BenchLimits.lastWordTimeout
        while wanted != nil, SystemCalls.instant() < deadline {
            guard round() else { return false }
        }
        Terminal.endProgress()
        return true
    }

    /// Everything that was found out beside what the scenario knows.
    func findings(_ cluster: ClusterMap) -> RunFindings {
        RunFindings(
            cluster: cluster, samples: samples, syncs: syncs, curve: curve, sendFrames: fleet.counters.sendFrames,
            refusals: fleet.counters.refusals.map { (code: $0.key.name, count: $0.value) }.sorted { $0.code < $1.code },
            connectFailures: fleet.counters.connectFailures, restarts: watch.account.restartCount,
            trouble: fleet.counters.lastTrouble, now: SystemCalls.instant())
    }

    private mutating func round() -> Bool {
        fleet.flush()
        let now = SystemCalls.instant()
        let tick = secondBeganAt + .seconds(1)
        guard fleet.receive(timeoutMs: Self.timeout(now, min(scenario.deadline ?? tick, tick))) else {
            Terminal.endProgress()
            return false
        }
        for (member, news) in fleet.takeNews() { scenario.on(news, of: member, now: SystemCalls.instant()) }
        for (node, page) in fleet.takeAnswers() { onStore(node, page) }
        let after = SystemCalls.instant()
        if let deadline = scenario.deadline, deadline <= after { scenario.onTime(now: after) }
        obey()
        if after >= tick { endSecond(after) }
        return true
    }

    /// Milliseconds, at most the fleet's own 5: its clients' deadlines are swept at that pace.
    private static func timeout(_ now: Instant, _ next: Instant) -> Int32 {
        Int32(clamping: max(0, min(5, ((next - now).nanoseconds + 999_999) / 1_000_000)))
    }

    private mutating func obey() {
        for order in scenario.takeOrders() {
            let now = SystemCalls.instant()
            switch order {
            case .start(let member): fleet.start(member, now: now)
            case .stop(let member): fleet.stop(member, now: now)
            case .cut(let member): fleet.cut(member, now: now)
            case .send(let member, let message): fleet.send(message, from: member, now: now)
            case .change(let member, let change): fleet.change(change, by: member, now: now)
            case .sample(let point): look(point)
            }
        }
    }

    // MARK: Looking at the cluster

    private mutating func look(_ point: SamplePoint) {
        watch.look()
        samples[point] = Sample(
            atNs: SystemCalls.instant().nanoseconds, cpuUs: watch.cpuUs, ownCpuUs: SystemCalls.cpuMicroseconds(),
            counts: scenario.ledger.counts, privateBytes: point.hasMemory ? watch.privateBytes() : [])
        if point == .begin || point == .end {
            wanted = point
            askStore()
        }
    }

    private mutating func askStore() {
        guard !store.isAsking else { return }
        store.ask()
        for (node, door) in storeDoors.enumerated() { fleet.ask(node, door, path: "/metrics") }
    }

    private mutating func onStore(_ node: Int, _ page: [UInt8]) {
        let acked = scenario.ledger.counts.acked
        let reading = store.answered(node, page, acked: acked)
        guard !store.isAsking, let point = wanted else { return }
        wanted = nil
        if point == .begin { syncsBegin = reading }
        if point == .end, let syncsBegin, let reading { syncs = (syncsBegin, reading) }
    }

    // MARK: Every second

    private mutating func endSecond(_ now: Instant) {
        let done = scenario.ledger.paceCount
        let recent = scenario.takeRecent()
        let point = SecondPoint(
            at: Double((now - startedAt).milliseconds) / 1_000, phase: scenario.phase,
            rate: Double(done - paceBefore) * 1e9 / Double((now - secondBeganAt).nanoseconds),
            p50Us: recent.percentile(0.5), p99Us: recent.percentile(0.99), liveCount: scenario.roster.liveCount)
        paceBefore = done
        secondBeganAt = now
        if curve.count < BenchLimits.curvePointsMax { curve.append(point) }
        // Follows services that are started again: whoever lives shorter than a second is not seen.
        watch.look()
        askStore()
        guard !isQuiet else { return }
        Terminal.progress(ProgressLine.text(point, roster: scenario.roster, open: scenario.ledger.inFlightSum))
    }
}
