// What happened to a group, as a sentence.
//
//     ana made the group “Team” with bob and cem
//     bob left

import Groups
import Primitives

public enum GroupSentence {
    /// Names that are told one by one; the rest is a number.
    private static let namesMax = 5

    /// Printable, on one line.
    public static func text(_ change: GroupChange, by author: UserID) -> String {
        switch change {
        case .create(let title, []): "\(author) made the group “\(Printable.line(title))”"
        case .create(let title, let users): "\(author) made the group “\(Printable.line(title))” with \(names(users))"
        case .rename(let title): "\(author) named the group “\(Printable.line(title))”"
        case .describe(""): "\(author) took the description away"
        case .describe(let text): "\(author) described the group: \(Printable.line(text))"
        case .add(let users): "\(author) added \(names(users))"
        case .remove(let users): "\(author) removed \(names(users))"
        case .leave: "\(author) left"
        case .role(.owner, let users): "\(author) made \(names(users)) the owner"
        case .role(.admin, let users): "\(author) made \(names(users)) \(users.count == 1 ? "an admin" : "admins")"
        case .role(.member, let users): "\(author) made \(names(users)) \(users.count == 1 ? "a member" : "members") again"
        case .settings(let settings): "\(author) changed the settings: \(text(settings))"
        case .delete: "\(author) deleted the group"
        }
    }

    /// The switches in words.
    public static func text(_ settings: GroupSettings) -> String {
        (settings.isAnnouncement ? "only admins write" : "everybody writes") + ", "
            + (settings.showsReceipts ? "every member may ask who has read" : "only authors may ask who has read")
            + (settings.sharesHistory ? ", newcomers see what was written before" : "")
    }

    /// `bob`, `bob and cem`, `bob, cem, dan, eva, fay and 507 others`.
    public static func names(_ users: [UserID]) -> String {
        guard users.count > 1 else { return users.first?.text ?? "nobody" }
        if users.count > namesMax {
            let rest = users.count - namesMax
            return users.prefix(namesMax).map(\.text).joined(separator: ", ") + " and \(rest) other\(rest == 1 ? "" : "s")"
        }
        return users.dropLast().map(\.text).joined(separator: ", ") + " and \(users[users.count - 1])"
    }
}
