// fantail: the command-line tool of a Fantail cluster.
//
// One table drives dispatch and help. Each command lives in a file of its own; what is pure of it (parsing, drawing, the
// formats of files) is in the library `FantailCLI`, where tests reach it.

import FantailCLI
import Glibc

/// A row of the table.
struct Command {
    let spec: CommandSpec
    /// - Returns: the exit code.
    let run: (Arguments) throws(CommandFailure) -> Int32
}

func runFantail(_ words: [String]) -> Int32 {
    let commands = [
        Command(spec: ChatCommand.spec, run: ChatCommand.run),
        Command(spec: SendCommand.spec, run: SendCommand.run),
        Command(spec: InboxCommand.spec, run: InboxCommand.run),
        Command(spec: GroupCommand.spec, run: GroupCommand.run),
        Command(spec: MediaCommand.spec, run: MediaCommand.run),
        Command(spec: PresenceCommand.spec, run: PresenceCommand.run),
        Command(spec: SettingsCommand.spec, run: SettingsCommand.run),
        Command(spec: TokenCommand.spec, run: TokenCommand.run),
        Command(spec: StatusCommand.spec, run: StatusCommand.run),
        Command(spec: TopCommand.spec, run: TopCommand.run),
        Command(spec: RingCommand.spec, run: RingCommand.run),
        Command(spec: LoadCommand.spec, run: LoadCommand.run),
        Command(spec: TraceCommand.spec, run: TraceCommand.run),
        Command(spec: ClusterCommand.spec, run: ClusterCommand.run),
        Command(spec: StoreCommand.spec, run: StoreCommand.run),
    ]
    let overview = CommandSpec.overview(commands.map(\.spec))
    guard let name = words.first else {
        System.write(overview, to: STDERR_FILENO)
        return 64
    }
    switch name {
    case "--help", "-h":
        System.write(overview)
        return 0
    case "help":
        if let topic = words.dropFirst().first, let command = commands.first(where: { $0.spec.name == topic }) {
            System.write(command.spec.page)
        } else {
            System.write(overview)
        }
        return 0
    case "--version", "version":
        System.print("fantail 0.1.0")
        return 0
    default:
        guard let command = commands.first(where: { $0.spec.name == name }) else {
            System.complain("there is no command \"\(Printable.line(name))\"; try fantail --help")
            return 64
        }
        do throws(CommandFailure) {
            let arguments = try Arguments(Array(words.dropFirst()), options: command.spec.allOptions)
            if arguments.has("help") {
                System.write(command.spec.page)
                return 0
            }
            return try command.run(arguments)
        } catch {
            System.complain(error.sentence)
            return error.exitCode
        }
    }
}

exit(runFantail(Array(CommandLine.arguments.dropFirst())))
