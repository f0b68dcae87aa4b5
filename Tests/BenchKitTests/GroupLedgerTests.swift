// Every line of the verdict on groups must be able to break, the one order of all members above all.

import BenchKit
import ChatClient
import ClientProtocol
import Groups
import Primitives
import Testing

/// Two groups of three, two authors in each: users 0, 1 and 2, of whom 0 and 1 write, and 3, 4 and 5.
struct GroupScene {
    var ledger: GroupLedger
    var now = Instant(nanoseconds: 1_000_000_000)
    private var clock: Int64 = 1_000

    init() {
        ledger = GroupLedger(
            mark: MessageMark(random: 21, bodyBytes: 60), shape: GroupShape(groupCount: 2, memberCount: 3, authorCount: 2))
        for member in 0..<6 { seesCreation(member) }
    }

    mutating func wait(ms: Int64) { now = now + .milliseconds(ms) }

    mutating func seesCreation(_ member: Int, number: UInt64 = 1, change: GroupChange? = nil) {
        let group = ledger.shape.group(of: member)
        let event = ServerFrame.groupEvent(
            number: 1, group: ledger.id(of: group), groupNumber: number, from: ledger.mark.user(ledger.shape.owner(of: group)),
            id: ledger.shape.reference(0, of: group), at: Stamp(microseconds: 1), change: change ?? ledger.change(0, of: group))
        _ = ledger.onEntry(event, at: member, now: now)
    }

    mutating func issue(_ group: Int = 0) -> (author: Int, message: OutgoingMessage) {
        ledger.issue(group, at: now, isMeasured: true)
    }

    /// The cluster takes it.
    /// - Returns: its stamp.
    mutating func sent(_ one: (author: Int, message: OutgoingMessage)) -> Stamp {
        clock += 1
        let stamp = Stamp(microseconds: clock)
        _ = ledger.onSent(one.message.id, to: one.message.to, by: one.author, at: stamp, now: now)
        return stamp
    }

    /// Numbers of messages begin at 2, behind the creation.
    mutating func arrives(
        _ one: (author: Int, message: OutgoingMessage), _ groupNumber: UInt64, at members: Int..., from: Int? = nil,
        in group: UserID? = nil, body: [UInt8]? = nil
    ) {
        for member in members {
            let entry = ServerFrame.groupMessage(
                number: 1, group: group ?? one.message.to, groupNumber: groupNumber, from: ledger.mark.user(from ?? one.author),
                id: one.message.id, at: Stamp(microseconds: 1), body: body ?? one.message.body)
            _ = ledger.onEntry(entry, at: member, now: now)
        }
    }

    mutating func tick(_ stamp: Stamp, of author: Int) {
        ledger.onTick(with: ledger.id(of: ledger.shape.group(of: author)), at: stamp, of: author, now: now)
    }

    var broken: [String] {
        var broken = Verdict.ledger(ledger.counts, ledger.balance(now: now)).filter { !$0.isKept }.map(\.key)
        if ledger.counts.disagreements > 0 { broken.append("disagreements") }
        return broken
    }
}

@Suite("The ledger of groups and its verdict")
struct GroupLedgerTests {
    @Test func aMessageThatEverybodyHasIsKept() {
        var scene = GroupScene()
        let one = scene.issue()
        scene.wait(ms: 2)
        let stamp = scene.sent(one)
        scene.arrives(one, 2, at: 0)
        scene.wait(ms: 3)
        scene.arrives(one, 2, at: 1)
        #expect(scene.ledger.inFlight(0) == 1)
        scene.wait(ms: 4)
        scene.arrives(one, 2, at: 2)
        #expect(scene.ledger.inFlight(0) == 0)
        #expect(scene.broken == ["receipts_missing"])
        #expect(!scene.ledger.isSettled)
        scene.wait(ms: 50)
        scene.tick(stamp, of: 0)
        #expect(scene.broken == [])
        #expect(scene.ledger.isSettled)
        let counts = scene.ledger.counts
        #expect([counts.issued, counts.acked, counts.delivered, counts.complete, counts.receipts] == [1, 1, 3, 1, 1])
        // sent, a member, the last member, first to last, tick
        #expect(scene.ledger.latencies.map(\.maxUs) == [2_000, 9_000, 9_000, 7_000, 59_000])
        #expect(scene.ledger.latencies.map(\.count) == [1, 3, 1, 1, 1])
        #expect(scene.ledger.takeRecent().maxUs == 9_000)
        #expect(scene.ledger.takeRecent().count == 0)
    }

    @Test func theWindowClosesBySentWhenThatIsLast() {
        var scene = GroupScene()
        let one = scene.issue()
        scene.arrives(one, 2, at: 0, 1, 2)
        #expect(scene.ledger.inFlight(0) == 1)
        #expect(scene.broken == ["unanswered"])
        scene.tick(scene.sent(one), of: 0)
        #expect(scene.ledger.inFlightSum == 0)
        #expect(scene.broken == [])
    }

