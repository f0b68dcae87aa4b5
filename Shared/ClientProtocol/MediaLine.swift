// A file as it stands in a message: `! ` and a JSON object in one line. docs/protocol.md, "Media in a message".

import Media
import Primitives

public struct MediaLine: Equatable, Sendable {
    /// Of a message; what is behind them is text.
    public static let countMax = 10

    public var reference: MediaReference
    public var name: String
    public var mime: String
    /// Bytes.
    public var size: UInt64
    public var isOpaque: Bool

    public init(reference: MediaReference, file: MediaFile) {
        self.reference = reference
        name = file.name
        mime = file.mime
        size = file.size
        isOpaque = file.isOpaque
    }

    /// Reads a line; nil when it is text. Fields that we do not know are left out.
    /// - Parameter line: without its end.
    public init?(_ line: some Collection<UInt8>) {
        guard line.starts(with: Self.mark) else { return nil }
        let bytes = Array(line.dropFirst(Self.mark.count))
        var json = JSONObject(bytes)
        do throws(FrameFault) {
            try json.read(bytes.indices)
            reference = try json.mediaReference()
            name = try json.sentence(.name, max: MediaLimits.nameBytesMax)
            mime = try json.sentence(.mime, max: MediaLimits.mimeBytesMax)
            size = try json.number(.size)
            isOpaque = try json.flagIfPresent(.opaque) ?? false
        } catch {
            return nil
        }
    }

    /// The line, without its end.
    public var text: String {
        var bytes = Self.mark
        var json = JSONWriter(&bytes, reserving: 0, begin: "{")
        json.name(#""media":""#, reference.id)
        json.name(#","secret":""#, reference.secret)
        json.text(#","name":"#, Array(name.utf8))
        json.text(#","mime":"#, Array(mime.utf8))
        json.number(#","size":"#, size)
        if isOpaque { json.flag(#","opaque":"#, true) }
        json.finish(&bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The files of a message in their order, and its other lines.
    /// - Complexity: O(body).
    public static func split(_ body: [UInt8]) -> (files: [MediaLine], words: [UInt8]) {
        // Most messages have none.
        guard body.contains(mark[0]) else { return ([], body) }
        var files: [MediaLine] = []
        var words: [ArraySlice<UInt8>] = []
        for line in body.split(separator: 0x0A, omittingEmptySubsequences: false) {
            if files.count < countMax, let file = MediaLine(line) {
                files.append(file)
            } else if !(line.isEmpty && !files.isEmpty && words.allSatisfy(\.isEmpty)) {
                words.append(line)
            }
        }
        return (files, Array(words.joined(separator: [0x0A])))
    }

    private static let mark = Array("! ".utf8)
}
