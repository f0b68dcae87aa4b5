// What the store has of a user, in pages: for somebody who asks the product for their data.
//
// Persistence is asked as a session shard asks it, and nothing is kept meanwhile: whoever wants all of it asks for page after page.

import CoreKit
import Groups
import Messages
import Primitives
import Privacy

extension APICore {
    /// A part of what there is.
    enum ExportPart {
        case profile
        case inbox
        case receipts
        case devices
    }

    mutating func export(_ part: ExportPart, of user: String, _ ask: Ask, _ effects: inout [Effect]) -> Outcome {
        guard let user = Self.person(user) else { return .answered(.bad("user", Self.personRule)) }
        var after: Int64 = 0
        if part == .inbox || part == .receipts, let text = ask.query("after") {
            guard let stamp = Self.stamp(text) else { return .answered(.bad("after", "what the last page said: \(Self.stampRule)")) }
            after = stamp.microseconds
        }
        let name = expect(.export(user), ask)
        let message: Message =
            switch part {
            case .profile: .readPresence(ReadPresence(users: [user]))
            case .inbox:
                .readInbox(
                    ReadInbox(owner: user, after: UInt64(after), limit: MessageLimits.historyEntryCountMax, headersOnly: false))
            case .devices: .readDevices(ReadDevices(owner: user))
            case .receipts: .readWatermarks(ReadWatermarks(owner: user, after: Stamp(microseconds: after)))
            }
        call(stores.primary(of: user), message, for: Call(name: name), &effects)
        return .asked(name)
    }

    /// Nil: no answer to any of these.
    func exportAnswer(_ user: UserID, _ message: Message) -> Answer? {
        var json = JSONText()
        json.string("user", user.text)
        switch message {
        case .presencePage(let page):
            guard let item = page.items.first else { return nil }
            json.raw("last_seen", item.lastSeen.map { String($0.microseconds) } ?? "null")
            json.raw("settings", Self.text(of: item.settings))
        case .inboxPage(let page):
            json.list("entries", page.entries.map(Self.text))
            json.number("through", Int64(clamping: page.through))
            json.flag("more", page.through < page.head)
        case .watermarkPage(let page):
            json.list("receipts", page.watermarks.map(Self.text))
            json.flag("more", page.hasMore)
        case .devicePage(let page): json.list("devices", page.devices.map(Self.text))
        default: return nil
        }
        return Answer(200, json.finished)
    }

    private static func text(of settings: UserSettings) -> String {
        var json = JSONText()
        json.string("last_seen", settings.lastSeen.name)
        json.list("except", settings.exceptions.map { JSONText.quoted($0.text) })
        json.flag("read_receipts", settings.readReceipts)
        json.list("blocked", settings.blocked.map { JSONText.quoted($0.text) })
        json.raw("revoked_before", settings.revokedBefore == .zero ? "null" : String(settings.revokedBefore.microseconds))
        return json.nested
    }

    private static func text(_ entry: InboxEntry) -> String {
        var json = JSONText()
        json.number("n", Int64(clamping: entry.number))
        let kind =
            switch entry.kind {
            case .message: "message"
            case .copy: "copy"
            case .expired: "expired"
            case .groupMessage: "group.message"
            case .groupEvent: "group.event"
            }
        json.string("kind", kind)
        json.number("at", entry.stamp.microseconds)
        json.string("from", entry.author.text)
        json.string("chat", entry.chat.text)
        json.string("id", entry.id.text)
        switch entry.kind {
        case .message, .copy, .groupMessage: json.string("body", String(decoding: entry.body, as: UTF8.self))
        case .groupEvent: json.string("change", GroupChange(bytes: entry.body)?.name ?? "unknown")
        case .expired: break
        }
        return json.nested
    }

    private static func text(_ item: DevicePage.Item) -> String {
        var json = JSONText()
        json.string("device", item.device.text)
        json.number("acknowledged", Int64(clamping: item.cursor))
        json.number("opened", item.opened.microseconds)
        return json.nested
    }

    private static func text(_ watermark: Watermark) -> String {
        var json = JSONText()
        json.string("peer", watermark.peer.text)
        json.string("kind", watermark.kind == .delivered ? "delivered" : "read")
        json.number("up_to", watermark.upTo.microseconds)
        json.number("rev", watermark.revision.microseconds)
        return json.nested
    }
}
