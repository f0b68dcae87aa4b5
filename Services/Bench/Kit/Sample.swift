// What was looked at from outside at one point of a run; figures are differences between two of these.

/// The sums at a point of the run.
public struct Sample: Sendable {
    public var atNs: Int64
    /// CPU time by node since the beginning of the run, microseconds; nil for a node whose process was never seen.
    public var cpuUs: [Int64?]
    /// Of the load tool itself, microseconds.
    public var ownCpuUs: Int64
    public var counts: LedgerCounts
    /// Memory that each node has for itself, bytes; nil where it was not looked at or not seen.
    public var privateBytes: [Int?]
    /// Memory of each node, now and at its most so far; nil where it was not seen.
    public var resident: [ResidentMemory?]

    public init(
        atNs: Int64, cpuUs: [Int64?], ownCpuUs: Int64, counts: LedgerCounts, privateBytes: [Int?], resident: [ResidentMemory?] = []
    ) {
        self.atNs = atNs
        self.cpuUs = cpuUs
        self.ownCpuUs = ownCpuUs
        self.counts = counts
        self.privateBytes = privateBytes
        self.resident = resident
    }
}
