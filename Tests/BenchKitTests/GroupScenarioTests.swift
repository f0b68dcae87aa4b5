// bench group played without a cluster.

import BenchKit
import ChatClient
import ClientProtocol
import Cluster
import FantailCLI
import Groups
import Primitives
import Testing

/// A perfect cluster with groups, that takes a fixed time for each leg; members get a message one after the other.
private struct GroupStage {
    var scenario: GroupScenario
    var now = Instant(nanoseconds: 5_000_000_000)
    private(set) var samples: [SamplePoint] = []
    private(set) var changes: [GroupChange] = []
    private(set) var authors: [Int] = []
    private(set) var sendTimes: [Instant] = []
    private(set) var firstSendAt: Instant?
    private(set) var joinedAtFirstSend = 0
    private(set) var inFlightMax = 0
    /// Members that stay away.
    var absent: Set<Int> = []
    /// Members that never hear of their group.
    var deaf: Set<Int> = []
    /// How late the owner of the scenario looks at its clock.
    var sleep = Interval.milliseconds(0)
    /// Deliveries that the cluster forgets.
    var drops: (OutgoingMessage, Int) -> Bool = { _, _ in false }

    private var due: [(at: Instant, member: Int, news: ClientNews)] = []
    private var numbers: [Int: UInt64] = [:]
    private var states: [Int: GroupState] = [:]
    private var clock: Int64 = 1
    private let leg = Interval.milliseconds(10)

    init(_ scenario: GroupScenario) { self.scenario = scenario }

    mutating func play(seconds: Int64) -> Bool {
        let end = now + .seconds(seconds)
        scenario.begin(now: now)
        while scenario.phase != .over, now < end {
            obey()
            guard let time = [due.first?.at, scenario.deadline].compactMap({ $0 }).min() else { return false }
            now = max(now, time)
            while let first = due.first, first.at <= now {
                due.removeFirst()
                scenario.on(first.news, of: first.member, now: now)
                obey()
            }
            if let deadline = scenario.deadline, deadline <= now {
                now = now + sleep
                scenario.onTime(now: now)
            }
        }
        obey()
        return scenario.phase == .over
    }

    private mutating func plan(_ at: Instant, _ member: Int, _ news: ClientNews) {
        let place = due.firstIndex { $0.at > at } ?? due.count
        due.insert((at, member, news), at: place)
    }

    private mutating func obey() {
        for order in scenario.takeOrders() {
            switch order {
            case .start(let member): if !absent.contains(member) { plan(now + leg, member, .online) }
            case .startAt, .killGateway, .killAll, .stop, .cut: Issue.record("nobody leaves, and all gateways are alike")
            case .sendByApp, .watch, .markRead, .type, .askPresence: Issue.record("nobody does that here")
            case .sample(let point): samples.append(point)
            case .change(let member, let asked):
                changes.append(asked.change)
                onChange(asked, by: member)
            case .send(let member, let message): onSend(message, by: member)
            }
            inFlightMax = max(inFlightMax, scenario.ledger.inFlightSum)
        }
    }

    private mutating func onChange(_ asked: OutgoingChange, by member: Int) {
        let mark = scenario.ledger.mark
        let group = scenario.ledger.shape.group(of: member)
        let id = scenario.ledger.id(of: group)
        if case .create = asked.change { #expect(asked.group == nil) } else { #expect(asked.group == id) }
        numbers[group, default: 0] += 1
        clock += 1
        states[group, default: GroupState()].apply(asked.change, by: mark.user(member), at: Stamp(microseconds: clock))
        for (index, user) in states[group]!.roster.enumerated() where !deaf.contains(mark.member(user)!) {
            let event = ServerFrame.groupEvent(
                number: 1, group: id, groupNumber: numbers[group]!, from: mark.user(member), id: asked.ref,
                at: Stamp(microseconds: clock), change: asked.change)
            plan(now + leg * 2 + .microseconds(Int64(index)), mark.member(user)!, .entry(event))
        }
    }

    private mutating func onSend(_ message: OutgoingMessage, by member: Int) {
        if firstSendAt == nil { (firstSendAt, joinedAtFirstSend) = (now, scenario.ledger.joinedCount) }
        authors.append(member)
        sendTimes.append(now)
        let mark = scenario.ledger.mark
        let group = scenario.ledger.shape.group(of: member)
        numbers[group]! += 1
        clock += 1
        let stamp = Stamp(microseconds: clock)
        plan(now + leg, member, .sent(id: message.id, to: message.to, at: stamp))
        for (index, user) in states[group]!.roster.enumerated() where !drops(message, mark.member(user)!) {
            let entry = ServerFrame.groupMessage(
                number: 1, group: message.to, groupNumber: numbers[group]!, from: mark.user(member), id: message.id, at: stamp,
                body: message.body)
            plan(now + leg * 2 + .milliseconds(Int64(index)), mark.member(user)!, .entry(entry))
        }
        plan(now + leg * 3 + .milliseconds(Int64(states[group]!.roster.count)), member, .delivered(with: message.to, at: stamp))
    }
}

@Suite("bench group as a state machine")
struct GroupScenarioTests {
    private func plan(_ words: String) throws(CommandFailure) -> GroupPlan {
        try GroupPlan(
            Arguments(words.split(separator: " ").map(String.init), options: GroupPlan.options + OwnClusterOptions.options))
    }

