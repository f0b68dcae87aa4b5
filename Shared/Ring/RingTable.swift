// The ring as everybody uses it: an immutable table from slot to owner.
//
// A key is hashed once, the top sixteen bits of the hash are its slot, and the slot's entry is the index of its owner.
// One hash, one load, no search. `RingWalk.swift` tells how the table comes about.
//
// A member's index is its rank when names are sorted by their bytes. So equal memberships give equal tables whatever
// the order in which they were written, and an index means the same in every process.
//
// When the owner of a slot is away, the next in the slot's *preference order* stands in: the member who would own the
// slot if the owner did not exist (apart from the load bound, which does not apply in an emergency). Every process can
// work it out for itself from the walks. It is computed when asked for, since it is needed on fail-over only.

import Primitives

/// One of the 65,536 places on the ring; every value of the type is one.
public typealias RingSlot = UInt16

/// A membership compiled into a table; a value that never changes.
public struct RingTable: Sendable {
    /// What the table was built with.
    public let parameters: RingParameters
    /// The members sorted by the bytes of their names; all indices of this type point into it.
    public let members: [RingMember]

    @usableFromInline let owners: [UInt16]
    @usableFromInline let keyHash: StableHash
    private let walks: [RingWalk]

    /// Compiles a membership.
    /// - Parameters:
    ///   - members: 1...`RingLimits.memberCountMax`, unique names, in any order.
    ///   - parameters: default: epoch 1, seed 0, load bound 1.05.
    /// - Throws: `RingError` only; nothing is built.
    /// - Complexity: about a million steps whatever the number of members: a few milliseconds.
    public init(_ members: [RingMember], _ parameters: RingParameters = RingParameters()) throws(RingError) {
        self.members = try RingTable.checked(members, parameters)
        self.parameters = parameters
        let walks = self.members.map { RingWalk(member: $0, seed: parameters.seed) }
        self.walks = walks
        owners = RingWalk.owners(
            of: walks, capacities: RingWalk.capacities(of: walks, loadPermille: parameters.loadPermille))
        // "slot-key1" in spirit: another second half than the members' hash has.
        keyHash = StableHash(k0: parameters.seed, k1: 0x736c_6f74_6b65_7931)
        precondition(owners.count == RingLimits.slotCount, "every slot has an entry")
    }

    /// The table of another epoch with the same members, seed and load bound, in the same order: nothing is compiled. Nil where one of
    /// them differs.
    /// - Complexity: O(members).
    public init?(_ former: RingTable, _ members: [RingMember], _ parameters: RingParameters) {
        var same = former.parameters
        same.epoch = parameters.epoch
        guard same == parameters, former.members == members else { return nil }
        self.parameters = parameters
        self.members = members
        owners = former.owners
        keyHash = former.keyHash
        walks = former.walks
    }

    /// The hash of a key on this ring; depends on the seed alone.
    /// - Complexity: O(key.count).
    @inlinable
    public func hash<Key: Collection>(of key: Key) -> UInt64 where Key.Element == UInt8 {
        keyHash(key)
    }

    /// The slot of a key: the top sixteen bits of its hash.
    /// - Complexity: O(key.count).
    @inlinable
    public func slot<Key: Collection>(of key: Key) -> RingSlot where Key.Element == UInt8 {
        slot(ofHash: keyHash(key))
    }

    /// The slot of a key whose hash is known.
    @inlinable
    public func slot(ofHash hash: UInt64) -> RingSlot {
        RingSlot(truncatingIfNeeded: hash >> 48)
    }

    /// The index of the member that owns a slot: one load.
    @inlinable
    public func owner(of slot: RingSlot) -> Int {
        Int(owners[Int(slot)])
    }

    /// The index of the member that owns the key with this hash: one load.
    @inlinable
    public func owner(ofHash hash: UInt64) -> Int {
        owner(of: slot(ofHash: hash))
    }

    /// The index of the member that owns a key: one hash and one load.
    /// - Complexity: O(key.count).
    @inlinable
    public func owner<Key: Collection>(ofKey key: Key) -> Int where Key.Element == UInt8 {
        owner(ofHash: keyHash(key))
    }

    /// Who serves a slot: the owner first, then its stand-ins from the best to the worst.
    /// - Returns: distinct indices, all members or the first `RingLimits.preferenceCountMax`.
    /// - Complexity: O(members); one small allocation. For fail-over, not for every message.
    public func preferenceOrder(of slot: RingSlot) -> [Int] {
        let owner = owner(of: slot)
        let count = min(members.count, RingLimits.preferenceCountMax)
        // Insertion into a short sorted list; the owner stands before it.
        var times: [(time: UInt64, member: Int)] = []
        times.reserveCapacity(count)
        for member in walks.indices where member != owner {
            let time = walks[member].visitTime(of: slot)
            if times.count == count - 1 {
                guard let last = times.last, time < last.time else { continue }
                times.removeLast()
            }
            var position = times.count
            while position > 0, time < times[position - 1].time { position -= 1 }
            times.insert((time, member), at: position)
        }
        return [owner] + times.map(\.member)
    }

    /// The first member in a slot's preference order that is up, looking at all members and not only at the first
    /// eight.
    /// - Parameter isUp: whether the caller sees the member of this index as alive; may be asked about any member.
    /// - Returns: nil if nobody is up.
    /// - Complexity: O(1) while the owner is up, else O(members), without allocating.
    public func firstLive(_ slot: RingSlot, isUp: (Int) -> Bool) -> Int? {
        let owner = owner(of: slot)
        if isUp(owner) { return owner }
        var best: (time: UInt64, member: Int)?
        for member in walks.indices where member != owner {
            let time = walks[member].visitTime(of: slot)
            if let best, time >= best.time { continue }
            if isUp(member) { best = (time, member) }
        }
        return best?.member
    }

    private static func checked(
        _ members: [RingMember], _ parameters: RingParameters
    ) throws(RingError) -> [RingMember] {
        guard !members.isEmpty else { throw .noMembers }
        guard members.count <= RingLimits.memberCountMax else { throw .tooManyMembers(count: members.count) }
        guard RingLimits.loadPermilleRange.contains(parameters.loadPermille) else {
            throw .loadPermille(parameters.loadPermille)
        }
        for member in members {
            guard (1...RingLimits.nameBytesMax).contains(member.name.utf8.count) else {
                throw .nameLength(name: member.name)
            }
            guard (1...RingLimits.weightMax).contains(member.weight) else {
                throw .weight(name: member.name, weight: member.weight)
            }
        }
        let sorted = members.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        for (left, right) in zip(sorted, sorted.dropFirst()) where left.name.utf8.elementsEqual(right.name.utf8) {
            throw .duplicateName(name: left.name)
        }
        return sorted
    }
}
