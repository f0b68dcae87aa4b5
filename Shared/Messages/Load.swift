// How much a service can take, as it tells those who send to it (message 8).
//
// Work is refused where it enters the cluster, not where it got stuck. So a service that is behind says so to those before
// it, and they to nobody: each knows the path of what it passes on, and takes the worst of it.

import Primitives

/// What a service gives up to stay quick; each level includes those before it.
public enum LoadLevel: UInt8, Sendable, CaseIterable, Comparable {
    /// Everything is done at once.
    case calm = 0
    /// Typing and online pushes are given up.
    case busy = 1
    /// Last seen is given up too.
    case heavy = 2
    /// Delivered and read come later, many as one; none is lost.
    case behind = 3
    /// Some users' new messages are refused, and they are told when to come back.
    case full = 4

    public static func < (a: LoadLevel, b: LoadLevel) -> Bool { a.rawValue < b.rawValue }
}

/// Anyone to those who send to it, one-way: on every change, and to each peer that comes into reach while it is not calm.
/// What was told holds until the next word or the end of the link.
public struct Load: Equatable, Sendable {
    public var level: LoadLevel
    /// Of 1,000 users, how many may send new messages: 1,000 below `full`, 0...1,000 there.
    public var admitPermille: UInt16

    public init(_ level: LoadLevel, admitPermille: UInt16 = 1_000) {
        precondition(admitPermille <= 1_000)
        precondition(level == .full || admitPermille == 1_000)
        self.level = level
        self.admitPermille = admitPermille
    }

    public static let calm = Load(.calm)

    /// The worse of two: what both ends of a path allow.
    public func worse(_ other: Load) -> Load {
        guard level == other.level else { return level > other.level ? self : other }
        return admitPermille <= other.admitPermille ? self : other
    }

    func encode(into writer: inout ByteWriter) {
        writer.u8(level.rawValue)
        writer.u16(admitPermille)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        guard let level = LoadLevel(rawValue: try reader.u8()) else { throw .badValue(field: "level") }
        let permille = try reader.u16()
        guard permille <= 1_000, level == .full || permille == 1_000 else { throw .badValue(field: "admitPermille") }
        self.init(level, admitPermille: permille)
    }
}
