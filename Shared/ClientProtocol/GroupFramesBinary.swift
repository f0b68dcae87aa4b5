// The frames of groups, in the compact encoding. Encode and decode stand side by side, field for field.
//
// A change has the same bytes here, between services and in the store (`GroupChange.encode`). It is taken apart here once
// more, because a client is told which field is wrong.

import Groups
import Primitives

extension ClientFrame {
    /// - Precondition: a frame of groups.
    func encodeGroup(into writer: inout ByteWriter) {
        switch self {
        case .group(let ref, let group, let change):
            writer.message(ref)
            writer.userIfPresent(group)
            change.encode(into: &writer)
        case .groupInfo(let ref, let group):
            writer.messageIfPresent(ref)
            writer.user(group)
        case .groupList(let ref, let after):
            writer.messageIfPresent(ref)
            writer.userIfPresent(after)
        case .receipts(let ref, let with, let at):
            writer.messageIfPresent(ref)
            writer.user(with)
            writer.stamp(at)
        case .groupHistory(let ref, let group, let before, let limit):
            writer.messageIfPresent(ref)
            writer.user(group)
            writer.bool(before != nil)
            if let before { writer.varint(before) }
            writer.varint(UInt64(clamping: limit))
        case .hello, .send, .ack, .read, .history, .ping, .typing, .active, .presence, .feature, .presenceWatch, .settings, .block, .mediaUpload, .mediaLink, .mediaKeep:
            preconditionFailure("not a frame of groups")
        }
    }

    /// - Precondition: `type` is one of groups.
    init(group type: ClientFrameType, _ fields: inout BinaryFields) throws(FrameFault) {
        switch type {
        case .group:
            let ref = try fields.refRequired()
            let group = try fields.isPresent("group") ? try fields.group("group") : nil
            let change = try fields.change()
            if case .create = change {
                guard group == nil else { throw .bad("group", must: FieldRule.noGroup) }
            } else {
                guard group != nil else { throw .missing("group") }
            }
            self = .group(ref: ref, group: group, change: change)
        case .groupInfo: self = .groupInfo(ref: try fields.ref(), group: try fields.group("group"))
        case .groupList:
            self = .groupList(ref: try fields.ref(), after: try fields.isPresent("after") ? try fields.group("after") : nil)
        case .receipts:
            self = .receipts(ref: try fields.ref(), with: try fields.group("with"), at: try fields.stamp("at"))
        case .groupHistory:
            self = .groupHistory(
                ref: try fields.ref(), group: try fields.group("group"),
                before: try fields.isPresent("before") ? try fields.number("before") : nil, limit: try fields.historyLimit())
        case .hello, .send, .ack, .read, .history, .ping, .typing, .active, .presence, .feature, .presenceWatch, .settings, .block, .mediaUpload, .mediaLink, .mediaKeep:
            preconditionFailure("not a frame of groups")
        }
    }
}

extension ServerFrame {
    /// - Precondition: a frame of groups.
    func encodeGroup(into writer: inout ByteWriter) {
        switch self {
        case .groupMessage(let number, let group, let groupNumber, let from, let id, let at, let body):
            writer.groupEntry(number, group, groupNumber, from, id, at)
            writer.blob(body)
        case .groupEvent(let number, let group, let groupNumber, let from, let id, let at, let change):
            writer.groupEntry(number, group, groupNumber, from, id, at)
            change.encode(into: &writer)
        case .groupDone(let ref, let group, let groupNumber, let at):
            writer.message(ref)
            writer.user(group)
            writer.varint(groupNumber)
            writer.stamp(at)
        case .groupInfo(let ref, let info):
            writer.messageIfPresent(ref)
            writer.user(info.group)
            writer.string(info.title)
            writer.string(info.description)
            writer.bool(info.settings.isAnnouncement)
            writer.bool(info.settings.showsReceipts)
            writer.bool(info.settings.sharesHistory)
            writer.varint(UInt64(info.members.count))
            for member in info.members {
                writer.user(member.user)
                writer.u8(member.role.rawValue)
            }
        case .groupList(let ref, let groups, let more):
            writer.messageIfPresent(ref)
            writer.varint(UInt64(groups.count))
            for line in groups {
                writer.user(line.group)
                writer.string(line.title)
            }
            writer.bool(more)
        case .groupCounts(let group, let at, let delivered, let read, let of):
            writer.user(group)
            writer.stamp(at)
            for count in [delivered, read, of] { writer.varint(UInt64(clamping: count)) }
        case .groupLate(let group, let at, let count):
            writer.user(group)
            writer.stamp(at)
            writer.varint(UInt64(clamping: count))
        case .receipts(let ref, let with, let at, let entries):
            writer.messageIfPresent(ref)
            writer.user(with)
            writer.stamp(at)
            writer.varint(UInt64(entries.count))
            for entry in entries {
                writer.user(entry.user)
                writer.stampIfPresent(entry.delivered)
                writer.stampIfPresent(entry.read)
            }
        case .welcome, .sent, .message, .copy, .expired, .gap, .delivered, .read, .noted, .history, .pong, .error, .typing, .presence,
            .settings, .mediaUpload, .mediaLink, .mediaKept:
            preconditionFailure("not a frame of groups")
        }
    }

