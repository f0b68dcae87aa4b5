// One clock, one queue, one hash: the ground on which a simulated cluster stands.
//
// Nothing here happens at the same time. Everything that will happen lies in one queue, ordered by its moment and, within a
// moment, by the order in which it was planned; the world takes the first, moves its clock there and lets it happen. All
// chance comes from one seed, split into a generator for each part, so that a part that throws once more does not shift the
// luck of the others. And because every occurrence and every byte flows into one running hash, two runs that print the same
// hash did the same things.

import Primitives

/// A moment of the virtual clock, nanoseconds since the run began.
public typealias Moment = Int64

/// Something that will happen. Numbers, no references: what a crash or a reconnect made stale is recognised by its `life`.
enum Occurrence: Sendable {
    /// The loop of a process goes round once.
    case turn(process: Int, life: Int)
    case restart(process: Int, life: Int)
    /// The power of a store goes, in the middle of its batch.
    case tear(process: Int, life: Int, length: Moment)
    /// The batch in hand of a store is synced, or has failed.
    case diskDone(process: Int, life: Int)

    /// A dial has reached the machine it was meant for.
    case dialReaches(Dial)
    /// The dialler learns how it went; nil: nobody answered.
    case dialEnds(Dial, connection: Int?)
    /// The next piece on its way to one end of a connection is there.
    case arrival(connection: Int, side: Side)
    /// One end learns that the connection is broken.
    case reset(connection: Int, side: Side)

    /// The operator changes the cluster; a copy of the file arrives; a process that left is ended.
    case change
    case fileArrives(process: Int, epoch: UInt32)
    case stop(process: Int, life: Int)

    case fault
    /// A fault that goes on for a while takes its next step, or ends.
    case spell(Int)

    /// A timer of a device's client.
    case deviceTimer(device: Int, serial: Int)
    /// The person at the device does something.
    case deviceActs(device: Int)
    /// The person at the device lets others know of herself: types, looks who is there.
    case deviceSigns(device: Int)
    case deviceOnline(device: Int)
    /// It goes for ever.
    case deviceLeaves(device: Int)

    /// The faults end here.
    case heal
    /// Is everybody served? Asked again and again after `heal`.
    case examine
}

/// A queue of occurrences: first by moment, then by the order of planning.
struct OccurrenceQueue {
    private struct Entry {
        let moment: Moment
        let serial: UInt64
        let occurrence: Occurrence
        func isBefore(_ other: Entry) -> Bool {
            moment != other.moment ? moment < other.moment : serial < other.serial
        }
    }

    private var heap: [Entry] = []
    private var serialNext: UInt64 = 0

    mutating func plan(_ occurrence: Occurrence, at moment: Moment) {
        heap.append(Entry(moment: moment, serial: serialNext, occurrence: occurrence))
        serialNext += 1
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].isBefore(heap[parent]) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func next() -> (moment: Moment, occurrence: Occurrence)? {
        guard let first = heap.first else { return nil }
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            let left = 2 * parent + 1
            guard left < heap.count else { break }
            let right = left + 1
            let child = right < heap.count && heap[right].isBefore(heap[left]) ? right : left
            guard heap[child].isBefore(heap[parent]) else { break }
            heap.swapAt(child, parent)
            parent = child
        }
        return (first.moment, first.occurrence)
    }
}

/// A chain of hashes over everything that happened.
struct RunHash {
    private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    /// FNV-1a, a word at a time.
    mutating func add(_ word: UInt64) {
        value = (value ^ word) &* 0x0000_0100_0000_01b3
        value ^= value >> 29
    }

    mutating func add(_ number: Int) { add(UInt64(bitPattern: Int64(number))) }

    mutating func add(_ bytes: [UInt8]) { add(StableHash.hash(bytes, k0: value, k1: 3)) }
}

/// The dice of a run, one generator for each part.
struct RunDice {
    var shape: SeededGenerator
    var network: SeededGenerator
    var disk: SeededGenerator
    var faults: SeededGenerator
    var workload: SeededGenerator
    var clients: SeededGenerator
    var processes: SeededGenerator
    var plant: SeededGenerator
    var signs: SeededGenerator
    var membership: SeededGenerator

