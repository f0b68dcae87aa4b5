// The frames of media, as JSON. Encode and decode stand side by side, field for field.

import Media
import Primitives

extension ClientFrame {
    /// - Precondition: a frame of media.
    func encodeMediaJSON(into out: inout [UInt8]) {
        var json: JSONWriter
        switch self {
        case .mediaUpload(let ref, let file):
            json = JSONWriter(&out, reserving: 640, begin: #"{"type":"media.upload""#)
            json.name(#","ref":""#, ref.text)
            json.text(#","name":"#, Array(file.name.utf8))
            json.text(#","mime":"#, Array(file.mime.utf8))
            json.number(#","size":"#, file.size)
            json.name(#","hash":""#, file.hash)
            if file.isOpaque { json.flag(#","opaque":"#, true) }
        case .mediaLink(let ref, let media):
            json = JSONWriter(&out, reserving: 200, begin: #"{"type":"media.link""#)
            json.reference(ref, media)
        case .mediaKeep(let ref, let media):
            json = JSONWriter(&out, reserving: 200, begin: #"{"type":"media.keep""#)
            json.reference(ref, media)
        default: preconditionFailure("not a frame of media")
        }
        json.finish(&out)
    }

    /// - Precondition: `type` is one of media.
    init(media type: ClientFrameType, _ json: borrowing JSONObject) throws(FrameFault) {
        let ref = try json.message(.ref)
        switch type {
        case .mediaUpload: self = .mediaUpload(ref: ref, file: try json.mediaFile())
        case .mediaLink: self = .mediaLink(ref: ref, try json.mediaReference())
        case .mediaKeep: self = .mediaKeep(ref: ref, try json.mediaReference())
        default: preconditionFailure("not a frame of media")
        }
    }
}

extension ServerFrame {
    /// - Precondition: a frame of media.
    func encodeMediaJSON(into out: inout [UInt8]) {
        var json: JSONWriter
        switch self {
        case .mediaUpload(let ref, let url, let until):
            json = JSONWriter(&out, reserving: 480, begin: #"{"type":"media.upload""#)
            json.link(ref, url, until)
        case .mediaLink(let ref, let url, let until):
            json = JSONWriter(&out, reserving: 480, begin: #"{"type":"media.link""#)
            json.link(ref, url, until)
        case .mediaKept(let ref):
            json = JSONWriter(&out, reserving: 100, begin: #"{"type":"media.kept""#)
            json.name(#","ref":""#, ref.text)
        default: preconditionFailure("not a frame of media")
        }
        json.finish(&out)
    }

    /// - Precondition: `type` is one of media.
    init(media type: ServerFrameType, _ json: borrowing JSONObject) throws(FrameFault) {
        let ref = try json.message(.ref)
        switch type {
        case .mediaUpload:
            self = .mediaUpload(
                ref: ref, url: try json.sentence(.url, max: MediaLimits.urlBytesMax), until: try json.stamp(.until))
        case .mediaLink:
            self = .mediaLink(
                ref: ref, url: try json.sentence(.url, max: MediaLimits.urlBytesMax), until: try json.stamp(.until))
        case .mediaKept: self = .mediaKept(ref: ref)
        default: preconditionFailure("not a frame of media")
        }
    }
}

// MARK: Parts

extension JSONWriter {
    fileprivate mutating func reference(_ ref: MessageID, _ media: MediaReference) {
        name(#","ref":""#, ref.text)
        name(#","media":""#, media.id)
        name(#","secret":""#, media.secret)
    }

    fileprivate mutating func link(_ ref: MessageID, _ url: String, _ until: Stamp) {
        name(#","ref":""#, ref.text)
        text(#","url":"#, Array(url.utf8))
        stamp(#","until":"#, until)
    }
}

extension JSONObject {
    fileprivate func mediaFile() throws(FrameFault) -> MediaFile {
        let name = try sentence(.name, max: MediaLimits.nameBytesMax)
        let mime = try sentence(.mime, max: MediaLimits.mimeBytesMax)
        let hash = try sentence(.hash, max: MediaLimits.hashDigitCount)
        let isOpaque = try flagIfPresent(.opaque) ?? false
        guard let file = MediaFile(name: name, mime: mime, size: try number(.size), hash: hash, isOpaque: isOpaque) else {
            throw .bad(JSONKey.hash.name, must: FieldRule.mediaFile)
        }
        return file
    }

    func mediaReference() throws(FrameFault) -> MediaReference {
        let id = try sentence(.media, max: MediaLimits.idDigitCount)
        guard let media = MediaReference(id: id, secret: try sentence(.secret, max: MediaLimits.secretDigitCount)) else {
            throw .bad(JSONKey.media.name, must: FieldRule.media)
        }
        return media
    }
}
