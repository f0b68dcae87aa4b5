// What a run says when it is over, and what many say together.

import CoreKit
import Primitives

/// The outcome of one seed.
public struct RunReport: Equatable, Sendable {
    public let seed: UInt64
    public let trim: Trim
    public let hash: UInt64
    public let shape: String
    /// In the order of `Trim.processes`.
    public let processCounts: [Int]
    public let occurrenceCount: Int
    /// How long the run took on its own clock, nanoseconds.
    public let length: Moment
    /// Cluster files after the first.
    public let epochCount: Int
    public let messageCount: Int
    public let shownCount: Int
    public let copyCount: Int
    public let gapCount: Int
    public let expiredCount: Int
    public let historyCount: Int
    /// Written to groups; changes of groups asked for; entries in their logs, of these events; shown, with all devices; refused
    /// for good, messages and changes.
    public let groupMessageCount: Int
    public let changeCount: Int
    public let groupEntryCount: Int
    public let groupEventCount: Int
    public let groupShownCount: Int
    public let groupRefusedCount: Int
    /// Ticks and counts about messages in groups that authors were told.
    public let groupTickCount: Int
    /// Questions about groups that were answered, and notices that members wait for a message.
    public let groupAnswerCount: Int
    public let groupLateCount: Int
    /// Signs of typing that clients gave, and those that devices got.
    public let typingSaidCount: Int
    public let typingShownCount: Int
    /// Lines of presence that told something, and settings that devices were told.
    public let presenceShownCount: Int
    public let settingsToldCount: Int
    /// Messages refused because there was too much work; receipts delayed, and merged into those.
    public let overloadedCount: Int
    public let delayedCount: Int
    public let mergedCount: Int
    /// Batches of a store that a crash cut short: those that were lost, those that had happened.
    public let tornLostCount: Int
    public let tornKeptCount: Int
    /// In the order of `FaultKind.allCases`.
    public let faultCounts: [Int]
    /// The numbers of the strikes that happened, rising.
    public let strikes: [Int]
    public let violation: Violation?

    init(_ world: World) {
        seed = world.seed
        trim = world.trim
        hash = world.hash.value
        shape = world.shape.text
        processCounts = world.shape.processCounts
        occurrenceCount = world.occurrenceCount
        length = world.moment
        epochCount = world.membership.changeCount
        messageCount = world.checker.messages.count
        shownCount = world.checker.shownCount
        copyCount = world.checker.copyCount
        gapCount = world.checker.gapCount
        expiredCount = world.checker.expiredCount
        historyCount = world.checker.historyCount
        groupMessageCount = world.checker.groupMessages.count
        changeCount = world.checker.changes.count
        groupEntryCount = world.checker.groups.reduce(0) { $0 + $1.entries.count }
        groupEventCount = world.checker.groups.reduce(0) { $0 + $1.entries.count { $0.kind == .event } }
        groupShownCount = world.checker.groupShownCount
        groupRefusedCount = world.checker.groupRefusedCount
        groupTickCount = world.checker.groupTickCount
        groupAnswerCount = world.checker.groupAnswerCount
        groupLateCount = world.checker.groupLateCount
        typingSaidCount = world.checker.typingSaidCount
        typingShownCount = world.checker.typingShownCount
        presenceShownCount = world.checker.presenceShownCount
        settingsToldCount = world.checker.settingsToldCount
        overloadedCount = Int(world.checker.loadCounts[.messages, .refused])
        delayedCount = Int(world.checker.loadCounts[.receipts, .delayed])
        mergedCount = Int(world.checker.loadCounts[.receipts, .merged])
        tornLostCount = world.processes.reduce(0) { $0 + ($1.disk?.tornLostCount ?? 0) }
        tornKeptCount = world.processes.reduce(0) { $0 + ($1.disk?.tornKeptCount ?? 0) }
        faultCounts = world.faults.counts
        strikes = world.faults.struck
        violation = world.checker.violation
    }

    public func count(of kind: FaultKind) -> Int { faultCounts[kind.index] }

    /// One line.
    public var line: String {
        "seed \(seed)  \(violation == nil ? "ok" : "VIOLATION")  \(shape)  \(length / 1_000_000_000) s  \(messageCount) messages  "
            + "\(shownCount) shown  \(copyCount) copies  \(strikes.count) faults  \(occurrenceCount) events  "
            + "hash \(String(hash, radix: 16))"
    }
}

