// Entries come into inboxes whatever fails on the way, and nobody writes by rules that no longer hold.

import ClientProtocol
import Groups
import Messages
import Primitives
import Testing

@Suite("The fan-out")
struct FanOutTests {
    @Test("goes on after a failure, and tells the author when it takes long")
    func retries() {
        var scene = Scene()
        let group = scene.make([bob])
        scene.clear()
        scene.areSessionsAway = true
        scene.write(bob, "m1", to: group)
        guard case .sent? = scene.answers(bob).first else { Issue.record("sent comes with the log"); return }
        #expect(scene.notices.isEmpty)
        scene.advance(milliseconds: 3_000)
        #expect(scene.notices == [GroupNotice(author: bob, group: group, at: scene.log(group).headStamp, content: .late(count: 2))])
        #expect(scene.fanOuts.count < 20, "with pauses between")
        #expect(scene.log(group).fannedOut == 1)
        scene.areSessionsAway = false
        scene.advance(milliseconds: 20_000)
        #expect(scene.inbox(ana) == [1, 2])
        #expect(scene.log(group).fannedOut == 2)
        #expect(scene.notices.count == 1, "once")
    }

    @Test("is taken up by the shard that starts again")
    func resumes() {
        var scene = Scene()
        let group = scene.make([bob, cem])
        scene.areSessionsAway = true
        scene.write(ana, "m1", to: group)
        scene.change(ana, "c1", group, .remove([cem]))
        scene.write(ana, "m2", to: group)
        scene.areSessionsAway = false
        // Whoever owned it before: at the second look it counts as left behind.
        scene.restart()
        scene.advance(milliseconds: 25_000)
        #expect(scene.inbox(bob) == [1, 2, 3, 4])
        #expect(scene.inbox(cem) == [1, 2, 3])
        #expect(scene.log(group).fannedOut == 4)
    }

    @Test("takes what gathered meanwhile as one batch, text once")
    func batches() {
        var scene = Scene()
        let group = scene.make([bob, cem])
        scene.areSessionsAway = true
        for number in 0..<10 { scene.write(ana, "m\(number)", to: group) }
        scene.clear()
        scene.areSessionsAway = false
        scene.advance(milliseconds: 20_000)
        let full = scene.fanOuts.filter { $0.entries.count == 10 }
        #expect(!full.isEmpty && full.count <= 2, "one a session shard: \(scene.fanOuts.map(\.entries.count))")
        #expect(scene.inbox(cem) == Array(1...11))
    }

    @Test("has a bound: too many entries on their way, and writers are asked to wait")
    func bound() {
        var scene = Scene()
        let group = scene.make([bob])
        scene.areSessionsAway = true
        for number in 0..<1_030 { scene.write(ana, "m\(number)", to: group) }
        #expect(scene.errors(ana).count == 6)
        #expect(scene.errors(ana).allSatisfy { $0 == .overloaded })
    }

    @Test("a store that is away: typed, retryable, and nothing half done")
    func storeAway() {
        var scene = Scene()
        let group = scene.make([bob])
        scene.clear()
        scene.isStoreAway = true
        scene.write(ana, "m1", to: group)
        scene.ask(ana, group)
        // Questions wait for the next try to read the group.
        scene.advance(milliseconds: 1_000)
        #expect(scene.errors(ana) == [.unavailable, .unavailable])
        scene.isStoreAway = false
        scene.advance(milliseconds: 20_000)
        scene.write(ana, "m1", to: group)
        #expect(scene.inbox(bob) == [1, 2])
    }
}

@Suite("Two shards for one group")
struct TwoShardTests {
    @Test("the one that has not heard of a removal does not let the removed one write")
    func staleWriter() {
        var scene = Scene(shards: 2)
        let group = scene.make([bob, cem])
        scene.write(bob, "m1", to: group, shard: 1)
        scene.change(ana, "c1", group, .remove([bob]), shard: 0)
        scene.clear()
        scene.write(bob, "m2", to: group, shard: 1)
        #expect(scene.errors(bob) == [.notMember])
        scene.write(cem, "m3", to: group, shard: 1)
        guard case .sent? = scene.answers(cem).first else { Issue.record("\(scene.told)"); return }
        scene.advance(milliseconds: 25_000)
        #expect(scene.inbox(cem) == scene.log(group).entries.map(\.number))
        #expect(scene.inbox(bob) == [1, 2, 3])
    }

    @Test("both write: one order, no hole, nobody twice")
    func bothWrite() {
        var scene = Scene(shards: 2)
        let group = scene.make([bob])
        for number in 0..<10 {
            scene.write(ana, "a\(number)", to: group, shard: 0)
            scene.write(bob, "b\(number)", to: group, shard: 1)
        }
        scene.advance(milliseconds: 60_000)
        #expect(scene.log(group).head == 21)
        #expect(scene.inbox(ana) == Array(1...21))
        #expect(scene.inbox(bob) == Array(1...21))
        #expect(scene.log(group).fannedOut == 21)
    }

    @Test("a question is answered by what is stored, not by what one shard remembers")
    func freshAnswers() {
        var scene = Scene(shards: 2)
        let group = scene.make([bob])
        scene.ask(bob, group, shard: 1)
        scene.change(ana, "c1", group, .rename("New"), shard: 0)
        scene.clear()
        scene.ask(bob, group, shard: 1)
        guard case .groupInfo(_, let info)? = scene.answers(bob).first else { Issue.record("\(scene.told)"); return }
        #expect(info.title == "New")
    }
}
