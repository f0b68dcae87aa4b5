// The reference client's transcripts: what it says, what it shows, when it comes back.

import ChatClient
import ClientProtocol
import Primitives
import Testing

@Suite struct StreamTests {
    @Test func aNewDeviceBeginsWhereTheServerSays() {
        var s = Scene(ClientMemory())
        _ = s.start()
        #expect(s.connected() == [.transmit(.hello(cursor: nil, ticks: nil, attempt: 1))])
        #expect(s.gets(welcome(7, ticks: 30)) == [.tell(.online)])
        #expect(s.client.memory == ClientMemory(cursor: 7, ticks: Stamp(microseconds: 30), attempt: 1))
        #expect(s.gets(entry(8)) == [.tell(.entry(entry(8))), ack(8)])
    }

    /// Connections are counted on behind what is remembered, or behind the clock where that is more: lost memory counts upwards.
    @Test(arguments: [(remembered: 5, clock: 3, said: 6), (remembered: 0, clock: 9, said: 10)] as [(UInt64, Int64, UInt64)])
    func eachConnectionHasAHigherNumberThanTheOneBefore(remembered: UInt64, clock: Int64, said: UInt64) {
        var client = ChatClient(
            memory: ClientMemory(cursor: 4, ticks: .zero, attempt: remembered), launchedAt: Stamp(microseconds: clock),
            dice: SeededGenerator(seed: 1))
        client.start(now: .zero)
        client.onConnected(now: .zero)
        #expect(client.takeActions() == [.connect, .transmit(.hello(cursor: 4, ticks: .zero, attempt: said))])
        #expect(client.memory.attempt == said)
    }