    init(seed: UInt64) {
        var root = SeededGenerator(seed: seed &* 0x9E37_79B9 &+ 0x66616e)
        _ = root.next()
        shape = root.split()
        network = root.split()
        disk = root.split()
        faults = root.split()
        workload = root.split()
        clients = root.split()
        processes = root.split()
        plant = root.split()
        signs = root.split()
        membership = root.split()
    }
}

extension SeededGenerator {
    /// A time between two, evenly.
    mutating func between(_ low: Interval, _ high: Interval) -> Moment {
        low.nanoseconds + Int64(next() % UInt64(high.nanoseconds - low.nanoseconds + 1))
    }

    /// True in `percent` of 100 throws.
    mutating func percent(_ percent: Int) -> Bool { pick(0..<100) < percent }
}

/// A whole cluster with its people, on a virtual clock. One run each.
public final class World {
    public let seed: UInt64
    let shape: Shape
    let plant: Plant?
    public let trim: Trim
    var dice: RunDice
    private var queue = OccurrenceQueue()
    public private(set) var moment: Moment = 0
    var hash = RunHash()
    public private(set) var occurrenceCount = 0

    var processes: [SimulatedProcess] = []
    /// The index of each node's process.
    var places: [NodeID: Int] = [:]
    var membership: Membership
    var network: Network
    var faults: FaultPlan
    /// How much the steady clocks of a life may differ from true time, millionths.
    let driftMax: Int64
    var devices: [SimulatedDevice] = []
    var checker: Checker
    var trace: Trace
    var workload: Workload
    var signs: SignsWorkload

    /// No new faults and no new messages: the cluster has to recover.
    var isHealing = false
    var healedAt: Moment = 0
    var isFinished = false

    /// - Parameter traceLines: lines to keep; 0: none are written.
    public init(seed: UInt64, plant: Plant? = nil, trim: Trim = .none, traceLines: Int = 0, tracePrints: Bool = false) {
        self.seed = seed
        self.plant = plant
        self.trim = trim
        dice = RunDice(seed: seed)
        shape = Shape(dice: &dice.shape, trim: trim)
        driftMax = dice.processes.percent(70) ? 200 : 30_000
        network = Network(processCount: shape.cluster.nodes.count + shape.spares.count, deviceCount: shape.devices.count, dice: &dice.network)
        membership = Membership(shape.cluster, spares: shape.spares, dice: &dice.membership, trim: trim)
        faults = FaultPlan(dice: &dice.faults, trim: trim)
        checker = Checker(shape: shape)
        trace = Trace(limit: traceLines, prints: tracePrints)
        workload = Workload(dice: &dice.workload, trim: trim)
        signs = SignsWorkload(dice: &dice.signs)
        build()
    }

    func plan(_ occurrence: Occurrence, after delay: Moment) { queue.plan(occurrence, at: moment + Swift.max(0, delay)) }

    /// Lets everything happen until the verdict is clear.
    public func run() -> RunReport {
        begin()
        while !isFinished, checker.violation == nil, let next = queue.next() {
            precondition(next.moment >= moment, "time goes forward")
            moment = next.moment
            occurrenceCount += 1
            hash.add(Int(moment))
            happen(next.occurrence)
        }
        return RunReport(self)
    }

    private func happen(_ occurrence: Occurrence) {
        switch occurrence {
        case .turn(let process, let life): turn(process, life: life)
        case .restart(let process, let life): restart(process, life: life)
        case .diskDone(let process, let life): diskDone(process, life: life)
        case .tear(let process, let life, let length): tear(process, life: life, for: length)
        case .dialReaches(let dial): dialReaches(dial)
        case .dialEnds(let dial, let connection): dialEnds(dial, connection)
        case .arrival(let connection, let side): arrival(connection, side)
        case .reset(let connection, let side): reset(connection, side)
        case .change: change()
        case .fileArrives(let process, let epoch): fileArrives(process, epoch: epoch)
        case .stop(let process, let life): stop(process, life: life)
        case .fault: strike()
        case .spell(let index): spellGoesOn(index)
        case .deviceTimer(let device, let serial): deviceTimer(device, serial: serial)
        case .deviceActs(let device): deviceActs(device)
        case .deviceSigns(let device): deviceSigns(device)
        case .deviceOnline(let device): deviceOnline(device)
        case .deviceLeaves(let device): deviceLeaves(device)
        case .heal: heal()
        case .examine: examine()
        }
    }
}
