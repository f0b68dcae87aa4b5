// What the machine's side of a run found out, handed to the scenario that draws the report from it.

import Cluster
import ClientProtocol
import Primitives

public struct RunFindings: Sendable {
    public var cluster: ClusterMap
    public var samples: [SamplePoint: Sample]
    /// What the store did in the measured interval; nil: could not be found out.
    public var syncs: (begin: StoreAccount.Reading, end: StoreAccount.Reading)?
    public var curve: [SecondPoint]
    /// `send` frames on the wire, repetitions included.
    public var sendFrames: UInt64
    /// Refusals by code, those that were retried included.
    public var refusals: [(code: String, count: UInt64)]
    public var connectFailures: UInt64
    /// Services that were started again during the run.
    public var restarts: UInt64
    /// The newest reason why a connection ended or did not come about.
    public var trouble: String?
    /// The end of the run.
    public var now: Instant

    public init(
        cluster: ClusterMap, samples: [SamplePoint: Sample], syncs: (begin: StoreAccount.Reading, end: StoreAccount.Reading)?,
        curve: [SecondPoint], sendFrames: UInt64, refusals: [(code: String, count: UInt64)], connectFailures: UInt64,
        restarts: UInt64, trouble: String?, now: Instant
    ) {
        self.cluster = cluster
        self.samples = samples
        self.syncs = syncs
        self.curve = curve
        self.sendFrames = sendFrames
        self.refusals = refusals
        self.connectFailures = connectFailures
        self.restarts = restarts
        self.trouble = trouble
        self.now = now
    }

    /// What the work between two points cost; nil when the run never came there.
    /// - Parameter hasMemory: memory stands beside the first cost of a report only.
    public func cost(
        _ noun: String, _ count: Double, from begin: SamplePoint = .begin, to end: SamplePoint = .end, hasMemory: Bool = true
    ) -> Cost? {
        guard let first = samples[begin], let last = samples[end] else { return nil }
        return Cost(
            noun: noun, count: count, from: first, to: last, memory: hasMemory ? samples[.last] : nil, cluster: cluster)
    }

    /// What the memory of each service grew by over the run, bytes; nil where it was not seen at both ends.
    public func growth() -> [(name: String, bytes: Int?)] {
        guard let before = samples[.empty], let after = samples[.last] else { return [] }
        return Role.allCases.compactMap { role in
            let nodes = cluster.nodes.indices.filter { cluster.nodes[$0].role == role }
            guard !nodes.isEmpty else { return nil }
            let bytes = nodes.reduce(Int?(0)) { sum, node in
                guard let sum, let first = before.privateBytes[node], let last = after.privateBytes[node] else { return nil }
                return sum + last - first
            }
            return (role.name, bytes)
        }
    }

    /// The most memory that each service had at the end of what is measured, as a multiple of what it had at its beginning; nil where
    /// it was not seen at both ends. A service that was started again counts with its new process.
    public func peakGrowth() -> [(name: String, factor: Double?)] {
        guard let before = samples[.begin]?.resident, let after = samples[.end]?.resident else { return [] }
        return Role.allCases.compactMap { role in
            let nodes = cluster.nodes.indices.filter { cluster.nodes[$0].role == role && $0 < before.count && $0 < after.count }
            guard !nodes.isEmpty else { return nil }
            let sums = nodes.reduce((Int, Int)?((0, 0))) { sums, node in
                guard let sums, let first = before[node], let last = after[node] else { return nil }
                return (sums.0 + first.bytes, sums.1 + last.peakBytes)
            }
            return (role.name, sums.map { Double($0.1) / Double(max(1, $0.0)) })
        }
    }

    /// Syncs for each message that the store took; nil when it could not be found out.
    public var syncsPerMessage: Double? {
        guard let syncs, syncs.end.acked > syncs.begin.acked else { return nil }
        return (syncs.end.syncs - syncs.begin.syncs) / Double(syncs.end.acked - syncs.begin.acked)
    }

    // MARK: Groups that several scenarios show

    public static func messages(_ counts: LedgerCounts, _ balance: LedgerBalance) -> FigureGroup {
        FigureGroup(
            "Messages, whole run",
            [
                Figure("sent", "sent by authors", count: counts.issued),
                Figure("acked", "acked (sent came back)", count: counts.acked),
                Figure("delivered", "delivered", count: counts.delivered),
                Figure("receipts", "receipts at authors", count: counts.receipts),
                Figure("longest_open_ms", "longest open", Double(balance.openUsMax) / 1_000, places: 1, unit: "ms"),
            ])
    }

    static let troublesTitle = "Troubles"

    public func connections(_ roster: Roster, issued: UInt64) -> FigureGroup {
        var figures = [
            Figure("connections_lost", "connections lost", count: roster.lostCount),
            Figure("reconnects", "reconnects", count: roster.returnCount),
            Figure(
                "longest_away_ms", "longest away", roster.returnCount > 0 ? Double(roster.awayTimes.maxUs) / 1_000 : 0, places: 1,
                unit: "ms"),
            Figure("connect_failures", "attempts that failed", count: connectFailures),
            Figure("repeated_sends", "sends repeated", count: sendFrames > issued ? sendFrames - issued : 0),
            Figure("service_restarts", "services started again", count: restarts),
        ]
        figures += refusals.map { Figure("refusals_\($0.code)", "refusals \($0.code)", count: $0.count) }
        return FigureGroup(Self.troublesTitle, figures)
    }

    /// One sentence for a run whose clients did not all come.
    public var notes: [String] { trouble.map { ["the last connection that failed: \($0)"] } ?? [] }
}
