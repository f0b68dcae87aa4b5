// What a stretch of work cost the cluster: CPU time and memory by service.

import Cluster

/// What the processes of one service used.
public struct ServiceCost: Equatable, Sendable {
    public let name: String
    public let processCount: Int
    /// nil: some process of it was never seen.
    public let cpuUs: Int64?
    /// Memory that its processes have for themselves, at the end; nil when it was not looked at.
    public let privateBytes: Int?
}

public struct Cost: Sendable {
    /// What is counted, in the singular: "exchange".
    public let noun: String
    public let count: Double
    public let seconds: Double
    public let services: [ServiceCost]
    /// CPU time of the load tool itself, microseconds; not part of any sum.
    public let ownCpuUs: Int64

    /// The difference between two samples; memory is that of `memory`.
    public init(noun: String, count: Double, from begin: Sample, to end: Sample, memory: Sample?, cluster: ClusterMap) {
        self.noun = noun
        self.count = count
        seconds = Double(end.atNs - begin.atNs) / 1e9
        ownCpuUs = end.ownCpuUs - begin.ownCpuUs
        services = Role.allCases.compactMap { role in
            let nodes = cluster.nodes.indices.filter { cluster.nodes[$0].role == role }
            guard !nodes.isEmpty else { return nil }
            return ServiceCost(
                name: role.name, processCount: nodes.count,
                cpuUs: Self.sum(nodes.map { node in end.cpuUs[node].map { $0 - (begin.cpuUs[node] ?? 0) } }),
                privateBytes: memory.flatMap { memory in Self.sum(nodes.map { memory.privateBytes[$0] }) })
        }
    }

    public var cpuUs: Int64? { Self.sum(services.map(\.cpuUs)) }
    /// Memory was looked at.
    public var hasMemory: Bool { services.contains { $0.privateBytes != nil } }
    public var privateBytes: Int? { Self.sum(services.map(\.privateBytes)) }

    /// Microseconds for one of what is counted; nil when there was none, or nothing is known.
    public func each(_ us: Int64?) -> Double? { us.flatMap { count > 0 ? Double($0) / count : nil } }

    /// Percent of one core.
    public func load(_ us: Int64?) -> Double? { us.flatMap { seconds > 0 ? Double($0) / seconds / 10_000 : nil } }

    /// nil when a part is.
    private static func sum<Number: AdditiveArithmetic>(_ parts: [Number?]) -> Number? {
        parts.reduce(Number?(.zero)) { sum, part in sum.flatMap { sum in part.map { sum + $0 } } }
    }
}
