// simulate: a whole cluster of the real cores on a virtual clock, from a seed.
//
//     simulate --seed 7              one run; twice the same
//     simulate --seeds 1..500        many, one line each
//     simulate --minutes 10          new seeds for ten minutes
//     simulate --seed 7 --trace      the run, told line by line
//     simulate --seed 7 --shrink     a shorter run that breaks the same rule
//
// Exit status: 0 nothing was violated; 1 a rule was broken; 64 the command line makes no sense.

import Foundation
import Simulation

let options = Options(CommandLine.arguments.dropFirst())

if options.isShrinking { exit(shrink(options)) }
if options.isTracing { exit(trace(options)) }
exit(await hunt(options))

/// Runs one seed aloud.
func trace(_ options: Options) -> Int32 {
    guard case .seeds(let seeds) = options.work else { return 64 }
    let report = World(seed: seeds.lowerBound, plant: options.plant, trim: options.trim, tracePrints: true).run()
    print(report.line)
    for line in report.violation?.lines ?? [] { print(line) }
    return report.violation == nil ? 0 : 1
}

/// Looks for a shorter run, and tells its story.
func shrink(_ options: Options) -> Int32 {
    guard case .seeds(let seeds) = options.work else { return 64 }
    let report = World(seed: seeds.lowerBound, plant: options.plant, trim: options.trim).run()
    say(report.line)
    let found = Shrinker(report, plant: options.plant, runCountMax: options.runCountMax) { better in
        if !options.isQuiet { say("  shorter: \(better.trim.arguments)") }
    }
    guard var shrinker = found else {
        say("no rule was broken: there is nothing to shrink")
        return 0
    }
    shrinker.run()
    let short = shrinker.report
    say("after \(shrinker.runCount) runs: \(report.strikes.count) faults became \(short.strikes.count), \(report.messageCount) messages \(short.messageCount), \(report.occurrenceCount) events \(short.occurrenceCount)")
    let (_, story) = World.judge(seed: short.seed, plant: options.plant, trim: short.trim, storyLines: options.lineCount)
    for line in story { say(line) }
    return 1
}

/// Runs many seeds, `jobCount` at a time, each in a world of its own.
func hunt(_ options: Options) async -> Int32 {
    let clock = ContinuousClock()
    let start = clock.now
    let seeds: ClosedRange<UInt64>
    var deadline: ContinuousClock.Instant?
    switch options.work {
    case .seeds(let range): seeds = range
    case .minutes(let minutes):
        let first = options.first ?? UInt64.random(in: 1...1_000_000_000) * 1_000
        say("new seeds from \(first) on")
        seeds = first...UInt64.max
        deadline = start + .seconds(minutes * 60)
    }
    var totals = RunTotals()
    var next: UInt64? = seeds.lowerBound
    let plant = options.plant
    let trim = options.trim
    let lineCount = options.lineCount
    await withTaskGroup(of: (RunReport, [String]).self) { group in
        func startOne() {
            guard let seed = next, deadline.map({ clock.now < $0 }) ?? true else { return }
            next = seed == seeds.upperBound ? nil : seed + 1
            group.addTask { World.judge(seed: seed, plant: plant, trim: trim, storyLines: lineCount) }
        }
        for _ in 0..<options.jobCount { startOne() }
        while let (report, story) = await group.next() {
            totals.add(report)
            if !options.isQuiet || report.violation != nil { say(report.line) }
            for line in story { say(line) }
            if report.violation != nil, !options.keepsGoing { next = nil }
            startOne()
        }
    }
    let elapsed = start.duration(to: clock.now).components
    say(totals.text(wallSeconds: Double(elapsed.seconds) + Double(elapsed.attoseconds) / 1e18))
    return totals.violationCount == 0 ? 0 : 1
}
