// What `bench idle` was asked to do.

import FantailCLI
import Primitives

public struct IdlePlan: Equatable, Sendable {
    public var users = 1000
    public var seconds = 60
    public var encoding = ClientEncoding.json
    /// Memory that one connection may cost over all services, bytes.
    public var bytesMax = 4096
    /// What TLS may add to it: nearly all of it are OpenSSL's own objects.
    private static let tlsBytesMax = 16 * 1024

    public init() {}

    public static let options = [
        OptionSpec("users", "N", "clients that connect and stay silent; default 1000"),
        OptionSpec("seconds", "S", "how long they are watched; default 60, two heartbeats"),
        OptionSpec("encoding", "json|binary", "of the frames; default json"),
        OptionSpec("bytes-max", "B", "the verdict on memory per connection over all services; default 4096, with --tls 20480"),
    ]

    public init(_ arguments: Arguments) throws(CommandFailure) {
        try arguments.noOperands()
        if let users = try arguments.number("users", 1...BenchLimits.usersMax) { self.users = users }
        if let seconds = try arguments.number("seconds", 1...BenchLimits.secondsMax) { self.seconds = seconds }
        if arguments.has("tls") { bytesMax += Self.tlsBytesMax }
        if let bytes = try arguments.number("bytes-max", 1...(1 << 30)) { bytesMax = bytes }
        encoding = try arguments.encoding()
    }
}
