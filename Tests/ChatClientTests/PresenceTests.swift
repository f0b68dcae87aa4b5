// Presence at the reference client: a person's acts and an app's are told apart, and who is watched stays watched.

import ChatClient
import ClientProtocol
import Primitives
import Privacy
import Testing

private let isActive = ClientAction.transmit(.active(on: true))

private func watches(_ number: Int, _ users: UserID...) -> ClientAction {
    .transmit(.presenceWatch(ref: MessageID("watch-\(number)")!, users: users))
}

extension Scene {
    fileprivate mutating func comesToFront(_ isInFront: Bool = true) -> [ClientAction] {
        client.setInFront(isInFront, now: now)
        return client.takeActions()
    }

    fileprivate mutating func starts(_ watched: [UserID]) -> [ClientAction] {
        client.watch(watched, now: now)
        return client.takeActions()
    }

    fileprivate mutating func acts() -> [ClientAction] {
        client.act(now)
        return client.takeActions()
    }
}

@Suite struct ActiveTests {
    @Test func whoeverOpensTheAppIsActiveAndThenAtMostEveryTwentySeconds() {
        var s = Scene.live()
        #expect(s.comesToFront() == [isActive])
        #expect(s.wait(19_999) == [])
        #expect(s.acts() == [])
        #expect(s.wait(1) == [])
        #expect(s.acts() == [isActive])
        // Who does nothing is not active: the app says nothing by itself.
        #expect(s.wait(60_000) == [])
    }

    @Test func whatIsWrittenCountsByItself() {
        var s = Scene.live()
        _ = s.comesToFront()
        _ = s.wait(20_000)
        #expect(s.sends("a1") == [isActive, send("a1")])
        _ = s.gets(sent("a1"))
        _ = s.wait(20_000)
        s.client.type(to: bob, now: s.now)
        #expect(s.client.takeActions() == [isActive, .transmit(.typing(to: bob, isOn: true))])
    }

    @Test func anAppThatIsNotInFrontIsNeverActive() {
        var s = Scene.live()
        #expect(s.acts() == [])
        #expect(s.sends("a1") == [send("a1")])
        #expect(s.comesToFront(false) == [])
        _ = s.comesToFront()
        #expect(s.comesToFront(false) == [.transmit(.active(on: false))])
    }

    @Test func aReconnectIsNoAct() {
        var s = Scene.live()
        _ = s.comesToFront()
        _ = s.wait(20_000)
        #expect(s.comesBack() == [.tell(.online)])
        #expect(s.acts() == [isActive])
        // Who did something a moment ago is told of at once.
        #expect(s.comesBack() == [.tell(.online), isActive])
    }

    @Test func whoeverOpensTheAppBeforeItIsConnectedIsActiveWhenItIs() {
        var s = Scene()
        #expect(s.comesToFront() == [])
        _ = s.start()
        _ = s.connected()
        #expect(s.gets(welcome()) == [.tell(.online), isActive])
    }
}

@Suite struct AutoTests {
    private func autos(_ actions: [ClientAction]) -> [Bool] {
        actions.compactMap { action in
            switch action {
            case .transmit(.send(_, _, _, _, let isAuto)), .transmit(.read(_, _, let isAuto)): isAuto
            default: nil
            }
        }
    }

    @Test func whatIsSentAtOnceIsAPersonsAct() {
        var s = Scene.live()
        s.client.send(id: MessageID("a1")!, to: bob, body: [], now: s.now)
        s.client.markRead(with: bob, at: Stamp(microseconds: 5), now: s.now)
        #expect(autos(s.client.takeActions()) == [false, false])
    }

    @Test func whatIsRepeatedIsNot() {
        var s = Scene.live()
        _ = s.sends("a1")
        _ = s.reads(bob, 5)
        s.client.onDeadline(now: Instant(nanoseconds: 5_000_000_000))
        #expect(autos(s.client.takeActions()) == [true, true])
    }

    @Test func whatWasWrittenOfflineIsSentByTheApp() {
        var s = Scene()
        _ = s.sends("a1")
        _ = s.start()
        _ = s.connected()
        s.client.onFrame(welcome(), now: s.now)
        #expect(autos(s.client.takeActions()) == [true])
    }

