// Groups at the reference client: entries, changes that are asked for until they have their answer, questions.

import ChatClient
import ClientProtocol
import Groups
import Primitives
import Testing

private func ask(_ ref: String, _ change: GroupChange, of group: UserID? = team) -> ClientAction {
    .transmit(.group(ref: MessageID(ref)!, group: group, change: change))
}

private func done(_ ref: String, number: UInt64 = 4) -> ServerFrame {
    .groupDone(ref: MessageID(ref)!, group: team, groupNumber: number, at: Stamp(microseconds: 9))
}

private func changed(_ ref: String, number: UInt64 = 4) -> ClientAction {
    .tell(.changed(ref: MessageID(ref)!, group: team, number: number, at: Stamp(microseconds: 9)))
}

@Suite struct GroupEntryTests {
    @Test func messagesAndEventsFollowTheNumberRule() {
        var s = Scene.live()
        let event = ServerFrame.groupEvent(
            number: 1, group: team, groupNumber: 1, from: bob, id: MessageID("r")!, at: .zero,
            change: .create(title: "T", users: [ana]))
        let message = ServerFrame.groupMessage(
            number: 2, group: team, groupNumber: 2, from: bob, id: MessageID("m")!, at: .zero, body: [0x61])
        #expect(s.gets(event, message) == [.tell(.entry(event)), .tell(.entry(message)), ack(2)])
        #expect(s.gets(message) == [])
        #expect(s.wait(50) == [ack(2)])
        let later = ServerFrame.groupMessage(
            number: 4, group: team, groupNumber: 3, from: bob, id: MessageID("m2")!, at: .zero, body: [])
        #expect(s.gets(later).first == .disconnect)
    }

    @Test func aGroupIsAnAddresseeLikeAnyOther() {
        var s = Scene.live()
        #expect(s.sends("a1", to: team) == [send("a1", to: team)])
        #expect(s.sends("a2", to: team) == [send("a2", to: team, after: "a1")])
        #expect(s.sends("b1") == [send("b1")])
        #expect(s.gets(sent("a1", to: team)) == [told("a1", to: team)])
        let (at, rev) = (Stamp(microseconds: 5), Stamp(microseconds: 90))
        #expect(s.gets(.delivered(with: team, at: at, rev: rev)) == [.tell(.delivered(with: team, at: at))])
        #expect(s.reads(team, 5) == [read(5, team)])
        #expect(s.gets(.noted(with: team, at: at)) == [])
        #expect(s.wait(4_000) == [])
    }

    @Test(arguments: [ErrorCode.notMember, .noSuchGroup, .notAllowed])
    func aMessageThatAGroupDoesNotTakeIsRefusedForGood(code: ErrorCode) {
        var s = Scene.live()
        _ = s.sends("a1", to: team)
        let refusal = ErrorFrame(code, "", ref: MessageID("a1")!)
        #expect(s.gets(.error(refusal)) == [.tell(.failed(id: MessageID("a1")!, refusal))])
        #expect(!s.client.hasWork)
    }

    @Test(arguments: [ErrorCode.notMember, .noSuchGroup, .readAhead])
    func aMarkThatIsRefusedIsNotRepeatedForEver(code: ErrorCode) {
        var s = Scene.live()
        _ = s.reads(team, 5)
        _ = s.reads(bob, 6)
        let other = UserID("g:other")!
        _ = s.reads(other, 7)
        let refusal = ErrorFrame(code, "", ref: team.asReference)
        #expect(s.gets(.error(refusal)) == [.tell(.refused(refusal))])
        // All other marks are still asked for; that of the group comes again with the next look.
        #expect(s.wait(5_000) == [read(6), read(7, other)])
        #expect(s.reads(team, 5) == [read(5, team)])
    }

    @Test func anErrorWithAReferenceIsAboutNoMark() {
        var s = Scene.live()
        _ = s.reads(team, 5)
        _ = s.gets(error(.notMember, "question"))
        #expect(s.wait(5_000) == [read(5, team)])
    }
}

@Suite struct GroupChangeTests {
    @Test func aChangeIsAskedForUntilItIsDone() {
        var s = Scene.live()
        #expect(s.changes("r1", .rename("T")) == [ask("r1", .rename("T"))])
        #expect(s.wait(4_999) == [])
        #expect(s.wait(1) == [ask("r1", .rename("T"))])
        #expect(s.comesBack() == [.tell(.online), ask("r1", .rename("T"))])
        #expect(s.gets(done("r1")) == [changed("r1")])
        // The answer to a repeat.
        #expect(s.gets(done("r1")) == [])
        #expect(s.wait(20_000) == [])
        #expect(!s.client.hasWork)
    }

