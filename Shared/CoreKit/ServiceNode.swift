// A whole process without its system calls: the mesh and the core, glued.
//
// The loop and the simulator drive this same value: transport events in, orders out. Everything above the sockets is
// therefore simulated: handshakes, heartbeats, calls, retries.

import Cluster
import Messages
import Primitives
import RPC
import Storage

/// What a node wants from the machine it runs on.
public struct NodeOutput: Equatable, Sendable {
    public var transport: [TransportEffect] = []
    public var commit: [StoreRequest]?
    /// Behind `transport`.
    public var disk: [DiskEffect] = []
    public var logs: [LogRecord] = []
    public var traces: [TraceRecord] = []

    public var isEmpty: Bool { transport.isEmpty && commit == nil && disk.isEmpty && logs.isEmpty && traces.isEmpty }
}

public struct ServiceNode {
    /// Behind its protocol, not as a parameter: cores live in other modules than this one, and generic code that is not made anew
    /// for each of them asks at run time where every field lies. A tick that handles one message spent a tenth on that.
    public private(set) var core: any ServiceCore
    public private(set) var mesh: Mesh
    /// Messages of peers that route by an older file, for what another shard owns now: passed on to it, or refused as `moved`.
    public private(set) var movedCount: UInt64 = 0
    private var effects: [Effect] = []
    private var output = NodeOutput()
    /// Sockets that came in by the clients' door.
    private var clients: Set<SocketID> = []
    private var isFlushed = true

    public init(core: any ServiceCore, mesh: Mesh) {
        self.core = core
        self.mesh = mesh
    }

    /// Begins: dials the peers.
    public mutating func start(now: Now) {
        mesh.start(now: now.instant)
        settle(now)
    }

    /// Goes on by a newer cluster file. The core hears of peers that left while it still knows them, then of the change.
    /// - Parameters:
    ///   - change: from the file this node goes by.
    ///   - selfID: this node, which may have left.
    public mutating func adopt(_ change: ClusterChange, selfID: NodeID, now: Now) {
        let cluster = change.new
        mesh.adopt(
            cluster.meshPeers(of: selfID), relocated: Set(change.relocated.map(\.id)), epoch: UInt64(cluster.epoch),
            now: now.instant)
        settle(now)
        tell(.clusterChanged(cluster), now)
        settle(now)
    }

    /// Takes one fact about sockets.
    public mutating func on(_ event: TransportEvent, now: Now) {
        switch event {
        case .accepted(let socket, .peers, _):
            mesh.onAccepted(socket, now: now.instant)
        case .accepted(let socket, .clients, let address):
            clients.insert(socket)
            tell(.clientAccepted(socket, from: address), now)
        case .dialed(let node, let socket):
            mesh.onDialed(node, socket, now: now.instant)
        case .dialFailed(let node):
            mesh.onDialFailed(node, now: now.instant)
        case .certified(let socket, let names):
            mesh.onCertified(socket, names: names)
        case .received(let socket, let bytes):
            if clients.contains(socket) {
                tell(.clientReceived(socket, bytes), now)
            } else {
                mesh.onReceived(socket, bytes, now: now.instant)
            }
        case .congested(let socket, let isCongested):
            mesh.onCongested(socket, isCongested)
        case .closed(let socket):
            if clients.remove(socket) != nil {
                tell(.clientClosed(socket), now)
            } else {
                mesh.onClosed(socket, now: now.instant)
            }
        }
        settle(now)
    }

    /// The end of the batch that `NodeOutput.commit` ordered.
    public mutating func onCommitted(_ result: Result<[StoreAnswer], StoreFailure>, now: Now) {
        switch result {
        case .success(let answers): tell(.committed(answers), now)
        case .failure(let failure): tell(.commitFailed(failure), now)
        }
        settle(now)
    }

    /// What became of files.
    public mutating func on(_ event: DiskEvent, now: Now) {
        tell(.disk(event), now)
        settle(now)
    }