    @Test func whatAReconnectBringsAgainIsSentByTheApp() {
        var s = Scene.live()
        _ = s.sends("a1")
        _ = s.disconnected()
        _ = s.waitForNext()
        _ = s.connected()
        s.client.onFrame(welcome(), now: s.now)
        #expect(autos(s.client.takeActions()) == [true])
    }
}

@Suite struct WatchTests {
    @Test func whoIsWatchedIsWatchedAfterAReconnect() {
        var s = Scene.live()
        #expect(s.starts([bob, cem]) == [watches(1, bob, cem)])
        #expect(s.comesBack() == [.tell(.online), watches(2, bob, cem)])
        #expect(s.starts([]) == [watches(3)])
        #expect(s.wait(80_000) == [])
        #expect(s.comesBack() == [.tell(.online)])
    }

    @Test func itIsSaidAgainUntilItIsAnsweredAndThenOnceAMinute() {
        var s = Scene.live()
        _ = s.starts([bob])
        #expect(s.wait(5_000) == [watches(2, bob)])
        let lines = [PresenceLine(user: bob, isOnline: true, lastSeen: nil)]
        // For the person the answer is news like any other. That of the first request comes late, and changes nothing.
        #expect(s.gets(.presence(ref: MessageID("watch-2")!, users: lines)) == [.tell(.presence(ref: nil, lines))])
        #expect(s.gets(.presence(ref: MessageID("watch-1")!, users: lines)) == [.tell(.presence(ref: MessageID("watch-1")!, lines))])
        #expect(s.wait(59_999) == [])
        #expect(s.wait(1) == [watches(3, bob)])
    }

    @Test func aBusyClusterIsAskedAgainAndAFullOneIsTold() {
        var s = Scene.live()
        _ = s.starts([bob])
        #expect(s.gets(error(.unavailable, "watch-1", retryMs: 1_000)) == [])
        #expect(s.wait(1_500) == [watches(2, bob)])
        let full = ErrorFrame(.tooManyUsers, "", ref: MessageID("watch-2")!)
        #expect(s.gets(.error(full)) == [.tell(.refused(full))])
    }

    @Test func presenceIsToldAsItComes() {
        var s = Scene.live()
        let lines = [PresenceLine(user: bob, isOnline: true, lastSeen: .zero)]
        #expect(s.gets(.presence(ref: nil, users: lines)) == [.tell(.presence(ref: nil, lines))])
        s.client.requestPresence(ref: MessageID("p")!, of: [bob])
        #expect(s.client.takeActions() == [.transmit(.presence(ref: MessageID("p")!, users: [bob]))])
    }

    @Test func offlineNothingIsAsked() {
        var s = Scene()
        s.client.watch([bob], now: s.now)
        s.client.requestPresence(ref: nil, of: [bob])
        s.client.changeSettings(ref: nil, lastSeen: .nobody)
        s.client.block(ref: nil, bob, isOn: true)
        #expect(s.client.takeActions() == [])
    }
}

@Suite struct SettingsTests {
    @Test func aChangeIsAskedForAndItsAnswerTold() {
        var s = Scene.live()
        let ref = MessageID("s")!
        s.client.changeSettings(ref: ref, lastSeen: .nobody, exceptions: [bob])
        s.client.block(ref: ref, cem, isOn: true)
        #expect(
            s.client.takeActions() == [
                .transmit(.settings(ref: ref, lastSeen: .nobody, exceptions: [bob], readReceipts: nil)),
                .transmit(.block(ref: ref, user: cem, on: true)),
            ])
        let settings = UserSettings(lastSeen: .nobody, exceptions: [bob], revision: 1)
        #expect(s.gets(.settings(ref: ref, settings)) == [.tell(.settings(ref: ref, settings))])
    }

    @Test func newsOfAnotherDeviceThatComesLateIsPassedOver() {
        var s = Scene.live()
        let (old, new) = (UserSettings(revision: 1), UserSettings(revision: 2))
        #expect(s.gets(.settings(ref: nil, new)) == [.tell(.settings(ref: nil, new))])
        #expect(s.gets(.settings(ref: nil, old)) == [])
        // An answer is an answer.
        let ref = MessageID("s")!
        #expect(s.gets(.settings(ref: ref, new)) == [.tell(.settings(ref: ref, new))])
    }
}
