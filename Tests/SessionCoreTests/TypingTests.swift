// Who writes to whom just now: shown to who is there, merged, forgotten.

import ClientProtocol
import CoreKit
import Messages
import Primitives
import Privacy
import RPC
import Testing

@Suite struct TypingTests {
    private func typing(_ s: Scene, _ isOn: Bool = true, from author: UserID = ana) -> Message {
        .typing(Typing(origin: s.origin(author, phone, 9), to: bob, isOn: isOn))
    }

    private func shown(_ isOn: Bool = true, _ author: UserID = ana, at connection: UInt64 = 1) -> Did {
        .tell(connection, .typing(from: author, group: nil, isOn: isOn))
    }

    @Test func itIsShownOnEveryDeviceAndNothingIsStored() {
        var s = Scene()
        s.isLive(phone, 1, devices: 2)
        s.isLive(laptop, 2, devices: 2)
        #expect(s.gets(typing(s)) == [shown(), shown(at: 2)])
        #expect(s.gets(typing(s, false)) == [shown(false), shown(false, at: 2)])
        #expect(s.callCount == 0)
    }

    @Test func forSomebodyAwayItIsNothing() {
        var s = Scene()
        #expect(s.gets(typing(s)) == [])
        s.isLive()
        #expect(s.wait(1) == [])
    }

    @Test func aDeviceThatCatchesUpIsNotToldOfIt() {
        var s = Scene()
        s.isLive(head: 3)
        #expect(s.gets(typing(s)) == [])
        // A device of hers that has everything is.
        s.isLive(laptop, 2, cursor: 3, head: 3, devices: 2)
        #expect(s.gets(typing(s)) == [shown(at: 2)])
    }

    @Test func aConnectionThatHasEndedIsNotToldOfIt() {
        var s = Scene()
        s.isLive()
        _ = s.gets(.detach(Detach(user: bob, connection: ConnectionID(rawValue: 1))), from: s.gateway)
        #expect(s.gets(typing(s)) == [])
    }

    @Test func repeatsOfAnHonestClientKeepItAlive() {
        var s = Scene()
        s.isLive()
        for _ in 1...3 {
            #expect(s.gets(typing(s)) == [shown()])
            #expect(s.wait(3_000) == [])
        }
    }

    @Test func aFloodIsOneSignInTwoSeconds() {
        var s = Scene()
        s.isLive()
        var count = 0
        for _ in 0..<1_000 {
            count += s.gets(typing(s)).count
            _ = s.wait(10)
        }
        #expect(count == 5)
    }

    @Test func whoeverCannotDecideIsToldOnceInTwoSecondsEachWay() {
        var s = Scene()
        s.isLive()
        var signs: [Did] = []
        for step in 0..<100 {
            signs += s.gets(typing(s, step % 2 == 0))
            _ = s.wait(10)
        }
        #expect(signs == [shown(), shown(false)])
    }

    @Test func anEndWithoutABeginningIsNothing() {
        var s = Scene()
        s.isLive()
        #expect(s.gets(typing(s, false)) == [])
        #expect(s.gets(typing(s)) == [shown()])
        #expect(s.wait(6_000) == [])
        // Devices have forgotten it by now.
        #expect(s.gets(typing(s, false)) == [])
    }

    @Test func whoeverHasWrittenMayBeginAgainAtOnce() {
        var s = Scene()
        s.isLive()
        #expect(s.gets(typing(s)) == [shown()])
        #expect(s.arrives(1) == [.tell(1, message(1))])
        #expect(s.gets(typing(s)) == [shown()])
        // The message has ended the first; this ends the second.
        #expect(s.gets(typing(s, false)) == [shown(false)])
    }

    @Test func sixteenAreShownAtOnceAndNoMore() {
        var s = Scene()
        s.isLive()
        let authors = (0..<20).map { UserID("a\($0)")! }
        let signs = authors.flatMap { s.gets(typing(s, from: $0)) }
        #expect(signs == authors.prefix(16).map { shown(true, $0) })
        #expect(s.wait(6_000) == [])
        // Their time is over: others get their turn.
        #expect(s.gets(typing(s, from: authors[19])) == [shown(true, authors[19])])
    }

    @Test func whoeverIsBlockedTypesToNobody() {
        var s = Scene()
        _ = s.gets(s.hello(s.origin(), cursor: 0))
        let opened = DeviceOpened(
            outcome: .opened, cursor: 0, head: 0, headStamp: .zero, delivered: 0, revision: .zero, deviceCount: 1,
            settings: UserSettings(blocked: [ana], revision: 1))
        _ = s.answer(.deviceOpened(opened))
        #expect(s.gets(typing(s)) == [])
        #expect(s.gets(typing(s, from: cem)) == [shown(true, cem)])
        // In a group they are members like any other.
        #expect(s.gets(inTeam([bob]), from: s.shard()) == [.tell(1, .typing(from: ana, group: team, isOn: true))])
    }

    // MARK: In groups

    private func inTeam(_ recipients: [UserID], isOn: Bool = true) -> Message {
        .groupTyping(GroupTyping(group: team, author: ana, isOn: isOn, recipients: recipients))
    }

    @Test func aGroupsShardSaysWhoSeesIt() {
        var s = Scene()
        s.isLive()
        let sign = ServerFrame.typing(from: ana, group: team, isOn: true)
        #expect(s.gets(inTeam([bob, cem]), from: s.shard()) == [.tell(1, sign)])
        #expect(s.gets(inTeam([cem]), from: s.shard()) == [])
        #expect(s.gets(inTeam([bob], isOn: false), from: s.shard()) == [.tell(1, .typing(from: ana, group: team, isOn: false))])
    }

    @Test func inAGroupToNobodyWhoCatchesUpIsItShown() {
        var s = Scene()
        s.isLive(head: 3)
        #expect(s.gets(inTeam([bob]), from: s.shard()) == [])
    }
}
