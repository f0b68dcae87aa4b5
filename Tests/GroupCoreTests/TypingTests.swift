// Who writes to a group just now: members see it, nobody else, and never too many.

import ClientProtocol
import CoreKit
import Groups
import Messages
import Primitives
import Testing

@Suite("Typing in a group")
struct TypingTests {
    /// A group of Ana, Bob and Cem, and a moment later.
    private func made(shards: Int = 1) -> (Scene, UserID) {
        var scene = Scene(shards: shards)
        let group = scene.make([bob, cem])
        scene.advance(milliseconds: 6_000)
        scene.clear()
        return (scene, group)
    }

    @Test("goes to all other members, once to each of their shards, and nothing is stored")
    func members() {
        var (scene, group) = made()
        scene.type(bob, in: group)
        #expect(scene.signs.flatMap(\.recipients).sorted() == [ana, cem])
        #expect(scene.signs.allSatisfy { $0.author == bob && $0.group == group && $0.isOn })
        #expect(scene.told.isEmpty)
        #expect(scene.log(group).head == 1)
    }

    @Test("of strangers is refused, and nobody sees it")
    func strangers() {
        var (scene, group) = made()
        scene.type(eve, in: group)
        #expect(scene.answers(eve) == [.error(ErrorFrame(.notMember, "you are not a member of this group"))])
        #expect(scene.signs.isEmpty)
    }

    @Test("in a group that nobody made is refused, and the group is not remembered")
    func unknown() {
        var scene = Scene()
        let group = UserID("g:nobody-made-it")!
        scene.type(ana, in: group)
        scene.type(ana, in: group)
        #expect(scene.errors(ana) == [.noSuchGroup, .noSuchGroup])
        var page = MetricsPage()
        scene.cores[0].report(into: &page)
        #expect(page.text.contains("fantail_group_groups 0"))
    }

    @Test("where only admins write, of others is refused")
    func announcements() {
        var (scene, group) = made()
        scene.change(ana, "c1", group, .settings(GroupSettings(isAnnouncement: true)))
        scene.clear()
        scene.type(bob, in: group)
        scene.type(ana, in: group)
        #expect(scene.errors(bob) == [.notAllowed])
        #expect(Set(scene.signs.map(\.author)) == [ana])
    }

    @Test("is merged: a flood is one sign in two seconds, and a change of mind one more")
    func flood() {
        var (scene, group) = made()
        var told: [Bool] = []
        for step in 0..<400 {
            scene.type(bob, in: group, isOn: step % 3 != 2)
            scene.advance(milliseconds: 10)
            if let sign = scene.signs.first { told.append(sign.isOn) }
            scene.clear()
        }
        #expect(told == [true, false, true, false])
    }

    @Test("of more than three at once is not shown")
    func three() {
        var scene = Scene()
        let group = scene.make([bob, cem, dora])
        scene.advance(milliseconds: 6_000)
        scene.clear()
        for author in [ana, bob, cem, dora] { scene.type(author, in: group) }
        #expect(Set(scene.signs.map(\.author)) == [ana, bob, cem])
        scene.clear()
        // One of them writes: there is room.
        scene.write(bob, "m1", to: group)
        scene.type(dora, in: group)
        #expect(Set(scene.signs.map(\.author)) == [dora])
        #expect(scene.errors(dora).isEmpty)
    }

    @Test("is not shown in a large group")
    func large() {
        var scene = Scene(memberCountMax: 300)
        let others = (0..<255).map { UserID("u\($0)")! }
        let group = scene.make(others)
        scene.clear()
        scene.type(ana, in: group)
        #expect(scene.signs.flatMap(\.recipients).count == 255)
        scene.change(ana, "c1", group, .add([bob]))
        scene.clear()
        scene.type(others[0], in: group)
        #expect(scene.signs.isEmpty && scene.told.isEmpty)
    }

    @Test("by who was removed at another shard is shown for five seconds at most")
    func removedElsewhere() {
        var (scene, group) = made(shards: 2)
        scene.type(bob, in: group, shard: 1)
        scene.clear()
        scene.change(ana, "c1", group, .remove([bob]))
        scene.advance(milliseconds: 5_000)
        scene.type(bob, in: group, shard: 1)
        #expect(scene.signs.isEmpty)
        #expect(scene.errors(bob) == [.notMember])
    }

    @Test("by who was added at another shard is not refused by what is remembered")
    func addedElsewhere() {
        var (scene, group) = made(shards: 2)
        scene.type(bob, in: group, shard: 1)
        scene.change(ana, "c1", group, .add([dora]))
        scene.clear()
        scene.type(dora, in: group, shard: 1)
        #expect(scene.errors(dora).isEmpty)
        #expect(scene.signs.flatMap(\.recipients).sorted() == [ana, bob, cem])
    }

    @Test("is dropped when the store is away, and nobody is answered")
    func storeAway() {
        var (scene, group) = made()
        scene.isStoreAway = true
        scene.type(bob, in: group)
        scene.type(eve, in: group)
        #expect(scene.signs.isEmpty && scene.told.isEmpty)
        scene.isStoreAway = false
        scene.type(bob, in: group)
        #expect(scene.signs.flatMap(\.recipients).sorted() == [ana, cem])
    }

    @Test("does not hold up a message, and three wait at most")
    func waiting() {
        var (scene, group) = made()
        scene.holdsStore = true
        for author in [bob, cem, eve, dora] { scene.type(author, in: group) }
        scene.write(bob, "m1", to: group)
        // The look at the log, and the append behind it: the message did not wait for the answer.
        #expect(scene.heldCount == 2)
        scene.release()
        #expect(scene.errors(eve) == [.notMember])
        #expect(scene.answers(dora).isEmpty)
        #expect(Set(scene.signs.map(\.author)) == [bob, cem])
    }
}
