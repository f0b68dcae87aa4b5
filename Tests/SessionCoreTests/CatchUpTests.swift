// From where a device stands to the head, without a hole; and what the shard does when a device falls silent.

import ClientProtocol
import CoreKit
import Messages
import Primitives
import RPC
import Testing

@Suite struct CatchUpTests {
    @Test func helloOpensTheDeviceAndIsWelcomed() {
        var s = Scene()
        #expect(s.gets(s.hello(s.origin())) == [s.open()])
        // The gateway hears first, so that the client's next frame finds the connection attached.
        #expect(
            s.answer(opened(cursor: 4, head: 4, delivered: 4, revision: 50)) == [
                .attached(1, hasSiblings: false, revision: 50), .tell(1, welcome(cursor: 4, head: 4, ticks: 50)),
            ])
    }

    @Test func aDeviceBehindReadsPagesWithTheirGaps() {
        var s = Scene()
        #expect(s.gets(s.hello(s.origin(), cursor: 2)) == [s.open(cursor: 2)])
        #expect(
            s.answer(opened(cursor: 2, head: 12, delivered: 2)) == [
                .attached(1, hasSiblings: false), .tell(1, welcome(cursor: 2, head: 12)), s.read(after: 2),
            ])
        // 3, 4 and 6 are gone, and so is everything behind 7 up to 9, where the page ends.
        #expect(
            s.answer(page([entry(5), entry(7)], through: 9, head: 12)) == [
                .tell(1, .gap(from: 3, to: 4)), .tell(1, message(5)), .tell(1, .gap(from: 6, to: 6)), .tell(1, message(7)),
                .tell(1, .gap(from: 8, to: 9)), s.read(after: 9, limit: 507),
            ])
        #expect(s.answer(page(10...12)) == [.tell(1, message(10)), .tell(1, message(11)), .tell(1, message(12))])
    }

    @Test func whatIsAppendedWhileAPageIsReadComesBehindIt() {
        var s = Scene()
        s.isLive(cursor: 0, head: 2)
        #expect(s.gets(s.deliver("m-3")) == [s.append("m-3")])
        // The page was read before the append: it ends at 2.
        #expect(s.answerNewest(stored(3)) == [.tell(9, sent(3))])
        #expect(s.answer(page(1...2)) == [.tell(1, message(1)), .tell(1, message(2)), s.read(after: 2, limit: 510)])
        #expect(s.answer(page(3...3)) == [.tell(1, message(3))])
        #expect(s.arrives(4) == [.tell(1, message(4))])
    }

    @Test func aNumberThatWasStoredElsewhereIsReadBeforeTheNext() {
        var s = Scene()
        s.isLive()
        // 1 was stored by another shard, and this one has not heard of it.
        #expect(s.arrives(2) == [s.read(after: 0)])
        #expect(s.answer(page(1...2)) == [.tell(1, message(1)), .tell(1, message(2))])
    }

    @Test func aFullWindowStopsThePushingAndAnAckResumesIt() {
        var s = Scene()
        s.isLive(head: 600)
        #expect(s.answer(page(1...512, head: 600)).count == 512)
        #expect(s.callCount == 0)
        #expect(s.arrives(601) == [])
        // 100 acknowledged, room for 100: the receipts go out, and so does the question for more.
        #expect(s.gets(s.ack(100)) == [s.receipt(upTo: 100), s.read(after: 512, limit: 100)])
        #expect(s.answerNewest(page(513...601)).count == 89)
    }

    @Test func manyBytesFillTheWindowToo() {
        var s = Scene()
        s.isLive()
        for number in 1...2 as ClosedRange<UInt64> {
            _ = s.gets(
                .deliver(
                    Deliver(
                        origin: s.origin(ana, phone, 9), to: bob, id: MessageID("m-\(number)")!, after: nil,
                        body: [UInt8](repeating: 0x78, count: 20_000))))
            #expect(s.answer(stored(number)).count == 2)
        }
        #expect(s.arrives(3) == [])
        #expect(s.gets(s.ack(1)) == [s.receipt(upTo: 1), s.read(after: 2, limit: 511)])
    }

    @Test func aRefusedPageIsAskedForAgain() {
        var s = Scene()
        s.isLive(head: 1)
        #expect(s.refuse(.overloaded) == [])
        #expect(s.wait(249) == [])
        #expect(s.wait(501) == [s.read(after: 0)])
        #expect(s.answer(page(1...1)) == [.tell(1, message(1))])
    }

    @Test func aStoreThatCameBackIsAskedAtOnce() {
        var s = Scene()
        s.isLive(head: 1)
        #expect(s.on(.peerDown(s.store)) == [])
        #expect(s.refuse(.peerDown) == [])
        #expect(s.core.unreadiness == "a persistence service is not connected")
        #expect(s.on(.peerUp(s.store)) == [])
        #expect(s.wait(0) == [s.read(after: 0)])
        #expect(s.core.unreadiness == nil)
    }

    @Test func anInboxThatEndsBeforeItsHeadIsNotAskedWithoutPause() {
        var s = Scene()
        s.isLive(head: 3)
        // The store was set back to an older day: nothing is there.
        #expect(s.answer(page([], through: 0, head: 0)) == [])
        #expect(s.wait(750) == [s.read(after: 0)])
    }

    // MARK: Silence

    @Test func aSilentDeviceIsRewoundWithGrowingPausesAndThenClosed() {
        var s = Scene()
        s.isLive()
        #expect(s.arrives(1) == [.tell(1, message(1))])
        for pause in [4_000, 8_000, 16_000, 32_000] as [Int64] {
            #expect(s.wait(pause - 1) == [])
            #expect(s.wait(1) == [s.read(after: 0)])
            #expect(s.answer(page(1...1)) == [.tell(1, message(1))])
        }
        #expect(s.wait(63_999) == [])
        #expect(s.wait(1) == [.close(1, 4004)])
        #expect(s.arrives(2) == [])
        #expect(s.wait(300_000) == [])
    }

    @Test func anAckStartsThePausesAnew() {
        var s = Scene()
        s.isLive()
        _ = s.arrives(1)
        _ = s.arrives(2)
        #expect(s.wait(4_000) == [s.read(after: 0)])
        #expect(s.answer(page(1...2)).count == 2)
        #expect(s.gets(s.ack(1)) == [s.receipt(upTo: 1)])
        #expect(s.wait(3_999) == [])
        #expect(s.wait(1) == [s.read(after: 1)])
    }

    @Test func thePausesOfASilentDeviceDoNotHoldUpAnother() {
        var s = Scene()
        s.isLive()
        #expect(s.arrives(1) == [.tell(1, message(1))])
        for pause in [4_000, 8_000] as [Int64] {
            #expect(s.wait(pause) == [s.read(after: 0)])
            #expect(s.answer(page(1...1)) == [.tell(1, message(1))])
        }
        // Its next try is 16 s away.
        s.isLive(laptop, 2, cursor: 1, head: 1, devices: 2)
        #expect(s.arrives(2).contains(.tell(2, message(2))))
        #expect(s.wait(3_999) == [])
        #expect(s.wait(1) == [s.read(after: 1)])
        #expect(s.answer(page(2...2)) == [.tell(2, message(2))])
        // Theirs are kept apart: 8 s for the one, 12 s are left for the other.
        #expect(s.wait(7_999) == [])
        #expect(s.wait(1) == [s.read(after: 1)])
        _ = s.answer(page(2...2))
        #expect(s.wait(3_999) == [])
        #expect(s.wait(1) == [s.read(after: 0)])
    }

    @Test func whatWasAcknowledgedWhileAPageWasReadDoesNotComeAgain() {
        var s = Scene()
        s.isLive()
        for number in 1...3 as ClosedRange<UInt64> { _ = s.arrives(number) }
        #expect(s.wait(4_000) == [s.read(after: 0)])
        // The late ack crosses the page.
        #expect(s.gets(s.ack(2)) == [s.receipt(upTo: 2)])
        #expect(s.answer(page(1...3)) == [.tell(1, message(3))])
        #expect(s.gets(s.ack(3)) == [])
        _ = s.answer(.done)
        #expect(s.wait(60_000).allSatisfy { if case .close = $0 { false } else { true } })
    }

    @Test func theAnswerOfAnAbandonedPageIsIgnored() {
        var s = Scene()
        s.isLive(head: 2)
        // Its gateway seats it elsewhere, and here again, while its page is on the way.
        #expect(s.gets(.detach(Detach(user: bob, connection: ConnectionID(rawValue: 1), hasMoved: true)), from: s.gateway) == [])
        #expect(s.gets(s.resume(s.origin()), from: s.gateway) == [s.open()])
        #expect(s.answer(page(1...2)) == [])
        #expect(s.answer(opened(head: 2)) == [.attached(1, hasSiblings: false), s.read(after: 0)])
        #expect(s.answer(page(1...2)) == [.tell(1, message(1)), .tell(1, message(2))])
    }
}
