// Devices come, are replaced, go; gateways with them.

import ClientProtocol
import CoreKit
import Messages
import Primitives
import RPC
import Testing

@Suite struct DeviceTests {
    @Test func twoDevicesGetEverythingAndTheFirstAckIsTheReceipt() {
        var s = Scene()
        s.isLive(phone, 1)
        #expect(s.gets(s.hello(s.origin(bob, laptop, 2), cursor: 0)) == [s.open(bob, laptop, cursor: 0)])
        // The first learns that it has a sibling now.
        #expect(
            s.answer(opened(devices: 2)) == [
                .attached(2, hasSiblings: true), .tell(2, welcome(bob, laptop)), .attached(1, hasSiblings: true),
            ])
        #expect(s.arrives(1) == [.tell(1, message(1)), .tell(2, message(1))])
        #expect(s.gets(s.ack(1, s.origin(bob, laptop, 2))) == [s.receipt(upTo: 1)])
        #expect(s.answer(.done) == [s.storeCursor(1, laptop)])
        #expect(s.answer(.done) == [])
        // The second ack owes no receipt, only its own cursor.
        #expect(s.gets(s.ack(1)) == [s.storeCursor(1, phone)])
    }

    @Test func aNewDeviceBeginsWhereTheStoreSays() {
        var s = Scene()
        #expect(s.gets(s.hello(s.origin())) == [s.open()])
        #expect(
            s.answer(opened(cursor: 7, head: 9, delivered: 7)) == [
                .attached(1, hasSiblings: false), .tell(1, welcome(cursor: 7, head: 9)), s.read(after: 7),
            ])
    }

    @Test func aSlowDeviceDoesNotHoldBackAQuickOne() {
        var s = Scene()
        s.isLive(phone, 1, head: 2, devices: 2)
        s.isLive(laptop, 2, cursor: 2, head: 2, devices: 2)
        #expect(s.callCount == 1)
        #expect(s.arrives(3) == [.tell(2, message(3))])
        #expect(s.answer(page(1...3)) == [.tell(1, message(1)), .tell(1, message(2)), .tell(1, message(3))])
    }

    @Test func aDeviceThatConnectsAgainReplacesItself() {
        var s = Scene()
        s.isLive(phone, 1)
        #expect(s.gets(s.hello(s.origin(bob, phone, 2), cursor: 0)) == [.close(1, 4003), s.open(cursor: 0)])
        _ = s.answer(opened())
        #expect(s.arrives(1) == [.tell(2, message(1))])
        // The former one's farewell changes nothing.
        #expect(s.gets(.detach(Detach(user: bob, connection: ConnectionID(rawValue: 1))), from: s.gateway) == [])
        #expect(s.arrives(2) == [.tell(2, message(2))])
    }

    @Test func aHelloWaitsForTheLinkToItsGateway() {
        var s = Scene()
        #expect(s.on(.peerDown(s.gateway)) == [])
        #expect(s.gets(s.hello(s.origin(bob, phone, 1), cursor: 0)) == [])
        #expect(s.on(.peerUp(s.otherGateway)) == [])
        #expect(s.on(.peerUp(s.gateway)) == [s.open(bob, phone, cursor: 0)])
        #expect(s.answer(opened()) == [.attached(1, hasSiblings: false), .tell(1, welcome())])
        // It waited once.
        #expect(s.on(.peerUp(s.gateway)) == [])
    }

    @Test func anOlderConnectionThatComesLateIsTheOneThatGoes() {
        var s = Scene()
        s.isLive(phone, 5)
        #expect(s.gets(s.hello(s.origin(bob, phone, 4))) == [.close(4, 1013)])
        #expect(s.arrives(1) == [.tell(5, message(1))])
    }

    /// Gateways number connections by their clocks: the higher number may be the older connection, at a gateway whose clock is
    /// ahead and which has not noticed its end. Only a hello proves that the device is there.
    @Test func aConnectionThatOnlyResumesReplacesNobodyForGood() {
        var s = Scene()
        s.isLive(phone, 4)
        #expect(s.gets(s.resume(s.origin(bob, phone, 5, at: s.otherGateway)), from: s.otherGateway) == [.close(4, 1013), s.open()])
    }

    @Test func aHelloThatWaitedReplacesNobodyForGood() {
        var s = Scene()
        _ = s.on(.peerDown(s.otherGateway))
        #expect(s.gets(s.hello(s.origin(bob, phone, 5, at: s.otherGateway))) == [])
        s.isLive(phone, 4)
        #expect(s.on(.peerUp(s.otherGateway)) == [.close(4, 1013), s.open()])
    }

    /// The clock of the older connection's gateway is ahead, and its hello took the longer road.
    @Test func aDeviceThatCountsItsConnectionsIsBelievedBeforeTheClocksOfGateways() {
        var s = Scene()
        s.isLive(phone, 4, attempt: 8)
        #expect(s.gets(s.hello(s.origin(bob, phone, 5, at: s.otherGateway), attempt: 7)) == [.close(5, 1013)])
        #expect(s.gets(s.resume(s.origin(bob, phone, 5, at: s.otherGateway), attempt: 7), from: s.otherGateway) == [.close(5, 1013)])
        #expect(s.arrives(1) == [.tell(4, message(1))])
        #expect(s.gets(s.hello(s.origin(bob, phone, 3), cursor: 0, attempt: 9)) == [.close(4, 4003), s.open(cursor: 0)])
    }

    @Test func aConnectionThatResumesReplacesAnOlderOneForGoodWhenTheDeviceCounts() {
        var s = Scene()
        s.isLive(phone, 4, attempt: 8)
        let resume = s.resume(s.origin(bob, phone, 3, at: s.otherGateway), attempt: 9)
        #expect(s.gets(resume, from: s.otherGateway) == [.close(4, 4003), s.open()])
    }

    /// One of them does not count, or both say the same: then the numbers of gateways decide, as ever.
    @Test(arguments: [(8, nil), (nil, 8), (8, 8)] as [(UInt64?, UInt64?)])
    func withoutTwoCountsTheHigherNumberStays(of former: UInt64?, and newer: UInt64?) {
        var s = Scene()
        s.isLive(phone, 4, attempt: former)
        #expect(s.gets(s.hello(s.origin(bob, phone, 3), attempt: newer)) == [.close(3, 1013)])
        #expect(s.gets(s.hello(s.origin(bob, phone, 5), cursor: 0, attempt: newer)) == [.close(4, 4003), s.open(cursor: 0)])
    }

    @Test func aConnectionThatEndedBeforeItsHelloCameIsNotAttached() {
        var s = Scene()
        #expect(s.gets(.detach(Detach(user: bob, connection: ConnectionID(rawValue: 5))), from: s.otherGateway) == [])
        s.isLive(phone, 4)
        #expect(s.gets(s.hello(s.origin(bob, phone, 5, at: s.otherGateway))) == [])
        #expect(s.arrives(1) == [.tell(4, message(1))])
    }

    @Test func aConnectionThatMovedAwayMayMoveBack() {
        var s = Scene()
        #expect(s.gets(.detach(Detach(user: bob, connection: ConnectionID(rawValue: 5))), from: s.gateway) == [])
        #expect(s.gets(s.resume(s.origin(bob, phone, 5)), from: s.gateway) == [s.open()])
    }

    @Test func persistenceIsToldNowAndThenOfDevicesThatStay() {
        var s = Scene()
        s.isLive(phone, 1, cursor: 3, head: 3)
        let round = Int64(s.map.expirySeconds) * 1_000 / 16
        #expect(s.wait(round) == [s.open(cursor: 3)])
        // The device was forgotten and its sibling came: from now on there are copies.
        #expect(s.answer(opened(cursor: 3, head: 3, delivered: 3, devices: 2)) == [.attached(1, hasSiblings: true)])
        #expect(s.wait(round) == [s.open(cursor: 3)])
        #expect(s.refuse(.unavailable) == [])
        #expect(s.gets(.detach(Detach(user: bob, connection: ConnectionID(rawValue: 1))), from: s.gateway) == [])
        #expect(s.wait(2 * round) == [])
    }

    @Test func aRepeatedAttachWaitsForTheAnswerToTheFirst() {
        var s = Scene()
        #expect(s.gets(s.resume(s.origin()), from: s.gateway) == [s.open()])
        #expect(s.gets(s.resume(s.origin()), from: s.gateway) == [])
        #expect(s.answer(opened()) == [.attached(1, hasSiblings: false)])
    }

    /// Were it opened anew, a store that refuses would leave a connection that its gateway takes for seated.
    @Test func anAttachThatIsRepeatedTooLateIsAnsweredAgainAndKeepsItsPlace() {
        var s = Scene()
        #expect(s.gets(s.resume(s.origin(), revision: 40), from: s.gateway) == [s.open()])
        #expect(s.answer(opened(revision: 40)) == [.attached(1, hasSiblings: false, revision: 40)])
        #expect(s.gets(s.resume(s.origin(), revision: 40), from: s.gateway) == [.attached(1, hasSiblings: false, revision: 40)])
        #expect(s.callCount == 0)
        #expect(s.arrives(1) == [.tell(1, message(1))])
    }

    @Test func aResumingConnectionHearsNoWelcomeAndGetsWhatWasNotAcknowledged() {
        var s = Scene()
        #expect(s.gets(s.resume(s.origin(), revision: 40), from: s.gateway) == [s.open()])
        #expect(
            s.answer(opened(cursor: 1, head: 3, delivered: 1, revision: 40)) == [
                .attached(1, hasSiblings: false, revision: 40), s.read(after: 1),
            ])
        // Its former shard had pushed up to 3, which is acknowledged before it comes again: to be looked into, no offence.
        #expect(s.gets(s.ack(3)) == [s.readHead()])
        #expect(s.answer(page(2...3)) == [.tell(1, message(2)), .tell(1, message(3))])
        #expect(s.answer(head(3)) == [s.receipt(upTo: 3)])
        #expect(s.gets(s.ack(3)) == [])
    }

    @Test func aCursorOfAnotherHistoryIsRefused() {
        var s = Scene()
        #expect(s.gets(s.hello(s.origin(), cursor: 90)) == [s.open(cursor: 90)])
        #expect(complaints(s.answer(opened(.cursorAhead, head: 3))) == [Complaint(1, .cursorAhead)])
        #expect(s.arrives(4) == [])
    }

    @Test func theNinthDeviceIsRefused() {
        var s = Scene()
        _ = s.gets(s.hello(s.origin()))
        #expect(complaints(s.answer(opened(.tooManyDevices))) == [Complaint(1, .tooManyDevices)])
    }

    @Test func aHelloWithoutAStoreIsAnsweredWithAWait() {
        var s = Scene()
        _ = s.gets(s.hello(s.origin()))
        #expect(complaints(s.refuse(.peerDown)) == [Complaint(1, .unavailable, retryMs: 1000)])
        // A gateway that resumes asks again by itself; the client need not know.
        _ = s.gets(s.resume(s.origin()), from: s.gateway)
        #expect(s.refuse(.peerDown) == [])
    }

    @Test func aGatewayThatFallsTakesItsConnectionsAlong() {
        var s = Scene()
        s.isLive(phone, 1)
        #expect(s.gets(s.hello(s.origin(bob, laptop, 2, at: s.otherGateway), cursor: 0)) == [s.open(bob, laptop, cursor: 0)])
        _ = s.answer(opened(devices: 2))
        #expect(s.on(.peerDown(s.gateway)) == [])
        #expect(s.arrives(1) == [.tell(2, message(1))])
    }

    @Test func anAckIsNotLostWhenItsConnectionEnds() {
        var s = Scene()
        s.isLive()
        _ = s.arrives(1)
        #expect(s.gets(s.ack(1)) == [s.receipt(upTo: 1)])
        #expect(s.gets(.detach(Detach(user: bob, connection: ConnectionID(rawValue: 1))), from: s.gateway) == [])
        #expect(s.refuse(.peerDown) == [])
        #expect(s.wait(750) == [s.receipt(upTo: 1)])
        #expect(s.answer(.done) == [s.storeCursor(1)])
        #expect(s.answer(.done) == [])
        // Forgotten by now: nothing is pushed, nothing is asked.
        #expect(s.arrives(2) == [])
        #expect(s.wait(600_000) == [])
    }

    @Test func theAnswersOfAForgottenRoundAreIgnored() {
        var s = Scene()
        s.isLive()
        _ = s.arrives(1)
        #expect(s.gets(s.ack(1)) == [s.receipt(upTo: 1)])
        // The device comes again before the receipt is answered: nothing is kept of its former life.
        #expect(s.gets(s.hello(s.origin(bob, phone, 2), cursor: 1)) == [.close(1, 4003), s.open(cursor: 1)])
        #expect(s.answerNewest(opened(cursor: 0, head: 1)).count == 2)
        // The round goes on for the user; its end moves the new connection's cursor.
        #expect(s.answer(.done) == [s.storeCursor(1)])
    }

    @Test func theAnswerToARoundOfADepartedUserIsIgnored() {
        var s = Scene()
        s.isLive(head: 1)
        _ = s.answer(page(1...1))
        #expect(s.gets(s.ack(1)) == [s.receipt(upTo: 1)])
        #expect(s.gets(.detach(Detach(user: bob, connection: ConnectionID(rawValue: 1), hasMoved: true)), from: s.gateway) == [])
        #expect(s.gets(s.resume(s.origin()), from: s.gateway) == [s.open()])
        #expect(s.gets(.detach(Detach(user: bob, connection: ConnectionID(rawValue: 1))), from: s.gateway) == [])
        s.isLive(phone, 2, cursor: 1, head: 1)
        #expect(s.answer(.done) == [])
        #expect(s.answer(opened(head: 1)) == [])
    }

    @Test func aDetachFromAnotherGatewayIsNotOurs() {
        var s = Scene()
        s.isLive()
        #expect(s.gets(.detach(Detach(user: bob, connection: ConnectionID(rawValue: 1))), from: s.otherGateway) == [])
        #expect(s.arrives(1) == [.tell(1, message(1))])
    }
}
