// Typing at the reference client: what keys let others know, and how long others are shown to type.

import ChatClient
import ClientProtocol
import Groups
import Primitives
import Testing

private func says(_ isOn: Bool, to peer: UserID = bob) -> ClientAction { .transmit(.typing(to: peer, isOn: isOn)) }

private func hears(_ isOn: Bool, from author: UserID = bob, in group: UserID? = nil) -> ServerFrame {
    .typing(from: author, group: group, isOn: isOn)
}

private func shows(_ isOn: Bool, from author: UserID = bob, in group: UserID? = nil) -> ClientAction {
    .tell(.typing(from: author, group: group, isOn: isOn))
}

extension Scene {
    fileprivate mutating func types(to peer: UserID = bob) -> [ClientAction] {
        client.type(to: peer, now: now)
        return client.takeActions()
    }

    fileprivate mutating func stops() -> [ClientAction] {
        client.stopTyping(now: now)
        return client.takeActions()
    }
}

@Suite struct OwnTypingTests {
    @Test func keysAreSaidEveryThreeSeconds() {
        var s = Scene.live()
        var signs: [ClientAction] = []
        for _ in 0..<70 {
            signs += s.types()
            #expect(s.wait(100) == [])
        }
        #expect(signs == [says(true), says(true), says(true)])
    }

    @Test func whoeverErasesEverythingHasStopped() {
        var s = Scene.live()
        #expect(s.types() == [says(true)])
        #expect(s.stops() == [says(false)])
        #expect(s.stops() == [])
        #expect(s.types() == [says(true)])
    }

    @Test func aMessageEndsItWithoutAWord() {
        var s = Scene.live()
        _ = s.types()
        #expect(s.sends("a1") == [send("a1")])
        #expect(s.stops() == [])
        #expect(s.types() == [says(true)])
    }

    @Test func inAnotherChatItBeginsAnew() {
        var s = Scene.live()
        _ = s.types()
        #expect(s.types(to: team) == [says(false), says(true, to: team)])
    }

    @Test func whatNobodySeesAnyMoreIsNotEnded() {
        var s = Scene.live()
        _ = s.types()
        #expect(s.wait(6_000) == [])
        #expect(s.stops() == [])
    }

    @Test func offlineNothingIsSaidAndNothingIsSaidLater() {
        var s = Scene()
        _ = s.start()
        #expect(s.types() == [])
        _ = s.connected()
        #expect(s.gets(welcome()) == [.tell(.online)])
        #expect(s.types() == [says(true)])
        #expect(s.comesBack() == [.tell(.online)])
        #expect(s.stops() == [])
    }
}

@Suite struct OthersTypingTests {
    @Test func itIsShownUntilItsAuthorStops() {
        var s = Scene.live()
        #expect(s.gets(hears(true)) == [shows(true)])
        #expect(s.gets(hears(true)) == [])
        #expect(s.gets(hears(false)) == [shows(false)])
        #expect(s.gets(hears(false)) == [])
    }

    @Test func withoutAnotherWordItIsOverAfterSixSeconds() {
        var s = Scene.live()
        _ = s.gets(hears(true))
        #expect(s.wait(3_000) == [])
        #expect(s.gets(hears(true), hears(true, from: cem, in: team)) == [shows(true, from: cem, in: team)])
        #expect(s.wait(5_999) == [])
        #expect(s.wait(1) == [shows(false), shows(false, from: cem, in: team)])
    }

    @Test func whatWasWrittenEndsIt() {
        var s = Scene.live()
        let inTeam = ServerFrame.groupMessage(
            number: 2, group: team, groupNumber: 1, from: bob, id: MessageID("m")!, at: .zero, body: [])
        _ = s.gets(hears(true), hears(true, in: team), hears(true, from: cem))
        // Each in its own chat.
        #expect(s.gets(entry(1)) == [shows(false), .tell(.entry(entry(1))), ack(1)])
        #expect(s.gets(inTeam) == [shows(false, in: team), .tell(.entry(inTeam))])
        #expect(s.wait(6_000) == [ack(2), shows(false, from: cem)])
    }

    @Test func whoeverIsOfflineSeesNobodyType() {
        var s = Scene.live()
        _ = s.gets(hears(true))
        #expect(s.disconnected().first == shows(false))
    }
}
