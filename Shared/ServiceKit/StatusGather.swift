// What all nodes say of themselves, gathered while somebody looks at the status page of this one.
//
// An operator has one page open, and a browser may ask only the door that gave it. So that node asks the others, at their admin
// ports, as a scraper would: their last warnings and their metrics. One round at a time, whoever looks shares it, nobody waits for a
// node that hangs, and when nobody looks any more all is forgotten and nothing is asked.

import Cluster
import Monitor
import Primitives
import RPC

struct StatusGather {
    /// One node being asked.
    private struct Call {
        let node: NodeID
        var answer: [UInt8] = []
    }

    private let cluster: ClusterMap
    let viewer: Node
    /// In the order of the map.
    private var looks: [NodeLook]
    private var calls: [SocketID: Call] = [:]
    /// Those that have not answered in this round.
    private var awaited: Set<NodeID> = []
    private var answers: [NodeID: LookPage] = [:]
    /// Whose names are being looked up, perhaps since an earlier round.
    private var lookups: Set<NodeID> = []
    /// Who looks, and waits for the end of this round.
    private var waiting: [SocketID] = []
    private var lookedAt: Instant?
    /// The figures of the last round; nil: there was none, or too long ago.
    private(set) var json: String?

    init(_ cluster: ClusterMap, viewer: Node) {
        self.cluster = cluster
        self.viewer = viewer
        looks = cluster.nodes.map { _ in NodeLook(now: nil, before: nil) }
    }

    var isUnderWay: Bool { !awaited.isEmpty }

    /// The last round will do.
    func isFresh(_ now: Now) -> Bool {
        guard json != nil, let lookedAt else { return false }
        return now.instant - lookedAt < MonitorLimits.ageMin
    }

    func owns(_ socket: SocketID) -> Bool { calls[socket] != nil }

    /// Bounded by the connections of the admin door.
    mutating func wait(_ socket: SocketID) { if !waiting.contains(socket) { waiting.append(socket) } }

    /// Somebody who looked has gone.
    mutating func forget(_ socket: SocketID) { waiting.removeAll { $0 == socket } }

    /// Begins a round.
    /// - Returns: whom to ask.
    mutating func begin() -> [Node] {
        precondition(!isUnderWay)
        answers = [:]
        awaited = Set(cluster.nodes.map(\.id))
        return cluster.nodes
    }

    /// - Returns: false when it is under way already.
    mutating func beginLookup(of node: NodeID) -> Bool { lookups.insert(node).inserted }
    mutating func endLookup(of node: NodeID) { lookups.remove(node) }

    mutating func add(_ socket: SocketID, asking node: NodeID) { calls[socket] = Call(node: node) }

    /// The request to send on it.
    func request(on socket: SocketID) -> [UInt8] {
        let host = cluster.node(calls[socket]!.node).map { "\($0.admin)" } ?? ""
        return Array("GET /look HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n".utf8)
    }

    /// - Returns: false when it says more than any of ours would; then it is to be abandoned.
    mutating func receive(_ socket: SocketID, _ bytes: ArraySlice<UInt8>) -> Bool {
        calls[socket]!.answer += bytes
        return calls[socket]!.answer.count <= MonitorLimits.lookBytesMax
    }

    /// The connection has ended: what came is all.
    mutating func finish(_ socket: SocketID) {
        guard let call = calls.removeValue(forKey: socket) else { return }
        if awaited.contains(call.node), let body = Self.body(call.answer) { answers[call.node] = LookPage(body) }
        awaited.remove(call.node)
    }

    mutating func answer(_ node: NodeID, _ page: LookPage?) {
        answers[node] = page
        awaited.remove(node)
    }

    /// Ends the round.
    /// - Returns: who waits for it, and connections that are to be abandoned.
    mutating func end(_ now: Now) -> (waiting: [SocketID], late: [SocketID]) {
        defer {
            waiting = []
            calls = [:]
            awaited = []
            answers = [:]
        }
        let seconds = lookedAt.map { Double((now.instant - $0).nanoseconds) / 1e9 } ?? 0
        lookedAt = now.instant
        for (index, node) in cluster.nodes.enumerated() { looks[index] = looks[index].followed(by: answers[node.id]) }
        json = ClusterFigures(cluster, looks, seconds: seconds)
            .json(seenFrom: viewer, release: FantailVersion.text, stampSeconds: Double(now.stamp.microseconds) / 1e6) + "\n"
        return (waiting, calls.keys.sorted())
    }

