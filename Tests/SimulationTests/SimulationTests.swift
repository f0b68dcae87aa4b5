// The simulator is an instrument: before its silence is believed, it has to prove that it can shout.

import Simulation
import Testing

@Suite struct SimulationTests {
    @Test func aSeedReplaysByteForByte() {
        for seed: UInt64 in [3, 7] {
            let first = World(seed: seed).run()
            let second = World(seed: seed).run()
            #expect(first == second)
            #expect(first.hash == second.hash)
            #expect(first.messageCount > 0)
        }
    }

    @Test func aTraceChangesNothing() {
        #expect(World(seed: 3).run() == World(seed: 3, traceLines: 1_000).run())
    }

    @Test func differentSeedsLiveDifferentLives() {
        let hashes = Set((1...6).map { World(seed: $0).run().hash })
        #expect(hashes.count == 6)
    }

    @Test(arguments: 1...12)
    func aSeedBreaksNoRule(seed: UInt64) {
        let (report, story) = World.judge(seed: seed)
        #expect(report.violation == nil, "\(story.joined(separator: "\n"))")
        #expect(report.shownCount > 0)
    }

    /// Each was once the only witness of a bug.
    @Test(arguments: [
        27,  // a receipt stored by a stand-in that its primary could not see
        148, 1625,  // an acknowledgement that went to the shard before
        1442,  // a page that filled the room in flight, of entries that the device had already
        292,  // ticks from the shard that served a connection before
    ])
    func aSeedThatOnceFoundABugBreaksNoRule(seed: UInt64) {
        let (report, story) = World.judge(seed: seed)
        #expect(report.violation == nil, "\(story.joined(separator: "\n"))")
    }

    /// - Returns: the first violation among a few seeds.
    private func find(_ plant: Plant, seeds: ClosedRange<UInt64>) -> Violation? {
        for seed in seeds {
            if let violation = World(seed: seed, plant: plant).run().violation { return violation }
        }
        return nil
    }

    @Test(arguments: Plant.allCases)
    func aPlantedFaultIsFound(plant: Plant) {
        let violation = find(plant, seeds: 1...20)
        let expected: [Rule] =
            switch plant {
            case .loseSynced: [.loss, .honestTicks, .order, .recovery]
            case .numberTwice: [.order, .duplicate, .honestTicks, .loss]
            case .wrongBody: [.nobodyElse]
            case .earlySent, .earlyDelivered: [.honestTicks]
            case .keepText: [.temporary]
            case .dropAppend: [.honestTicks, .loss]
            }
        #expect(violation != nil, "\(plant.rawValue) was not found within 20 seeds")
        if let violation { #expect(expected.contains(violation.rule), "\(violation)") }
    }

    @Test func aViolationIsToldWithItsStory() {
        let (report, story) = World.judge(seed: 1, plant: .wrongBody)
        #expect(report.violation?.message != nil)
        #expect(story.last == "  replay with: simulate --seed 1 --plant wrong-body --trace")
        #expect(!story.contains { $0.contains("not deterministic") })
        #expect(story.contains { $0.contains(report.violation!.message!.text) })
    }
}
