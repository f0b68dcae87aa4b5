// The table of stamps: the newest stands, nothing unsaved is forgotten.

@testable import LastSeenCore
import Messages
import Primitives
import Testing

@Suite struct SeenTableTests {
    private func at(_ value: Int64) -> Stamp { Stamp(microseconds: value) }

    @Test func theNewestStampStandsAndIsStoredOnce() {
        var table = SeenTable(capacity: 10)
        #expect(table.raise(ana, to: at(5)))
        #expect(!table.raise(ana, to: at(5)))
        #expect(!table.raise(ana, to: at(3)))
        #expect(table.raise(ana, to: at(9)))
        #expect(table[ana] == at(9))
        #expect(table.drain() == [.init(user: ana, at: at(9))])
        #expect(table.drain() == [])
        table.restore([.init(user: ana, at: at(9))])
        #expect(table.raise(ana, to: at(10)))
        #expect(table.drain() == [.init(user: ana, at: at(10))])
    }

    @Test func itForgetsOnlyWhatIsStored() {
        var table = SeenTable(capacity: 10)
        let people = (0..<100).map { UserID("u\($0)")! }
        for (index, user) in people.enumerated() { table.raise(user, to: at(Int64(index + 1))) }
        let drained = table.drain()
        #expect(drained.map(\.user) == people)
        #expect(drained.map(\.at.microseconds) == Array(1...100))
        for user in people { table.raise(user, to: at(1_000)) }
        #expect(Set(table.drain().map(\.user)) == Set(people))
        // Now everything is stored: two generations are kept, and no more.
        for (index, user) in people.enumerated() {
            table.raise(user, to: at(Int64(2_000 + index)))
            _ = table.drain()
        }
        #expect(table.count <= 22)
        #expect(table[people[99]] == at(2_099))
        #expect(table[people[0]] == nil)
    }
}
