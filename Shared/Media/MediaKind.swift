// The types that are shown in a page, and how a file proves that it is of one.
//
// Nothing is decoded: a decoder is where hostile pictures do their harm. A few bytes at the beginning tell what a program that
// trusts them would take the file for; together with `nosniff` nobody takes it for anything else.

/// An admitted type. The raw value is the MIME type, as announced and as served.
public enum MediaKind: String, CaseIterable, Sendable {
    case jpeg = "image/jpeg"
    case png = "image/png"
    case gif = "image/gif"
    case webp = "image/webp"
    case mp4 = "video/mp4"
    case webm = "video/webm"

    /// Brands of ISO media files that are MP4 video. HEIC, AVIF and QuickTime have others.
    private static let mp4Brands = ["isom", "iso2", "iso4", "iso5", "iso6", "mp41", "mp42", "avc1", "dash", "M4V ", "MSNV"]

    /// Whether a file that begins so is of this type.
    /// - Parameter head: the first `MediaLimits.headBytesMax` bytes, or all of a shorter file.
    public func accepts(_ head: [UInt8]) -> Bool {
        switch self {
        case .jpeg: head.starts(with: [0xFF, 0xD8, 0xFF])
        case .png: head.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
        case .gif: head.starts(with: Array("GIF87a".utf8)) || head.starts(with: Array("GIF89a".utf8))
        case .webp: head.starts(with: Array("RIFF".utf8)) && head.dropFirst(8).starts(with: Array("WEBP".utf8))
        case .mp4:
            head.dropFirst(4).starts(with: Array("ftyp".utf8))
                && Self.mp4Brands.contains(String(decoding: head.dropFirst(8).prefix(4), as: UTF8.self))
        case .webm: head.starts(with: [0x1A, 0x45, 0xDF, 0xA3]) && Self.holds(Array("webm".utf8), in: head)
        }
    }

    private static func holds(_ word: [UInt8], in head: [UInt8]) -> Bool {
        guard head.count >= word.count else { return false }
        return (0...(head.count - word.count)).contains { head[$0...].starts(with: word) }
    }
}
