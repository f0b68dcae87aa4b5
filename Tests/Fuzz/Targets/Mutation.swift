// Inputs without libFuzzer: a seed, changed at random. Blind, where libFuzzer sees which branches are new; but the same
// number is the same input for ever, and it needs no build of its own.

import Primitives

public struct Mutation {
    /// Longest input, bytes: what is parsed in a row is shorter, and longer ones only take longer.
    public static let bytesMax = 8 * 1024

    /// Values that lengths and numbers like to break at.
    private static let words: [[UInt8]] = [
        [0], [0xFF], [0x7F], [0x80], [0xFF, 0xFF, 0xFF, 0xFF], [0, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0x7F], [0xC3, 0x28], [0xED, 0xA0, 0x80],
        Array("\\u0000".utf8), Array("\\ud800".utf8), Array("9007199254740993".utf8), Array("-1".utf8), Array("1e9".utf8), Array("null".utf8),
        Array("\"".utf8), Array("{".utf8), Array("]".utf8), Array("\r\n".utf8), Array("%00".utf8), Array("\u{1B}[".utf8),
    ]

    /// - Parameter number: which input.
    public static func input(_ number: UInt64, of target: FuzzTarget) -> [UInt8] {
        var dice = SeededGenerator(seed: number)
        var bytes = target.seeds[dice.pick(0..<target.seeds.count)]
        for _ in 0..<dice.pick(1..<9) { mutate(&bytes, target, &dice) }
        return Array(bytes.prefix(bytesMax))
    }

    private static func mutate(_ bytes: inout [UInt8], _ target: FuzzTarget, _ dice: inout SeededGenerator) {
        let place = dice.pick(0..<bytes.count + 1)
        let end = min(bytes.count, place + dice.pick(1..<17))
        switch dice.pick(0..<8) {
        case 0 where place < bytes.count: bytes[place] ^= 1 << UInt8(dice.pick(0..<8))
        case 1 where place < bytes.count: bytes[place] = UInt8(truncatingIfNeeded: dice.next())
        case 2: bytes.removeSubrange(place..<end)
        case 3: bytes.insert(contentsOf: bytes[place..<end], at: place)
        case 4: bytes.insert(contentsOf: words[dice.pick(0..<words.count)], at: place)
        case 5: bytes.replaceSubrange(place..<end, with: words[dice.pick(0..<words.count)])
        case 6:
            let other = target.seeds[dice.pick(0..<target.seeds.count)]
            bytes = Array(bytes[..<place]) + other[dice.pick(0..<other.count + 1)...]
        default: bytes.removeSubrange(place...)
        }
    }
}
