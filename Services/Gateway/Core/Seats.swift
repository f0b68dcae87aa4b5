// Which session shard holds which connection.
//
// The client's `hello` takes its first seat, by way of a parser, and is answered by that shard's `welcome`. From then on the
// gateway keeps the connection seated: when shards come or go it attaches the connections whose shard changed, and only
// those, and asks again until a shard says `Attached`. A seat at a shard that is not the right one in this gateway's eyes is
// given up for the right one. Not before the `welcome` has passed: what another shard pushes must not overtake it.

import CoreKit
import Messages
import Primitives
import RPC

extension GatewayCore {
    mutating func onAttached(_ attached: Attached, by node: NodeID, now: Now, _ effects: inout [Effect]) {
        guard let socket = sockets[attached.connection], case .open(var session) = connections[socket]?.phase else {
            // Closed meanwhile, and the farewell was overtaken by the hello on its way through the parser: say it again.
            if let user = departed[attached.connection] {
                effects.append(.send(node, .detach(Detach(user: user, connection: attached.connection))))
            }
            return
        }
        if let home = session.home, home != node, session.asked != node {
            // An answer from a shard that was asked before the view changed: it does not hold the seat in our eyes.
            effects.append(.send(node, .detach(Detach(user: session.user, connection: session.id, hasMoved: true))))
            return
        }
        session.home = node
        session.hasSiblings = attached.hasSiblings
        if !session.isGreeted {
            session.revision = attached.revision
            session.attempt = attached.attempt
        }
        session.isGreeted = true
        if session.asked == node {
            session.asked = nil
            counters.attaches += 1
        }
        connections[socket]!.phase = .open(session)
        if session.isWelcomed { correctSeat(socket, now: now, &effects) }
    }

    /// Moves a connection that has been welcomed, if the shard that holds it is not the right one in our eyes.
    mutating func correctSeat(_ socket: SocketID, now: Now, _ effects: inout [Effect]) {
        guard case .open(let session) = connections[socket]?.phase, let right = sessions.route(session.user), right != session.home
        else { return }
        attach(socket, at: right, now: now, &effects)
    }

    /// A shard came or went: its users sit elsewhere now, or have to be told to it again.
    /// - Parameter node: nil: nobody did, and the table has changed.
    mutating func reseat(after node: NodeID?, now: Now, _ effects: inout [Effect]) {
        for socket in connections.keys.sorted() {
            guard case .open(let session) = connections[socket]!.phase, session.isWelcomed else { continue }
            let right = sessions.route(session.user)
            // A shard that has just come knows nobody, even where the seat was its own before.
            let isLost = node != nil && (session.home == node || session.asked == node)
            guard right != (session.asked ?? session.home) || isLost else { continue }
            guard let right else {
                // A shard that is draining, or not the right one any more, is better than none.
                if isLost { setSeat(socket, home: nil, asked: nil) }
                continue
            }
            attach(socket, at: right, now: now, &effects)
        }
    }

    private mutating func setSeat(_ socket: SocketID, home: NodeID?, asked: NodeID?) {
        guard case .open(var session) = connections[socket]?.phase else { return }
        session.home = home
        session.asked = asked
        connections[socket]!.phase = .open(session)
    }

    /// Asks a shard to hold a connection that is greeted already, and tells the former one.
    private mutating func attach(_ socket: SocketID, at node: NodeID, now: Now, _ effects: inout [Effect]) {
        guard case .open(let session) = connections[socket]?.phase else { return }
        if let home = session.home, home != node {
            effects.append(.send(home, .detach(Detach(user: session.user, connection: session.id, hasMoved: true))))
        }
        // Whoever was asked before and is not any more may have said yes by now.
        if let asked = session.asked, asked != node, asked != session.home {
            effects.append(.send(asked, .detach(Detach(user: session.user, connection: session.id, hasMoved: true))))
        }
        setSeat(socket, home: nil, asked: node)
        let attach = Attach(origin: origin(of: session), cursor: nil, revision: session.revision, isResume: true, attempt: session.attempt)
        effects.append(.send(node, .attach(attach)))
        timers.armIfIdle(.seats, at: now.instant + GatewayLimits.attachRetry)
    }

    /// Asks again for every seat that was not confirmed.
    mutating func retrySeats(now: Now, _ effects: inout [Effect]) {
        for socket in connections.keys.sorted() {
            guard case .open(let session) = connections[socket]!.phase, session.isWelcomed, session.home == nil else { continue }
            if let right = sessions.route(session.user) { attach(socket, at: right, now: now, &effects) }
        }
    }

    mutating func leaveSeat(_ session: Connection.Session, _ effects: inout [Effect]) {
        let detach = Detach(user: session.user, connection: session.id)
        if let home = session.home { effects.append(.send(home, .detach(detach))) }
        if let asked = session.asked, asked != session.home { effects.append(.send(asked, .detach(detach))) }
        // A hello may be on its way: the shard that will take it is told, now and when it has taken it.
        guard !session.isGreeted else { return }
        if let right = sessions.route(session.user) { effects.append(.send(right, .detach(detach))) }
        departed[session.id] = session.user
        departedOrder.append(session.id)
        if departedOrder.count > GatewayLimits.departedCountMax { departed[departedOrder.removeFirst()] = nil }
    }
}
