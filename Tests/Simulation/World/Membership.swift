// The cluster changes while it runs: nodes join, are drained, leave, get another weight.
//
// An operator writes a new cluster file, a higher epoch each time, and copies it to every machine. What may go wrong, and why
// the system must survive it:
// - the copies arrive at different times, so for a while everybody routes by a table of his own;
// - one arrives late, or not before the faults are over: a process goes on by the old file, and starts again by it;
// - the next change comes before the last one has arrived everywhere;
// - a node leaves that nobody drained, a newcomer is killed at once, a node that was drained is wanted back.
//
// - while all this goes on, some of the processes are of a newer release already.
//
// A node whose file does not name it any more is stopped by the operator, some time later.

import Cluster
import Primitives
import Ring

struct Membership {
    /// Mean time between two changes; nil: the cluster stays as it is.
    let pause: Interval?
    /// By epoch, the first is 1.
    private(set) var maps: [ClusterMap]
    /// Nodes that may join; all have processes.
    private let spares: [NodeLine]
    private let countMax: Int
    /// Processes are replaced one by one by a release that says more than this one understands: a start decides which it is.
    private let isUpgrading: Bool
    var dice: SeededGenerator

    init(_ cluster: ClusterMap, spares: [NodeLine], dice: inout SeededGenerator, trim: Trim) {
        let roll = dice.pick(0..<100)
        let pause: Interval = .milliseconds(Int64(roll < 90 ? dice.pick(2_000..<12_000) : dice.pick(100..<400)))
        self.pause = roll < 55 ? nil : pause
        maps = [cluster]
        self.spares = spares
        countMax = trim.changes ?? .max
        isUpgrading = dice.percent(20)
        self.dice = dice.split()
    }

    var newest: ClusterMap { maps[maps.count - 1] }
    var changeCount: Int { maps.count - 1 }

    mutating func speaksNext() -> Bool { isUpgrading && dice.oneIn(2) }

    mutating func wait(_ pause: Interval) -> Moment { dice.jittered(pause).nanoseconds }

    /// - Returns: nil when what was drawn cannot be done just now.
    mutating func change() -> ClusterMap? {
        guard changeCount < countMax else { return nil }
        var lines = newest.nodes.map(NodeLine.init)
        switch dice.pick(0..<10) {
        case 0..<3:
            let absent = spares.filter { spare in !lines.contains { $0.name == spare.name } }
            guard !absent.isEmpty else { return nil }
            lines.append(absent[dice.pick(0..<absent.count)])
        case 3..<6:
            let places = lines.indices.filter { lines[$0].role.mayDrain }
            lines[places[dice.pick(0..<places.count)]].isDraining.toggle()
        case 6..<8:
            let wantsDrained = dice.percent(70)
            let places = lines.indices.filter { lines[$0].role.mayDrain && lines[$0].isDraining == wantsDrained }
            guard !places.isEmpty else { return nil }
            lines.remove(at: places[dice.pick(0..<places.count)])
        default:
            let places = lines.indices.filter { lines[$0].role.hasRing && lines[$0].role != .persistence }
            lines[places[dice.pick(0..<places.count)]].weight = dice.pick(1..<6)
        }
        let old = newest
        guard
            let map = try? ClusterMap(
                name: old.name, epoch: old.epoch + 1, ringParameters: old.ringParameters, storageMode: old.storageMode,
                groupRules: old.groupRules, nodes: lines, after: old)
        else { return nil }
        maps.append(map)
        return map
    }
}

extension World {
    func planChange() {
        guard let pause = membership.pause else { return }
        plan(.change, after: membership.wait(pause))
    }

    /// The operator writes a file and copies it.
    func change() {
        guard !isHealing else { return }
        defer { planChange() }
        guard let map = membership.change() else { return }
        hash.add(Int(map.epoch))
        trace.write(moment, "cluster", .fault) { "epoch \(map.epoch): " + Self.text(map) }
        for process in processes {
            let delay: Moment? =
                switch membership.dice.pick(0..<20) {
                case 0: nil
                case 1..<6: membership.dice.between(.milliseconds(0), .seconds(5))
                default: membership.dice.between(.milliseconds(0), .milliseconds(300))
                }
            if let delay { plan(.fileArrives(process: process.index, epoch: map.epoch), after: delay) }
        }
    }

    private static func text(_ map: ClusterMap) -> String {
        map.nodes.map { "\($0.name)\($0.weight == 1 ? "" : "*\($0.weight)")\($0.isDraining ? " (draining)" : "")" }.joined(separator: ", ")
    }

    /// A file lies on the machine of a process, which takes it up, starts by it, or is stopped because it is not named.
    func fileArrives(_ index: Int, epoch: UInt32) {
        let process = processes[index]
        guard epoch > process.file.epoch else { return }
        hash.add(index)
        process.file = membership.maps[Int(epoch) - 1]
        let isNamed = process.file.node(process.node.id) != nil
        if process.isRunning {
            takeUp(process)
            if !isNamed { plan(.stop(process: index, life: process.life), after: process.dice.between(.milliseconds(0), .seconds(4))) }
        } else if isNamed, !process.isExpected {
            plan(.restart(process: index, life: process.life), after: process.dice.between(.milliseconds(0), .seconds(1)))
        }
        process.isExpected = isNamed
    }

    /// What the loop does with a newer file.
    private func takeUp(_ process: SimulatedProcess) {
        guard let machine = process.machine, let map = process.map, process.file.epoch > map.epoch else { return }
        trace.write(moment, process.node.name, .event) { "goes by epoch \(process.file.epoch)" }
        do {
            machine.adopt(try ClusterChange(from: map, to: process.file), selfID: process.node.id, now: now(of: process))
        } catch {
            preconditionFailure("a change that may be made, but: \(error)")
        }
        process.map = process.file
        planTurn(process.index, after: process.wakeUp(moment))
    }

    /// The operator ends a process that has left.
    func stop(_ index: Int, life: Int) {
        let process = processes[index]
        guard process.life == life, process.file.node(process.node.id) == nil else { return }
        killProcess(index, isBox: false)
    }

    /// The newest file is everywhere, and runs who is named in it.
    func settleMembership() {
        for process in processes {
            process.file = membership.newest
            process.isExpected = process.file.node(process.node.id) != nil
            switch (process.isRunning, process.isExpected) {
            case (true, true):
                takeUp(process)
                planTurn(process.index, after: 0)
            case (true, false): killProcess(process.index, isBox: false)
            case (false, true): startProcess(process.index)
            case (false, false): break
            }
        }
    }
}

extension NodeLine {
    init(_ node: Node) {
        self.init(
            role: node.role, name: node.name, rpc: node.rpc, admin: node.admin, client: node.client, weight: node.weight,
            isDraining: node.isDraining)
    }
}
