// What a client says of a file before it uploads it, and what names a file that is stored.

import Primitives

/// A file as its author announces it. Everything but the size and the hash is metadata: shown, never believed, never a path.
public struct MediaFile: Equatable, Sendable {
    /// For people: 0...`MediaLimits.nameBytesMax` bytes.
    public var name: String
    /// One of `MediaKind`, or anything of 1...`MediaLimits.mimeBytesMax` bytes when the file is opaque.
    public var mime: String
    /// Bytes, 1...`MediaLimits.fileBytesMax`; larger ones are read, so that they get a typed answer.
    public var size: UInt64
    /// SHA-256 in lower-case hexadecimal digits.
    public var hash: String
    /// Nobody looks what is inside, and it is served as bytes to save: encrypted files, documents.
    public var isOpaque: Bool

    /// Nil when a text is too long or the hash is none.
    public init?(name: String, mime: String, size: UInt64, hash: String, isOpaque: Bool) {
        guard name.utf8.count <= MediaLimits.nameBytesMax, (1...MediaLimits.mimeBytesMax).contains(mime.utf8.count),
            HexName.accepts(hash, count: MediaLimits.hashDigitCount)
        else { return nil }
        self.name = name
        self.mime = mime
        self.size = size
        self.hash = hash
        self.isOpaque = isOpaque
    }

    public func encode(into writer: inout ByteWriter) {
        writer.string(name)
        writer.string(mime)
        writer.varint(size)
        writer.string(hash)
        writer.bool(isOpaque)
    }

    public init(from reader: inout ByteReader) throws(DecodeError) {
        let name = try reader.string(max: MediaLimits.nameBytesMax)
        let mime = try reader.string(max: MediaLimits.mimeBytesMax)
        let size = try reader.varint()
        let hash = try reader.string(max: MediaLimits.hashDigitCount)
        guard let file = MediaFile(name: name, mime: mime, size: size, hash: hash, isOpaque: try reader.bool()) else {
            throw .badValue(field: "file")
        }
        self = file
    }
}

/// What travels in a message and opens a stored file: who has it may read the file, and nobody can guess it.
public struct MediaReference: Hashable, Sendable {
    /// The node that has the file, and which of its files: lower-case hexadecimal digits.
    public let id: String
    /// 128 random bits in lower-case hexadecimal digits.
    public let secret: String

    /// Nil when one of them is not spelled so.
    public init?(id: String, secret: String) {
        guard HexName.accepts(id, count: MediaLimits.idDigitCount), HexName.accepts(secret, count: MediaLimits.secretDigitCount)
        else { return nil }
        self.id = id
        self.secret = secret
    }

    /// The part of `id` that names its node.
    public var tag: String { String(id.prefix(MediaLimits.tagDigitCount)) }

    /// How the ids of the node of that name begin. By its name and not its number: numbers move when a cluster grows.
    public static func tag(ofNode name: String) -> String {
        let hash = StableHash.hash(Array(name.utf8), k0: 0x6661_6E74_6169_6C2E, k1: 0x6D65_6469_612E_7631)
        return String((0..<MediaLimits.tagDigitCount).map { HexName.digits[Int(hash >> (4 * UInt64($0)) & 15)] })
    }

    public func encode(into writer: inout ByteWriter) {
        writer.string(id)
        writer.string(secret)
    }

    public init(from reader: inout ByteReader) throws(DecodeError) {
        let id = try reader.string(max: MediaLimits.idDigitCount)
        guard let reference = MediaReference(id: id, secret: try reader.string(max: MediaLimits.secretDigitCount)) else {
            throw .badValue(field: "reference")
        }
        self = reference
    }
}

/// Names made of lower-case hexadecimal digits: nothing in them can leave a folder, a URL or a header.
public enum HexName {
    static let digits = Array("0123456789abcdef")

    public static func accepts(_ text: String, count: Int) -> Bool {
        text.utf8.count == count && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    public static func text(_ bytes: [UInt8]) -> String {
        String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }
}
