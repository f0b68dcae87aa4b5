// What the services said of their load while they were watched: every 200 ms all of them are asked at once.
//
// Each look is compared with the one before. Levels move within milliseconds, so what happened between two looks is judged
// only where no level changed meanwhile: there, whoever refuses a message must not have done anything of less worth.

import FantailCLI

public struct LoadAccount: Sendable {
    /// All nodes at one time.
    public struct Look: Equatable, Sendable {
        /// Since the beginning of the run, seconds.
        public var at: Double
        /// The longest wait and the highest level of any node; nil when none answered.
        public var waitUs: Int64?
        public var level: Int?
        /// Pieces of work since the look before, over all nodes: `messages_refused` and so on.
        public var work: [String: UInt64]
    }

    public private(set) var looks: [Look] = []
    /// Times that a node refused messages and did work of less worth, at one level.
    public private(set) var disorderCount: UInt64 = 0
    /// Times that a node refused messages although its level did not say so.
    public private(set) var unprovokedCount: UInt64 = 0
    /// Spans between two looks in which a node refused messages and no level changed: those that could be judged.
    public private(set) var judgedCount: UInt64 = 0
    private var last: [NodeLoad?]

    public init(nodeCount: Int) { last = [NodeLoad?](repeating: nil, count: nodeCount) }

    /// - Parameter loads: by node; nil for one that did not answer.
    public mutating func take(_ loads: [NodeLoad?], at: Double) {
        var look = Look(at: at, waitUs: nil, level: nil, work: [:])
        for (node, load) in loads.enumerated() {
            guard let load else { continue }
            look.waitUs = max(look.waitUs ?? 0, load.waitUs)
            look.level = max(look.level ?? 0, load.level)
            // A process that was started again counts from zero, and is compared from then on.
            if let before = last[node], before.work.allSatisfy({ load.work[$0.key] ?? 0 >= $0.value }) {
                let done = load.work.reduce(into: [String: UInt64]()) { $0[$1.key] = $1.value - (before.work[$1.key] ?? 0) }
                judge(done, before, load)
                for (key, count) in done where count > 0 { look.work[key, default: 0] += count }
            }
            last[node] = load
        }
        looks.append(look)
    }

    private mutating func judge(_ done: [String: UInt64], _ before: NodeLoad, _ after: NodeLoad) {
        guard done["messages_refused"] ?? 0 > 0, before.changes == after.changes else { return }
        judgedCount += 1
        if after.worstLevel < 4 { unprovokedCount += 1 }
        if (done["typing_admitted"] ?? 0) + (done["last_seen_admitted"] ?? 0) > 0 { disorderCount += 1 }
    }

    // MARK: Questions

    /// How many pieces of work of that name there were in a span of time.
    public func sum(_ name: String, _ span: ClosedRange<Double>) -> UInt64 {
        looks.reduce(0) { span.contains($1.at) ? $0 + ($1.work[name] ?? 0) : $0 }
    }

    /// The last time at or after `from` at which some node's work waited longer, seconds after `from`; 0 when none did; nil
    /// when nobody looked, or when it still does at the last look.
    public func recovery(from: Double, waitUs: Int64) -> Double? { settled(from) { $0.waitUs ?? .max <= waitUs } }

    /// The same for levels: when the last came back to 0.
    public func calm(from: Double) -> Double? { settled(from) { $0.level == 0 } }

    private func settled(_ from: Double, _ isFine: (Look) -> Bool) -> Double? {
        let later = looks.filter { $0.at >= from }
        guard let end = later.last, isFine(end) else { return nil }
        guard let bad = later.lastIndex(where: { !isFine($0) }) else { return 0 }
        return later[bad + 1].at - from
    }
}
