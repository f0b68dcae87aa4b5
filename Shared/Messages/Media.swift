// What clients ask of the media service. Bytes of files never travel here.

import Media
import Primitives

/// Parser to media, one-way: a client's `media.upload`, `media.link` or `media.keep`.
public struct MediaRequest: Equatable, Sendable {
    public enum Wish: Equatable, Sendable {
        case upload(MediaFile)
        case link(MediaReference)
        case keep(MediaReference)
    }

    public var origin: Origin
    /// Given back in the answer.
    public var reference: MessageID
    public var wish: Wish

    public init(origin: Origin, reference: MessageID, wish: Wish) {
        self.origin = origin
        self.reference = reference
        self.wish = wish
    }

    func encode(into writer: inout ByteWriter) {
        origin.encode(into: &writer)
        writer.message(reference)
        switch wish {
        case .upload(let file):
            writer.u8(1)
            file.encode(into: &writer)
        case .link(let media):
            writer.u8(2)
            media.encode(into: &writer)
        case .keep(let media):
            writer.u8(3)
            media.encode(into: &writer)
        }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        origin = try Origin(from: &reader)
        reference = try reader.message()
        switch try reader.u8() {
        case 1: wish = .upload(try MediaFile(from: &reader))
        case 2: wish = .link(try MediaReference(from: &reader))
        case 3: wish = .keep(try MediaReference(from: &reader))
        default: throw .badValue(field: "wish")
        }
    }
}
