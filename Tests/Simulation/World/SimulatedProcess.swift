// A process of the cluster: the real node (mesh and core) in a made-up machine.
//
// The loop of Shared/ServiceKit is played move by move: facts gather while the process is busy, a turn hands them in, runs
// the timers, takes the output and obeys it. What the machine may do to it, and why the system must survive it:
// - be slow, so that one turn finds many facts, or few;
// - be so slow for seconds that everything waits for it longer than is good (Strikes, `slow`);
// - stand still for seconds, or for longer than its peers wait (a stopped virtual machine), while the kernel goes on
//   accepting for it;
// - kill it at any instant; it comes back with an empty memory and another incarnation. What it had written still leaves;
// - lose power: nothing leaves, nobody is told;
// - kill it again while it starts, time after time;
// - show clocks that are wrong, and that jump (Clock).
//
// It never loses a fact, hands one in twice or swaps two of one connection: that would be a broken kernel.

import Cluster
import CoreKit
import Crypto
import GatewayCore
import GroupCore
import LastSeenCore
import Messages
import ParserCore
import PersistenceCore
import Primitives
import RPC
import SessionCore
import Storage
import Tokens

/// A node that is handed round, with what the checks ask of its core.
final class NodeBox {
    private var node: ServiceNode

    init(_ core: any ServiceCore, _ mesh: Mesh) { node = ServiceNode(core: core, mesh: mesh) }

    func start(now: Now) { node.start(now: now) }
    func on(_ event: TransportEvent, now: Now) { node.on(event, now: now) }
    func onCommitted(_ result: Result<[StoreAnswer], StoreFailure>, now: Now) { node.onCommitted(result, now: now) }
    func onTime(now: Now) { node.onTime(now: now) }
    func deadline() -> Instant? { node.deadline() }
    func takeOutput(now: Now) -> NodeOutput { node.takeOutput(now: now) }
    func adopt(_ change: ClusterChange, selfID: NodeID, now: Now) { node.adopt(change, selfID: selfID, now: now) }
    func onWait(_ wait: Interval, now: Now) { node.onWait(wait, now: now) }
    func wantsProbe(now: Now) -> Bool { node.wantsProbe(now: now) }
    var load: LoadBook { node.core.load }
    var callsInFlight: Int { node.mesh.callsInFlight }
    var unreadiness: String? { node.core.unreadiness }
    /// Users held by a shard that is not theirs.
    var outOfTurnCount: Int { (node.core as? SessionCore)?.outOfTurnCount ?? 0 }
    /// A session shard has a device of the user; and takes itself for her shard.
    func holds(_ user: UserID) -> Bool { (node.core as? SessionCore)?.holds(user) ?? false }
    func owns(_ user: UserID) -> Bool { (node.core as? SessionCore)?.owns(user) ?? false }
}

/// What waits for the next turn of a process.
enum Fact {
    case transport(TransportEvent)
    case committed(Result<[StoreAnswer], StoreFailure>)
}

/// Who a process is, under whatever file.
struct Station {
    let id: NodeID
    let role: Role
    let name: String
}

final class SimulatedProcess {
    let index: Int
    let node: Station
    /// The cluster file on its machine.
    var file: ClusterMap
    /// The one it goes by while it runs.
    var map: ClusterMap?
    /// Its file names it: it is started, and started again.
    var isExpected: Bool
    /// Counts starts and deaths; what was meant for a former life finds nobody.
    var life = 0
    var machine: NodeBox?
    /// Nothing answers for this process, not even a kernel.
    var isBoxGone = false
    var pausedUntil: Moment = 0
    /// Each turn takes this much longer, until then.
    var slowBy: Moment = 0
    var slowUntil: Moment = 0
    /// When the oldest of `facts` came, or when the probe was due that looks how late it is.
    var waitingSince: Moment?
    var facts: [Fact] = []
    var turnAt: Moment?
    var sockets: [SocketID: (connection: Int, side: Side)] = [:]
    private var socketNext: UInt64 = 1
    var clock: Clock
    /// Of this machine alone.
    var dice: SeededGenerator
    var disk: Disk?
    /// When it is looked at next: whom it has not let go, whom it holds.
    var lookAt: Moment = 0
    /// Users of other shards that it holds in fair weather, and since when.
    var strays: [UserID: Moment] = [:]
    /// Turns without a fact in the current virtual second: a loop that spins is a bug.
    var idleTurnCount = 0
    var idleSecond: Moment = 0

    init(index: Int, node line: NodeLine, file: ClusterMap, dice: SeededGenerator) {
        self.index = index
        node = Station(id: NodeID(name: line.name), role: line.role, name: line.name)
        self.file = file
        isExpected = file.node(named: line.name) != nil
        self.dice = dice
        let skew = Interval(nanoseconds: self.dice.between(.milliseconds(-500), .milliseconds(500)))
        clock = Clock(&self.dice, bornAt: 0, driftMax: 0, skew: skew)
    }

    var isRunning: Bool { machine != nil }

