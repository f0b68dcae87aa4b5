// The contract of engines, part 7: what groups bring to inboxes.

import Messages
import Primitives
import Storage
import Testing

@Suite("Entries of groups in inboxes")
struct StoreContractShared {
    /// Ana and Ben come in with entry 1.
    private func joined(_ setup: Setup, expiry: Interval = StoreLimits.expiryDefault) throws -> Bench {
        let bench = try Bench(setup, expiry: expiry)
        #expect(
            try bench.share([.made(1, .event)], with: [ana, ben], .joined(title: "Team"))
                == [.stored(1, from: 1), .stored(1, from: 1)])
        return bench
    }

    @Test("They stand among the others, under the inbox's numbers, with the group's stamps", arguments: Setup.all)
    func fields(setup: Setup) throws {
        let bench = try joined(setup)
        try bench.append("m1", from: cleo)
        #expect(try bench.share([.made(2), .made(3, author: cleo, body: [])], with: [ana]) == [.stored(2, from: 3)])
        #expect(try bench.append("m2", from: cleo).number == 5)
        try bench.reopen()
        let entries = try bench.read().entries
        #expect(entries.map(\.number) == [1, 2, 3, 4, 5])
        #expect(entries.map(\.groupNumber) == [1, 0, 2, 3, 0])
        #expect(entries.map(\.kind) == [.groupEvent, .message, .groupMessage, .groupMessage, .message])
        #expect(entries.map(\.author) == [ben, cleo, ben, cleo, cleo])
        #expect(entries.map(\.chat) == [team, cleo, team, team, cleo])
        #expect(entries.map(\.id) == ["e1", "m1", "e2", "e3", "m2"].map(id))
        #expect(entries.map(\.body) == ["text of e1", "text of m1", "text of e2", "", "text of m2"].map { Array($0.utf8) })
        for (index, number) in [(0, 1), (2, 2), (3, 3)] as [(Int, Int64)] {
            #expect(entries[index].stamp == Stamp(microseconds: number))
        }
        // The inbox's own stamps rise strictly all the same.
        #expect(entries[1].stamp == bench.now + .microseconds(1))
        #expect(entries[4].stamp == bench.now + .microseconds(4))
        #expect(try bench.head().headStamp == bench.now + .microseconds(4))

        let headers = try bench.read(headersOnly: true).entries
        #expect(headers.map(\.body.isEmpty) == [true, true, true, true, true])
        #expect(headers.map(\.id) == entries.map(\.id))
        #expect(headers.map(\.author) == entries.map(\.author))
        #expect(headers.map(\.groupNumber) == entries.map(\.groupNumber))
        #expect(try bench.read(of: ben).entries.map(\.id) == [id("e1")])
    }

    @Test("Each recipient gets what comes next, and nothing twice", arguments: Setup.all)
    func next(setup: Setup) throws {
        let bench = try joined(setup)
        #expect(try bench.share([.made(2)], with: [ana]) == [.stored(1, from: 2)])
        let three = [GroupEntry.made(2), .made(3), .made(4)]
        #expect(try bench.share(three, with: [ana, ben]) == [.stored(2, from: 3), .stored(3, from: 2)])
        #expect(try bench.share(three, with: [ana, ben]) == [.known, .known])
        #expect(try bench.share([.made(6)], with: [ana]) == [.behind])
        #expect(try bench.share([.made(4), .made(6)], with: [ana]) == [.behind])
        #expect(
            try bench.share([.made(4), .made(5), .made(7)], with: [ana])
                == [SharedAppended.Item(storedCount: 1, firstNumber: 5, isBehind: true)])
        #expect(try bench.read().entries.map(\.groupNumber) == [1, 2, 3, 4, 5])
        #expect(try bench.head(of: ben).head == 4)
    }

    @Test("Who never came in is behind, whatever the number", arguments: Setup.all)
    func stranger(setup: Setup) throws {
        let bench = try joined(setup)
        #expect(try bench.share([.made(1, .event)], with: [cleo, ana]) == [.behind, .known])
        #expect(try bench.share([.made(1, .event)], with: [cleo], .renamed(title: "Other")) == [.behind])
        #expect(try bench.share([.made(1, .event)], with: [cleo], .left) == [.behind])
        #expect(try bench.head(of: cleo).head == 0)
        #expect(try bench.memberships(of: cleo).items.isEmpty)
    }

    @Test("Named twice, a recipient gets it once", arguments: Setup.all)
    func twice(setup: Setup) throws {
        let bench = try joined(setup)
        #expect(
            try bench.share([.made(2), .made(3)], with: [ana, ben, ana])
                == [.stored(2, from: 2), .stored(2, from: 2), .known])
        #expect(
            try bench.share([.made(4, .event)], with: [cleo, cleo], .joined(title: "Team")) == [.stored(1, from: 1), .known])
        #expect(try bench.head().head == 3)
    }

    @Test("Coming in again skips what was missed meanwhile", arguments: Setup.all)
    func again(setup: Setup) throws {
        let bench = try joined(setup)
        #expect(try bench.share([.made(2, .event)], with: [ana], .left) == [.stored(1, from: 2)])
        #expect(try bench.share([.made(4)], with: [ana]) == [.behind])
        #expect(try bench.share([.made(9, .event)], with: [ana], .joined(title: "New")) == [.stored(1, from: 3)])
        #expect(try bench.share([.made(9, .event)], with: [ana], .joined(title: "Old")) == [.known])
        #expect(try bench.share([.made(10)], with: [ana]) == [.stored(1, from: 4)])
        #expect(try bench.memberships().items == [.init(group: team, title: "New")])
    }

    @Test("The list of groups follows joining, renaming and leaving, not repeats", arguments: Setup.all)
    func memberships(setup: Setup) throws {
        let bench = try joined(setup)
        try bench.share([.made(1, .event)], of: club, with: [ana], .joined(title: "Club"))
        try bench.share([.made(2, .event)], with: [ana, ben], .renamed(title: "Crew"))
        try bench.share([.made(3, .event)], with: [ben], .left)
        // A repeat of the past changes nothing.
        try bench.share([.made(1, .event)], with: [ana, ben], .joined(title: "Team"))
        try bench.share([.made(2, .event)], with: [ana], .left)
        try bench.reopen()
        let both: [MembershipPage.Item] = [.init(group: club, title: "Club"), .init(group: team, title: "Crew")]
        #expect(try bench.memberships() == MembershipPage(items: both, hasMore: false))
        #expect(try bench.memberships(after: club).items == [both[1]])
        #expect(try bench.memberships(of: ben).items.isEmpty)
        #expect(try bench.memberships(of: dora).items.isEmpty)
    }

    @Test("A long list of groups comes in pages", arguments: Setup.temporary)
    func manyMemberships(setup: Setup) throws {
        let bench = try Bench(setup)
        let groups = (0..<230).map { UserID("g:\($0)")! }
        for group in groups { try bench.share([.made(1, .event)], of: group, with: [ana], .joined(title: "T \(group)")) }
        var read: [MembershipPage.Item] = []
        var sizes: [Int] = []
        while true {
            let page = try bench.memberships(after: read.last?.group)
            read += page.items
            sizes.append(page.items.count)
            if !page.hasMore { break }
        }
        #expect(read == groups.sorted().map { .init(group: $0, title: "T \($0)") })
        #expect(sizes == [100, 100, 30])
    }

    @Test("Ids of a group and ids of people do not meet", arguments: Setup.all)
    func ids(setup: Setup) throws {
        let bench = try joined(setup)
        try bench.share([.made(1, .event)], of: club, with: [ana], .joined(title: "Club"))
        try bench.share([.made(2)], with: [ana])
        try bench.share([.made(2)], of: club, with: [ana])
        #expect(try bench.append("e2", from: ben).outcome == .stored)
        #expect(try bench.append("e3", from: ben, after: "e1").outcome == .predecessorMissing)
        #expect(try bench.read().entries.map(\.chat) == [team, club, team, club, ben])
    }

    @Test("What one has is kept for the other", arguments: Setup.temporary)
    func delivered(setup: Setup) throws {
        let bench = try joined(setup)
        try bench.open(phone)
        try bench.open(phone, of: ben)
        try bench.share([.made(2), .made(3)], with: [ana, ben])
        try bench.acknowledge(3, on: phone)
        #expect(try bench.read().entries.isEmpty)
        #expect(try bench.read(of: ben).entries.map(\.body) == (1...3).map { Array("text of e\($0)".utf8) })
        try bench.acknowledge(2, on: phone, of: ben)
        try bench.acknowledge(2, on: phone, of: ben)
        #expect(try bench.read(of: ben).entries.map(\.body) == [Array("text of e3".utf8)])
        try bench.acknowledge(3, on: phone, of: ben)
        // Somebody who comes in with an old entry gets it though everybody else lost it.
        try bench.share([.made(3, .event)], with: [cleo], .joined(title: "Team"))
        #expect(try bench.read(of: cleo).entries.map(\.body) == [Array("text of e3".utf8)])
        #expect(try bench.share([.made(3, .event), .made(4)], with: [ana, ben, cleo])
            == [.stored(1, from: 4), .stored(1, from: 4), .stored(1, from: 2)])
    }

    @Test("A new device begins before the first text that no device has", arguments: Setup.temporary)
    func newDevice(setup: Setup) throws {
        let bench = try joined(setup)
        try bench.share([.made(2), .made(3)], with: [ana])
        #expect(try bench.open(phone).cursor == 0)
        try bench.acknowledge(2, on: phone)
        #expect(try bench.read().entries.map(\.groupNumber) == [3])
    }

    @Test("An archive keeps them, in histories too", arguments: Setup.archive)
    func history(setup: Setup) throws {
        let bench = try joined(setup)
        try bench.append("m1", from: cleo)
        try bench.share([.made(2), .made(3)], with: [ana, ben])
        try bench.open(phone)
        try bench.acknowledge(4, on: phone)
        bench.wait(day * 100)
        try bench.sweep()
        #expect(try bench.history().entries.map(\.number) == [4, 3, 2, 1])
        let ofGroup = try bench.history(with: team).entries
        #expect(ofGroup.map(\.number) == [4, 3, 1])
        #expect(ofGroup.map(\.groupNumber) == [3, 2, 1])
        #expect(ofGroup[0].body == Array("text of e3".utf8))
        #expect(ofGroup[0].stamp == Stamp(microseconds: 3))
        #expect(try bench.history(with: team, before: 3, limit: 1).entries.map(\.number) == [1])
        #expect(try bench.history(of: ben).entries.map(\.groupNumber) == [3, 2, 1])
    }

    @Test("What is older than the expiry goes and is reported to nobody; its remains are purged", arguments: Setup.temporary)
    func expired(setup: Setup) throws {
        let bench = try joined(setup)
        try bench.share([.made(2), .made(3)], with: [ana, ben])
        bench.wait(day * 10)
        try bench.share([.made(4)], with: [ana])
        bench.wait(day * 25)
        let swept = try bench.sweep()
        #expect(swept.expired.isEmpty)
        #expect(swept.purgedCount == 5)
        #expect(try bench.read().entries.map(\.groupNumber) == [4])
        #expect(try bench.read(of: ben).entries.isEmpty)
        // Places outlive entries.
        #expect(try bench.share([.made(4), .made(5)], with: [ana, ben]) == [.stored(1, from: 5), .stored(2, from: 4)])
        #expect(try bench.read().entries.map(\.body) == [4, 5].map { Array("text of e\($0)".utf8) })
    }

    @Test("Text that is gone, and a number that was reported, are dropped once", arguments: Setup.temporary)
    func dropped(setup: Setup) throws {
        let bench = try joined(setup)
        try bench.share([.made(2)], with: [ana, ben])
        try bench.dropExpired([2, 2, 1, 9])
        try bench.dropExpired([2])
        try bench.open(phone)
        try bench.acknowledge(2, on: phone)
        #expect(try bench.read().entries.isEmpty)
        #expect(try bench.read(of: ben).entries.map(\.groupNumber) == [1, 2])
        bench.wait(hour * 26)
        #expect(try bench.sweep().purgedCount == 1)
        #expect(try bench.read(of: ben).entries.map(\.body) == [1, 2].map { Array("text of e\($0)".utf8) })
    }
}
