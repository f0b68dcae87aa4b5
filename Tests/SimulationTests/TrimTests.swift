// Trims leave out and change nothing else; what they say on the command line is what they are; shrinking ends smaller.

import Simulation
import Testing

@Suite struct TrimTests {
    /// As the command line would.
    private func parse(_ words: String) -> Trim? {
        var trim = Trim.none
        let words = words.split(separator: " ").map(String.init)
        for index in stride(from: 0, to: words.count, by: 2) {
            guard trim.set(words[index], to: words[index + 1]) == nil else { return nil }
        }
        return trim
    }

    @Test(arguments: [
        "--users 3", "--devices 1", "--processes 2/1/3/1/1/1", "--groups 0", "--groups 1", "--messages 0", "--safety 1500ms", "--without kill,cut",
        "--faults 4..9,12", "--faults none",
        "--users 3 --devices 2 --groups 1 --messages 7 --safety 12000ms --without one-way,torn-write --faults 1,3..4",
    ])
    func whatATrimSaysIsWhatItIs(words: String) {
        #expect(parse(words)?.arguments == words)
    }

    @Test(arguments: [
        "--users 1", "--users x", "--devices 0", "--processes 1/1/1", "--processes 1/1/0/1/1/1", "--groups -1", "--groups x", "--messages -1", "--safety 12",
        "--safety -1s", "--without thunder", "--faults 9..4", "--faults 1...3", "--faults ,",
    ])
    func whatMakesNoSenseIsRefused(words: String) {
        #expect(parse(words) == nil)
    }

    @Test func secondsAreASafetyTimeToo() {
        #expect(parse("--safety 12s") == parse("--safety 12000ms"))
    }

    @Test func aTrimTakesAway() {
        let trim = parse("--users 3 --devices 1 --processes 1/1/1/1/1/1 --messages 20 --safety 5s")!
        for seed: UInt64 in 1...10 {
            let report = World(seed: seed, trim: trim).run()
            #expect(report.shape.hasPrefix("1/1/1/1/1/1 "))
            #expect(report.messageCount <= 20)
            #expect(report.violation == nil)
        }
    }

    @Test func withoutGroupsNobodyWritesToOne() {
        #expect((1...10 as ClosedRange<UInt64>).contains { World(seed: $0).run().groupMessageCount > 0 })
        for seed: UInt64 in 1...10 {
            let report = World(seed: seed, trim: parse("--groups 0")!).run()
            #expect(report.groupMessageCount == 0 && report.changeCount == 0 && report.groupEntryCount == 0)
            #expect(report.messageCount > 0)
            #expect(report.violation == nil)
        }
    }

    @Test func aTrimmedRunReplaysByteForByte() {
        for (seed, words) in [
            (1, "--users 3"), (2, "--devices 1 --messages 30"), (3, "--without kill,power-loss,cut"), (4, "--faults 2..6"),
            (5, "--safety 4s --processes 1/2/2/1/1/1"), (6, "--faults none"),
        ] as [(UInt64, String)] {
            let trim = parse(words)!
            #expect(World(seed: seed, trim: trim).run() == World(seed: seed, trim: trim).run())
        }
    }

    @Test(arguments: FaultKind.allCases)
    func aKindThatIsLeftOutDoesNotStrike(kind: FaultKind) {
        var trim = Trim.none
        trim.without = [kind]
        for seed: UInt64 in [8, 15] { #expect(World(seed: seed, trim: trim).run().count(of: kind) == 0) }
    }

    @Test func onlyTheNamedStrikesHappen() {
        let all = World(seed: 15).run().strikes
        #expect(all.count > 20)
        #expect(World(seed: 15, trim: parse("--faults 3..5,9")!).run().strikes == [3, 4, 5, 9])
        #expect(World(seed: 15, trim: parse("--faults none")!).run().strikes.isEmpty)
        // Naming all of them leaves out nothing: the same life.
        var named = Trim.none
        named.faults = Set(all)
        #expect(World(seed: 15, trim: named).run().hash == World(seed: 15).run().hash)
    }

    @Test(arguments: [Plant.wrongBody, .dropAppend, .keepText])
    func shrinkingEndsSmallerAndStillFails(plant: Plant) {
        let found = (1...20 as ClosedRange<UInt64>).lazy.map { World(seed: $0, plant: plant).run() }.first { $0.violation != nil && $0.strikes.count > 3 }
        guard let found, var shrinker = Shrinker(found, plant: plant, runCountMax: 80) else {
            Issue.record("\(plant.rawValue) was not found")
            return
        }
        shrinker.run()
        let short = shrinker.report
        #expect(short.violation?.rule == found.violation?.rule)
        #expect(short.strikes.count < found.strikes.count)
        #expect(short.messageCount <= found.messageCount)
        #expect(short.occurrenceCount < found.occurrenceCount)
        // What it prints is enough to run it again.
        let again = World(seed: short.seed, plant: plant, trim: parse(short.trim.arguments)!).run()
        #expect(again == short)
    }

    @Test func thereIsNothingToShrinkInARunThatIsWell() {
        #expect(Shrinker(World(seed: 1).run()) == nil)
    }
}
