// What was typed behind `fantail group`, as an order.

import ClientProtocol
import Groups
import Primitives

public enum GroupOrder: Equatable, Sendable {
    /// One after the other: lists that are too long for one change are cut. `group` is nil when it is to be made.
    case change(group: UserID?, [GroupChange])
    /// Switches of a group; nil: as it is.
    case settings(UserID, announcement: Bool? = nil, receipts: Bool? = nil, history: Bool? = nil)
    case list
    case info(UserID)
    /// Who has a message: its id, or nil for the newest own one.
    case receipts(UserID, MessageID?)
    /// The newest so many entries of the log.
    case history(UserID, count: Int)

    /// Entries of a log that are printed at most: what a terminal scrolls back.
    static let historyCountMax = 10_000

    /// The forms, for the help.
    public static let forms: [(String, String)] = [
        ("create NAME…", "make a group with these members; prints its id"),
        ("add GROUP NAME…", "bring people in"),
        ("remove GROUP NAME…", "put people out"),
        ("leave GROUP", "go"),
        ("rename GROUP TITLE", "another title"),
        ("describe GROUP TEXT", "a description; \"\" takes it away"),
        ("role GROUP admin|member NAME…", "promote, demote"),
        ("owner GROUP NAME", "hand the group over"),
        ("announce GROUP on|off", "on: only admins and the owner write"),
        ("receipts-for GROUP members|author", "who may ask who has a message"),
        ("share-history GROUP on|off", "on: newcomers may read what was written before (archive)"),
        ("delete GROUP", "for ever"),
        ("list", "the groups you are in"),
        ("info GROUP", "title, description, switches, members"),
        ("receipts GROUP [ID]", "who has a message, who has read it; default: your newest one"),
        ("history GROUP [COUNT]", "what was written, as far as you may see it (archive); default: the newest 50"),
    ]

