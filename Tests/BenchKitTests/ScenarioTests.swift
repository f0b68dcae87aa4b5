// Scenarios played without a cluster: the test is the cluster, and answers as it likes.

import BenchKit
import ChatClient
import ClientProtocol
import Cluster
import FantailCLI
import Primitives
import Testing

/// Plays a scenario against a cluster that is perfect, and takes a fixed time for each leg.
struct Stage<S: Scenario> {
    var scenario: S
    var now = Instant(nanoseconds: 5_000_000_000)
    private(set) var samples: [SamplePoint] = []
    private(set) var sendTimes: [(at: Instant, member: Int)] = []
    private(set) var killCount = 0
    private(set) var inFlightMax = 0
    /// Members that stay away.
    var absent: Set<Int> = []
    /// Messages that the cluster throws away after `sent`.
    /// The gateways at which members were told to start.
    private(set) var places: [Int: Int] = [:]
    private(set) var appSends: [Int] = []
    private(set) var watches: [(member: Int, peer: UserID)] = []
    var drops: (OutgoingMessage) -> Bool = { _ in false }

    private var due: [(at: Instant, member: Int, news: ClientNews)] = []
    private var clock: Int64 = 1
    private let leg = Interval.milliseconds(10)

    init(_ scenario: S) { self.scenario = scenario }

    /// - Returns: whether the scenario came to its end within `seconds` of its own time.
    mutating func play(seconds: Int64) -> Bool {
        let end = now + .seconds(seconds)
        scenario.begin(now: now)
        while scenario.phase != .over, now < end {
            obey()
            let next = due.map(\.at).min()
            guard let time = [next, scenario.deadline].compactMap({ $0 }).min() else { return false }
            now = max(now, time)
            while let index = due.indices.filter({ due[$0].at <= now }).min(by: { due[$0].at < due[$1].at }) {
                let one = due.remove(at: index)
                scenario.on(one.news, of: one.member, now: now)
                obey()
            }
            if let deadline = scenario.deadline, deadline <= now { scenario.onTime(now: now) }
        }
        obey()
        return scenario.phase == .over
    }

    private mutating func cut(_ member: Int) {
        scenario.on(.offline(retryMs: 250), of: member, now: now)
        due.append((now + .milliseconds(250 + Int64(member)), member, .online))
    }

    private mutating func obey() {
        for order in scenario.takeOrders() {
            switch order {
            case .start(let member):
                if !absent.contains(member) { due.append((now + leg, member, .online)) }
            case .startAt(let member, let gateway):
                places[member] = gateway
                if !absent.contains(member) { due.append((now + leg, member, .online)) }
            case .stop: break
            case .cut(let member): cut(member)
            case .killGateway(let gateway): for (member, place) in places.sorted(by: { $0.key < $1.key }) where place == gateway { cut(member) }
            case .killAll: killCount += 1
            case .send(let member, let message):
                sendTimes.append((now, member))
                clock += 1
                let stamp = Stamp(microseconds: clock)
                due.append((now + leg, member, .sent(id: message.id, to: message.to, at: stamp)))
                guard !drops(message) else { continue }
                let addressee = scenario.ledger.mark.member(message.to)!
                let entry = ServerFrame.message(
                    number: 1, from: scenario.ledger.mark.user(member), id: message.id, at: stamp, body: message.body)
                due.append((now + leg * 2, addressee, .entry(entry)))
                due.append((now + leg * 3, member, .delivered(with: message.to, at: stamp)))
            case .sendByApp(let member, _): appSends.append(member)
            case .watch(let member, let peer): watches.append((member, peer))
            case .markRead, .type, .askPresence: break
            case .change: Issue.record("nobody has groups here")
            case .sample(let point): samples.append(point)
            }
            inFlightMax = max(inFlightMax, scenario.ledger.inFlightSum)
        }
    }
}

