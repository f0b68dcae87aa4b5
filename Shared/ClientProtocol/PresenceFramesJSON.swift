// The frames of presence and settings, as JSON. Encode and decode stand side by side, field for field.

import Groups
import Primitives
import Privacy

extension ClientFrame {
    /// - Precondition: a frame of presence or settings.
    func encodePresenceJSON(into out: inout [UInt8]) {
        var json: JSONWriter
        switch self {
        case .active(let on):
            json = JSONWriter(&out, reserving: 40, begin: #"{"type":"active""#)
            json.flag(#","on":"#, on)
        case .presence(let ref, let users):
            json = JSONWriter(&out, reserving: 120 + 67 * users.count, begin: #"{"type":"presence""#)
            json.nameIfPresent(#","ref":""#, ref?.text)
            json.people(#","users":["#, users)
        case .presenceWatch(let ref, let users):
            json = JSONWriter(&out, reserving: 120 + 67 * users.count, begin: #"{"type":"presence.watch""#)
            json.nameIfPresent(#","ref":""#, ref?.text)
            json.people(#","users":["#, users)
        case .settings(let ref, let lastSeen, let exceptions, let readReceipts):
            json = JSONWriter(&out, reserving: 160 + 67 * (exceptions?.count ?? 0), begin: #"{"type":"settings""#)
            json.nameIfPresent(#","ref":""#, ref?.text)
            json.nameIfPresent(#","last_seen":""#, lastSeen?.name)
            if let exceptions { json.people(#","except":["#, exceptions) }
            if let readReceipts { json.flag(#","read_receipts":"#, readReceipts) }
        case .block(let ref, let user, let on):
            json = JSONWriter(&out, reserving: 200, begin: #"{"type":"block""#)
            json.nameIfPresent(#","ref":""#, ref?.text)
            json.name(#","user":""#, user.text)
            json.flag(#","on":"#, on)
        case .hello, .send, .ack, .read, .history, .ping, .group, .groupInfo, .groupList, .receipts, .groupHistory, .typing,
            .feature, .mediaUpload, .mediaLink, .mediaKeep:
            preconditionFailure("not a frame of presence")
        }
        json.finish(&out)
    }

    /// - Precondition: `type` is one of presence or settings.
    init(presence type: ClientFrameType, _ json: borrowing JSONObject) throws(FrameFault) {
        switch type {
        case .active: self = .active(on: try json.flag(.on))
        case .presence:
            let users = try json.people(.users, max: ClientLimits.presenceUserCountMax)
            guard !users.isEmpty else { throw .bad(JSONKey.users.name, must: FieldRule.somebody) }
            self = .presence(ref: try json.messageIfPresent(.ref), users: users)
        case .presenceWatch:
            self = .presenceWatch(
                ref: try json.messageIfPresent(.ref), users: try json.people(.users, max: ClientLimits.watchUserCountMax))
        case .settings:
            self = .settings(
                ref: try json.messageIfPresent(.ref), lastSeen: json[.lastSeen].isPresent ? try json.visibility() : nil,
                exceptions: json[.except].isPresent ? try json.people(.except, max: PrivacyLimits.exceptionCountMax) : nil,
                readReceipts: try json.flagIfPresent(.readReceipts))
        case .block:
            self = .block(ref: try json.messageIfPresent(.ref), user: try json.person(.user), on: try json.flag(.on))
        case .hello, .send, .ack, .read, .history, .ping, .group, .groupInfo, .groupList, .receipts, .groupHistory, .typing,
            .feature, .mediaUpload, .mediaLink, .mediaKeep:
            preconditionFailure("not a frame of presence")
        }
    }
}

extension ServerFrame {
    /// - Precondition: a frame of presence or settings.
    func encodePresenceJSON(into out: inout [UInt8]) {
        var json: JSONWriter
        switch self {
        case .presence(let ref, let users):
            json = JSONWriter(&out, reserving: 120 + 120 * users.count, begin: #"{"type":"presence""#)
            json.nameIfPresent(#","ref":""#, ref?.text)
            json.list(#","users":["#, users) { json, line in
                json.name(#"{"user":""#, line.user.text)
                json.flag(#","online":"#, line.isOnline)
                if let lastSeen = line.lastSeen { json.stamp(#","last":"#, lastSeen) }
                json.literal("}")
            }
        case .settings(let ref, let settings):
            let names = settings.exceptions.count + settings.blocked.count
            json = JSONWriter(&out, reserving: 240 + 67 * names, begin: #"{"type":"settings""#)
            json.nameIfPresent(#","ref":""#, ref?.text)
            json.name(#","last_seen":""#, settings.lastSeen.name)
            json.people(#","except":["#, settings.exceptions)
            json.flag(#","read_receipts":"#, settings.readReceipts)
            json.people(#","blocked":["#, settings.blocked)
            json.number(#","rev":"#, settings.revision)
        case .welcome, .sent, .message, .copy, .expired, .gap, .delivered, .read, .noted, .history, .pong, .error, .groupMessage,
            .groupEvent, .groupDone, .groupInfo, .groupList, .groupCounts, .groupLate, .receipts, .typing, .mediaUpload, .mediaLink, .mediaKept:
            preconditionFailure("not a frame of presence")
        }
        json.finish(&out)
    }

    /// - Precondition: `type` is one of presence or settings.
    init(presence type: ServerFrameType, _ json: borrowing JSONObject) throws(FrameFault) {
        switch type {
        case .presence:
            let users = try json.objects(
                .users, max: ClientLimits.presenceUserCountMax, rule: FieldRule.presences
            ) { line throws(FrameFault) in
                PresenceLine(
                    user: try line.user(.user), isOnline: try line.flag(.online), lastSeen: try line.stampIfPresent(.last))
            }
            self = .presence(ref: try json.messageIfPresent(.ref), users: users)
        case .settings:
            self = .settings(
                ref: try json.messageIfPresent(.ref),
                UserSettings(
                    lastSeen: try json.visibility(), exceptions: try json.people(.except, max: PrivacyLimits.exceptionCountMax),
                    readReceipts: try json.flag(.readReceipts),
                    blocked: try json.people(.blocked, max: PrivacyLimits.blockCountMax), revision: try json.number(.rev)))
        case .welcome, .sent, .message, .copy, .expired, .gap, .delivered, .read, .noted, .history, .pong, .error, .groupMessage,
            .groupEvent, .groupDone, .groupInfo, .groupList, .groupCounts, .groupLate, .receipts, .typing, .mediaUpload, .mediaLink, .mediaKept:
            preconditionFailure("not a frame of presence")
        }
    }
}

// MARK: Parts

extension JSONWriter {
    fileprivate mutating func people(_ key: StaticString, _ users: [UserID]) {
        list(key, users) { json, user in json.name("\"", user.text) }
    }
}

extension JSONObject {
    fileprivate func person(_ key: JSONKey) throws(FrameFault) -> UserID {
        let user = try user(key)
        guard !user.isGroup else { throw .bad(key.name, must: FieldRule.person) }
        return user
    }

    /// A list that is too long ends at the first name too many.
    fileprivate func people(_ key: JSONKey, max limit: Int) throws(FrameFault) -> [UserID] {
        var count = 0
        return try list(key, max: .max, rule: FieldRule.people) { value throws(FrameFault) in
            count += 1
            guard count <= limit else { throw .tooManyUsers(key.name, max: limit) }
            guard let user = user(value), !user.isGroup else { throw .bad(key.name, must: FieldRule.people) }
            return user
        }
    }

    fileprivate func visibility() throws(FrameFault) -> Visibility {
        guard let visibility = Visibility(
            name: try sentence(.lastSeen, max: ClientLimits.featureBytesMax, rule: FieldRule.visibility))
        else { throw .bad(JSONKey.lastSeen.name, must: FieldRule.visibility) }
        return visibility
    }
}
