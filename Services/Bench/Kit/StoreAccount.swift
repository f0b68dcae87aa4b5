// How often the store synced, from the counters of all persistence nodes, across restarts.
//
// All nodes are asked at once and answer when they can; a round is over when everybody has answered or failed. What one round
// found is a reading, taken together with the messages that were acknowledged by then.

import FantailCLI

public struct StoreAccount: Sendable {
    /// What a round found.
    public struct Reading: Equatable, Sendable {
        /// Syncs since the first reading.
        public var syncs: Double
        /// Messages answered by `sent`.
        public var acked: UInt64

        public init(syncs: Double, acked: UInt64) {
            self.syncs = syncs
            self.acked = acked
        }
    }

    /// How persistence calls the counter on its page of metrics.
    public static let counterName = "fantail_persistence_syncs_total"

    private var last: [Double?]
    private var syncs: Double = 0
    private var waiting: Set<Int> = []
    /// Some node has never told its counter.
    private var isBlind: Bool { last.contains { $0 == nil } }

    public init(nodeCount: Int) { last = [Double?](repeating: nil, count: nodeCount) }

    /// A round is under way.
    public var isAsking: Bool { !waiting.isEmpty }
    public mutating func ask() { waiting = Set(last.indices) }

    /// - Parameters:
    ///   - page: the whole answer; empty or anything else when there was none.
    ///   - acked: messages answered by now.
    /// - Returns: the reading, when this was the last answer of the round and all counters are known.
    public mutating func answered(_ node: Int, _ page: [UInt8], acked: UInt64) -> Reading? {
        guard waiting.remove(node) != nil else { return nil }
        if let answer = AdminAnswer(page), answer.status == 200, let value = answer.figure(endingWith: Self.counterName) {
            // A process that was started again counts from zero.
            if let before = last[node] { syncs += value >= before ? value - before : value }
            last[node] = value
        }
        return waiting.isEmpty && !isBlind ? Reading(syncs: syncs, acked: acked) : nil
    }
}