private func mark(_ bytes: Int = 40) -> MessageMark { MessageMark(random: 5, bodyBytes: bytes) }

private func arguments(_ words: String, _ options: [OptionSpec]) throws(CommandFailure) -> Arguments {
    try Arguments(words.split(separator: " ").map(String.init), options: options + OwnClusterOptions.options)
}

@Suite("bench chat as a state machine")
struct ChatScenarioTests {
    private func plan(_ words: String) throws -> ChatPlan { try ChatPlan(try arguments(words, ChatPlan.options)) }

    @Test func theClosedLoopKeepsItsWindowFull() throws {
        var stage = Stage(ChatScenario(try plan("--users 8 --window 3 --seconds 2 --warm 1 --body 40"), mark: mark()))
        let isOver = stage.play(seconds: 60)
        #expect(isOver)
        #expect(stage.samples == [.empty, .begin, .end, .last])
        #expect(stage.inFlightMax == 4 * 3)
        // Each message takes 30 ms, so 4 authors with 3 each make 400 a second.
        let measured = stage.scenario.ledger.latencies[Ledger.Leg.receipt.rawValue]
        #expect(780...840 ~= Int(measured.count), "\(measured.count)")
        #expect(measured.maxUs == 30_000)
        #expect(Set(stage.sendTimes.map(\.member)) == [0, 2, 4, 6])
        let balance = stage.scenario.ledger.balance(now: stage.now)
        #expect(Verdict(Verdict.ledger(stage.scenario.ledger.counts, balance)).isKept)
    }

    @Test func presenceIsWatchedOrNotEvenMade() throws {
        let words = "--users 4 --seconds 1 --warm 0 --drain 1 --body 40"
        var watched = Stage(ChatScenario(try plan(words + " --presence watched"), mark: mark()))
        _ = watched.play(seconds: 20)
        #expect(watched.watches.map(\.member) == [0, 1, 2, 3])
        #expect(watched.watches.map(\.peer) == [1, 0, 3, 2].map { mark().user($0) })
        #expect(watched.appSends.isEmpty && !watched.sendTimes.isEmpty)
        var none = Stage(ChatScenario(try plan(words + " --presence none"), mark: mark()))
        _ = none.play(seconds: 20)
        #expect(none.watches.isEmpty && none.sendTimes.isEmpty)
        #expect(none.appSends == [0, 2])
        #expect(throws: CommandFailure.usage("--presence must be none, acts or watched")) { try plan("--presence on") }
    }

    @Test func theOpenLoopIsEvenAndCountsFromTheIntendedTime() throws {
        var stage = Stage(ChatScenario(try plan("--users 4 --rate 100 --seconds 3 --warm 1 --body 40"), mark: mark()))
        let isOver = stage.play(seconds: 60)
        #expect(isOver)
        #expect(399...401 ~= stage.sendTimes.count, "\(stage.sendTimes.count)")
        for (one, next) in zip(stage.sendTimes, stage.sendTimes.dropFirst()) {
            #expect((next.at - one.at).microseconds == 10_000)
        }
        #expect(Set(stage.sendTimes.map(\.member)) == [0, 2])
    }

    @Test func aLateGeneratorIsHonest() {
        let start = Instant(nanoseconds: 0)
        var pacer = Pacer(rate: 1000, start: start)
        var taken: [Int64] = []
        while let piece = pacer.take(start + .milliseconds(20)) { taken.append(piece.at.nanoseconds / 1_000_000) }
        #expect(taken == Array(0...20))
        // Those of the first 14 ms were more than 5 ms late.
        #expect(pacer.late.count == 15)
        #expect(pacer.late.usMax == 20_000)
        #expect(pacer.due == start + .milliseconds(21))
    }

