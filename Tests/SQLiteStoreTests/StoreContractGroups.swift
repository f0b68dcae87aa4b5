// The contract of engines, part 5: logs of groups.

import Messages
import Primitives
import Storage
import Testing

@Suite("The log of a group")
struct StoreContractGroups {
    @Test("Numbers are dense in each log, stamps rise strictly even when the clock jumps back", arguments: Setup.all)
    func numbersAndStamps(setup: Setup) throws {
        let bench = try Bench(setup)
        let start = bench.now
        #expect(try bench.write("e1", kind: .event) == GroupAppended(outcome: .stored, number: 1, stamp: start, revision: 1))
        bench.now = start + .seconds(-100)
        #expect(try bench.write("e2").stamp == start + .microseconds(1))
        #expect(try bench.write("e1", in: club) == GroupAppended(outcome: .stored, number: 1, stamp: bench.now))
        bench.now = start + .seconds(1)
        #expect(try bench.write("e3", by: cleo) == GroupAppended(outcome: .stored, number: 3, stamp: bench.now, revision: 1))
        try bench.reopen()
        #expect(try bench.write("e4").stamp == bench.now + .microseconds(1))
        let page = try bench.log()
        #expect(page.entries.map(\.number) == [1, 2, 3, 4])
        #expect(page.entries.map(\.author) == [ben, ben, cleo, ben])
        #expect(page.entries.map(\.kind) == [.event, .message, .message, .message])
        #expect(page.entries.map(\.stamp) == [start, start + .microseconds(1), bench.now, bench.now + .microseconds(1)])
        #expect(page.entries[1].body == Array("text of e2".utf8))
        #expect(page.head == 4)
        #expect(page.headStamp == bench.now + .microseconds(1))
        #expect(page.eventNumber == 1)
        #expect(page.fannedOut == 0)
    }

    @Test("Who does not know the newest event writes nothing", arguments: Setup.all)
    func stale(setup: Setup) throws {
        let bench = try Bench(setup)
        #expect(try bench.write("e1", event: 1) == .refused(.stale))
        #expect(try bench.write("e1", kind: .event, event: 0).number == 1)
        #expect(try bench.write("e2", kind: .event, event: 0) == .refused(.stale))
        #expect(try bench.write("e2", event: 1).number == 2)
        #expect(try bench.write("e3", event: 2) == .refused(.stale))
        #expect(try bench.write("e3", kind: .event, event: 1).number == 3)
        #expect(try bench.write("e4", event: 1) == .refused(.stale))
        #expect(try bench.write("e4", event: 3).number == 4)
        #expect(try bench.log().head == 4)
    }

