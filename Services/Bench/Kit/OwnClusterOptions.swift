// Options of every scenario: which cluster, and where the report goes.

import FantailCLI

public enum OwnClusterOptions {
    /// What deploy/run.sh starts.
    public static let services = ["gateway", "parser", "session", "group", "last-seen", "persistence", "media", "fantail"]
    /// Options that pass through to it: as they are called here, and there. `--groups` of bench group is how many it writes to.
    public static let counts = [
        (name: "gateways", there: "gateways"), (name: "parsers", there: "parsers"), (name: "sessions", there: "sessions"),
        (name: "group-shards", there: "groups"), (name: "last-seens", there: "last-seens"),
        (name: "persistences", there: "persistences"),
    ]

    public static let options =
        [
            OptionSpec("start", nil, "start a cluster for this run, in a temporary folder, and stop it at the end"),
            OptionSpec("port-base", "N", "with --start: its first gateway listens on N + 1080; default 17000"),
            OptionSpec("tls", nil, "with --start: a cluster that speaks TLS with clients"),
            OptionSpec("ca", "FILE", "whom to believe with TLS; default HOME/secrets/ca.crt, without it the system's authorities"),
            OptionSpec("archive", nil, "with --start: a cluster that keeps messages for ever"),
            OptionSpec("postgres", nil, "with --start: a cluster that keeps messages in a PostgreSQL server of its own"),
        ] + counts.map { OptionSpec($0.name, "N", "with --start: how many; default as deploy/run.sh has it") }

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
        } else if let name = (["port-base", "archive", "postgres", "tls"] + counts.map(\.name)).first(where: { arguments.has($0) }) {
            throw .usage("--\(name) says how a cluster is made: it needs --start")
        }
    }
}
