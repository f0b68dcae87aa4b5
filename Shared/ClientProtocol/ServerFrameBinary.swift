// Frames to a client, in the compact encoding. Encode and decode stand side by side, field for field.
//
// A newer release may append fields to a frame; a client ignores bytes behind the fields that it knows. Entries of a history
// stand behind their length, so that the same holds inside a page.

import Primitives

extension ServerFrame {
    /// Appends the frame: the number of its type, then its fields.
    /// - Precondition: bodies are UTF-8. What is no entry is left out of a history.
    func encodeBinary(into out: inout [UInt8]) {
        var writer = ByteWriter(&out, type: type.rawValue)
        switch self {
        case .welcome(let user, let device, let cursor, let head, let ticks, let time, let archive):
            writer.user(user)
            writer.device(device)
            writer.varint(cursor)
            writer.varint(head)
            writer.stamp(ticks)
            writer.stamp(time)
            writer.bool(archive)
        case .sent(let id, let to, let at):
            writer.message(id)
            writer.user(to)
            writer.stamp(at)
        case .message(let number, let other, let id, let at, let body), .copy(let number, let other, let id, let at, let body):
            writer.varint(number)
            writer.user(other)
            writer.message(id)
            writer.stamp(at)
            writer.blob(body)
        case .expired(let number, let to, let id, let at):
            writer.varint(number)
            writer.user(to)
            writer.message(id)
            writer.stamp(at)
        case .gap(let from, let to):
            writer.varint(from)
            writer.varint(to)
        case .delivered(let with, let at, let rev), .read(let with, let at, let rev):
            writer.user(with)
            writer.stamp(at)
            writer.stamp(rev)
        case .noted(let with, let at):
            writer.user(with)
            writer.stamp(at)
        case .history(let ref, let entries, let more):
            writer.messageIfPresent(ref)
            writer.varint(UInt64(entries.count { $0.isEntry }))
            for entry in entries where entry.isEntry { writer.blob(entry.encoded(as: .binary)) }
            writer.bool(more)
        case .pong(let ref, let time):
            writer.messageIfPresent(ref)
            writer.stamp(time)
        case .error(let error):
            writer.varint(UInt64(error.code.rawValue))
            writer.string(error.text)
            writer.messageIfPresent(error.ref)
            writer.varintIfPresent(error.retryMs.map { UInt64($0) })
        case .groupMessage, .groupEvent, .groupDone, .groupInfo, .groupList, .groupCounts, .groupLate, .receipts:
            encodeGroup(into: &writer)
        case .typing(let from, let group, let isOn):
            writer.user(from)
            writer.userIfPresent(group)
            writer.bool(isOn)
        case .presence, .settings: encodePresence(into: &writer)
        case .mediaUpload, .mediaLink, .mediaKept: encodeMedia(into: &writer)
        }
        writer.finish(&out)
    }

    /// Reads one frame; nil when its type is not known here.
    /// - Complexity: O(bytes.count).
    static func decodeBinary(_ bytes: [UInt8]) throws(FrameRefusal) -> ServerFrame? {
        var fields = BinaryFields(bytes)
        do throws(FrameFault) {
            guard bytes.count <= ClientLimits.serverFrameBytesMax else {
                throw .malformed("a frame has at most \(ClientLimits.serverFrameBytesMax) bytes")
            }
            guard let type = ServerFrameType(rawValue: try fields.type()) else { return nil }
            return try ServerFrame(type, &fields)
        } catch {
            throw error.refusal(ref: fields.reference)
        }
    }

