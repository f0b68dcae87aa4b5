// The simulated network: byte streams with everything that TCP permits.
//
// What it may do, and why the system must survive it:
// - split and join what was written, anywhere: TCP knows no messages;
// - delay each piece for as long as it likes (Weather), in order within a connection, in any order between connections;
// - refuse a dial, or let it hang: processes are down, routes are missing;
// - break a connection: what is on its way is lost, and both ends learn it, each in its own time;
// - fall silent (a machine lost its power): what is on its way is lost and nobody is told. Only a later write to the
//   machine that came back, or silence, gives it away;
// - hold everything between two machines back for a while, both ways or one way, then let it through, or not.
//
// It never invents, doubles, changes or swaps bytes: TCP's checksums are weak, but the suite does not claim to be stronger.

import Primitives
import RPC

/// One end of a connection.
enum Side: Int, Sendable {
    /// Who opened it.
    case near
    /// Who was called.
    case far

    var other: Side { self == .near ? .far : .near }
}

/// Who may hold an end.
enum Party: Hashable, Sendable {
    case process(Int)
    case device(Int)
}

/// A wish for a connection.
struct Dial: Sendable {
    var from: Party
    /// Of the dialler: its process's life, its device's attempt.
    var life: Int
    var to: Int
    var door: Door
}

struct Connection {
    struct End {
        var party: Party
        var life: Int
        var socket: SocketID
        /// This end has not closed and has not been told of a close.
        var isOpen = true
        /// When its process took up the connection, or the newest bytes that came over it.
        var heardAt: Moment = 0
    }

    enum Piece {
        case bytes([UInt8])
        /// The other side closed.
        case end
    }

    /// What is on its way to one end.
    struct Pipe {
        var pieces: [Piece] = []
        var taken = 0
        var bytes = 0
        var lastArrival: Moment = 0
        /// The writer was told that it is congested.
        var isCongested = false

        mutating func next() -> Piece? {
            guard taken < pieces.count else { return nil }
            defer {
                taken += 1
                if taken == pieces.count {
                    pieces.removeAll(keepingCapacity: true)
                    taken = 0
                }
            }
            return pieces[taken]
        }

        mutating func clear() {
            pieces = []
            taken = 0
            bytes = 0
        }
    }

    var ends: [End]
    /// By the side they lead to.
    var pipes = [Pipe(), Pipe()]
    /// A machine at one end is gone without a word.
    var isSilent = false
    /// Nothing passes any more.
    var isBroken = false

    var isAlive: Bool { ends[0].isOpen || ends[1].isOpen }
}

struct Network {
    var connections: [Connection] = []
    /// Connections that may still matter, in the order they were made.
    var live: [Int] = []
    /// By direction: from, to. Processes first, then devices.
    private var links: [Link]
    private let processCount: Int
    private let partyCount: Int

    init(processCount: Int, deviceCount: Int, dice: inout SeededGenerator) {
        let climate = Climate.allCases[dice.percent(60) ? 0 : dice.pick(1..<3)]
        self.processCount = processCount
        partyCount = processCount + deviceCount
        // The dice of a link depend on its two ends alone, not on how many others there are.
        let root = dice.next()
        var links: [Link] = []
        links.reserveCapacity(partyCount * partyCount)
        for from in 0..<partyCount {
            for to in 0..<partyCount {
                let name = (from < processCount ? UInt64(from) : 1_000 + UInt64(from - processCount)) << 32
                    | (to < processCount ? UInt64(to) : 1_000 + UInt64(to - processCount))
                links.append(Link(dice: SeededGenerator(seed: root ^ (name &* 0x9E37_79B9_7F4A_7C15)), climate: climate))
            }
        }
        self.links = links
    }

    private func place(_ party: Party) -> Int {
        switch party {
        case .process(let index): index
        case .device(let index): processCount + index
        }
    }

    private func link(_ from: Party, _ to: Party) -> Int { place(from) * partyCount + place(to) }

    mutating func latency(_ from: Party, _ to: Party, _ moment: Moment, isFair: Bool) -> Moment {
        links[link(from, to)].latency(moment, isFair: isFair)
    }

    func heldUntil(_ from: Party, _ to: Party) -> Moment { links[link(from, to)].heldUntil }

    func isHeld(_ from: Int, _ to: Int, _ moment: Moment) -> Bool { heldUntil(.process(from), .process(to)) > moment }

    mutating func hold(_ from: Int, _ to: Int, until moment: Moment) {
        links[link(.process(from), .process(to))].hold(until: moment)
    }

