// Settings: stored, then told to everybody who acts by them, then answered.

import ClientProtocol
import CoreKit
import Messages
import Primitives
import Privacy
import RPC
import Testing

@Suite struct SettingsTests {
    private let ref = MessageID("s")!

    @Test func aChangeIsToldToEveryShardBeforeItIsAnswered() {
        var s = Scene()
        let new = UserSettings(blocked: [bob], revision: 1)
        let news = SettingsNews(owner: ana, settings: new, author: s.place(1))
        let told = map.nodes(of: .session).map(\.id).sorted().map { Did.call($0, .settingsNews(news)) }
        #expect(s.change(ana, 1, .block(bob)) == told + [.tell(1, .settings(ref: ref, new))])
    }

    @Test func aQuestionTellsNobody() {
        var s = Scene()
        #expect(s.change(ana, 1, .question) == [.tell(1, .settings(ref: ref, UserSettings()))])
    }

    /// Whoever stored it first may have died before anybody was told.
    @Test func aRepeatIsToldLikeTheFirst() {
        var s = Scene()
        let first = s.change(ana, 1, .block(bob))
        #expect(s.change(ana, 1, .block(bob)) == first)
    }

    /// Found by simulate --seed 120.
    @Test func aChangeWhoseAnswerWasLostIsLookedAfter() {
        var s = Scene()
        s.storeIsAway = true
        _ = s.change(ana, 1, .block(bob))
        // It was stored all the same.
        s.settings[ana] = UserSettings(blocked: [bob], revision: 1)
        #expect(s.wait(.seconds(1)) == [])
        s.storeIsAway = false
        let news = SettingsNews(owner: ana, settings: s.settings[ana]!, author: nil)
        #expect(s.wait(.seconds(1)) == map.nodes(of: .session).map(\.id).sorted().map { .call($0, .settingsNews(news)) })
        #expect(s.wait(.seconds(10)) == [])
        #expect(s.ask(bob, 2, about: [ana]) == [answer(2, hidden(ana))])
    }

    @Test func aFullListIsAnsweredAsSuch() {
        var s = Scene()
        let full = (0..<PrivacyLimits.blockCountMax).map { UserID("u\(10_000 + $0)")! }
        s.settings[ana] = UserSettings(blocked: full, revision: 3)
        guard case .tell(1, .error(let error)) = s.change(ana, 1, .block(bob)).first else { return #expect(Bool(false), "no error") }
        #expect(error.code == .tooManyUsers)
        #expect(error.ref == ref)
    }

    @Test func aStoreThatIsAwayIsSaidAndNothingChanges() {
        var s = Scene()
        s.storeIsAway = true
        guard case .tell(1, .error(let error)) = s.change(ana, 1, .block(bob)).first else { return #expect(Bool(false), "no error") }
        #expect(error.code == .unavailable)
        #expect(error.retryMs != nil)
    }

    @Test func aShardThatWasAwayHearsOfItWhenItIsBack() {
        var s = Scene()
        _ = s.on(.peerDown(s.session))
        let done = s.change(ana, 1, .block(bob))
        let new = UserSettings(blocked: [bob], revision: 1)
        #expect(done.last == .tell(1, .settings(ref: ref, new)))
        #expect(!done.contains { if case .call(s.session, _) = $0 { true } else { false } })
        let late = SettingsNews(owner: ana, settings: new, author: nil)
        #expect(s.on(.peerUp(s.session)) == [.call(s.session, .settingsNews(late))])
        _ = s.on(.peerDown(s.session))
        #expect(s.on(.peerUp(s.session)) == [])
    }

    /// A link that is full refuses although it is up: then nobody comes back who would be told.
    @Test func aShardThatRefusedHearsOfItInASecond() {
        var s = Scene()
        s.refusesNews = true
        let done = s.change(ana, 1, .block(bob))
        let new = UserSettings(blocked: [bob], revision: 1)
        #expect(done.last == .tell(1, .settings(ref: ref, new)))
        s.refusesNews = false
        let late = SettingsNews(owner: ana, settings: new, author: nil)
        #expect(s.wait(.seconds(1)).contains(.call(s.session, .settingsNews(late))))
        #expect(s.wait(.seconds(5)) == [])
    }

    /// Neither what waits to be stored nor what is remembered outlives it.
    @Test func whoIsErasedWasNeverHere() {
        var s = Scene()
        _ = s.acts(ana, bob)
        #expect(s.ask(bob, 2, about: [ana]) == [answer(2, away(ana, s.at(0)))])
        // Revocations are nothing that a client is shown.
        #expect(s.change(ana, 1, .erase(before: s.at(0))).last == .tell(1, .settings(ref: ref, UserSettings(revision: 1))))
        _ = s.wait(.seconds(60))
        #expect(s.stored.flatMap(\.items).map(\.user) == [bob])
        #expect(s.ask(bob, 2, about: [ana]) == [answer(2, hidden(ana))])
        // What they do from now on counts as ever.
        _ = s.acts(ana)
        _ = s.wait(.seconds(60))
        #expect(s.stored.last?.items.map(\.user) == [ana])
    }

    @Test func olderNewsDoesNotOverwriteNewer() {
        var s = Scene()
        _ = s.acts(bob)
        s.settings[bob] = UserSettings(lastSeen: .nobody, revision: 5)
        #expect(s.ask(ana, 1, about: [bob]) == [answer(1, hidden(bob))])
        let old = SettingsNews(owner: bob, settings: UserSettings(revision: 4), author: nil)
        let call = RemoteCall(node: s.parser, socket: SocketID(rawValue: 3), call: 9)
        #expect(s.on(.requested(call, .settingsNews(old))) == [.answer(.done)])
        #expect(s.ask(ana, 1, about: [bob]) == [answer(1, hidden(bob))])
    }
}