    private func scenario(_ words: String) throws -> GroupScenario {
        GroupScenario(try plan(words + " --body 40"), mark: MessageMark(random: 5, bodyBytes: 40))
    }

    /// As bench draws it; of the machine nothing was found out.
    private func report(_ stage: GroupStage) throws -> Report {
        let cluster = try ClusterMap.local(
            LocalCounts(), epoch: 1, storageMode: .temporary, clientPortBase: 8080, rpcPortBase: 7100)
        func sample(_ atNs: Int64) -> Sample {
            Sample(
                atNs: atNs, cpuUs: [Int64?](repeating: nil, count: cluster.nodes.count), ownCpuUs: 0, counts: LedgerCounts(),
                privateBytes: [])
        }
        return stage.scenario.report(
            RunFindings(
                cluster: cluster, samples: [.begin: sample(0), .end: sample(1_000_000_000)], syncs: nil, curve: [], sendFrames: 0,
                refusals: [], connectFailures: 0, restarts: 0, trouble: nil, now: stage.now))
    }

    private func verdict(_ stage: GroupStage) -> [String] {
        Verdict.ledger(stage.scenario.ledger.counts, stage.scenario.ledger.balance(now: stage.now)).filter { !$0.isKept }.map(\.key)
    }

    @Test func everyGroupKeepsItsWindowFull() throws {
        var stage = GroupStage(try scenario("--members 11 --groups 2 --authors 3 --window 4 --seconds 2 --warm 1"))
        let isOver = stage.play(seconds: 60)
        #expect(isOver)
        #expect(stage.samples == [.empty, .begin, .end, .last])
        #expect(stage.inFlightMax == 2 * 4)
        #expect(stage.joinedAtFirstSend == 22)
        // Each message takes 20 ms to the first member and 30 ms to the last, so 2 groups with 4 each make 267 a second.
        let latencies = stage.scenario.ledger.latencies
        let everybody = latencies[GroupLedger.Leg.everybody.rawValue]
        #expect(520...544 ~= Int(everybody.count), "\(everybody.count)")
        #expect(everybody.maxUs == 30_000)
        #expect(latencies[GroupLedger.Leg.spread.rawValue].maxUs == 10_000)
        #expect(latencies[GroupLedger.Leg.delivered.rawValue].count == 11 * everybody.count)
        #expect(Set(stage.authors) == [0, 1, 2, 11, 12, 13])
        #expect(verdict(stage) == [])
        #expect(stage.scenario.ledger.isSettled)
    }

