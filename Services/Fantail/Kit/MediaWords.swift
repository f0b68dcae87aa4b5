// Files of messages, in words: how they are shown, named and ordered.

import ClientProtocol
import Media

/// What a person types to send a file or to get one.
public enum FileOrder: Equatable, Sendable {
    /// `/file PATH`, and words that go with it in the lines below.
    case send(path: String, words: String)
    /// `/save`, `/save 2`, `/save 2 PATH`: the newest file of the chat, or the one so many before.
    case save(number: Int, path: String?)
    /// `/file` and `/save` without what they need; a sentence.
    case wrong(String)

    /// Nil: it is a message. One that begins with such a word has a second slash, which `words(of:)` takes away.
    public init?(_ text: String) {
        guard text.hasPrefix("/") else { return nil }
        let lines = text.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
        let parts = lines[0].split(separator: " ", maxSplits: 1).map(String.init)
        let rest = parts.count > 1 ? parts[1].trimmed : ""
        switch parts.first {
        case "/file":
            self = rest.isEmpty
                ? .wrong("/file PATH sends a file") : .send(path: rest, words: lines.count > 1 ? String(lines[1]) : "")
        case "/save":
            let words = rest.split(separator: " ", maxSplits: 1).map(String.init)
            let number = words.first.flatMap { Int($0) }
            let path = number == nil ? rest : words.count > 1 ? words[1].trimmed : ""
            guard number ?? 1 > 0 else {
                self = .wrong("/save 1 is the newest file, /save 2 the one before")
                return
            }
            self = .save(number: number ?? 1, path: path.isEmpty ? nil : path)
        default: return nil
        }
    }

    /// The message that was meant: `//file` is `/file`.
    public static func words(of text: String) -> String {
        text.hasPrefix("//file") || text.hasPrefix("//save") ? String(text.dropFirst()) : text
    }
}

public enum MediaWords {
    /// A body as people read it: a file is its name, type and size in brackets. Not yet printable.
    public static func body(_ body: [UInt8]) -> String {
        let (files, words) = MediaLine.split(body)
        let text = String(decoding: words, as: UTF8.self)
        guard !files.isEmpty else { return text }
        return (files.map { "[\(sentence($0))]" } + (text.isEmpty ? [] : [text])).joined(separator: "\n")
    }

    /// `fish.png, picture, 68 KiB`.
    public static func sentence(_ file: MediaLine) -> String {
        let name = file.name.isEmpty ? "a file" : file.name
        let kind = file.isOpaque ? "" : file.mime.hasPrefix("image/") ? ", picture" : file.mime.hasPrefix("video/") ? ", video" : ""
        return "\(name)\(kind), \(size(file.size))"
    }

    /// Rounded up, so that nothing is empty.
    public static func size(_ bytes: UInt64) -> String {
        switch bytes {
        case 1: "1 byte"
        case ..<1024: "\(bytes) bytes"
        case ..<(1024 * 1024): "\((bytes + 1023) / 1024) KiB"
        default: "\((bytes + 1024 * 1024 - 1) / (1024 * 1024)) MiB"
        }
    }

    /// The reference in a line of a message, in an answer of the media service, or in the short form `ID:SECRET`.
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

    /// What to call a file on this machine: the name that a stranger gave it, without whatever a file system or a shell obeys.
    /// - Returns: never empty, never hidden, never a path.
    public static func safeName(_ name: String) -> String {
        let kept = Printable.line(name).map { "/\\:*?\"<>|⏎\u{FFFD}".contains($0) ? "_" : $0 }
        let text = String(String(kept).trimmed.drop { $0 == "." || $0 == "-" || $0 == "~" })
        return text.isEmpty ? "file" : text
    }

    /// `fish.png`, `fish (2).png`, …: the first that nobody has.
    /// - Complexity: O(names that are taken), at most a thousand; nil: they all are.
    public static func freeName(_ name: String, isTaken: (String) -> Bool) -> String? {
        let dot = name.lastIndex(of: ".").flatMap { $0 == name.startIndex ? nil : $0 } ?? name.endIndex
        for number in 1...1_000 {
            let candidate = number == 1 ? name : "\(name[..<dot]) (\(number))\(name[dot...])"
            if !isTaken(candidate) { return candidate }
        }
        return nil
    }
}

extension String {
    /// Without blanks at its ends.
    fileprivate var trimmed: String {
        let end = lastIndex { !$0.isWhitespace }.map { index(after: $0) } ?? startIndex
        return String(self[..<end].drop { $0.isWhitespace })
    }
}
