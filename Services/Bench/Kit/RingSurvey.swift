// bench ring: how even a ring of a given size is, what moves when somebody joins or leaves, and who carries the share of one
// that is away.

import FantailCLI
import Ring

/// Rings of one size under several seeds; of everything the worst counts. Members are alike, weight 1.
public struct RingSurvey: Equatable, Sendable {
    /// Another seed is another cluster; the spread between them is small.
    private static let seeds: ClosedRange<UInt64> = 0...1
    /// Members that are taken out, one after the other, spread over the ring.
    private static let leaverCount = 4

    public let memberCount: Int
    /// Of the most loaded member, by the mean.
    public var maxByMean = 0.0
    /// Of the least loaded member, by the mean.
    public var minByMean = Double.infinity
    /// Slots that change their owner when one joins or leaves, by the fair share of that one.
    public var movedByIdeal = 0.0
    /// One is away: the most loaded of the others, by the mean of all.
    public var maxByMeanWithoutOne = 0.0
    /// How many others carry the share of the one that is away.
    public var standInCountMin = Int.max

    /// - Parameter memberCount: 2...`RingLimits.memberCountMax`.
    /// - Complexity: ten builds of the table, and O(slots) questions for stand-ins: up to some seconds with a thousand members.
    public init(memberCount: Int) throws(RingError) {
        self.memberCount = memberCount
        let mean = Double(RingLimits.slotCount) / Double(memberCount)
        for seed in Self.seeds {
            let full = try Self.table(0..<memberCount, leaver: nil, seed: seed)
            maxByMean = max(maxByMean, Double(full.shares.max()!) / mean)
            minByMean = min(minByMean, Double(full.shares.min()!) / mean)
            for number in 0..<min(Self.leaverCount, memberCount) {
                let leaver = number * memberCount / min(Self.leaverCount, memberCount)
                let without = try Self.table(0..<memberCount, leaver: leaver, seed: seed)
                movedByIdeal = max(movedByIdeal, Double(without.moved(from: full).count) / mean)
                takeAway(leaver, from: full, mean: mean)
            }
        }
    }

    /// The node is down: the table stays, and each of its slots has a stand-in.
    private mutating func takeAway(_ member: Int, from table: RingTable, mean: Double) {
        var loads = table.shares
        var standIns: Set<Int> = []
        loads[member] = 0
        for slot in RingSlot.min...RingSlot.max where table.owner(of: slot) == member {
            let other = table.firstLive(slot) { $0 != member }!
            loads[other] += 1
            standIns.insert(other)
        }
        maxByMeanWithoutOne = max(maxByMeanWithoutOne, Double(loads.max()!) / mean)
        standInCountMin = min(standInCountMin, standIns.count)
    }

    public static func table(_ members: Range<Int>, leaver: Int?, seed: UInt64) throws(RingError) -> RingTable {
        try RingTable(
            members.filter { $0 != leaver }.map { RingMember(name: "session-\($0 + 1)") }, RingParameters(seed: seed))
    }
}

/// The table of `bench ring`.
public enum RingSurveyReport {
    /// A survey, and what was measured beside it.
    public struct Line: Equatable, Sendable {
        public let survey: RingSurvey
        public let buildMs: Double

        public init(_ survey: RingSurvey, buildMs: Double) {
            self.survey = survey
            self.buildMs = buildMs
        }
    }

    /// How far above the mean a member may be, and how many more slots than it must a change may move, up to how many members.
    public static let maxByMeanBound = 1.055
    public static let movedByIdealBound = 1.10
    public static let movedMemberCountMax = 100

    public static func rows(_ lines: [Line]) -> [Row] {
        var table = TextTable(
            ["members", "max/mean", "min/mean", "moved/ideal", "one away: max/mean", "stand-ins", "build ms"], rightAligned: Set(0...6))
        for line in lines {
            let survey = line.survey
            table.add([
                Span("\(survey.memberCount)"), Span(Words.fixed(survey.maxByMean, places: 3)), Span(Words.fixed(survey.minByMean, places: 3)),
                Span(Words.fixed(survey.movedByIdeal, places: 3)), Span(Words.fixed(survey.maxByMeanWithoutOne, places: 3)),
                Span("\(survey.standInCountMin)"), Span(Words.fixed(line.buildMs, places: 1)),
            ])
        }
        return table.lines
    }

    /// The bounds, and whether all lines are within them.
    public static func verdict(_ lines: [Line]) -> (rows: [Row], isKept: Bool) {
        let isEven = lines.allSatisfy { $0.survey.maxByMean <= maxByMeanBound }
        let isFrugal = lines.allSatisfy { $0.survey.memberCount > movedMemberCountMax || $0.survey.movedByIdeal <= movedByIdealBound }
        func row(_ sentence: String, _ isKept: Bool) -> Row { Row(Span("\(sentence): "), Span(isKept ? "kept" : "BROKEN", isKept ? .green : .red)) }
        return (
            [
                row("max/mean at most \(Words.fixed(maxByMeanBound, places: 3))", isEven),
                row("moved/ideal at most \(Words.fixed(movedByIdealBound, places: 2)) up to \(movedMemberCountMax) members", isFrugal),
            ], isEven && isFrugal
        )
    }
}
