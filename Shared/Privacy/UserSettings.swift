// What a user lets others see, and whom they do not want to hear of.
//
// The rule of last seen is one sentence: two people see each other's only when each lets the other. So whoever hides from
// somebody does not see that somebody either, and nobody has to remember who hid first. Blocking is the same rule: neither sees
// anything of the other.
//
// With them travels what the product has said of this user's tokens, because it takes the same way: stored first, then told to
// everybody who acts by it.

import Primitives

/// Who may see when somebody was here.
public enum Visibility: UInt8, Sendable, CaseIterable {
    case everyone = 1
    case nobody = 2

    /// The name in JSON.
    public var name: String {
        switch self {
        case .everyone: "everyone"
        case .nobody: "nobody"
        }
    }

    public init?(name: String) {
        guard let visibility = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = visibility
    }
}

/// The settings of one user. A user who never set anything has those of `init()`.
public struct UserSettings: Equatable, Sendable {
    /// Who sees last seen and online: everyone or nobody, `exceptions` aside.
    public var lastSeen: Visibility
    /// For these the opposite of `lastSeen` holds. At most `PrivacyLimits.exceptionCountMax`, in the order of their names, none
    /// twice.
    public var exceptions: [UserID]
    /// Between two people: others learn what this user has read, and this user what they have. In groups it is always so.
    public var readReceipts: Bool
    /// At most `PrivacyLimits.blockCountMax`, in the order of their names, none twice.
    public var blocked: [UserID]
    /// Tokens issued before this do not hold; zero: all do. Only rises. Never shown to clients.
    public var revokedBefore: Stamp
    /// Counts the changes: of two versions the one with the higher revision is the newer.
    public var revision: UInt64

    public init(
        lastSeen: Visibility = .everyone, exceptions: [UserID] = [], readReceipts: Bool = true, blocked: [UserID] = [],
        revokedBefore: Stamp = .zero, revision: UInt64 = 0
    ) {
        self.lastSeen = lastSeen
        self.exceptions = exceptions
        self.readReceipts = readReceipts
        self.blocked = blocked
        self.revokedBefore = revokedBefore
        self.revision = revision
    }

    /// This user wants to hear nothing of `other`.
    /// - Complexity: O(log of the list).
    public func blocks(_ other: UserID) -> Bool { blocked.containsSorted(other) }

    /// As far as this user is asked, `other` may see when they were here. What `other` says about this user counts as well.
    /// - Complexity: O(log of the lists).
    public func lets(_ other: UserID) -> Bool {
        (lastSeen == .everyone) != exceptions.containsSorted(other) && !blocks(other)
    }

    /// True when everything is as for somebody who never set anything, the count of changes aside.
    public var isPlain: Bool {
        lastSeen == .everyone && exceptions.isEmpty && readReceipts && blocked.isEmpty && revokedBefore == .zero
    }

    /// Beside the visibility in the first byte: `revokedBefore` follows behind the rest. Who never had a token revoked has settings that
    /// older releases read.
    private static let revokedFlag: UInt8 = 0x10

    /// How many bytes they have when they travel, some more at most.
    public var byteCount: Int {
        exceptions.reduce(0) { $0 + 1 + $1.text.utf8.count } + blocked.reduce(0) { $0 + 1 + $1.text.utf8.count } + 24
    }

    public func encode(into writer: inout ByteWriter) {
        writer.u8(lastSeen.rawValue | (revokedBefore == .zero ? 0 : Self.revokedFlag))
        writer.users(exceptions)
        writer.bool(readReceipts)
        writer.users(blocked)
        writer.varint(revision)
        if revokedBefore != .zero { writer.stamp(revokedBefore) }
    }

    public init(from reader: inout ByteReader) throws(DecodeError) {
        let first = try reader.u8()
        guard let lastSeen = Visibility(rawValue: first & ~Self.revokedFlag) else { throw .badValue(field: "visibility") }
        self.lastSeen = lastSeen
        exceptions = try reader.users(max: PrivacyLimits.exceptionCountMax)
        readReceipts = try reader.bool()
        blocked = try reader.users(max: PrivacyLimits.blockCountMax)
        revision = try reader.varint()
        revokedBefore = first & Self.revokedFlag == 0 ? .zero : try reader.stamp()
        guard first & Self.revokedFlag == 0 || revokedBefore != .zero else { throw .badValue(field: "revocation") }
        guard exceptions.isStrictlySorted, blocked.isStrictlySorted else { throw .badValue(field: "order of users") }
    }
}

extension ByteWriter {
    mutating func users(_ users: [UserID]) {
        varint(UInt64(users.count))
        for user in users { self.user(user) }
    }
}

extension ByteReader {
    mutating func users(max limit: Int) throws(DecodeError) -> [UserID] {
        var users: [UserID] = []
        for _ in 0..<(try count(max: limit)) { users.append(try user()) }
        return users
    }
}

extension [UserID] {
    var isStrictlySorted: Bool { zip(self, dropFirst()).allSatisfy { $0 < $1 } }

    /// - Precondition: `isStrictlySorted`.
    func containsSorted(_ user: UserID) -> Bool {
        let place = placeSorted(user)
        return place < count && self[place] == user
    }

    /// Where `user` stands, or would stand.
    func placeSorted(_ user: UserID) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle] < user { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
