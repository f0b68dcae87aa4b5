// Ticks and counts: when all have it, when all have read it, and how far it is until then.

import ClientProtocol
import Groups
import Messages
import Primitives
import Testing

@Suite("Receipts of a group")
struct ReceiptTests {
    /// Ana's message and its stamp.
    private func written(_ scene: inout Scene, _ users: [UserID]) -> (group: UserID, at: Stamp) {
        let group = scene.make(users)
        scene.write(ana, "m1", to: group)
        scene.advance(milliseconds: 1_000)
        scene.clear()
        return (group, scene.log(group).headStamp)
    }

    @Test("the double tick comes when all others have it, the blue one when all have read it")
    func ticks() {
        var scene = Scene()
        let (group, at) = written(&scene, [bob, cem])
        scene.mark(group, .delivered, [bob], upTo: at)
        scene.advance(milliseconds: 1_000)
        #expect(scene.ticks.isEmpty)
        scene.mark(group, .delivered, [cem], upTo: at)
        scene.advance(milliseconds: 1_000)
        #expect(scene.ticks == [Receipt(author: ana, peer: group, kind: .delivered, upTo: at)])
        scene.mark(group, .read, [bob, cem], upTo: at)
        scene.advance(milliseconds: 1_000)
        #expect(scene.ticks.last == Receipt(author: ana, peer: group, kind: .read, upTo: at))
        #expect(scene.ticks.count == 2)
    }

    @Test("who has not got it and goes does not hold the tick back")
    func laggardLeaves() {
        var scene = Scene()
        let (group, at) = written(&scene, [bob, cem])
        scene.mark(group, .delivered, [bob], upTo: at)
        scene.change(cem, "c1", group, .leave)
        scene.mark(group, .delivered, [bob], upTo: scene.log(group).headStamp)
        scene.advance(milliseconds: 1_000)
        #expect(scene.ticks == [Receipt(author: ana, peer: group, kind: .delivered, upTo: at)])
    }

    @Test("the system has no devices: nothing comes to it, and no tick and no count waits for it")
    func system() {
        var scene = Scene()
        let (group, at) = written(&scene, [bob, .system])
        scene.mark(group, .delivered, [bob], upTo: at)
        scene.advance(milliseconds: 1_000)
        #expect(scene.ticks == [Receipt(author: ana, peer: group, kind: .delivered, upTo: at)])
        scene.write(.system, "s1", to: group)
        scene.advance(milliseconds: 1_000)
        let messages = scene.fanOuts.filter { $0.entries.allSatisfy { $0.kind == .message } }
        #expect(!messages.isEmpty && messages.allSatisfy { !$0.recipients.contains(.system) })
        scene.clear()
        let told = scene.log(group).headStamp
        scene.mark(group, .delivered, [ana, bob], upTo: told)
        scene.advance(milliseconds: 1_000)
        #expect(scene.ticks == [Receipt(author: .system, peer: group, kind: .delivered, upTo: told)])
    }

    /// A change behind a message asked the system's inbox for what had never come there, again and again, and held up everybody.
    @Test("changes do not come to the system either, and go on behind messages")
    func changesWithTheSystem() {
        var scene = Scene()
        let group = scene.make([bob, .system])
        scene.write(ana, "m1", to: group)
        scene.change(bob, "c1", group, .leave)
        scene.write(ana, "m2", to: group)
        scene.change(ana, "c2", group, .add([cem]))
        scene.advance(milliseconds: 1_000)
        #expect(scene.fanOuts.allSatisfy { !$0.recipients.contains(.system) })
        #expect(scene.inbox(ana) == [1, 2, 3, 4, 5])
        #expect(scene.inbox(bob) == [1, 2, 3])
        #expect(scene.inbox(cem) == [5])
        scene.clear()
        scene.advance(milliseconds: 10_000)
        #expect(scene.fanOuts.isEmpty)
    }

    @Test("who writes to nobody but the system gets no ticks")
    func aloneWithTheSystem() {
        var scene = Scene()
        let (group, at) = written(&scene, [.system])
        scene.mark(group, .delivered, [ana], upTo: at)
        scene.advance(milliseconds: 1_000)
        #expect(scene.ticks.isEmpty)
    }

