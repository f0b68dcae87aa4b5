// bench newyear without a cluster, and the account of what services say of their load.

import BenchKit
import FantailCLI
import Primitives
import Testing

private func load(
    _ level: Int, refused: Int, typing: Int = 0, lastSeen: Int = 0, changes: Int = 3, waitUs: Int = 500
) -> NodeLoad? {
    NodeLoad(
        json: """
            {"node":"parser-1","level":\(level),"admit_permille":1000,"own_level":0,"worst_level":\(level),"pinned":false,\
            "wait_us":\(waitUs),"changes":\(changes),"messages_refused":\(refused),"typing_admitted":\(typing),\
            "last_seen_admitted":\(lastSeen)}
            """)
}

@Suite("The account of load") struct LoadAccountTests {
    @Test func whoRefusesAndDoesNothingElseIsInOrder() {
        var account = LoadAccount(nodeCount: 1)
        account.take([load(4, refused: 10, typing: 5)], at: 1)
        account.take([load(4, refused: 90, typing: 5)], at: 1.2)
        #expect(account.judgedCount == 1)
        #expect(account.disorderCount == 0 && account.unprovokedCount == 0)
        #expect(account.sum("messages_refused", 0...2) == 80)
    }

    @Test func typingBesideARefusalIsDisorder() {
        var account = LoadAccount(nodeCount: 1)
        account.take([load(4, refused: 10, typing: 5)], at: 1)
        account.take([load(4, refused: 11, typing: 6)], at: 1.2)
        #expect(account.disorderCount == 1)
        account.take([load(4, refused: 12, typing: 6, lastSeen: 1)], at: 1.4)
        #expect(account.disorderCount == 2)
    }

    @Test func aRefusalWithoutItsLevelIsUnprovoked() {
        var account = LoadAccount(nodeCount: 1)
        account.take([load(3, refused: 0)], at: 1)
        account.take([load(3, refused: 1)], at: 1.2)
        #expect(account.unprovokedCount == 1)
    }

    @Test func whereALevelMovedNothingIsJudged() {
        var account = LoadAccount(nodeCount: 1)
        account.take([load(0, refused: 0, typing: 5, changes: 3)], at: 1)
        account.take([load(4, refused: 9, typing: 8, changes: 7)], at: 1.2)
        #expect(account.judgedCount == 0 && account.disorderCount == 0)
    }

    @Test func aServiceThatWasStartedAgainIsComparedFromThenOn() {
        var account = LoadAccount(nodeCount: 1)
        account.take([load(4, refused: 500)], at: 1)
        account.take([load(4, refused: 2)], at: 1.2)
        account.take([nil], at: 1.4)
        account.take([load(4, refused: 3)], at: 1.6)
        #expect(account.sum("messages_refused", 0...2) == 1)
    }

    @Test func recoveryEndsWithTheLastLongWait() {
        var account = LoadAccount(nodeCount: 2)
        for (at, wait) in [(1.0, 90_000), (1.2, 50_000), (1.4, 5_000), (1.6, 25_000), (1.8, 900), (2.0, 900)] {
            account.take([load(0, refused: 0), load(0, refused: 0, waitUs: wait)], at: at)
        }
        #expect(account.recovery(from: 1.0, waitUs: 20_000).map { ($0 * 10).rounded() } == 8)
        #expect(account.recovery(from: 1.8, waitUs: 20_000) == 0)
        // Nobody looked that late: it could not be found out.
        #expect(account.recovery(from: 3, waitUs: 20_000) == nil)
        account.take([nil, load(0, refused: 0, waitUs: 21_000)], at: 2.2)
        #expect(account.recovery(from: 1.0, waitUs: 20_000) == nil)
        account.take([nil, nil], at: 2.4)
        #expect(account.calm(from: 1.0) == nil)
    }
}

@Suite("bench newyear as a state machine") struct NewyearScenarioTests {
    private func plan(_ words: String) throws -> NewyearPlan {
        try NewyearPlan(try Arguments(words.split(separator: " ").map(String.init), options: NewyearPlan.options))
    }

    @Test func theStormOffersTenTimesThePeakAndHoldsBackWhoHasTooMuchUnderWay() throws {
        let words = "--users 4 --window 1 --warm 1 --peak 2 --storm 2 --release 6 --body 40"
        var stage = Stage(NewyearScenario(try plan(words), mark: MessageMark(random: 5, bodyBytes: 40), nodeCount: 1))
        let isOver = stage.play(seconds: 60)
        #expect(isOver)
        #expect(stage.samples == [.empty, .begin, .end, .laterBegin, .laterEnd, .last])
        // Two authors, a message of 30 ms each at a time: 66 a second, and 660 are offered; 16 at a time would take them all.
        #expect(stage.inFlightMax <= 2 * 16 && stage.inFlightMax > 2)
        let report = stage.scenario.report(
            RunFindings(
                cluster: try .local(), samples: [:], syncs: nil, curve: [], sendFrames: 0, refusals: [], connectFailures: 0,
                restarts: 0, trouble: nil, now: stage.now))
        let figures = report.groups[0].figures.reduce(into: [String: Double]()) { $0[$1.key] = $1.value }
        #expect((60...70).contains(figures["peak_per_second"] ?? 0), "\(figures)")
        #expect((600...700).contains(figures["offered_per_second"] ?? 0), "\(figures)")
        #expect(figures["goodput_percent"] ?? 0 > 900, "\(figures)")
        // Nobody told of load: that line is broken, the others are kept.
        #expect(report.verdict.lines.filter { !$0.isKept }.map(\.key) == ["recovery_seconds"])
        #expect(report.notes.contains { $0.contains("no message was refused") })
    }

    @Test func wrongWordsAreRefused() {
        for words in ["--users 3", "--factor 1", "--factor 101", "--release 5", "--storm 0", "--window 0", "extra"] {
            #expect(throws: CommandFailure.self) { try plan(words) }
        }
    }
}
