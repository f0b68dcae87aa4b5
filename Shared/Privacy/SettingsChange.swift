// What a user asks of their settings, and what comes of it.

import Primitives

public enum SettingsChange: Equatable, Sendable {
    /// What is nil stays; when all are nil it is a question. `exceptions`: at most `PrivacyLimits.exceptionCountMax`.
    case set(lastSeen: Visibility?, exceptions: [UserID]?, readReceipts: Bool?)
    case block(UserID)
    case unblock(UserID)
    /// The product's own word: tokens issued before this hold no more.
    case revokeTokens(before: Stamp)
    /// The product's own word: everything goes but that. Tokens issued before this hold no more; settings are those of somebody who
    /// never set anything, and with them go devices, receipts, and when the person was here. What is in the inbox goes by `EraseInbox`.
    case erase(before: Stamp)

    /// Nothing is to be changed.
    public static let question = SettingsChange.set(lastSeen: nil, exceptions: nil, readReceipts: nil)

    public enum Outcome: UInt8, Sendable, CaseIterable {
        case changed = 1
        /// It was so already, or nothing was to be changed.
        case same = 2
        /// The list of blocked users is full. Nothing was changed.
        case tooManyBlocks = 3
    }

    public func encode(into writer: inout ByteWriter) {
        switch self {
        case .set(let lastSeen, let exceptions, let readReceipts):
            writer.u8(1)
            writer.bool(lastSeen != nil)
            if let lastSeen { writer.u8(lastSeen.rawValue) }
            writer.bool(exceptions != nil)
            if let exceptions { writer.users(exceptions) }
            writer.bool(readReceipts != nil)
            if let readReceipts { writer.bool(readReceipts) }
        case .block(let user):
            writer.u8(2)
            writer.user(user)
        case .unblock(let user):
            writer.u8(3)
            writer.user(user)
        case .revokeTokens(let stamp):
            writer.u8(4)
            writer.stamp(stamp)
        case .erase(let stamp):
            writer.u8(5)
            writer.stamp(stamp)
        }
    }

    public init(from reader: inout ByteReader) throws(DecodeError) {
        switch try reader.u8() {
        case 1:
            var lastSeen: Visibility?
            if try reader.bool() {
                lastSeen = Visibility(rawValue: try reader.u8())
                guard lastSeen != nil else { throw .badValue(field: "visibility") }
            }
            let exceptions = try reader.bool() ? try reader.users(max: PrivacyLimits.exceptionCountMax) : nil
            self = .set(lastSeen: lastSeen, exceptions: exceptions, readReceipts: try reader.bool() ? try reader.bool() : nil)
        case 2: self = .block(try reader.user())
        case 3: self = .unblock(try reader.user())
        case 4: self = .revokeTokens(before: try reader.stamp())
        case 5: self = .erase(before: try reader.stamp())
        default: throw .badValue(field: "settings change")
        }
    }
}

extension UserSettings {
    /// Makes the change. Only `.changed` leaves anything different, the revision included.
    public mutating func apply(_ change: SettingsChange) -> SettingsChange.Outcome {
        var new = self
        switch change {
        case .set(let lastSeen, let exceptions, let readReceipts):
            if let lastSeen { new.lastSeen = lastSeen }
            if let exceptions { new.exceptions = exceptions.sortedOnce() }
            if let readReceipts { new.readReceipts = readReceipts }
        case .block(let user):
            let place = blocked.placeSorted(user)
            if place == blocked.count || blocked[place] != user {
                guard blocked.count < PrivacyLimits.blockCountMax else { return .tooManyBlocks }
                new.blocked.insert(user, at: place)
            }
        case .unblock(let user):
            let place = blocked.placeSorted(user)
            if place < blocked.count, blocked[place] == user { new.blocked.remove(at: place) }
        case .revokeTokens(let stamp): new.revokedBefore = max(new.revokedBefore, stamp)
        case .erase(let stamp):
            // Something else than settings may go: it counts as a change, however plain they are.
            self = UserSettings(revokedBefore: max(revokedBefore, stamp), revision: revision + 1)
            return .changed
        }
        guard new != self else { return .same }
        new.revision += 1
        self = new
        return .changed
    }
}

extension [UserID] {
    /// In the order of their names, none twice.
    fileprivate func sortedOnce() -> [UserID] {
        var once: [UserID] = []
        for user in sorted() where once.last != user { once.append(user) }
        return once
    }
}
