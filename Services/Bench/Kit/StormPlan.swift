// What `bench storm` was asked to do.

import FantailCLI
import Primitives

public struct StormPlan: Equatable, Sendable {
    public var users = 1000
    /// The gateway of the users dies, instead of their connections alone.
    public var isDeadly = false
    /// Messages a second over all authors, before, in and after the storm.
    public var rate: Double = 100
    public var backSeconds = 10
    public var drainSeconds = 10
    public var bodyBytes = 100
    public var encoding = ClientEncoding.json

    public init() {}

    public static let options = [
        OptionSpec("users", "N", "clients, an even number; default 1000"),
        OptionSpec("kill", nil, "all are at the first gateway, whose process is killed (SIGKILL); needs a second gateway"),
        OptionSpec("rate", "R", "messages a second beside the storm; default 100"),
        OptionSpec("back-within", "S", "the verdict on the time until everybody is back; default 10"),
        OptionSpec("drain", "S", "how long to wait for what is still open at the end; default 10"),
        OptionSpec("body", "B", "bytes of a message; default 100"),
        OptionSpec("encoding", "json|binary", "of the frames; default json"),
    ]

    public init(_ arguments: Arguments) throws(CommandFailure) {
        try arguments.noOperands()
        if let users = try arguments.number("users", 2...BenchLimits.usersMax) { self.users = users }
        guard users % 2 == 0 else { throw .usage("--users must be even: the users are in pairs") }
        isDeadly = arguments.has("kill")
        if let rate = try arguments.number("rate", 1...BenchLimits.rateMax) { self.rate = Double(rate) }
        if let back = try arguments.number("back-within", 1...BenchLimits.secondsMax) { backSeconds = back }
        if let drain = try arguments.number("drain", 0...BenchLimits.secondsMax) { drainSeconds = drain }
        bodyBytes = try arguments.bodyBytes() ?? bodyBytes
        encoding = try arguments.encoding()
    }
}
