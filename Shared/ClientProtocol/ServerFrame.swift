// What the cluster says to a client. docs/protocol.md specifies the same in words.

import Primitives

/// A frame from the cluster to a client.
public enum ServerFrame: Equatable, Sendable {
    /// Answer to `hello`: the stream continues after `cursor`; `head` is the newest number of the inbox now.
    case welcome(user: UserID, device: DeviceID, cursor: UInt64, head: UInt64, ticks: Stamp, time: Stamp, archive: Bool)
    /// Durable: the first tick.
    case sent(id: MessageID, to: UserID, at: Stamp)
    /// An entry of the inbox.
    case message(number: UInt64, from: UserID, id: MessageID, at: Stamp, body: [UInt8])
    /// An entry of the inbox: what this user wrote on another device.
    case copy(number: UInt64, to: UserID, id: MessageID, at: Stamp, body: [UInt8])
    /// An entry of the inbox: the addressee never came; the message was dropped.
    case expired(number: UInt64, to: UserID, id: MessageID, at: Stamp)
    /// Numbers `from`...`to` are no longer kept and will not come.
    case gap(from: UInt64, to: UInt64)
    /// The second tick for everything this user sent to `with` stamped up to `at`. `rev` orders receipts.
    case delivered(with: UserID, at: Stamp, rev: Stamp)
    /// The blue ticks, likewise.
    case read(with: UserID, at: Stamp, rev: Stamp)
    /// This user's own `read` is durable.
    case noted(with: UserID, at: Stamp)
    /// Entries of the archive, newest first. Every entry is a `.message`, `.copy` or `.expired` frame.
    case history(ref: MessageID?, entries: [ServerFrame], more: Bool)
    case pong(ref: MessageID?, time: Stamp)
    case error(ErrorFrame)
}

/// A typed no to a client.
public struct ErrorFrame: Equatable, Sendable {
    public var code: ErrorCode
    /// A sentence for a developer; clients decide by `code`.
    public var text: String
    /// The id or ref of the frame that was refused, when it could be read.
    public var ref: MessageID?
    /// Milliseconds until a retry makes sense; nil when time does not help.
    public var retryMs: UInt32?

    public init(_ code: ErrorCode, _ text: String, ref: MessageID? = nil, retryMs: UInt32? = nil) {
        self.code = code
        self.text = text
        self.ref = ref
        self.retryMs = retryMs
    }
}

/// Why a frame was refused. Numbers are for the binary encoding, names for JSON; both are for ever.
public enum ErrorCode: UInt8, Sendable, CaseIterable {
    /// The frame is not JSON (or not the binary format), or not UTF-8.
    case malformed = 1
    /// `type` is missing or unknown.
    case unknownType = 2
    /// A field is missing.
    case missingField = 3
    /// A field has the wrong type, a value out of range, or a byte that names may not have.
    case badField = 4
    /// The body is over 64 KiB.
    case bodyTooLong = 5
    /// The feature is not there in this release, or not in this mode (history without archive).
    case unsupported = 6
    /// The addressee is the author.
    case toSelf = 7
    /// The id was used before for other content.
    case idConflict = 8
    /// `after` names a message that the chat does not have: send that one first.
    case predecessorMissing = 9
    /// The cursor is beyond the inbox: the device belongs to another history.
    case cursorAhead = 10
    /// An ack for what was never sent to this device.
    case ackAhead = 11
    /// A read mark beyond the newest message.
    case readAhead = 12
    /// Frames before `hello`.
    case helloMissing = 13
    /// The user has too many devices.
    case tooManyDevices = 14
    /// Too much work waits: try again after `retry_ms`.
    case overloaded = 15
    /// A part of the cluster is away: try again after `retry_ms`.
    case unavailable = 16
    /// The disk of the cluster is full: nothing can be accepted until there is room.
    case storageFull = 17
    /// A second `hello` on one connection.
    case helloRepeated = 18

    /// The name in JSON.
    public var name: String {
        switch self {
        case .malformed: "malformed"
        case .unknownType: "unknown_type"
        case .missingField: "missing_field"
        case .badField: "bad_field"
        case .bodyTooLong: "body_too_long"
        case .unsupported: "unsupported"
        case .toSelf: "to_self"
        case .idConflict: "id_conflict"
        case .predecessorMissing: "predecessor_missing"
        case .cursorAhead: "cursor_ahead"
        case .ackAhead: "ack_ahead"
        case .readAhead: "read_ahead"
        case .helloMissing: "hello_missing"
        case .tooManyDevices: "too_many_devices"
        case .overloaded: "overloaded"
        case .unavailable: "unavailable"
        case .storageFull: "storage_full"
        case .helloRepeated: "hello_repeated"
        }
    }
}
