// Who is here, who wants to know, and who may: between parsers, session shards and last-seen shards.
//
// Nothing of this is ever waited for by a message. What gets lost here is told again: activity by the next activity, a watch by
// its renewal, an absence by the time that passes.

import Primitives
import Privacy

/// Parser to the users' last-seen shard, one-way (`activity`), and last-seen shard to persistence, request (`storeLastSeen`,
/// answered `done`): when these people last did something. The newest stamp of a user stands, whatever the order.
public struct SeenBatch: Equatable, Sendable {
    public struct Item: Equatable, Sendable {
        public var user: UserID
        public var at: Stamp

        public init(user: UserID, at: Stamp) {
            self.user = user
            self.at = at
        }
    }

    /// 0...`seenCountMax`.
    public var items: [Item]

    public init(items: [Item]) { self.items = items }

    func encode(into writer: inout ByteWriter) {
        writer.varint(UInt64(items.count))
        for item in items {
            writer.user(item.user)
            writer.stamp(item.at)
        }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        items = []
        for _ in 0..<(try reader.count(max: MessageLimits.seenCountMax)) {
            items.append(Item(user: try reader.user(), at: try reader.stamp()))
        }
    }
}

/// A connection, wherever it is.
public struct ConnectionPlace: Hashable, Sendable {
    public var gateway: NodeID
    public var connection: ConnectionID

    public init(gateway: NodeID, connection: ConnectionID) {
        self.gateway = gateway
        self.connection = connection
    }

    func encode(into writer: inout ByteWriter) {
        writer.u32(gateway.rawValue)
        writer.u64(connection.rawValue)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        gateway = NodeID(rawValue: try reader.u32())
        connection = ConnectionID(rawValue: try reader.u64())
    }
}

/// Parser to the user's last-seen shard, one-way: the app at this connection came to the front, was used there, or went to the
/// background.
public struct AppFront: Equatable, Sendable {
    public var user: UserID
    public var place: ConnectionPlace
    public var isInFront: Bool
    /// When the parser heard of it.
    public var at: Stamp

    public init(user: UserID, place: ConnectionPlace, isInFront: Bool, at: Stamp) {
        self.user = user
        self.place = place
        self.isInFront = isInFront
        self.at = at
    }

    func encode(into writer: inout ByteWriter) {
        writer.user(user)
        place.encode(into: &writer)
        writer.bool(isInFront)
        writer.stamp(at)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        user = try reader.user()
        place = try ConnectionPlace(from: &reader)
        isInFront = try reader.bool()
        at = try reader.stamp()
    }
}

/// Session shard to the users' last-seen shard, one-way: these connections have ended.
public struct PresenceGone: Equatable, Sendable {
    public struct Item: Equatable, Sendable {
        public var user: UserID
        public var place: ConnectionPlace

        public init(user: UserID, place: ConnectionPlace) {
            self.user = user
            self.place = place
        }
    }

    /// 0...`seenCountMax`.
    public var items: [Item]

    public init(items: [Item]) { self.items = items }

    func encode(into writer: inout ByteWriter) {
        writer.varint(UInt64(items.count))
        for item in items {
            writer.user(item.user)
            item.place.encode(into: &writer)
        }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        items = []
        for _ in 0..<(try reader.count(max: MessageLimits.seenCountMax)) {
            items.append(Item(user: try reader.user(), place: try ConnectionPlace(from: &reader)))
        }
    }
}

/// Parser to the last-seen shard of whoever asks, one-way: a client's `presence` or `presence.watch`.
public struct PresenceQuery: Equatable, Sendable {
    public var origin: Origin
    /// Given back in the answer.
    public var reference: MessageID?
    /// 0...`presenceUserCountMax`.
    public var users: [UserID]
    /// These, and nobody else, are watched by this connection from now on.
    public var isWatch: Bool

    public init(origin: Origin, reference: MessageID?, users: [UserID], isWatch: Bool) {
        self.origin = origin
        self.reference = reference
        self.users = users
        self.isWatch = isWatch
    }

    func encode(into writer: inout ByteWriter) {
        origin.encode(into: &writer)
        writer.bool(reference != nil)
        if let reference { writer.message(reference) }
        writer.varint(UInt64(users.count))
        for user in users { writer.user(user) }
        writer.bool(isWatch)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        origin = try Origin(from: &reader)
        reference = try reader.bool() ? try reader.message() : nil
        users = []
        for _ in 0..<(try reader.count(max: MessageLimits.presenceUserCountMax)) { users.append(try reader.user()) }
        isWatch = try reader.bool()
    }
}

/// Parser to the user's last-seen shard, one-way: a client's `settings` or `block`.
public struct SettingsQuery: Equatable, Sendable {
    public var origin: Origin
    /// Given back in the answer.
    public var reference: MessageID?
    public var change: SettingsChange

    public init(origin: Origin, reference: MessageID?, change: SettingsChange) {
        self.origin = origin
        self.reference = reference
        self.change = change
    }