    @Test func oneAckForEverythingThatCameTogether() {
        var s = Scene.live()
        #expect(
            s.gets(entry(1), entry(2), entry(3)) == [
                .tell(.entry(entry(1))), .tell(.entry(entry(2))), .tell(.entry(entry(3))), ack(3),
            ])
        #expect(s.gets(.pong(ref: nil, time: .zero)) == [])
        #expect(s.client.memory.cursor == 3)
    }

    @Test func anEntryThatIsKnownIsNotShownButAcknowledgedAgain() {
        var s = Scene.live()
        _ = s.gets(entry(1), entry(2))
        #expect(s.gets(entry(1)) == [])
        #expect(s.wait(50) == [ack(2)])
        #expect(s.gets(entry(2), entry(3)) == [.tell(.entry(entry(3)))])
        #expect(s.wait(50) == [ack(3)])
    }

    @Test func theFirstAckGoesAtOnceAndWhatFollowsCloseBehindGathers() {
        var s = Scene.live()
        #expect(s.gets(entry(1)) == [.tell(.entry(entry(1))), ack(1)])
        _ = s.wait(20)
        #expect(s.gets(entry(2)) == [.tell(.entry(entry(2)))])
        _ = s.wait(20)
        #expect(s.gets(entry(3)) == [.tell(.entry(entry(3)))])
        #expect(s.wait(9) == [])
        #expect(s.wait(1) == [ack(3)])
        // Nothing is owed any more, and after a pause the next goes at once again.
        #expect(s.wait(50) == [])
        #expect(s.gets(entry(4)) == [.tell(.entry(entry(4))), ack(4)])
    }

    @Test func fiftyEntriesOrEightKibibytesDoNotWait() {
        var s = Scene.live()
        _ = s.gets(entry(1))
        for number in 2...50 { #expect(s.gets(entry(UInt64(number))).count == 1) }
        #expect(s.gets(entry(51)).last == ack(51))
        let large = ServerFrame.message(
            number: 52, from: bob, id: MessageID("e")!, at: .zero, body: [UInt8](repeating: 0x78, count: 8 * 1024))
        #expect(s.gets(large).last == ack(52))
    }

    @Test func whatIsOwedIsSaidBeforeLeavingAndNotAfterALoss() {
        var s = Scene.live()
        _ = s.gets(entry(1))
        _ = s.gets(entry(2))
        s.client.stop(now: s.now)
        #expect(s.client.takeActions() == [ack(2), .disconnect])

        s = Scene.live()
        _ = s.gets(entry(1))
        _ = s.gets(entry(2))
        _ = s.disconnected()
        #expect(s.waitForNext() == [.connect])
        #expect(s.connected() == [.transmit(.hello(cursor: 2, ticks: .zero, attempt: 2))])
        #expect(s.gets(welcome(2)) == [.tell(.online)])
        #expect(s.wait(1_000) == [])
    }

    @Test func aHoleIsAReasonToConnectAnew() {
        var s = Scene.live()
        _ = s.gets(entry(1))
        let done = s.gets(entry(3), entry(4))
        #expect(done.first == .disconnect)
        #expect(retryMs(done) != nil && done.count == 2)
        #expect(s.waitForNext() == [.connect])
        #expect(s.connected() == [.transmit(.hello(cursor: 1, ticks: .zero, attempt: 2))])
    }

    @Test func aGapIsToldAndAcknowledged() {
        var s = Scene.live()
        #expect(s.gets(.gap(from: 1, to: 40)) == [.tell(.gap(from: 1, to: 40)), ack(40)])
        // A part of it is known.
        #expect(s.gets(.gap(from: 30, to: 45)) == [.tell(.gap(from: 41, to: 45))])
        #expect(s.wait(50) == [ack(45)])
        #expect(s.gets(.gap(from: 2, to: 45)) == [])
        #expect(s.wait(50) == [ack(45)])
        #expect(s.gets(entry(46)) == [.tell(.entry(entry(46)))])
        #expect(s.gets(.gap(from: 48, to: 50)).first == .disconnect)
    }

    @Test func copiesAndNoticesAreEntriesToo() {
        var s = Scene.live()
        let copy = ServerFrame.copy(number: 1, to: bob, id: MessageID("c")!, at: .zero, body: [])
        let expired = ServerFrame.expired(number: 2, to: bob, id: MessageID("x")!, at: .zero)
        #expect(s.gets(copy, expired) == [.tell(.entry(copy)), .tell(.entry(expired)), ack(2)])
    }

    @Test func entriesBeforeTheWelcomeAreNothing() {
        var s = Scene(ClientMemory(cursor: 4))
        _ = s.start()
        _ = s.connected()
        #expect(s.gets(entry(5)) == [])
        #expect(s.client.memory.cursor == 4)
    }

    @Test func aReceiptIsRememberedAndOneThatIsNoNewsIsNotShown() {
        var s = Scene.live()
        let (at, rev) = (Stamp(microseconds: 5), Stamp(microseconds: 90))
        #expect(s.gets(.delivered(with: bob, at: at, rev: rev)) == [.tell(.delivered(with: bob, at: at))])
        #expect(s.gets(.read(with: bob, at: at, rev: Stamp(microseconds: 80))) == [])
        #expect(s.gets(.delivered(with: bob, at: at, rev: rev)) == [])
        #expect(s.client.memory.ticks == rev)
    }

    @Test func historyIsNoPartOfTheStream() {
        var s = Scene.live()
        s.client.requestHistory(ref: nil, with: bob, before: nil, limit: 20)
        #expect(s.client.takeActions() == [.transmit(.history(ref: nil, with: bob, before: nil, limit: 20))])
        let page = [entry(9), entry(8)]
        #expect(
            s.gets(.history(ref: nil, entries: page, more: true)) == [.tell(.history(ref: nil, entries: page, more: true))])
        #expect(s.client.memory.cursor == 0)
    }
}

@Suite struct OutboxTests {
    @Test func messagesToOneChatNameTheOneBefore() {
        var s = Scene.live()
        #expect(s.sends("a1") == [send("a1")])
        #expect(s.sends("a2") == [send("a2", after: "a1")])
        #expect(s.sends("c1", to: cem) == [send("c1", to: cem)])
        #expect(s.sends("a3") == [send("a3", after: "a2")])
        #expect(s.gets(sent("a1"), sent("a2")) == [told("a1"), told("a2")])
        #expect(s.sends("a4") == [send("a4", after: "a3")])
        #expect(s.gets(sent("a3"), sent("a4")) == [told("a3"), told("a4")])
        #expect(s.sends("a5") == [send("a5")])
        #expect(s.client.memory.outbox.map(\.id.text) == ["c1", "a5"])
    }

