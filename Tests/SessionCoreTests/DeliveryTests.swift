// A message arrives: stored first, then `sent`, then pushed. Never in another order.

import ClientProtocol
import CoreKit
import Messages
import Primitives
import RPC
import Testing

@Suite struct DeliveryTests {
    @Test func aMessageIsStoredThenAnsweredThenPushed() {
        var s = Scene()
        s.isLive()
        #expect(s.gets(s.deliver("m-1")) == [s.append("m-1")])
        #expect(s.answer(stored(1)) == [.tell(9, sent(1)), .tell(1, message(1))])
    }

    @Test func aMessageForSomebodyAwayIsStoredAndAnswered() {
        var s = Scene()
        #expect(s.gets(s.deliver("m-1")) == [s.append("m-1")])
        #expect(s.answer(stored(1)) == [.tell(9, sent(1))])
    }

    @Test func aRepeatGetsTheFirstStampAndReachesTheDeviceOnce() {
        var s = Scene()
        s.isLive()
        #expect(s.arrives(1) == [.tell(1, message(1))])
        #expect(s.gets(s.deliver("m-1")) == [s.append("m-1")])
        #expect(s.answer(stored(1, .duplicate)) == [.tell(9, sent(1))])
    }

    @Test func aRepeatAfterALostAnswerStillReachesTheDevice() {
        var s = Scene()
        s.isLive()
        #expect(s.gets(s.deliver("m-1")) == [s.append("m-1")])
        // The answer is lost, the message is not. The shard looks; before it has seen, the author repeats.
        var done = s.refuse(.timedOut)
        #expect(complaints(done) == [Complaint(9, .unavailable, ref: "m-1", retryMs: 1000)])
        #expect(done.last == s.readHead())
        #expect(s.gets(s.deliver("m-1")) == [s.append("m-1")])
        #expect(s.answerNewest(stored(1, .duplicate)) == [.tell(9, sent(1)), .tell(1, message(1))])
        done = s.answer(head(1))
        #expect(done == [])
    }

    @Test func anUnknownEndOfAnAppendIsLookedInto() {
        var s = Scene()
        s.isLive()
        _ = s.gets(s.deliver("m-1"))
        #expect(s.refuse(.timedOut).last == s.readHead())
        #expect(s.answer(head(1)) == [s.read(after: 0)])
        #expect(s.answer(page(1...1)) == [.tell(1, message(1))])
    }

    @Test func aReusedIDIsAConflict() {
        var s = Scene()
        s.isLive()
        _ = s.gets(s.deliver("m-1"))
        let done = s.answer(refused(.conflict))
        #expect(complaints(done) == [Complaint(9, .idConflict, ref: "m-1")])
        #expect(done.count == 1)
    }

    @Test func aMessageDoesNotOvertakeItsPredecessor() {
        var s = Scene()
        s.isLive()
        #expect(s.gets(s.deliver("m-2", after: "m-1")) == [s.append("m-2", after: "m-1")])
        let done = s.answer(refused(.predecessorMissing))
        #expect(complaints(done) == [Complaint(9, .predecessorMissing, ref: "m-2")])
        #expect(done.count == 1)
    }

    static let refusals: [(Refusal.Code, UInt32, ErrorCode, UInt32)] = [
        (.peerDown, 0, .unavailable, 1000),
        (.timedOut, 0, .unavailable, 1000),
        (.unavailable, 300, .unavailable, 300),
        (.forbidden, 0, .unavailable, 1000),
        (.storageFull, 2000, .storageFull, 2000),
        (.overloaded, 700, .overloaded, 700),
    ]

    @Test(arguments: refusals)
    func aStoreThatRefusesIsToldToTheAuthorWithAWait(
        _ code: Refusal.Code, _ retryMs: UInt32, _ expected: ErrorCode, _ expectedMs: UInt32
    ) {
        var s = Scene()
        s.isLive(phone, 1)
        #expect(s.gets(s.deliver("m-1")) == [s.append("m-1")])
        let done = s.refuse(code, retryMs: retryMs)
        #expect(complaints(done) == [Complaint(9, expected, ref: "m-1", retryMs: expectedMs)])
        #expect(!done.contains(.tell(1, message(1))))
        #expect(!done.contains(.tell(9, sent(1))))
    }

