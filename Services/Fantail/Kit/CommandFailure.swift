// How a command ends when it cannot do what it was asked: one clear sentence that says what to type next.

/// Ends a command. The sentence goes to standard error behind `fantail: `.
public struct CommandFailure: Error, Equatable, Sendable {
    public let sentence: String
    /// 1 for a failure, 64 for a command that was typed wrongly (`EX_USAGE` of sysexits.h).
    public let exitCode: Int32

    public static func failure(_ sentence: String) -> CommandFailure { CommandFailure(sentence: sentence, exitCode: 1) }
    public static func usage(_ sentence: String) -> CommandFailure { CommandFailure(sentence: sentence, exitCode: 64) }
}
