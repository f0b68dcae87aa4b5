// Everything that a run found out, in one value: the table, the JSON and the verdict are drawn from it.

import Cluster

/// The sums at one of the points at which a run is looked at.
public struct Sample: Sendable {
    public var atNs: Int64
    /// CPU time by node, microseconds since the beginning of the run.
    public var cpuUs: [Int64]
    /// Of the load tool itself, microseconds.
    public var ownCpuUs: Int64
    /// Syncs of the store since the beginning of the run.
    public var syncCount: Double
    public var counts: LedgerCounts
    /// Memory by node, bytes; empty where it was not looked at.
    public var privateBytes: [Int]

    public init(
        atNs: Int64, cpuUs: [Int64], ownCpuUs: Int64, syncCount: Double, counts: LedgerCounts, privateBytes: [Int]
    ) {
        self.atNs = atNs
        self.cpuUs = cpuUs
        self.ownCpuUs = ownCpuUs
        self.syncCount = syncCount
        self.counts = counts
        self.privateBytes = privateBytes
    }
}
