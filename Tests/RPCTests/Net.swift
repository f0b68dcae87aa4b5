// A small network in memory: two or three meshes, wires between them, and a clock that only tests move.
//
// Bytes travel at once but in pieces of any size, drawn from the seed. Faults are orders of the test: `cut` ends a
// connection, `blackhole` swallows what would be delivered, `unreachable` makes dials fail. All in order of node and socket,
// so that a seed replays.

import Messages
import Primitives
import RPC

let a = NodeID(rawValue: 1)
let b = NodeID(rawValue: 2)
let c = NodeID(rawValue: 3)

struct Net {
    private struct End: Hashable {
        var node: NodeID
        var socket: SocketID
    }

    private(set) var meshes: [NodeID: Mesh] = [:]
    private var wires: [End: End] = [:]
    private var socketNext: UInt64 = 100
    private var dice: SeededGenerator
    private(set) var now = Instant.zero
    private var seen: [NodeID: [MeshEvent]] = [:]
    private var noticed: [NodeID: [MeshNotice]] = [:]

    /// Every effect with its time, oldest first, since the last `takeTrace`.
    private var trace: [(Instant, NodeID, TransportEffect)] = []

    /// Swallows what is written to and by these nodes; connections stay.
    var blackhole: Set<NodeID> = []
    /// Dials to these nodes fail.
    var unreachable: Set<NodeID> = []
    /// Dials to these nodes get no answer yet.
    var undecided: Set<NodeID> = []

    static func names(_ node: NodeID) -> String { ["-", "a", "b", "c"][Int(node.rawValue)] }

    /// `nodes` know each other; of each pair the lower dials.
    init(_ nodes: [NodeID] = [a, b], seed: UInt64 = 1) {
        dice = SeededGenerator(seed: seed)
        for node in nodes { meshes[node] = Net.mesh(node, among: nodes, seed: seed &* 31 &+ UInt64(node.rawValue)) }
    }

    /// A network whose links are all open, and whose events so far are forgotten.
    static func up(_ nodes: [NodeID] = [a, b], seed: UInt64 = 1) -> Net {
        var net = Net(nodes, seed: seed)
        net.start()
        for node in nodes {
            _ = net.events(node)
            _ = net.notices(node)
        }
        _ = net.takeTrace()
        return net
    }

    static func mesh(
        _ node: NodeID, among nodes: [NodeID], as own: LinkIdentity? = nil, seed: UInt64 = 1
    ) -> Mesh {
        let peers = nodes.filter { $0 != node }.map {
            Peer(id: $0, name: names($0), service: "session", isDialed: node < $0)
        }
        return Mesh(
            selfID: node, identity: own ?? identity(names(node)), peers: peers, dice: SeededGenerator(seed: seed))
    }

    // MARK: Orders of a test

    mutating func start() {
        for node in meshes.keys.sorted() { meshes[node]!.start(now: now) }
        settle()
    }

    /// A process dies with its sockets and begins anew.
    mutating func restart(_ node: NodeID, as mesh: Mesh) {
        for end in wires.keys.filter({ $0.node == node }).sorted(by: { $0.socket < $1.socket }) { breakWire(end) }
        meshes[node] = mesh
        meshes[node]!.start(now: now)
        settle()
    }

    /// Acts on one mesh, then lets everything be delivered.
    mutating func on(_ node: NodeID, _ act: (inout Mesh, Instant) -> Void) {
        act(&meshes[node]!, now)
        settle()
    }

    mutating func call(_ id: UInt32, _ message: Message, from: NodeID = a, to: NodeID = b) {
        on(from) { $0.call(CallID(rawValue: id), message, to: to, now: $1) }
    }

    mutating func send(_ message: Message, from: NodeID = a, to: NodeID = b) {
        on(from) { mesh, _ in mesh.send(message, to: to) }
    }

