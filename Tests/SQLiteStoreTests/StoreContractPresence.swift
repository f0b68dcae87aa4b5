// The contract of engines, part 8: settings, blocks, read receipts, last seen.

import Messages
import Primitives
import Privacy
import SQLiteStore
import Storage
import Testing

@Suite("Settings and last seen")
struct StoreContractPresence {
    @Test("Settings of somebody who never set anything are plain; changes are counted and stay", arguments: Setup.all)
    func settings(setup: Setup) throws {
        let bench = try Bench(setup)
        #expect(try bench.change(.question) == SettingsStored(outcome: .same, settings: UserSettings()))
        let hide = SettingsChange.set(lastSeen: .nobody, exceptions: [cleo, ben], readReceipts: nil)
        let hidden = UserSettings(lastSeen: .nobody, exceptions: [ben, cleo], revision: 1)
        #expect(try bench.change(hide) == SettingsStored(outcome: .changed, settings: hidden))
        #expect(try bench.change(hide) == SettingsStored(outcome: .same, settings: hidden))
        try bench.reopen()
        #expect(try bench.change(.block(dora)).settings.revision == 2)
        #expect(try bench.change(.question).settings.blocked == [dora])
        #expect(try bench.change(.question, of: ben).settings == UserSettings())
        #expect(try bench.open(device(1)).settings.exceptions == [ben, cleo])
        #expect(try bench.open(device(1), of: ben).settings == UserSettings())
    }

    @Test("A list of blocked users that is full takes no more", arguments: Setup.all)
    func fullList(setup: Setup) throws {
        let bench = try Bench(setup)
        for i in 0..<PrivacyLimits.blockCountMax { try bench.change(.block(UserID("u\(i)")!)) }
        let full = try bench.change(.block(ben))
        #expect(full.outcome == .tooManyBlocks)
        #expect(full.settings.blocked.count == PrivacyLimits.blockCountMax)
        #expect(try bench.append("m1").outcome == .stored)
        try bench.reopen()
        #expect(try bench.append("m1", from: UserID("u7")!).outcome == .blocked)
    }

    @Test("A message of somebody who is blocked is answered and not stored; a former one is still known", arguments: Setup.all)
    func blocked(setup: Setup) throws {
        let bench = try Bench(setup)
        let first = try bench.append("m1")
        try bench.change(.block(ben))
        bench.wait(.seconds(1))
        #expect(try bench.append("m2") == Appended(outcome: .blocked, number: 0, stamp: bench.now))
        #expect(try bench.append("m1") == Appended(outcome: .duplicate, number: 1, stamp: first.stamp))
        #expect(try bench.append("m1", body: [1]).outcome == .conflict)
        // A chain goes on: the author cannot tell that the predecessor is not there.
        #expect(try bench.append("m3", after: "m2").outcome == .blocked)
        #expect(try bench.append("m1", from: cleo).outcome == .stored)
        try bench.reopen()
        #expect(try bench.append("m2").outcome == .blocked)
        #expect(try bench.head().head == 2)
        #expect(try bench.read().entries.map(\.author) == [ben, cleo])

        try bench.change(.unblock(ben))
        #expect(try bench.append("m4", after: "m3").outcome == .predecessorMissing)
        #expect(try bench.append("m4").number == 3)
    }

    @Test("What is blocked gets a stamp above every other, also when the clock jumps back", arguments: Setup.all)
    func blockedStamp(setup: Setup) throws {
        let bench = try Bench(setup)
        let newest = try bench.append("m1").stamp
        try bench.change(.block(ben))
        bench.wait(.seconds(-100))
        #expect(try bench.append("m2").stamp == newest + .microseconds(1))
    }

    @Test("A block concerns messages to the one who blocks, and nothing else", arguments: Setup.all)
    func blockedKinds(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.change(.block(ben))
        #expect(try bench.append("m1", to: ben, from: ana).outcome == .stored)
        #expect(try bench.append("m2", from: ben, kind: .expired).outcome == .stored)
        #expect(try bench.append("m3", from: ana, kind: .copy, chat: ben).outcome == .stored)
        #expect(try bench.share([.made(1, .event, author: ben)], with: [ana], .joined(title: "Team")).map(\.storedCount) == [1])
        #expect(try bench.append("m4").outcome == .blocked)
    }

    @Test("Who has read receipts off gets none from people, then and later; delivered and groups go on", arguments: Setup.all)
    func readReceipts(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.raise(.read, to: 10)
        try bench.change(.set(lastSeen: nil, exceptions: nil, readReceipts: false), of: ben)
        let before = try bench.store(.read, to: 20)
        #expect(before.watermark.upTo == Stamp(microseconds: 10))
        #expect(before.previous == before.watermark.revision)
        #expect(try bench.raise(.delivered, to: 20).upTo == Stamp(microseconds: 20))
        #expect(try bench.raise(.read, by: team, to: 20).upTo == Stamp(microseconds: 20))
        // Somebody who never got one: the watermark stands at zero.
        #expect(try bench.raise(.read, by: cleo, to: 20).upTo == .zero)
        try bench.change(.set(lastSeen: nil, exceptions: nil, readReceipts: true), of: ben)
        try bench.reopen()
        #expect(Set(try bench.watermarks().watermarks.map { "\($0.peer) \($0.kind) \($0.upTo.microseconds)" }) == [
            "ana read 10", "ana delivered 20", "g:team read 20",
        ])
        #expect(try bench.raise(.read, to: 20).upTo == Stamp(microseconds: 20))
    }

    @Test("Last seen rises and never falls, whatever the order", arguments: Setup.all)
    func lastSeen(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.see((ana, 20), (ben, 5), (ana, 10))
        try bench.see((ana, 15), (cleo, 0))
        try bench.change(.block(ben))
        func check() throws {
            let items = try bench.presence(of: [ben, ana, dora, cleo, ana])
            #expect(items.map(\.lastSeen?.microseconds) == [5, 20, nil, nil, 20])
            #expect(items[1].settings == UserSettings(blocked: [ben], revision: 1))
            #expect(items[0].settings == UserSettings())
        }
        try check()
        try bench.reopen()
        try check()
    }

    @Test("A page of long settings stops behind its bound; one always has room", arguments: Setup.all)
    func longSettings(setup: Setup) throws {
        let bench = try Bench(setup)
        let people = (0..<8).map { UserID("p\($0)")! }
        let long = (0..<PrivacyLimits.exceptionCountMax).map { UserID(String(repeating: "x", count: 60) + "\(1_000 + $0)")! }
        for person in people {
            try bench.change(.set(lastSeen: nil, exceptions: long, readReceipts: nil), of: person)
            for user in long { try bench.change(.block(user), of: person) }
        }
        var items = try bench.presence(of: people + people)
        // 33 KB each: the eighth goes over 256 KiB.
        #expect(items.count == 8)
        items += try bench.presence(of: Array((people + people).dropFirst(items.count)))
        #expect(items.count == 16)
        #expect(items.allSatisfy { $0.settings.blocked.count == 256 })
    }
}
