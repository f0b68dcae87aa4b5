// Receipts gather behind others, and for longer while the shard or its store is behind: fewer of them, and none lost.

import ClientProtocol
import CoreKit
import Messages
import Primitives
import RPC
import Testing

@Suite struct DelayTests {
    /// A shard whose store has said that it is behind, and Bob with three entries that nobody has acknowledged.
    private func behind() -> Scene {
        var s = Scene()
        s.isLive()
        for number in 1...3 as ClosedRange<UInt64> { _ = s.arrives(number) }
        s.core.load.onHeard(Load(.behind), from: s.store)
        return s
    }

    private func markRead(_ number: UInt64, _ s: Scene) -> Message {
        .markRead(MarkRead(origin: s.origin(), with: ana, stamp: stamp(number)))
    }

    @Test func whatIsAcknowledgedInAWindowIsOneReceiptAndOneCursor() {
        var s = behind()
        #expect(s.gets(s.ack(1)) == [])
        #expect(s.gets(s.ack(2)) == [])
        #expect(s.wait(100) == [])
        #expect(s.gets(s.ack(3)) == [])
        #expect(s.wait(150) == [s.receipt(upTo: 3)])
        #expect(s.answer(.done) == [s.storeCursor(3)])
        #expect(s.core.load.counts[.receipts, .delayed] == 1)
        #expect(s.core.load.counts[.receipts, .merged] == 2)
    }

    @Test func aRoundThatEndsStartsNoOtherWhileReceiptsGather() {
        var s = behind()
        s.core.load.forget(s.store)
        #expect(s.gets(s.ack(1)) == [s.receipt(upTo: 1)])
        s.core.load.onHeard(Load(.behind), from: s.store)
        #expect(s.gets(s.ack(2)) == [])
        // The cursor of what is done moves at once.
        #expect(s.answer(.done) == [s.storeCursor(1)])
        #expect(s.answer(.done) == [])
        #expect(s.gets(s.ack(3)) == [])
        #expect(s.wait(250) == [s.receipt(upTo: 3)])
    }

    @Test func entriesArePushedAsEver() {
        var s = behind()
        #expect(s.gets(s.deliver("m-4")) == [s.append("m-4")])
        #expect(s.answer(stored(4)) == [.tell(9, sent(4)), .tell(1, message(4))])
    }

    @Test func ofReadMarksTheNewestIsStoredAndNoted() {
        var s = behind()
        #expect(s.gets(markRead(2, s)) == [])
        #expect(s.gets(markRead(3, s)) == [])
        #expect(s.gets(markRead(1, s)) == [])
        let receipt = Receipt(author: ana, peer: bob, kind: .read, upTo: stamp(3))
        #expect(s.wait(250) == [.call(s.selfID, .receipt(receipt))])
        #expect(s.answer(.done) == [.tell(1, .noted(with: ana, at: stamp(3)))])
        #expect(s.core.load.counts[.receipts, .delayed] == 1)
        #expect(s.core.load.counts[.receipts, .merged] == 2)
    }

    @Test func whoHasGoneMeanwhileIsNotWaitedFor() {
        var s = behind()
        #expect(s.gets(s.ack(3)) == [])
        _ = s.gets(.detach(Detach(user: bob, connection: ConnectionID(rawValue: 1))), from: s.gateway)
        // The acknowledgement was hers all the same.
        #expect(s.wait(250) == [s.receipt(upTo: 3)])
        #expect(s.answer(.done) == [s.storeCursor(3)])
        #expect(s.answer(.done) == [])
        #expect(s.wait(600_000) == [])
    }

    @Test func whenItIsOverWhatGatheredStillGoes() {
        var s = behind()
        #expect(s.gets(s.ack(2)) == [])
        s.core.load.forget(s.store)
        #expect(s.gets(s.ack(3)) == [s.receipt(upTo: 3)])
        #expect(s.answer(.done) == [s.storeCursor(3)])
        #expect(s.answer(.done) == [])
        #expect(s.wait(250) == [])
    }

    @Test func belowThatLevelNothingIsDelayed() {
        var s = behind()
        s.core.load.onHeard(Load(.heavy), from: s.store)
        #expect(s.gets(s.ack(3)) == [s.receipt(upTo: 3)])
    }

    // MARK: When nobody is behind

    private func calm() -> Scene {
        var s = behind()
        s.core.load.forget(s.store)
        return s
    }

    @Test func aLoneReceiptGoesAtOnceAndThoseWhoFollowCloselyGather() {
        var s = calm()
        #expect(s.gets(s.ack(1)) == [s.receipt(upTo: 1)])
        #expect(s.answer(.done) == [s.storeCursor(1)])
        #expect(s.answer(.done) == [])
        #expect(s.wait(3) == [])
        #expect(s.gets(s.ack(2)) == [])
        #expect(s.wait(3) == [])
        #expect(s.gets(s.ack(3)) == [])
        #expect(s.wait(4) == [s.receipt(upTo: 3)])
        // Nobody was refused or merged for the sake of load.
        #expect(s.core.load.counts[.receipts, .delayed] == 0)
        #expect(s.core.load.counts[.receipts, .merged] == 0)
    }

    @Test func aReadMarkGathersLikewise() {
        var s = calm()
        #expect(s.gets(s.ack(3)) == [s.receipt(upTo: 3)])
        #expect(s.wait(3) == [])
        #expect(s.gets(markRead(2, s)) == [])
        #expect(s.gets(markRead(3, s)) == [])
        let receipt = Receipt(author: ana, peer: bob, kind: .read, upTo: stamp(3))
        #expect(s.wait(7) == [.call(s.selfID, .receipt(receipt))])
    }

    @Test func afterAMomentOfSilenceNothingGathers() {
        var s = calm()
        #expect(s.gets(s.ack(1)) == [s.receipt(upTo: 1)])
        #expect(s.answer(.done) == [s.storeCursor(1)])
        #expect(s.answer(.done) == [])
        #expect(s.wait(10) == [])
        #expect(s.gets(s.ack(2)) == [s.receipt(upTo: 2)])
    }
}
