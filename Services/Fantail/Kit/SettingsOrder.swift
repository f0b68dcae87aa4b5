// What was typed behind `fantail settings`, as an order; and how the answer is printed.

import ClientProtocol
import Primitives
import Privacy

public enum SettingsOrder: Equatable, Sendable {
    private static let nameRule = "1 to 64 letters, digits and . _ - @ + :"

    case change(lastSeen: Visibility? = nil, exceptions: [UserID]? = nil, readReceipts: Bool? = nil)
    case block(UserID, isOn: Bool)

    /// The forms, for the help.
    public static let forms: [(String, String)] = [
        ("show", "how they stand"),
        ("last-seen everyone|nobody", "who sees your last seen and online, and whose you see; --except NAME,… for whom the opposite holds"),
        ("read-receipts on|off", "between two people: do others learn what you have read, and you what they have?"),
        ("block NAME", "hear nothing of somebody any more"),
        ("unblock NAME", "or again"),
    ]

    /// - Parameters:
    ///   - words: the verb and what follows.
    ///   - except: names behind `--except`, with commas; nil: the list stays as it is, empty: it is emptied.
    public init(_ words: [String], except: String?, me: UserID) throws(CommandFailure) {
        guard let verb = words.first else { throw .usage("what is to be done? try fantail settings --help") }
        guard except == nil || verb == "last-seen" else { throw .usage("--except is for fantail settings last-seen") }
        let rest = Array(words.dropFirst())
        switch (verb, rest.count) {
        case ("show", 0): self = .change()
        case ("last-seen", 1):
            guard let visibility = Visibility(name: rest[0]) else { throw .usage("last-seen is everyone or nobody") }
            self = .change(lastSeen: visibility, exceptions: try except.map(Self.names))
        case ("read-receipts", 1):
            guard rest[0] == "on" || rest[0] == "off" else { throw .usage("read-receipts is on or off") }
            self = .change(readReceipts: rest[0] == "on")
        case ("block", 1), ("unblock", 1):
            guard let user = UserID(rest[0]), !user.isGroup else { throw .usage("\(verb): a name is \(Self.nameRule), and no group") }
            guard user != me else { throw .usage("nobody blocks oneself") }
            self = .block(user, isOn: verb == "block")
        default: throw .usage("fantail settings: \(Self.forms.map(\.0).joined(separator: ", ")); try fantail settings --help")
        }
    }

    private static func names(_ list: String) throws(CommandFailure) -> [UserID] {
        var users: [UserID] = []
        for name in list.split(separator: ",") {
            guard let user = UserID(String(name)), !user.isGroup else {
                throw .usage("--except: names with commas between them; a name is \(Self.nameRule)")
            }
            users.append(user)
        }
        guard users.count <= PrivacyLimits.exceptionCountMax else {
            throw .usage("--except names at most \(PrivacyLimits.exceptionCountMax)")
        }
        return users
    }

    /// The settings, a line for each.
    public static func rows(_ settings: UserSettings) -> [Row] {
        func names(_ users: [UserID]) -> Span {
            users.isEmpty ? Span("nobody", .dim) : Span(users.map(\.text).joined(separator: " "))
        }
        var table = TextTable(["SETTING", "VALUE"])
        table.add([Span("last-seen"), Span(settings.lastSeen.name)])
        if !settings.exceptions.isEmpty { table.add([Span("  except"), names(settings.exceptions)]) }
        table.add([Span("read-receipts"), Span(settings.readReceipts ? "on" : "off")])
        table.add([Span("blocked"), names(settings.blocked)])
        return table.lines
    }
}
