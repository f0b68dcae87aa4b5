// The frames of groups, as JSON. Encode and decode stand side by side, field for field.

import Groups
import Primitives

extension ClientFrame {
    /// - Precondition: a frame of groups.
    func encodeGroupJSON(into out: inout [UInt8]) {
        var json: JSONWriter
        switch self {
        case .group(let ref, let group, let change):
            json = JSONWriter(&out, reserving: 320 + 67 * change.users.count, begin: #"{"type":"group""#)
            json.name(#","ref":""#, ref.text)
            json.nameIfPresent(#","group":""#, group?.text)
            json.change(change)
        case .groupInfo(let ref, let group):
            json = JSONWriter(&out, reserving: 180, begin: #"{"type":"group.info""#)
            json.nameIfPresent(#","ref":""#, ref?.text)
            json.name(#","group":""#, group.text)
        case .groupList(let ref, let after):
            json = JSONWriter(&out, reserving: 180, begin: #"{"type":"group.list""#)
            json.nameIfPresent(#","ref":""#, ref?.text)
            json.nameIfPresent(#","after":""#, after?.text)
        case .receipts(let ref, let with, let at):
            json = JSONWriter(&out, reserving: 200, begin: #"{"type":"receipts""#)
            json.nameIfPresent(#","ref":""#, ref?.text)
            json.name(#","with":""#, with.text)
            json.stamp(#","at":"#, at)
        case .groupHistory(let ref, let group, let before, let limit):
            json = JSONWriter(&out, reserving: 240, begin: #"{"type":"group.history""#)
            json.nameIfPresent(#","ref":""#, ref?.text)
            json.name(#","group":""#, group.text)
            if let before { json.number(#","before":"#, before) }
            json.number(#","limit":"#, UInt64(clamping: limit))
        case .hello, .send, .ack, .read, .history, .ping, .typing, .active, .presence, .feature, .presenceWatch, .settings, .block, .mediaUpload, .mediaLink, .mediaKeep:
            preconditionFailure("not a frame of groups")
        }
        json.finish(&out)
    }

    /// - Precondition: `type` is one of groups.
    init(group type: ClientFrameType, _ json: borrowing JSONObject) throws(FrameFault) {
        switch type {
        case .group:
            let ref = try json.message(.ref)
            let change = try json.change()
            self = .group(ref: ref, group: try json.group(changedBy: change), change: change)
        case .groupInfo: self = .groupInfo(ref: try json.messageIfPresent(.ref), group: try json.group(.group))
        case .groupList:
            self = .groupList(
                ref: try json.messageIfPresent(.ref), after: json[.after].isPresent ? try json.group(.after) : nil)
        case .receipts:
            self = .receipts(ref: try json.messageIfPresent(.ref), with: try json.group(.with), at: try json.stamp(.at))
        case .groupHistory:
            self = .groupHistory(
                ref: try json.messageIfPresent(.ref), group: try json.group(.group), before: try json.numberIfPresent(.before),
                limit: try json.historyLimit())
        case .hello, .send, .ack, .read, .history, .ping, .typing, .active, .presence, .feature, .presenceWatch, .settings, .block, .mediaUpload, .mediaLink, .mediaKeep:
            preconditionFailure("not a frame of groups")
        }
    }
}

extension ServerFrame {
    /// - Precondition: a frame of groups.
    func encodeGroupJSON(into out: inout [UInt8]) {
        var json: JSONWriter
        switch self {
        case .groupMessage(let number, let group, let groupNumber, let from, let id, let at, let body):
            json = JSONWriter(&out, reserving: body.count + 360, begin: #"{"type":"group.message""#)
            json.number(#","n":"#, number)
            json.groupEntry(group, groupNumber, from, id, at)
            json.text(#","body":"#, body)
        case .groupEvent(let number, let group, let groupNumber, let from, let id, let at, let change):
            json = JSONWriter(&out, reserving: 400 + 67 * change.users.count, begin: #"{"type":"group.event""#)
            json.number(#","n":"#, number)
            json.groupEntry(group, groupNumber, from, id, at)
            json.change(change)
        case .groupDone(let ref, let group, let groupNumber, let at):
            json = JSONWriter(&out, reserving: 240, begin: #"{"type":"group.done""#)
            json.name(#","ref":""#, ref.text)
            json.name(#","group":""#, group.text)
            json.number(#","seq":"#, groupNumber)
            json.stamp(#","at":"#, at)
        case .groupInfo(let ref, let info):
            json = JSONWriter(&out, reserving: 400 + 100 * info.members.count, begin: #"{"type":"group.info""#)
            json.nameIfPresent(#","ref":""#, ref?.text)
            json.info(info)
        case .groupList(let ref, let groups, let more):
            json = JSONWriter(&out, reserving: 120 + 160 * groups.count, begin: #"{"type":"group.list""#)
            json.nameIfPresent(#","ref":""#, ref?.text)
            json.list(#","groups":["#, groups) { json, line in
                json.name(#"{"group":""#, line.group.text)
                json.text(#","title":"#, Array(line.title.utf8))
                json.literal("}")
            }
            json.flag(#","more":"#, more)
        case .groupCounts(let group, let at, let delivered, let read, let of):
            json = JSONWriter(&out, reserving: 200, begin: #"{"type":"group.counts""#)
            json.name(#","group":""#, group.text)
            json.stamp(#","at":"#, at)
            json.number(#","got":"#, UInt64(clamping: delivered))
            json.number(#","read":"#, UInt64(clamping: read))
            json.number(#","of":"#, UInt64(clamping: of))
        case .groupLate(let group, let at, let count):
            json = JSONWriter(&out, reserving: 180, begin: #"{"type":"group.late""#)
            json.name(#","group":""#, group.text)
            json.stamp(#","at":"#, at)
            json.number(#","count":"#, UInt64(clamping: count))
        case .receipts(let ref, let with, let at, let entries):
            json = JSONWriter(&out, reserving: 200 + 130 * entries.count, begin: #"{"type":"receipts""#)
            json.nameIfPresent(#","ref":""#, ref?.text)
            json.name(#","with":""#, with.text)
            json.stamp(#","at":"#, at)
            json.list(#","entries":["#, entries) { json, entry in
                json.name(#"{"user":""#, entry.user.text)
                if let delivered = entry.delivered { json.stamp(#","got":"#, delivered) }
                if let read = entry.read { json.stamp(#","read":"#, read) }
                json.literal("}")
            }
        case .welcome, .sent, .message, .copy, .expired, .gap, .delivered, .read, .noted, .history, .pong, .error, .typing, .presence,
            .settings, .mediaUpload, .mediaLink, .mediaKept:
            preconditionFailure("not a frame of groups")
        }
        json.finish(&out)
    }

    /// - Precondition: `type` is one of groups.
    init(group type: ServerFrameType, _ json: borrowing JSONObject) throws(FrameFault) {
        switch type {
        case .groupMessage:
            self = .groupMessage(
                number: try json.number(.n), group: try json.user(.group), groupNumber: try json.number(.seq),
                from: try json.user(.from), id: try json.message(.id), at: try json.stamp(.at), body: try json.body())
        case .groupEvent:
            self = .groupEvent(
                number: try json.number(.n), group: try json.user(.group), groupNumber: try json.number(.seq),
                from: try json.user(.from), id: try json.message(.id), at: try json.stamp(.at), change: try json.change())
        case .groupDone:
            self = .groupDone(
                ref: try json.message(.ref), group: try json.user(.group), groupNumber: try json.number(.seq),
                at: try json.stamp(.at))
        case .groupInfo: self = .groupInfo(ref: try json.messageIfPresent(.ref), try json.info())
        case .groupList:
            let groups = try json.objects(
                .groups, max: ClientLimits.groupTitleCountMax, rule: FieldRule.titles
            ) { line throws(FrameFault) in
                GroupTitle(group: try line.user(.group), title: try line.title())
            }
            self = .groupList(ref: try json.messageIfPresent(.ref), groups: groups, more: try json.flag(.more))
        case .groupCounts:
            self = .groupCounts(
                group: try json.user(.group), at: try json.stamp(.at), delivered: Int(try json.number(.got)),
                read: Int(try json.number(.read)), of: Int(try json.number(.of)))
        case .groupLate:
            self = .groupLate(
                group: try json.user(.group), at: try json.stamp(.at), count: Int(try json.number(.count)))
        case .receipts:
            let entries = try json.objects(
                .entries, max: GroupLimits.memberCountMax, rule: FieldRule.receipts
            ) { entry throws(FrameFault) in
                ReceiptEntry(
                    user: try entry.user(.user), delivered: try entry.stampIfPresent(.got),
                    read: try entry.stampIfPresent(.read))
            }
            self = .receipts(
                ref: try json.messageIfPresent(.ref), with: try json.user(.with), at: try json.stamp(.at), entries: entries)
        case .welcome, .sent, .message, .copy, .expired, .gap, .delivered, .read, .noted, .history, .pong, .error, .typing, .presence,
            .settings, .mediaUpload, .mediaLink, .mediaKept:
            preconditionFailure("not a frame of groups")
        }
    }
}

// MARK: Parts

extension JSONWriter {
    /// What a message and an event of a group have in common, behind `n`.
    fileprivate mutating func groupEntry(
        _ group: UserID, _ groupNumber: UInt64, _ from: UserID, _ id: MessageID, _ at: Stamp
    ) {
        name(#","group":""#, group.text)
        number(#","seq":"#, groupNumber)
        name(#","from":""#, from.text)
        name(#","id":""#, id.text)
        stamp(#","at":"#, at)
    }

    mutating func list<T>(_ key: StaticString, _ items: [T], _ write: (inout JSONWriter, T) -> Void) {
        literal(key)
        var isFirst = true
        for item in items {
            if !isFirst { literal(",") }
            isFirst = false
            write(&self, item)
        }
        literal("]")
    }

    fileprivate mutating func users(_ users: [UserID]) {
        list(#","users":["#, users) { json, user in json.name("\"", user.text) }
    }

    /// `change` and its fields.
    fileprivate mutating func change(_ change: GroupChange) {
        name(#","change":""#, change.name)
        switch change {
        case .create(let title, let users):
            text(#","title":"#, Array(title.utf8))
            self.users(users)
        case .rename(let title): text(#","title":"#, Array(title.utf8))
        case .describe(let description): text(#","text":"#, Array(description.utf8))
        case .add(let users), .remove(let users): self.users(users)
        case .role(let role, let users):
            name(#","role":""#, role.name)
            self.users(users)
        case .settings(let settings): self.settings(settings)
        case .leave, .delete: break
        }
    }

    private mutating func settings(_ settings: GroupSettings) {
        flag(#","announce":"#, settings.isAnnouncement)
        flag(#","receipts":"#, settings.showsReceipts)
        flag(#","history":"#, settings.sharesHistory)
    }

    fileprivate mutating func info(_ info: GroupInfo) {
        name(#","group":""#, info.group.text)
        text(#","title":"#, Array(info.title.utf8))
        text(#","text":"#, Array(info.description.utf8))
        settings(info.settings)
        list(#","members":["#, info.members) { json, member in
            json.name(#"{"user":""#, member.user.text)
            json.name(#","role":""#, member.role.name)
            json.literal("}")
        }
    }
}

extension JSONObject {
    /// The name of a group, where a client must name one.
    func group(_ key: JSONKey) throws(FrameFault) -> UserID {
        let group = try user(key)
        guard group.isGroup else { throw .bad(key.name, must: FieldRule.group) }
        return group
    }

    /// The group that a client wants to change: none when it is to be made.
    fileprivate func group(changedBy change: GroupChange) throws(FrameFault) -> UserID? {
        guard case .create = change else { return try group(.group) }
        guard !self[.group].isPresent else { throw .bad(JSONKey.group.name, must: FieldRule.noGroup) }
        return nil
    }

    /// `change` and its fields.
    func change() throws(FrameFault) -> GroupChange {
        switch try sentence(.change, max: ClientLimits.featureBytesMax, rule: FieldRule.change) {
        case "create": .create(title: try title(), users: try users())
        case "rename": .rename(try title())
        case "describe": .describe(try description())
        case "add": .add(try users())
        case "remove": .remove(try users())
        case "leave": .leave
        case "role": .role(try role(), try users())
        case "settings": .settings(try settings())
        case "delete": .delete
        default: throw .bad(JSONKey.change.name, must: FieldRule.change)
        }
    }

    func title() throws(FrameFault) -> String {
        let title = try sentence(.title, max: GroupLimits.titleBytesMax, rule: FieldRule.title)
        guard !title.isEmpty else { throw .bad(JSONKey.title.name, must: FieldRule.title) }
        return title
    }

    private func description() throws(FrameFault) -> String {
        try sentence(.text, max: GroupLimits.descriptionBytesMax, rule: FieldRule.description)
    }

    func users() throws(FrameFault) -> [UserID] {
        try list(.users, max: GroupLimits.changeUserCountMax, rule: FieldRule.users) { value throws(FrameFault) in
            guard let user = user(value) else { throw .bad(JSONKey.users.name, must: FieldRule.users) }
            return user
        }
    }

    private func role() throws(FrameFault) -> GroupRole {
        guard let role = GroupRole(name: try sentence(.role, max: ClientLimits.featureBytesMax, rule: FieldRule.role)) else {
            throw .bad(JSONKey.role.name, must: FieldRule.role)
        }
        return role
    }

    private func settings() throws(FrameFault) -> GroupSettings {
        GroupSettings(
            isAnnouncement: try flag(.announce), showsReceipts: try flag(.receipts), sharesHistory: try flag(.history))
    }

    fileprivate func info() throws(FrameFault) -> GroupInfo {
        GroupInfo(
            group: try user(.group), title: try title(), description: try description(), settings: try settings(),
            members: try objects(
                .members, max: GroupLimits.memberCountMax, rule: FieldRule.members
            ) { member throws(FrameFault) in
                GroupInfo.Member(user: try member.user(.user), role: try member.role())
            })
    }
}
