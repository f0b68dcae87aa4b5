// How far the copy is that a persistence node makes of its store, as its admin page tells.

public enum BackupReport: Equatable, Sendable {
    /// `left`: changes as long as the copy moves.
    case running(left: String)
    /// The copy is complete, at this path of the node's machine.
    case done(path: String)
    /// No copy, and perhaps why.
    case failed(String)

    /// - Parameter page: what `/backup` answered, with status 200.
    public init(_ page: AdminAnswer) {
        let line = page.body.split(whereSeparator: \.isNewline).first.map { String($0) } ?? ""
        let fields = FlatJSON.fields(line) ?? [:]
        switch fields["state"] {
        case "done": self = .done(path: fields["path"] ?? "")
        case "running": self = .running(left: fields["left"] ?? "")
        default: self = .failed(fields["error"].map { Printable.line($0) } ?? "the copy was given up")
        }
    }
}
