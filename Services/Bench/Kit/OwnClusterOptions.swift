// Options of every scenario: which cluster, and where the report goes.

import FantailCLI

public enum OwnClusterOptions {
    /// What deploy/run.sh starts.
    public static let services = ["gateway", "parser", "session", "group", "last-seen", "persistence", "fantail"]
    /// Options that pass through to it.
    public static let counts = ["gateways", "parsers", "sessions", "groups", "last-seens", "persistences"]

    public static let options =
        [
            OptionSpec("start", nil, "start a cluster for this run, in a temporary folder, and stop it at the end"),
            OptionSpec("port-base", "N", "with --start: its first gateway listens on N + 1080; default 17000"),
            OptionSpec("archive", nil, "with --start: a cluster that keeps messages for ever"),
        ] + counts.map { OptionSpec($0, "N", "with --start: how many; default as deploy/run.sh has it") }

    public static let reportOptions = [
        OptionSpec("json", "FILE", "write the report as JSON too"),
        OptionSpec("svg", "FILE", "draw the run as a chart"),
        OptionSpec("quiet", nil, "no progress line"),
    ]

    /// Refuses what has no meaning together.
    public static func check(_ arguments: Arguments) throws(CommandFailure) {
        if arguments.has("start") {
            for name in ["home", "cluster"] where arguments.has(name) {
                throw .usage("--start makes a cluster of its own; leave --\(name) out")
            }
        } else if let name = (["port-base", "archive"] + counts).first(where: { arguments.has($0) }) {
            throw .usage("--\(name) says how a cluster is made: it needs --start")
        }
    }
}
