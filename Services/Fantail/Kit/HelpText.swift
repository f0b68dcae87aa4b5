// The help of the tool and of each command, drawn from one table.

/// What a command is called and what it takes.
public struct CommandSpec: Equatable, Sendable {
    public let name: String
    /// One line for the table of commands.
    public let summary: String
    /// Operands and the options that must be there, as in a synopsis.
    public let synopsis: String
    public let options: [OptionSpec]
    /// Sentences below the options.
    public let notes: [String]
    /// The tool that the command belongs to.
    public let tool: String

    public init(
        _ name: String, _ summary: String, synopsis: String, options: [OptionSpec] = [], notes: [String] = [],
        tool: String = "fantail"
    ) {
        self.name = name
        self.summary = summary
        self.synopsis = synopsis
        self.options = options
        self.notes = notes
        self.tool = tool
    }

    /// Options that every command takes.
    public static let commonOptions = [
        OptionSpec("home", "DIR", "the folder of the cluster; default $FANTAIL_HOME, else ./.fantail"),
        OptionSpec("cluster", "FILE", "the cluster file; default $FANTAIL_CLUSTER, else HOME/cluster.conf"),
        OptionSpec("help", nil, "this page"),
    ]

    public var allOptions: [OptionSpec] { options + Self.commonOptions }

    /// What `--help` behind the name of the command prints.
    public var page: String {
        var text = "\(summary)\n\nUsage: \(tool) \(name)\(synopsis.isEmpty ? "" : " " + synopsis)\n\nOptions:\n"
        text += Self.aligned(allOptions.map { ("--\($0.name)\($0.value.map { " " + $0 } ?? "")", $0.help) })
        if !notes.isEmpty { text += "\n" + notes.joined(separator: "\n") + "\n" }
        return text
    }

    /// `fantail --help`.
    public static func overview(_ commands: [CommandSpec]) -> String {
        "fantail talks to a Fantail cluster and looks after it.\n\nUsage: fantail COMMAND [OPTIONS]\n\nCommands:\n"
            + aligned(commands.map { ($0.name, $0.summary) })
            + "\nOptions of every command:\n" + aligned(commonOptions.map { ("--\($0.name)\($0.value.map { " " + $0 } ?? "")", $0.help) })
            + "\n`fantail COMMAND --help` tells more. Exit codes: 0 done, 1 failed, 64 typed wrongly.\n"
    }

    public static func aligned(_ rows: [(String, String)]) -> String {
        let width = rows.map { DisplayWidth.columns($0.0) }.max() ?? 0
        return rows.map { "  \($0.0)\(String(repeating: " ", count: width - DisplayWidth.columns($0.0)))  \($0.1)\n" }.joined()
    }
}