    /// - Precondition: `type` is one of groups.
    init(group type: ServerFrameType, _ fields: inout BinaryFields) throws(FrameFault) {
        switch type {
        case .groupMessage:
            self = .groupMessage(
                number: try fields.number("n"), group: try fields.user("group"), groupNumber: try fields.number("seq"),
                from: try fields.user("from"), id: try fields.id(), at: try fields.stamp("at"), body: try fields.body())
        case .groupEvent:
            self = .groupEvent(
                number: try fields.number("n"), group: try fields.user("group"), groupNumber: try fields.number("seq"),
                from: try fields.user("from"), id: try fields.id(), at: try fields.stamp("at"), change: try fields.change())
        case .groupDone:
            self = .groupDone(
                ref: try fields.refRequired(), group: try fields.user("group"), groupNumber: try fields.number("seq"),
                at: try fields.stamp("at"))
        case .groupInfo:
            let ref = try fields.ref()
            self = .groupInfo(ref: ref, try fields.info())
        case .groupList:
            let ref = try fields.ref()
            let groups = try fields.list(
                "groups", max: ClientLimits.groupTitleCountMax, rule: FieldRule.titles
            ) { fields throws(FrameFault) in
                GroupTitle(group: try fields.user("group"), title: try fields.title())
            }
            self = .groupList(ref: ref, groups: groups, more: try fields.flag("more"))
        case .groupCounts:
            self = .groupCounts(
                group: try fields.user("group"), at: try fields.stamp("at"), delivered: Int(try fields.number("got")),
                read: Int(try fields.number("read")), of: Int(try fields.number("of")))
        case .groupLate:
            self = .groupLate(
                group: try fields.user("group"), at: try fields.stamp("at"), count: Int(try fields.number("count")))
        case .receipts:
            let ref = try fields.ref()
            let with = try fields.user("with")
            let at = try fields.stamp("at")
            let entries = try fields.list(
                "entries", max: GroupLimits.memberCountMax, rule: FieldRule.receipts
            ) { fields throws(FrameFault) in
                ReceiptEntry(
                    user: try fields.user("user"), delivered: try fields.stampIfPresent("got"),
                    read: try fields.stampIfPresent("read"))
            }
            self = .receipts(ref: ref, with: with, at: at, entries: entries)
        case .welcome, .sent, .message, .copy, .expired, .gap, .delivered, .read, .noted, .history, .pong, .error, .typing, .presence,
            .settings, .mediaUpload, .mediaLink, .mediaKept:
            preconditionFailure("not a frame of groups")
        }
    }
}

// MARK: Parts

extension ByteWriter {
    /// What a message and an event of a group have in common.
    fileprivate mutating func groupEntry(
        _ number: UInt64, _ group: UserID, _ groupNumber: UInt64, _ from: UserID, _ id: MessageID, _ at: Stamp
    ) {
        varint(number)
        user(group)
        varint(groupNumber)
        user(from)
        message(id)
        stamp(at)
    }
}

extension BinaryFields {
    /// The name of a group, where a client must name one.
    mutating func group(_ field: String) throws(FrameFault) -> UserID {
        let group = try user(field)
        guard group.isGroup else { throw .bad(field, must: FieldRule.group) }
        return group
    }

    mutating func list<T>(
        _ field: String, max limit: Int, rule: String, _ item: (inout BinaryFields) throws(FrameFault) -> T
    ) throws(FrameFault) -> [T] {
        var items: [T] = []
        for _ in 0..<(try number(field, max: UInt64(limit), rule: rule)) { items.append(try item(&self)) }
        return items
    }

    /// The mirror image of `GroupChange.encode`.
    fileprivate mutating func change() throws(FrameFault) -> GroupChange {
        switch try number("change", max: 9, rule: "a number from 1 to 9") {
        case 1:
            let title = try title()
            return .create(title: title, users: try users())
        case 2: return .rename(try title())
        case 3: return .describe(try text("text", max: GroupLimits.descriptionBytesMax))
        case 4: return .add(try users())
        case 5: return .remove(try users())
        case 6: return .leave
        case 7:
            let role = try role()
            return .role(role, try users())
        case 8: return .settings(try settings())
        case 9: return .delete
        default: throw .bad("change", must: "a number from 1 to 9")
        }
    }

    fileprivate mutating func title() throws(FrameFault) -> String {
        let title = try text("title", max: GroupLimits.titleBytesMax)
        guard !title.isEmpty else { throw .bad("title", must: FieldRule.title) }
        return title
    }

    private mutating func users() throws(FrameFault) -> [UserID] {
        try list("users", max: GroupLimits.changeUserCountMax, rule: FieldRule.users) { fields throws(FrameFault) in
            try fields.user("users")
        }
    }

    private mutating func role() throws(FrameFault) -> GroupRole {
        let rule = "1 (member), 2 (admin) or 3 (owner)"
        let value = try number("role", max: 3, rule: rule)
        guard let role = GroupRole(rawValue: UInt8(value)) else { throw .bad("role", must: rule) }
        return role
    }

    private mutating func settings() throws(FrameFault) -> GroupSettings {
        GroupSettings(
            isAnnouncement: try flag("announce"), showsReceipts: try flag("receipts"), sharesHistory: try flag("history"))
    }

    fileprivate mutating func info() throws(FrameFault) -> GroupInfo {
        let group = try user("group")
        let title = try title()
        let description = try text("text", max: GroupLimits.descriptionBytesMax)
        let settings = try settings()
        let members = try list(
            "members", max: GroupLimits.memberCountMax, rule: FieldRule.members
        ) { fields throws(FrameFault) in
            GroupInfo.Member(user: try fields.user("user"), role: try fields.role())
        }
        return GroupInfo(group: group, title: title, description: description, settings: settings, members: members)
    }
}
