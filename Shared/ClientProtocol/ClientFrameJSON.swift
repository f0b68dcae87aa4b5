// Frames from a client, as JSON. Encode and decode stand side by side, field for field.

import Primitives

extension ClientFrame {
    /// Appends the frame as one JSON object.
    func encodeJSON(into out: inout [UInt8]) {
        switch self {
        case .hello(let cursor, let ticks, let attempt):
            var json = JSONWriter(&out, reserving: 110, begin: #"{"type":"hello""#)
            json.numberIfPresent(#","cursor":"#, cursor)
            if let ticks { json.stamp(#","ticks":"#, ticks) }
            json.numberIfPresent(#","attempt":"#, attempt)
            json.finish(&out)
        case .send(let id, let to, let body, let after, let isAuto):
            var json = JSONWriter(&out, reserving: body.count + 256, begin: #"{"type":"send""#)
            json.name(#","id":""#, id.text)
            json.name(#","to":""#, to.text)
            json.text(#","body":"#, body)
            json.nameIfPresent(#","after":""#, after?.text)
            if isAuto { json.literal(#","auto":true"#) }
            json.finish(&out)
        case .ack(let upTo):
            var json = JSONWriter(&out, reserving: 40, begin: #"{"type":"ack""#)
            json.number(#","n":"#, upTo)
            json.finish(&out)
        case .read(let with, let at, let isAuto):
            var json = JSONWriter(&out, reserving: 120, begin: #"{"type":"read""#)
            json.name(#","with":""#, with.text)
            json.stamp(#","at":"#, at)
            if isAuto { json.literal(#","auto":true"#) }
            json.finish(&out)
        case .history(let ref, let with, let before, let limit):
            var json = JSONWriter(&out, reserving: 220, begin: #"{"type":"history""#)
            json.nameIfPresent(#","ref":""#, ref?.text)
            json.nameIfPresent(#","with":""#, with?.text)
            json.numberIfPresent(#","before":"#, before)
            json.number(#","limit":"#, UInt64(clamping: limit))
            json.finish(&out)
        case .ping(let ref):
            var json = JSONWriter(&out, reserving: 100, begin: #"{"type":"ping""#)
            json.nameIfPresent(#","ref":""#, ref?.text)
            json.finish(&out)
        case .group, .groupInfo, .groupList, .receipts, .groupHistory: encodeGroupJSON(into: &out)
        case .typing(let to, let isOn):
            var json = JSONWriter(&out, reserving: 110, begin: #"{"type":"typing""#)
            json.name(#","to":""#, to.text)
            json.flag(#","on":"#, isOn)
            json.finish(&out)
        case .active, .presence, .presenceWatch, .settings, .block: encodePresenceJSON(into: &out)
        case .mediaUpload, .mediaLink, .mediaKeep: encodeMediaJSON(into: &out)
        case .feature(let name, let ref):
            var json = JSONWriter(&out, reserving: 130, begin: "{")
            json.name(#""type":""#, name)
            json.nameIfPresent(#","ref":""#, ref?.text)
            json.finish(&out)
        }
    }

    /// Reads one frame.
    /// - Throws: a refusal whose `ref` is the frame's `id` or `ref`, when it could be read.
    /// - Complexity: O(bytes.count).
    static func decodeJSON(_ bytes: [UInt8]) throws(FrameRefusal) -> ClientFrame {
        var json = JSONObject(bytes)
        do throws(FrameFault) {
            guard bytes.count <= ClientLimits.clientFrameBytesMax else {
                throw .malformed("a frame has at most \(ClientLimits.clientFrameBytesMax) bytes")
            }
            try json.read(bytes.indices)
            return try ClientFrame(json)
        } catch {
            throw error.refusal(ref: json.reference)
        }
    }

    private init(_ json: borrowing JSONObject) throws(FrameFault) {
        let (letters, range) = try json.typeName()
        guard let type = ClientFrameType(name: letters, range) else { throw .unknownType("`type` is not known") }
        switch type {
        case .hello:
            self = .hello(
                cursor: try json.numberIfPresent(.cursor), ticks: try json.stampIfPresent(.ticks),
                attempt: try json.numberIfPresent(.attempt))
        case .send:
            self = .send(
                id: try json.message(.id), to: try json.user(.to), body: try json.body(),
                after: try json.messageIfPresent(.after), isAuto: try json.flagIfPresent(.auto) ?? false)
        case .ack: self = .ack(upTo: try json.number(.n))
        case .read:
            self = .read(
                with: try json.user(.with), at: try json.stamp(.at), isAuto: try json.flagIfPresent(.auto) ?? false)
        case .history:
            self = .history(
                ref: try json.messageIfPresent(.ref), with: try json.userIfPresent(.with),
                before: try json.numberIfPresent(.before), limit: try json.historyLimit())
        case .ping: self = .ping(ref: try json.messageIfPresent(.ref))
        case .group, .groupInfo, .groupList, .receipts, .groupHistory: self = try ClientFrame(group: type, json)
        case .typing: self = .typing(to: try json.user(.to), isOn: try json.flag(.on))
        case .active, .presence, .presenceWatch, .settings, .block: self = try ClientFrame(presence: type, json)
        case .mediaUpload, .mediaLink, .mediaKeep: self = try ClientFrame(media: type, json)
        case .feature:
            self = .feature(name: String(decoding: letters[range], as: UTF8.self), ref: try json.messageIfPresent(.ref))
        }
    }
}

extension JSONObject {
    func historyLimit() throws(FrameFault) -> Int {
        let limit = try numberIfPresent(.limit) ?? UInt64(ClientLimits.historyEntryCountDefault)
        guard limit >= 1, limit <= UInt64(ClientLimits.historyEntryCountMax) else {
            throw .bad(JSONKey.limit.name, must: FieldRule.historyLimit)
        }
        return Int(limit)
    }
}