    private init(_ type: ServerFrameType, _ fields: inout BinaryFields) throws(FrameFault) {
        switch type {
        case .welcome:
            self = .welcome(
                user: try fields.user("user"), device: try fields.device("device"), cursor: try fields.number("cursor"),
                head: try fields.number("head"), ticks: try fields.stamp("ticks"), time: try fields.stamp("time"),
                archive: try fields.flag("archive"))
        case .sent: self = .sent(id: try fields.id(), to: try fields.user("to"), at: try fields.stamp("at"))
        case .message:
            self = .message(
                number: try fields.number("n"), from: try fields.user("from"), id: try fields.id(),
                at: try fields.stamp("at"), body: try fields.body())
        case .copy:
            self = .copy(
                number: try fields.number("n"), to: try fields.user("to"), id: try fields.id(), at: try fields.stamp("at"),
                body: try fields.body())
        case .expired:
            self = .expired(
                number: try fields.number("n"), to: try fields.user("to"), id: try fields.id(), at: try fields.stamp("at"))
        case .gap: self = .gap(from: try fields.number("from"), to: try fields.number("to"))
        case .delivered:
            self = .delivered(with: try fields.user("with"), at: try fields.stamp("at"), rev: try fields.stamp("rev"))
        case .read: self = .read(with: try fields.user("with"), at: try fields.stamp("at"), rev: try fields.stamp("rev"))
        case .noted: self = .noted(with: try fields.user("with"), at: try fields.stamp("at"))
        case .history:
            let ref = try fields.ref()
            self = .history(ref: ref, entries: try Self.entries(&fields), more: try fields.flag("more"))
        case .pong: self = .pong(ref: try fields.ref(), time: try fields.stamp("time"))
        case .error: self = .error(try ErrorFrame(&fields))
        case .groupMessage, .groupEvent, .groupDone, .groupInfo, .groupList, .groupCounts, .groupLate, .receipts:
            self = try ServerFrame(group: type, &fields)
        case .typing:
            let from = try fields.user("from")
            let group = try fields.isPresent("group") ? try fields.group("group") : nil
            self = .typing(from: from, group: group, isOn: try fields.flag("on"))
        case .presence, .settings: self = try ServerFrame(presence: type, &fields)
        case .mediaUpload, .mediaLink, .mediaKept: self = try ServerFrame(media: type, &fields)
        }
    }

    /// The entries of a page. An entry of a type that is not known here is left out.
    private static func entries(_ fields: inout BinaryFields) throws(FrameFault) -> [ServerFrame] {
        let count = try fields.number(
            "entries", max: UInt64(ClientLimits.historyEntryCountMax), rule: FieldRule.entries)
        var entries: [ServerFrame] = []
        for _ in 0..<count {
            var entry = BinaryFields(try fields.blob("entries", max: ClientLimits.serverFrameBytesMax))
            if let type = ServerFrameType(rawValue: try entry.type()), type.isEntry {
                entries.append(try ServerFrame(type, &entry))
            }
        }
        return entries
    }

    /// What stands in an inbox under a number, and may stand in a page of history.
    public var isEntry: Bool { type.isEntry }

    private var type: ServerFrameType {
        switch self {
        case .welcome: .welcome
        case .sent: .sent
        case .message: .message
        case .copy: .copy
        case .expired: .expired
        case .gap: .gap
        case .delivered: .delivered
        case .read: .read
        case .noted: .noted
        case .history: .history
        case .pong: .pong
        case .error: .error
        case .groupMessage: .groupMessage
        case .groupEvent: .groupEvent
        case .groupDone: .groupDone
        case .groupInfo: .groupInfo
        case .groupList: .groupList
        case .groupCounts: .groupCounts
        case .groupLate: .groupLate
        case .receipts: .receipts
        case .typing: .typing
        case .presence: .presence
        case .settings: .settings
        case .mediaUpload: .mediaUpload
        case .mediaLink: .mediaLink
        case .mediaKept: .mediaKept
        }
    }
}

extension ErrorFrame {
    fileprivate init(_ fields: inout BinaryFields) throws(FrameFault) {
        let code = try fields.number("code", max: 255, rule: "an error code")
        let text = try fields.text("text", max: ClientLimits.errorTextBytesMax)
        let ref = try fields.ref()
        let retryMs = try fields.numberIfPresent("retry_ms").map { UInt32(clamping: $0) }
        self.init(
            ErrorCode(rawValue: UInt8(truncatingIfNeeded: code)) ?? ErrorCode.unknown(retryMs: retryMs), text, ref: ref,
            retryMs: retryMs)
    }
}
