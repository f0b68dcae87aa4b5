// Every line of the verdict must be able to break: each test plays one kind of misfortune and looks at what the verdict says.

import BenchKit
import ChatClient
import ClientProtocol
import Primitives
import Testing

/// Two pairs: members 0 and 2 write, 1 and 3 receive.
struct LedgerScene {
    var ledger = Ledger(
        mark: MessageMark(random: 11, bodyBytes: 60), memberCount: 4, chats: [(author: 0, addressee: 1), (author: 2, addressee: 3)])
    var now = Instant(nanoseconds: 1_000_000_000)
    private var clock: Int64 = 1_000

    mutating func wait(ms: Int64) { now = now + .milliseconds(ms) }

    mutating func issue(_ chat: Int = 0) -> OutgoingMessage { ledger.issue(chat, at: now, isMeasured: true) }

    /// The cluster takes it.
    /// - Returns: its stamp.
    mutating func sent(_ message: OutgoingMessage, _ chat: Int = 0) -> Stamp {
        clock += 1
        let stamp = Stamp(microseconds: clock)
        _ = ledger.take(.sent(id: message.id, to: message.to, at: stamp), of: 2 * chat, now: now)
        return stamp
    }

    mutating func arrives(_ message: OutgoingMessage, at member: Int = 1, from author: Int = 0, body: [UInt8]? = nil) {
        let entry = ServerFrame.message(
            number: 1, from: ledger.mark.user(author), id: message.id, at: Stamp(microseconds: 1), body: body ?? message.body)
        _ = ledger.take(.entry(entry), of: member, now: now)
    }

    mutating func receipt(_ stamp: Stamp, _ chat: Int = 0) {
        _ = ledger.take(.delivered(with: ledger.mark.user(2 * chat + 1), at: stamp), of: 2 * chat, now: now)
    }

    var verdict: Verdict { Verdict(Verdict.ledger(ledger.counts, ledger.balance(now: now))) }
    var broken: [String] { verdict.lines.filter { !$0.isKept }.map(\.key) }
}

@Suite("The ledger and its verdict")
struct LedgerTests {
    @Test func anExchangeFromBeginningToEndIsKept() {
        var scene = LedgerScene()
        let message = scene.issue()
        scene.wait(ms: 2)
        let stamp = scene.sent(message)
        scene.wait(ms: 1)
        scene.arrives(message)
        #expect(scene.ledger.inFlight(0) == 1)
        scene.wait(ms: 3)
        scene.receipt(stamp)
        #expect(scene.broken == [])
        #expect(scene.ledger.inFlight(0) == 0)
        #expect(scene.ledger.inFlightSum == 0)
        let counts = scene.ledger.counts
        #expect([counts.issued, counts.acked, counts.delivered, counts.receipts] == [1, 1, 1, 1])
        #expect(scene.ledger.latencies.map(\.maxUs) == [2_000, 3_000, 6_000])
        #expect(scene.ledger.balance(now: scene.now).openUsMax == 6_000)
    }

    @Test func aLostMessageBreaksTheVerdict() {
        var scene = LedgerScene()
        _ = scene.sent(scene.issue())
        #expect(scene.broken == ["lost"])
        #expect(scene.ledger.balance(now: scene.now).lost == 1)
    }

    @Test func aLostMessageBetweenOthersIsFoundToo() {
        var scene = LedgerScene()
        let messages = (0..<3).map { _ in scene.issue() }
        let stamps = messages.map { scene.sent($0) }
        scene.arrives(messages[0])
        scene.arrives(messages[2])
        scene.receipt(stamps[0])
        #expect(scene.broken == ["lost", "receipts_missing"])
        #expect(scene.ledger.balance(now: scene.now).lost == 1)
    }

    @Test func aRepeatedMessageBreaksTheVerdict() {
        var scene = LedgerScene()
        let message = scene.issue()
        let stamp = scene.sent(message)
        scene.arrives(message)
        scene.arrives(message)
        scene.receipt(stamp)
        #expect(scene.broken == ["duplicated"])
    }