    @Test func aLostMessageEndsTheRunBroken() throws {
        var stage = Stage(ChatScenario(try plan("--users 2 --seconds 1 --warm 0 --drain 2 --body 40"), mark: mark()))
        stage.drops = { $0.id == mark().id(chat: 0, number: 5) }
        let isOver = stage.play(seconds: 60)
        #expect(isOver)
        let balance = stage.scenario.ledger.balance(now: stage.now)
        #expect(balance.lost == 1)
        // A window of one stands still behind a lost message; the drain waits its two seconds.
        #expect(stage.sendTimes.count == 6)
    }

    @Test func aClientThatNeverComesEndsTheRunBroken() throws {
        var stage = Stage(ChatScenario(try plan("--users 4 --body 40"), mark: mark()))
        stage.absent = [3]
        let isOver = stage.play(seconds: 600)
        #expect(isOver)
        #expect(stage.samples == [.empty, .last])
        #expect(!Verdict.arrivals(stage.scenario.roster).isKept)
    }

    @Test func wrongWordsAreRefusedWithASentence() {
        for words in [
            "--users 1", "--users 3", "--users 0", "--users 99999999", "--users x", "--encoding xml", "--rate 0", "--window 0",
            "--body 3", "--body 70000", "--rate 5 --window 2", "--nonsense", "--seconds 0", "extra",
        ] {
            do {
                _ = try plan(words)
                Issue.record("\(words) was taken")
            } catch let failure as CommandFailure {
                #expect(failure.exitCode == 64)
                #expect(!failure.sentence.isEmpty)
            } catch {
                Issue.record("\(error)")
            }
        }
    }

    @Test func optionsOfAnOwnClusterNeedStart() throws {
        for words in ["--gateways 2", "--group-shards 2", "--port-base 9000", "--archive", "--postgres"] {
            #expect(throws: CommandFailure.self) { try OwnClusterOptions.check(try arguments(words, [])) }
            try OwnClusterOptions.check(try arguments("--start \(words)", []))
        }
    }
}

@Suite("The other scenarios as state machines")
struct OtherScenarioTests {
    @Test func everybodyComesBackFromAStorm() throws {
        let plan = try StormPlan(try arguments("--users 20 --rate 50 --back-within 5 --body 40", StormPlan.options))
        var stage = Stage(StormScenario(plan, mark: mark()))
        let isOver = stage.play(seconds: 60)
        #expect(isOver)
        #expect(stage.samples == [.empty, .begin, .end, .last])
        #expect(stage.scenario.roster.returnCount == 20)
        #expect(stage.scenario.roster.lostCount == 20)
        #expect(stage.scenario.roster.awayTimes.maxUs == 269_000)
        #expect(stage.scenario.ledger.counts.receipts > 190)
    }

    @Test func aGatewayThatDiesTakesItsUsersWithIt() throws {
        let plan = try StormPlan(try arguments("--kill --users 20 --rate 50 --back-within 5 --body 40", StormPlan.options))
        var stage = Stage(StormScenario(plan, mark: mark()))
        let isOver = stage.play(seconds: 60)
        #expect(isOver)
        #expect((0..<20).allSatisfy { stage.places[$0] == 0 })
        #expect(stage.scenario.roster.lostCount == 20)
        #expect(stage.scenario.roster.returnCount == 20)
        let report = stage.scenario.report(
            RunFindings(
                cluster: try .local(), samples: [:], syncs: nil, curve: [], sendFrames: 0, refusals: [], connectFailures: 0,
                restarts: 0, trouble: nil, now: stage.now))
        #expect(report.verdict.lines.filter { !$0.isKept }.map(\.key) == [])
        #expect(report.verdict.lines.contains { $0.key == "in_sync_seconds" })
    }

