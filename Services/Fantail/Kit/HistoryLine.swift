// The local history of a device: one line an event, appended and never changed.
//
//     received   17  1763936000000000  bob  IDENTIFIER  hello
//     wrote          1763936001000000  bob  IDENTIFIER  hi, two\nlines
//     sent           1763936001002000  bob  IDENTIFIER
//     delivered      1763936001009000  bob
//     posted     18  1763936002000000  g:…  bob  IDENTIFIER  hello everybody
//     changed    19  1763936003000000  g:…  bob  REFERENCE   (the change as bytes)
//
// Fields are separated by tabs; a backslash begins an escape: `\t`, `\n`, `\r`, `\\`, `\xHH`. A line is believed as a whole
// or not at all, so a line that a crash cut in two is simply not there.

import ClientProtocol
import Groups
import Primitives

/// What happened to the chats of a device.
public enum HistoryEvent: Equatable, Sendable {
    case received(number: UInt64, from: UserID, id: MessageID, at: Stamp, body: [UInt8])
    /// Written here; `at` is this machine's clock.
    case wrote(to: UserID, id: MessageID, at: Stamp, body: [UInt8])
    /// Written by this user: on another device, or here and come back, as everything written to a group does.
    case copied(number: UInt64, to: UserID, id: MessageID, at: Stamp, body: [UInt8])
    case sent(to: UserID, id: MessageID, at: Stamp)
    /// Refused for good; the reason as one word.
    case failed(to: UserID, id: MessageID, reason: String)
    case expired(number: UInt64, to: UserID, id: MessageID, at: Stamp)
    case gap(from: UInt64, to: UInt64)
    case delivered(with: UserID, at: Stamp)
    case read(with: UserID, at: Stamp)
    /// Somebody else wrote to a group.
    case posted(number: UInt64, group: UserID, from: UserID, id: MessageID, at: Stamp, body: [UInt8])
    /// Somebody, perhaps this user, made or changed a group.
    case changed(number: UInt64, group: UserID, from: UserID, ref: MessageID, at: Stamp, GroupChange)
    /// The server was set up anew: numbers begin again.
    case restarted
}

extension HistoryEvent {
    /// The line, with its `\n`.
    public var line: [UInt8] {
        var line = FieldLine()
        switch self {
        case .received(let number, let from, let id, let at, let body):
            line.words("received", String(number), String(at.microseconds), from.text, id.text)
            line.field(body)
        case .wrote(let to, let id, let at, let body):
            line.words("wrote", String(at.microseconds), to.text, id.text)
            line.field(body)
        case .copied(let number, let to, let id, let at, let body):
            line.words("copied", String(number), String(at.microseconds), to.text, id.text)
            line.field(body)
        case .sent(let to, let id, let at): line.words("sent", String(at.microseconds), to.text, id.text)
        case .failed(let to, let id, let reason): line.words("failed", to.text, id.text, reason)
        case .expired(let number, let to, let id, let at):
            line.words("expired", String(number), String(at.microseconds), to.text, id.text)
        case .gap(let from, let to): line.words("gap", String(from), String(to))
        case .delivered(let peer, let at): line.words("delivered", String(at.microseconds), peer.text)
        case .read(let peer, let at): line.words("read", String(at.microseconds), peer.text)
        case .posted(let number, let group, let from, let id, let at, let body):
            line.words("posted", String(number), String(at.microseconds), group.text, from.text, id.text)
            line.field(body)
        case .changed(let number, let group, let from, let ref, let at, let change):
            line.words("changed", String(number), String(at.microseconds), group.text, from.text, ref.text)
            line.field(change.bytes)
        case .restarted: line.words("restarted")
        }
        return line.bytes + [0x0A]
    }

    /// Reads a line without its `\n`; nil when it is none of ours.
    public init?(line: ArraySlice<UInt8>) {
        guard var fields = FieldReader(line) else { return nil }
        switch fields.word() {
        case "received":
            guard let number = fields.number(), let at = fields.stamp(), let from = fields.user(), let id = fields.message(),
                let body = fields.next()
            else { return nil }
            self = .received(number: number, from: from, id: id, at: at, body: body)
        case "wrote":
            guard let at = fields.stamp(), let to = fields.user(), let id = fields.message(), let body = fields.next()
            else { return nil }
            self = .wrote(to: to, id: id, at: at, body: body)
        case "copied":
            guard let number = fields.number(), let at = fields.stamp(), let to = fields.user(), let id = fields.message(),
                let body = fields.next()
            else { return nil }
            self = .copied(number: number, to: to, id: id, at: at, body: body)
        case "sent":
            guard let at = fields.stamp(), let to = fields.user(), let id = fields.message() else { return nil }
            self = .sent(to: to, id: id, at: at)
        case "failed":
            guard let to = fields.user(), let id = fields.message(), let reason = fields.word() else { return nil }
            self = .failed(to: to, id: id, reason: reason)
        case "expired":
            guard let number = fields.number(), let at = fields.stamp(), let to = fields.user(), let id = fields.message()
            else { return nil }
            self = .expired(number: number, to: to, id: id, at: at)
        case "gap":
            guard let from = fields.number(), let to = fields.number() else { return nil }
            self = .gap(from: from, to: to)
        case "delivered":
            guard let at = fields.stamp(), let peer = fields.user() else { return nil }
            self = .delivered(with: peer, at: at)
        case "read":
            guard let at = fields.stamp(), let peer = fields.user() else { return nil }
            self = .read(with: peer, at: at)
        case "posted":
            guard let number = fields.number(), let at = fields.stamp(), let group = fields.user(), let from = fields.user(),
                let id = fields.message(), let body = fields.next()
            else { return nil }
            self = .posted(number: number, group: group, from: from, id: id, at: at, body: body)
        case "changed":
            guard let number = fields.number(), let at = fields.stamp(), let group = fields.user(), let from = fields.user(),
                let ref = fields.message(), let change = fields.next().flatMap({ GroupChange(bytes: $0) })
            else { return nil }
            self = .changed(number: number, group: group, from: from, ref: ref, at: at, change)
        case "restarted": self = .restarted
        default: return nil
        }
        guard fields.isAtEnd else { return nil }
    }

    /// Reads a whole log; lines that are none of ours are left out, the last one too if it has no `\n`.
    /// - Complexity: O(bytes).
    public static func parse(log bytes: ArraySlice<UInt8>) -> [HistoryEvent] {
        var events: [HistoryEvent] = []
        var start = bytes.startIndex
        while let end = bytes[start...].firstIndex(of: 0x0A) {
            if let event = HistoryEvent(line: bytes[start..<end]) { events.append(event) }
            start = end + 1
        }
        return events
    }
}
