// The life of a group: who may do what, and what becomes of a repeat.

import ClientProtocol
import Groups
import Messages
import Primitives
import Testing

@Suite("The life of a group")
struct LifeTests {
    /// Found by simulate --seed 302028: pages of a log that goes on being fanned out while it is read.
    @Test("an event that another shard brings to all while this one reads is not passed over")
    func eventFannedOutWhileRead() {
        var scene = Scene(shards: 2, isArchive: true)
        let group = scene.make([bob])
        // Each of them fills a page.
        for number in 1...3 { scene.write(ana, "m\(number)", to: group, body: String(repeating: "x", count: 60_000)) }
        scene.advance(milliseconds: 2_000)
        scene.areSessionsAway = true
        scene.change(ana, "c1", group, .role(.admin, [bob]))
        scene.holdsStore = true
        scene.change(bob, "c2", group, .rename("By an admin"), shard: 1)
        // The events, and the first page of what comes behind.
        scene.release(at: 0)
        scene.release(at: 0)
        scene.areSessionsAway = false
        scene.advance(milliseconds: 10_000)
        // Shard 0 says that all have it before shard 1 reads on.
        #expect(scene.heldCount > 1)
        while scene.heldCount > 1 { scene.release(at: 1) }
        #expect(scene.log(group).fannedOut == 5)
        // A later event is on its way: the newest one that shard 1 knows is the newest there is.
        scene.areSessionsAway = true
        scene.change(ana, "c3", group, .describe("Later"))
        scene.release(at: 1)
        scene.release()
        scene.areSessionsAway = false
        scene.advance(milliseconds: 10_000)
        #expect(scene.errors(bob).isEmpty)
        #expect(scene.log(group).head == 7)
    }

    @Test("it is made once, however often it is asked for")
    func made() {
        var scene = Scene()
        let group = scene.make([bob, cem])
        let first = scene.answers(ana)
        #expect(first.count == 1)
        guard case .groupDone(let ref, group, 1, _) = first[0] else { Issue.record("\(first)"); return }
        #expect(ref == id("make"))
        #expect(scene.fanOuts.flatMap(\.recipients).sorted() == [ana, bob, cem])
        #expect(scene.fanOuts.allSatisfy { $0.mark == .joined(title: "Team") })
        _ = scene.make([bob, cem])
        #expect(scene.answers(ana) == first + first)
        #expect(scene.log(group).head == 1)
        #expect(scene.inbox(bob) == [1])
    }

    @Test("the same name for another change is a conflict")
    func conflict() {
        var scene = Scene()
        let group = scene.make([bob])
        scene.change(ana, "make", group, .create(title: "Other", users: []))
        #expect(scene.errors(ana) == [.idConflict])
    }

    @Test("a change of which the rules left a part has its answer again when it is asked for again")
    func repeatOfAPart() {
        var scene = Scene()
        let group = scene.make([bob])
        scene.clear()
        scene.change(ana, "c1", group, .add([bob, cem]))
        let first = scene.answers(ana)
        #expect(scene.log(group).head == 2)
        scene.change(ana, "c1", group, .add([bob, cem]))
        #expect(scene.answers(ana) == first + first)
        #expect(scene.errors(ana).isEmpty)
        scene.change(ana, "c1", group, .add([cem]))
        #expect(scene.errors(ana) == [.idConflict])
        #expect(scene.log(group).head == 2)
    }

    /// Found by simulate --seed 90601.
    @Test("a shard that remembers that there is no such group looks before it says so")
    func madeElsewhere() {
        var scene = Scene(shards: 2)
        let group = UserID.group(of: ana, reference: id("make"))
        // It was asked to make the group; before the store had the order, the other shard had made it.
        scene.holdsStore = true
        scene.change(ana, "make", group, .create(title: "Team", users: [bob]), shard: 1)
        scene.release(at: 0)
        scene.holdsStore = false
        #expect(scene.make([bob]) == group)
        scene.release()
        scene.clear()
        scene.write(bob, "m1", to: group, shard: 1)
        scene.change(ana, "c1", group, .rename("Crew"), shard: 1)
        #expect(scene.errors(bob).isEmpty && scene.errors(ana).isEmpty)
        #expect(scene.log(group).head == 3)
    }

