// A ring as one process sees it now: the fixed table, and who is up in this process's eyes.
//
// A key goes to the first live node in its preference order. Views of different processes may differ for a while; what
// follows from that is the business of the services (see docs/architecture.md, "When views differ").

import Primitives
import Ring

public struct LiveRing: Sendable {
    public private(set) var ring: RoutedRing
    /// Members that are up. Sorted; a handful.
    public private(set) var up: [NodeID] = []
    /// The same of those that are draining: they may become members again.
    private var drainingUp: [NodeID] = []

    public init(_ ring: RoutedRing) { self.ring = ring }

    /// Notes that a node came or went. Nodes of other roles are ignored.
    /// - Returns: true when the view changed.
    public mutating func set(_ node: NodeID, isUp: Bool) -> Bool {
        if ring.nodeIDs.contains(node) { return Self.set(&up, node, isUp) }
        return ring.drainingIDs.contains(node) && Self.set(&drainingUp, node, isUp)
    }

    private static func set(_ list: inout [NodeID], _ node: NodeID, _ isUp: Bool) -> Bool {
        let index = list.firstIndex { $0 >= node } ?? list.count
        let isKnown = index < list.count && list[index] == node
        guard isKnown != isUp else { return false }
        if isUp { list.insert(node, at: index) } else { list.remove(at: index) }
        return true
    }

    /// Everybody of the role who is up, those who are draining among them.
    public var present: [NodeID] { up + drainingUp }

    /// Everybody of the role who is not up.
    public var away: [NodeID] { (ring.nodeIDs + ring.drainingIDs).filter { !up.contains($0) && !drainingUp.contains($0) } }

    /// Goes on with the ring of a newer epoch; who is up stays up.
    public mutating func adopt(_ ring: RoutedRing) {
        let present = self.present.sorted()
        self.ring = ring
        up = present.filter(ring.nodeIDs.contains)
        drainingUp = present.filter(ring.drainingIDs.contains)
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
