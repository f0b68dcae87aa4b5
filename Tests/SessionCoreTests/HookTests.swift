// Webhooks: what a backend is told of, and that it goes again until an api node has taken it. And revoked tokens, which gateways hear of.

import CoreKit
import Messages
import Primitives
import Privacy
import RPC
import Testing

@Suite struct HookTests {
    private func event(_ kind: HookEvent.Kind, _ number: UInt64) -> HookEvent {
        HookEvent(
            kind, user: bob, author: ana, chat: ana, id: MessageID("m-\(number)")!, at: stamp(number), body: Array("m-\(number)".utf8))
    }

    private func batch(_ s: Scene, _ events: HookEvent...) -> Did {
        .call(s.map.nodes(of: .api)[0].id, .hookBatch(HookBatch(events: events)))
    }

    @Test func aMessageForSomebodyAwayIsToldWhenTheTickEnds() {
        var s = Scene(hasWebhooks: true)
        #expect(s.arrives(1) == [])
        #expect(s.on(.flush) == [batch(s, event(.stored, 1), event(.offline, 1))])
        #expect(s.on(.flush) == [])
        #expect(s.answer(.done) == [])
        #expect(s.on(.flush) == [])
    }

    @Test func whoIsHereIsNotToldOf() {
        var s = Scene(hasWebhooks: true)
        s.isLive()
        _ = s.on(.flush)
        #expect(s.arrives(1) == [.tell(1, message(1))])
        #expect(s.on(.flush) == [batch(s, event(.stored, 1))])
    }

    /// Its first answer was lost perhaps, and this shard never knew that it is stored. The event bears the same stamp, hence the same id.
    @Test func aRepeatOfAFreshMessageIsToldAgain() {
        var s = Scene(hasWebhooks: true)
        _ = s.wait(100_000)
        _ = s.gets(s.deliver("m-1"))
        _ = s.refuse(.timedOut)
        #expect(s.on(.flush) == [])
        _ = s.gets(s.deliver("m-1"))
        _ = s.answer(.appended(Appended(outcome: .duplicate, number: 1, stamp: s.now.stamp)))
        let fresh = { HookEvent($0, user: bob, author: ana, chat: ana, id: MessageID("m-1")!, at: s.now.stamp, body: Array("m-1".utf8)) }
        #expect(s.on(.flush) == [batch(s, fresh(.stored), fresh(.offline))])
    }

    @Test func aRepeatOfAnOldMessageWakesNobody() {
        var s = Scene(hasWebhooks: true)
        _ = s.wait(100_000)
        let old = Stamp(microseconds: s.now.stamp.microseconds - 60_000_000)
        _ = s.gets(s.deliver("m-1"))
        _ = s.answer(.appended(Appended(outcome: .duplicate, number: 1, stamp: old)))
        #expect(s.on(.flush) == [])
    }

    @Test func whoIsOnlyComingIsNotHereYet() {
        var s = Scene(hasWebhooks: true)
        _ = s.gets(s.hello(s.origin()))
        _ = s.gets(s.deliver("m-1"))
        _ = s.answerNewest(stored(1))
        #expect(s.on(.flush) == [batch(s, event(.stored, 1), event(.offline, 1))])
    }

    @Test func whatWasNotTakenGoesAgainWithWhatCameSince() {
        var s = Scene(hasWebhooks: true)
        _ = s.arrives(1)
        _ = s.on(.flush)
        _ = s.refuse(.storageFull)
        _ = s.arrives(2)
        #expect(s.on(.flush) == [])
        _ = s.wait(1_000)
        #expect(s.on(.flush) == [batch(s, event(.stored, 1), event(.offline, 1), event(.stored, 2), event(.offline, 2))])
    }

    @Test func whatADeadConnectionHeldIsToldWhenItEnds() {
        var s = Scene(hasWebhooks: true)
        s.isLive()
        _ = s.arrives(1)
        _ = s.on(.flush)
        _ = s.answer(.done)
        _ = s.gets(.detach(Detach(user: bob, connection: ConnectionID(rawValue: 1))), from: s.gateway)
        let waiting = HookEvent(.waiting, user: bob, author: bob, chat: bob, at: stamp(1), count: 1)
        #expect(s.on(.flush) == [s.departed(bob, 1), batch(s, waiting)])
    }

