// Bad luck, in measured doses.
//
// From the seed comes a rate and a mixture; at random moments one fault strikes. Each ends by itself, and `heal` ends them
// all. Which faults exist, and why the system must survive them, stands in the headers of the parts that suffer them:
// Network, SimulatedProcess, Disk, SimulatedDevice.

import Cluster
import Primitives

enum FaultKind: Int, CaseIterable, Sendable {
    case kill
    case powerLoss
    case pause
    case partition
    case cut
    case clockJump
    case diskSlow
    case diskFull
    case diskBroken
    /// Everything at once: all processes of one role die together.
    case roleLoss

    var name: String {
        switch self {
        case .kill: "kills"
        case .powerLoss: "power losses"
        case .pause: "pauses"
        case .partition: "partitions"
        case .cut: "cuts"
        case .clockJump: "clock jumps"
        case .diskSlow: "slow disks"
        case .diskFull: "full disks"
        case .diskBroken: "broken disks"
        case .roleLoss: "role losses"
        }
    }
}

struct FaultPlan {
    /// Mean time between faults.
    let pause: Interval
    /// How often each kind is drawn.
    let weights: [Int]
    var counts = [Int](repeating: 0, count: FaultKind.allCases.count)
    /// Partitions that may break the connections they held back.
    var partitions: [(a: Int, b: Int)] = []

    init(dice: inout SeededGenerator) {
        // One run in eight has fair weather: what fails there fails without an excuse.
        pause = dice.oneIn(8) ? .seconds(1_000) : .milliseconds(Int64(dice.pick(150..<3_000)))
        var weights = FaultKind.allCases.map { _ in dice.pick(0..<10) }
        weights[FaultKind.roleLoss.rawValue] = dice.pick(0..<2)
        weights[FaultKind.kill.rawValue] += 1
        self.weights = weights
    }

    func draw(_ dice: inout SeededGenerator) -> FaultKind {
        var left = dice.pick(0..<weights.reduce(0, +))
        for kind in FaultKind.allCases {
            if left < weights[kind.rawValue] { return kind }
            left -= weights[kind.rawValue]
        }
        preconditionFailure("the weights add up")
    }
}

extension World {
    func planFault() {
        plan(.fault, after: dice.faults.jittered(faults.pause).nanoseconds)
    }

    func strike() {
        guard !isHealing else { return }
        let kind = faults.draw(&dice.faults)
        faults.counts[kind.rawValue] += 1
        let index = dice.faults.pick(0..<processes.count)
        hash.add(kind.rawValue)
        hash.add(index)
        let length = dice.faults.between(.milliseconds(100), dice.faults.oneIn(4) ? .seconds(8) : .seconds(2))
        switch kind {
        case .kill, .powerLoss:
            fell(index, isBox: kind == .powerLoss, for: length)
        case .roleLoss:
            let role = processes[index].node.role
            for process in processes where process.node.role == role { fell(process.index, isBox: false, for: length) }
        case .pause:
            trace.write(moment) { "\(processes[index].node.name) stands still for \(length / 1_000_000) ms" }
            processes[index].pausedUntil = moment + length
        case .partition:
            let peers = shape.cluster.peers(of: processes[index].node.id)
            let other = Int(peers[dice.faults.pick(0..<peers.count)].id.rawValue)
            trace.write(moment) {
                "nothing passes between \(processes[index].node.name) and \(processes[other].node.name) for \(length / 1_000_000) ms"
            }
            network.block(index, other, until: moment + length)
            faults.partitions.append((index, other))
            plan(.faultEnds(faults.partitions.count - 1), after: length)
        case .cut:
            let alive = network.live.filter { network.connections[$0].isAlive }
            guard !alive.isEmpty else { break }
            let connection = alive[dice.faults.pick(0..<alive.count)]
            trace.write(moment) { "cut: connection \(connection) of \(describe(network.connections[connection]))" }
            cut(connection)
        case .clockJump:
            let jump = dice.faults.between(.milliseconds(-500), .milliseconds(500))
            trace.write(moment) { "\(processes[index].node.name) clock is now \(jump / 1_000_000) ms off" }
            processes[index].skew = Interval(nanoseconds: jump)
        case .diskSlow, .diskFull, .diskBroken:
            let stores = processes.filter { $0.disk != nil }
            let store = stores[dice.faults.pick(0..<stores.count)]
            trace.write(moment) { "\(store.node.name): \(kind.name) for \(length / 1_000_000) ms" }
            switch kind {
            case .diskSlow: store.disk!.slowUntil = moment + length
            case .diskFull: store.disk!.fullUntil = moment + length
            default: store.disk!.brokenUntil = moment + length
            }
        }
        planFault()
    }

    private func fell(_ index: Int, isBox: Bool, for length: Moment) {
        guard processes[index].isRunning else { return }
        killProcess(index, isBox: isBox)
        plan(.restart(process: index, life: processes[index].life), after: length)
    }

    /// A partition is over: what it held back goes through, or the kernels have given up meanwhile.
    func faultEnds(_ partition: Int) {
        let (a, b) = faults.partitions[partition]
        guard network.blockedUntil(.process(a), .process(b)) <= moment, dice.faults.percent(50) else { return }
        for connection in network.live {
            let parties = network.connections[connection].ends.map(\.party)
            if parties == [.process(a), .process(b)] || parties == [.process(b), .process(a)] { cut(connection) }
        }
    }

    /// The weather clears: everybody is up, nothing is broken, everybody comes online.
    func heal() {
        trace.write(moment) { "healing begins" }
        isHealing = true
        healedAt = moment
        network.unblockAll()
        for process in processes {
            process.pausedUntil = 0
            process.disk?.fullUntil = 0
            process.disk?.brokenUntil = 0
            process.disk?.slowUntil = 0
            if process.isRunning {
                planTurn(process.index, after: 0)
            } else {
                startProcess(process.index)
            }
        }
        healDevices()
        plan(.examine, after: Interval.seconds(1).nanoseconds)
    }

    func describe(_ connection: Connection) -> String {
        connection.ends.map { end in
            switch end.party {
            case .process(let index): processes[index].node.name
            case .device(let index): devices[index].name
            }
        }.joined(separator: " - ")
    }
}
