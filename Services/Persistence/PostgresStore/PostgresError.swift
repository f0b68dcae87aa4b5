// What can go wrong between us and the database, sorted by what is to be done about it.

import Storage

enum PostgresError: Error, Equatable {
    /// No connection, or none any more. Whether the last transaction has happened is not known.
    case lost(String)
    /// Another process has taken this partition over: nothing may be written here any more.
    case fenced
    /// A row is there already under a key that was believed to be new.
    case exists
    /// The database gave the transaction up for the sake of another one; it may be tried again.
    case conflict
    /// No room.
    case full
    /// Everything else; the text is for the log.
    case refused(String)

    /// By SQLSTATE (PostgreSQL manual, appendix A).
    init(state: String, message: String) {
        switch state {
        case "22012": self = .fenced  // division by zero: what the check of the lease does on purpose
        case "23505": self = .exists
        case "40001", "40P01": self = .conflict
        case "53100": self = .full
        // Shut down, crashed, cannot connect now, idle for too long within a transaction; and a primary that has become a standby.
        case "57P01", "57P02", "57P03", "57P05", "25P03", "25006", "53300": self = .lost(message)
        case _ where state.hasPrefix("08"): self = .lost(message)
        default: self = .refused("\(message) (SQLSTATE \(state))")
        }
    }

    static func badRow(_ message: String) -> PostgresError { .refused("the database holds what this release cannot read: \(message)") }
}