    @Test("who was added through another shard may write through this one at once")
    func addedElsewhere() {
        var scene = Scene(shards: 2)
        let group = scene.make([bob])
        scene.write(bob, "m1", to: group, shard: 1)
        scene.change(ana, "c1", group, .add([cem]))
        scene.clear()
        scene.write(cem, "m2", to: group, shard: 1)
        #expect(scene.errors(cem).isEmpty)
        #expect(scene.log(group).head == 4)
    }

    @Test("what is not there is refused, and not remembered")
    func neverMade() {
        var scene = Scene()
        let group = UserID("g:nobody-made-it")!
        for _ in 1...2 {
            scene.write(bob, "m1", to: group)
            scene.change(bob, "c1", group, .rename("Crew"))
            scene.mark(group, .read, [bob], upTo: Stamp(microseconds: 9))
        }
        #expect(scene.errors(bob) == [.noSuchGroup, .noSuchGroup, .noSuchGroup, .noSuchGroup])
        #expect(scene.marked == [GroupMarked(outcomes: [.notMember]), GroupMarked(outcomes: [.notMember])])
    }

    @Test("a message is sent when it is stored, and comes to everybody, its author too")
    func message() {
        var scene = Scene()
        let group = scene.make([bob, cem])
        scene.clear()
        scene.write(bob, "m1", to: group)
        guard case .sent(let name, group, _)? = scene.answers(bob).first else { Issue.record("\(scene.told)"); return }
        #expect(name == id("m1"))
        #expect(scene.fanOuts.flatMap(\.recipients).sorted() == [ana, bob, cem])
        #expect(scene.fanOuts.count <= 2, "one batch a session shard")
        #expect([ana, bob, cem].map { scene.inbox($0) } == [[1, 2], [1, 2], [1, 2]])
        #expect(scene.log(group).fannedOut == 2)
        #expect(scene.log(group).entries[1].body.isEmpty, "the inboxes have it")
        let sent = scene.answers(bob)
        scene.write(bob, "m1", to: group)
        #expect(scene.answers(bob) == sent + sent)
        #expect(scene.inbox(cem) == [1, 2])
    }

    @Test("strangers get typed answers")
    func strangers() {
        var scene = Scene()
        let group = scene.make([bob])
        scene.write(eve, "m1", to: group)
        scene.change(eve, "c1", group, .add([eve]))
        scene.ask(eve, group)
        scene.ask(eve, group, receiptsAt: Stamp(microseconds: 1))
        #expect(scene.errors(eve) == [.notMember, .notMember, .notMember, .notMember])
        let nowhere = UserID("g:nowhere")!
        scene.clear()
        scene.write(eve, "m2", to: nowhere)
        scene.change(eve, "c2", nowhere, .leave)
        scene.ask(eve, nowhere)
        scene.write(eve, "m3", to: bob)
        #expect(scene.errors(eve) == [.noSuchGroup, .noSuchGroup, .noSuchGroup, .noSuchGroup])
        scene.mark(group, .read, [eve], upTo: Stamp(microseconds: 1))
        #expect(scene.marked.last?.outcomes == [.notMember])
    }

    @Test("a change that cannot be says why")
    func refusals() {
        var scene = Scene()
        let group = scene.make([bob, cem])
        scene.clear()
        scene.change(ana, "c1", group, .add([bob]))
        scene.change(ana, "c2", group, .add([ana]))
        scene.change(ana, "c3", group, .add([dora, eve]))
        scene.change(bob, "c4", group, .rename("Mine"))
        scene.change(ana, "c5", group, .role(.admin, [eve]))
        scene.change(ana, "c6", group, .leave)
        #expect(scene.errors(ana) == [.noChange, .noChange, .groupFull, .badUsers, .notAllowed])
        #expect(scene.errors(bob) == [.notAllowed])
        #expect(scene.log(group).head == 1)
    }

