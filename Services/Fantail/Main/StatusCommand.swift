// fantail status: is everything up and ready?

import FantailCLI

enum StatusCommand {
    static let spec = CommandSpec(
        "status", "Show all nodes and whether they are ready", synopsis: "[OPTIONS]",
        notes: ["Exit code 1 when any node is not ready."])

    static func run(_ arguments: Arguments) throws(CommandFailure) -> Int32 {
        try arguments.noOperands()
        let places = Places(arguments)
        let map = try places.cluster()
        var health = AdminPoll.health(of: map.nodes)
        for (index, node) in map.nodes.enumerated() where health[index].isUp { health[index].pid = try places.pid(of: node) }
        System.print(StatusReport.rows(map, health))
        return health.allSatisfy(\.isReady) ? 0 : 1
    }
}
