// simulate: a whole cluster of the real cores on a virtual clock, from a seed.
//
//     simulate --seed 7            one run; twice the same
//     simulate --seeds 1..500      many, one line each
//     simulate --seed 7 --trace    the run, told line by line
//
// Exit status: 0 nothing was violated; 1 a rule was broken; 64 the command line makes no sense.

import Foundation
import Simulation

let help = """
    usage: simulate --seed N | --seeds A..B [options]

      --seed N        run one seed
      --seeds A..B    run every seed from A to B
      --trace         print everything that happens (one seed)
      --plant FAULT   make a mistake on purpose, to see whether it is found:
                      \(Plant.allCases.map(\.rawValue).joined(separator: ", "))
      --lose-synced   the same as --plant lose-synced
      --lines N       lines of the story behind a violation, default 60
      --keep-going    do not stop at the first violation
      --quiet         print totals and violations only
      --help          print this

    exit status: 0 clean, 1 a rule was broken, 64 bad usage
    """

func refuse(_ sentence: String) -> Never {
    FileHandle.standardError.write(Data("simulate: \(sentence)\n\n\(help)\n".utf8))
    exit(64)
}

/// Straight to the pipe, so that the last line before a trap is not lost.
func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

var seeds: ClosedRange<UInt64>?
var plant: Plant?
var isTracing = false
var isQuiet = false
var keepsGoing = false
var lineCount = 60

var arguments = CommandLine.arguments.dropFirst()
@MainActor func value(of option: String) -> String {
    guard let value = arguments.popFirst() else { refuse("\(option) needs a value") }
    return value
}
while let argument = arguments.popFirst() {
    switch argument {
    case "--seed":
        guard let seed = UInt64(value(of: argument)) else { refuse("--seed takes a number") }
        seeds = seed...seed
    case "--seeds":
        let parts = value(of: argument).components(separatedBy: "..")
        guard parts.count == 2, let first = UInt64(parts[0]), let last = UInt64(parts[1]), first <= last else {
            refuse("--seeds takes a range like 1..500")
        }
        seeds = first...last
    case "--plant":
        let name = value(of: argument)
        guard let known = Plant(rawValue: name) else { refuse("no planted fault is called \(name)") }
        plant = known
    case "--lose-synced": plant = .loseSynced
    case "--lines":
        guard let count = Int(value(of: argument)), count >= 0 else { refuse("--lines takes a number") }
        lineCount = count
    case "--trace": isTracing = true
    case "--quiet": isQuiet = true
    case "--keep-going": keepsGoing = true
    case "--help", "-h":
        print(help)
        exit(0)
    default: refuse("unknown option \(argument)")
    }
}
guard let seeds else { refuse("which seed?") }
if isTracing, seeds.count > 1 { refuse("--trace goes with one --seed") }

if isTracing {
    let report = World(seed: seeds.lowerBound, plant: plant, tracePrints: true).run()
    print(report.line)
    if let violation = report.violation {
        print("  rule: \(violation.rule.rawValue)\n  expected: \(violation.expected)\n  found: \(violation.found)")
    }
    exit(report.violation == nil ? 0 : 1)
}

let clock = ContinuousClock()
let start = clock.now
var totals = RunTotals()
for seed in seeds {
    let (report, story) = World.judge(seed: seed, plant: plant, storyLines: lineCount)
    totals.add(report)
    if !isQuiet || report.violation != nil { say(report.line) }
    for line in story { say(line) }
    if report.violation != nil, !keepsGoing { break }
}
let elapsed = start.duration(to: clock.now).components
say(totals.text(wallSeconds: Double(elapsed.seconds) + Double(elapsed.attoseconds) / 1e18))
exit(totals.violationCount == 0 ? 0 : 1)
