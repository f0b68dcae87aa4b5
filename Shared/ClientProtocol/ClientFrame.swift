// What a client says. docs/protocol.md specifies the same in words.

import Groups
import Media
import Primitives
import Privacy

/// A frame from a client to the cluster.
public enum ClientFrame: Equatable, Sendable {
    /// First frame of a connection. `cursor`: the highest inbox number the device has; nil: what the server remembers.
    /// `ticks`: the revision of the newest receipt the device has; nil: only new receipts. `attempt`: rises with each
    /// connection of the device, so that of two the newer one is known; nil: the device does not say.
    case hello(cursor: UInt64?, ticks: Stamp?, attempt: UInt64?)
    /// A message to `to`. `after`: the previous message to the same chat that has no `sent` yet. `isAuto`: the app repeats it by
    /// itself, no person did anything.
    case send(id: MessageID, to: UserID, body: [UInt8], after: MessageID?, isAuto: Bool = false)
    /// This device has everything up to number `upTo`.
    case ack(upTo: UInt64)
    /// The user has read what `with` sent, up to stamp `at`. `isAuto` as of `send`.
    case read(with: UserID, at: Stamp, isAuto: Bool = false)
    /// A page of stored messages, newest first (archive mode).
    case history(ref: MessageID?, with: UserID?, before: UInt64?, limit: Int)
    /// Answered by `pong`: is the way through the cluster open?
    case ping(ref: MessageID?)
    /// Makes or changes a group. `group` is nil exactly when `change` is `.create`.
    case group(ref: MessageID, group: UserID?, change: GroupChange)
    /// What a group is like now, and who is in it.
    case groupInfo(ref: MessageID?, group: UserID)
    /// The groups of this user, in the order of their ids, behind `after`.
    case groupList(ref: MessageID?, after: UserID?)
    /// Who has, and who has read, the message of group `with` stamped `at`.
    case receipts(ref: MessageID?, with: UserID, at: Stamp)
    /// A page of the log of `group`, newest first, below its number `before` (archive mode).
    case groupHistory(ref: MessageID?, group: UserID, before: UInt64?, limit: Int)
    /// The person writes to `to`, a user or a group, or has stopped. Never answered, except for what is wrong with it.
    case typing(to: UserID, isOn: Bool)
    /// The app came to the front, or the person did something in it; or it went to the background.
    case active(on: Bool)
    /// Who of these is online, and when were the others here? 1...`ClientLimits.presenceUserCountMax` people.
    case presence(ref: MessageID?, users: [UserID])
    /// The same, and every change until the connection ends or the next such frame, which names all to be watched from then on.
    /// At most `ClientLimits.watchUserCountMax` people; none ends it.
    case presenceWatch(ref: MessageID?, users: [UserID])
    /// Changes settings; what is nil stays. All nil: only asks for them.
    case settings(ref: MessageID?, lastSeen: Visibility?, exceptions: [UserID]?, readReceipts: Bool?)
    /// Wants to hear nothing of `user` any more, or again.
    case block(ref: MessageID?, user: UserID, on: Bool)
    /// Asks where to upload this file.
    case mediaUpload(ref: MessageID, file: MediaFile)
    /// Asks for a link to what the reference opens; that keeps it.
    case mediaLink(ref: MessageID, MediaReference)
    /// The message that carries the reference is `sent`: do not collect the file.
    case mediaKeep(ref: MessageID, MediaReference)
    /// A request that belongs to another service (`group.…`, `presence.…`, `media.…`) and has no frame of its own.
    case feature(name: String, ref: MessageID?)
}
