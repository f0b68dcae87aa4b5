// When people were here, and who is: facts of parsers and session shards in, answers to questions out.

import ClientProtocol
import CoreKit
import Messages
import Primitives
import Privacy
import Testing

@Suite struct PresenceTests {
    @Test func somebodyWhoActedHasALastSeenAndIsNotOnline() {
        var s = Scene()
        #expect(s.acts(bob) == [])
        s.wait(.seconds(10))
        #expect(s.ask(ana, 1, about: [bob, cem]) == [answer(1, away(bob, s.at(0)), hidden(cem))])
    }

    @Test func anAppInFrontIsOnlineUntilNothingWasDoneForTheThreshold() {
        var s = Scene()
        #expect(s.front(bob, 7) == [])
        s.wait(.seconds(20))
        #expect(s.ask(ana, 1, about: [bob]) == [answer(1, online(bob, s.at(0)))])
        // Writing counts as being there, too.
        #expect(s.acts(bob) == [])
        s.wait(.seconds(29))
        #expect(s.ask(ana, 1, about: [bob]) == [answer(1, online(bob, s.at(20)))])
        s.wait(.seconds(2))
        #expect(s.ask(ana, 1, about: [bob]) == [answer(1, away(bob, s.at(20)))])
        // An act without `active` says nothing of an app in front.
        #expect(s.acts(bob) == [])
        #expect(s.ask(ana, 1, about: [bob]) == [answer(1, away(bob, s.at(51)))])
    }

    @Test func theBackgroundAndTheEndOfTheConnectionEndIt() {
        var s = Scene()
        _ = s.front(bob, 7)
        _ = s.front(bob, 8)
        _ = s.front(bob, 7, false)
        #expect(s.ask(ana, 1, about: [bob]) == [answer(1, online(bob, s.at(0)))])
        _ = s.gone((bob, 9))
        #expect(s.ask(ana, 1, about: [bob]) == [answer(1, online(bob, s.at(0)))])
        _ = s.gone((bob, 8))
        #expect(s.ask(ana, 1, about: [bob]) == [answer(1, away(bob, s.at(0)))])
    }

    @Test func aStampOfTheFutureCountsAsNow() {
        var s = Scene()
        _ = s.on(.received(s.parser, .activity(SeenBatch(items: [.init(user: bob, at: s.at(5_000))]))))
        #expect(s.ask(ana, 1, about: [bob]) == [answer(1, away(bob, s.at(0)))])
        _ = s.on(.received(s.parser, .appFront(AppFront(user: bob, place: s.place(7), isInFront: true, at: .max))))
        s.wait(.seconds(31))
        #expect(s.ask(ana, 1, about: [bob]) == [answer(1, away(bob, s.at(0)))])
    }

    @Test func oneselfIsAnsweredAndTwiceIsOnce() {
        var s = Scene()
        _ = s.front(ana, 1)
        _ = s.change(ana, 1, .set(lastSeen: .nobody, exceptions: nil, readReceipts: nil))
        #expect(s.ask(ana, 1, about: [ana, bob, ana]) == [answer(1, online(ana, s.at(0)), hidden(bob))])
        #expect(s.ask(ana, 1, about: [], watch: true) == [answer(1)])
    }

    @Test func whatIsNotInMemoryIsReadAndTheNewerStampStands() {
        var s = Scene()
        s.stamps = [bob: s.at(-500), cem: s.at(-7)]
        _ = s.acts(bob)
        #expect(s.ask(ana, 1, about: [bob, cem]) == [answer(1, away(bob, s.at(0)), away(cem, s.at(-7)))])
    }

    @Test func stampsAreStoredOnceInAWhileAndAgainWhenThatFailed() {
        var s = Scene()
        for _ in 0..<4 {
            _ = s.acts(ana, bob)
            s.wait(.seconds(1))
        }
        #expect(s.stored == [])
        s.storeIsAway = true
        s.wait(.seconds(2))
        #expect(s.stored == [])
        #expect(s.metric("fantail_last_seen_users_unsaved") == "2")
        s.storeIsAway = false
        s.wait(.seconds(5))
        let items = s.stored.flatMap(\.items).sorted { $0.user < $1.user }
        #expect(items == [.init(user: ana, at: s.at(3)), .init(user: bob, at: s.at(3))])
        // What is stored is not stored again.
        s.wait(.seconds(60))
        #expect(s.stored.flatMap(\.items).count == 2)
    }

    @Test func withoutAStoreAQuestionIsAnsweredUnavailable() {
        var s = Scene()
        s.storeIsAway = true
        guard case .tell(1, .error(let error)) = s.ask(ana, 1, about: [bob]).first else { return #expect(Bool(false), "no error") }
        #expect(error.code == .unavailable)
        #expect(error.ref == MessageID("r")!)
        s.storeIsAway = false
        #expect(s.ask(ana, 1, about: [bob]) == [answer(1, hidden(bob))])
    }

    @Test func aMassDisconnectIsOneMessageAndNobodysLastSeen() {
        var s = Scene()
        let people = (0..<1_000).map { UserID("user-\($0)")! }
        for (index, user) in people.enumerated() { _ = s.front(user, UInt64(1_000 + index)) }
        s.wait(.seconds(6))
        let rows = s.stored.flatMap(\.items).count
        let gone = PresenceGone(items: people.enumerated().map { .init(user: $1, place: s.place(UInt64(1_000 + $0))) })
        #expect(s.on(.received(s.session, .presenceGone(gone))) == [])
        #expect(s.metric("fantail_last_seen_users_online") == "0")
        s.wait(.seconds(6))
        #expect(s.stored.flatMap(\.items).count == rows)
        #expect(s.ask(ana, 1, about: [people[7]]) == [answer(1, away(people[7], s.at(0)))])
    }
}
