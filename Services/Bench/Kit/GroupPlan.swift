// What `bench group` was asked to do.

import FantailCLI
import Groups
import Primitives

public struct GroupPlan: Equatable, Sendable {
    public var shape = GroupShape()
    /// Messages of each group that some member has not shown yet, or that lack `sent`; of no meaning when `rate` is set.
    public var window = 1
    /// Messages a second over all groups; nil: the closed loop.
    public var rate: Double?
    public var seconds = 10
    public var warmSeconds = 2
    public var drainSeconds = 10
    public var bodyBytes = 100
    public var encoding = ClientEncoding.json

    public init() {}

    /// Messages without `sent` that a client keeps on the wire: the reference client's own 16, more where the window is.
    public var clientWindow: Int { max(16, window) }

    public static let options = [
        OptionSpec("members", "M", "clients in each group; default 100"),
        OptionSpec("groups", "G", "how many groups; nobody is in two; default 1"),
        OptionSpec("authors", "A", "members of each group that write, in turn; default 1"),
        OptionSpec("window", "W", "closed loop: messages of a group that are not at every member yet; default 1"),
        OptionSpec("rate", "R", "open loop: messages a second over all groups, whatever the cluster does"),
        OptionSpec("seconds", "S", "the measured interval; default 10"),
        OptionSpec("warm", "S", "the time before it, which is not measured; default 2"),
        OptionSpec("drain", "S", "how long to wait for what is still open at the end; default 10"),
        OptionSpec("body", "B", "bytes of a message; default 100"),
        OptionSpec("encoding", "json|binary", "of the frames; default json"),
    ]

    public init(_ arguments: Arguments) throws(CommandFailure) {
        try arguments.noOperands()
        if let members = try arguments.number("members", 2...GroupLimits.memberCountMax) { shape.memberCount = members }
        if let groups = try arguments.number("groups", 1...BenchLimits.usersMax / 2) { shape.groupCount = groups }
        guard shape.userCount <= BenchLimits.usersMax else {
            throw .usage(
                "\(shape.groupCount) groups of \(shape.memberCount) are \(shape.userCount) clients: one process holds at most \(BenchLimits.usersMax)")
        }
        if let authors = try arguments.number("authors", 1...GroupLimits.memberCountMax) { shape.authorCount = authors }
        guard shape.authorCount <= shape.memberCount else {
            throw .usage("--authors must be at most --members (\(shape.memberCount)): only members may write")
        }
        if let window = try arguments.number("window", 1...BenchLimits.windowMax) { self.window = window }
        if let rate = try arguments.number("rate", 1...BenchLimits.rateMax) {
            guard !arguments.has("window") else {
                throw .usage("--rate and --window exclude each other: an open loop waits for nothing")
            }
            self.rate = Double(rate)
        }
        if let seconds = try arguments.number("seconds", 1...BenchLimits.secondsMax) { self.seconds = seconds }
        if let warm = try arguments.number("warm", 0...BenchLimits.secondsMax) { warmSeconds = warm }
        if let drain = try arguments.number("drain", 0...BenchLimits.secondsMax) { drainSeconds = drain }
        bodyBytes = try arguments.bodyBytes() ?? bodyBytes
        encoding = try arguments.encoding()
    }
}