    @Test("who came later is not waited for")
    func newcomer() {
        var scene = Scene()
        let (group, at) = written(&scene, [bob])
        scene.change(ana, "c1", group, .add([dora]))
        scene.mark(group, .delivered, [bob], upTo: at)
        scene.advance(milliseconds: 1_000)
        #expect(scene.ticks == [Receipt(author: ana, peer: group, kind: .delivered, upTo: at)])
    }

    @Test("counts come in one word for many marks, and never more than there are")
    func counts() {
        var scene = Scene()
        let (group, at) = written(&scene, [bob, cem, dora])
        scene.mark(group, .delivered, [ana, bob], upTo: at)
        scene.mark(group, .read, [cem], upTo: at)
        scene.advance(milliseconds: 1_000)
        #expect(scene.notices == [GroupNotice(author: ana, group: group, at: at, content: .counts(delivered: 2, read: 1, of: 3))])
    }

    @Test("a tick that was owed when the shard died is told by its next life")
    func tickAfterCrash() {
        var scene = Scene()
        let (group, at) = written(&scene, [bob])
        scene.mark(group, .delivered, [bob], upTo: at)
        #expect(scene.ticks.isEmpty, "it gathers for a moment")
        scene.restart()
        scene.ask(ana, group)
        scene.advance(milliseconds: 1_000)
        #expect(scene.ticks == [Receipt(author: ana, peer: group, kind: .delivered, upTo: at)])
    }

    @Test("nobody has read beyond the newest entry")
    func ahead() {
        var scene = Scene()
        let (group, at) = written(&scene, [bob])
        scene.mark(group, .read, [bob], upTo: Stamp(microseconds: at.microseconds + 1))
        #expect(scene.marked.last?.outcomes == [.ahead])
        scene.mark(group, .read, [bob], upTo: at)
        #expect(scene.marked.last?.outcomes == [.taken])
    }

    @Test("marks are answered when they are durable, and refused when they are not")
    func durable() {
        var scene = Scene()
        let (group, at) = written(&scene, [bob])
        scene.isStoreAway = true
        scene.mark(group, .delivered, [bob], upTo: at)
        #expect(scene.marked.isEmpty)
        #expect(scene.refusedCalls.count == 1)
    }

    /// Found by simulate --seed 300377: the author's shard stood still while the group's shard died.
    @Test("a tick that was owed when the shard died is told though nobody asks for the group")
    func tickAfterCrashUnasked() {
        var scene = Scene()
        let (group, at) = written(&scene, [bob])
        let tick = Receipt(author: ana, peer: group, kind: .delivered, upTo: at)
        scene.mark(group, .delivered, [bob], upTo: at)
        scene.restart()
        scene.advance(milliseconds: 1_000)
        #expect(scene.ticks == [tick])
        // The store knows now: the next life does not begin with it.
        scene.advance(milliseconds: 2_000)
        scene.restart()
        scene.advance(milliseconds: 30_000)
        #expect(scene.ticks == [tick])
        // And a group that is read for another reason knows what was told.
        scene.mark(group, .delivered, [ana], upTo: at)
        scene.advance(milliseconds: 1_000)
        #expect(scene.ticks == [tick])
    }

    @Test("a tick that the author's shard did not take is told again, also by another life")
    func tickNotTaken() {
        var scene = Scene()
        let (group, at) = written(&scene, [bob])
        scene.areTicksLost = true
        scene.mark(group, .read, [bob], upTo: at)
        scene.advance(milliseconds: 5_000)
        #expect(scene.ticks.count > 4)
        scene.restart()
        scene.clear()
        scene.areTicksLost = false
        scene.advance(milliseconds: 1_000)
        #expect(Set(scene.ticks.map(\.kind)) == [.delivered, .read])
    }

