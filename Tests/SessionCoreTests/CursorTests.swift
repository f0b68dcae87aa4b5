// Cursors follow receipts, half a second behind them when there are many.

import ClientProtocol
import CoreKit
import Messages
import Primitives
import RPC
import Testing

@Suite struct CursorTests {
    /// Bob with four entries, of which he has just acknowledged the first; its cursor has left.
    private func busy() -> Scene {
        var s = Scene()
        s.isLive()
        for number in 1...4 as ClosedRange<UInt64> { _ = s.arrives(number) }
        #expect(s.gets(s.ack(1)) == [s.receipt(upTo: 1)])
        #expect(s.answer(.done) == [s.storeCursor(1)])
        #expect(s.answer(.done) == [])
        return s
    }

    @Test func theFirstGoesAtOnceAndTheNextAreOneWrite() {
        var s = busy()
        #expect(s.wait(20) == [])
        #expect(s.gets(s.ack(2)) == [s.receipt(upTo: 2)])
        #expect(s.answer(.done) == [])
        #expect(s.wait(100) == [])
        #expect(s.gets(s.ack(3)) == [s.receipt(upTo: 3)])
        #expect(s.answer(.done) == [])
        #expect(s.wait(390) == [])
        #expect(s.wait(30) == [s.storeCursor(3)])
        #expect(s.answer(.done) == [])
        #expect(s.wait(2_000) == [])
    }

    @Test func afterSilenceACursorIsNotHeldUp() {
        var s = busy()
        #expect(s.wait(600) == [])
        #expect(s.gets(s.ack(2)) == [s.receipt(upTo: 2)])
        #expect(s.answer(.done) == [s.storeCursor(2)])
    }

    @Test func whatIsAcknowledgedWhileACursorIsStoredFollowsIt() {
        var s = busy()
        #expect(s.wait(600) == [])
        #expect(s.gets(s.ack(2)) == [s.receipt(upTo: 2)])
        #expect(s.answer(.done) == [s.storeCursor(2)])
        #expect(s.wait(20) == [])
        #expect(s.gets(s.ack(3)) == [s.receipt(upTo: 3)])
        // The newer call: the receipt. Its cursor waits for the one on its way.
        #expect(s.answerNewest(.done) == [])
        #expect(s.answer(.done) == [s.storeCursor(3)])
    }

    @Test func aDeviceThatLeavesHasItsCursorStoredAllTheSame() {
        var s = busy()
        #expect(s.wait(20) == [])
        #expect(s.gets(s.ack(2)) == [s.receipt(upTo: 2)])
        #expect(s.answer(.done) == [])
        #expect(s.gets(.detach(Detach(user: bob, connection: ConnectionID(rawValue: 1))), from: s.gateway).contains(s.storeCursor(2)))
        #expect(s.core.holds(bob) == false)
        #expect(s.answer(.done) == [])
        #expect(s.core.remainder == nil)
        #expect(s.wait(2_000) == [])
    }

    /// Whoever comes meanwhile, another device or the same one anew, is answered by a store that has heard of it.
    @Test(arguments: [phone, laptop])
    func whoeverComesFindsTheCursorStored(device: DeviceID) {
        var s = busy()
        #expect(s.wait(20) == [])
        #expect(s.gets(s.ack(2)) == [s.receipt(upTo: 2)])
        #expect(s.answer(.done) == [])
        let done = s.gets(s.hello(s.origin(bob, device, 2), cursor: nil))
        #expect(done.filter { $0 == s.storeCursor(2) || $0 == s.open(bob, device) } == [s.storeCursor(2), s.open(bob, device)])
    }

    @Test func aRefusedCursorIsTriedAgain() {
        var s = busy()
        #expect(s.wait(20) == [])
        #expect(s.gets(s.ack(2)) == [s.receipt(upTo: 2)])
        #expect(s.answer(.done) == [])
        #expect(s.wait(520) == [s.storeCursor(2)])
        #expect(s.refuse(.unavailable) == [])
        #expect(s.wait(1_000) == [s.storeCursor(2)])
    }
}