    @Test func authorsTakeTurnsInOneOrder() {
        var scene = GroupScene()
        let all = (0..<4).map { _ in scene.issue() }
        #expect(all.map(\.author) == [0, 1, 0, 1])
        let stamps = all.map { scene.sent($0) }
        // The store may put the second author first.
        for (index, number) in [(1, 2), (0, 3), (2, 4), (3, 5)] { scene.arrives(all[index], UInt64(number), at: 0, 1, 2) }
        scene.tick(stamps[2], of: 0)
        scene.tick(stamps[3], of: 1)
        #expect(scene.broken == [])
    }

    @Test func twoMembersWithTwoOrdersBreakTheVerdict() {
        var scene = GroupScene()
        let all = [scene.issue(), scene.issue()]
        let stamps = all.map { scene.sent($0) }
        scene.arrives(all[0], 2, at: 0, 1)
        scene.arrives(all[1], 3, at: 0, 1)
        // Rising for him alone, but not what the others have.
        scene.arrives(all[1], 2, at: 2)
        scene.arrives(all[0], 3, at: 2)
        scene.tick(stamps[0], of: 0)
        scene.tick(stamps[1], of: 1)
        #expect(scene.broken == ["disagreements"])
        #expect(scene.ledger.counts.disagreements == 2)
    }

    @Test func aNumberOfTwoMessagesBreaksTheVerdict() {
        var scene = GroupScene()
        let all = [scene.issue(), scene.issue()]
        let stamps = all.map { scene.sent($0) }
        scene.arrives(all[0], 2, at: 0, 1, 2)
        scene.arrives(all[1], 2, at: 0, 1, 2)
        scene.tick(stamps[0], of: 0)
        scene.tick(stamps[1], of: 1)
        #expect(scene.broken == ["out_of_order", "disagreements"])
    }

    @Test func numbersThatNothingCanHaveBreakTheVerdict() {
        for number in [UInt64(0), 1, 3, .max] {
            var scene = GroupScene()
            let one = scene.issue()
            let stamp = scene.sent(one)
            scene.arrives(one, number, at: 0, 1, 2)
            scene.tick(stamp, of: 0)
            #expect(scene.broken.contains("disagreements"), "\(number)")
        }
    }

    @Test func anAuthorsMessagesInAnotherOrderBreakTheVerdict() {
        var scene = GroupScene()
        let all = (0..<4).map { _ in scene.issue() }
        let stamps = all.map { scene.sent($0) }
        // The third is the first author's second; all members agree that it came first.
        for (index, number) in [(2, 2), (1, 3), (0, 4), (3, 5)] { scene.arrives(all[index], UInt64(number), at: 0, 1, 2) }
        scene.tick(stamps[2], of: 0)
        scene.tick(stamps[3], of: 1)
        #expect(scene.broken == ["out_of_order"])
        #expect(scene.ledger.counts.outOfOrder == 3)
    }

    @Test func aMemberWithoutTheMessageIsALoss() {
        var scene = GroupScene()
        let one = scene.issue()
        _ = scene.sent(one)
        scene.arrives(one, 2, at: 0)
        #expect(scene.broken == ["lost"])
        #expect(scene.ledger.balance(now: scene.now).lost == 2)
        scene.wait(ms: 70)
        #expect(scene.ledger.balance(now: scene.now).openUsMax == 70_000)
    }

    @Test func aTickBeforeAllOthersHaveItIsFalse() {
        var scene = GroupScene()
        let one = scene.issue()
        let stamp = scene.sent(one)
        scene.arrives(one, 2, at: 0, 1)
        scene.tick(stamp, of: 0)
        scene.arrives(one, 2, at: 2)
        #expect(scene.broken == ["false_receipts"])
    }

    @Test func aTickWithoutTheAuthorsOwnEntryIsHonest() {
        var scene = GroupScene()
        let one = scene.issue()
        let stamp = scene.sent(one)
        scene.arrives(one, 2, at: 1, 2)
        scene.tick(stamp, of: 0)
        scene.arrives(one, 2, at: 0)
        #expect(scene.broken == [])
    }

    @Test func aRepeatedMessageBreaksTheVerdictHoweverLate() {
        var scene = GroupScene()
        let first = scene.issue()
        for (index, one) in ([first] + (0..<99).map { _ in scene.issue() }).enumerated() {
            let stamp = scene.sent(one)
            scene.arrives(one, UInt64(index + 2), at: 0, 1, 2)
            if index == 0 { scene.arrives(one, 2, at: 1) }
            scene.tick(stamp, of: one.author)
        }
        #expect(scene.broken == ["duplicated"])
        scene.arrives(first, 2, at: 2)
        #expect(scene.ledger.counts.duplicated == 2)
        #expect(scene.ledger.counts.delivered == 300)
    }