    /// From a fact to the turn that hears of it.
    func wakeUp(_ moment: Moment) -> Moment {
        dice.between(.microseconds(2), .microseconds(dice.oneIn(20) ? 2_000 : 60)) + (moment < slowUntil ? slowBy : 0)
    }

    func takeSocket(_ connection: Int, _ side: Side) -> SocketID {
        defer { socketNext += 1 }
        let socket = SocketID(rawValue: socketNext)
        sockets[socket] = (connection, side)
        return socket
    }
}

extension World {
    /// 2025-10-09; any day would do.
    static let epochMicroseconds: Int64 = 1_760_000_000_000_000
    /// Turns without a fact that one virtual second may have. Timers are as short as a millisecond, never shorter.
    static let idleTurnCountMax = 5_000
    static let clusterSecret = Array("the secret of a cluster that does not exist".utf8)
    static let tokenKey: TokenKey = {
        do {
            return try TokenKey(kid: "sim", material: .secret([UInt8](repeating: 7, count: 32)), maySign: true)
        } catch {
            preconditionFailure("\(error)")
        }
    }()
    static let verifier: TokenVerifier = {
        do {
            let line = tokenKey.fileLine
            return TokenVerifier(keys: try TokenKeySet(parsing: line), signatures: OpenSSLCrypto())
        } catch {
            preconditionFailure("\(error)")
        }
    }()

    func now(of process: SimulatedProcess) -> Now {
        Now(instant: process.clock.steady(moment), stamp: process.clock.wall(moment))
    }

    // MARK: Life and death

    func startProcess(_ index: Int) {
        let process = processes[index]
        precondition(!process.isRunning)
        process.life += 1
        process.isBoxGone = false
        process.facts = []
        process.sockets = [:]
        process.pausedUntil = 0
        process.waitingSince = nil
        process.strays = [:]
        process.clock = Clock(&process.dice, bornAt: moment, driftMax: driftMax, skew: process.clock.skew)
        process.disk?.forgetOrder()
        process.map = process.file
        process.machine = makeNode(process)
        hash.add(index)
        trace.write(moment, process.node.name, .event) { "starts, life \(process.life)" }
        process.machine!.start(now: now(of: process))
        planTurn(index, after: 0)
    }

    /// - Parameter isBox: the machine goes with it: nothing it wrote leaves any more.
    func killProcess(_ index: Int, isBox: Bool) {
        let process = processes[index]
        guard process.isRunning else { return }
        trace.write(moment, process.node.name, .event) { isBox ? "loses power" : "is killed" }
        for connection in network.live {
            for side in [Side.near, .far] {
                let end = network.connections[connection].ends[side.rawValue]
                guard end.party == .process(index), end.life == process.life, end.isOpen else { continue }
                if isBox {
                    silence(connection)
                    network.connections[connection].ends[side.rawValue].isOpen = false
                } else {
                    hangUp(connection, side)
                }
            }
        }
        crashDisk(process)
        process.machine = nil
        process.map = nil
        process.isBoxGone = isBox
        process.facts = []
        process.turnAt = nil
        process.life += 1
    }

    func restart(_ index: Int, life: Int) {
        let process = processes[index]
        guard process.life == life, !process.isRunning, process.file.node(process.node.id) != nil else { return }
        startProcess(index)
    }

    // MARK: Turns

    func tell(_ index: Int, _ fact: Fact) {
        guard processes[index].isRunning else { return }
        processes[index].facts.append(fact)
        processes[index].waitingSince = processes[index].waitingSince.map { Swift.min($0, moment) } ?? moment
        planTurn(index, after: processes[index].wakeUp(moment))
    }

    func planTurn(_ index: Int, after delay: Moment) {
        let process = processes[index]
        let at = Swift.max(moment + delay, process.pausedUntil)
        if let planned = process.turnAt, planned <= at { return }
        process.turnAt = at
        plan(.turn(process: index, life: process.life), after: at - moment)
    }

    func turn(_ index: Int, life: Int) {
        let process = processes[index]
        guard process.life == life, let machine = process.machine, process.turnAt == moment else { return }
        process.turnAt = nil
        if process.pausedUntil > moment { return planTurn(index, after: 0) }
        let facts = process.facts
        process.facts = []
        watchIdle(process, facts.isEmpty)
        let now = now(of: process)
        hash.add(index)
        hash.add(facts.count)
        var look = LoadLook(machine.load)
        func judgeLoad() {
            let former = look
            look = LoadLook(machine.load)
            checker.onLoad(process.node.name, former, look, moment)
        }
        if let since = process.waitingSince, since <= moment {
            process.waitingSince = nil
            machine.onWait(Interval(nanoseconds: moment - since), now: now)
        }
        for fact in facts {
            switch fact {
            case .transport(let event):
                note(event, process)
                machine.on(event, now: now)
            case .committed(let result):
                machine.onCommitted(result, now: now)
            }
            judgeLoad()
        }
        machine.onTime(now: now)
        judgeLoad()
        let output = machine.takeOutput(now: now)
        obey(output, process)
        checker.onTurn(process.node.name, callsInFlight: machine.callsInFlight, moment)
        lookAt(process)
        judgeLoad()
        guard process.isRunning else { return }
        if machine.wantsProbe(now: now), process.waitingSince == nil { process.waitingSince = moment + LoadLimits.probe.nanoseconds }
        if let since = process.waitingSince { planTurn(index, after: since - moment + process.wakeUp(moment)) }
        guard let deadline = machine.deadline() else { return }
        let wait = process.clock.wait(until: deadline, moment)
        planTurn(index, after: wait + process.dice.between(.microseconds(1), .microseconds(100)))
    }