    /// Nobody looked for a while.
    mutating func forgetAll() {
        looks = cluster.nodes.map { _ in NodeLook(now: nil, before: nil) }
        lookedAt = nil
        json = nil
    }

    /// What is behind the head of an answer with status 200.
    private static func body(_ answer: [UInt8]) -> ArraySlice<UInt8>? {
        guard answer.starts(with: Array("HTTP/1.1 200 ".utf8)) else { return nil }
        let end: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A]
        var start = 0
        while start + end.count <= answer.count {
            guard let next = answer[start...].firstIndex(of: 0x0D) else { return nil }
            if answer[next...].starts(with: end) { return answer[(next + end.count)...] }
            start = next + 1
        }
        return nil
    }
}

extension ServiceLoop {
    /// Somebody looks: the round that is under way, or a new one, has the answer.
    mutating func waitForStatus(_ socket: SocketID, _ now: Now) {
        gather.wait(socket)
        guard !gather.isUnderWay else { return }
        timers.arm(.gather, at: now.instant + MonitorLimits.patience)
        for node in gather.begin() {
            if node.id == gather.viewer.id {
                gather.answer(node.id, LookPage(Array(lookPage(now).utf8)[...]))
            } else if let address = SystemCalls.literal(node.admin.host) {
                fetchLook(of: node.id, at: address, now)
            } else if gather.beginLookup(of: node.id) {
                ask(.look(node.id), host: node.admin.host)
            }
        }
        endGatherIfDone(now)
    }

    /// - Parameter address: nil: the name has none.
    mutating func onLookResolved(_ node: NodeID, _ address: IPv4?, _ now: Now) {
        gather.endLookup(of: node)
        if let address { fetchLook(of: node, at: address, now) } else { onNoLook(at: node, now) }
    }

    mutating func fetchLook(of node: NodeID, at address: IPv4, _ now: Now) {
        guard gather.isUnderWay else { return }
        guard let admin = setup.cluster.node(node)?.admin else { return onNoLook(at: node, now) }
        switch SystemCalls.connect(address, port: admin.port) {
        case .failed: onNoLook(at: node, now)
        case .underWay(let descriptor): gather.add(sockets.add(descriptor, .admin, isConnecting: true), asking: node)
        case .connected(let descriptor):
            let socket = sockets.add(descriptor, .admin)
            gather.add(socket, asking: node)
            askForLook(socket)
        }
    }

    mutating func onNoLook(at node: NodeID, _ now: Now) {
        guard gather.isUnderWay else { return }
        gather.answer(node, nil)
        endGatherIfDone(now)
    }

    mutating func askForLook(_ socket: SocketID) { sockets.write(socket, gather.request(on: socket)) }

    mutating func onLookBytes(_ socket: SocketID, _ now: Now) {
        guard !gather.receive(socket, sockets.received) else { return }
        sockets.abandon(socket)
        onLookEnd(socket, now)
    }

    mutating func onLookEnd(_ socket: SocketID, _ now: Now) {
        gather.finish(socket)
        endGatherIfDone(now)
    }

    /// Patience ends, or the time for which answers are kept.
    mutating func onGatherTime(_ now: Now) {
        if gather.isUnderWay { endGather(now) } else { gather.forgetAll() }
    }

    private mutating func endGatherIfDone(_ now: Now) {
        if !gather.isUnderWay { endGather(now) }
    }

    /// The cluster is another one: whoever waits gets what is known by now, and the next round asks the nodes of the new file.
    mutating func gatherAnew(_ now: Now) {
        if gather.isUnderWay { endGather(now) }
        gather = StatusGather(setup.cluster, viewer: setup.node)
    }

    private mutating func endGather(_ now: Now) {
        let (waiting, late) = gather.end(now)
        for socket in late { sockets.abandon(socket) }
        timers.arm(.gather, at: now.instant + MonitorLimits.ageMax)
        let answer = page(.status, now).encoded()
        for socket in waiting { answerAdmin(socket, answer) }
    }
}
