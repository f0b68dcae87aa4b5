// What `bench newyear` was asked to do.

import FantailCLI
import Primitives

public struct NewyearPlan: Equatable, Sendable {
    /// Pairs: the even members write, each to the odd one behind it.
    public var users = 1000
    /// Messages that each author keeps without a receipt while the peak is measured.
    public var window = 4
    /// How many times the peak is offered.
    public var factor = 10
    public var warmSeconds = 3
    public var peakSeconds = 8
    public var stormSeconds = 10
    /// How long the cluster is watched after it was let go.
    public var releaseSeconds = 10
    public var drainSeconds = 60
    public var bodyBytes = 100
    public var encoding = ClientEncoding.json

    public init() {}

    /// Messages without `sent` that a client keeps on the wire; beyond that the person waits.
    public var clientWindow: Int { max(16, window) }

    public static let options = [
        OptionSpec("users", "N", "clients, an even number; half of them write to the other half; default 1000"),
        OptionSpec("window", "W", "while the peak is measured: messages an author keeps without a receipt; default 4"),
        OptionSpec("factor", "F", "how many times the peak is offered; default 10"),
        OptionSpec("peak", "S", "seconds in which the peak is measured; default 8"),
        OptionSpec("storm", "S", "seconds of too much; default 10"),
        OptionSpec("release", "S", "seconds in which the cluster is watched afterwards; default 10"),
        OptionSpec("warm", "S", "the time before the peak, which is not measured; default 3"),
        OptionSpec("drain", "S", "how long to wait for what is still open at the end; default 60"),
        OptionSpec("body", "B", "bytes of a message; default 100"),
        OptionSpec("encoding", "json|binary", "of the frames; default json"),
    ]

    public init(_ arguments: Arguments) throws(CommandFailure) {
        try arguments.noOperands()
        if let users = try arguments.number("users", 2...BenchLimits.usersMax) { self.users = users }
        guard users % 2 == 0 else { throw .usage("--users must be even: the users are in pairs") }
        if let window = try arguments.number("window", 1...BenchLimits.windowMax) { self.window = window }
        if let factor = try arguments.number("factor", 2...BenchLimits.factorMax) { self.factor = factor }
        if let seconds = try arguments.number("peak", 1...BenchLimits.secondsMax) { peakSeconds = seconds }
        if let seconds = try arguments.number("storm", 1...BenchLimits.secondsMax) { stormSeconds = seconds }
        if let seconds = try arguments.number("release", 6...BenchLimits.secondsMax) { releaseSeconds = seconds }
        if let seconds = try arguments.number("warm", 0...BenchLimits.secondsMax) { warmSeconds = seconds }
        if let seconds = try arguments.number("drain", 0...BenchLimits.secondsMax) { drainSeconds = seconds }
        bodyBytes = try arguments.bodyBytes() ?? bodyBytes
        encoding = try arguments.encoding()
    }

    var headline: String {
        "\(users) users in \(users / 2) pairs, \(factor) times the peak for \(stormSeconds) s, \(encoding), \(bodyBytes) bytes"
    }

    var settings: [JSONValue.Member] {
        [
            .init("users", .whole(Int64(users))), .init("window", .whole(Int64(window))), .init("factor", .whole(Int64(factor))),
            .init("warm", .whole(Int64(warmSeconds))), .init("peak", .whole(Int64(peakSeconds))),
            .init("storm", .whole(Int64(stormSeconds))), .init("release", .whole(Int64(releaseSeconds))),
            .init("drain", .whole(Int64(drainSeconds))), .init("body", .whole(Int64(bodyBytes))), .init("encoding", .text("\(encoding)")),
        ]
    }
}
