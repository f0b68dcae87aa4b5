// Who yields when, and who tells whom.

import CoreKit
import Crypto
import Messages
import Primitives
import RPC
import Testing

private let store = NodeID(rawValue: 9)
private let shard = NodeID(rawValue: 5)
private let gateway = NodeID(rawValue: 1)
private let ana = UserID("ana")!

@Suite struct LoadBookTests {
    private let now = Stamp(microseconds: 1_800_000_000_000_000)

    @Test func theLadderGivesUpWhatIsWorthLeastFirst() {
        for level in LoadLevel.allCases {
            var book = LoadBook()
            book.onHeard(Load(level, admitPermille: level == .full ? 0 : 1_000), from: shard)
            let done = [book.admits(.typing), book.admits(.lastSeen), book.admits(ana, via: gateway, to: shard, now: now)]
            // Level by level one more of these is false, and never one before those on its left.
            #expect(done == [level < .busy, level < .heavy, level < .full], "\(level)")
            #expect(book.counts[.messages, .refused] == (level == .full ? 1 : 0))
            #expect(book.counts[.typing, .givenUp] == (level == .calm ? 0 : 1))
        }
    }

    @Test func whoIsNeededIsOwnLoadAndWhoIsNotIsNot() {
        var book = LoadBook(needs: [store], tells: [gateway])
        book.onHeard(Load(.heavy), from: shard)
        #expect(book.effective == .calm)
        #expect(book.worst == Load(.heavy))
        var news = [book.takeNews()]
        book.onHeard(Load(.behind), from: store)
        #expect(book.effective == Load(.behind))
        #expect(book.delays(.receipts))
        news += [book.takeNews(), book.takeNews()]
        book.forget(store)
        news.append(book.takeNews())
        #expect(news == [nil, Load(.behind), nil, .calm])
        #expect(!book.delays(.receipts))
    }

    @Test func aPathIsTheWorstOfItsEndsAndNoConcernOfOthers() {
        var book = LoadBook()
        let other = NodeID(rawValue: 6)
        book.onHeard(Load(.full, admitPermille: 0), from: other)
        #expect(book.path(via: gateway, to: shard) == .calm)
        let taken = [shard, other].map { book.admits(ana, via: gateway, to: $0, now: now) }
        #expect(taken == [true, false])
        book.onHeard(Load(.full, admitPermille: 300), from: shard)
        book.onHeard(Load(.full, admitPermille: 200), from: gateway)
        #expect(book.path(via: gateway, to: shard) == Load(.full, admitPermille: 200))
    }

    @Test func anOperatorHoldsALevelUntilItIsGivenBack() {
        var book = LoadBook()
        book.pin(.full)
        #expect(book.own == Load(.full, admitPermille: 0))
        let isTaken = book.admits(ana, via: gateway, to: shard, now: now)
        #expect(!isTaken)
        book.pin(.calm)
        for look in 0..<50 { book.note(.milliseconds(90), now: Instant(nanoseconds: Int64(look) * 20_000_000)) }
        #expect(book.own == .calm)
        book.pin(nil)
        #expect(book.own.level == .full)
    }

    @Test func usersTakeTurnsAndEverybodyGetsOne() {
        let load = Load(.full, admitPermille: 200)
        let users = (0..<1_000).map { UserID("u\($0)")! }
        func inTurn(_ seconds: Int64) -> [Bool] {
            users.map { LoadBook.isInTurn($0, load, now: Stamp(microseconds: (1_800_000_000 + seconds) * 1_000_000)) }
        }
        let first = inTurn(0)
        #expect((150...250).contains(first.count { $0 }))
        // Within a second nobody's turn ends; within a turn about a quarter's do each second; after minutes everybody has had one.
        #expect(inTurn(0) == first)
        let changed = zip(first, inTurn(1)).count { $0 != $1 }
        #expect(changed > 0 && changed < 200)
        var had = first
        for second in 1..<240 as Range<Int64> { for (index, isIn) in inTurn(second).enumerated() where isIn { had[index] = true } }
        #expect(had.count { $0 } == users.count)
        #expect(users.allSatisfy { LoadBook.isInTurn($0, .calm, now: now) })
    }

