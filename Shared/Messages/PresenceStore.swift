// What last-seen shards ask of persistence: settings, and when people were here.

import Primitives
import Privacy

/// Request: change the settings of `owner`, or only tell them.
public struct ChangeSettings: Equatable, Sendable {
    public var owner: UserID
    public var change: SettingsChange

    public init(owner: UserID, change: SettingsChange) {
        self.owner = owner
        self.change = change
    }

    func encode(into writer: inout ByteWriter) {
        writer.user(owner)
        change.encode(into: &writer)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        owner = try reader.user()
        change = try SettingsChange(from: &reader)
    }
}

/// Answer to `ChangeSettings`, after the commit's sync: how they stand now.
public struct SettingsStored: Equatable, Sendable {
    public var outcome: SettingsChange.Outcome
    public var settings: UserSettings

    public init(outcome: SettingsChange.Outcome, settings: UserSettings) {
        self.outcome = outcome
        self.settings = settings
    }

    func encode(into writer: inout ByteWriter) {
        writer.u8(outcome.rawValue)
        settings.encode(into: &writer)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        guard let outcome = SettingsChange.Outcome(rawValue: try reader.u8()) else { throw .badValue(field: "settings outcome") }
        self.outcome = outcome
        settings = try UserSettings(from: &reader)
    }
}

/// Request: when were these here, and what do they let others see?
public struct ReadPresence: Equatable, Sendable {
    /// 1...`presenceUserCountMax`.
    public var users: [UserID]

    public init(users: [UserID]) { self.users = users }

    func encode(into writer: inout ByteWriter) {
        writer.varint(UInt64(users.count))
        for user in users { writer.user(user) }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        users = []
        for _ in 0..<(try reader.count(max: MessageLimits.presenceUserCountMax)) { users.append(try reader.user()) }
    }
}

/// Answer to `ReadPresence`: the first of the users, in their order; as many as have room, one always does. Ask again for the
/// rest.
public struct PresencePage: Equatable, Sendable {
    public struct Item: Equatable, Sendable {
        /// Nil: never, as far as the store knows.
        public var lastSeen: Stamp?
        public var settings: UserSettings

        public init(lastSeen: Stamp?, settings: UserSettings) {
            self.lastSeen = lastSeen
            self.settings = settings
        }
    }

    public var items: [Item]

    public init(items: [Item]) { self.items = items }

    func encode(into writer: inout ByteWriter) {
        writer.varint(UInt64(items.count))
        for item in items {
            writer.bool(item.lastSeen != nil)
            if let lastSeen = item.lastSeen { writer.stamp(lastSeen) }
            item.settings.encode(into: &writer)
        }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        items = []
        for _ in 0..<(try reader.count(max: MessageLimits.presenceUserCountMax)) {
            let lastSeen = try reader.bool() ? try reader.stamp() : nil
            items.append(Item(lastSeen: lastSeen, settings: try UserSettings(from: &reader)))
        }
    }
}
