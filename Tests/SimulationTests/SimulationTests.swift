// The simulator is an instrument: before its silence is believed, it has to prove that it can shout.

import Simulation
import Testing

@Suite struct SimulationTests {
    @Test func seedsReplayByteForByte() {
        for seed: UInt64 in 1...24 {
            let first = World(seed: seed).run()
            let second = World(seed: seed).run()
            #expect(first == second)
            #expect(first.hash == second.hash)
            #expect(first.messageCount > 0)
        }
    }

    @Test func aTraceChangesNothing() {
        for seed: UInt64 in 1...6 { #expect(World(seed: seed).run() == World(seed: seed, traceLines: 1_000).run()) }
    }

    @Test func differentSeedsLiveDifferentLives() {
        let hashes = Set((1...6).map { World(seed: $0).run().hash })
        #expect(hashes.count == 6)
    }

    @Test(arguments: 1...30)
    func aSeedBreaksNoRule(seed: UInt64) {
        let (report, story) = World.judge(seed: seed)
        #expect(report.violation == nil, "\(story.joined(separator: "\n"))")
        #expect(report.shownCount > 0)
    }

    /// Each was once the only witness of a bug, or of a mistake of the judge.
    @Test(arguments: [
        65,  // the text of a device that was forgotten while it was connected
        44,  // a rude client that wrote on after everybody else was done
        37,  // a tick that rose over a message that had expired
        2_524,  // a mark of one group that went with the refused mark of another
        2_269,  // a shard whose first entries overtook the welcome of another
        47, 520, 533,  // a change of a group that was asked for again and refused as another
        515, 50_893,  // ticks of a group whose members' marks two shards had taken, each a part
        1_701,  // a shard that had forgotten its people's settings, and let one watch on whom she had hidden from
        1_349,  // a device that waited for the grown pauses of another
        2_533,  // a seat that was lost when its gateway had asked for it twice
        626,  // an ack that was lost while a shard was away, and a chat that waited for it
        911, 1_308,  // a fan-out whose pauses had grown to ten seconds when the store came back
        90_601,  // a change refused by a shard that had not heard that the group was made
    ])
    func aSeedThatOnceFoundSomethingBreaksNoRule(seed: UInt64) {
        let (report, story) = World.judge(seed: seed)
        #expect(report.violation == nil, "\(story.joined(separator: "\n"))")
    }

    @Test func everythingThatMayHappenHappens() {
        var totals = [Int](repeating: 0, count: FaultKind.allCases.count)
        var (expired, gaps, history, copies, lost, kept) = (0, 0, 0, 0, 0, 0)
        var (overloaded, delayed, merged) = (0, 0, 0)
        var (events, shown, ticks, refused, answers, late) = (0, 0, 0, 0, 0, 0)
        var (typing, presence, settings) = (0, 0, 0)
        for seed: UInt64 in 1...90 {
            let report = World(seed: seed).run()
            for (index, kind) in FaultKind.allCases.enumerated() { totals[index] += report.count(of: kind) }
            expired += report.expiredCount
            gaps += report.gapCount
            history += report.historyCount
            copies += report.copyCount
            lost += report.tornLostCount
            kept += report.tornKeptCount
            overloaded += report.overloadedCount
            delayed += report.delayedCount
            merged += report.mergedCount
            events += report.groupEventCount
            shown += report.groupShownCount
            ticks += report.groupTickCount
            refused += report.groupRefusedCount
            answers += report.groupAnswerCount
            late += report.groupLateCount
            typing += report.typingShownCount
            presence += report.presenceShownCount
            settings += report.settingsToldCount
        }
        for (kind, count) in zip(FaultKind.allCases, totals) { #expect(count > 0, "\(kind.rawValue) never struck") }
        #expect(expired > 0)
        #expect(gaps > 0)
        #expect(history > 0)
        #expect(copies > 0)
        #expect(overloaded > 0 && delayed > 0 && merged > 0)
        #expect(lost > 0)
        #expect(kept > 0)
        #expect(events > 0 && shown > 0 && ticks > 0 && refused > 0 && answers > 0 && late > 0)
        #expect(typing > 0 && presence > 0 && settings > 0)
    }

    // MARK: Planted faults

    /// - Returns: the first run among a few seeds that breaks a rule.
    private func find(_ plant: Plant, seeds: ClosedRange<UInt64>) -> RunReport? {
        for seed in seeds {
            let report = World(seed: seed, plant: plant).run()
            if report.violation != nil { return report }
        }
        return nil
    }

    @Test(arguments: Plant.allCases)
    func aPlantedFaultIsFound(plant: Plant) {
        let violation = find(plant, seeds: 1...60)?.violation
        let expected: [Rule] =
            switch plant {
            case .loseSynced: [.loss, .honestTicks, .order, .recovery]
            case .numberTwice: [.order, .duplicate, .honestTicks, .loss]
            case .wrongBody: [.nobodyElse]
            case .earlySent, .earlyDelivered: [.honestTicks]
            case .keepText: [.temporary]
            case .dropAppend: [.honestTicks, .loss]
            case .silentExpiry: [.loss]
            // A page of a group's log is compared with what may be seen of it.
            case .shortHistory: [.loss, .nobodyElse]
            case .falseExpiry: [.loss, .order]
            // Her mark of a later entry covers the one that she never got, too.
            case .skipMember: [.loss, .order, .duplicate, .honestTicks]
            case .swapInGroup: [.order]
            // What she is shown is kept for her, too.
            case .showRemoved: [.nobodyElse, .temporary]
            case .keepGroupText: [.temporary]
            case .falseRefusal: [.loss]
            case .falseCounts, .falseInfo, .falseList, .falseReceipts, .falseLate: [.honestTicks]
            case .keepLink: [.recovery]
            case .keepFormer: [.bounded]
            }
        #expect(violation != nil, "\(plant.rawValue) was not found within 60 seeds")
        if let violation { #expect(expected.contains(violation.rule), "\(violation)") }
    }

    @Test func aViolationIsToldWithItsStory() {
        let report = find(.wrongBody, seeds: 1...20)
        let seed = report?.seed ?? 0
        let (again, story) = World.judge(seed: seed, plant: .wrongBody)
        #expect(again == report)
        #expect(again.violation?.message != nil)
        #expect(story.contains("  replay with: simulate --seed \(seed) --plant wrong-body --trace"))
        #expect(!story.contains { $0.contains("not deterministic") })
        #expect(story.contains { $0.contains(again.violation!.message!.text) })
    }
}