    @Test func aMessageRepeatedLongAfterItsReceiptBreaksTheVerdict() {
        var scene = LedgerScene()
        let first = scene.issue()
        for message in [first] + (0..<100).map({ _ in scene.issue() }) {
            let stamp = scene.sent(message)
            scene.arrives(message)
            scene.receipt(stamp)
        }
        #expect(scene.broken == [])
        scene.arrives(first)
        #expect(scene.broken == ["duplicated"])
        #expect(scene.ledger.counts.delivered == 101)
    }

    @Test func swappedMessagesBreakTheVerdict() {
        var scene = LedgerScene()
        let first = scene.issue()
        let second = scene.issue()
        _ = scene.sent(first)
        let stamp = scene.sent(second)
        scene.arrives(second)
        scene.arrives(first)
        scene.receipt(stamp)
        #expect(scene.broken == ["out_of_order"])
        #expect(scene.ledger.counts.outOfOrder == 1)
        #expect(scene.ledger.counts.receipts == 2)
    }

    @Test func chatsHaveNoOrderBetweenThem() {
        var scene = LedgerScene()
        let one = scene.issue(0)
        let other = scene.issue(1)
        let stamps = [scene.sent(one), scene.sent(other, 1)]
        scene.arrives(other, at: 3, from: 2)
        scene.arrives(one)
        scene.receipt(stamps[0])
        scene.receipt(stamps[1], 1)
        #expect(scene.broken == [])
    }

    @Test func foreignMessagesBreakTheVerdict() {
        let mark = MessageMark(random: 12, bodyBytes: 60)
        var changed = LedgerScene().ledger.mark.body(chat: 0, number: 0)
        changed[59] ^= 1
        let bodies: [[UInt8]] = [
            Array("hello".utf8),
            // Another run; the last byte of the padding; a number that was never issued; another chat.
            mark.body(chat: 0, number: 0), changed, LedgerScene().ledger.mark.body(chat: 0, number: 1),
            LedgerScene().ledger.mark.body(chat: 1, number: 0),
        ]
        for body in bodies {
            var scene = LedgerScene()
            let message = scene.issue()
            let stamp = scene.sent(message)
            scene.arrives(message)
            scene.receipt(stamp)
            scene.arrives(message, body: body)
            #expect(scene.broken == ["foreign"], "\(String(decoding: body, as: UTF8.self))")
        }
    }

    @Test func aMessageAtSomebodyElseIsForeign() {
        var scene = LedgerScene()
        let message = scene.issue()
        let stamp = scene.sent(message)
        scene.arrives(message, at: 3)
        #expect(scene.broken == ["lost", "foreign"])
        scene.arrives(message)
        scene.receipt(stamp)
        #expect(scene.broken == ["foreign"])
    }

    @Test func aMessageInAnothersNameIsForeign() {
        var scene = LedgerScene()
        let message = scene.issue()
        _ = scene.sent(message)
        scene.arrives(message, from: 2)
        #expect(scene.broken.contains("foreign"))
    }

    @Test func copiesComeToTheirAuthorOnly() {
        var scene = LedgerScene()
        let message = scene.issue()
        let stamp = scene.sent(message)
        scene.arrives(message)
        scene.receipt(stamp)
        let copy = ServerFrame.copy(number: 1, to: message.to, id: message.id, at: stamp, body: message.body)
        _ = scene.ledger.take(.entry(copy), of: 0, now: scene.now)
        #expect(scene.broken == [])
        #expect(scene.ledger.counts.copies == 1)
        _ = scene.ledger.take(.entry(copy), of: 1, now: scene.now)
        #expect(scene.broken == ["foreign"])
    }

    @Test func anExpiredMessageIsForeign() {
        var scene = LedgerScene()
        let message = scene.issue()
        let stamp = scene.sent(message)
        scene.arrives(message)
        scene.receipt(stamp)
        _ = scene.ledger.take(.entry(.expired(number: 1, to: message.to, id: message.id, at: stamp)), of: 0, now: scene.now)
        #expect(scene.broken == ["foreign"])
    }

    @Test func aRefusalForGoodBreaksTheVerdictAndFreesTheWindow() {
        var scene = LedgerScene()
        let message = scene.issue()
        let chat = scene.ledger.take(.failed(id: message.id, ErrorFrame(.bodyTooLong, "")), of: 0, now: scene.now)
        #expect(chat == 0)
        #expect(scene.ledger.inFlight(0) == 0)
        #expect(scene.broken == ["refused"])
    }