    @Test(arguments: [ErrorCode.overloaded, .unavailable, .storageFull, .helloMissing])
    func aRefusalThatTimeHealsIsRetriedWithGrowingPauses(code: ErrorCode) {
        var s = Scene.live()
        _ = s.changes("r1", .leave)
        var base: Int64 = 250
        for _ in 0..<9 {
            let refusedAt = s.milliseconds
            #expect(s.gets(error(code, "r1")) == [])
            #expect(s.wait(base / 2 - 1) == [])
            #expect(s.waitForNext() == [ask("r1", .leave)])
            #expect(s.milliseconds - refusedAt <= base + base / 2)
            base = min(base * 2, 2_000)
            s.client.onHeard(now: s.now)
        }
        #expect(s.gets(error(code, "r1", retryMs: 1_000)) == [])
        #expect(s.wait(499) == [])
        #expect(s.wait(1_001) == [ask("r1", .leave)])
    }

    @Test(arguments: [
        ErrorCode.noSuchGroup, .notMember, .notAllowed, .groupFull, .noChange, .badUsers, .badField, .unsupported, .idConflict,
    ])
    func aRefusalForGoodIsTheEnd(code: ErrorCode) {
        var s = Scene.live()
        _ = s.changes("r1", .leave)
        let refusal = ErrorFrame(code, "", ref: MessageID("r1")!)
        #expect(s.gets(.error(refusal)) == [.tell(.changeFailed(ref: MessageID("r1")!, refusal))])
        #expect(s.wait(20_000) == [])
        #expect(!s.client.hasWork)
    }

    @Test func changesOfOneGroupKeepTheirOrder() {
        var s = Scene.live()
        #expect(s.changes("r1", .add([cem])) == [ask("r1", .add([cem]))])
        #expect(s.changes("r2", .remove([cem])) == [])
        #expect(s.changes("r3", .create(title: "A", users: []), of: nil) == [ask("r3", .create(title: "A", users: []), of: nil)])
        #expect(s.changes("r4", .create(title: "B", users: []), of: nil) == [ask("r4", .create(title: "B", users: []), of: nil)])
        let other = UserID("g:other")!
        #expect(s.changes("r5", .leave, of: other) == [ask("r5", .leave, of: other)])
        // The first waits for its retry, and the second behind it.
        #expect(s.gets(error(.overloaded, "r1", retryMs: 1_000)) == [])
        #expect(s.wait(1_500).first == ask("r1", .add([cem])))
        #expect(s.gets(done("r1")) == [changed("r1"), ask("r2", .remove([cem]))])
        #expect(s.client.memory.changes.map(\.ref.text) == ["r2", "r3", "r4", "r5"])
    }

    @Test func changesSurviveTheProcess() {
        var s = Scene()
        #expect(s.changes("r1", .create(title: "T", users: [bob]), of: nil) == [])
        #expect(s.changes("r2", .leave) == [])
        #expect(s.client.hasWork)
        var next = Scene(s.client.memory)
        _ = next.start()
        _ = next.connected()
        #expect(next.gets(welcome()) == [.tell(.online), ask("r1", .create(title: "T", users: [bob]), of: nil), ask("r2", .leave)])
        #expect(next.gets(done("r1", number: 1)) == [changed("r1", number: 1)])
        #expect(next.client.memory.changes.map(\.ref.text) == ["r2"])
    }
}

@Suite struct GroupQuestionTests {
    @Test func questionsAreAskedWhileLiveAndAnswersAreTold() {
        var s = Scene.live()
        let ref = MessageID("q")!
        s.client.requestGroupInfo(ref: ref, group: team)
        s.client.requestGroupList(ref: nil, after: team)
        s.client.requestReceipts(ref: nil, with: team, at: .zero)
        #expect(
            s.client.takeActions() == [
                .transmit(.groupInfo(ref: ref, group: team)), .transmit(.groupList(ref: nil, after: team)),
                .transmit(.receipts(ref: nil, with: team, at: .zero)),
            ])
        let info = GroupInfo(group: team, title: "T", description: "", settings: GroupSettings(), members: [])
        #expect(s.gets(.groupInfo(ref: ref, info)) == [.tell(.groupInfo(ref: ref, info))])
        let line = GroupTitle(group: team, title: "T")
        #expect(s.gets(.groupList(ref: nil, groups: [line], more: true)) == [.tell(.groupList(ref: nil, groups: [line], more: true))])
        let entry = ReceiptEntry(user: bob, delivered: .zero, read: nil)
        #expect(
            s.gets(.receipts(ref: nil, with: team, at: .zero, entries: [entry])) == [
                .tell(.receipts(ref: nil, with: team, at: .zero, entries: [entry]))
            ])
        #expect(
            s.gets(.groupCounts(group: team, at: .zero, delivered: 3, read: 1, of: 5)) == [
                .tell(.counts(group: team, at: .zero, delivered: 3, read: 1, of: 5))
            ])
        #expect(s.gets(.groupLate(group: team, at: .zero, count: 2)) == [.tell(.late(group: team, at: .zero, count: 2))])
    }

    @Test func nobodyAsksBeforeTheWelcome() {
        var s = Scene()
        s.client.requestGroupInfo(ref: nil, group: team)
        s.client.requestGroupList(ref: nil, after: nil)
        s.client.requestReceipts(ref: nil, with: team, at: .zero)
        #expect(s.client.takeActions() == [])
    }
}