    @Test func anAnswerForAnotherChatIsNotOurs() {
        var s = Scene.live()
        _ = s.sends("a1")
        #expect(s.gets(sent("a1", to: cem), sent("zz")) == [])
        #expect(s.client.hasWork)
    }

    @Test func whatIsNotAnsweredIsRepeatedAfterFiveSecondsOldestFirst() {
        var s = Scene.live()
        _ = s.sends("a1")
        _ = s.sends("a2")
        #expect(s.wait(4_999) == [])
        #expect(s.wait(1) == [send("a1"), send("a2", after: "a1")])
        #expect(s.gets(sent("a1")) == [told("a1")])
        #expect(s.wait(5_000) == [send("a2")])
        #expect(s.gets(sent("a2")) == [told("a2")])
        #expect(s.wait(5_000) == [])
        #expect(!s.client.hasWork)
    }

    @Test func theWindowBoundsWhatIsOnTheWire() {
        var s = Scene.live(windowCount: 2)
        #expect(s.sends("a1") == [send("a1")])
        #expect(s.sends("c1", to: cem) == [send("c1", to: cem)])
        #expect(s.sends("a2") == [])
        #expect(s.sends("c2", to: cem) == [])
        #expect(s.gets(sent("a1")) == [told("a1"), send("a2")])
        #expect(s.gets(sent("c1", to: cem)) == [told("c1", to: cem), send("c2", to: cem)])
    }

    @Test func aRefusalWithAWaitIsRetriedAndHoldsItsChatBack() {
        var s = Scene.live()
        _ = s.sends("a1")
        #expect(s.gets(error(.overloaded, "a1", retryMs: 1_000)) == [])
        #expect(s.sends("a2") == [])
        #expect(s.sends("c1", to: cem) == [send("c1", to: cem)])
        #expect(s.wait(499) == [])
        let done = s.wait(1_001)
        #expect(done == [send("a1"), send("a2", after: "a1")])
    }

    @Test(arguments: [ErrorCode.overloaded, .unavailable, .storageFull, .helloMissing])
    func aRefusalWithoutAWaitIsRetriedWithGrowingPauses(_ code: ErrorCode) {
        var s = Scene.live()
        _ = s.sends("a1")
        var base: Int64 = 250
        for _ in 0..<9 {
            let refusedAt = s.milliseconds
            #expect(s.gets(error(code, "a1")) == [])
            #expect(s.wait(base / 2 - 1) == [])
            #expect(s.waitForNext() == [send("a1")])
            #expect(s.milliseconds - refusedAt <= base + base / 2)
            base = min(base * 2, 2_000)
            // Bytes of any kind keep the connection alive through the long pauses.
            s.client.onHeard(now: s.now)
        }
    }

    @Test func aMissingPredecessorIsSentAgainInOrder() {
        var s = Scene.live()
        _ = s.sends("a1")
        _ = s.sends("a2")
        _ = s.sends("c1", to: cem)
        // a1 was lost on the way: the server does not know it.
        #expect(s.gets(error(.predecessorMissing, "a2")) == [send("a1")])
        #expect(s.wait(375) == [send("a2", after: "a1")])
        #expect(s.gets(sent("a1"), sent("a2")) == [told("a1"), told("a2")])
    }

    @Test func framesThatWereDroppedUnreadAreSaidAgainAfterThePause() {
        var s = Scene.live()
        _ = s.sends("a1")
        _ = s.sends("a2")
        _ = s.reads(bob, 7)
        let limited = ErrorFrame(.rateLimited, "slow down", retryMs: 1_000)
        #expect(s.gets(.error(limited)) == [.tell(.refused(limited))])
        #expect(s.sends("a3") == [])
        #expect(s.wait(499) == [])
        let done = s.wait(1_001)
        #expect(done == [send("a1"), send("a2", after: "a1"), send("a3", after: "a2"), .transmit(.read(with: bob, at: Stamp(microseconds: 7)))])
    }