    @Test func theOpenLoopIsEvenOverAllGroupsWhateverTheClusterDoes() throws {
        var stage = GroupStage(try scenario("--members 5 --groups 2 --authors 2 --rate 100 --seconds 3 --warm 1 --drain 2"))
        // Nothing of the first group is ever complete, and the pace stays.
        stage.drops = { message, member in member == 1 }
        let isOver = stage.play(seconds: 60)
        #expect(isOver)
        #expect(stage.samples == [.empty, .begin, .end, .last])
        #expect(stage.joinedAtFirstSend == 10)
        #expect(399...401 ~= stage.authors.count, "\(stage.authors.count)")
        for (one, next) in zip(stage.sendTimes, stage.sendTimes.dropFirst()) { #expect((next - one).microseconds == 10_000) }
        #expect(Array(stage.authors.prefix(8)) == [0, 5, 1, 6, 0, 5, 1, 6])
        #expect(verdict(stage) == ["lost", "false_receipts"])
    }

    @Test func theOpenLoopCountsFromTheTimeThatWasMeant() throws {
        var stage = GroupStage(try scenario("--members 5 --rate 50 --seconds 3 --warm 0"))
        stage.sleep = .milliseconds(8)
        let isOver = stage.play(seconds: 60)
        #expect(isOver)
        #expect(verdict(stage) == [])
        // 20 ms and one for each member behind the first, and what bench itself was late.
        #expect(stage.scenario.ledger.latencies[GroupLedger.Leg.everybody.rawValue].maxUs == 32_000)
        let report = try report(stage)
        #expect(report.headline.contains("open loop, 50 messages/s"))
        #expect(report.json["settings"]?["rate"] == .number(50))
        #expect(report.json["settings"]?["window"] == .null)
        // All but the first, which is due when the clock begins.
        #expect(report.json["late_sends"] == .number(Double(stage.authors.count - 1)))
        #expect(report.json["latest_send_ms"] == .number(8))
    }

    @Test func theClosedLoopSaysNothingOfARate() throws {
        var stage = GroupStage(try scenario("--members 3 --window 2 --seconds 1 --warm 0"))
        let isOver = stage.play(seconds: 60)
        #expect(isOver)
        let report = try report(stage)
        #expect(report.headline.contains("closed loop, window 2"))
        #expect(report.json["settings"]?["rate"] == .null)
        #expect(report.json["settings"]?["window"] == .whole(2))
        #expect(report.json["late_sends"] == nil)
    }

    @Test func aGroupOfManyIsMadeBeforeAnybodyWrites() throws {
        var stage = GroupStage(try scenario("--members 600 --seconds 1 --warm 0"))
        let isOver = stage.play(seconds: 60)
        #expect(isOver)
        #expect(stage.changes.map(\.name) == ["create", "add"])
        #expect(stage.joinedAtFirstSend == 600)
        #expect(verdict(stage) == [])
    }

    @Test func aMemberWhoNeverHearsOfTheGroupEndsTheRunBroken() throws {
        var stage = GroupStage(try scenario("--members 5"))
        stage.deaf = [3]
        let isOver = stage.play(seconds: 600)
        #expect(isOver)
        #expect(stage.samples == [.empty, .last])
        #expect(stage.authors == [])
        #expect(stage.scenario.ledger.joinedCount == 4)
    }

    @Test func aClientThatNeverComesEndsTheRunBroken() throws {
        var stage = GroupStage(try scenario("--members 5"))
        stage.absent = [4]
        let isOver = stage.play(seconds: 600)
        #expect(isOver)
        #expect(stage.changes == [])
        #expect(!Verdict.arrivals(stage.scenario.roster).isKept)
    }

    @Test func oneDeliveryThatIsLostEndsTheRunBroken() throws {
        var stage = GroupStage(try scenario("--members 5 --seconds 1 --warm 0 --drain 2"))
        stage.drops = { message, member in
            message.id == MessageMark(random: 5, bodyBytes: 40).id(chat: 0, number: 3) && member == 2
        }
        let isOver = stage.play(seconds: 60)
        #expect(isOver)
        // A window of one stands still behind it; the tick that speaks of it is false.
        #expect(stage.authors.count == 4)
        #expect(verdict(stage) == ["lost", "false_receipts"])
        #expect(stage.scenario.ledger.balance(now: stage.now).lost == 1)
    }

    @Test func itsGroupsAreNoShardsOfTheClusterAndNeedNoStart() throws {
        let names = (GroupPlan.options + OwnClusterOptions.options).map(\.name)
        #expect(Set(names).count == names.count)
        let arguments = try Arguments(["--groups", "3"], options: GroupPlan.options + OwnClusterOptions.options)
        try OwnClusterOptions.check(arguments)
        #expect(try GroupPlan(arguments).shape.groupCount == 3)
    }

    @Test func wrongWordsAreRefusedWithASentence() {
        for words in [
            "--members 1", "--members 2049", "--members x", "--groups 0", "--groups 200", "--authors 0",
            "--authors 3 --members 2", "--window 0", "--window 5000", "--body 3", "--encoding xml", "--seconds 0", "--rate 0", "--rate 5 --window 2",
            "extra",
        ] {
            do throws(CommandFailure) {
                _ = try plan(words)
                Issue.record("\(words) was taken")
            } catch {
                #expect(error.exitCode == 64)
                #expect(!error.sentence.isEmpty)
            }
        }
    }
}
