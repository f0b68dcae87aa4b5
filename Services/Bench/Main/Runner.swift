// The loop of a run: sockets, scenario, progress line. It obeys the scenario and takes the samples.

import BenchKit
import ChatClient
import Cluster
import FantailCLI
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
    private let gateways: [Node]
    private var store: StoreAccount
    private let storeDoors: [Fleet.Door]
    /// The admin doors of all nodes, and what they have said of their load in this round; nil: none is under way.
    private let doors: [Fleet.Door?]
    private var loads: (answers: [NodeLoad?], left: Int)?
    private var loadDue = Instant.zero
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
        gateways = home.map.nodes(of: .gateway).filter { $0.client != nil }
        storeDoors = home.stores()
        doors = scenario.watchesLoad ? home.admins() : []
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
        for (question, page) in fleet.takeAnswers() {
            if question < Self.loadQuestions { onStore(question, page) } else { onLoad(question - Self.loadQuestions, page) }
        }
        let after = SystemCalls.instant()
        if !doors.isEmpty, loads == nil, after >= loadDue { askLoad(after) }
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
            case .startAt(let member, let gateway): fleet.start(member, at: gateway, now: now)
            case .killGateway(let number): watch.kill(gateways[number])
            case .killAll: watch.killAll()
            case .stop(let member): fleet.stop(member, now: now)
            case .cut(let member): fleet.cut(member, now: now)
            case .send(let member, let message): fleet.send(message, from: member, isOfPerson: true, now: now)
            case .sendByApp(let member, let message): fleet.send(message, from: member, isOfPerson: false, now: now)
            case .markRead(let member, let peer, let at): fleet.markRead(with: peer, at: at, by: member, now: now)
            case .type(let member, let peer): fleet.type(to: peer, by: member, now: now)
            case .watch(let member, let peer): fleet.watch(peer, by: member, now: now)
            case .askPresence(let member, let peer): fleet.askPresence(of: peer, by: member)
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
            counts: scenario.ledger.counts, privateBytes: point.hasMemory ? watch.privateBytes() : [], resident: watch.resident())
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

    /// Questions about load have numbers from here on, those before are about the store.
    private static var loadQuestions: Int { 1_000_000 }

    private mutating func askLoad(_ now: Instant) {
        loadDue = now + BenchLimits.loadEvery
        loads = ([NodeLoad?](repeating: nil, count: doors.count), doors.count { $0 != nil })
        for (node, door) in doors.enumerated() {
            if let door { fleet.ask(Self.loadQuestions + node, door, path: "/load") }
        }
    }

    private mutating func onLoad(_ node: Int, _ page: [UInt8]) {
        guard loads != nil else { return }
        if let answer = AdminAnswer(page), answer.status == 200 { loads!.answers[node] = NodeLoad(json: answer.body) }
        loads!.left -= 1
        guard loads!.left == 0 else { return }
        scenario.onLoad(loads!.answers, now: SystemCalls.instant())
        loads = nil
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
