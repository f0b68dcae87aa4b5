// The loop. It fits a page: next deadline, wait, readiness into facts, timers, obey orders, send.
//
// A tick reads the clocks once, so that everything in it happens at one time, and sends each socket's bytes once. What goes
// wrong while orders are obeyed (a dial that fails at once, a client that is cut) is a fact of the next tick: the core never
// hears of the consequences of its orders while it gives them.

import Cluster
import CoreKit
import Media
import Messages
import Primitives
import RPC
import Storage
import TLS

/// What the loop is given at the start.
struct LoopSetup {
    var cluster: ClusterMap
    /// Where `cluster` was read.
    var clusterPath: String
    /// The line of this process; that of the last file that had one.
    var node: Node
    var startedAt: Stamp
    var logLevel: LogLevel
    /// Listening sockets.
    var peerDoor: Descriptor
    var adminDoor: Descriptor
    var clientDoor: Descriptor?
    /// Becomes readable when the process is to end.
    var stop: Descriptor
    /// Becomes readable when the cluster file is to be read again.
    var reload: Descriptor?
    var store: StoreWriter?
    var files: MediaWorker?
    var hooks: HookWorker?
    /// As they were read at the start.
    var certificates: Certificates
    /// What this process may have open at once.
    var descriptorCountMax: Int
}

struct ServiceLoop {
    enum Timer: Hashable {
        /// A dial that is undecided for too long.
        case connect(SocketID)
        /// A socket that was ordered to close and does not end.
        case close(SocketID)
        /// Somebody at the admin door who does not say what he wants.
        case admin(SocketID)
        /// The end of the patience with nodes that are asked for the status page, or of the time that their answers are kept.
        case gather
        /// Accepting again after descriptors ran out.
        case acceptAgain
        /// Reading the cluster file again: a peer goes by a newer one.
        case reload
        /// Files of certificates may have changed.
        case certificates
        /// The end of the patience after SIGTERM.
        case stop
    }

    var setup: LoopSetup
    var node: ServiceNode
    var sockets = Sockets()
    var log: LogWriter
    var figures = LoopFigures()
    var trace = TraceRing()
    private(set) var certificates: Certificates
    /// Since there was a name to look up.
    private var resolver: NameResolver?
    /// When the cluster file was read last while running.
    var reloadedAt: Instant?
    /// While a peer goes by a newer one.
    var pursuit: EpochPursuit?
    var timers = TimerQueue<Timer>()
    var gather: StatusGather
    private var dials: [SocketID: NodeID] = [:]
    private var adminRequests: [SocketID: [UInt8]] = [:]
    /// Doors that are shut until `acceptAgain`.
    private var pausedKinds: [SocketKind] = []
    private var isCommitting = false
    /// What the core wants committed, until everything it had to say has left.
    private var ordered: [StoreRequest]?
    /// A commit that is done already: news for the next tick.
    private var committed: StoreWriter.Outcome?
    /// When to look how late we are; nil while there is nothing to do.
    private var probeDue: Instant?
    private var isStopping = false
    private var isOutOfPatience = false

    init(setup: LoopSetup, node: ServiceNode) {
        ServiceLimits.check()
        LoadLimits.check()
        TLSLimits.check()
        self.setup = setup
        self.node = node
        certificates = setup.certificates
        gather = StatusGather(setup.cluster, viewer: setup.node)
        log = LogWriter(levelMin: setup.logLevel, service: setup.node.role.name, node: setup.node.name)
    }

    /// Works until it is told to stop.
    mutating func run() {
        var now = SystemCalls.now()
        let startedAt = now.instant
        begin(now)
        while !(isStopping && isFinished) {
            let due = deadline()
            let count = sockets.wait(timeoutMs: sleepMs(until: due, from: SystemCalls.instant()))
            now = SystemCalls.now()
            // A core that is made before any clock is read arms what is due at once at zero.
            if let due, due < now.instant { figures.lag.record(now.instant - max(due, startedAt)) }
            probe(now)

            for event in sockets.takeAftermath() where !isStopping { node.on(event, now: now) }
            for socket in sockets.takeSentFiles() where !isStopping { node.on(DiskEvent.sent(socket), now: now) }
            if let outcome = committed {
                committed = nil
                onCommitted(outcome, now)
            }
            for index in 0..<count { react(to: sockets.fact(index), now) }
            runTimers(now)
            if !isStopping { node.onTime(now: now) }
            obey(node.takeOutput(now: now), now)
            sockets.flush()
            startCommit(now)
            if probeDue == nil, count > 0 || node.wantsProbe(now: now) { probeDue = now.instant + LoadLimits.probe }
            for socket in sockets.takeClosing() {
                timers.arm(.close(socket), at: now.instant + ServiceLimits.closeTimeout)
            }
            followEpoch(now)
            log.settle(at: now.stamp)
            figures.tick.record(SystemCalls.instant() - now.instant)
        }
        end()
    }

