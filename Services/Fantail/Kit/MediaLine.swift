// A file as it stands in a message: `! ` and a JSON object in one line. docs/protocol.md, "Media in a message".

import Media

public struct MediaLine: Equatable, Sendable {
    public var reference: MediaReference
    public var name: String
    public var mime: String
    public var size: UInt64
    public var isOpaque: Bool

    public init(reference: MediaReference, name: String, mime: String, size: UInt64, isOpaque: Bool) {
        self.reference = reference
        self.name = name
        self.mime = mime
        self.size = size
        self.isOpaque = isOpaque
    }

    /// The line, without its end.
    public var text: String {
        let opaque = isOpaque ? #","opaque":true"# : ""
        return #"! {"media":"\#(reference.id)","secret":"\#(reference.secret)","name":"\#(Self.escaped(name))""#
            + #","mime":"\#(Self.escaped(mime))","size":\#(size)\#(opaque)}"#
    }

    private static func escaped(_ text: String) -> String {
        text.unicodeScalars.reduce(into: "") { out, scalar in
            switch scalar {
            case "\"", "\\": out += "\\\(scalar)"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: out.unicodeScalars.append(scalar)
            }
        }
    }

    /// The reference in a line, or in the short form `ID:SECRET`; nil when there is none.
    public static func reference(in text: String) -> MediaReference? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        if parts.count == 2, let reference = MediaReference(id: String(parts[0]), secret: String(parts[1])) { return reference }
        guard let id = value(of: "media", in: text), let secret = value(of: "secret", in: text) else { return nil }
        return MediaReference(id: id, secret: secret)
    }

    /// Values of these two are digits: there is nothing to unescape.
    private static func value(of key: String, in text: String) -> String? {
        guard let start = text.firstRange(of: "\"\(key)\":\"")?.upperBound else { return nil }
        return String(text[start...].prefix { $0 != "\"" })
    }

    /// The type of a file by the end of its name; nil: it is opaque.
    public static func kind(ofFile path: String) -> MediaKind? {
        switch path.split(separator: ".").last?.lowercased() {
        case "jpg", "jpeg": .jpeg
        case "png": .png
        case "gif": .gif
        case "webp": .webp
        case "mp4", "m4v": .mp4
        case "webm": .webm
        default: nil
        }
    }
}
