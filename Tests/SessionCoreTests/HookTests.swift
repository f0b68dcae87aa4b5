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

    @Test func aRepeatIsToldOnce() {
        var s = Scene(hasWebhooks: true)
        _ = s.arrives(1)
        _ = s.on(.flush)
        _ = s.answer(.done)
        _ = s.gets(s.deliver("m-1"))
        _ = s.answer(stored(1, .duplicate))
        #expect(s.on(.flush) == [])
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