    // MARK: The tick

    private mutating func deadline() -> Instant? {
        guard !isStopping else { return timers.next() }
        var earliest = timers.next()
        if let due = node.deadline(), due < earliest ?? due + .seconds(1) { earliest = due }
        if let due = probeDue, due < earliest ?? due + .seconds(1) { earliest = due }
        return earliest
    }

    /// How late we come to a moment that we chose ourselves is how late we come to everything, whether the scheduler is to blame
    /// or the work before. What waits longer in the kernel, because a tick does not read all of it, counts too.
    private mutating func probe(_ now: Now) {
        guard let due = probeDue, due <= now.instant, !isStopping else { return }
        probeDue = nil
        node.onWait(max(now.instant - due, sockets.takeWait(now: now.instant)), now: now)
    }

    /// Rounded up: waking before the deadline would only mean another sleep.
    private func sleepMs(until due: Instant?, from now: Instant) -> Int32 {
        if sockets.hasAftermath || committed != nil { return 0 }
        guard let due else { return Int32(ServiceLimits.sleepMsMax) }
        let wait = max(0, (due - now).nanoseconds)
        return Int32(min(ServiceLimits.sleepMsMax, (wait + 999_999) / 1_000_000))
    }

    private mutating func react(to fact: Sockets.Fact, _ now: Now) {
        switch fact {
        case .nothing:
            break
        case .received(let socket, .admin):
            if gather.owns(socket) { onLookBytes(socket, now) } else { onAdminBytes(socket, now) }
        case .received(let socket, _):
            if !isStopping { node.on(.received(socket, sockets.received), now: now) }
        case .closed(let socket, .admin):
            if gather.owns(socket) { onLookEnd(socket, now) } else { forgetAdmin(socket) }
        case .closed(let socket, _):
            if !isStopping { node.on(.closed(socket), now: now) }
        case .secured(let socket, let kind):
            onSecured(socket, kind, now)
        case .insecure(let socket, let kind, let failure):
            onInsecure(socket, kind, failure, now)
        case .connected(let socket) where gather.owns(socket):
            askForLook(socket)
        case .connectFailed(let socket, _) where gather.owns(socket):
            onLookEnd(socket, now)
        case .connected(let socket):
            timers.cancel(.connect(socket))
            if let peer = dials.removeValue(forKey: socket) { node.on(.dialed(peer, socket), now: now) }
        case .connectFailed(let socket, let error):
            timers.cancel(.connect(socket))
            if let peer = dials.removeValue(forKey: socket) { failDial(peer, error.description, now) }
        case .special(.peerDoor):
            accept(setup.peerDoor, .peer, now)
        case .special(.clientDoor):
            accept(setup.clientDoor!, .client, now)
        case .special(.adminDoor):
            accept(setup.adminDoor, .admin, now)
        case .special(.stop):
            onStop(now)
        case .special(.reload):
            if let descriptor = setup.reload { SystemCalls.drain(descriptor) }
            if !isStopping { reload(now) }
        case .special(.store):
            onStoreFinished(now)
        case .special(.files):
            onFilesDone(now)
        case .special(.hooks):
            onHooksDone(now)
        case .special(.resolver):
            onResolved(now)
        }
    }

    private mutating func runTimers(_ now: Now) {
        while let timer = timers.popDue(now.instant) {
            switch timer {
            case .connect(let socket):
                sockets.abandon(socket)
                if let peer = dials.removeValue(forKey: socket) { failDial(peer, "no answer", now) }
            case .close(let socket):
                sockets.abandon(socket)
            case .admin(let socket):
                forgetAdmin(socket)
                sockets.abandon(socket)
            case .gather:
                onGatherTime(now)
            case .acceptAgain:
                let kinds = pausedKinds
                pausedKinds = []
                if !isStopping { setDoors(kinds, areOpen: true) }
            case .reload:
                if !isStopping { pursueEpoch(now) }
            case .certificates:
                for record in certificates.refresh(now: now.stamp) { log.write(record, at: now.stamp) }
                timers.arm(.certificates, at: now.instant + TLSLimits.reloadInterval)
            case .stop:
                isOutOfPatience = true
            }
        }
    }

