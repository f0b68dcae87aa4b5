// The table of calls in flight against a dictionary, also where its places collide.

import Primitives
import RPC
import Testing

@Suite struct CallTableTests {
    private func call(_ number: UInt32) -> CallID { CallID(rawValue: number) }

    @Test func whatIsKeptIsGivenBackOnce() {
        var table = CallTable<String>()
        table.insert(call(7), "seven")
        #expect(table[call(7)] == "seven")
        #expect(table.contains(call(7)))
        #expect(table.count == 1)
        #expect(table.remove(call(7)) == "seven")
        #expect(table.remove(call(7)) == nil)
        #expect(table[call(7)] == nil)
        #expect(table.count == 0)
    }

    @Test func callsThatShareAPlaceDoNotMeet() {
        var table = CallTable<Int>()
        for turn in 0..<4 { table.insert(call(5 + UInt32(turn) * 1_024), turn) }
        #expect(table.count == 4)
        #expect(table.remove(call(5)) == 0)
        #expect(table[call(5)] == nil)
        // The place is free now, and the others are where they were put.
        table.insert(call(5 + 9 * 1_024), 9)
        #expect((1..<4).map { table[call(5 + UInt32($0) * 1_024)] } == [1, 2, 3])
        #expect(table.remove(call(5 + 9 * 1_024)) == 9)
        #expect((1..<4).map { table.remove(call(5 + UInt32($0) * 1_024)) } == [1, 2, 3])
        #expect(table.count == 0)
    }

    @Test func itAgreesWithADictionary() {
        var dice = SeededGenerator(seed: 11)
        var table = CallTable<Int>()
        var model: [CallID: Int] = [:]
        for step in 0..<50_000 {
            // Numbers from a small circle, so that places collide and calls come back; across the end of the numbers, too.
            let id = CallID(rawValue: UInt32.max &- 3_000 &+ UInt32(dice.pick(0..<12_000)))
            if model[id] == nil, dice.percent60 {
                model[id] = step
                table.insert(id, step)
            } else {
                #expect(table.remove(id) == model.removeValue(forKey: id))
            }
            #expect(table.count == model.count)
        }
        for (id, value) in model { #expect(table[id] == value) }
    }
}

extension SeededGenerator {
    fileprivate var percent60: Bool { mutating get { pick(0..<100) < 60 } }
}