    /// Work that comes in now has waited this long, as the machine sees it; the core adds what it lets wait itself.
    public mutating func onWait(_ wait: Interval, now: Now) {
        core.load.note(max(wait, core.queueWait(now: now.instant)), now: now.instant)
    }

    /// `onWait` is wanted every `LoadLimits.probe`, also when nothing happens.
    public func wantsProbe(now: Now) -> Bool {
        core.load.isWatchful || core.queueWait(now: now.instant).nanoseconds > 0
    }

    /// Whether another client may come in; one that may not waits in the kernel's queue.
    public mutating func wantsClient(now: Now) -> Bool { core.wantsClient(now: now.instant) }

    /// An operator's order; nil: the level is measured again.
    public mutating func pin(_ level: LoadLevel?) { core.load.pin(level) }

    /// Runs the timers that are due; cheap when none is.
    public mutating func onTime(now: Now) {
        if let due = mesh.deadline(), due <= now.instant { mesh.onDeadline(now: now.instant) }
        settle(now)
        if let due = core.deadline(), due <= now.instant {
            tell(.deadline, now)
            settle(now)
        }
    }

    /// When `onTime` is wanted next.
    public mutating func deadline() -> Instant? {
        switch (mesh.deadline(), core.deadline()) {
        case (let a?, let b?): min(a, b)
        case (let a, let b): a ?? b
        }
    }

    /// Ends the tick and hands out what it brought: one write a peer, one commit.
    public mutating func takeOutput(now: Now) -> NodeOutput {
        // Flushing may speak to ourselves, which may bring work again; a handful of rounds settles it.
        while !isFlushed {
            isFlushed = true
            core.on(.flush, now: now, effects: &effects)
            obey(now)
            settle(now)
        }
        tellLoad()
        mesh.flush()
        output.transport.append(contentsOf: mesh.takeEffects())
        for notice in mesh.takeNotices() { output.logs.append(LogRecord(notice, mesh)) }
        defer { output = NodeOutput() }
        return output
    }

    // MARK: Load

    /// Those who send to us hear of a change in the tick in which it happened.
    private mutating func tellLoad() {
        let before = core.load.told
        guard let load = core.load.takeNews() else { return }
        for node in core.load.tells where mesh.isUp(node) { mesh.send(.load(load), to: node) }
        guard load.level != before.level else { return }
        output.logs.append(
            LogRecord(
                load.level > before.level ? .warning : .info, "load_level",
                ["load": "\(load.level.rawValue)", "was": "\(before.level.rawValue)", "wait_us": "\(core.load.wait.microseconds)"]))
    }

    /// A peer that comes into reach hears what it missed; one that went holds nobody back any more.
    private mutating func onPeer(_ node: NodeID, isUp: Bool) {
        guard isUp else { return core.load.forget(node) }
        if core.load.told != .calm, core.load.tells.contains(node) { mesh.send(.load(core.load.told), to: node) }
    }

    // MARK: Inside

    private mutating func tell(_ event: Event, _ now: Now) {
        isFlushed = false
        core.on(event, now: now, effects: &effects)
        obey(now)
    }

    /// Hands the mesh's events to the core until both are quiet.
    private mutating func settle(_ now: Now) {
        while mesh.hasEvents {
            for event in mesh.takeEvents() {
                switch event {
                case .peerUp(let node):
                    onPeer(node, isUp: true)
                    tell(.peerUp(node), now)
                case .peerDown(let node):
                    onPeer(node, isUp: false)
                    tell(.peerDown(node), now)
                case .epoch(let node, let relation): tell(.epoch(node, relation), now)
                case .received(let node, .load(let load)): core.load.onHeard(load, from: node)
                case .received(let node, let message):
                    if let owner = newOwner(of: message, from: node) {
                        mesh.send(message, to: owner)
                    } else {
                        tell(.received(node, message), now)
                    }
                case .requested(let call, let message):
                    if newOwner(of: message, from: call.node) != nil {
                        mesh.refuse(call, Refusal(.moved))
                    } else {
                        tell(.requested(call, message), now)
                    }
                case .answered(let call, let message): tell(.answered(call, message), now)
                case .refused(let call, let refusal): tell(.refused(call, refusal), now)
                }
            }
        }
    }