/// The sum of many runs.
public struct RunTotals: Sendable {
    public private(set) var seedCount = 0
    public private(set) var violationCount = 0
    private var length: Moment = 0
    private var epochCount = 0
    private var messageCount = 0
    private var shownCount = 0
    private var copyCount = 0
    private var gapCount = 0
    private var expiredCount = 0
    private var historyCount = 0
    private var groupMessageCount = 0
    private var changeCount = 0
    private var groupEntryCount = 0
    private var groupEventCount = 0
    private var groupShownCount = 0
    private var groupRefusedCount = 0
    private var groupTickCount = 0
    private var groupAnswerCount = 0
    private var groupLateCount = 0
    private var typingSaidCount = 0
    private var typingShownCount = 0
    private var presenceShownCount = 0
    private var settingsToldCount = 0
    private var overloadedCount = 0
    private var delayedCount = 0
    private var mergedCount = 0
    private var tornLostCount = 0
    private var tornKeptCount = 0
    private var occurrenceCount = 0
    private var faultCounts = [Int](repeating: 0, count: FaultKind.allCases.count)

    public init() {}

    public mutating func add(_ report: RunReport) {
        seedCount += 1
        if report.violation != nil { violationCount += 1 }
        length += report.length
        epochCount += report.epochCount
        messageCount += report.messageCount
        shownCount += report.shownCount
        copyCount += report.copyCount
        gapCount += report.gapCount
        expiredCount += report.expiredCount
        historyCount += report.historyCount
        groupMessageCount += report.groupMessageCount
        changeCount += report.changeCount
        groupEntryCount += report.groupEntryCount
        groupEventCount += report.groupEventCount
        groupShownCount += report.groupShownCount
        groupRefusedCount += report.groupRefusedCount
        groupTickCount += report.groupTickCount
        groupAnswerCount += report.groupAnswerCount
        groupLateCount += report.groupLateCount
        typingSaidCount += report.typingSaidCount
        typingShownCount += report.typingShownCount
        presenceShownCount += report.presenceShownCount
        settingsToldCount += report.settingsToldCount
        overloadedCount += report.overloadedCount
        delayedCount += report.delayedCount
        mergedCount += report.mergedCount
        tornLostCount += report.tornLostCount
        tornKeptCount += report.tornKeptCount
        occurrenceCount += report.occurrenceCount
        for index in faultCounts.indices { faultCounts[index] += report.faultCounts[index] }
    }

    /// Simulated hours in a minute of the wall clock.
    public func hoursAMinute(wallSeconds: Double) -> Double {
        Double(length) / 3_600e9 / (Swift.max(wallSeconds, 0.001) / 60)
    }

    public func text(wallSeconds: Double) -> String {
        let faults = zip(FaultKind.allCases, faultCounts).map { "\($1) \($0.name)" }.joined(separator: ", ")
        let tenths = Int(hoursAMinute(wallSeconds: wallSeconds) * 10)
        return """
            \(seedCount) seeds, \(violationCount) violations
            time: \(length / 1_000_000_000) simulated seconds in \(Int(wallSeconds)) s: \(tenths / 10).\(tenths % 10) cluster-hours a minute
            messages: \(messageCount) written, \(shownCount) shown, \(copyCount) copies, \(expiredCount) notices of expiry, \(gapCount) gaps, \(historyCount) pages of history
            groups: \(groupMessageCount) written, \(changeCount) changes asked for, \(groupEntryCount) entries of which \(groupEventCount) events, \(groupShownCount) shown, \(groupTickCount) ticks and counts, \(groupAnswerCount) answers, \(groupLateCount) notices of delay, \(groupRefusedCount) refusals
            in passing: \(typingSaidCount) signs of typing, \(typingShownCount) shown, \(presenceShownCount) lines of presence, \(settingsToldCount) settings told
            load: \(overloadedCount) requests refused, \(delayedCount) receipts delayed, \(mergedCount) merged into those
            events: \(occurrenceCount)
            changes of the cluster: \(epochCount)
            faults: \(faultCounts.reduce(0, +)): \(faults)
            batches cut short by a crash: \(tornLostCount) lost, \(tornKeptCount) kept
            """
    }
}