    mutating func release(_ from: Int, _ to: Int) { links[link(.process(from), .process(to))].release() }

    mutating func slow(_ from: Int, _ to: Int, by lag: Interval, until moment: Moment) {
        links[link(.process(from), .process(to))].slow(by: lag, until: moment)
    }

    /// Everything passes again, and quickly.
    mutating func clear() {
        for index in links.indices { links[index].clear() }
    }

    mutating func prune() {
        guard live.count > 64 else { return }
        live.removeAll { !connections[$0].isAlive }
    }
}

extension World {
    private func isCurrent(_ end: Connection.End) -> Bool { isCurrent(end.party, life: end.life) }

    private func isCurrent(_ party: Party, life: Int) -> Bool {
        switch party {
        case .process(let index): processes[index].life == life && processes[index].isRunning
        case .device(let index): devices[index].attempt == life
        }
    }

    private func latency(from: Party, to: Party) -> Moment { network.latency(from, to, moment, isFair: isHealing) }

    /// On the way to one end of a connection.
    private func latency(_ connection: Int, to side: Side) -> Moment {
        let ends = network.connections[connection].ends
        return latency(from: ends[side.other.rawValue].party, to: ends[side.rawValue].party)
    }

    // MARK: Dialling

    func dial(_ dial: Dial) { plan(.dialReaches(dial), after: latency(from: dial.from, to: .process(dial.to))) }

    func dialReaches(_ dial: Dial) {
        let target = processes[dial.to]
        let to = Party.process(dial.to)
        // A handshake needs both ways.
        let isHeld = network.heldUntil(dial.from, to) > moment || network.heldUntil(to, dial.from) > moment
        guard !isHeld, !target.isBoxGone else {
            return plan(.dialEnds(dial, connection: nil), after: dice.network.between(.seconds(1), .seconds(3)))
        }
        guard target.isRunning, isHealing || !dice.network.oneIn(100) else {
            return plan(.dialEnds(dial, connection: nil), after: latency(from: to, to: dial.from))
        }
        guard isCurrent(dial.from, life: dial.life) else { return }
        let index = network.connections.count
        let socket = target.takeSocket(index, .far)
        let reply = latency(from: to, to: dial.from)
        var connection = Connection(ends: [
            .init(party: dial.from, life: dial.life, socket: SocketID(rawValue: 0)),
            .init(party: .process(dial.to), life: target.life, socket: socket),
        ])
        connection.pipes[Side.near.rawValue].lastArrival = moment + reply
        network.connections.append(connection)
        network.live.append(index)
        network.prune()
        hash.add(index)
        tell(dial.to, .transport(.accepted(socket, dial.door)))
        plan(.dialEnds(dial, connection: index), after: reply)
    }

    func dialEnds(_ dial: Dial, _ connection: Int?) {
        guard isCurrent(dial.from, life: dial.life) else {
            if let connection { hangUp(connection, .near) }
            return
        }
        switch dial.from {
        case .process(let index):
            let node = processes[dial.to].node.id
            guard let connection else { return tell(index, .transport(.dialFailed(node))) }
            let socket = processes[index].takeSocket(connection, .near)
            network.connections[connection].ends[0].socket = socket
            tell(index, .transport(.dialed(node, socket)))
        case .device(let index):
            deviceDialed(index, connection)
        }
    }

    // MARK: Writing and closing

    func write(_ connection: Int, from side: Side, _ bytes: [UInt8]) {
        guard network.connections[connection].ends[side.rawValue].isOpen, !bytes.isEmpty else { return }
        hash.add(bytes)
        guard !network.connections[connection].isBroken else { return }
        let to = side.other
        if network.connections[connection].isSilent {
            // A machine that came back knows nothing of this connection and says so.
            let end = network.connections[connection].ends[to.rawValue]
            if case .process(let index) = end.party, !processes[index].isBoxGone {
                plan(.reset(connection: connection, side: side), after: latency(connection, to: side))
            }
            return
        }
        traceWire(connection, at: side, .effect, bytes)
        var start = 0
        while start < bytes.count {
            let rest = bytes.count - start
            let length = rest > 1 && dice.network.oneIn(4) ? dice.network.pick(1..<rest + 1) : rest
            let piece = start == 0 && length == bytes.count ? bytes : Array(bytes[start..<start + length])
            send(.bytes(piece), on: connection, to: to)
            start += length
        }
        noteQueue(connection, to: to)
    }

