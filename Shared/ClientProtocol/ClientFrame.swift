// What a client says. docs/protocol.md specifies the same in words.

import Groups
import Primitives

/// A frame from a client to the cluster.
public enum ClientFrame: Equatable, Sendable {
    /// First frame of a connection. `cursor`: the highest inbox number the device has; nil: what the server remembers.
    /// `ticks`: the revision of the newest receipt the device has; nil: only new receipts.
    case hello(cursor: UInt64?, ticks: Stamp?)
    /// A message to `to`. `after`: the previous message to the same chat that has no `sent` yet.
    case send(id: MessageID, to: UserID, body: [UInt8], after: MessageID?)
    /// This device has everything up to number `upTo`.
    case ack(upTo: UInt64)
    /// The user has read what `with` sent, up to stamp `at`.
    case read(with: UserID, at: Stamp)
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
    /// A request that belongs to another service (`group.…`, `presence.…`, `media.…`).
    case feature(name: String, ref: MessageID?)
}
