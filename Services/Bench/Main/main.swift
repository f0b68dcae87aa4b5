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
    let commands = [Command(spec: ChatCommand.spec, run: ChatCommand.run)]
    guard let name = words.first, let command = commands.first(where: { $0.spec.name == name }) else { return 64 }
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
