// The contract of engines, part 6: who stands where in a group.

import Messages
import Primitives
import Storage
import Testing

@Suite("Marks of a group's members")
struct StoreContractMarks {
    private func item(_ member: UserID, _ wrote: Int64, _ delivered: Int64, _ read: Int64) -> GroupMarks.Item {
        GroupMarks.Item(
            member: member, wrote: Stamp(microseconds: wrote), delivered: Stamp(microseconds: delivered),
            read: Stamp(microseconds: read))
    }

    @Test("Marks rise and never fall; who wrote, received or read is listed by name", arguments: Setup.all)
    func rise(setup: Setup) throws {
        let bench = try Bench(setup)
        let wrote = try bench.write("e1", by: cleo).stamp.microseconds
        try bench.mark(.delivered, by: ben, to: 20)
        try bench.mark(.delivered, by: ben, to: 10)
        try bench.mark(.read, by: ana, to: 5)
        try bench.mark(.delivered, by: cleo, to: 7)
        try bench.mark(.delivered, by: dora, to: 0)
        let expected = [item(ana, 0, 0, 5), item(ben, 0, 20, 0), item(cleo, wrote, 7, 0)]
        #expect(try bench.marks() == GroupMarks(items: expected, hasMore: false, revision: 3))
        try bench.reopen()
        #expect(try bench.marks().items == expected)
        #expect(try bench.marks(after: ana).items == Array(expected.dropFirst()))
        #expect(try bench.marks(after: cleo).items.isEmpty)
        #expect(try bench.marks(in: club).items.isEmpty)
    }

    @Test("The author of a message is found by its stamp", arguments: Setup.all)
    func author(setup: Setup) throws {
        let bench = try Bench(setup)
        let event = try bench.write("e1", kind: .event).stamp.microseconds
        var stamps: [Int64] = []
        for number in 2...20 {
            bench.wait(.microseconds(10))
            stamps.append(try bench.write("e\(number)", by: number.isMultiple(of: 3) ? cleo : ben).stamp.microseconds)
        }
        for (index, stamp) in stamps.enumerated() {
            #expect(try bench.marks(at: stamp).author == ((index + 2).isMultiple(of: 3) ? cleo : ben))
            #expect(try bench.marks(at: stamp + 1).author == nil)
        }
        #expect(try bench.marks(at: event).author == nil)
        #expect(try bench.marks(at: 1).author == nil)
        #expect(try bench.marks().author == nil)
        #expect(try bench.marks(in: club, at: stamps[0]).author == nil)
    }

    @Test("An event is nobody's message", arguments: Setup.all)
    func events(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.write("e1", kind: .event)
        #expect(try bench.marks().items.isEmpty)
        let first = try bench.write("e2")
        #expect(try bench.marks().items == [item(ben, first.stamp.microseconds, 0, 0)])
        try bench.write("e3", kind: .event)
        #expect(try bench.marks().items == [item(ben, first.stamp.microseconds, 0, 0)])
    }

    @Test("Marks in a group without a log are ignored", arguments: Setup.all)
    func unknown(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.mark(.read, by: ana, to: 5)
        #expect(try bench.marks().items.isEmpty)
        try bench.write("e1", kind: .event)
        #expect(try bench.marks().items.isEmpty)
    }

    @Test("When a message came to a member is the time of the first raise up to it or beyond", arguments: Setup.all)
    func arrival(setup: Setup) throws {
        let bench = try Bench(setup)
        let wrote = try bench.write("e1", by: ben).stamp.microseconds
        var times: [Int64] = []
        for stamp in [10, 20, 40] as [Int64] {
            bench.wait(.seconds(1))
            times.append(bench.now.microseconds)
            try bench.mark(.delivered, by: ana, to: stamp)
        }
        bench.wait(.seconds(1))
        try bench.mark(.read, by: ana, to: 20)
        let read = bench.now.microseconds
        // Said again, it is not new.
        bench.wait(.seconds(1))
        try bench.mark(.delivered, by: ana, to: 40)
        try bench.reopen()
        func at(_ stamp: Int64) throws -> GroupMarks.Item { try bench.marks(at: stamp).items[0] }
        #expect(try at(1) == item(ana, 0, times[0], read))
        #expect(try at(10) == item(ana, 0, times[0], read))
        #expect(try at(11) == item(ana, 0, times[1], read))
        #expect(try at(20) == item(ana, 0, times[1], read))
        #expect(try at(21) == item(ana, 0, times[2], 0))
        #expect(try at(41) == item(ana, 0, 0, 0))
        #expect(try bench.marks(after: ana, at: 20).items == [item(ben, wrote, 0, 0)])
    }

