// What the cluster says to a client. docs/protocol.md specifies the same in words.

import Groups
import Primitives
import Privacy

/// A frame from the cluster to a client.
public enum ServerFrame: Equatable, Sendable {
    /// Answer to `hello`: the stream continues after `cursor`; `head` is the newest number of the inbox now.
    case welcome(user: UserID, device: DeviceID, cursor: UInt64, head: UInt64, ticks: Stamp, time: Stamp, archive: Bool)
    /// Durable: the first tick. `to` may be a group, here and wherever a frame names somebody's other side.
    case sent(id: MessageID, to: UserID, at: Stamp)
    /// An entry of the inbox.
    case message(number: UInt64, from: UserID, id: MessageID, at: Stamp, body: [UInt8])
    /// An entry of the inbox: what this user wrote on another device.
    case copy(number: UInt64, to: UserID, id: MessageID, at: Stamp, body: [UInt8])
    /// An entry of the inbox: the addressee never came; the message was dropped.
    case expired(number: UInt64, to: UserID, id: MessageID, at: Stamp)
    /// Numbers `from`...`to` are no longer kept and will not come.
    case gap(from: UInt64, to: UInt64)
    /// The second tick for everything this user sent to `with` stamped up to `at`; of a group, everybody else has it. `rev`
    /// orders receipts.
    case delivered(with: UserID, at: Stamp, rev: Stamp)
    /// The blue ticks, likewise.
    case read(with: UserID, at: Stamp, rev: Stamp)
    /// This user's own `read` is durable.
    case noted(with: UserID, at: Stamp)
    /// Entries of the archive, newest first: frames of which `isEntry` is true.
    case history(ref: MessageID?, entries: [ServerFrame], more: Bool)
    case pong(ref: MessageID?, time: Stamp)
    case error(ErrorFrame)
    /// An entry of the inbox: what somebody, this user too, wrote to a group. `groupNumber` counts the entries of the group.
    case groupMessage(
        number: UInt64, group: UserID, groupNumber: UInt64, from: UserID, id: MessageID, at: Stamp, body: [UInt8])
    /// An entry of the inbox: what happened to a group. `id` is the `ref` of the request.
    case groupEvent(
        number: UInt64, group: UserID, groupNumber: UInt64, from: UserID, id: MessageID, at: Stamp, change: GroupChange)
    /// The change asked for under `ref` is durable, as entry `groupNumber` of the group.
    case groupDone(ref: MessageID, group: UserID, groupNumber: UInt64, at: Stamp)
    case groupInfo(ref: MessageID?, GroupInfo)
    /// At most `ClientLimits.groupTitleCountMax` groups; `more`: ask again after the last one.
    case groupList(ref: MessageID?, groups: [GroupTitle], more: Bool)
    /// How many of the `of` other members have, and have read, the message stamped `at`.
    case groupCounts(group: UserID, at: Stamp, delivered: Int, read: Int, of: Int)
    /// So many members could not be reached for long with the message stamped `at`; tries go on.
    case groupLate(group: UserID, at: Stamp, count: Int)
    /// At most `GroupLimits.memberCountMax` entries.
    case receipts(ref: MessageID?, with: UserID, at: Stamp, entries: [ReceiptEntry])
    /// `from` writes to this user, or to `group`, or has stopped. It holds for six seconds without another word.
    case typing(from: UserID, group: UserID?, isOn: Bool)
    /// Who is here, and when the others were. With `ref` the answer, one line for each who was asked about; without it news of
    /// who is watched. At most `ClientLimits.presenceUserCountMax` lines.
    case presence(ref: MessageID?, users: [PresenceLine])
    /// Where to upload, by PUT, until then. docs/protocol.md, "Media".
    case mediaUpload(ref: MessageID, url: String, until: Stamp)
    /// Where to download, by GET, until then.
    case mediaLink(ref: MessageID, url: String, until: Stamp)
    /// The file is kept as long as messages are.
    case mediaKept(ref: MessageID)
    /// This user's settings as they are now: the answer, or, without `ref`, what another device changed.
    case settings(ref: MessageID?, UserSettings)
}

/// When somebody was here, as far as the reader may see it.
public struct PresenceLine: Equatable, Sendable {
    public var user: UserID
    /// The app is in front, connected, and a person has just done something in it.
    public var isOnline: Bool
    /// When a person last did something; nil: never, or it is hidden, which looks the same.
    public var lastSeen: Stamp?

    public init(user: UserID, isOnline: Bool, lastSeen: Stamp?) {
        self.user = user
        self.isOnline = isOnline
        self.lastSeen = lastSeen
    }
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
    /// There is no such group, or it was deleted.
    case noSuchGroup = 19
    /// Only members may do that.
    case notMember = 20
    /// The role in the group does not allow it.
    case notAllowed = 21
    /// More members than the cluster allows.
    case groupFull = 22
    /// It is so already.
    case noChange = 23
    /// The change names somebody who is not a member, or nobody, or the wrong number of people.
    case badUsers = 24
    /// A list names more users than it may, or would.
    case tooManyUsers = 25
    /// The user sends too much: frames were dropped unread. Slow down, and repeat after `retry_ms` what has no answer.
    case rateLimited = 26
    /// The file is larger than any may be.
    case mediaTooLarge = 28
    /// The type is not admitted; announce the file as opaque.
    case mediaType = 29
    /// The user has announced as many bytes as a day allows.
    case mediaQuota = 30
    /// There is no such file, or not with this secret, or not any more.
    case mediaUnknown = 31
    /// The user has too many uploads that are not finished.
    case tooManyUploads = 32

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
        case .noSuchGroup: "no_such_group"
        case .notMember: "not_member"
        case .notAllowed: "not_allowed"
        case .groupFull: "group_full"
        case .noChange: "no_change"
        case .badUsers: "bad_users"
        case .tooManyUsers: "too_many_users"
        case .rateLimited: "rate_limited"
        case .mediaTooLarge: "media_too_large"
        case .mediaType: "media_type"
        case .mediaQuota: "media_quota"
        case .mediaUnknown: "media_unknown"
        case .tooManyUploads: "too_many_uploads"
        }
    }
}