    /// Whoever owns what a peer wants of us, because it does not know that yet. A message is passed on only towards a newer
    /// epoch than that of its sender, so it comes to rest; while the owner is away we do what can be done.
    private mutating func newOwner(of message: Message, from node: NodeID) -> NodeID? {
        guard let epoch = mesh.epoch(of: node), epoch < mesh.epoch, let owner = core.newOwner(of: message), mesh.isUp(owner),
            let theirs = mesh.epoch(of: owner), theirs >= mesh.epoch
        else { return nil }
        movedCount += 1
        return owner
    }

    private mutating func obey(_ now: Now) {
        for effect in effects {
            switch effect {
            case .send(let node, let message): mesh.send(message, to: node)
            case .call(let node, let id, let message): mesh.call(id, message, to: node, now: now.instant)
            case .answer(let call, let message): mesh.answer(call, message)
            case .refuse(let call, let refusal): mesh.refuse(call, refusal)
            case .writeClient(let socket, let bytes):
                if clients.contains(socket) { output.transport.append(.write(socket, bytes)) }
            case .closeClient(let socket):
                if clients.remove(socket) != nil { output.transport.append(.close(socket)) }
            case .commit(let requests):
                precondition(output.commit == nil)
                output.commit = requests
            case .disk(let effect): obey(effect)
            case .log(let record): output.logs.append(record)
            case .trace(let record): output.traces.append(record)
            }
        }
        effects.removeAll(keepingCapacity: true)
    }

    /// Of a client that has gone in this tick nothing is wanted any more, but its file is open.
    private mutating func obey(_ effect: DiskEffect) {
        switch effect {
        case .send(let socket, let handle, _, _) where !clients.contains(socket):
            output.disk.append(.close(handle))
        case .pause(let socket, _) where !clients.contains(socket): break
        case .order, .send, .pause, .close, .hook: output.disk.append(effect)
        }
    }
}

extension ClusterMap {
    /// With whom a node keeps a link, and who dials.
    public func meshPeers(of selfID: NodeID) -> [Peer] {
        peers(of: selfID).map { Peer(id: $0.id, name: $0.name, service: $0.role.name, isDialed: dials(selfID, $0.id)) }
    }
}

extension LogRecord {
    /// A notice of the mesh as a line of the log.
    init(_ notice: MeshNotice, _ mesh: Mesh) {
        func name(_ node: NodeID) -> String { mesh.name(of: node) ?? node.description }
        switch notice {
        case .linkUp(let node): self.init(.info, "link_up", ["peer": name(node)])
        case .linkDown(let node, let fault):
            self.init(.warning, "link_down", ["peer": name(node), "fault": fault.map { "\($0)" } ?? "closed"])
        case .strangerRefused(let fault): self.init(.warning, "stranger_refused", ["fault": "\(fault)"])
        case .linkReplaced(let node): self.init(.warning, "link_replaced", ["peer": name(node)])
        case .unknownMethod(let node, let method):
            self.init(.warning, "unknown_method", ["peer": name(node), "method": "\(method)"])
        case .epochDiffers(let node, let epoch):
            self.init(.warning, "epoch_differs", ["peer": name(node), "epoch": "\(epoch)", "own": "\(mesh.epoch)"])
        case .newcomer(let name, let epoch):
            self.init(.info, "newcomer_refused", ["peer": name, "epoch": "\(epoch)", "own": "\(mesh.epoch)"])
        }
    }
}
