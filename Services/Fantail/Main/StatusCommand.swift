// fantail status: is everything up and ready?

import FantailCLI

enum StatusCommand {
    static let spec = CommandSpec(
        "status", "Show all nodes and whether they are ready", synopsis: "[OPTIONS]",
        notes: ["Exit code 1 when any node is not ready."])

    static func run(_ arguments: Arguments) throws(CommandFailure) -> Int32 {
        try arguments.noOperands()
        let map = try Places(arguments).cluster()
        let health = AdminPoll.health(of: map.nodes)
        System.print(StatusReport.rows(map, health))
        return health.allSatisfy(\.isReady) ? 0 : 1
    }
}
