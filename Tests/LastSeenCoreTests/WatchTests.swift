// Watching: what is pushed, how often, to whom, and when it ends.

import ClientProtocol
import CoreKit
import Messages
import Primitives
import Privacy
import RPC
import Testing

@Suite struct WatchTests {
    @Test func aWatcherGetsTheStateAndThenItsChanges() {
        var s = Scene()
        #expect(s.ask(ana, 1, about: [bob], watch: true) == [answer(1, hidden(bob))])
        s.wait(.seconds(2))
        _ = s.front(bob, 7)
        #expect(s.wait(.milliseconds(100)) == [news(1, online(bob, s.at(2)))])
        s.wait(.seconds(2))
        _ = s.gone((bob, 7))
        #expect(s.wait(.seconds(1)) == [news(1, away(bob, s.at(2)))])
        #expect(s.wait(.seconds(90)) == [])
    }

    @Test func newsOfOnePersonComesOnceASecondAndTheNewestStands() {
        var s = Scene()
        _ = s.ask(ana, 1, about: [bob], watch: true)
        s.wait(.seconds(2))
        var lines: [Did] = []
        for round in 0..<20 {
            _ = s.front(bob, 7, round.isMultiple(of: 2))
            lines += s.wait(.milliseconds(100))
        }
        lines += s.wait(.seconds(2))
        #expect(lines.count <= 4)
        #expect(lines.last == news(1, away(bob, s.at(2) + .milliseconds(1_800))))
    }

    @Test func whileSomebodyIsBehindNobodyIsToldAndAfterwardsTheNewestStands() {
        var s = Scene()
        _ = s.ask(ana, 1, about: [bob], watch: true)
        s.wait(.seconds(2))
        s.core.load.onHeard(Load(.busy), from: map.nodes(of: .persistence)[0].id)
        _ = s.front(bob, 7)
        s.wait(.seconds(2))
        _ = s.gone((bob, 7))
        #expect(s.wait(.seconds(5)) == [])
        s.core.load.forget(map.nodes(of: .persistence)[0].id)
        #expect(s.wait(.seconds(2)) == [news(1, away(bob, s.at(2)))])
    }

    @Test func whileTheyAreOnlineTheirActsAreNoNews() {
        var s = Scene()
        _ = s.ask(ana, 1, about: [bob], watch: true)
        _ = s.front(bob, 7)
        s.wait(.seconds(3))
        for _ in 0..<20 {
            _ = s.acts(bob)
            #expect(s.wait(.seconds(1)) == [])
        }
    }

    @Test func aNewListTakesThePlaceOfTheOldOneAndAnEmptyOneEndsIt() {
        var s = Scene()
        _ = s.ask(ana, 1, about: [bob], watch: true)
        #expect(s.ask(ana, 1, about: [cem], watch: true) == [answer(1, hidden(cem))])
        s.wait(.seconds(2))
        _ = s.acts(bob, cem)
        #expect(s.wait(.seconds(1)) == [news(1, away(cem, s.at(2)))])
        #expect(s.ask(ana, 1, about: [], watch: true) == [answer(1)])
        _ = s.acts(bob, cem)
        #expect(s.wait(.seconds(5)) == [])
        #expect(s.metric("fantail_last_seen_watchers") == "0")
    }

    @Test func theWatchEndsWithTheConnection() {
        var s = Scene()
        _ = s.ask(ana, 1, about: [bob], watch: true)
        _ = s.ask(ana, 2, about: [bob], watch: true)
        s.wait(.seconds(2))
        _ = s.gone((ana, 1))
        _ = s.acts(bob)
        #expect(s.wait(.seconds(1)) == [news(2, away(bob, s.at(2)))])
        _ = s.gone((ana, 2))
        #expect(s.metric("fantail_last_seen_users_watched") == "0")
    }

    @Test func aWatchThatIsNotSaidAgainLapses() {
        var s = Scene()
        _ = s.ask(ana, 1, about: [bob], watch: true)
        _ = s.ask(cem, 3, about: [bob], watch: true)
        for _ in 0..<4 {
            s.wait(.seconds(60))
            _ = s.ask(cem, 3, about: [bob], watch: true)
        }
        s.wait(.seconds(2))
        _ = s.acts(bob)
        #expect(s.wait(.seconds(1)) == [news(3, away(bob, s.at(242)))])
    }

    /// The shard has taken a watcher while the end of the connection, or a shorter list, was on its way.
    @Test func aWatchThatEndsWhileItIsAskedForLeavesNothingBehind() {
        for isEndOfConnection in [true, false] {
            var s = Scene()
            s.holdsOwnCalls = true
            _ = s.ask(ana, 1, about: [bob], watch: true)
            _ = isEndOfConnection ? s.gone((ana, 1)) : s.ask(ana, 1, about: [], watch: true)
            s.holdsOwnCalls = false
            _ = s.releaseOwnCalls()
            #expect(s.metric("fantail_last_seen_watchers") == "0")
        }
    }

