// fantail presence: who is here, and when were the others?

import ChatClient
import ClientProtocol
import FantailCLI
import Primitives

enum PresenceCommand {
    static let spec = CommandSpec(
        "presence", "Who is online, and when were the others here", synopsis: "USER… --as USER [OPTIONS]",
        options: [
            OptionSpec("device", "D", "your device; default cli"),
            OptionSpec("timeout", "TIME", "how long to wait for each answer; default 30s"),
        ] + connectionOptions,
        notes: [
            "\"not seen\": never here, or hidden from you; nobody can tell which. Last seen is mutual: who hides it sees nobody's.",
            "Asking does not count as being here.",
        ])

    static func run(_ arguments: Arguments) throws(CommandFailure) -> Int32 {
        var users: [UserID] = []
        for name in arguments.operands {
            guard let user = UserID(name), !user.isGroup else { throw .usage("\(Printable.line(name)): a name is \(Arguments.nameRule), and no group") }
            users.append(user)
        }
        guard !users.isEmpty else { throw .usage("whose presence? fantail presence USER… --as USER") }
        let courier = try Courier(arguments, device: DeviceID("cli")!)
        var inquiry = Inquiry(courier, timeoutSeconds: try arguments.timeout())
        try courier.start()
        var lines: [PresenceLine] = []
        // As many as one question may name.
        for start in stride(from: 0, to: users.count, by: ClientLimits.presenceUserCountMax) {
            let some = Array(users[start...].prefix(ClientLimits.presenceUserCountMax))
            lines += try inquiry.ask({ courier, ref throws(CommandFailure) in
                try courier.requestPresence(of: some, ref: ref)
            }) { news, ref -> [PresenceLine]? in
                if case .presence(ref, let lines) = news { lines } else { nil }
            }
        }
        System.print(PresenceText.rows(lines, clock: System.clock(), now: System.now().stamp))
        try courier.stop()
        return 0
    }
}