    @Test func anAnswerOfTheWrongKindIsNoPromise() {
        var s = Scene()
        _ = s.gets(s.deliver("m-1"))
        #expect(complaints(s.answer(.done)) == [Complaint(9, .unavailable, ref: "m-1", retryMs: 1000)])
    }

    // MARK: Copies for the author's other devices

    /// - Parameter number: of the message, from which its stamp follows.
    private func copy(_ s: Scene, _ number: UInt64, after: String? = nil) -> Did {
        .call(
            s.store,
            .append(
                Append(
                    owner: ana, kind: .copy, author: ana, chat: bob, id: MessageID("m-\(number)")!,
                    after: after.map { MessageID($0)! }, body: Array("m-\(number)".utf8), messageStamp: stamp(number))))
    }

    @Test func sentWaitsForTheCopyButTheAddresseeDoesNot() {
        var s = Scene()
        s.isLive()
        #expect(s.gets(s.deliver("m-1", hasSiblings: true)) == [s.append("m-1")])
        #expect(s.answer(stored(1)) == [copy(s, 1), .tell(1, message(1))])
        #expect(s.answer(stored(7)) == [.tell(9, sent(1))])
    }

    @Test func theCopyReachesTheAuthorsOtherDevice() {
        var s = Scene()
        #expect(s.gets(s.hello(s.origin(ana, laptop, 5), cursor: 0)) == [s.open(ana, laptop, cursor: 0)])
        _ = s.answer(opened(devices: 2))
        _ = s.gets(s.deliver("m-1", hasSiblings: true))
        _ = s.answer(stored(1))
        #expect(s.answer(stored(1)) == [.tell(9, sent(1)), s.readHead(ana)])
        #expect(
            s.answer(head(1)) == [
                .call(s.store, .readInbox(ReadInbox(owner: ana, after: 0, limit: 512, headersOnly: false)))
            ])
        let stored = InboxEntry(
            number: 1, stamp: stamp(1), kind: .copy, author: ana, chat: bob, id: MessageID("m-1")!, body: Array("m-1".utf8))
        #expect(
            s.answer(page([stored], through: 1, head: 1)) == [
                .tell(5, .copy(number: 1, to: bob, id: MessageID("m-1")!, at: stamp(1), body: Array("m-1".utf8)))
            ])
    }

    @Test func aRefusedMessageLeavesNoCopy() {
        var s = Scene()
        #expect(s.gets(s.deliver("m-1", hasSiblings: true)) == [s.append("m-1")])
        #expect(s.refuse(.storageFull).count == 1)
        #expect(s.callCount == 0)
    }

    @Test func aRefusedCopyIsNoSentAndTheRepeatMendsIt() {
        var s = Scene()
        _ = s.gets(s.deliver("m-2", after: "m-1", hasSiblings: true))
        #expect(s.answer(stored(2)) == [copy(s, 2, after: "m-1")])
        #expect(complaints(s.refuse(.overloaded, retryMs: 300)) == [Complaint(9, .overloaded, ref: "m-2", retryMs: 300)])
        #expect(s.gets(s.deliver("m-2", hasSiblings: true)) == [s.append("m-2")])
        #expect(s.answer(stored(2, .duplicate)) == [copy(s, 2)])
        #expect(s.answer(stored(4)) == [.tell(9, sent(2))])
    }

    @Test func inArchiveModeEveryAuthorGetsACopy() {
        var s = Scene(mode: .archive)
        #expect(s.gets(s.deliver("m-1")) == [s.append("m-1")])
        #expect(s.answer(stored(1)) == [copy(s, 1)])
        #expect(s.answer(stored(1)) == [.tell(9, sent(1))])
    }
}
