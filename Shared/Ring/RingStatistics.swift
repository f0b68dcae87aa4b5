// What an operator wants to see of a ring, and what a test wants to measure: who holds how much, what moves in a
// change, and whether two processes hold the same table.

import Primitives

extension RingTable {
    /// How many slots each member holds, by index; they add up to 65,536.
    /// - Complexity: O(slots).
    public var shares: [Int] {
        var counts = [Int](repeating: 0, count: members.count)
        for owner in owners { counts[Int(owner)] += 1 }
        return counts
    }

    /// The slots that have another owner than in an older table, in rising order. Owners are compared by name, as
    /// indices shift when somebody joins.
    ///
    /// A change of seed also gives keys other slots; then this list alone does not tell which keys move.
    /// - Complexity: O(slots + members).
    public func moved(from old: RingTable) -> [RingSlot] {
        let newIndices = old.indices(in: self)
        var moved: [RingSlot] = []
        for slot in owners.indices where newIndices[old.owner(of: RingSlot(slot))] != Int(owners[slot]) {
            moved.append(RingSlot(slot))
        }
        return moved
    }

    /// A number that equals between two processes if, and for all practical purposes only if, their tables route every
    /// key alike. For logs and for the hello of a connection; never changes between releases.
    /// - Complexity: O(slots + members).
    public var fingerprint: UInt64 {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(2 * owners.count + 64 * members.count)
        for shift: UInt64 in stride(from: 0, to: 64, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: parameters.seed >> shift))
        }
        for member in members {
            bytes.append(UInt8(member.name.utf8.count))
            bytes.append(contentsOf: member.name.utf8)
        }
        for owner in owners {
            bytes.append(UInt8(truncatingIfNeeded: owner))
            bytes.append(UInt8(truncatingIfNeeded: owner >> 8))
        }
        return StableHash.hash(bytes, k0: 0, k1: 0)
    }

    /// For each of our members its index in another table, -1 if it is not there; both lists are sorted, so one pass
    /// over the two is enough.
    private func indices(in other: RingTable) -> [Int] {
        var position = 0
        return members.map { member in
            while position < other.members.count,
                other.members[position].name.utf8.lexicographicallyPrecedes(member.name.utf8)
            {
                position += 1
            }
            guard position < other.members.count,
                other.members[position].name.utf8.elementsEqual(member.name.utf8)
            else { return -1 }
            return position
        }
    }
}
