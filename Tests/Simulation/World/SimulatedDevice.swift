// A person's device: the reference client in a pocket.
//
// What may happen to it, and why the system must survive it:
// - it goes offline, with or without a goodbye, for a moment or for many seconds: tunnels, lifts;
// - its app is killed and starts again: what was shown and what waits in the outbox is remembered (`ClientMemory` is saved
//   before anything leaves), the connection and its timers are not;
// - it connects to any gateway, each time another;
// - it sends bursts, repeats what had no answer, and comes with old cursors, since acknowledgements get lost;
// - it comes late, or goes for ever with what was in its outbox.
//
// A device never loses its memory: such a device is another system's bug. Only rude ones (Rudeness) lie.

import ChatClient
import ClientProtocol
import Crypto
import Primitives
import RPC
import Tokens

final class SimulatedDevice {
    let index: Int
    let plan: DevicePlan
    let user: UserID
    let token: String
    var client: ChatClient
    var memory = ClientMemory()
    var connection: ClientConnection?
    /// The connection of the network, once it stands.
    var link: Int?
    /// The connections of the network on which it was welcomed, in that order.
    var welcomed: [(connection: Int, at: Moment)] = []
    /// Counts connections; what was meant for a former one finds nobody.
    var attempt = 0
    /// The app runs.
    var isStarted = false
    var isOnline = true
    /// It went for ever.
    var hasLeft = false
    /// Of this device alone: its person, and its client's road to the cluster.
    var dice: SeededGenerator
    /// For what its person lets others know in passing.
    var signDice: SeededGenerator
    /// Whom its person is writing to, as far as others may know.
    var typesTo: UserID?
    /// Pages of history that it asked for and has not got.
    var historyAsks: [MessageID: HistoryAsk] = [:]
    var historyAskCount = 0
    /// The same about groups.
    var groupAsks: [MessageID: GroupAsk] = [:]
    var groupAskCount = 0
    var timerSerial = 0
    var timerAt: Moment?
    /// The newest stamp shown of each peer, and the newest that this device's person has marked as read.
    var newestShown: [Stamp?]
    var marked: [Stamp?]
    /// The same of each group.
    var newestShownInGroup: [Stamp?]
    var markedInGroup: [Stamp?]

    init(index: Int, plan: DevicePlan, user: UserID, userCount: Int, groupCount: Int, token: String, dice: SeededGenerator) {
        self.index = index
        self.plan = plan
        self.user = user
        self.token = token
        self.dice = dice
        var own = dice
        signDice = SeededGenerator(seed: own.next() ^ 0x7369_676E)
        client = ChatClient(launchedAt: .zero, dice: dice)
        newestShown = [Stamp?](repeating: nil, count: userCount)
        marked = newestShown
        newestShownInGroup = [Stamp?](repeating: nil, count: groupCount)
        markedInGroup = newestShownInGroup
    }

    var name: String { "\(user)/\(plan.name)" }
}

extension World {
    private var clientNow: Instant { Instant(nanoseconds: moment) }

    // MARK: The app

    func startDevice(_ device: SimulatedDevice) {
        precondition(!device.isStarted && !device.hasLeft)
        device.isStarted = true
        checker.onStarted(device: device.index)
        // Its clock is of no use: who remembers needs none.
        device.client = ChatClient(memory: device.memory, launchedAt: .zero, dice: device.dice.split())
        trace.write(moment, device.name, .event) { "the app starts" }
        device.client.start(now: clientNow)
        // What the person has read and the app could not say before it died.
        for peer in device.marked.indices {
            if let at = device.marked[peer] { device.client.markRead(with: shape.users[peer], at: at, now: clientNow) }
        }
        for group in device.markedInGroup.indices {
            if let at = device.markedInGroup[group] { device.client.markRead(with: shape.groups[group].id, at: at, now: clientNow) }
        }
        settle(device)
    }

    /// The app is killed and started again.
    func restartDevice(_ device: SimulatedDevice) {
        guard device.isStarted else { return }
        dropLink(device)
        device.isStarted = false
        startDevice(device)
    }

    func goOffline(_ device: SimulatedDevice, for length: Moment) {
        guard device.isOnline, !device.hasLeft else { return }
        trace.write(moment, device.name, .event) { "goes offline for \(length / 1_000_000) ms" }
        device.isOnline = false
        plan(.deviceOnline(device: device.index), after: length)
        loseTouch(device)
    }

