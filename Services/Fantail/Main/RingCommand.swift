// fantail ring: who holds which share of the users, and who serves one of them.

import Cluster
import FantailCLI

enum RingCommand {
    static let spec = CommandSpec(
        "ring", "Show how a ring divides the users, and who serves a user", synopsis: "[USER…] [OPTIONS]",
        options: [OptionSpec("role", "ROLE", "session, group, last-seen or persistence; default session")])

    static func run(_ arguments: Arguments) throws(CommandFailure) -> Int32 {
        guard let role = Role(name: arguments.value("role") ?? "session"), role.hasRing else {
            throw .usage("--role must be session, group, last-seen or persistence")
        }
        let map = try Places(arguments).cluster()
        let health = AdminPoll.health(of: map.nodes(of: role))
        let views = AdminPoll.views(of: map.nodes)
        System.print(RingReport.rows(map, role: role, health, views))
        if !arguments.operands.isEmpty { System.print("") }
        System.print(arguments.operands.map { RingReport.row(of: Printable.line($0), map, role: role, health) })
        return 0
    }
}