    /// - Parameters:
    ///   - words: the verb and what follows.
    ///   - title: of a new group; nil: the names of its first people.
    public init(_ words: [String], title: String?, me: UserID) throws(CommandFailure) {
        guard let verb = words.first else { throw .usage("what is to be done? try fantail group --help") }
        guard title == nil || verb == "create" else { throw .usage("--title is for fantail group create") }
        let rest = Array(words.dropFirst())
        switch verb {
        case "create":
            let users = try Self.users(rest[...], orNobody: true)
            let title = title ?? Self.title(for: [me] + users)
            guard !title.isEmpty, title.utf8.count <= GroupLimits.titleBytesMax else {
                throw .usage("--title must be 1 to \(GroupLimits.titleBytesMax) bytes")
            }
            let pieces = Self.pieces(users)
            let more = pieces.dropFirst().map { GroupChange.add($0) }
            self = .change(group: nil, [.create(title: title, users: pieces.first ?? [])] + more)
        case "add": self = .change(group: try Self.group(rest), Self.pieces(try Self.users(rest.dropFirst())).map { .add($0) })
        case "remove":
            self = .change(group: try Self.group(rest), Self.pieces(try Self.users(rest.dropFirst())).map { .remove($0) })
        case "role":
            guard rest.count >= 2, let role = GroupRole(name: rest[1]), role != .owner else {
                throw .usage("fantail group role GROUP admin|member NAME…; to hand the group over: fantail group owner GROUP NAME")
            }
            let users = try Self.users(rest.dropFirst(2))
            self = .change(group: try Self.group(rest), Self.pieces(users).map { .role(role, $0) })
        case "owner":
            try Self.count(rest, 2, "owner GROUP NAME")
            self = .change(group: try Self.group(rest), [.role(.owner, try Self.users(rest.dropFirst()))])
        case "leave", "delete", "info":
            try Self.count(rest, 1, "\(verb) GROUP")
            let group = try Self.group(rest)
            self = verb == "info" ? .info(group) : .change(group: group, [verb == "leave" ? .leave : .delete])
        case "rename":
            let group = try Self.group(rest)
            let title = rest.dropFirst().joined(separator: " ")
            guard !title.isEmpty, title.utf8.count <= GroupLimits.titleBytesMax else {
                throw .usage("the title must be 1 to \(GroupLimits.titleBytesMax) bytes: fantail group rename GROUP TITLE")
            }
            self = .change(group: group, [.rename(title)])
        case "describe":
            let group = try Self.group(rest)
            let text = rest.dropFirst().joined(separator: " ")
            guard rest.count > 1, text.utf8.count <= GroupLimits.descriptionBytesMax else {
                throw .usage("the text must be there and have at most \(GroupLimits.descriptionBytesMax) bytes: fantail group describe GROUP TEXT")
            }
            self = .change(group: group, [.describe(text)])
        case "announce":
            self = .settings(
                try Self.group(rest), announcement: try Self.choice(rest, "on", "off", "announce GROUP on|off"))
        case "receipts-for":
            let form = "receipts-for GROUP members|author"
            self = .settings(
                try Self.group(rest), receipts: try Self.choice(rest, "members", "author", form))
        case "share-history":
            self = .settings(
                try Self.group(rest), history: try Self.choice(rest, "on", "off", "share-history GROUP on|off"))
        case "list":
            try Self.count(rest, 0, "list")
            self = .list
        case "receipts":
            guard rest.count <= 2 else { throw .usage("fantail group receipts GROUP [ID]") }
            var id: MessageID?
            if rest.count == 2 {
                // As `fantail send` prints it, with the author in front.
                guard let named = MessageID(String(rest[1].split(separator: "/").last ?? "")) else {
                    throw .usage("\(Printable.line(rest[1])) is no message id")
                }
                id = named
            }
            self = .receipts(try Self.group(rest), id)
        case "history":
            let count = rest.count > 1 ? Int(rest[1]) : ClientLimits.historyEntryCountDefault
            guard rest.count <= 2, let count, (1...Self.historyCountMax).contains(count) else {
                throw .usage("fantail group history GROUP [COUNT]; COUNT is 1 to \(Self.historyCountMax)")
            }
            self = .history(try Self.group(rest), count: count)
        default: throw .usage("there is no fantail group \(Printable.line(verb)); try fantail group --help")
        }
    }

    private static func group(_ words: [String]) throws(CommandFailure) -> UserID {
        guard let word = words.first else { throw .usage("which group? its id begins with \(UserID.groupPrefix); fantail group list tells") }
        guard let group = UserID(word), group.isGroup else {
            throw .usage("\(Printable.line(word)) is no group: an id begins with \(UserID.groupPrefix); fantail group list tells")
        }
        return group
    }

    private static func users(_ words: ArraySlice<String>, orNobody: Bool = false) throws(CommandFailure) -> [UserID] {
        guard orNobody || !words.isEmpty else { throw .usage("name at least one user") }
        var users: [UserID] = []
        for word in words {
            guard let user = UserID(word), !user.isGroup else {
                throw .usage("\(Printable.line(word)) is no user: 1 to \(UserID.bytesMax) letters, digits and . _ - @ + :")
            }
            users.append(user)
        }
        return users
    }

    private static func count(_ words: [String], _ wanted: Int, _ form: String) throws(CommandFailure) {
        guard words.count == wanted else { throw .usage("fantail group \(form)") }
    }

    private static func choice(
        _ words: [String], _ yes: String, _ no: String, _ form: String
    ) throws(CommandFailure) -> Bool {
        guard words.count == 2, [yes, no].contains(words[1]) else { throw .usage("fantail group \(form)") }
        return words[1] == yes
    }

    private static func pieces(_ users: [UserID]) -> [[UserID]] {
        stride(from: 0, to: users.count, by: GroupLimits.changeUserCountMax).map { start in
            Array(users[start..<min(users.count, start + GroupLimits.changeUserCountMax)])
        }
    }

    /// Nobody has thought of a title: who is in it says most.
    private static func title(for users: [UserID]) -> String { GroupSentence.names(users) }
}