    /// What a process hears of a connection, in the turn in which it hears it.
    private func note(_ event: TransportEvent, _ process: SimulatedProcess) {
        switch event {
        case .closed(let socket): process.sockets[socket] = nil
        case .accepted(let socket, _, _), .dialed(_, let socket), .received(let socket, _):
            guard let place = process.sockets[socket] else { return }
            network.connections[place.connection].ends[place.side.rawValue].heardAt = moment
        case .dialFailed, .certified, .congested: break
        }
    }

    /// Once a second of each process, at the end of a turn. However long it stood still itself: a turn runs the timers that are due,
    /// so whom it has not heard for long it has let go.
    private func lookAt(_ process: SimulatedProcess) {
        guard process.isRunning, moment >= process.lookAt else { return }
        process.lookAt = moment + Interval.seconds(1).nanoseconds
        for (connection, side) in process.sockets.values {
            let ends = network.connections[connection].ends
            guard case .process(let peer) = ends[side.other.rawValue].party else { continue }
            checker.onSilence(moment - ends[side.rawValue].heardAt, of: processes[peer].node.name, at: process.node.name, moment)
        }
        if process.node.role == .session { checker.judgeOwner(process, self) }
    }

    private func watchIdle(_ process: SimulatedProcess, _ isIdle: Bool) {
        let second = moment / Interval.seconds(1).nanoseconds
        if second != process.idleSecond {
            process.idleSecond = second
            process.idleTurnCount = 0
        }
        guard isIdle else { return }
        process.idleTurnCount += 1
        if process.idleTurnCount > Self.idleTurnCountMax {
            checker.fail(.bounded, moment, "the loop of \(process.node.name) sleeps between its timers", "it spins: over \(Self.idleTurnCountMax) turns in a second without anything to do")
        }
    }

    private func obey(_ output: NodeOutput, _ process: SimulatedProcess) {
        for effect in output.transport {
            switch effect {
            case .dial(let node):
                dial(Dial(from: .process(process.index), life: process.life, to: places[node]!, door: .peers))
            case .write(let socket, let bytes):
                guard let place = process.sockets[socket] else { continue }
                write(place.connection, from: place.side, bytes)
            case .close(let socket):
                guard let place = process.sockets[socket], !isKept(place.connection) else { continue }
                process.sockets[socket] = nil
                hangUp(place.connection, place.side)
            }
        }
        if let requests = output.commit { orderCommit(requests, process) }
        for record in output.logs { traceLog(record, process) }
        for record in output.traces { traceStep(record, process) }
    }

    /// Planted: a close that is not carried out.
    private func isKept(_ connection: Int) -> Bool {
        switch (plant, network.connections[connection].ends[Side.near.rawValue].party) {
        case (.keepLink, .process), (.keepFormer, .device): true
        default: false
        }
    }

    // MARK: Who runs here

    private func makeNode(_ process: SimulatedProcess) -> NodeBox {
        let cluster = process.file
        let node = process.node
        var dice = process.dice.split()
        let identity = LinkIdentity(
            cluster: cluster.name, service: node.role.name, node: node.name, epoch: UInt64(cluster.epoch),
            incarnation: dice.next(), secret: Self.clusterSecret, authenticator: OpenSSLCrypto(),
            speaksNext: membership.speaksNext())
        let mesh = Mesh(selfID: node.id, identity: identity, peers: cluster.meshPeers(of: node.id), dice: dice.split())
        switch node.role {
        case .gateway:
            return NodeBox(
                GatewayCore(
                    selfID: node.id, cluster: cluster, verifier: Self.verifier, sha1: { OpenSSLCrypto().sha1($0) },
                    dice: dice.split(), startedAt: now(of: process).stamp), mesh)
        case .parser: return NodeBox(ParserCore(selfID: node.id, cluster: cluster), mesh)
        case .session: return NodeBox(SessionCore(selfID: node.id, cluster: cluster, expiry: shape.policy.expiry, dice: dice.split()), mesh)
        case .group: return NodeBox(GroupCore(selfID: node.id, cluster: cluster, dice: dice.split()), mesh)
        case .lastSeen: return NodeBox(LastSeenCore(selfID: node.id, cluster: cluster), mesh)
        case .persistence: return NodeBox(PersistenceCore(selfID: node.id, cluster: cluster, dice: dice.split()), mesh)
        case .media, .api: preconditionFailure("no media and no api here")
        }
    }
}
