// From one cluster file to the next, while processes run: what may change, what does, and which keys move.

import Primitives
import Ring

/// Why a new file is not taken up; the processes go on by the one they have.
public enum ClusterChangeProblem: Error, Hashable, Sendable, CustomStringConvertible {
    case epochNotHigher(UInt32, running: UInt32)
    case otherCluster(String, running: String)
    case storeDiffers
    /// Seed or load bound: they decide in which partition a key is kept.
    case ringDiffers
    case persistenceDiffers
    case roleDiffers(node: String)

    /// What is wrong; what to do.
    public var description: String {
        switch self {
        case .epochNotHigher(let epoch, let running):
            "the epoch is \(epoch), and \(running) is in use; count it up with every change"
        case .otherCluster(let name, let running):
            "it is of the cluster \"\(name)\", and this one is \"\(running)\"; is it the right file?"
        case .storeDiffers:
            "the line store or database differs; what is stored already does not move by itself: stop the cluster for that"
        case .ringDiffers:
            "the line ring differs; seed and load decide in which partition a key is kept, and nothing moves it: leave them"
        case .persistenceDiffers:
            "the persistence nodes differ in number, names or weights; they decide where a key is kept, and nothing moves it: leave them"
        case .roleDiffers(let node):
            "\(node) has another role; give a new node a name of its own"
        }
    }
}

/// A change that may be made while the cluster runs.
public struct ClusterChange: Sendable {
    public let old: ClusterMap
    public let new: ClusterMap

    /// - Throws: the first reason against it.
    public init(from old: ClusterMap, to new: ClusterMap) throws(ClusterChangeProblem) {
        guard new.name == old.name else { throw .otherCluster(new.name, running: old.name) }
        guard new.epoch > old.epoch else { throw .epochNotHigher(new.epoch, running: old.epoch) }
        guard new.storageMode == old.storageMode, new.database == old.database else { throw .storeDiffers }
        guard new.ringParameters.seed == old.ringParameters.seed, new.ringParameters.loadPermille == old.ringParameters.loadPermille
        else { throw .ringDiffers }
        let stores = [old, new].map { $0.nodes(of: .persistence).map { [$0.name, "\($0.weight)"] } }
        guard stores[0] == stores[1] else { throw .persistenceDiffers }
        for node in new.nodes {
            if let former = old.node(named: node.name), former.role != node.role { throw .roleDiffers(node: node.name) }
        }
        self.old = old
        self.new = new
    }

    /// Nodes that join, in canonical order.
    public var joining: [Node] { new.nodes.filter { old.node(named: $0.name) == nil } }

    /// Nodes that leave, in canonical order.
    public var leaving: [Node] { old.nodes.filter { new.node(named: $0.name) == nil } }

    /// Nodes that are to be drained from now on, in canonical order.
    public var draining: [Node] { new.nodes.filter { $0.isDraining && old.node(named: $0.name)?.isDraining != true } }

    /// Nodes that stay and are reached at another address now, in canonical order.
    public var relocated: [Node] {
        new.nodes.filter { node in old.node(named: node.name).map { $0.rpc != node.rpc } ?? false }
    }

    /// Slots whose owner changes, of `RingLimits.slotCount`.
    /// - Parameter role: one with a ring.
    public func movedSlotCount(of role: Role) -> Int {
        let (before, after) = (old.ring(of: role), new.ring(of: role))
        return (0..<RingLimits.slotCount).count { index in
            let slot = RingSlot(index)
            return before.owner(of: slot) != after.owner(of: slot)
        }
    }

    /// The slots that would have to move even with the best of tables: those that the nodes that shrink have too much.
    /// - Parameter role: one with a ring.
    public func idealMovedSlotCount(of role: Role) -> Int {
        func shares(_ map: ClusterMap) -> [NodeID: Int] {
            let ring = map.ring(of: role)
            return Dictionary(uniqueKeysWithValues: zip(ring.nodeIDs, ring.table.shares))
        }
        let (before, after) = (shares(old), shares(new))
        return before.reduce(0) { $0 + max(0, $1.value - (after[$1.key] ?? 0)) }
    }
}
