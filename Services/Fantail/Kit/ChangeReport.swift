// What an operator sees of a change of the cluster: what it does before it is made, and how far it has come.

import Cluster
import Ring

/// What a node says of the cluster, on its page `/cluster`.
public struct NodeView: Equatable, Sendable {
    public var epoch: UInt64
    public var isDraining: Bool
    /// What it still holds, in words; nil: nothing.
    public var remainder: String?
    /// Why it does not take up the file that is there.
    public var refusal: String?
    /// Peers in reach, and by which epoch each goes.
    public var peersUp: [String: UInt64]
    public var peersAway: [String]

    /// Reads the page; nil when it is something else.
    public init?(json: String) {
        guard let line = json.split(whereSeparator: \.isNewline).first, let fields = FlatJSON.fields(String(line)),
            let epoch = fields["epoch"].flatMap({ UInt64($0) }), let draining = fields["draining"], let left = fields["left"],
            let up = fields["peers_up"], let away = fields["peers_away"]
        else { return nil }
        self.epoch = epoch
        isDraining = draining == "true"
        remainder = left.isEmpty ? nil : Printable.line(left)
        refusal = fields["reason"].map { Printable.line($0) }
        peersUp = [:]
        for word in up.split(separator: " ") {
            let parts = word.split(separator: "@", maxSplits: 1)
            if parts.count == 2, let epoch = UInt64(parts[1]) { peersUp[String(parts[0])] = epoch }
        }
        peersAway = away.split(separator: " ").map { String($0) }
    }
}

public enum ChangeReport {
    /// What a change would do.
    public static func plan(_ change: ClusterChange) -> [Row] {
        var rows = [Row(Span("Epoch \(change.old.epoch) → \(change.new.epoch)", .bold))]
        func list(_ title: String, _ nodes: [Node]) {
            if !nodes.isEmpty { rows.append(Row(Span("  \(title): "), Span(nodes.map(\.name).joined(separator: ", "), .bold))) }
        }
        list("join", change.joining)
        list("are to leave, and are drained", change.draining)
        list("leave", change.leaving)
        list("are at another address", change.relocated)
        for role in Role.allCases where role.hasRing && role != .persistence {
            let moved = change.movedSlotCount(of: role)
            guard moved > 0 else { continue }
            let share = RingReport.percent(moved, of: RingLimits.slotCount)
            rows.append(Row(Span("  \(role.name): \(moved) of \(RingLimits.slotCount) slots move (\(share)); the least possible is \(change.idealMovedSlotCount(of: role))")))
        }
        let late = settingsForRestart(change)
        if !late.isEmpty {
            rows.append(Row(Span("  \(late.joined(separator: ", ")): in use when a node is started again", .yellow)))
        }
        return rows
    }

    /// Lines of the file that running processes do not take up.
    static func settingsForRestart(_ change: ClusterChange) -> [String] {
        var lines: [String] = []
        if change.old.origins != change.new.origins { lines.append("origins") }
        if change.old.expirySeconds != change.new.expirySeconds { lines.append("expiry") }
        if change.old.presenceRules != change.new.presenceRules { lines.append("presence") }
        if change.old.limitRules != change.new.limitRules { lines.append("limits") }
        if change.old.fileRules != change.new.fileRules { lines.append("files") }
        if change.old.tlsRules != change.new.tlsRules { lines.append("tls") }
        if change.old.hasDevelopmentLogin != change.new.hasDevelopmentLogin { lines.append("login") }
        return lines
    }

    /// Who goes by which epoch.
    /// - Parameter views: for each node, in its order; nil: no answer.
    public static func rows(_ map: ClusterMap, _ views: [NodeView?]) -> [Row] {
        var table = TextTable(["NODE", "EPOCH", "STATE"], rightAligned: [1])
        for (node, view) in zip(map.nodes, views) {
            table.add([Span(node.name, .bold), Span(view.map { "\($0.epoch)" } ?? "-"), state(of: view, in: map)])
        }
        return table.lines
    }

    private static func state(of view: NodeView?, in map: ClusterMap) -> Span {
        guard let view else { return Span("no answer; it takes up the file when it is started", .yellow) }
        if let refusal = view.refusal { return Span(refusal, .red) }
        if view.epoch < UInt64(map.epoch) { return Span("behind", .yellow) }
        guard view.isDraining else { return Span("in use", .green) }
        return view.remainder.map { Span("draining: \($0)", .yellow) } ?? Span("drained; it may be stopped", .green)
    }
}