    private mutating func obey(_ output: NodeOutput, _ now: Now) {
        for effect in output.transport {
            switch effect {
            case .dial(let peer): if !isStopping { dial(peer, now) }
            case .write(let socket, let bytes): sockets.write(socket, bytes)
            case .close(let socket): sockets.close(socket)
            }
        }
        // After SIGTERM nothing new is begun: whoever asked hears that we are gone and asks our next life.
        if let requests = output.commit, !isStopping {
            precondition(!isCommitting)
            isCommitting = true
            ordered = requests
        }
        for effect in output.disk { obey(effect, now) }
        for record in output.traces { trace.add(record, at: now.stamp) }
        for record in output.logs { log.write(record, at: now.stamp) }
    }

    // MARK: Doors

    private mutating func accept(_ door: Descriptor, _ kind: SocketKind, _ now: Now) {
        guard !pausedKinds.contains(kind), !isStopping else { return }
        for _ in 0..<ServiceLimits.acceptCountMax {
            if kind == .client, sockets.count(.client) >= setup.descriptorCountMax - ServiceLimits.descriptorReserve {
                return pauseAccepting([.client], "as many clients as this process may have", now)
            }
            if kind == .client, !node.wantsClient(now: now) { return shut([.client], for: ServiceLimits.crowdPause, now) }
            switch SystemCalls.accept(door) {
            case .nobody: return
            case .exhausted(let error): return pauseAccepting([.peer, .client, .admin], error.description, now)
            case .connection(let descriptor, let address): welcome(sockets.add(descriptor, kind, security: security(of: kind)), kind, from: address, now)
            }
        }
    }

    private mutating func welcome(_ socket: SocketID, _ kind: SocketKind, from address: IPv4, _ now: Now) {
        figures.acceptedCounts[Int(kind.rawValue)] += 1
        switch kind {
        case .peer: node.on(.accepted(socket, .peers), now: now)
        case .client: node.on(.accepted(socket, .clients, from: ClientAddress(rawValue: address.word)), now: now)
        case .admin:
            guard adminRequests.count < ServiceLimits.adminConnectionCountMax else { return sockets.abandon(socket) }
            adminRequests[socket] = []
            timers.arm(.admin(socket), at: now.instant + ServiceLimits.adminTimeout)
        }
    }

    private func security(of kind: SocketKind) -> SocketSecurity? {
        switch kind {
        case .peer: certificates[.peers].map { .accepting($0) }
        case .client: certificates[.clients].map { .accepting($0) }
        case .admin: nil
        }
    }

    private mutating func onSecured(_ socket: SocketID, _ kind: SocketKind, _ now: Now) {
        guard !isStopping else { return }
        if kind == .peer {
            let names = setup.cluster.peers(of: setup.node.id).map(\.name).filter { sockets.isNamed(socket, $0) }
            node.on(.certified(socket, names: names), now: now)
        }
        if !sockets.received.isEmpty { node.on(.received(socket, sockets.received), now: now) }
    }

    private mutating func onInsecure(_ socket: SocketID, _ kind: SocketKind, _ failure: TLSFailure, _ now: Now) {
        // Among clients there is always one; among services each is a mistake or an attack.
        let level = kind == .peer ? LogLevel.warning : .debug
        log.write(LogRecord(level, "tls_failed", ["with": "\(kind)", "reason": failure.reason.rawValue, "text": failure.description]), at: now.stamp)
        if !isStopping { node.on(.closed(socket), now: now) }
    }

    private mutating func shut(_ kinds: [SocketKind], for pause: Interval, _ now: Now) {
        pausedKinds += kinds
        setDoors(kinds, areOpen: false)
        timers.arm(.acceptAgain, at: now.instant + pause)
    }

