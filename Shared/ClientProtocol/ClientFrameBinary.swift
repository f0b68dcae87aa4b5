// Frames from a client, in the compact encoding. Encode and decode stand side by side, field for field.
//
// A client's frame must end where its fields end: a byte too many is a client that believes in another format, and the sooner
// it hears so, the better.

import Primitives

extension ClientFrame {
    /// Appends the frame: the number of its type, then its fields.
    func encodeBinary(into out: inout [UInt8]) {
        var writer = ByteWriter(&out, type: type.rawValue)
        switch self {
        case .hello(let cursor, let ticks, let attempt):
            writer.varintIfPresent(cursor)
            writer.stampIfPresent(ticks)
            writer.varintIfPresent(attempt)
        case .send(let id, let to, let body, let after, let isAuto):
            writer.message(id)
            writer.user(to)
            writer.messageIfPresent(after)
            writer.blob(body)
            if isAuto { writer.bool(true) }
        case .ack(let upTo): writer.varint(upTo)
        case .read(let with, let at, let isAuto):
            writer.user(with)
            writer.stamp(at)
            if isAuto { writer.bool(true) }
        case .history(let ref, let with, let before, let limit):
            writer.messageIfPresent(ref)
            writer.userIfPresent(with)
            writer.varintIfPresent(before)
            writer.varint(UInt64(clamping: limit))
        case .ping(let ref): writer.messageIfPresent(ref)
        case .group, .groupInfo, .groupList, .receipts, .groupHistory: encodeGroup(into: &writer)
        case .typing(let to, let isOn):
            writer.user(to)
            writer.bool(isOn)
        case .active, .presence, .presenceWatch, .settings, .block: encodePresence(into: &writer)
        case .mediaUpload, .mediaLink, .mediaKeep: encodeMedia(into: &writer)
        case .feature(let name, let ref):
            writer.string(name)
            writer.messageIfPresent(ref)
        }
        writer.finish(&out)
    }

    /// Reads one frame.
    /// - Throws: a refusal whose `ref` is the frame's `id` or `ref`, when it could be read.
    /// - Complexity: O(bytes.count).
    static func decodeBinary(_ bytes: [UInt8]) throws(FrameRefusal) -> ClientFrame {
        var fields = BinaryFields(bytes)
        do throws(FrameFault) {
            guard bytes.count <= ClientLimits.clientFrameBytesMax else {
                throw .malformed("a frame has at most \(ClientLimits.clientFrameBytesMax) bytes")
            }
            let frame = try ClientFrame(&fields)
            guard fields.isAtEnd else { throw .malformed("bytes behind the last field") }
            return frame
        } catch {
            throw error.refusal(ref: fields.reference)
        }
    }

    private init(_ fields: inout BinaryFields) throws(FrameFault) {
        guard let type = ClientFrameType(rawValue: try fields.type()) else {
            throw .unknownType("the number of the type is not known")
        }
        switch type {
        case .hello:
            self = .hello(
                cursor: try fields.numberIfPresent("cursor"), ticks: try fields.stampIfPresent("ticks"),
                attempt: try fields.numberIfPresent("attempt"))
        case .send:
            let id = try fields.id()
            let to = try fields.user("to")
            let after = try fields.messageIfPresent("after")
            let body = try fields.body()
            self = .send(id: id, to: to, body: body, after: after, isAuto: try fields.flagAtEnd("auto"))
        case .ack: self = .ack(upTo: try fields.number("n"))
        case .read:
            self = .read(with: try fields.user("with"), at: try fields.stamp("at"), isAuto: try fields.flagAtEnd("auto"))
        case .history:
            let ref = try fields.ref()
            let with = try fields.userIfPresent("with")
            let before = try fields.numberIfPresent("before")
            self = .history(ref: ref, with: with, before: before, limit: try fields.historyLimit())
        case .ping: self = .ping(ref: try fields.ref())
        case .group, .groupInfo, .groupList, .receipts, .groupHistory: self = try ClientFrame(group: type, &fields)
        case .typing: self = .typing(to: try fields.user("to"), isOn: try fields.flag("on"))
        case .active, .presence, .presenceWatch, .settings, .block: self = try ClientFrame(presence: type, &fields)
        case .mediaUpload, .mediaLink, .mediaKeep: self = try ClientFrame(media: type, &fields)
        case .feature:
            let name = try fields.text("name", max: ClientLimits.featureBytesMax)
            let ref = try fields.ref()
            let letters = Array(name.utf8)
            // A type that has a number of its own is no feature.
            guard ClientFrameType(name: letters, letters.indices) == .feature else { throw .unknownType("`name` is not known") }
            self = .feature(name: name, ref: ref)
        }
    }

    private var type: ClientFrameType {
        switch self {
        case .hello: .hello
        case .send: .send
        case .ack: .ack
        case .read: .read
        case .history: .history
        case .ping: .ping
        case .group: .group
        case .groupInfo: .groupInfo
        case .groupList: .groupList
        case .receipts: .receipts
        case .groupHistory: .groupHistory
        case .typing: .typing
        case .active: .active
        case .presence: .presence
        case .feature: .feature
        case .presenceWatch: .presenceWatch
        case .settings: .settings
        case .block: .block
        case .mediaUpload: .mediaUpload
        case .mediaLink: .mediaLink
        case .mediaKeep: .mediaKeep
        }
    }
}

extension BinaryFields {
    mutating func historyLimit() throws(FrameFault) -> Int {
        let limit = try number("limit", max: UInt64(ClientLimits.historyEntryCountMax), rule: FieldRule.historyLimit)
        guard limit >= 1 else { throw .bad("limit", must: FieldRule.historyLimit) }
        return Int(limit)
    }
}