    @Test func aGapBreaksTheVerdict() {
        var scene = LedgerScene()
        _ = scene.ledger.take(.gap(from: 3, to: 5), of: 1, now: scene.now)
        #expect(scene.broken == ["gaps"])
        #expect(scene.ledger.counts.gaps == 3)
        scene = LedgerScene()
        _ = scene.ledger.take(.cursorLost, of: 1, now: scene.now)
        #expect(scene.broken == ["gaps"])
    }

    @Test func aReceiptForWhatNeverArrivedBreaksTheVerdict() {
        var scene = LedgerScene()
        let stamp = scene.sent(scene.issue())
        scene.receipt(stamp)
        #expect(scene.broken == ["lost", "false_receipts"])
    }

    @Test func aMessageWithoutSentBreaksTheVerdict() {
        var scene = LedgerScene()
        let message = scene.issue()
        scene.arrives(message)
        scene.wait(ms: 50)
        #expect(scene.broken == ["unanswered"])
        #expect(scene.ledger.balance(now: scene.now).openUsMax == 50_000)
    }

    @Test func aMissingReceiptBreaksTheVerdict() {
        var scene = LedgerScene()
        let message = scene.issue()
        _ = scene.sent(message)
        scene.arrives(message)
        #expect(scene.broken == ["receipts_missing"])
    }

    @Test func oneReceiptCoversAllUpToIt() {
        var scene = LedgerScene()
        let messages = (0..<50).map { _ in scene.issue() }
        let stamps = messages.map { scene.sent($0) }
        for message in messages { scene.arrives(message) }
        scene.receipt(stamps[39])
        #expect(scene.ledger.inFlight(0) == 10)
        scene.receipt(stamps[49])
        #expect(scene.broken == [])
        #expect(scene.ledger.counts.receipts == 50)
    }

    @Test func aReceiptMayOvertakeItsSent() {
        var scene = LedgerScene()
        let message = scene.issue()
        scene.arrives(message)
        scene.receipt(Stamp(microseconds: 2_000))
        #expect(scene.ledger.inFlight(0) == 1)
        let chat = scene.ledger.take(.sent(id: message.id, to: message.to, at: Stamp(microseconds: 1_999)), of: 0, now: scene.now)
        #expect(chat == 0)
        #expect(scene.broken == [])
    }

    @Test func aSecondSentCountsOnce() {
        var scene = LedgerScene()
        let message = scene.issue()
        _ = scene.sent(message)
        _ = scene.sent(message)
        #expect(scene.ledger.counts.acked == 1)
    }

    @Test func warmUpIsCountedButNotTimed() {
        var scene = LedgerScene()
        let message = scene.ledger.issue(0, at: scene.now, isMeasured: false)
        let stamp = scene.sent(message)
        scene.arrives(message)
        scene.receipt(stamp)
        #expect(scene.ledger.latencies.allSatisfy { $0.count == 0 })
        #expect(scene.ledger.counts.receipts == 1)
        #expect(scene.ledger.takeRecent().count == 1)
        #expect(scene.ledger.takeRecent().count == 0)
    }
}

@Suite("The verdict")
struct VerdictTests {
    @Test func whatCouldNotBeFoundOutIsBroken() {
        #expect(!Verdict([VerdictLine("a", "", nil, .atMost(5))]).isKept)
        #expect(!Verdict([VerdictLine("a", "", nil, .exactly(0))]).isKept)
    }

    @Test func aVerdictOfNothingIsNotKept() { #expect(!Verdict().isKept) }

    @Test func bounds() {
        #expect(VerdictLine("a", "", 5, .atMost(5)).isKept)
        #expect(!VerdictLine("a", "", 5.1, .atMost(5)).isKept)
        #expect(VerdictLine("a", "", 7, .exactly(7)).isKept)
        #expect(!VerdictLine("a", "", 6, .exactly(7)).isKept)
    }

    @Test func aMissingClientBreaksIt() {
        var roster = Roster(memberCount: 2)
        _ = roster.starters()
        roster.onOnline(0, now: .zero)
        #expect(!Verdict.arrivals(roster).isKept)
        roster.onOnline(1, now: .zero)
        #expect(Verdict.arrivals(roster).isKept)
    }
}
