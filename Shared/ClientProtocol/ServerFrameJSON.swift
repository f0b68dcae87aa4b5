// Frames to a client, as JSON. Encode and decode stand side by side, field for field.

import Primitives

extension ServerFrame {
    /// Appends the frame as one JSON object.
    /// - Precondition: bodies are UTF-8. What is no entry is left out of a history.
    func encodeJSON(into out: inout [UInt8]) {
        switch self {
        case .welcome(let user, let device, let cursor, let head, let ticks, let time, let archive):
            var json = JSONWriter(&out, reserving: 320, begin: #"{"type":"welcome""#)
            json.name(#","user":""#, user.text)
            json.name(#","device":""#, device.text)
            json.number(#","cursor":"#, cursor)
            json.number(#","head":"#, head)
            json.stamp(#","ticks":"#, ticks)
            json.stamp(#","time":"#, time)
            json.flag(#","archive":"#, archive)
            json.finish(&out)
        case .sent(let id, let to, let at):
            var json = JSONWriter(&out, reserving: 200, begin: #"{"type":"sent""#)
            json.name(#","id":""#, id.text)
            json.name(#","to":""#, to.text)
            json.stamp(#","at":"#, at)
            json.finish(&out)
        case .message(let number, let from, let id, let at, let body):
            var json = JSONWriter(&out, reserving: body.count + 256, begin: #"{"type":"message""#)
            json.number(#","n":"#, number)
            json.name(#","from":""#, from.text)
            json.name(#","id":""#, id.text)
            json.stamp(#","at":"#, at)
            json.text(#","body":"#, body)
            json.finish(&out)
        case .copy(let number, let to, let id, let at, let body):
            var json = JSONWriter(&out, reserving: body.count + 256, begin: #"{"type":"copy""#)
            json.number(#","n":"#, number)
            json.name(#","to":""#, to.text)
            json.name(#","id":""#, id.text)
            json.stamp(#","at":"#, at)
            json.text(#","body":"#, body)
            json.finish(&out)
        case .expired(let number, let to, let id, let at):
            var json = JSONWriter(&out, reserving: 240, begin: #"{"type":"expired""#)
            json.number(#","n":"#, number)
            json.name(#","to":""#, to.text)
            json.name(#","id":""#, id.text)
            json.stamp(#","at":"#, at)
            json.finish(&out)
        case .gap(let from, let to):
            var json = JSONWriter(&out, reserving: 80, begin: #"{"type":"gap""#)
            json.number(#","from":"#, from)
            json.number(#","to":"#, to)
            json.finish(&out)
        case .delivered(let with, let at, let rev):
            var json = JSONWriter(&out, reserving: 160, begin: #"{"type":"delivered""#)
            json.name(#","with":""#, with.text)
            json.stamp(#","at":"#, at)
            json.stamp(#","rev":"#, rev)
            json.finish(&out)
        case .read(let with, let at, let rev):
            var json = JSONWriter(&out, reserving: 160, begin: #"{"type":"read""#)
            json.name(#","with":""#, with.text)
            json.stamp(#","at":"#, at)
            json.stamp(#","rev":"#, rev)
            json.finish(&out)
        case .noted(let with, let at):
            var json = JSONWriter(&out, reserving: 130, begin: #"{"type":"noted""#)
            json.name(#","with":""#, with.text)
            json.stamp(#","at":"#, at)
            json.finish(&out)
        case .history(let ref, let entries, let more):
            var json = JSONWriter(&out, reserving: 4096, begin: #"{"type":"history""#)
            json.nameIfPresent(#","ref":""#, ref?.text)
            json.literal(#","entries":["#)
            var isFirst = true
            for entry in entries where entry.isEntry {
                if !isFirst { json.literal(",") }
                isFirst = false
                entry.encodeJSON(into: &json.out)
            }
            json.flag(#"],"more":"#, more)
            json.finish(&out)
        case .pong(let ref, let time):
            var json = JSONWriter(&out, reserving: 130, begin: #"{"type":"pong""#)
            json.nameIfPresent(#","ref":""#, ref?.text)
            json.stamp(#","time":"#, time)
            json.finish(&out)
        case .error(let error):
            var json = JSONWriter(&out, reserving: 320, begin: #"{"type":"error""#)
            json.name(#","code":""#, error.code.name)
            json.text(#","text":"#, Array(error.text.utf8))
            json.nameIfPresent(#","ref":""#, error.ref?.text)
            json.numberIfPresent(#","retry_ms":"#, error.retryMs.map { UInt64($0) })
            json.finish(&out)
        case .groupMessage, .groupEvent, .groupDone, .groupInfo, .groupList, .groupCounts, .groupLate, .receipts:
            encodeGroupJSON(into: &out)
        case .typing(let from, let group, let isOn):
            var json = JSONWriter(&out, reserving: 190, begin: #"{"type":"typing""#)
            json.name(#","from":""#, from.text)
            json.nameIfPresent(#","group":""#, group?.text)
            json.flag(#","on":"#, isOn)
            json.finish(&out)
        case .presence, .settings: encodePresenceJSON(into: &out)
        case .mediaUpload, .mediaLink, .mediaKept: encodeMediaJSON(into: &out)
        }
    }

    /// Reads one frame; nil when its type is not known here.
    /// - Complexity: O(bytes.count); twice that for the entries of a history.
    static func decodeJSON(_ bytes: [UInt8]) throws(FrameRefusal) -> ServerFrame? {
        var json = JSONObject(bytes)
        do throws(FrameFault) {
            guard bytes.count <= ClientLimits.serverFrameBytesMax else {
                throw .malformed("a frame has at most \(ClientLimits.serverFrameBytesMax) bytes")
            }
            try json.read(bytes.indices)
            let (letters, range) = try json.typeName()
            guard let type = ServerFrameType(name: letters, range) else { return nil }
            return try ServerFrame(type, json)
        } catch {
            throw error.refusal(ref: json.reference)
        }
    }

    private init(_ type: ServerFrameType, _ json: borrowing JSONObject) throws(FrameFault) {
        switch type {
        case .welcome:
            self = .welcome(
                user: try json.user(.user), device: try json.device(.device), cursor: try json.number(.cursor),
                head: try json.number(.head), ticks: try json.stamp(.ticks), time: try json.stamp(.time),
                archive: try json.flag(.archive))
        case .sent: self = .sent(id: try json.message(.id), to: try json.user(.to), at: try json.stamp(.at))
        case .message:
            self = .message(
                number: try json.number(.n), from: try json.user(.from), id: try json.message(.id), at: try json.stamp(.at),
                body: try json.body())
        case .copy:
            self = .copy(
                number: try json.number(.n), to: try json.user(.to), id: try json.message(.id), at: try json.stamp(.at),
                body: try json.body())
        case .expired:
            self = .expired(
                number: try json.number(.n), to: try json.user(.to), id: try json.message(.id), at: try json.stamp(.at))
        case .gap: self = .gap(from: try json.number(.from), to: try json.number(.to))
        case .delivered:
            self = .delivered(with: try json.user(.with), at: try json.stamp(.at), rev: try json.stamp(.rev))
        case .read: self = .read(with: try json.user(.with), at: try json.stamp(.at), rev: try json.stamp(.rev))
        case .noted: self = .noted(with: try json.user(.with), at: try json.stamp(.at))
        case .history:
            self = .history(
                ref: try json.messageIfPresent(.ref), entries: try Self.entries(json), more: try json.flag(.more))
        case .pong: self = .pong(ref: try json.messageIfPresent(.ref), time: try json.stamp(.time))
        case .error: self = .error(try ErrorFrame(json))
        case .groupMessage, .groupEvent, .groupDone, .groupInfo, .groupList, .groupCounts, .groupLate, .receipts:
            self = try ServerFrame(group: type, json)
        case .typing:
            self = .typing(
                from: try json.user(.from), group: json[.group].isPresent ? try json.group(.group) : nil,
                isOn: try json.flag(.on))
        case .presence, .settings: self = try ServerFrame(presence: type, json)
        case .mediaUpload, .mediaLink, .mediaKept: self = try ServerFrame(media: type, json)
        }
    }

    /// The entries of a page. An entry of a type that is not known here is left out.
    private static func entries(_ json: borrowing JSONObject) throws(FrameFault) -> [ServerFrame] {
        try json.objects(
            .entries, max: ClientLimits.historyEntryCountMax, rule: FieldRule.entries
        ) { entry throws(FrameFault) in
            let (letters, range) = try entry.typeName()
            guard let type = ServerFrameType(name: letters, range), type.isEntry else { return nil }
            return try ServerFrame(type, entry)
        }
    }
}

extension ErrorFrame {
    fileprivate init(_ json: borrowing JSONObject) throws(FrameFault) {
        let retryMs = try json.numberIfPresent(.retryMs).map { UInt32(clamping: $0) }
        let name = try json.sentence(.code, max: ClientLimits.errorTextBytesMax)
        self.init(
            ErrorCode(name: name) ?? ErrorCode.unknown(retryMs: retryMs),
            try json.sentence(.text, max: ClientLimits.errorTextBytesMax), ref: try json.messageIfPresent(.ref),
            retryMs: retryMs)
    }
}

extension ErrorCode {
    /// The code of that name; a linear search, errors are rare.
    init?(name: String) {
        guard let code = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = code
    }

    /// What a code of a newer release means here: it is still a no, and the time to wait says whether a retry can help.
    static func unknown(retryMs: UInt32?) -> ErrorCode { retryMs == nil ? .unsupported : .unavailable }
}
