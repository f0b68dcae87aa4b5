// What is remembered of rows, and under which names.

import Messages
import Primitives
import Privacy
import Storage

/// Everything about an inbox that decisions need.
struct InboxState {
    var head = Head.empty
    var devices = DeviceSet(devices: [], forgotten: 0)
    /// Of the newest watermark.
    var revision = Stamp.zero
    var settings = UserSettings()
}

/// An entry, as its author's client names it.
struct EntryName: Hashable {
    let owner: UserID
    let kind: InboxEntry.Kind
    let author: UserID
    let id: MessageID
}

struct KnownEntry {
    let number: UInt64
    let stamp: Stamp
    let chat: UserID
    let digest: UInt64

    /// What a repeat is told.
    func answer(chat: UserID, digest: UInt64) -> Appended {
        self.chat == chat && self.digest == digest
            ? Appended(outcome: .duplicate, number: number, stamp: stamp) : Appended(outcome: .conflict, number: 0, stamp: .zero)
    }
}

struct WatermarkName: Hashable {
    let owner: UserID
    let peer: UserID
    let kind: ReceiptKind
}

/// Somebody in a group.
struct Place: Hashable {
    let group: UserID
    let owner: UserID
}

struct LogName: Hashable {
    let group: UserID
    let author: UserID
    let id: MessageID
}

struct KnownLogEntry {
    let number: UInt64
    let stamp: Stamp
    let kind: UInt8
    let digest: UInt64
}

/// The state of a group's log. All zeros: the group was never made.
struct LogState {
    var head = Head.empty
    var eventNumber: UInt64 = 0
    var fannedOut: UInt64 = 0
    /// Nothing up to here has to be looked at again for what may go.
    var pruned: UInt64 = 0
    /// Counts what can move a tick, and up to which of these authors know.
    var revision: UInt64 = 0
    var told: UInt64 = 0
    /// Stamp of the first entry behind `pruned`; nil without one.
    var oldest: Stamp?
}

struct MemberState {
    var wrote = Stamp.zero
    var delivered = Stamp.zero
    var read = Stamp.zero
}

/// One member's marks of one kind in one group.
struct MarkSeries: Hashable {
    let group: UserID
    let member: UserID
    let kind: ReceiptKind
}