    @Test func withoutWebhooksNothingGathers() {
        var s = Scene()
        _ = s.arrives(1)
        #expect(s.on(.flush) == [])
    }

    // MARK: Revoked tokens

    private func rule(_ s: Scene, _ connection: UInt64) -> Did {
        .send(s.gateway, .tokenRule(TokenRule(connection: ConnectionID(rawValue: connection), before: Stamp(microseconds: 5))))
    }

    @Test func aGatewayHearsWhichTokensHoldBeforeItLetsAnythingThrough() {
        var s = Scene()
        _ = s.gets(s.hello(s.origin()))
        guard case .deviceOpened(var answer) = opened() else { return #expect(Bool(false)) }
        answer.settings = UserSettings(revokedBefore: Stamp(microseconds: 5), revision: 1)
        #expect(s.answer(.deviceOpened(answer)) == [rule(s, 1), .attached(1, hasSiblings: false), .tell(1, welcome())])
    }

    /// Otherwise whoever has stolen one could put its owner out for ever.
    @Test func aRevokedTokenPutsNobodyOut() {
        var s = Scene()
        s.isLive()
        let settings = UserSettings(revokedBefore: Stamp(microseconds: 5), revision: 1)
        let call = RemoteCall(node: s.map.nodes(of: .lastSeen)[0].id, socket: SocketID(rawValue: 3), call: 4)
        _ = s.on(.requested(call, .settingsNews(SettingsNews(owner: bob, settings: settings, author: nil))))
        func comes(_ connection: UInt64, _ issuedAt: Int64) -> [Did] {
            let origin = Origin(
                gateway: s.gateway, connection: ConnectionID(rawValue: connection), user: bob, device: phone, encoding: .json, isAttached: false,
                hasSiblings: false, issuedAt: Stamp(microseconds: issuedAt))
            return s.gets(s.hello(origin))
        }
        #expect(comes(2, 4) == [.close(2, 4001)])
        #expect(comes(3, 0) == [.close(3, 4001)])
        #expect(comes(4, 5).first == .close(1, 4003))
    }

    /// The store knows of it before we do: nothing is welcomed, and what it claims to have counts for nothing.
    @Test func aRevokedTokenIsNotLetInBeforeTheShardHasHeard() {
        var s = Scene()
        let origin = Origin(
            gateway: s.gateway, connection: ConnectionID(rawValue: 1), user: bob, device: phone, encoding: .json, isAttached: false,
            hasSiblings: false, issuedAt: Stamp(microseconds: 4))
        #expect(s.gets(s.hello(origin, cursor: 7)) == [s.open(cursor: 7, issuedAt: Stamp(microseconds: 4))])
        guard case .deviceOpened(var answer) = opened() else { return #expect(Bool(false)) }
        answer.outcome = .revoked
        #expect(s.answer(.deviceOpened(answer)) == [.close(1, 4001)])
        #expect(s.wait(60_000) == [])
    }

    /// Its cursor would make the device known again, behind what was erased.
    @Test func whatAGoneDeviceHadAcknowledgedIsForgottenWithItsToken() {
        var s = Scene()
        s.isLive()
        _ = s.arrives(1)
        _ = s.gets(s.ack(1))
        _ = s.gets(.detach(Detach(user: bob, connection: ConnectionID(rawValue: 1))), from: s.gateway)
        let settings = UserSettings(revokedBefore: Stamp(microseconds: 5), revision: 1)
        let call = RemoteCall(node: s.map.nodes(of: .lastSeen)[0].id, socket: SocketID(rawValue: 3), call: 4)
        #expect(s.on(.requested(call, .settingsNews(SettingsNews(owner: bob, settings: settings, author: nil)))) == [.answer(4, .done)])
        #expect(s.wait(60_000) == [])
    }

    @Test func whoeverIsHereIsJudgedAnew() {
        var s = Scene()
        s.isLive()
        let settings = UserSettings(revokedBefore: Stamp(microseconds: 5), revision: 1)
        let news = SettingsNews(owner: bob, settings: settings, author: nil)
        let call = RemoteCall(node: s.map.nodes(of: .lastSeen)[0].id, socket: SocketID(rawValue: 3), call: 4)
        let done = s.on(.requested(call, .settingsNews(news)))
        #expect(done.prefix(2) == [.answer(4, .done), rule(s, 1)])
    }
}