    @Test func hidingInTheMiddleOfAWatchShowsOneLineAndThenNothing() {
        var s = Scene()
        _ = s.ask(ana, 1, about: [bob], watch: true)
        _ = s.ask(cem, 3, about: [bob], watch: true)
        _ = s.front(bob, 7)
        s.wait(.seconds(3))
        _ = s.change(bob, 7, .set(lastSeen: .nobody, exceptions: [cem], readReceipts: nil))
        #expect(s.wait(.seconds(2)) == [news(1, hidden(bob)), news(3, online(bob, s.at(0)))])
        _ = s.front(bob, 7, false)
        #expect(s.wait(.seconds(2)) == [news(3, away(bob, s.at(0)))])
        #expect(s.ask(ana, 1, about: [bob]) == [answer(1, hidden(bob))])
        // Hiding is mutual: cem is the exception, ana is not.
        _ = s.acts(ana, cem)
        #expect(s.ask(bob, 7, about: [ana, cem]) == [answer(7, hidden(ana), away(cem, s.at(7)))])
        _ = s.change(bob, 7, .set(lastSeen: .everyone, exceptions: [], readReceipts: nil))
        #expect(s.wait(.seconds(2)).first == news(1, away(bob, s.at(0))))
    }

    @Test func whoHidesDoesNotSeeWhomTheyWatchAnyMore() {
        var s = Scene()
        _ = s.front(bob, 7)
        #expect(s.ask(ana, 1, about: [bob], watch: true) == [answer(1, online(bob, s.at(0)))])
        s.wait(.seconds(2))
        let done = s.change(ana, 1, .block(bob))
        #expect(done.contains(news(1, hidden(bob))))
        _ = s.front(bob, 7, false)
        #expect(s.wait(.seconds(5)) == [])
        #expect(s.change(ana, 1, .unblock(bob)).contains(news(1, away(bob, s.at(0)))))
        _ = s.front(bob, 7)
        #expect(s.wait(.seconds(2)) == [news(1, online(bob, s.at(7)))])
    }

    @Test func manyWatchersAreServedInRoundsOfBoundedSize() {
        var s = Scene()
        let watchers = 5_000
        for index in 0..<watchers {
            _ = s.ask(UserID("w\(index)")!, UInt64(10_000 + index), about: [bob], watch: true)
        }
        s.wait(.seconds(2))
        _ = s.acts(bob)
        var rounds: [Int] = []
        for _ in 0..<10 { rounds.append(s.wait(.milliseconds(50)).count) }
        #expect(rounds.max()! <= 1_000)
        #expect(rounds.reduce(0, +) == watchers)
        // Somebody else's watcher does not wait for all of them.
        _ = s.ask(ana, 1, about: [cem], watch: true)
        s.wait(.seconds(2))
        _ = s.acts(bob)
        _ = s.acts(cem)
        #expect(s.wait(.milliseconds(150)).contains(news(1, away(cem, s.now.stamp + .milliseconds(-150)))))
    }

    /// As many as one person may have; she comes and goes ten times a second.
    @Test func aHundredThousandWatchersCostABoundedRateOfPushes() {
        var s = Scene()
        let watcherCount = 100_000
        for index in 0..<watcherCount { _ = s.ask(UserID("w\(index)")!, UInt64(10_000 + index), about: [bob], watch: true) }
        let refused = s.ask(ana, 1, about: [bob], watch: true)
        #expect(refused.contains { if case .tell(1, .error(let error)) = $0 { error.code == .tooManyUsers } else { false } })
        s.wait(.seconds(2))
        var roundMax = 0
        var shown: [UInt64: ServerFrame] = [:]
        func round(_ s: inout Scene) {
            let pushes = s.wait(.milliseconds(50))
            roundMax = max(roundMax, pushes.count)
            for case .tell(let watcher, let frame) in pushes { shown[watcher] = frame }
        }
        for number in 0..<100 {
            if number.isMultiple(of: 2) { _ = s.front(bob, 7, number.isMultiple(of: 4)) }
            round(&s)
        }
        _ = s.front(bob, 7)
        // 20,000 a second: five seconds for everybody, and as many for what was under way.
        for _ in 0..<200 { round(&s) }
        #expect(roundMax <= 1_000)
        #expect(shown.count == watcherCount)
        #expect(
            shown.values.allSatisfy { frame in
                if case .presence(nil, let lines) = frame { lines.count == 1 && lines[0].user == bob && lines[0].isOnline } else { false }
            })
    }

    @Test func anotherShardAsksAndIsAnsweredByTheSettingsOfOurPeople() {
        var s = Scene()
        s.settings = [bob: UserSettings(blocked: [ana], revision: 1)]
        _ = s.acts(bob, cem)
        let call = RemoteCall(node: s.parser, socket: SocketID(rawValue: 3), call: 9)
        let lines = PresenceLines(items: [.hidden, .init(isOnline: false, lastSeen: s.at(0))])
        #expect(
            s.on(.requested(call, .lookUp(LookUp(viewer: ana, users: [bob, cem], watcher: nil)))) == [.answer(.presenceLines(lines))])
    }
}
