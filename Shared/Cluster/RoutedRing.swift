// A ring whose members are nodes: from the bytes of a user or group straight to a `NodeID`.
//
// Members of a ring and nodes of a role are both sorted by name, so the member with index i is the i-th node of the
// role that is not draining.

import Primitives
import Ring

/// The ring of one role.
public struct RoutedRing: Sendable {
    public let table: RingTable
    /// The node of each member of the table, by index.
    public let nodeIDs: [NodeID]
    /// Nodes of the role that are draining: no members.
    public let drainingIDs: [NodeID]

    /// - Parameters:
    ///   - all: the nodes of one role in canonical order, at least one that stays, checked.
    ///   - former: its table is taken over when it has the same members.
    init(_ all: [Node], _ parameters: RingParameters, after former: RoutedRing?) {
        let nodes = all.filter { !$0.isDraining }
        nodeIDs = nodes.map(\.id)
        drainingIDs = all.filter(\.isDraining).map(\.id)
        let members = nodes.map { RingMember(name: $0.name, weight: $0.weight) }
        do {
            table = try former.flatMap { RingTable($0.table, members, parameters) } ?? RingTable(members, parameters)
        } catch {
            preconditionFailure("a checked role makes a ring, but: \(error)")
        }
        precondition(table.members.map(\.name) == nodes.map(\.name), "both orders are by the bytes of the names")
    }

    /// The slot of a user or group.
    /// - Complexity: O(key.count).
    @inlinable
    public func slot<Key: Collection>(of key: Key) -> RingSlot where Key.Element == UInt8 { table.slot(of: key) }

    /// The node that owns a slot.
    @inlinable
    public func owner(of slot: RingSlot) -> NodeID { nodeIDs[table.owner(of: slot)] }

    /// The node that owns a user or group.
    /// - Complexity: O(key.count).
    @inlinable
    public func owner<Key: Collection>(ofKey key: Key) -> NodeID where Key.Element == UInt8 {
        owner(of: table.slot(of: key))
    }

    /// Who serves a slot: the owner, then its stand-ins, at most `RingLimits.preferenceCountMax` in all.
    /// - Complexity: O(nodes of the role).
    public func preference(of slot: RingSlot) -> [NodeID] { table.preferenceOrder(of: slot).map { nodeIDs[$0] } }

    /// The first node in a slot's preference order that is up, nil if none of the role is.
    ///
    /// Not for persistence: a partition's data is where it is, and nobody else can stand in.
    /// - Complexity: O(1) while the owner is up, else O(nodes of the role).
    public func firstLive(_ slot: RingSlot, isUp: (NodeID) -> Bool) -> NodeID? {
        table.firstLive(slot) { isUp(nodeIDs[$0]) }.map { nodeIDs[$0] }
    }
}