    /// Ends every connection between the two; both ends are told.
    mutating func cut(_ one: NodeID, _ other: NodeID) {
        for (end, far) in wires.sorted(by: { $0.key.socket < $1.key.socket }) where end.node == one && far.node == other {
            wires[end] = nil
            wires[far] = nil
            meshes[one]!.onClosed(end.socket, now: now)
            meshes[other]!.onClosed(far.socket, now: now)
        }
        settle()
    }

    /// The clock goes forward; every deadline on the way is kept.
    mutating func run(_ milliseconds: Int64) {
        let end = now + .milliseconds(milliseconds)
        while true {
            var due: (Instant, NodeID)?
            for node in meshes.keys.sorted() {
                if let deadline = meshes[node]!.deadline(), due == nil || deadline < due!.0 { due = (deadline, node) }
            }
            guard let (deadline, node) = due, deadline <= end else { break }
            now = max(now, deadline)
            meshes[node]!.onDeadline(now: now)
            settle()
        }
        now = end
    }

    // MARK: Questions of a test

    mutating func events(_ node: NodeID) -> [MeshEvent] {
        defer { seen[node] = [] }
        return seen[node] ?? []
    }

    mutating func notices(_ node: NodeID) -> [MeshNotice] {
        defer { noticed[node] = [] }
        return noticed[node] ?? []
    }

    mutating func takeTrace() -> [(at: Instant, node: NodeID, effect: TransportEffect)] {
        defer { trace = [] }
        return trace.map { ($0, $1, $2) }
    }

    /// When `node` dialled, milliseconds.
    mutating func dialTimes(_ node: NodeID) -> [Int64] {
        takeTrace().compactMap { at, who, effect in
            if case .dial = effect, who == node { (at - .zero).milliseconds } else { nil }
        }
    }

    /// The socket over which `node` talks to `other`.
    func socket(_ node: NodeID, to other: NodeID) -> SocketID? {
        wires.filter { $0.key.node == node && $0.value.node == other }.map(\.key.socket).max()
    }

    func isUp(_ node: NodeID, _ other: NodeID) -> Bool { meshes[node]!.isUp(other) }
    func counters(_ node: NodeID) -> Mesh.Counters { meshes[node]!.counters }

    // MARK: Delivery

    private mutating func socket() -> SocketID {
        socketNext += 1
        return SocketID(rawValue: socketNext)
    }

    private mutating func breakWire(_ end: End) {
        guard let far = wires.removeValue(forKey: end) else { return }
        wires[far] = nil
        meshes[far.node]!.onClosed(far.socket, now: now)
    }

    /// A tick of every node until all are quiet.
    private mutating func settle() {
        var isQuiet = false
        while !isQuiet {
            isQuiet = true
            for node in meshes.keys.sorted() {
                meshes[node]!.flush()
                seen[node, default: []] += meshes[node]!.takeEvents()
                noticed[node, default: []] += meshes[node]!.takeNotices()
                for effect in meshes[node]!.takeEffects() {
                    isQuiet = false
                    trace.append((now, node, effect))
                    obey(effect, of: node)
                }
            }
        }
    }

    private mutating func obey(_ effect: TransportEffect, of node: NodeID) {
        switch effect {
        case .dial(let other):
            if undecided.contains(other) { return }
            if unreachable.contains(other) || meshes[other] == nil {
                return meshes[node]!.onDialFailed(other, now: now)
            }
            let near = End(node: node, socket: socket())
            let far = End(node: other, socket: socket())
            wires[near] = far
            wires[far] = near
            meshes[other]!.onAccepted(far.socket, now: now)
            meshes[node]!.onDialed(other, near.socket, now: now)
        case .write(let socket, let bytes):
            guard let far = wires[End(node: node, socket: socket)] else { return }
            if blackhole.contains(node) || blackhole.contains(far.node) { return }
            for piece in pieces(bytes, seed: dice.next()) {
                // A fault in the middle closes the far end; the rest of the bytes falls on the floor.
                guard wires[far] != nil else { return }
                meshes[far.node]!.onReceived(far.socket, piece, now: now)
            }
        case .close(let socket):
            breakWire(End(node: node, socket: socket))
        }
    }
}