    /// The network of the device is gone, with or without a word.
    private func loseTouch(_ device: SimulatedDevice) {
        guard let link = device.link else { return }
        if device.dice.percent(50) {
            // No goodbye: the gateway is left with half a connection.
            silence(link)
            network.connections[link].isSilent = true
            plan(.reset(connection: link, side: .near), after: device.dice.between(.milliseconds(1), .seconds(3)))
        } else {
            cut(link)
        }
    }

    func deviceOnline(_ index: Int) { devices[index].isOnline = true }

    func deviceLeaves(_ index: Int) {
        let device = devices[index]
        guard !isHealing, !device.hasLeft else { return }
        trace.write(moment, device.name, .event) { "leaves for ever" }
        loseTouch(device)
        dropLink(device)
        device.isOnline = false
        device.hasLeft = true
        checker.onStarted(device: device.index)
        device.timerSerial += 1
    }

    func healDevices() {
        for device in devices where !device.hasLeft {
            device.isOnline = true
            if !device.isStarted { startDevice(device) }
        }
    }

    // MARK: Orders of its client

    /// Saves what must be remembered, then obeys the client until it is quiet.
    func settle(_ device: SimulatedDevice) {
        device.memory = device.client.memory
        while true {
            let actions = device.client.takeActions()
            if actions.isEmpty { break }
            for action in actions {
                switch action {
                case .connect: connect(device)
                case .disconnect:
                    device.connection?.close()
                    flushOutbound(device)
                    dropLink(device)
                case .transmit(let frame):
                    trace.write(moment, device.name, .effect) { Trace.text(frame) }
                    checker.onSaid(frame, device: device.index, moment)
                    device.connection?.transmit(frame)
                    if plant == .earlySent, case .send(let id, let to, _, _, _) = frame, dice.plant.oneIn(20) {
                        device.client.onFrame(.sent(id: id, to: to, at: Stamp(microseconds: 1)), now: clientNow)
                    }
                case .tell(let news): show(news, device)
                }
            }
            device.memory = device.client.memory
        }
        flushOutbound(device)
        planTimer(device)
    }

    private func show(_ news: ClientNews, _ device: SimulatedDevice) {
        trace.write(moment, device.name, .effect) { "shows \(Trace.text(news))" }
        if case .entry(.message(_, let from, _, let at, _)) = news, let peer = checker.userIndex(from) {
            device.newestShown[peer] = at
        }
        if case .entry(.groupMessage(_, let group, _, _, _, let at, _)) = news, let index = checker.groupIndex(group) {
            device.newestShownInGroup[index] = at
        }
        checker.onNews(news, device: device.index, moment, world: self)
    }

    private func connect(_ device: SimulatedDevice) {
        dropLink(device)
        device.attempt += 1
        // What stands before the gateways knows who is to leave.
        let gateways = membership.newest.nodes(of: .gateway).filter { !$0.isDraining }
        let gateway = gateways[device.dice.pick(0..<gateways.count)]
        do {
            device.connection = try ClientConnection(
                host: "127.0.0.1:8080", token: device.token, encoding: device.plan.encoding, dice: device.dice.split(),
                sha1: { OpenSSLCrypto().sha1($0) })
        } catch {
            preconditionFailure("\(error)")
        }
        let dial = Dial(
            from: .device(device.index), life: device.attempt, to: places[gateway.id]!, door: .clients)
        if device.isOnline {
            self.dial(dial)
        } else {
            plan(.dialEnds(dial, connection: nil), after: device.dice.between(.milliseconds(1), .seconds(1)))
        }
    }

    /// The socket is closed by this side; nothing that comes later is heard.
    private func dropLink(_ device: SimulatedDevice) {
        if let link = device.link { hangUp(link, .near) }
        device.link = nil
        device.connection = nil
        device.attempt += 1
    }

    func flushOutbound(_ device: SimulatedDevice) {
        guard let link = device.link, let bytes = device.connection?.takeOutbound() else { return }
        write(link, from: .near, bytes)
    }

    // MARK: Facts

    func deviceDialed(_ index: Int, _ connection: Int?) {
        let device = devices[index]
        guard let connection else {
            device.connection = nil
            device.client.onDisconnected(now: clientNow)
            return settle(device)
        }
        device.link = connection
        flushOutbound(device)
    }

