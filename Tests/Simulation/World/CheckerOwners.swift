// Whose shard is whose: one owner in each epoch, and nobody moves who need not.
//
// The map of an epoch says whose shard a user's is, and the checker asks the map, not the shard. A shard may hold a user who
// is not its own while her shard is out of reach; it must know that, for it looks after her differently.

import Cluster
import Messages
import Primitives

extension Checker {
    /// Until a cluster, or a newcomer to it, has its first links, a user is seated where somebody was reached, and comes home soon.
    private static let startTime = Interval.seconds(8).nanoseconds
    private static let homecomingTime = Interval.seconds(4).nanoseconds

    /// A session shard at the end of a turn.
    /// - Complexity: O(users times epochs)
    mutating func judgeOwner(_ process: SimulatedProcess, _ world: World) {
        guard let machine = process.machine, let map = process.map else { return }
        // Without a fault everybody is always in reach, once there.
        let isFair = world.faults.struck.isEmpty && world.moment > Self.startTime
        for user in shape.users where !machine.holds(user) { process.strays[user] = nil }
        for user in shape.users where machine.holds(user) {
            let owner = map.owner(of: user)
            if machine.owns(user) != (owner == process.node.id) {
                let opinion = machine.owns(user) ? "\(process.node.name) takes her for its own" : "\(process.node.name) takes her for another's"
                return fail(.ownership, world.moment, "in epoch \(map.epoch) \(user) belongs to \(owner)", opinion)
            }
            guard isFair, owner != process.node.id, world.membership.maps.allSatisfy({ $0.owner(of: user) == owner }) else { continue }
            let since = process.strays[user] ?? world.moment
            process.strays[user] = since
            if world.moment - since > Self.homecomingTime {
                return fail(.ownership, world.moment, "\(user) stays at \(owner), hers in all \(map.epoch) epochs", "she sits at \(process.node.name)")
            }
        }
    }
}

extension ClusterMap {
    /// Whose users a session shard's are, by this map alone.
    func owner(of user: UserID) -> NodeID { ring(of: .session).owner(ofKey: user.text.utf8) }
}