    @Test("two admins demote each other: the first does, the second may not any more")
    func mutualDemotion() {
        var scene = Scene()
        let group = scene.make([bob, cem])
        scene.change(ana, "c1", group, .role(.admin, [bob, cem]))
        scene.clear()
        scene.holdsStore = true
        scene.change(bob, "c2", group, .role(.member, [cem]))
        scene.change(cem, "c3", group, .role(.member, [bob]))
        scene.release()
        guard case .groupDone? = scene.answers(bob).first else { Issue.record("\(scene.told)"); return }
        #expect(scene.errors(cem) == [.notAllowed])
    }

    @Test("who was removed gets the removal and nothing later; her message in flight is refused")
    func removed() {
        var scene = Scene()
        let group = scene.make([bob, cem])
        scene.holdsStore = true
        scene.change(ana, "c1", group, .remove([bob]))
        scene.write(bob, "m1", to: group)
        scene.release()
        scene.write(ana, "m2", to: group)
        #expect(scene.errors(bob) == [.notMember])
        #expect(scene.inbox(bob) == [1, 2])
        #expect(scene.inbox(cem) == [1, 2, 3])
    }

    @Test("a message stored before its author was removed is still hers when she repeats it")
    func repeatAfterRemoval() {
        var scene = Scene()
        let group = scene.make([bob])
        scene.write(bob, "m1", to: group)
        scene.change(ana, "c1", group, .remove([bob]))
        scene.clear()
        scene.write(bob, "m1", to: group)
        guard case .sent? = scene.answers(bob).first else { Issue.record("\(scene.told)"); return }
    }

    @Test("who is added gets nothing from before, and comes again as new")
    func added() {
        var scene = Scene()
        let group = scene.make([bob])
        scene.write(ana, "m1", to: group)
        scene.change(ana, "c1", group, .add([cem]))
        scene.write(ana, "m2", to: group)
        #expect(scene.inbox(cem) == [3, 4])
        scene.change(cem, "c2", group, .leave)
        scene.write(ana, "m3", to: group)
        scene.change(ana, "c3", group, .add([cem]))
        #expect(scene.inbox(cem) == [3, 4, 5, 7])
    }

    @Test("announcements are for admins")
    func announcement() {
        var scene = Scene()
        let group = scene.make([bob])
        scene.change(ana, "c1", group, .settings(GroupSettings(isAnnouncement: true)))
        scene.clear()
        scene.write(bob, "m1", to: group)
        scene.write(ana, "m2", to: group)
        #expect(scene.errors(bob) == [.notAllowed])
        #expect(scene.errors(ana).isEmpty)
    }

    @Test("a group is deleted under load: each message is in before it, or refused")
    func deleted() {
        var scene = Scene()
        let group = scene.make([bob])
        scene.clear()
        scene.holdsStore = true
        for number in 0..<20 { scene.write(bob, "m\(number)", to: group) }
        scene.change(ana, "end", group, .delete)
        for number in 20..<40 { scene.write(bob, "m\(number)", to: group) }
        scene.release()
        let sent = scene.answers(bob).count { if case .sent = $0 { true } else { false } }
        #expect(sent == 20)
        #expect(scene.errors(bob) == [ErrorCode](repeating: .noSuchGroup, count: 20))
        #expect(scene.inbox(bob) == Array(1...22))
        scene.change(ana, "again", group, .create(title: "Again", users: []))
        #expect(scene.errors(ana) == [.noChange])
    }

    @Test("what chains go by: after")
    func after() {
        var scene = Scene()
        let group = scene.make([bob])
        scene.clear()
        scene.write(bob, "m2", to: group, after: id("m1"))
        #expect(scene.errors(bob) == [.predecessorMissing])
        scene.write(bob, "m1", to: group)
        scene.write(bob, "m2", to: group, after: id("m1"))
        #expect(scene.inbox(ana) == [1, 2, 3])
    }

    @Test("members may ask what the group is")
    func info() {
        var scene = Scene()
        let group = scene.make([bob])
        scene.change(ana, "c1", group, .describe("what for"))
        scene.clear()
        scene.ask(bob, group)
        guard case .groupInfo(let ref, let info)? = scene.answers(bob).first else { Issue.record("\(scene.told)"); return }
        #expect(ref == id("q"))
        #expect(info.title == "Team")
        #expect(info.description == "what for")
        #expect(info.members.map(\.user) == [ana, bob])
        #expect(info.members.map(\.role) == [.owner, .member])
    }
}
