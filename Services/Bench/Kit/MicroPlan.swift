// What `bench micro` was asked to do.

import FantailCLI

public struct MicroPlan: Equatable, Sendable {
    /// Milliseconds for each operation.
    public var milliseconds = 500
    public var bodyBytes = 100

    public init() {}

    public static let options = [
        OptionSpec("milliseconds", "MS", "how long each operation is repeated; default 500"),
        OptionSpec("body", "B", "bytes of a message; default 100"),
    ]

    public init(_ arguments: Arguments) throws(CommandFailure) {
        try arguments.noOperands()
        if let milliseconds = try arguments.number("milliseconds", 1...60_000) { self.milliseconds = milliseconds }
        bodyBytes = try arguments.bodyBytes() ?? bodyBytes
    }
}