    @Test func foreignMessagesBreakTheVerdict() {
        func scene(_ play: (inout GroupScene, (author: Int, message: OutgoingMessage)) -> Void) -> [String] {
            var scene = GroupScene()
            let one = scene.issue()
            let stamp = scene.sent(one)
            scene.arrives(one, 2, at: 0, 1, 2)
            scene.tick(stamp, of: 0)
            play(&scene, one)
            return scene.broken
        }
        #expect(scene { $0.arrives($1, 2, at: 3) } == ["foreign"], "at a member of another group")
        #expect(scene { $0.arrives($1, 3, at: 1, from: 2) } == ["foreign"], "in another's name")
        #expect(scene { $0.arrives($1, 3, at: 1, in: $0.ledger.id(of: 1)) } == ["foreign"], "in another group")
        #expect(scene { $0.arrives($1, 3, at: 1, body: Array("hello".utf8)) } == ["foreign"], "another text")
        #expect(scene { $0.arrives($1, 3, at: 1, body: $0.ledger.mark.body(chat: 0, number: 7)) } == ["foreign"], "never issued")
        #expect(scene { scene, _ in scene.seesCreation(1) } == ["duplicated"])
        #expect(scene { scene, _ in scene.seesCreation(1, change: .rename("other")) } == ["foreign"])
        #expect(
            scene { scene, one in
                let copy = ServerFrame.copy(
                    number: 9, to: one.message.to, id: one.message.id, at: Stamp(microseconds: 1), body: one.message.body)
                _ = scene.ledger.onEntry(copy, at: 0, now: scene.now)
            } == ["foreign"], "members get their own messages as members")
    }

    @Test func aRefusalForGoodBreaksTheVerdictAndFreesTheWindow() {
        var scene = GroupScene()
        let one = scene.issue()
        let group = scene.ledger.onRefused(one.message.id, by: one.author)
        #expect(group == 0)
        #expect(scene.ledger.inFlight(0) == 0)
        #expect(scene.ledger.isSettled)
        #expect(scene.broken == ["refused"])
    }

    @Test func aGapBreaksTheVerdict() {
        var scene = GroupScene()
        scene.ledger.onGap(from: 3, to: 5)
        scene.ledger.onCursorLost()
        #expect(scene.ledger.counts.gaps == 4)
        #expect(scene.broken == ["gaps"])
    }

    @Test func warmUpIsCountedButNotTimed() {
        var scene = GroupScene()
        let one = scene.ledger.issue(0, at: scene.now, isMeasured: false)
        let stamp = scene.sent(one)
        scene.arrives(one, 2, at: 0, 1, 2)
        scene.tick(stamp, of: 0)
        #expect(scene.ledger.latencies.allSatisfy { $0.count == 0 })
        #expect(scene.ledger.counts.complete == 1)
    }
}

@Suite("How groups of a run come about")
struct GroupShapeTests {
    private let mark = MessageMark(random: 4, bodyBytes: 60)

    @Test func aLargeGroupGrowsByChangesThatMayBe() {
        for (members, counts) in [(2, [1]), (513, [512]), (514, [512, 1]), (1_024, [512, 511]), (2_048, [512, 512, 512, 511])] {
            let shape = GroupShape(groupCount: 2, memberCount: members)
            #expect((0..<shape.changeCount).map { shape.change($0, of: 1, mark: mark).users.count } == counts)
            // The rules take them, and everybody is in at the end.
            var state = GroupState()
            for index in 0..<shape.changeCount {
                let change = shape.change(index, of: 1, mark: mark)
                let judged = state.judge(change, by: mark.user(shape.owner(of: 1)), memberCountMax: members)
                #expect(judged == .success(change))
                let before = Set(state.roster)
                state.apply(change, by: mark.user(shape.owner(of: 1)), at: Stamp(microseconds: Int64(index + 1)))
                for user in shape.users(of: 1) where !before.contains(mark.user(user)) && state.members[mark.user(user)] != nil {
                    #expect(shape.firstChange(of: user) == index)
                }
            }
            #expect(Set(state.roster) == Set(shape.users(of: 1).map(mark.user)))
        }
    }

    @Test func nobodyIsInTwoGroupsAndAuthorsAreMembers() {
        let shape = GroupShape(groupCount: 3, memberCount: 5, authorCount: 2)
        #expect((0..<3).flatMap(shape.users) == Array(0..<15))
        #expect((0..<6).map(shape.author) == [0, 1, 5, 6, 10, 11])
        #expect((0..<6).map(shape.group(ofChat:)) == [0, 0, 1, 1, 2, 2])
        #expect(Set((0..<3).map { shape.id(of: $0, mark: mark) }).count == 3)
    }
}
