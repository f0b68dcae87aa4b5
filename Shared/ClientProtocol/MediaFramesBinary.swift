// The frames of media, in the compact encoding. Encode and decode stand side by side, field for field.

import Media
import Primitives

extension ClientFrame {
    /// - Precondition: a frame of media.
    func encodeMedia(into writer: inout ByteWriter) {
        switch self {
        case .mediaUpload(let ref, let file):
            writer.message(ref)
            file.encode(into: &writer)
        case .mediaLink(let ref, let media), .mediaKeep(let ref, let media):
            writer.message(ref)
            media.encode(into: &writer)
        default: preconditionFailure("not a frame of media")
        }
    }

    /// - Precondition: `type` is one of media.
    init(media type: ClientFrameType, _ fields: inout BinaryFields) throws(FrameFault) {
        let ref = try fields.refRequired()
        switch type {
        case .mediaUpload: self = .mediaUpload(ref: ref, file: try fields.mediaFile())
        case .mediaLink: self = .mediaLink(ref: ref, try fields.mediaReference())
        case .mediaKeep: self = .mediaKeep(ref: ref, try fields.mediaReference())
        default: preconditionFailure("not a frame of media")
        }
    }
}

extension ServerFrame {
    /// - Precondition: a frame of media.
    func encodeMedia(into writer: inout ByteWriter) {
        switch self {
        case .mediaUpload(let ref, let url, let until), .mediaLink(let ref, let url, let until):
            writer.message(ref)
            writer.string(url)
            writer.stamp(until)
        case .mediaKept(let ref): writer.message(ref)
        default: preconditionFailure("not a frame of media")
        }
    }

    /// - Precondition: `type` is one of media.
    init(media type: ServerFrameType, _ fields: inout BinaryFields) throws(FrameFault) {
        let ref = try fields.refRequired()
        switch type {
        case .mediaUpload:
            self = .mediaUpload(
                ref: ref, url: try fields.text("url", max: MediaLimits.urlBytesMax), until: try fields.stamp("until"))
        case .mediaLink:
            self = .mediaLink(
                ref: ref, url: try fields.text("url", max: MediaLimits.urlBytesMax), until: try fields.stamp("until"))
        case .mediaKept: self = .mediaKept(ref: ref)
        default: preconditionFailure("not a frame of media")
        }
    }
}

extension BinaryFields {
    fileprivate mutating func mediaFile() throws(FrameFault) -> MediaFile {
        let name = try text("name", max: MediaLimits.nameBytesMax)
        let mime = try text("mime", max: MediaLimits.mimeBytesMax)
        let size = try number("size")
        let hash = try text("hash", max: MediaLimits.hashDigitCount)
        let isOpaque = try flag("opaque")
        guard let file = MediaFile(name: name, mime: mime, size: size, hash: hash, isOpaque: isOpaque) else {
            throw .bad("hash", must: FieldRule.mediaFile)
        }
        return file
    }

    fileprivate mutating func mediaReference() throws(FrameFault) -> MediaReference {
        let id = try text("media", max: MediaLimits.idDigitCount)
        guard let media = MediaReference(id: id, secret: try text("secret", max: MediaLimits.secretDigitCount)) else {
            throw .bad("media", must: FieldRule.media)
        }
        return media
    }
}