    @Test("Several marks of one member in one request are taken one after the other", arguments: Setup.all)
    func batch(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.write("e1", kind: .event)
        let marks = [(ReceiptKind.delivered, 5), (.read, 3), (.delivered, 4), (.delivered, 9)].map {
            GroupMark(member: ana, kind: $0.0, upTo: Stamp(microseconds: $0.1))
        }
        #expect(try bench.store(marks) == GroupMarksStored(revision: 2, hasRisen: true))
        #expect(try bench.marks().items == [item(ana, 0, 9, 3)])
    }

    @Test("A group owes ticks from each event and each batch in which a mark rose until it is told", arguments: Setup.all)
    func revisions(setup: Setup) throws {
        let bench = try Bench(setup)
        #expect(try bench.mark(.read, by: ana, to: 5) == GroupMarksStored(revision: 0, hasRisen: false), "no such group")
        #expect(try bench.write("e1", kind: .event).revision == 1)
        try bench.settle(1, told: 1)
        #expect(try bench.pending().groups.isEmpty)
        // Whoever writes moves no tick; a mark does, once.
        #expect(try bench.write("e2").revision == 1)
        try bench.settle(2, told: 1)
        #expect(try bench.mark(.delivered, by: ana, to: 5) == GroupMarksStored(revision: 2, hasRisen: true))
        #expect(try bench.mark(.delivered, by: ana, to: 5) == GroupMarksStored(revision: 2, hasRisen: false))
        #expect(try bench.mark(.delivered, by: ben, to: 5) == GroupMarksStored(revision: 3, hasRisen: true))
        #expect(try bench.pending().groups == [team])
        // What was told does not go back, and not beyond what there is.
        try bench.settle(0, told: 2)
        try bench.settle(0, told: 1)
        var marks = try bench.marks()
        #expect([marks.revision, marks.told, marks.eventNumber] == [3, 2, 1])
        #expect(try bench.pending().groups == [team])
        try bench.settle(0, told: 99)
        try bench.reopen()
        marks = try bench.marks(after: ana)
        #expect([marks.revision, marks.told] == [3, 3])
        #expect(try bench.log().fannedOut == 2)
        #expect(try bench.pending().groups.isEmpty)
        #expect(try bench.write("e3", kind: .event).revision == 4)
        try bench.settle(3, told: 3)
        #expect(try bench.pending().groups == [team])
        #expect(try bench.marks(in: UserID("g:other")!).revision == 0)
    }

    @Test("A large group comes in pages", arguments: Setup.temporary)
    func pages(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.write("e1", kind: .event)
        let members = (0..<1_300).map { UserID("u\($0)")! }
        let marks = members.map { GroupMark(member: $0, kind: .delivered, upTo: Stamp(microseconds: 9)) }
        try bench.store(marks)
        var read: [UserID] = []
        var sizes: [Int] = []
        while true {
            let page = try bench.marks(after: read.last, at: 9)
            #expect(page.items.allSatisfy { $0.delivered == bench.now })
            read += page.items.map(\.member)
            sizes.append(page.items.count)
            if !page.hasMore { break }
        }
        #expect(read == members.sorted())
        #expect(sizes == [512, 512, 276])
    }

    @Test("Times older than the expiry go as new ones come, but nobody's newest", arguments: Setup.all)
    func oldTimes(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.write("e1", kind: .event)
        let first = bench.now
        for stamp in 1...4 { try bench.mark(.delivered, by: ana, to: Int64(stamp)) }
        try bench.mark(.delivered, by: ben, to: 2)
        bench.wait(day * 40)
        try bench.mark(.delivered, by: ana, to: 5)
        try bench.mark(.delivered, by: ana, to: 6)
        let items = try bench.marks(at: 1).items
        #expect(items.map(\.delivered) == [setup.isArchive ? first : bench.now, first])
        #expect(try bench.marks().items.map(\.delivered) == [Stamp(microseconds: 6), Stamp(microseconds: 2)])
    }
}
