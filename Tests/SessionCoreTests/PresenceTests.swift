// Departures, settings, read receipts off, and messages of somebody who is blocked.

import ClientProtocol
import CoreKit
import Messages
import Primitives
import Privacy
import RPC
import Testing

@Suite struct PresenceTests {
    private func detach(_ connection: UInt64, hasMoved: Bool = false) -> Message {
        .detach(Detach(user: bob, connection: ConnectionID(rawValue: connection), hasMoved: hasMoved))
    }

    /// Settings of Bob's, as last-seen tells them.
    private func news(_ settings: UserSettings, author: ConnectionPlace? = nil) -> Event {
        let call = RemoteCall(node: NodeID(rawValue: 8), socket: SocketID(rawValue: 1), call: 5)
        return .requested(call, .settingsNews(SettingsNews(owner: bob, settings: settings, author: author)))
    }

    @Test func whatEndsInOneTickLeavesAsOneBatchAShard() {
        var s = Scene()
        s.isLive(phone, 1)
        s.isLive(laptop, 2, devices: 2)
        #expect(s.gets(detach(1), from: s.gateway) == [])
        #expect(s.gets(detach(2), from: s.gateway) == [])
        let lastSeen = s.map.ring(of: .lastSeen).owner(ofKey: bob.text.utf8)
        let items = [1, 2].map { connection in
            PresenceGone.Item(
                user: bob, place: ConnectionPlace(gateway: s.gateway, connection: ConnectionID(rawValue: connection)))
        }
        #expect(s.on(.flush) == [.send(lastSeen, .presenceGone(PresenceGone(items: items)))])
        #expect(s.on(.flush) == [])
    }

    @Test func aGatewayThatDiesTakesEverybodyAlongInOneBatch() {
        var s = Scene()
        s.isLive(phone, 1)
        #expect(s.on(.peerDown(s.gateway)) == [])
        #expect(s.on(.flush) == [s.departed(bob, 1)])
    }

    @Test func aConnectionThatLivesOnAtAnotherShardHasNotEnded() {
        var s = Scene()
        s.isLive(phone, 1)
        #expect(s.gets(detach(1, hasMoved: true), from: s.gateway) == [])
        #expect(s.on(.flush) == [])
    }

    @Test func changedSettingsAreShownOnTheOtherDevices() {
        var s = Scene()
        s.isLive(phone, 1)
        s.isLive(laptop, 2, devices: 2)
        let new = UserSettings(lastSeen: .nobody, revision: 3)
        let author = ConnectionPlace(gateway: s.gateway, connection: ConnectionID(rawValue: 1))
        #expect(s.on(news(new, author: author)) == [.answer(5, .done), .tell(2, .settings(ref: nil, new))])
        // Told again, or late: nothing new.
        #expect(s.on(news(new)) == [.answer(5, .done)])
        #expect(s.on(news(UserSettings(revision: 2))) == [.answer(5, .done)])
    }

    @Test func aReaderWithoutReadReceiptsIsNotedAndTheAuthorDoesNotHear() {
        var s = Scene()
        s.isLive(phone, 1, head: 2)
        _ = s.answer(page(1...2))
        let mark = Message.markRead(MarkRead(origin: s.origin(bob, phone, 1), with: ana, stamp: stamp(2)))
        let receipt = Receipt(author: ana, peer: bob, kind: .read, upTo: stamp(2))
        #expect(s.gets(mark) == [.call(s.selfID, .receipt(receipt))])
        _ = s.on(news(UserSettings(readReceipts: false, revision: 1)))
        #expect(s.gets(mark) == [.tell(1, .noted(with: ana, at: stamp(2)))])
        _ = s.on(news(UserSettings(readReceipts: true, revision: 2)))
        #expect(s.gets(mark) == [.call(s.selfID, .receipt(receipt))])
    }

    @Test func anAuthorWhoIsBlockedHearsSentAndNobodyGetsAMessage() {
        var s = Scene()
        s.isLive(phone, 1)
        _ = s.gets(s.deliver("m-1"))
        let blocked = Message.appended(Appended(outcome: .blocked, number: 0, stamp: stamp(1)))
        #expect(s.answerNewest(blocked) == [.tell(9, sent(1))])
    }
}
