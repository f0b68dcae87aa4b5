// What was written before: who may read it, and how far back.

import ClientProtocol
import Groups
import Messages
import Primitives
import Testing

@Suite("The history of a group")
struct HistoryTests {
    /// Numbers of the answer to the newest question, and whether there is more.
    private func page(_ scene: inout Scene, _ user: UserID, _ group: UserID, before: UInt64? = nil, limit: Int = 50) -> [UInt64]? {
        scene.clear()
        scene.ask(user, group, .history(before: before, limit: limit))
        for case .history(id("q"), let entries, _) in scene.answers(user) {
            return entries.map { entry in
                switch entry {
                case .groupMessage(0, group, let number, _, _, _, _), .groupEvent(0, group, let number, _, _, _, _): number
                default: 0
                }
            }
        }
        return nil
    }

    private func more(_ scene: Scene, _ user: UserID) -> Bool? {
        for case .history(_, _, let more) in scene.answers(user) { return more }
        return nil
    }

    /// Entries 1 to 5: made, three messages, and dora comes.
    private func grown(_ scene: inout Scene) -> UserID {
        let group = scene.make([bob])
        for name in ["m1", "m2", "m3"] { scene.write(ana, name, to: group) }
        scene.change(ana, "c1", group, .add([dora]))
        scene.advance(milliseconds: 1_000)
        return group
    }

    @Test("a newcomer sees what came with her and after, unless the group shares its history")
    func newcomer() {
        var scene = Scene(isArchive: true)
        let group = grown(&scene)
        scene.write(bob, "m4", to: group)
        #expect(page(&scene, dora, group) == [6, 5])
        #expect(more(scene, dora) == false)
        #expect(page(&scene, bob, group) == [6, 5, 4, 3, 2, 1])
        scene.change(ana, "c2", group, .settings(GroupSettings(sharesHistory: true)))
        #expect(page(&scene, dora, group) == [7, 6, 5, 4, 3, 2, 1])
        scene.change(ana, "c3", group, .settings(GroupSettings()))
        #expect(page(&scene, dora, group) == [8, 7, 6, 5])
    }

    @Test("pages go down to the first entry, and stop where the asker came")
    func pages() {
        var scene = Scene(isArchive: true)
        let group = grown(&scene)
        #expect(page(&scene, bob, group, limit: 2) == [5, 4])
        #expect(more(scene, bob) == true)
        #expect(page(&scene, bob, group, before: 4, limit: 3) == [3, 2, 1])
        #expect(more(scene, bob) == false)
        #expect(page(&scene, bob, group, before: 1) == [])
        #expect(page(&scene, bob, group, before: 0) == [])
        #expect(page(&scene, dora, group, before: 5, limit: 2) == [])
        #expect(more(scene, dora) == false)
        #expect(page(&scene, bob, group, before: .max, limit: 100_000) == [5, 4, 3, 2, 1])
    }

    @Test("strangers and those who went see nothing")
    func strangers() {
        var scene = Scene(shards: 2, isArchive: true)
        let group = grown(&scene)
        #expect(page(&scene, eve, group) == nil)
        #expect(scene.errors(eve) == [.notMember])
        // The other shard puts her out; this one asks the store before it answers.
        scene.change(ana, "c2", group, .remove([dora]), shard: 1)
        #expect(page(&scene, dora, group) == nil)
        #expect(scene.errors(dora) == [.notMember])
        #expect(page(&scene, ana, UserID("g:none")!) == nil)
        #expect(scene.errors(ana) == [.noSuchGroup])
    }

    @Test("a temporary cluster has none, and says so before it promises one")
    func temporary() {
        var scene = Scene()
        let group = grown(&scene)
        #expect(page(&scene, ana, group) == nil)
        #expect(scene.errors(ana) == [.unsupported])
        scene.clear()
        let head = scene.log(group).head
        scene.change(ana, "c2", group, .settings(GroupSettings(sharesHistory: true)))
        #expect(scene.errors(ana) == [.unsupported])
        #expect(scene.log(group).head == head)
        scene.change(bob, "c3", group, .settings(GroupSettings(sharesHistory: true)))
        #expect(scene.errors(bob) == [.notAllowed])
        scene.change(ana, "c4", group, .settings(GroupSettings(showsReceipts: true)))
        #expect(scene.log(group).head == head + 1)
    }

    @Test("a group that is read anew while the store looks is no reason to refuse")
    func readAnew() throws {
        for question in [GroupQuery.Question.history(before: nil, limit: 50), .receipts(at: .zero)] {
            var scene = Scene(isArchive: true)
            let group = grown(&scene)
            let at = scene.log(group).entries[1].stamp
            scene.clear()
            scene.holdsStore = true
            scene.ask(ana, group, question == .receipts(at: .zero) ? .receipts(at: at) : question)
            // Nothing new elsewhere: now the store looks for the answer.
            scene.release(at: 0)
            // Another shard changes the group, and this one learns it when it writes.
            let change = AppendGroup(
                group: group, kind: .event, author: ana, id: id("c9"), after: nil, eventNumber: 5,
                body: GroupChange.rename("Crew").bytes)
            _ = try scene.store.apply([.appendGroup(change)], stamp: scene.now.stamp)
            scene.write(ana, "m9", to: group)
            scene.release(at: 1)
            #expect(scene.answers(ana).isEmpty)
            scene.release(at: 0)
            #expect(scene.answers(ana).count == 1 && scene.errors(ana).isEmpty)
        }
    }

    @Test("a store that is away is told as such")
    func storeAway() {
        var scene = Scene(isArchive: true)
        let group = grown(&scene)
        scene.isStoreAway = true
        #expect(page(&scene, ana, group) == nil)
        scene.advance(milliseconds: 60_000)
        #expect(Set(scene.errors(ana)).isSubset(of: [.unavailable]))
        scene.isStoreAway = false
        scene.advance(milliseconds: 60_000)
        #expect(page(&scene, ana, group)?.count == 5)
    }
}