    func encode(into writer: inout ByteWriter) {
        origin.encode(into: &writer)
        writer.bool(reference != nil)
        if let reference { writer.message(reference) }
        change.encode(into: &writer)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        origin = try Origin(from: &reader)
        reference = try reader.bool() ? try reader.message() : nil
        change = try SettingsChange(from: &reader)
    }
}

/// Last-seen shard of whoever asks to that of the users, request, answered by `PresenceLines`: when were these here, as far as
/// `viewer` may know from their side?
public struct LookUp: Equatable, Sendable {
    /// Where news goes that comes later.
    public struct Watcher: Equatable, Sendable {
        public var place: ConnectionPlace
        public var encoding: ClientEncoding

        public init(place: ConnectionPlace, encoding: ClientEncoding) {
            self.place = place
            self.encoding = encoding
        }
    }

    public var viewer: UserID
    /// 0...`presenceUserCountMax`.
    public var users: [UserID]
    /// Whoever watches them from now on, until the lease runs out, `unwatch` comes or the connection ends; nil: nobody, it is
    /// only a question.
    public var watcher: Watcher?

    public init(viewer: UserID, users: [UserID], watcher: Watcher?) {
        self.viewer = viewer
        self.users = users
        self.watcher = watcher
    }

    func encode(into writer: inout ByteWriter) {
        writer.user(viewer)
        writer.varint(UInt64(users.count))
        for user in users { writer.user(user) }
        writer.bool(watcher != nil)
        if let watcher {
            watcher.place.encode(into: &writer)
            writer.u8(watcher.encoding.rawValue)
        }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        viewer = try reader.user()
        users = []
        for _ in 0..<(try reader.count(max: MessageLimits.presenceUserCountMax)) { users.append(try reader.user()) }
        guard try reader.bool() else { return }
        let place = try ConnectionPlace(from: &reader)
        guard let encoding = ClientEncoding(rawValue: try reader.u8()) else { throw .badValue(field: "encoding") }
        watcher = Watcher(place: place, encoding: encoding)
    }
}

/// Answer to `LookUp`, in the order of its users.
public struct PresenceLines: Equatable, Sendable {
    public struct Item: Equatable, Sendable {
        public var isOnline: Bool
        /// Nil: never, or hidden.
        public var lastSeen: Stamp?
        /// The user has as many watchers as they may: asked about, but not watched.
        public var isFull: Bool

        public init(isOnline: Bool, lastSeen: Stamp?, isFull: Bool = false) {
            self.isOnline = isOnline
            self.lastSeen = lastSeen
            self.isFull = isFull
        }

        /// What is hidden, and who never was here.
        public static let hidden = Item(isOnline: false, lastSeen: nil)
    }

    /// 0...`presenceUserCountMax`.
    public var items: [Item]

    public init(items: [Item]) { self.items = items }

    func encode(into writer: inout ByteWriter) {
        writer.varint(UInt64(items.count))
        for item in items {
            writer.bool(item.isOnline)
            writer.bool(item.lastSeen != nil)
            if let lastSeen = item.lastSeen { writer.stamp(lastSeen) }
            writer.bool(item.isFull)
        }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        items = []
        for _ in 0..<(try reader.count(max: MessageLimits.presenceUserCountMax)) {
            let isOnline = try reader.bool()
            let lastSeen = try reader.bool() ? try reader.stamp() : nil
            items.append(Item(isOnline: isOnline, lastSeen: lastSeen, isFull: try reader.bool()))
        }
    }
}

/// Last-seen shard of the watcher to that of the users, one-way: this connection watches these no more.
public struct Unwatch: Equatable, Sendable {
    public var place: ConnectionPlace
    /// 0...`presenceUserCountMax`.
    public var users: [UserID]

    public init(place: ConnectionPlace, users: [UserID]) {
        self.place = place
        self.users = users
    }

    func encode(into writer: inout ByteWriter) {
        place.encode(into: &writer)
        writer.varint(UInt64(users.count))
        for user in users { writer.user(user) }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        place = try ConnectionPlace(from: &reader)
        users = []
        for _ in 0..<(try reader.count(max: MessageLimits.presenceUserCountMax)) { users.append(try reader.user()) }
    }
}

/// Last-seen shard to every session shard and to the other last-seen shards, request, answered `done`: so the settings of this
/// user are now. Whoever has a newer revision keeps it.
public struct SettingsNews: Equatable, Sendable {
    public var owner: UserID
    public var settings: UserSettings
    /// The connection that asked for the change, which gets its own answer; nil: none does.
    public var author: ConnectionPlace?

    public init(owner: UserID, settings: UserSettings, author: ConnectionPlace?) {
        self.owner = owner
        self.settings = settings
        self.author = author
    }

    func encode(into writer: inout ByteWriter) {
        writer.user(owner)
        settings.encode(into: &writer)
        writer.bool(author != nil)
        if let author { author.encode(into: &writer) }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        owner = try reader.user()
        settings = try UserSettings(from: &reader)
        author = try reader.bool() ? try ConnectionPlace(from: &reader) : nil
    }
}
