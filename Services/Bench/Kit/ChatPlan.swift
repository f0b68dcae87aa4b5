// What `bench chat` was asked to do.

import FantailCLI
import Primitives

public struct ChatPlan: Equatable, Sendable {
    /// Pairs: the even members write, each to the odd one behind it.
    public var users = 1000
    /// Clients beside the pairs, who are connected and do nothing. No option of `bench chat`: `bench scale` sets it.
    public var silentUsers = 0
    /// Messages that each author keeps without a receipt; of no meaning when `rate` is set.
    public var window = 1
    /// Messages a second over all authors; nil: the closed loop.
    public var rate: Double?
    public var seconds = 10
    public var warmSeconds = 2
    public var drainSeconds = 10
    public var bodyBytes = 100
    public var encoding = ClientEncoding.json
    public var presence = Presence.acts
    /// The name of the gateway that all begin at; nil: any.
    public var gateway: String?

    /// What the cluster hears of people.
    public enum Presence: String, Sendable, CaseIterable {
        /// Nothing: messages are an app's own.
        case none
        /// Messages count as what a person does.
        case acts
        /// Besides, everybody has the app in front and watches whom they write with.
        case watched
    }

    public init() {}

    /// Everybody who connects; the silent ones come last.
    public var memberCount: Int { users + silentUsers }

    /// Messages without `sent` that a client keeps on the wire: the reference client's own 16, more where the window is.
    public var clientWindow: Int { max(16, window) }

    public static let options = [
        OptionSpec("users", "N", "clients, an even number; half of them write to the other half; default 1000"),
        OptionSpec("window", "W", "closed loop: messages an author keeps without a receipt; default 1"),
        OptionSpec("rate", "R", "open loop: messages a second over all authors, whatever the cluster does"),
        OptionSpec("seconds", "S", "the measured interval; default 10"),
        OptionSpec("warm", "S", "the time before it, which is not measured; default 2"),
        OptionSpec("drain", "S", "how long to wait for what is still open at the end; default 10"),
        OptionSpec("body", "B", "bytes of a message; default 100"),
        OptionSpec("encoding", "json|binary", "of the frames; default json"),
        OptionSpec("gateway", "NAME", "all clients begin at this gateway; default: at any"),
        OptionSpec(
            "presence", "none|acts|watched",
            "messages are an app's own; or a person's; or, besides, everybody is in front and watches the other; default acts"),
    ]

    public init(_ arguments: Arguments) throws(CommandFailure) {
        try arguments.noOperands()
        if let users = try arguments.number("users", 2...BenchLimits.usersMax) { self.users = users }
        guard users % 2 == 0 else { throw .usage("--users must be even: the users are in pairs") }
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
        gateway = arguments.value("gateway")
        if let word = arguments.value("presence") {
            guard let presence = Presence(rawValue: word) else { throw .usage("--presence must be none, acts or watched") }
            self.presence = presence
        }
    }
}