    func deviceReceived(_ index: Int, _ bytes: [UInt8]) {
        let device = devices[index]
        guard device.connection != nil else { return }
        var events: [ClientConnectionEvent] = []
        device.connection!.receive(bytes[...], into: &events)
        handle(events, device)
    }

    func deviceLost(_ index: Int) {
        let device = devices[index]
        var events: [ClientConnectionEvent] = []
        device.connection?.receivedEnd(into: &events)
        device.link = nil
        handle(events, device)
        if device.link == nil, device.connection != nil {
            device.connection = nil
            device.client.onDisconnected(now: clientNow)
            settle(device)
        }
    }

    private func handle(_ events: [ClientConnectionEvent], _ device: SimulatedDevice) {
        let attempt = device.attempt
        for event in events {
            // A client that gave up hears no more of what came in the same piece.
            guard device.attempt == attempt else { return }
            switch event {
            case .open: device.client.onConnected(now: clientNow)
            case .pinged: device.client.onHeard(now: clientNow)
            case .frame(let frame):
                trace.write(moment, device.name, .event) { Trace.text(frame) }
                if case .welcome = frame, let link = device.link { device.welcomed.append((link, moment)) }
                checker.onFrame(frame, device: device.index, moment, world: self)
                checker.onSign(frame, device: device.index, moment, world: self)
                device.client.onFrame(planted(frame), now: clientNow)
                if plant == .earlyDelivered, case .sent(_, let to, let at) = frame, !to.isGroup, dice.plant.oneIn(20) {
                    device.client.onFrame(.delivered(with: to, at: at, rev: at), now: clientNow)
                }
            case .ended(let code, let reason):
                trace.write(moment, device.name, .event) { "the connection ends: \(code.map(String.init) ?? "-") \(reason)" }
                checker.onEnded(code: code, device: device.index, moment)
                flushOutbound(device)
                dropLink(device)
                device.client.onDisconnected(now: clientNow)
                return settle(device)
            }
            settle(device)
        }
        device.client.flush(now: clientNow)
        settle(device)
    }

    private func planted(_ frame: ServerFrame) -> ServerFrame {
        // Answers to questions are few.
        guard let plant, dice.plant.oneIn([.falseInfo, .falseList, .falseReceipts].contains(plant) ? 4 : 20) else { return frame }
        switch (plant, frame) {
        case (.wrongBody, .message(let number, let from, let id, let at, let body)):
            return .message(number: number, from: from, id: id, at: at, body: body + [UInt8(ascii: "!")])
        case (.falseExpiry, .copy(let number, let to, let id, let at, _)):
            return .expired(number: number, to: to, id: id, at: at)
        case (.shortHistory, .history(let ref, let entries, let more)) where entries.count > 1:
            return .history(ref: ref, entries: entries.dropLast(), more: more)
        case (.falseRefusal, .sent(let id, let to, _)) where to.isGroup:
            return .error(ErrorFrame(.notMember, "planted", ref: id))
        case (.falseCounts, .groupCounts(let group, let at, _, _, let of)):
            return .groupCounts(group: group, at: at, delivered: of, read: of, of: of)
        case (.falseInfo, .groupInfo(let ref, var info)):
            info.members.removeLast()
            return .groupInfo(ref: ref, info)
        case (.falseList, .groupList(let ref, let groups, let more)) where !groups.isEmpty:
            return .groupList(ref: ref, groups: groups.dropLast(), more: more)
        case (.falseReceipts, .receipts(let ref, let group, let at, let entries)) where !entries.isEmpty:
            let told = entries.map { ReceiptEntry(user: $0.user, delivered: $0.delivered ?? at, read: $0.read ?? at) }
            return .receipts(ref: ref, with: group, at: at, entries: told)
        case (.falseLate, .groupCounts(let group, let at, _, _, let of)):
            return .groupLate(group: group, at: at, count: of + 2)
        default:
            return frame
        }
    }

    // MARK: Timers

    private func planTimer(_ device: SimulatedDevice) {
        guard let deadline = device.client.deadline() else { return }
        let at = Swift.max(deadline.nanoseconds, moment)
        if let planned = device.timerAt, planned <= at { return }
        device.timerAt = at
        device.timerSerial += 1
        plan(.deviceTimer(device: device.index, serial: device.timerSerial), after: at - moment)
    }

    func deviceTimer(_ index: Int, serial: Int) {
        let device = devices[index]
        guard device.timerSerial == serial else { return }
        device.timerAt = nil
        device.client.onDeadline(now: clientNow)
        settle(device)
    }
}
