// The table of stamps: the newest stands, nothing unsaved is forgotten.

import LastSeenCore
import Messages
import Primitives
import Testing

@Suite struct SeenTableTests {
    private func at(_ value: Int64) -> Stamp { Stamp(microseconds: value) }

    @Test func theNewestStampStandsAndIsStoredOnce() {
        var table = SeenTable(capacity: 10)
        let news = [5, 5, 3, 9].map { table.raise(ana, to: at($0)) }
        #expect(news == [true, false, false, true])
        #expect(table[ana] == at(9))
        let first = table.drain()
        #expect(first == [.init(user: ana, at: at(9))])
        let nothing = table.drain()
        #expect(nothing == [])
        table.restore(first)
        table.raise(ana, to: at(10))
        let second = table.drain()
        #expect(second == [.init(user: ana, at: at(10))])
    }

    @Test func itForgetsOnlyWhatIsStored() {
        var table = SeenTable(capacity: 10)
        let people = (0..<100).map { UserID("u\($0)")! }
        for (index, user) in people.enumerated() { table.raise(user, to: at(Int64(index + 1))) }
        let drained = table.drain()
        #expect(drained.map(\.user) == people)
        #expect(drained.map(\.at.microseconds) == Array(1...100))
        for user in people { table.raise(user, to: at(1_000)) }
        let again = table.drain()
        #expect(Set(again.map(\.user)) == Set(people))
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