    @Test func theRefusedComeBackSpreadOverTime() {
        let waits = (0..<500).map { LoadBook.retryMs(UserID("u\($0)")!, now: now) }
        #expect(waits.allSatisfy { LoadLimits.retryMs.contains($0) })
        #expect(waits.count { $0 < 1_000 } > 200 && waits.count { $0 >= 1_000 } > 200)
    }

    @Test func limitsFitTogether() { LoadLimits.check() }

    @Test func figuresNameClassAndOutcome() {
        var book = LoadBook()
        book.onHeard(Load(.busy), from: shard)
        _ = book.admits(.typing)
        _ = book.admits(.lastSeen)
        book.count(.receipts, .merged)
        var page = MetricsPage()
        book.report(into: &page)
        for line in [
            "fantail_load_level 0", "fantail_load_worst_level 1", "fantail_load_work_total{class=\"typing\",outcome=\"given_up\"} 1",
            "fantail_load_work_total{class=\"last_seen\",outcome=\"admitted\"} 1",
            "fantail_load_work_total{class=\"receipts\",outcome=\"merged\"} 1",
            "fantail_load_work_total{class=\"messages\",outcome=\"refused\"} 0",
        ] { #expect(page.text.contains("\n\(line)\n")) }
    }
}

/// A core that only has a queue.
private struct QueueCore: ServiceCore {
    var load: LoadBook
    var waiting = Interval(nanoseconds: 0)

    mutating func on(_ event: Event, now: Now, effects: inout [Effect]) {}
    mutating func deadline() -> Instant? { nil }
    func queueWait(now: Instant) -> Interval { waiting }
    var unreadiness: String? { nil }
    func report(into page: inout MetricsPage) {}
}

@Suite struct LoadOfANodeTests {
    private func now(_ milliseconds: Int64) -> Now { Now(instant: Instant(nanoseconds: milliseconds * 1_000_000), stamp: .zero) }

    private func node(_ core: QueueCore) -> ServiceNode {
        let identity = LinkIdentity(
            cluster: "c", service: "session", node: "session-1", epoch: 1, incarnation: 1, secret: [1], authenticator: OpenSSLCrypto())
        return ServiceNode(core: core, mesh: Mesh(selfID: shard, identity: identity, peers: [], dice: SeededGenerator(seed: 1)))
    }

    @Test func theLoopsLatenessAndTheCoresQueueAreOneWait() {
        var node = node(QueueCore(load: LoadBook()))
        #expect(!node.wantsProbe(now: now(0)))
        // The loop is on time, the queue is not.
        node = self.node(QueueCore(load: LoadBook(), waiting: .milliseconds(40)))
        #expect(node.wantsProbe(now: now(0)))
        for look in 0..<6 as Range<Int64> { node.onWait(.milliseconds(1), now: now(look * 20)) }
        #expect(node.core.load.own == Load(.busy))
        // It is told in the log with the tick.
        #expect(node.takeOutput(now: now(120)).logs.map(\.event) == ["load_level"])
        #expect(node.takeOutput(now: now(140)).isEmpty)
    }

    @Test func aLevelThatIsUpIsLookedAtUntilItIsDown() {
        var node = node(QueueCore(load: LoadBook()))
        for look in 0..<6 as Range<Int64> { node.onWait(.milliseconds(30), now: now(look * 20)) }
        #expect(node.wantsProbe(now: now(120)))
        for look in 6..<60 as Range<Int64> { node.onWait(.milliseconds(0), now: now(look * 20)) }
        #expect(!node.wantsProbe(now: now(1_200)))
    }
}
