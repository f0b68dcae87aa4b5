// fantail token: a token for an app under test, or for curl. Production tokens come from the product's own log-in.

import FantailCLI
import Primitives

enum TokenCommand {
    static let spec = CommandSpec(
        "token", "Mint a token for a user", synopsis: "USER [OPTIONS]",
        options: [
            OptionSpec("device", "D", "the device that signs in with it; default main"),
            OptionSpec("ttl", "TIME", "how long it holds: 90s, 15m, 24h, 30d; default 24h"),
            OptionSpec("key", "KID", "the key to sign with; default: the first that may"),
        ],
        notes: ["Only the token is printed: TOKEN=$(fantail token ana)"])

    static func run(_ arguments: Arguments) throws(CommandFailure) -> Int32 {
        guard arguments.operands.count == 1, let user = UserID(arguments.operands[0]) else {
            throw .usage("name one user: fantail token USER (\(Arguments.nameRule))")
        }
        let device = try arguments.value("device") == nil ? nil : arguments.device(.unnamed)
        guard let ttl = TimeSpan.seconds(arguments.value("ttl") ?? "24h") else {
            throw .usage("--ttl must be a time like 90s, 15m, 24h or 30d")
        }
        System.print(
            try Places(arguments).mint(user, device: device, ttlSeconds: ttl, kid: arguments.value("key")))
        return 0
    }
}