    @Test(arguments: [ErrorCode.unavailable, .overloaded, .rateLimited])
    func anAckThatMayHaveBeenDroppedIsSaidAgain(code: ErrorCode) {
        var s = Scene.live()
        let dropped = ErrorFrame(code, "", retryMs: 1_000)
        // It has not said any.
        #expect(s.gets(.error(dropped)) == [.tell(.refused(dropped))])
        #expect(s.wait(1_500) == [])
        #expect(s.gets(entry(1)) == [.tell(.entry(entry(1))), ack(1)])
        #expect(s.gets(.error(dropped)) == [.tell(.refused(dropped))])
        #expect(s.wait(499) == [])
        #expect(s.wait(1_001) == [ack(1)])
        #expect(s.wait(10_000) == [])
        // A new entry does not wait for that.
        #expect(s.gets(.error(dropped)) == [.tell(.refused(dropped))])
        #expect(s.gets(entry(2)) == [.tell(.entry(entry(2))), ack(2)])
        #expect(s.wait(10_000) == [])
    }

    /// Only pauses that the server did not name grow, and not for long.
    @Test func manyRefusalsDoNotMakeAMessageWaitForLongBehindItsPredecessor() {
        var s = Scene.live()
        _ = s.sends("a1")
        for _ in 0..<12 {
            #expect(s.gets(error(.overloaded, "a1", retryMs: 500)) == [])
            #expect(s.wait(750) == [send("a1")])
        }
        #expect(s.gets(error(.predecessorMissing, "a1")) == [])
        #expect(s.wait(375) == [send("a1")])
        for _ in 0..<12 {
            #expect(s.gets(error(.predecessorMissing, "a1")) == [])
            #expect(s.wait(3_000) == [send("a1")])
        }
    }

    @Test func aRefusedMessageComesBeforeThoseThatWereSentBehindIt() {
        var s = Scene.live()
        _ = s.sends("a1")
        _ = s.sends("a2")
        #expect(s.gets(error(.overloaded, "a1", retryMs: 2_000), error(.predecessorMissing, "a2")) == [])
        #expect(s.wait(999) == [])
        #expect(s.wait(2_001) == [send("a1"), send("a2", after: "a1")])
    }

    @Test func aPermanentRefusalTakesTheMessageOut() {
        var s = Scene.live()
        _ = s.sends("a1")
        _ = s.sends("a2")
        let refusal = ErrorFrame(.idConflict, "", ref: MessageID("a1")!)
        #expect(s.gets(.error(refusal)) == [.tell(.failed(id: MessageID("a1")!, refusal))])
        #expect(s.client.memory.outbox.map(\.id.text) == ["a2"])
        // The one behind it cannot follow; it leads now.
        _ = s.gets(error(.predecessorMissing, "a2"))
        #expect(s.wait(375) == [send("a2")])
    }

    @Test func anErrorAboutNoMessageIsTold() {
        var s = Scene.live()
        #expect(s.gets(error(.ackAhead)) == [.tell(.refused(ErrorFrame(.ackAhead, "")))])
    }

    @Test func afterALossEverythingIsSentAgain() {
        var s = Scene.live()
        _ = s.sends("a1")
        _ = s.sends("a2")
        _ = s.reads(bob, 5)
        #expect(s.comesBack() == [.tell(.online), send("a1"), send("a2", after: "a1"), read(5)])
    }

    @Test func theOutboxSurvivesTheProcess() {
        var s = Scene()
        #expect(s.sends("a1") == [])
        #expect(s.sends("a2") == [])
        var next = Scene(s.client.memory)
        _ = next.start()
        _ = next.connected()
        #expect(next.gets(welcome()) == [.tell(.online), send("a1"), send("a2", after: "a1")])
    }
}

@Suite struct ReadMarkTests {
    @Test func aMarkIsRepeatedUntilItIsNoted() {
        var s = Scene.live()
        #expect(s.reads(bob, 5) == [read(5)])
        #expect(s.wait(4_999) == [])
        #expect(s.wait(1) == [read(5)])
        #expect(s.gets(.noted(with: bob, at: Stamp(microseconds: 5))) == [])
        #expect(s.wait(10_000) == [])
        #expect(!s.client.hasWork)
    }