    @Test("A known id is recognised before anything else is judged", arguments: Setup.all)
    func knownFirst(setup: Setup) throws {
        let bench = try Bench(setup)
        let first = try bench.write("e1", kind: .event)
        let second = try bench.write("e2")
        bench.wait(.seconds(5))
        let never = AppendGroup.neverCurrent
        #expect(try bench.write("e2", after: "e9", event: never).outcome == .duplicate)
        #expect(
            try bench.write("e2", event: 7) == GroupAppended(outcome: .duplicate, number: 2, stamp: second.stamp))
        #expect(
            try bench.write("e1", kind: .event, event: never)
                == GroupAppended(outcome: .duplicate, number: 1, stamp: first.stamp))
        #expect(try bench.write("e2", event: never, body: [1]) == .refused(.conflict))
        #expect(try bench.write("e2", kind: .event, event: never) == .refused(.conflict))
        #expect(try bench.write("e3", event: never) == .refused(.stale))
        #expect(try bench.write("e2", by: cleo, event: never) == .refused(.stale))
        #expect(try bench.write("e2", in: club, event: never) == .refused(.stale))
        #expect(try bench.log().head == 2)
    }

    @Test("A repeat is told by what was asked for, not by what the rules left of it", arguments: Setup.all)
    func asked(setup: Setup) throws {
        let bench = try Bench(setup)
        let first = try bench.write("e1", kind: .event, body: [1], asked: [1, 2])
        try bench.reopen()
        #expect(try bench.log().entries.map(\.body) == [[1]])
        let again = GroupAppended(outcome: .duplicate, number: 1, stamp: first.stamp)
        #expect(try bench.write("e1", kind: .event, body: [], asked: [1, 2]) == again)
        #expect(try bench.write("e1", kind: .event, body: [1, 2]) == again)
        #expect(try bench.write("e1", kind: .event, body: [1]) == .refused(.conflict))
        #expect(try bench.write("e1", kind: .event, body: [1], asked: [1, 2, 3]) == .refused(.conflict))
    }

    @Test("A predecessor must be there, from the same author, in the same log", arguments: Setup.all)
    func predecessor(setup: Setup) throws {
        let bench = try Bench(setup)
        #expect(try bench.write("e2", after: "e1") == .refused(.predecessorMissing))
        try bench.write("e1")
        #expect(try bench.write("e2", by: cleo, after: "e1") == .refused(.predecessorMissing))
        #expect(try bench.write("e2", in: club, after: "e1") == .refused(.predecessorMissing))
        #expect(try bench.write("e2", after: "e1", event: 1) == .refused(.stale))
        #expect(try bench.write("e2", after: "e1").number == 2)
    }

    @Test("An unknown group has an empty page of zeros", arguments: Setup.all)
    func unknown(setup: Setup) throws {
        let bench = try Bench(setup)
        let nothing = GroupPage(entries: [], hasMore: false, head: 0, headStamp: .zero, eventNumber: 0, fannedOut: 0)
        #expect(try bench.log() == nothing)
        try bench.append("m1", from: team)
        #expect(try bench.log() == nothing)
        try bench.settle(5)
        #expect(try bench.log() == nothing)
        #expect(try bench.pending() == PendingGroups(groups: [], hasMore: false))
    }

    @Test("A page ends with its limit or its bodies, and says whether there is more", arguments: Setup.all)
    func pages(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.write("e1", kind: .event)
        for number in 2...6 { try bench.write("e\(number)", body: Array(repeating: 7, count: 30_000)) }
        try bench.write("e7", kind: .event)
        let two = try bench.log(limit: 2)
        #expect(two.entries.map(\.number) == [1, 2])
        #expect(two.hasMore)
        #expect(two.head == 7)
        let bodies = try bench.log(after: 1)
        #expect(bodies.entries.map(\.number) == [2, 3])
        #expect(bodies.hasMore)
        let end = try bench.log(after: 5)
        #expect(end.entries.map(\.number) == [6, 7])
        #expect(!end.hasMore)
        #expect(try bench.log(after: 7).entries.isEmpty)
        #expect(try bench.log(after: .max).head == 7)
        let events = try bench.log(eventsOnly: true)
        #expect(events.entries.map(\.number) == [1, 7])
        #expect(!events.hasMore)
        #expect(try bench.log(after: 1, limit: 1, eventsOnly: true).entries.map(\.number) == [7])
        #expect(try bench.log(limit: 1, eventsOnly: true).hasMore)
        try bench.write("e8", body: Array(repeating: 7, count: MessageLimits.bodyBytesMax))
        #expect(try bench.log(after: 7).entries.map(\.body.count) == [MessageLimits.bodyBytesMax])
    }

    @Test("The same backwards: newest first, below a number", arguments: Setup.all)
    func newestFirst(setup: Setup) throws {
        let bench = try Bench(setup)
        #expect(try bench.newest(before: .max).entries.isEmpty)
        try bench.write("e1", kind: .event)
        for number in 2...5 { try bench.write("e\(number)", body: Array(repeating: 7, count: 30_000)) }
        try bench.write("o1", in: club)
        let bodies = try bench.newest(before: .max)
        #expect(bodies.entries.map(\.number) == [5, 4])
        #expect(bodies.hasMore && bodies.head == 5)
        let end = try bench.newest(before: 4)
        #expect(end.entries.map(\.number) == [3, 2, 1] || end.entries.map(\.number) == [3, 2])
        #expect(try bench.newest(before: 3, limit: 1).entries.map(\.number) == [2])
        #expect(try bench.newest(before: 3, limit: 1).hasMore)
        #expect(try !bench.newest(before: 3, limit: 2).hasMore)
        for before in [0, 1] as [UInt64] { #expect(try bench.newest(before: before).entries.isEmpty) }
    }

    @Test("What is in every inbox loses its text unless the store is an archive", arguments: Setup.all)
    func fanOut(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.write("e1", kind: .event)
        for number in 2...4 { try bench.write("e\(number)") }
        try bench.settle(3)
        try bench.settle(2)
        let page = try bench.log()
        #expect(page.fannedOut == 3)
        #expect(page.entries.map(\.number) == [1, 2, 3, 4])
        let dropped = (2...3).map { setup.isArchive ? Array("text of e\($0)".utf8) : [] }
        #expect(page.entries.map(\.body) == [Array("text of e1".utf8)] + dropped + [Array("text of e4".utf8)])
        try bench.settle(99)
        #expect(try bench.log().fannedOut == 4)
        // Without its text an entry is still known.
        #expect(try bench.write("e2").outcome == .duplicate)
        #expect(try bench.write("e2", body: []).outcome == .conflict)
        #expect(try bench.write("e5", after: "e2").number == 5)
        try bench.reopen()
        #expect(try bench.log().fannedOut == 4)
    }

    @Test("Groups whose fan-out is not finished are listed in the order of their ids", arguments: Setup.temporary)
    func pending(setup: Setup) throws {
        let bench = try Bench(setup)
        let groups = (0..<600).map { UserID("g:\($0)")! }
        for group in groups { try bench.write("e1", in: group, event: 0) }
        for group in groups.prefix(50) { try bench.settle(1, of: group) }
        let expected = groups.dropFirst(50).sorted()
        let first = try bench.pending()
        #expect(first.groups == Array(expected.prefix(MessageLimits.pageEntryCountMax)))
        #expect(first.hasMore)
        let rest = try bench.pending(after: first.groups.last)
        #expect(rest.groups == Array(expected.dropFirst(MessageLimits.pageEntryCountMax)))
        #expect(!rest.hasMore)
        for group in groups { try bench.settle(1, of: group) }
        #expect(try bench.pending().groups.isEmpty)
        try bench.write("e2", in: groups[7])
        #expect(try bench.pending().groups == [groups[7]])
    }

    @Test("Old messages that every inbox has go while the log grows; events and the rest stay", arguments: Setup.temporary)
    func pruned(setup: Setup) throws {
        let bench = try Bench(setup, expiry: hour * 48)
        try bench.write("e1", kind: .event)
        for number in 2...5 { try bench.write("e\(number)") }
        try bench.write("e6", kind: .event)
        for number in 7...8 { try bench.write("e\(number)") }
        try bench.settle(7)
        bench.wait(hour * 49)
        for number in 9...12 { try bench.write("e\(number)") }
        #expect(try bench.log().entries.map(\.number) == [1, 6, 8, 9, 10, 11, 12])
        #expect(try bench.log(eventsOnly: true).entries.map(\.number) == [1, 6])
        // What went is not known any more, what stayed is.
        #expect(try bench.write("e2").number == 13)
        #expect(try bench.write("e8").outcome == .duplicate)
        #expect(try bench.log().head == 13)
    }

    @Test("An id is remembered a day even when the expiry is short", arguments: Setup.temporary)
    func idsOutliveShortExpiries(setup: Setup) throws {
        let bench = try Bench(setup, expiry: hour)
        try bench.write("e1")
        try bench.settle(1)
        bench.wait(hour * 24)
        try bench.write("e2")
        #expect(try bench.write("e1").outcome == .duplicate)
        bench.wait(hour * 2)
        try bench.write("e3")
        #expect(try bench.log().entries.map(\.number) == [2, 3])
    }

    @Test("An archive keeps its logs", arguments: Setup.archive)
    func archive(setup: Setup) throws {
        let bench = try Bench(setup)
        for number in 1...4 { try bench.write("e\(number)") }
        try bench.settle(4)
        bench.wait(day * 100)
        try bench.write("e5")
        #expect(try bench.log().entries.map(\.body.isEmpty) == [false, false, false, false, false])
    }
}
