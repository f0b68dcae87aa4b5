// bench: the load tool of Fantail. Scenarios, histogram, ledger and report are in the library `BenchKit`; here is what meets
// the machine.

import BenchKit
import FantailCLI
import ServiceKit

struct Command {
    let spec: CommandSpec
    /// - Returns: the exit code.
    let run: (Arguments) throws(CommandFailure) -> Int32
}

func runBench(_ words: [String]) -> Int32 {
    let commands = [
        Command(spec: ChatCommand.spec, run: ChatCommand.run),
        Command(spec: GroupCommand.spec, run: GroupCommand.run),
        Command(spec: IdleCommand.spec, run: IdleCommand.run),
        Command(spec: StormCommand.spec, run: StormCommand.run),
        Command(spec: OfflineCommand.spec, run: OfflineCommand.run),
        Command(spec: NewyearCommand.spec, run: NewyearCommand.run),
        Command(spec: MediaCommand.spec, run: MediaCommand.run),
        Command(spec: ScaleCommand.spec, run: ScaleCommand.run),
        Command(spec: MicroCommand.spec, run: MicroCommand.run),
        Command(spec: RingCommand.spec, run: RingCommand.run),
    ]
    let overview = Overview.text(commands.map(\.spec))
    guard let name = words.first else {
        Terminal.print(overview, toErrors: true)
        return 64
    }
    switch name {
    case "--help", "-h", "help":
        let topic = words.dropFirst().first
        Terminal.print(commands.first { $0.spec.name == topic }?.spec.page ?? overview)
        return 0
    case "--version", "version":
        Terminal.print("bench \(FantailVersion.text)\n")
        return 0
    default: break
    }
    guard let command = commands.first(where: { $0.spec.name == name }) else {
        Terminal.complain("there is no scenario \"\(Printable.line(name))\"; try bench --help")
        return 64
    }
    do throws(CommandFailure) {
        let arguments = try Arguments(Array(words.dropFirst()), options: command.spec.allOptions)
        if arguments.has("help") {
            Terminal.print(command.spec.page)
            return 0
        }
        return try command.run(arguments)
    } catch {
        Terminal.complain(error.sentence)
        return error.exitCode
    }
}

SystemCalls.exit(runBench(Array(CommandLine.arguments.dropFirst())))