    private mutating func pauseAccepting(_ kinds: [SocketKind], _ reason: String, _ now: Now) {
        shut(kinds, for: ServiceLimits.acceptPause, now)
        // Once for each shortage, not ten times a second while it lasts.
        if figures.pausedAt.map({ now.instant - $0 > ServiceLimits.acceptPause * 10 }) ?? true {
            log.write(LogRecord(.error, "accept_paused", ["reason": reason]), at: now.stamp)
        }
        figures.pausedAt = now.instant
        figures.acceptPauseCount += 1
    }

    private mutating func setDoors(_ kinds: [SocketKind], areOpen: Bool) {
        for kind in kinds {
            switch kind {
            case .peer: sockets.listen(setup.peerDoor, as: .peerDoor, isOpen: areOpen)
            case .admin: sockets.listen(setup.adminDoor, as: .adminDoor, isOpen: areOpen)
            case .client: if let door = setup.clientDoor { sockets.listen(door, as: .clientDoor, isOpen: areOpen) }
            }
        }
    }

    // MARK: Dialling

    /// Has a name looked up; the thread for that begins with the first.
    mutating func ask(_ purpose: NamePurpose, host: String) {
        if resolver == nil {
            resolver = NameResolver()
            sockets.watch(resolver!.answered, as: .resolver)
        }
        resolver!.ask(purpose, host: host)
    }

    private mutating func dial(_ peer: NodeID, _ now: Now) {
        // Nil: it left meanwhile, and the mesh has forgotten it.
        guard let host = setup.cluster.node(peer)?.rpc.host else { return }
        guard let address = SystemCalls.literal(host) else { return ask(.dial(peer), host: host) }
        connect(peer, address, now)
    }

    private mutating func onResolved(_ now: Now) {
        for answer in resolver!.takeAnswers() where !isStopping {
            switch (answer.purpose, answer.result) {
            case (.dial(let peer), .success(let address)): connect(peer, address, now)
            case (.dial(let peer), .failure(let error)): failDial(peer, error.text, now)
            case (.look(let node), let result): onLookResolved(node, try? result.get(), now)
            }
        }
    }

    private mutating func connect(_ peer: NodeID, _ address: IPv4, _ now: Now) {
        guard let target = setup.cluster.node(peer) else { return }
        let security = certificates[.peers].map { SocketSecurity.dialing($0, name: target.name) }
        switch SystemCalls.connect(address, port: target.rpc.port) {
        case .failed(let error):
            failDial(peer, error.description, now)
        case .connected(let descriptor):
            node.on(.dialed(peer, sockets.add(descriptor, .peer, security: security)), now: now)
        case .underWay(let descriptor):
            let socket = sockets.add(descriptor, .peer, isConnecting: true, security: security)
            dials[socket] = peer
            timers.arm(.connect(socket), at: now.instant + ServiceLimits.connectTimeout)
        }
    }

    private mutating func failDial(_ peer: NodeID, _ reason: String, _ now: Now) {
        guard let target = setup.cluster.node(peer) else { return }
        figures.dialFailureCount += 1
        log.write(
            LogRecord(.debug, "dial_failed", ["peer": target.name, "address": "\(target.rpc)", "reason": reason]),
            at: now.stamp)
        if !isStopping { node.on(.dialFailed(peer), now: now) }
    }

    // MARK: The store

    private mutating func onStoreFinished(_ now: Now) {
        if let outcome = setup.store!.takeOutcome() { onCommitted(outcome, now) }
    }

    /// Behind `flush`: answers to the batch before must not wait for the disk once more.
    private mutating func startCommit(_ now: Now) {
        guard let requests = ordered else { return }
        guard let store = setup.store else { preconditionFailure("a commit, but no store") }
        ordered = nil
        committed = store.submit(requests, stamp: now.stamp)
    }

    private mutating func onCommitted(_ outcome: StoreWriter.Outcome, _ now: Now) {
        isCommitting = false
        // Also while stopping: what is stored may still be answered.
        node.onCommitted(outcome, now: now)
    }

    // MARK: Files

    private mutating func obey(_ effect: DiskEffect, _ now: Now) {
        switch effect {
        case .order(let order): setup.files?.submit(order, stamp: now.stamp)
        case .send(let socket, let handle, let offset, let count): sockets.send(socket, handle, offset: offset, count: count)
        case .pause(let socket, let isPaused): sockets.pause(socket, isPaused)
        case .close(let handle): SystemCalls.close(handle.rawValue)
        case .hook(let order): setup.hooks?.submit(order, stamp: now.stamp)
        }
    }

