// The same seed throws the same numbers for ever: the simulator's replays and the ring hang on it.

import Primitives
import Testing

@Suite struct SeededGeneratorTests {
    /// From the reference implementation of SplitMix64 (Vigna, prng.di.unimi.it/splitmix64.c).
    @Test(arguments: [
        (0, [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4, 0x06C4_5D18_8009_454F, 0xF88B_B8A8_724C_81EC]),
        (
            1_234_567,
            [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
                4_593_380_528_125_082_431,
            ]
        ),
    ] as [(UInt64, [UInt64])])
    func theNumbersAreThoseOfSplitMix64(seed: UInt64, numbers: [UInt64]) {
        var dice = SeededGenerator(seed: seed)
        for number in numbers { #expect(dice.next() == number) }
    }

    @Test func picksStayInTheirRangeAndReachEveryPlace() {
        var dice = SeededGenerator(seed: 1)
        var seen = Set<Int>()
        for _ in 0..<1_000 { seen.insert(dice.pick(-3..<4)) }
        #expect(seen == Set(-3..<4))
        #expect(dice.pick(8..<9) == 8)
    }

    @Test func oneInOneIsAlwaysTrueAndOneInFourIsAboutAQuarter() {
        var dice = SeededGenerator(seed: 2)
        #expect((0..<100).count { _ in dice.oneIn(1) } == 100)
        let hits = (0..<10_000).count { _ in dice.oneIn(4) }
        #expect((2_300...2_700).contains(hits))
    }

    @Test func jitterSpreadsOverHalfToOneAndAHalfTimes() {
        var dice = SeededGenerator(seed: 3)
        let base = Interval.milliseconds(100)
        let waits = (0..<1_000).map { _ in dice.jittered(base).milliseconds }
        #expect(waits.min()! >= 50)
        #expect(waits.max()! <= 150)
        #expect(waits.min()! < 60)
        #expect(waits.max()! > 140)
        #expect(dice.jittered(Interval(nanoseconds: 0)).nanoseconds == 1)
    }

    @Test func aSplitGeneratorGoesItsOwnWay() {
        var mother = SeededGenerator(seed: 4)
        var child = mother.split()
        var sameMother = SeededGenerator(seed: 4)
        _ = sameMother.next()
        for _ in 0..<10 { _ = child.next() }
        #expect(mother.next() == sameMother.next())
    }
}
