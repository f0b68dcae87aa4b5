// When the cluster changes: other peers, a newer epoch, and who goes by which.
//
// Processes read a new cluster file one after the other. Each says its epoch on the links that it has, so that both ends of a link
// know whether they route by the same map; the core is told of the difference, the loop reads its file again.

import Messages
import Primitives

extension Mesh {
    // MARK: Other peers

    /// Goes on with the peers of a newer cluster file. Links to those who stay are kept, and are told the new epoch; those who left
    /// are `peerDown`.
    /// - Parameters:
    ///   - peers: all of them.
    ///   - relocated: of these, those that are to be found elsewhere now: they are dialled anew.
    ///   - epoch: higher than the one before.
    public mutating func adopt(_ peers: [Peer], relocated: Set<NodeID> = [], epoch: UInt64, now: Instant) {
        precondition(epoch > identity.epoch && !peers.contains { $0.id == selfID })
        let staying = Set(peers.map(\.id)).subtracting(relocated)
        for place in self.peers.indices where !staying.contains(self.peers[place].peer.id) { leave(place, now: now) }
        let former = Dictionary(uniqueKeysWithValues: self.peers.map { ($0.peer.id, $0) })
        departed = self.peers.map(\.peer).filter { peer in !peers.contains { $0.id == peer.id } }
        self.peers = ContiguousArray(
            peers.sorted { $0.id < $1.id }.map { peer in
                guard staying.contains(peer.id), var entry = former[peer.id] else { return PeerEntry(peer: peer) }
                entry.peer = peer
                return entry
            })
        peerPlaces = NodeIndex(self.peers.map(\.peer.id))
        identity.epoch = epoch
        epochHeard = Swift.max(epochHeard, epoch)
        for place in self.peers.indices {
            switch self.peers[place].state {
            case .up(let socket):
                if let link = links.place(of: socket) { announce(on: link) }
                compare(place)
            case .away:
                // Those who are new; the others wait for their turn to be dialled.
                if self.peers[place].peer.isDialed, former[self.peers[place].peer.id] == nil || relocated.contains(self.peers[place].peer.id) {
                    dial(place)
                }
            case .dialing, .connecting: break
            }
        }
    }

    /// Ends whatever there is with a peer.
    private mutating func leave(_ place: Int, now: Instant) {
        let node = peers[place].peer.id
        timers.cancel(.redial(node))
        switch peers[place].state {
        case .up(let socket), .connecting(let socket):
            if let link = links.place(of: socket) {
                let bytes = links[link].link.takeOutbound()
                if !bytes.isEmpty { effects.append(.write(socket, bytes)) }
            }
            effects.append(.close(socket))
            forget(socket, fault: nil, now: now)
            timers.cancel(.redial(node))
        case .away, .dialing:
            break
        }
        peers[place].state = .away
    }

    /// What a peer is called, or was before the last change took it out; nil for others.
    public func name(of node: NodeID) -> String? {
        place(of: node).map { peers[$0].peer.name } ?? departed.first { $0.id == node }?.name
    }

    // MARK: Epochs

    mutating func announce(on link: Int) {
        links[link].link.send(.epoch(EpochNews(epoch: identity.epoch)))
        markDirty(link)
    }

    /// A peer that is up goes by this epoch.
    mutating func note(_ epoch: UInt64, of node: NodeID) {
        guard let peer = place(of: node) else { return }
        peers[peer].epoch = epoch
        epochHeard = Swift.max(epochHeard, epoch)
        compare(peer)
    }

    private mutating func compare(_ peer: Int) {
        let theirs = peers[peer].epoch
        let relation: EpochRelation = theirs == identity.epoch ? .same : theirs < identity.epoch ? .behind : .ahead
        guard relation != peers[peer].relation else { return }
        peers[peer].relation = relation
        if relation != .same { notices.append(.epochDiffers(peers[peer].peer.id, theirs)) }
        events.append(.epoch(peers[peer].peer.id, relation))
    }
}