    @Test func aNewerMarkTakesThePlaceOfAnOlder() {
        var s = Scene.live()
        #expect(s.reads(bob, 5) == [read(5)])
        #expect(s.reads(bob, 9) == [read(9)])
        #expect(s.reads(bob, 7) == [])
        // The first is noted; the second still waits.
        #expect(s.gets(.noted(with: bob, at: Stamp(microseconds: 5))) == [])
        #expect(s.wait(5_000) == [read(9)])
        #expect(s.gets(.noted(with: bob, at: Stamp(microseconds: 9))) == [])
        #expect(!s.client.hasWork)
    }

    @Test func everyChatHasItsMark() {
        var s = Scene.live()
        #expect(s.reads(bob, 5) == [read(5)])
        #expect(s.reads(cem, 3) == [read(3, cem)])
        #expect(s.gets(.noted(with: bob, at: Stamp(microseconds: 5))) == [])
        #expect(s.wait(5_000) == [read(3, cem)])
    }
}

@Suite struct ReconnectTests {
    @Test func aLostCursorStartsTheClientOver() {
        var s = Scene.live(ClientMemory(cursor: 9, ticks: Stamp(microseconds: 4)))
        _ = s.reads(bob, 5)
        _ = s.disconnected()
        #expect(s.waitForNext() == [.connect])
        _ = s.connected()
        let done = s.gets(error(.cursorAhead))
        #expect(done.prefix(2) == [.tell(.cursorLost), .disconnect])
        #expect(s.waitForNext() == [.connect])
        #expect(s.connected() == [.transmit(.hello(cursor: nil, ticks: nil, attempt: 3))])
        #expect(s.gets(welcome(2)) == [.tell(.online)])
        #expect(s.client.memory.cursor == 2)
    }

    @Test func aRefusedHelloIsTriedAgainLater() {
        var s = Scene()
        _ = s.start()
        _ = s.connected()
        let refusal = ErrorFrame(.unavailable, "", retryMs: 1_000)
        let done = s.gets(.error(refusal))
        #expect(done.prefix(2) == [.tell(.refused(refusal)), .disconnect])
        #expect(retryMs(done) != nil)
        #expect(s.wait(375).first == .connect)
    }

    @Test func thePausesGrowToTheirBoundAndBeginAnewAfterAWelcome() {
        var s = Scene()
        #expect(s.start() == [.connect])
        var base: Int64 = 250
        for _ in 0..<12 {
            let pause = retryMs(s.disconnected())!
            #expect(base / 2 <= pause && pause <= base + base / 2)
            #expect(s.wait(pause - 1) == [])
            #expect(s.wait(2) == [.connect])
            base = min(base * 2, 30_000)
        }
        _ = s.connected()
        #expect(s.gets(welcome()) == [.tell(.online)])
        #expect(retryMs(s.disconnected())! <= 375)
    }

    @Test func aConnectionThatDoesNotComeIsGivenUpAfterTenSeconds() {
        var s = Scene()
        _ = s.start()
        #expect(s.wait(9_999) == [])
        #expect(s.wait(1).first == .disconnect)
    }

    @Test func aWelcomeThatDoesNotComeIsGivenUpAfterTenSeconds() {
        var s = Scene()
        _ = s.start()
        _ = s.wait(4_000)
        _ = s.connected()
        #expect(s.wait(9_999) == [])
        #expect(s.wait(1).first == .disconnect)
    }

    @Test func ninetySecondsOfSilenceAreADeath() {
        var s = Scene.live()
        #expect(s.wait(60_000) == [])
        s.client.onHeard(now: s.now)
        #expect(s.wait(89_999) == [])
        #expect(s.wait(1).first == .disconnect)
    }

    @Test func whoStopsStaysAway() {
        var s = Scene.live()
        _ = s.sends("a1")
        s.client.stop(now: s.now)
        #expect(s.client.takeActions() == [.disconnect])
        #expect(s.disconnected() == [])
        #expect(s.wait(600_000) == [])
        #expect(s.client.memory.outbox.map(\.id.text) == ["a1"])
        #expect(s.start() == [.connect])
    }

    @Test func anEndThatIsToldTwiceIsOneEnd() {
        var s = Scene.live()
        #expect(s.disconnected().count == 1)
        #expect(s.disconnected() == [])
    }
}