    private func send(_ piece: Connection.Piece, on connection: Int, to side: Side) {
        let arrival = Swift.max(network.connections[connection].pipes[side.rawValue].lastArrival, moment + latency(connection, to: side))
        network.connections[connection].pipes[side.rawValue].lastArrival = arrival
        network.connections[connection].pipes[side.rawValue].pieces.append(piece)
        if case .bytes(let bytes) = piece { network.connections[connection].pipes[side.rawValue].bytes += bytes.count }
        plan(.arrival(connection: connection, side: side), after: arrival - moment)
    }

    /// What a kernel does when its process closes a socket, or dies.
    func hangUp(_ connection: Int, _ side: Side) {
        guard network.connections[connection].ends[side.rawValue].isOpen else { return }
        network.connections[connection].ends[side.rawValue].isOpen = false
        guard !network.connections[connection].isBroken, !network.connections[connection].isSilent else { return }
        send(.end, on: connection, to: side.other)
    }

    /// The connection breaks; each end that still holds it learns so in its own time.
    func cut(_ connection: Int) {
        guard network.connections[connection].isAlive, !network.connections[connection].isBroken else { return }
        network.connections[connection].isBroken = true
        for side in [Side.near, .far] {
            network.connections[connection].pipes[side.rawValue].clear()
            let delay = dice.network.percent(70) ? latency(connection, to: side) : dice.network.between(.milliseconds(1), .seconds(2))
            plan(.reset(connection: connection, side: side), after: delay)
        }
    }

    /// A machine at one end is gone, and its network card with it.
    func silence(_ connection: Int) {
        network.connections[connection].isSilent = true
        for side in [Side.near, .far] { network.connections[connection].pipes[side.rawValue].clear() }
    }

    /// Tells the writer when too much waits, as a kernel with a full send buffer would.
    private func noteQueue(_ connection: Int, to side: Side) {
        let pipe = network.connections[connection].pipes[side.rawValue]
        let writer = network.connections[connection].ends[side.other.rawValue]
        guard case .process(let index) = writer.party, isCurrent(writer), writer.isOpen else { return }
        if pipe.bytes > RPCLimits.sendQueueBytesMax {
            network.connections[connection].isBroken = true
            plan(.reset(connection: connection, side: .near), after: 0)
            plan(.reset(connection: connection, side: .far), after: latency(connection, to: .far))
        } else if !pipe.isCongested, pipe.bytes > RPCLimits.sendQueueBytesSoft {
            network.connections[connection].pipes[side.rawValue].isCongested = true
            tell(index, .transport(.congested(writer.socket, true)))
        } else if pipe.isCongested, pipe.bytes < RPCLimits.sendQueueBytesSoft / 2 {
            network.connections[connection].pipes[side.rawValue].isCongested = false
            tell(index, .transport(.congested(writer.socket, false)))
        }
    }

    // MARK: Arriving

    func arrival(_ connection: Int, _ side: Side) {
        let ends = network.connections[connection].ends
        let wait = network.heldUntil(ends[side.other.rawValue].party, ends[side.rawValue].party) - moment
        if wait > 0 {
            return plan(.arrival(connection: connection, side: side), after: wait + latency(connection, to: side))
        }
        guard let piece = network.connections[connection].pipes[side.rawValue].next() else { return }
        let end = ends[side.rawValue]
        switch piece {
        case .bytes(let bytes):
            network.connections[connection].pipes[side.rawValue].bytes -= bytes.count
            noteQueue(connection, to: side)
            guard end.isOpen else {
                // The kernel of a closed socket answers data with a reset.
                if ends[side.other.rawValue].isOpen { plan(.reset(connection: connection, side: side.other), after: latency(connection, to: side.other)) }
                return
            }
            guard isCurrent(end) else { return }
            traceWire(connection, at: side, .event, bytes)
            switch end.party {
            case .process(let index): tell(index, .transport(.received(end.socket, bytes[...])))
            case .device(let index): deviceReceived(index, bytes)
            }
        case .end:
            reset(connection, side)
        }
    }

    func reset(_ connection: Int, _ side: Side) {
        let end = network.connections[connection].ends[side.rawValue]
        guard end.isOpen else { return }
        network.connections[connection].ends[side.rawValue].isOpen = false
        guard isCurrent(end) else { return }
        switch end.party {
        case .process(let index):
            processes[index].sockets[end.socket] = nil
            tell(index, .transport(.closed(end.socket)))
        case .device(let index):
            deviceLost(index)
        }
    }
}