    @Test("a tick is owed also by who goes, over the death of the shard")
    func tickOfEventAfterCrash() {
        var scene = Scene()
        let (group, at) = written(&scene, [bob, cem])
        scene.mark(group, .delivered, [bob], upTo: at)
        scene.advance(milliseconds: 2_000)
        scene.change(cem, "c1", group, .leave)
        scene.restart()
        scene.advance(milliseconds: 1_000)
        #expect(scene.ticks == [Receipt(author: ana, peer: group, kind: .delivered, upTo: at)])
    }

    /// Found by simulate --seed 515 and --seed 50893: each of two shards waited for what the other had.
    @Test("whoever takes the last mark reads those that another shard took, and tells the tick", arguments: [0, 1])
    func marksElsewhere(last: Int) {
        var scene = Scene(shards: 2)
        let (group, at) = written(&scene, [bob, cem])
        scene.mark(group, .read, [cem], upTo: at, shard: 1 - last)
        scene.advance(milliseconds: 1_000)
        #expect(scene.ticks.isEmpty)
        scene.mark(group, .read, [bob], upTo: at, shard: last)
        scene.advance(milliseconds: 1_000)
        #expect(Set(scene.ticks.map(\.kind)) == [.delivered, .read])
        // Nothing is owed: neither of them begins again.
        scene.clear()
        scene.advance(milliseconds: 30_000)
        #expect(scene.ticks.isEmpty)
    }

    @Test("who goes by another shard's word is not waited for by a shard that takes the last mark")
    func eventElsewhere() {
        var scene = Scene(shards: 2)
        let (group, at) = written(&scene, [bob, cem])
        scene.change(cem, "c1", group, .leave, shard: 1)
        scene.mark(group, .delivered, [bob], upTo: at)
        scene.advance(milliseconds: 1_000)
        #expect(scene.ticks.first == Receipt(author: ana, peer: group, kind: .delivered, upTo: at))
    }

    @Test("what another shard took and died over is found by a shard that has the group in mind")
    func marksLeftElsewhere() {
        var scene = Scene(shards: 2)
        let (group, at) = written(&scene, [bob])
        scene.mark(group, .delivered, [bob], upTo: at, shard: 1)
        scene.restart(1)
        scene.advance(milliseconds: 31_000)
        #expect(scene.ticks.contains(Receipt(author: ana, peer: group, kind: .delivered, upTo: at)))
    }

    @Test("the list says who and when, to the author, and to members where the group allows it")
    func list() {
        var scene = Scene()
        let (group, at) = written(&scene, [bob, cem])
        scene.mark(group, .delivered, [bob], upTo: at)
        let deliveredAt = scene.now.stamp
        scene.advance(milliseconds: 100)
        scene.mark(group, .read, [bob], upTo: at)
        let readAt = scene.now.stamp
        scene.clear()
        scene.ask(bob, group, receiptsAt: at)
        #expect(scene.errors(bob) == [.notAllowed])
        let entries = [ReceiptEntry(user: bob, delivered: deliveredAt, read: readAt), ReceiptEntry(user: cem, delivered: nil, read: nil)]
        scene.ask(ana, group, receiptsAt: at)
        #expect(scene.answers(ana) == [.receipts(ref: id("q"), with: group, at: at, entries: entries)])
        // Whoever wrote it may ask, however long ago, and whatever the shard still knows.
        scene.restart()
        for number in 0..<600 { scene.write(bob, "x\(number)", to: group) }
        scene.advance(milliseconds: 30_000)
        scene.clear()
        scene.ask(ana, group, receiptsAt: at)
        scene.ask(bob, group, receiptsAt: at)
        #expect(scene.answers(ana) == [.receipts(ref: id("q"), with: group, at: at, entries: entries)])
        #expect(scene.errors(bob) == [.notAllowed])
        // A stamp that no message has is nobody's.
        scene.clear()
        scene.ask(ana, group, receiptsAt: at + .microseconds(1))
        #expect(scene.errors(ana) == [.notAllowed])
        scene.change(ana, "c1", group, .settings(GroupSettings(showsReceipts: true)))
        scene.clear()
        scene.ask(cem, group, receiptsAt: at)
        #expect(scene.answers(cem) == [.receipts(ref: id("q"), with: group, at: at, entries: entries)])
    }
}
