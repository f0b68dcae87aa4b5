// Stamps on their way to persistence: gathered, then a request at a time for each partition.
//
// Storing the same stamp twice, or an older one after a newer, does no harm: the store keeps the maximum.

import CoreKit
import Messages
import Primitives
import RPC

struct Storing: Sendable {
    /// What is still to be sent in this turn, by partition.
    var queues: [NodeID: ArraySlice<SeenBatch.Item>] = [:]
    /// Requests on their way, at most one a partition.
    var busy: Set<NodeID> = []
}

extension LastSeenCore {
    mutating func armStore(now: Now) {
        guard seen.unsavedCount > 0 else { return }
        timers.armIfIdle(.store, at: now.instant + LastSeenLimits.storeInterval)
    }

    mutating func beginStoring(_ effects: inout [Effect]) {
        for item in seen.drain() { storing.queues[stores.primary(of: item.user), default: []].append(item) }
        for node in stores.ring.nodeIDs { storeNext(node, &effects) }
    }

    /// When `user` was here is neither known nor stored any more.
    mutating func forgetStamp(of user: UserID) {
        seen.remove(user)
        profiles.forgetStamp(of: user)
        for (node, queue) in storing.queues {
            let rest = queue.filter { $0.user != user }
            storing.queues[node] = rest.isEmpty ? nil : rest[...]
        }
    }

    private mutating func storeNext(_ node: NodeID, _ effects: inout [Effect]) {
        guard !storing.busy.contains(node), let queue = storing.queues[node] else { return }
        let items = Array(queue.prefix(LastSeenLimits.storeCountMax))
        let rest = queue.dropFirst(items.count)
        storing.queues[node] = rest.isEmpty ? nil : rest
        storing.busy.insert(node)
        call(node, .storeLastSeen(SeenBatch(items: items)), .store(node, items), &effects)
    }

    mutating func onStored(
        _ node: NodeID, _ items: [SeenBatch.Item], _ result: Result<Message, Refusal>, now: Now, _ effects: inout [Effect]
    ) {
        storing.busy.remove(node)
        if case .success(.done) = result {
            counters.stampsStored += UInt64(items.count)
            storeNext(node, &effects)
        } else {
            // A partition that is away is not hammered: everything waits for the next turn.
            seen.restore(items + (storing.queues.removeValue(forKey: node) ?? []))
            armStore(now: now)
        }
    }
}
