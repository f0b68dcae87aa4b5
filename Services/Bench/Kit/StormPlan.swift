// What `bench storm` was asked to do.

import FantailCLI
import Primitives

public struct StormPlan: Equatable, Sendable {
    public var users = 1000
    /// Clients at other gateways, which keep their connections and write to each other.
    public var bystanders = 0
    /// The gateway of the users dies, instead of their connections alone.
    public var isDeadly = false
    /// Messages a second over all authors, before, in and after the storm.
    public var rate: Double = 100
    public var backSeconds = 10
    public var drainSeconds = 10
    public var bodyBytes = 100
    public var encoding = ClientEncoding.json

    public init() {}

    public var memberCount: Int { users + bystanders }
    /// All users are at one gateway, everybody else at the others.
    public var needsOtherGateway: Bool { isDeadly || bystanders > 0 }

    public static let options = [
        OptionSpec("users", "N", "clients, an even number; default 1000"),
        OptionSpec("kill", nil, "kill the gateway that all of them are at (SIGKILL); needs --start and two gateways"),
        OptionSpec("bystanders", "N", "clients at the other gateways, an even number: what do they notice? Default 0"),
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
        if let bystanders = try arguments.number("bystanders", 0...BenchLimits.usersMax) { self.bystanders = bystanders }
        guard bystanders % 2 == 0 else { throw .usage("--bystanders must be even: they are in pairs") }
        guard memberCount <= BenchLimits.usersMax else {
            throw .usage("--users and --bystanders together are at most \(BenchLimits.usersMax): one process holds all their sockets")
        }
        isDeadly = arguments.has("kill")
        guard !isDeadly || arguments.has("start") else { throw .usage("--kill takes no gateway of a cluster that somebody else uses: it needs --start") }
        if let rate = try arguments.number("rate", 1...BenchLimits.rateMax) { self.rate = Double(rate) }
        if let back = try arguments.number("back-within", 1...BenchLimits.secondsMax) { backSeconds = back }
        if let drain = try arguments.number("drain", 0...BenchLimits.secondsMax) { drainSeconds = drain }
        bodyBytes = try arguments.bodyBytes() ?? bodyBytes
        encoding = try arguments.encoding()
    }
}
