// What session shards ask of persistence: devices and how far they have come.

import Primitives
import Privacy

/// Request: a device begins. Registers it when it is new; a new device starts after what any other device of the user has.
public struct OpenDevice: Equatable, Sendable {
    public var owner: UserID
    public var device: DeviceID
    /// What the device says it has; nil: what the store remembers.
    public var cursor: UInt64?
    /// When the token was issued with which the device says hello: one that was revoked opens nothing. Nil: a gateway has judged it.
    public var issuedAt: Stamp?

    public init(owner: UserID, device: DeviceID, cursor: UInt64?, issuedAt: Stamp? = nil) {
        self.owner = owner
        self.device = device
        self.cursor = cursor
        self.issuedAt = issuedAt
    }

    func encode(into writer: inout ByteWriter) {
        writer.user(owner)
        writer.device(device)
        writer.bool(cursor != nil)
        if let cursor { writer.varint(cursor) }
        writer.bool(issuedAt != nil)
        if let issuedAt { writer.stamp(issuedAt) }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        owner = try reader.user()
        device = try reader.device()
        cursor = try reader.bool() ? try reader.varint() : nil
        issuedAt = try reader.bool() ? try reader.stamp() : nil
    }
}

/// Answer to `OpenDevice`.
public struct DeviceOpened: Equatable, Sendable {
    public enum Outcome: UInt8, Sendable, CaseIterable {
        case opened = 1
        /// The device claims more than the inbox has: it belongs to another history. Nothing was changed.
        case cursorAhead = 2
        /// The user has `deviceCountMax` devices already. Nothing was changed.
        case tooManyDevices = 3
        /// The token was issued before the user's tokens were revoked. Nothing was changed.
        case revoked = 4
    }

    public var outcome: Outcome
    /// What the store has as acknowledged by this device. For a new device: where it starts.
    public var cursor: UInt64
    /// Number and stamp of the newest entry ever appended; 0 for an empty inbox.
    public var head: UInt64
    public var headStamp: Stamp
    /// The highest cursor of any device: everything up to it counts as delivered.
    public var delivered: UInt64
    /// Revision of the newest receipt watermark of this user.
    public var revision: Stamp
    /// Devices of this user, this one included.
    public var deviceCount: Int
    public var settings: UserSettings

    public init(
        outcome: Outcome, cursor: UInt64, head: UInt64, headStamp: Stamp, delivered: UInt64, revision: Stamp,
        deviceCount: Int, settings: UserSettings = UserSettings()
    ) {
        self.outcome = outcome
        self.cursor = cursor
        self.head = head
        self.headStamp = headStamp
        self.delivered = delivered
        self.revision = revision
        self.deviceCount = deviceCount
        self.settings = settings
    }

    func encode(into writer: inout ByteWriter) {
        writer.u8(outcome.rawValue)
        writer.varint(cursor)
        writer.varint(head)
        writer.stamp(headStamp)
        writer.varint(delivered)
        writer.stamp(revision)
        writer.varint(UInt64(deviceCount))
        settings.encode(into: &writer)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        guard let outcome = Outcome(rawValue: try reader.u8()) else { throw .badValue(field: "open outcome") }
        self.outcome = outcome
        cursor = try reader.varint()
        head = try reader.varint()
        headStamp = try reader.stamp()
        delivered = try reader.varint()
        revision = try reader.stamp()
        deviceCount = try reader.count(max: MessageLimits.deviceCountMax)
        settings = try UserSettings(from: &reader)
    }
}

/// Request: the device has everything up to `number`; drop the text that every device has (temporary mode).
/// Answered `done`. The session shard sends it only after the authors' receipts are durable.
public struct StoreCursor: Equatable, Sendable {
    public var owner: UserID
    public var device: DeviceID
    public var number: UInt64

    public init(owner: UserID, device: DeviceID, number: UInt64) {
        self.owner = owner
        self.device = device
        self.number = number
    }

    func encode(into writer: inout ByteWriter) {
        writer.user(owner)
        writer.device(device)
        writer.varint(number)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        owner = try reader.user()
        device = try reader.device()
        number = try reader.varint()
    }
}

/// Request: which devices has this user?
public struct ReadDevices: Equatable, Sendable {
    public var owner: UserID

    public init(owner: UserID) { self.owner = owner }

    func encode(into writer: inout ByteWriter) { writer.user(owner) }

    init(from reader: inout ByteReader) throws(DecodeError) { owner = try reader.user() }
}

/// Answer to `ReadDevices`, in the order of their names; none for a user whom nobody knows.
public struct DevicePage: Equatable, Sendable {
    public struct Item: Equatable, Sendable {
        public var device: DeviceID
        /// It has everything up to here.
        public var cursor: UInt64
        /// Last sign of life, as exact as that is written down: 1/64 of the time after which an unused device is forgotten.
        public var opened: Stamp

        public init(device: DeviceID, cursor: UInt64, opened: Stamp) {
            self.device = device
            self.cursor = cursor
            self.opened = opened
        }
    }

    /// At most `MessageLimits.deviceCountMax`.
    public var devices: [Item]

    public init(devices: [Item]) { self.devices = devices }

    func encode(into writer: inout ByteWriter) {
        writer.varint(UInt64(devices.count))
        for item in devices {
            writer.device(item.device)
            writer.varint(item.cursor)
            writer.stamp(item.opened)
        }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        devices = []
        for _ in 0..<(try reader.count(max: MessageLimits.deviceCountMax)) {
            devices.append(Item(device: try reader.device(), cursor: try reader.varint(), opened: try reader.stamp()))
        }
    }
}
