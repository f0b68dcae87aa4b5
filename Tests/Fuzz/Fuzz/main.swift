// fuzz: bytes that nobody would send, for every parser that reads bytes from outside.
//
//     fuzz --list                                  the targets
//     fuzz TARGET FILE…                            each file, as a crash left it
//     fuzz TARGET --inputs 1..20000                seeds changed at random; a number is the same input for ever
//     fuzz TARGET --seeds FOLDER                   writes the seeds there, a file each
//     fuzz TARGET -max_total_time=60 CORPUS        libFuzzer, where it is built in (deploy/fuzz.sh)
//
// From the top of the checkout: the seeds are the examples of docs/protocol.md.
// Exit status: 0 everything returned and held; 64 the command line makes no sense; else it died of an input, and said which.

import CFuzzer
import Foundation
import FuzzTargets

/// For the handler, which may touch nothing else.
nonisolated(unsafe) var inputNumber: UInt64 = 0
nonisolated(unsafe) var current: FuzzTarget?

func usage(_ sentence: String) -> Never {
    FileHandle.standardError.write(Data("fuzz: \(sentence)\n".utf8))
    exit(64)
}

guard let document = try? String(contentsOfFile: "docs/protocol.md", encoding: .utf8) else { usage("start it at the top of the checkout") }
let targets = FuzzTarget.all(examples: ProtocolExamples(document: document))
let words = CommandLine.arguments.dropFirst()

if words.first == "--list" {
    for target in targets { print(target.name) }
    exit(0)
}
guard let target = targets.first(where: { $0.name == words.first }) else { usage("there is no target \(words.first ?? ""); try --list") }
current = target
for seed in target.seeds { target.run(seed) }

switch words.dropFirst().first {
case nil: usage("what is to be tried? a file, --inputs A..B, or libFuzzer's options")
case "--inputs":
    let ends = words.last!.split(separator: ".", omittingEmptySubsequences: true).compactMap { UInt64($0) }
    guard words.count == 3, ends.count == 2, ends[0] <= ends[1] else { usage("--inputs wants A..B") }
    for death in [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGABRT, SIGFPE] {
        signal(death) { number in
            let line = "\nfuzz: died of input \(inputNumber)\n"
            _ = line.utf8.withContiguousStorageIfAvailable { write(STDERR_FILENO, $0.baseAddress, $0.count) }
            signal(number, SIG_DFL)
            raise(number)
        }
    }
    for number in ends[0]...ends[1] {
        inputNumber = number
        target.run(Mutation.input(number, of: target))
    }
    print("\(target.name): \(ends[1] - ends[0] + 1) inputs, \(target.seeds.count) seeds")
case "--seeds":
    guard words.count == 3 else { usage("--seeds wants a folder") }
    for (index, seed) in target.seeds.enumerated() {
        guard FileManager.default.createFile(atPath: "\(words.last!)/seed-\(index)", contents: Data(seed)) else { usage("cannot write to \(words.last!)") }
    }
case .some(let word) where word.hasPrefix("-"):
    guard fantail_has_fuzzer() != 0 else { usage("libFuzzer is not built in; deploy/fuzz.sh builds it") }
    let list = [CommandLine.arguments[0]] + words.dropFirst()
    var count = Int32(list.count)
    var texts: [UnsafeMutablePointer<CChar>?] = list.map { strdup($0) } + [nil]
    exit(texts.withUnsafeMutableBufferPointer { texts in
        var base = texts.baseAddress
        return LLVMFuzzerRunDriver(&count, &base) { bytes, size in
            current!.run(Array(UnsafeBufferPointer(start: bytes, count: size)))
            return 0
        }
    })
default:
    for path in words.dropFirst() {
        guard let bytes = FileManager.default.contents(atPath: path) else { usage("there is no file \(path)") }
        target.run(Array(bytes))
    }
    print("\(target.name): \(words.count - 1) files")
}
