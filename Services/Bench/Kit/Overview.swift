// bench --help: what there is.

import FantailCLI

public enum Overview {
    public static func text(_ scenarios: [CommandSpec]) -> String {
        "bench puts load on a Fantail cluster and checks every message.\n\nUsage: bench SCENARIO [OPTIONS]\n\nScenarios:\n"
            + CommandSpec.aligned(scenarios.map { ($0.name, $0.summary) })
            + "\nThe cluster is that of --home DIR (default $FANTAIL_HOME, else ./.fantail); --start makes one for the run.\n"
            + "`bench SCENARIO --help` tells more. Exit codes: 0 verdict kept, 1 broken or failed, 64 typed wrongly.\n"
    }
}
