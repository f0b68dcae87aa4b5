// What `bench offline` was asked to do.

import FantailCLI
import Primitives

public struct OfflinePlan: Equatable, Sendable {
    public var messages = 100_000
    public var users = 1000
    public var senders = 10
    public var window = 16
    public var drainSeconds = 60
    public var bodyBytes = 100
    /// All processes of the cluster are killed when everything is stored.
    public var isDeadly = false
    public var encoding = ClientEncoding.json

    public init() {}

    public static let options = [
        OptionSpec("messages", "N", "how many are stored; default 100000"),
        OptionSpec("users", "U", "offline users, who get them in turn; default 1000"),
        OptionSpec("senders", "K", "clients that write; default 10"),
        OptionSpec("window", "W", "messages that a sender keeps without sent; default 16"),
        OptionSpec("drain", "S", "how long the users have to come and fetch everything; default 60"),
        OptionSpec("kill", nil, "when all is stored, the processes of all nodes are killed (SIGKILL), and the launcher starts them again"),
        OptionSpec("body", "B", "bytes of a message; default 100"),
        OptionSpec("encoding", "json|binary", "of the frames; default json"),
    ]

    public init(_ arguments: Arguments) throws(CommandFailure) {
        try arguments.noOperands()
        if let messages = try arguments.number("messages", 1...BenchLimits.offlineMessagesMax) { self.messages = messages }
        if let senders = try arguments.number("senders", 1...BenchLimits.usersMax / 2) { self.senders = senders }
        if let users = try arguments.number("users", 1...BenchLimits.usersMax / 2) { self.users = users }
        guard users >= senders else { throw .usage("--users must be at least --senders (\(senders)): each sender has users of its own") }
        if let window = try arguments.number("window", 1...BenchLimits.windowMax) { self.window = window }
        if let drain = try arguments.number("drain", 1...BenchLimits.secondsMax) { drainSeconds = drain }
        bodyBytes = try arguments.bodyBytes() ?? bodyBytes
        encoding = try arguments.encoding()
        isDeadly = arguments.has("kill")
    }

    public var clientWindow: Int { max(16, window) }
}