    private mutating func onFilesDone(_ now: Now) {
        guard let files = setup.files else { return }
        for outcome in files.takeOutcomes() where !isStopping { node.on(DiskEvent.done(outcome), now: now) }
    }

    private mutating func onHooksDone(_ now: Now) {
        guard let hooks = setup.hooks else { return }
        for outcome in hooks.takeOutcomes() where !isStopping { node.on(DiskEvent.hook(outcome), now: now) }
    }

    // MARK: The admin door

    private mutating func onAdminBytes(_ socket: SocketID, _ now: Now) {
        guard adminRequests[socket] != nil else { return }
        adminRequests[socket]!.append(contentsOf: sockets.received)
        let answer: [UInt8]
        do throws(AdminRequest.Refusal) {
            guard let (request, wantsBody) = try AdminRequest.parse(adminRequests[socket]!) else { return }
            if case .pin(let level) = request { pin(level, now) }
            if case .status = request, wantsBody, !gather.isFresh(now) { return waitForStatus(socket, now) }
            if request == .startBackup { setup.store?.startBackup() }
            if case .reload = request {
                answer = AdminAnswer(200, .json, clusterPage(reload(now))).encoded()
            } else {
                answer = page(request, now).encoded(wantsBody: wantsBody)
            }
        } catch {
            answer = AdminAnswer(error).encoded()
        }
        answerAdmin(socket, answer)
    }

    mutating func answerAdmin(_ socket: SocketID, _ answer: [UInt8]) {
        forgetAdmin(socket)
        sockets.write(socket, answer)
        sockets.close(socket)
    }

    private mutating func pin(_ level: LoadLevel?, _ now: Now) {
        node.pin(level)
        let order = level.map { "\($0.rawValue)" } ?? "auto"
        log.write(LogRecord(.warning, "load_pinned", ["load": order]), at: now.stamp)
    }

    private mutating func forgetAdmin(_ socket: SocketID) {
        adminRequests[socket] = nil
        gather.forget(socket)
        timers.cancel(.admin(socket))
    }

    // MARK: Beginning and end

    private mutating func begin(_ now: Now) {
        sockets.watch(setup.stop, as: .stop)
        sockets.watch(setup.peerDoor, as: .peerDoor)
        sockets.watch(setup.adminDoor, as: .adminDoor)
        if let door = setup.clientDoor { sockets.watch(door, as: .clientDoor) }
        if let store = setup.store { sockets.watch(store.finished, as: .store) }
        if let files = setup.files { sockets.watch(files.finished, as: .files) }
        if let hooks = setup.hooks { sockets.watch(hooks.finished, as: .hooks) }
        if let reload = setup.reload { sockets.watch(reload, as: .reload) }
        var record = LogRecord(
            .info, "started",
            [
                "version": FantailVersion.text, "cluster": setup.cluster.name, "epoch": "\(setup.cluster.epoch)",
                "rpc": "\(setup.node.rpc)", "admin": "\(setup.node.admin)",
            ])
        if let client = setup.node.client, setup.clientDoor != nil { record.fields.append(.init("client", "\(client)")) }
        log.write(record, at: now.stamp)
        for record in certificates.records { log.write(record, at: now.stamp) }
        if !certificates.isEmpty { timers.arm(.certificates, at: now.instant + TLSLimits.reloadInterval) }
        node.start(now: now)
        obey(node.takeOutput(now: now), now)
        sockets.flush()
        startCommit(now)
    }

    private mutating func onStop(_ now: Now) {
        SystemCalls.drain(setup.stop)
        guard !isStopping else { return isOutOfPatience = true }
        isStopping = true
        setDoors([.peer, .client, .admin], areOpen: false)
        timers.arm(.stop, at: now.instant + ServiceLimits.stopTimeout)
        log.write(LogRecord(.info, "stopping"), at: now.stamp)
    }

    private var isFinished: Bool { !isCommitting && (isOutOfPatience || sockets.isDrained) }

    private mutating func end() {
        setup.store?.stop()
        setup.files?.stop()
        setup.hooks?.stop()
        log.write(LogRecord(.info, "stopped"), at: SystemCalls.now().stamp)
    }
}
