// What each fault does when it strikes, how it goes on, and how it ends.

import Cluster
import Primitives

extension World {
    func planFault() { plan(.fault, after: faults.wait()) }

    func strike() {
        guard !isHealing else { return }
        if let (kind, dice) = faults.draw() {
            hash.add(kind.index)
            var dice = dice
            strike(kind, &dice)
        }
        planFault()
    }

    private func strike(_ kind: FaultKind, _ dice: inout SeededGenerator) {
        let index = dice.pick(0..<processes.count)
        hash.add(index)
        let length = dice.between(.milliseconds(100), dice.oneIn(4) ? .seconds(8) : .seconds(2))
        let number = faults.number
        func tell(_ who: String, _ text: String) { trace.write(moment, who, .fault) { "fault \(number): \(text)" } }
        let name = processes[index].node.name
        let time = "for \(length / 1_000_000) ms"

        switch kind {
        case .kill, .powerLoss:
            guard processes[index].isRunning else { break }
            tell(name, kind == .kill ? "is killed, comes back in \(length / 1_000_000) ms" : "loses power, comes back in \(length / 1_000_000) ms")
            fell(index, isBox: kind == .powerLoss, for: length)
        case .storm:
            let left = dice.pick(3..<9)
            tell(name, "is killed, and \(left) times again while it starts")
            faults.spells.append(Spell(kind: .storm(process: index, left: left), dice: dice.split()))
            stormOn(faults.spells.count - 1)
        case .roleLoss:
            let role = processes[index].node.role
            tell(role.name, "all are killed, come back in \(length / 1_000_000) ms")
            for process in processes where process.node.role == role { fell(process.index, isBox: false, for: length) }
        case .pause, .hang:
            let length = kind == .pause ? length : dice.between(.seconds(4), .seconds(30))
            tell(name, "stands still for \(length / 1_000_000) ms")
            processes[index].pausedUntil = moment + length
        case .partition:
            let other = peer(of: index, &dice)
            tell(name, "nothing passes to or from \(processes[other].node.name) \(time)")
            hold([(index, other), (other, index)], for: length, &dice)
        case .oneWay:
            let other = peer(of: index, &dice)
            tell(name, "nothing passes to \(processes[other].node.name) \(time)")
            hold([(index, other)], for: length, &dice)
        case .isolation:
            tell(name, "nothing passes to or from anybody \(time)")
            hold(processes.indices.filter { $0 != index }.flatMap { [(index, $0), ($0, index)] }, for: length, &dice)
        case .halves:
            let isHere = processes.map { _ in dice.oneIn(2) }
            let here = processes.filter { isHere[$0.index] }.map(\.node.name).joined(separator: ", ")
            tell("cluster", "nothing passes between \(here.isEmpty ? "nobody" : here) and the others \(time)")
            var directions: [(Int, Int)] = []
            for from in processes.indices { for to in processes.indices where isHere[from] != isHere[to] { directions.append((from, to)) } }
            hold(directions, for: length, &dice)
        case .flapping:
            let other = peer(of: index, &dice)
            tell(name, "the link with \(processes[other].node.name) comes and goes \(time)")
            let spell = Spell.Kind.flapping([(index, other), (other, index)], isHeld: false, until: moment + length)
            faults.spells.append(Spell(kind: spell, dice: dice.split()))
            flap(faults.spells.count - 1)
        case .cut:
            let alive = network.live.filter { network.connections[$0].isAlive }
            guard !alive.isEmpty else { break }
            let connection = alive[dice.pick(0..<alive.count)]
            tell("network", "cut: connection \(connection) of \(describe(network.connections[connection]))")
            cut(connection)
        case .lag:
            let other = peer(of: index, &dice)
            let lag = Interval(nanoseconds: dice.between(.milliseconds(20), dice.oneIn(4) ? .seconds(2) : .milliseconds(300)))
            let isBothWays = dice.oneIn(2)
            tell(name, "everything \(isBothWays ? "to and from" : "to") \(processes[other].node.name) takes up to \(lag.milliseconds) ms more \(time)")
            network.slow(index, other, by: lag, until: moment + length)
            if isBothWays { network.slow(other, index, by: lag, until: moment + length) }
        case .clockJump:
            let reach: Interval = dice.percent(50) ? .milliseconds(500) : dice.percent(60) ? .seconds(10) : .seconds(600)
            let jump = dice.between(reach * -1, reach)
            tell(name, "the clock is now \(jump / 1_000_000) ms off")
            processes[index].clock.set(skew: Interval(nanoseconds: jump), moment)
        case .diskSlow, .diskFull, .diskBroken:
            let stores = processes.filter { $0.disk != nil }
            let store = stores[dice.pick(0..<stores.count)]
            tell(store.node.name, "the disk is \(kind == .diskSlow ? "slow" : kind == .diskFull ? "full" : "broken") \(time)")
            switch kind {
            case .diskSlow: store.disk!.slowUntil = moment + length
            case .diskFull: store.disk!.fullUntil = moment + length
            default: store.disk!.brokenUntil = moment + length
            }
        case .tornWrite:
            let stores = processes.filter { $0.disk != nil }
            let store = stores[dice.pick(0..<stores.count)]
            tell(store.node.name, "loses power in its next write, comes back in \(length / 1_000_000) ms")
            store.disk!.tearsFor = length
        case .slow:
            let slowness = dice.between(.milliseconds(10), .milliseconds(120))
            tell(name, "takes \(slowness / 1_000_000) ms for everything \(time)")
            processes[index].slowBy = slowness
            processes[index].slowUntil = moment + length
        }
    }

