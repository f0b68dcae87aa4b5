// From a node to its place in a list, for every frame that comes and goes.
//
// A `NodeID` is a hash already, so the table needs none of its own: open addressing with linear probing, at most half full.

import Primitives

/// An immutable index over the ids of a list.
struct NodeIndex: Sendable {
    private struct Slot: Sendable {
        var id: UInt32
        /// -1: empty.
        var place: Int32
    }

    private var slots: ContiguousArray<Slot>
    private let mask: Int

    /// - Parameter ids: each at most once; the place of an id is its index here.
    init(_ ids: [NodeID]) {
        var size = 4
        while size < 2 * ids.count { size *= 2 }
        mask = size - 1
        slots = ContiguousArray(repeating: Slot(id: 0, place: -1), count: size)
        for (place, id) in ids.enumerated() {
            var index = Int(id.rawValue) & mask
            while slots[index].place >= 0 {
                precondition(slots[index].id != id.rawValue, "a node is there twice")
                index = (index + 1) & mask
            }
            slots[index] = Slot(id: id.rawValue, place: Int32(place))
        }
    }

    /// - Complexity: O(1).
    subscript(id: NodeID) -> Int? {
        var index = Int(id.rawValue) & mask
        while slots[index].place >= 0 {
            if slots[index].id == id.rawValue { return Int(slots[index].place) }
            index = (index + 1) & mask
        }
        return nil
    }
}
