// A ring as one process sees it now: the fixed table, and who is up in this process's eyes.
//
// A key goes to the first live node in its preference order. Views of different processes may differ for a while; what
// follows from that is the business of the services (see docs/architecture.md, "When views differ").

import Primitives
import Ring

public struct LiveRing: Sendable {
    public let ring: RoutedRing
    /// Sorted; a handful.
    public private(set) var up: [NodeID] = []

    public init(_ ring: RoutedRing) { self.ring = ring }

    /// Notes that a node came or went. Nodes of other roles are ignored.
    /// - Returns: true when the view changed.
    public mutating func set(_ node: NodeID, isUp: Bool) -> Bool {
        guard ring.nodeIDs.contains(node) else { return false }
        let index = up.firstIndex { $0 >= node } ?? up.count
        let isKnown = index < up.count && up[index] == node
        guard isKnown != isUp else { return false }
        if isUp { up.insert(node, at: index) } else { up.remove(at: index) }
        return true
    }

    public func isUp(_ node: NodeID) -> Bool { up.contains(node) }

    /// The node that owns the key while everything is well.
    public func primary(of user: UserID) -> NodeID { ring.owner(ofKey: user.text.utf8) }

    /// The node to turn to now; nil when none is up.
    public func route(_ user: UserID) -> NodeID? {
        let slot = ring.slot(of: user.text.utf8)
        let owner = ring.owner(of: slot)
        if isUp(owner) { return owner }
        return ring.firstLive(slot, isUp: isUp)
    }

    /// The live nodes of the key's preference order, first choice first.
    public func live(for user: UserID) -> [NodeID] {
        ring.preference(of: ring.slot(of: user.text.utf8)).filter(isUp)
    }
}
