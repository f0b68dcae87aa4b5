// The frames of presence and settings, in the compact encoding. Encode and decode stand side by side, field for field.

import Groups
import Primitives
import Privacy

extension ClientFrame {
    /// - Precondition: a frame of presence or settings.
    func encodePresence(into writer: inout ByteWriter) {
        switch self {
        case .active(let on): writer.bool(on)
        case .presence(let ref, let users), .presenceWatch(let ref, let users):
            writer.messageIfPresent(ref)
            writer.people(users)
        case .settings(let ref, let lastSeen, let exceptions, let readReceipts):
            writer.messageIfPresent(ref)
            writer.bool(lastSeen != nil)
            if let lastSeen { writer.u8(lastSeen.rawValue) }
            writer.bool(exceptions != nil)
            if let exceptions { writer.people(exceptions) }
            writer.bool(readReceipts != nil)
            if let readReceipts { writer.bool(readReceipts) }
        case .block(let ref, let user, let on):
            writer.messageIfPresent(ref)
            writer.user(user)
            writer.bool(on)
        case .hello, .send, .ack, .read, .history, .ping, .group, .groupInfo, .groupList, .receipts, .groupHistory, .typing,
            .feature, .mediaUpload, .mediaLink, .mediaKeep:
            preconditionFailure("not a frame of presence")
        }
    }

    /// - Precondition: `type` is one of presence or settings.
    init(presence type: ClientFrameType, _ fields: inout BinaryFields) throws(FrameFault) {
        switch type {
        case .active: self = .active(on: try fields.flag("on"))
        case .presence:
            let ref = try fields.ref()
            let users = try fields.people("users", max: ClientLimits.presenceUserCountMax)
            guard !users.isEmpty else { throw .bad("users", must: FieldRule.somebody) }
            self = .presence(ref: ref, users: users)
        case .presenceWatch:
            let ref = try fields.ref()
            self = .presenceWatch(ref: ref, users: try fields.people("users", max: ClientLimits.watchUserCountMax))
        case .settings:
            let ref = try fields.ref()
            let lastSeen = try fields.isPresent("last_seen") ? try fields.visibility() : nil
            let exceptions = try fields.isPresent("except")
                ? try fields.people("except", max: PrivacyLimits.exceptionCountMax) : nil
            let readReceipts = try fields.isPresent("read_receipts") ? try fields.flag("read_receipts") : nil
            self = .settings(ref: ref, lastSeen: lastSeen, exceptions: exceptions, readReceipts: readReceipts)
        case .block:
            let ref = try fields.ref()
            self = .block(ref: ref, user: try fields.person("user"), on: try fields.flag("on"))
        case .hello, .send, .ack, .read, .history, .ping, .group, .groupInfo, .groupList, .receipts, .groupHistory, .typing,
            .feature, .mediaUpload, .mediaLink, .mediaKeep:
            preconditionFailure("not a frame of presence")
        }
    }
}

extension ServerFrame {
    /// - Precondition: a frame of presence or settings.
    func encodePresence(into writer: inout ByteWriter) {
        switch self {
        case .presence(let ref, let users):
            writer.messageIfPresent(ref)
            writer.varint(UInt64(users.count))
            for line in users {
                writer.user(line.user)
                writer.bool(line.isOnline)
                writer.stampIfPresent(line.lastSeen)
            }
        case .settings(let ref, let settings):
            writer.messageIfPresent(ref)
            writer.u8(settings.lastSeen.rawValue)
            writer.people(settings.exceptions)
            writer.bool(settings.readReceipts)
            writer.people(settings.blocked)
            writer.varint(settings.revision)
        case .welcome, .sent, .message, .copy, .expired, .gap, .delivered, .read, .noted, .history, .pong, .error, .groupMessage,
            .groupEvent, .groupDone, .groupInfo, .groupList, .groupCounts, .groupLate, .receipts, .typing, .mediaUpload, .mediaLink, .mediaKept:
            preconditionFailure("not a frame of presence")
        }
    }

    /// - Precondition: `type` is one of presence or settings.
    init(presence type: ServerFrameType, _ fields: inout BinaryFields) throws(FrameFault) {
        switch type {
        case .presence:
            let ref = try fields.ref()
            let users = try fields.list(
                "users", max: ClientLimits.presenceUserCountMax, rule: FieldRule.presences
            ) { fields throws(FrameFault) in
                PresenceLine(
                    user: try fields.user("user"), isOnline: try fields.flag("online"),
                    lastSeen: try fields.stampIfPresent("last"))
            }
            self = .presence(ref: ref, users: users)
        case .settings:
            let ref = try fields.ref()
            let lastSeen = try fields.visibility()
            let exceptions = try fields.people("except", max: PrivacyLimits.exceptionCountMax)
            let readReceipts = try fields.flag("read_receipts")
            let blocked = try fields.people("blocked", max: PrivacyLimits.blockCountMax)
            self = .settings(
                ref: ref,
                UserSettings(
                    lastSeen: lastSeen, exceptions: exceptions, readReceipts: readReceipts, blocked: blocked,
                    revision: try fields.number("rev")))
        case .welcome, .sent, .message, .copy, .expired, .gap, .delivered, .read, .noted, .history, .pong, .error, .groupMessage,
            .groupEvent, .groupDone, .groupInfo, .groupList, .groupCounts, .groupLate, .receipts, .typing, .mediaUpload, .mediaLink, .mediaKept:
            preconditionFailure("not a frame of presence")
        }
    }
}

// MARK: Parts

extension ByteWriter {
    fileprivate mutating func people(_ users: [UserID]) {
        varint(UInt64(users.count))
        for user in users { self.user(user) }
    }
}

extension BinaryFields {
    fileprivate mutating func person(_ field: String, rule: String = FieldRule.person) throws(FrameFault) -> UserID {
        let user = try user(field)
        guard !user.isGroup else { throw .bad(field, must: rule) }
        return user
    }

    /// A count beyond the bound is enough: no name is looked at.
    fileprivate mutating func people(_ field: String, max limit: Int) throws(FrameFault) -> [UserID] {
        let count = try number(field)
        guard count <= UInt64(limit) else { throw .tooManyUsers(field, max: limit) }
        var users: [UserID] = []
        for _ in 0..<count { users.append(try person(field, rule: FieldRule.people)) }
        return users
    }

    fileprivate mutating func visibility() throws(FrameFault) -> Visibility {
        let rule = "1 (everyone) or 2 (nobody)"
        let value = try number("last_seen", max: 2, rule: rule)
        guard let visibility = Visibility(rawValue: UInt8(value)) else { throw .bad("last_seen", must: rule) }
        return visibility
    }
}