    @Test func offlineMessagesAreStoredThenFetched() throws {
        let plan = try OfflinePlan(
            try arguments("--messages 103 --users 7 --senders 3 --window 4 --body 40", OfflinePlan.options))
        var stage = Stage(OfflineScenario(plan, mark: mark()))
        let isOver = stage.play(seconds: 200)
        #expect(isOver)
        #expect(stage.scenario.ledger.counts.issued == 103)
        #expect(stage.samples == [.empty, .begin, .end, .laterBegin, .laterEnd, .last])
        #expect(Set(stage.sendTimes.map(\.member)) == [0, 1, 2])
        // Each user got its fair share: chats differ by at most one message a round.
        let balance = stage.scenario.ledger.balance(now: stage.now)
        #expect(Verdict(Verdict.ledger(stage.scenario.ledger.counts, balance)).isKept)
    }

    @Test func allProcessesDieOnceEverythingIsStored() throws {
        let plan = try OfflinePlan(try arguments("--messages 40 --users 4 --senders 2 --kill", OfflinePlan.options))
        var stage = Stage(OfflineScenario(plan, mark: mark()))
        let isOver = stage.play(seconds: 200)
        #expect(isOver)
        #expect(stage.killCount == 1)
        // Storing is measured without it, fetching with it.
        #expect(stage.samples == [.empty, .begin, .end, .laterBegin, .laterEnd, .last])
        #expect(Verdict(Verdict.ledger(stage.scenario.ledger.counts, stage.scenario.ledger.balance(now: stage.now))).isKept)
    }

    @Test func idleWatchesForItsTime() throws {
        let plan = try IdlePlan(try arguments("--users 3 --seconds 7", IdlePlan.options))
        var stage = Stage(IdleScenario(plan, mark: mark()))
        let began = stage.now
        let isOver = stage.play(seconds: 60)
        #expect(isOver)
        #expect(stage.samples == [.empty, .begin, .end, .last])
        #expect((stage.now - began).milliseconds >= 7_000)
        #expect(stage.scenario.roster.areAllLive)
    }

    @Test func whatComingCostsIsToldApartFromWaiting() throws {
        let cluster = try ClusterMap.local()
        // All services used 10 us each when nobody was there, 40 when all had come, 45 in the end.
        func sample(_ cpuUs: Int64) -> Sample {
            Sample(
                atNs: cpuUs * 1_000_000, cpuUs: [Int64?](repeating: cpuUs, count: cluster.nodes.count), ownCpuUs: 0, counts: LedgerCounts(),
                privateBytes: [Int?](repeating: nil, count: cluster.nodes.count))
        }
        let plan = try IdlePlan(try arguments("--users 3", IdlePlan.options))
        let report = IdleScenario(plan, mark: mark()).report(
            RunFindings(
                cluster: cluster, samples: [.empty: sample(10), .begin: sample(40), .end: sample(45), .last: sample(45)], syncs: nil, curve: [],
                sendFrames: 0, refusals: [], connectFailures: 0, restarts: 0, trouble: nil, now: .zero))
        let figures = report.groups.flatMap(\.figures).reduce(into: [String: Double]()) { $0[$1.key] = $1.value }
        let gateways = Double(cluster.nodes(of: .gateway).count)
        #expect(figures["cpu_us_per_connect_gateway"] == 30 * gateways / 3)
        #expect(figures["cpu_us_per_connect"] == 30 * Double(cluster.nodes.count) / 3)
        #expect(figures["connects_per_gateway_core"] == 1_000_000 / (30 * gateways / 3))
    }

    @Test func aRosterStartsABoundedNumberAtATime() {
        var roster = Roster(memberCount: 250, inFlightMax: 100)
        #expect(roster.starters() == 0..<100)
        #expect(roster.starters() == 100..<100)
        for member in 0..<30 { roster.onOnline(member, now: .zero) }
        #expect(roster.starters() == 100..<130)
        roster.onOffline(5, now: .zero)
        roster.onOffline(5, now: .zero)
        #expect(roster.liveCount == 29)
        roster.onOnline(5, now: Instant(nanoseconds: 2_000_000))
        #expect(roster.awayTimes.maxUs == 2_000)
        #expect(roster.starters() == 130..<130)
    }
}