    /// The batch in hand is on its way to the disk, and the power goes.
    func tear(_ index: Int, life: Int, for length: Moment) {
        guard processes[index].life == life, !isHealing else { return }
        fell(index, isBox: true, for: length)
    }

    private func peer(of index: Int, _ dice: inout SeededGenerator) -> Int {
        let role = processes[index].node.role
        let peers = processes.filter { $0.index != index && $0.node.role.talks(to: role) }
        return peers[dice.pick(0..<peers.count)].index
    }

    private func fell(_ index: Int, isBox: Bool, for length: Moment) {
        guard processes[index].isRunning else { return }
        killProcess(index, isBox: isBox)
        plan(.restart(process: index, life: processes[index].life), after: length)
    }

    private func hold(_ directions: [(from: Int, to: Int)], for length: Moment, _ dice: inout SeededGenerator) {
        for (from, to) in directions { network.hold(from, to, until: moment + length) }
        faults.spells.append(Spell(kind: .held(directions), dice: dice.split()))
        plan(.spell(faults.spells.count - 1), after: length)
    }

    // MARK: How they go on

    func spellGoesOn(_ index: Int) {
        guard !isHealing else { return }
        switch faults.spells[index].kind {
        case .held(let directions): openAgain(directions, &faults.spells[index].dice)
        case .flapping: flap(index)
        case .storm: stormOn(index)
        }
    }

    /// What was held back goes through, or the kernels have given up meanwhile.
    private func openAgain(_ directions: [(from: Int, to: Int)], _ dice: inout SeededGenerator) {
        guard dice.percent(50) else { return }
        for connection in network.live {
            guard case .process(let a) = network.connections[connection].ends[0].party,
                case .process(let b) = network.connections[connection].ends[1].party,
                directions.contains(where: { $0 == (a, b) || $0 == (b, a) }), !network.isHeld(a, b, moment),
                !network.isHeld(b, a, moment)
            else { continue }
            cut(connection)
        }
    }

    private func flap(_ index: Int) {
        guard case .flapping(let directions, let isHeld, let until) = faults.spells[index].kind else { return }
        if isHeld { for (from, to) in directions { network.release(from, to) } }
        guard moment < until else { return }
        let length = faults.spells[index].dice.between(.milliseconds(20), .milliseconds(1_500))
        if !isHeld { for (from, to) in directions { network.hold(from, to, until: moment + length) } }
        faults.spells[index].kind = .flapping(directions, isHeld: !isHeld, until: until)
        plan(.spell(index), after: length)
    }

    private func stormOn(_ index: Int) {
        guard case .storm(let process, let left) = faults.spells[index].kind else { return }
        let down = faults.spells[index].dice.between(.milliseconds(1), .milliseconds(200))
        fell(process, isBox: false, for: down)
        guard left > 0 else { return }
        faults.spells[index].kind = .storm(process: process, left: left - 1)
        plan(.spell(index), after: down + faults.spells[index].dice.between(.milliseconds(0), .milliseconds(400)))
    }

    // MARK: The end

    /// The weather clears: everybody is up, nothing is broken, clocks are set, everybody comes online.
    func heal() {
        trace.write(moment, "cluster", .fault) { "healing begins" }
        isHealing = true
        healedAt = moment
        network.clear()
        for process in processes {
            process.pausedUntil = 0
            process.slowUntil = 0
            process.disk?.fullUntil = 0
            process.disk?.brokenUntil = 0
            process.disk?.slowUntil = 0
            process.disk?.tearsFor = nil
            process.clock.set(skew: Interval(nanoseconds: process.dice.between(.milliseconds(-500), .milliseconds(500))), moment)
        }
        settleMembership()
        healDevices()
        plan(.examine, after: Interval.seconds(1).nanoseconds)
    }

    func describe(_ connection: Connection) -> String {
        connection.ends.map { name(of: $0.party) }.joined(separator: " - ")
    }

    func name(of party: Party) -> String {
        switch party {
        case .process(let index): processes[index].node.name
        case .device(let index): devices[index].name
        }
    }
}
