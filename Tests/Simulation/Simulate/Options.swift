// What the command line of `simulate` may say.

import Foundation
import Simulation

let help = """
    usage: simulate --seed N | --seeds A..B | --minutes M [options]

      --seed N        run one seed
      --seeds A..B    run every seed from A to B
      --minutes M     run new seeds for so long
      --from N        the first of these; default: drawn, and printed
      --jobs N        so many at a time, default 1
      --trace         print everything that happens (one seed)
      --shrink        look for a shorter run that breaks the same rule (one seed)
      --runs N        runs that the search may take, default 400
      --plant FAULT   make a mistake on purpose, to see whether it is found:
                      \(Plant.allCases.map(\.rawValue).joined(separator: ", "))
      --lose-synced   the same as --plant lose-synced
      --lines N       lines of the story behind a violation, default 60
      --keep-going    do not stop at the first violation
      --quiet         print totals and violations only
      --help          print this

    a run may be trimmed; what is left replays as exactly as the whole:

      --users N       people at most
      --devices N     devices of one person at most
      --processes G/P/S/G/L/P
                      gateways, parsers, sessions, groups, last-seens, persistences at most
      --groups N      groups at most; 0: none
      --changes N     changes of the cluster at most; 0: it stays as it is
      --messages N    messages that people write at most, to each other and to groups
      --safety TIME   the faults end after this, like 12s or 1500ms
      --without KINDS leave faults out, divided by commas:
                      \(FaultKind.allCases.map(\.rawValue).joined(separator: ", "))
      --faults LIST   only the strikes with these numbers, like 4..9,12, or none

    exit status: 0 clean, 1 a rule was broken, 64 bad usage
    """

struct Options {
    /// What to run: some seeds, or new ones for some time.
    enum Work {
        case seeds(ClosedRange<UInt64>)
        case minutes(Double)
    }

    var work: Work
    var first: UInt64?
    var jobCount = 1
    var plant: Plant?
    var trim = Trim.none
    var isTracing = false
    var isShrinking = false
    var runCountMax = 400
    var isQuiet = false
    var keepsGoing = false
    var lineCount = 60

    init(_ words: some Collection<String>) {
        var work: Work?
        var words = Array(words)[...]
        func value(_ option: String) -> String {
            guard let value = words.popFirst() else { refuse("\(option) needs a value") }
            return value
        }
        func number(_ option: String, atLeast low: Int) -> Int {
            guard let number = Int(value(option)), number >= low else { refuse("\(option) takes a number from \(low) on") }
            return number
        }
        func seed(_ option: String) -> UInt64 {
            guard let seed = UInt64(value(option)) else { refuse("\(option) takes a number") }
            return seed
        }
        while let option = words.popFirst() {
            switch option {
            case "--seed":
                let seed = seed(option)
                work = .seeds(seed...seed)
            case "--seeds":
                let parts = value(option).components(separatedBy: "..")
                guard parts.count == 2, let first = UInt64(parts[0]), let last = UInt64(parts[1]), first <= last else {
                    refuse("--seeds takes a range like 1..500")
                }
                work = .seeds(first...last)
            case "--minutes":
                guard let minutes = Double(value(option)), minutes > 0, minutes < 1e6 else { refuse("--minutes takes a time above 0") }
                work = .minutes(minutes)
            case "--from": first = seed(option)
            case "--jobs": jobCount = number(option, atLeast: 1)
            case "--runs": runCountMax = number(option, atLeast: 1)
            case "--plant":
                let name = value(option)
                guard let known = Plant(rawValue: name) else { refuse("no planted fault is called \(name)") }
                plant = known
            case "--lose-synced": plant = .loseSynced
            case "--lines": lineCount = number(option, atLeast: 0)
            case "--trace": isTracing = true
            case "--shrink": isShrinking = true
            case "--quiet": isQuiet = true
            case "--keep-going": keepsGoing = true
            case "--help", "-h":
                print(help)
                exit(0)
            case _ where Trim.options.contains(option):
                if let problem = trim.set(option, to: value(option)) { refuse(problem) }
            default: refuse("unknown option \(option)")
            }
        }
        guard let work else { refuse("which seed?") }
        self.work = work
        if isTracing || isShrinking {
            guard case .seeds(let seeds) = work, seeds.count == 1 else { refuse("--trace and --shrink go with one --seed") }
        }
    }
}

func refuse(_ sentence: String) -> Never {
    FileHandle.standardError.write(Data("simulate: \(sentence)\n\n\(help)\n".utf8))
    exit(64)
}

/// Straight to the pipe, so that the last line before a trap is not lost.
func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }
