// What an operator sees: the ring, and the state of all nodes.

import Cluster
import Ring

/// What a node's admin port said when it was asked.
public struct NodeHealth: Equatable, Sendable {
    /// It answered at all.
    public var isUp: Bool
    public var isReady: Bool
    /// Its own words, or why there are none; printable, one line.
    public var sentence: String
    public var pid: Int?
    public var uptimeSeconds: Int64?

    public init(isUp: Bool, isReady: Bool, sentence: String, pid: Int? = nil, uptimeSeconds: Int64? = nil) {
        self.isUp = isUp
        self.isReady = isReady
        self.sentence = sentence
        self.pid = pid
        self.uptimeSeconds = uptimeSeconds
    }
}

/// The table of `fantail status`.
public enum StatusReport {
    /// - Parameter health: for each node of the map, in its order.
    public static func rows(_ map: ClusterMap, _ health: [NodeHealth]) -> [Row] {
        var table = TextTable(["NODE", "ROLE", "RPC", "ADMIN", "PID", "UPTIME", "STATE"], rightAligned: [4])
        for (node, health) in zip(map.nodes, health) {
            let state: Span
            switch (health.isUp, health.isReady) {
            case (true, true): state = Span("ready", .green)
            case (true, false): state = Span("not ready: \(health.sentence)", .yellow)
            case (false, _): state = Span("down: \(health.sentence)", .red)
            }
            table.add([
                Span(node.name, .bold), Span(node.role.name), Span("\(node.rpc)"), Span("\(node.admin)"),
                Span(health.pid.map { String($0) } ?? "-"),
                Span(health.uptimeSeconds.map { TimeSpan.text(seconds: $0) } ?? "-"), state,
            ])
        }
        let ready = health.count { $0.isReady }
        let summary = "\(ready) of \(health.count) nodes are ready; cluster \(map.name), epoch \(map.epoch), \(map.storageMode.rawValue)."
        var rows = table.lines + [Row(), Row(Span(summary, ready == health.count ? .green : .yellow))]
        if !health.contains(where: \.isUp) {
            rows.append(Row(Span("No node answers on its admin port. On one machine, deploy/run.sh starts them.")))
        }
        return rows
    }
}

/// The table of `fantail ring`.
public enum RingReport {
    private static let barColumns = 24

    /// - Parameters:
    ///   - role: one with a ring.
    ///   - health: for each node of the role, in its order.
    ///   - views: of each node of the map, in its order; nil where there was no answer.
    public static func rows(_ map: ClusterMap, role: Role, _ health: [NodeHealth], _ views: [NodeView?] = []) -> [Row] {
        let ring = map.ring(of: role)
        let shares = Dictionary(uniqueKeysWithValues: zip(ring.nodeIDs, ring.table.shares))
        let largest = max(1, ring.table.shares.max() ?? 1)
        let viewOfNode = Dictionary(uniqueKeysWithValues: zip(map.nodes.map(\.id), views))
        var text = TextTable(["NODE", "STATE", "EPOCH", "SEEN UP BY", "WEIGHT", "SLOTS", "SHARE", ""], rightAligned: [2, 3, 4, 5, 6])
        for (index, node) in map.nodes(of: role).enumerated() {
            let share = shares[node.id] ?? 0
            let view = viewOfNode[node.id] ?? nil
            text.add([
                Span(node.name, .bold), state(health[index], view), Span(view.map { "\($0.epoch)" } ?? "-"), Span(witnesses(of: node, views)),
                Span("\(node.weight)"), Span("\(share)"), Span(percent(share, of: RingLimits.slotCount)), Span(bar(share, of: largest), .blue),
            ])
        }
        let title = "\(role.name) ring of \(map.name): epoch \(map.epoch), \(RingLimits.slotCount) slots, table \(hex(ring.table.fingerprint))"
        return [Row(Span(title))] + text.lines + behind(map, views)
    }

    private static func state(_ health: NodeHealth, _ view: NodeView?) -> Span {
        if !health.isUp { return Span("down", .red) }
        if let view, view.isDraining { return view.remainder.map { Span("draining: \($0)", .yellow) } ?? Span("drained", .yellow) }
        return health.isReady ? Span("up", .green) : Span("not ready", .yellow)
    }

    /// In how many of its peers' eyes a node is up: views may differ for a while.
    private static func witnesses(of node: Node, _ views: [NodeView?]) -> String {
        let up = views.count { $0?.peersUp[node.name] != nil }
        let away = views.count { $0?.peersAway.contains(node.name) == true }
        return up + away == 0 ? "-" : "\(up) of \(up + away)"
    }

    /// Nodes that go by an older file than this one: moves are in progress until they do not.
    private static func behind(_ map: ClusterMap, _ views: [NodeView?]) -> [Row] {
        let names = zip(map.nodes, views).filter { $0.1.map { $0.epoch < UInt64(map.epoch) } ?? false }.map { "\($0.0.name) (\($0.1!.epoch))" }
        return names.isEmpty ? [] : [Row(), Row(Span("Still by an older epoch: \(names.joined(separator: ", "))", .yellow))]
    }

    /// Who serves a user: the owner first, then its stand-ins.
    public static func row(of user: String, _ map: ClusterMap, role: Role, _ health: [NodeHealth]) -> Row {
        let ring = map.ring(of: role)
        let slot = ring.slot(of: Array(user.utf8))
        let order = ring.preference(of: slot)
        let nodes = map.nodes(of: role)
        var row = Row(Span(user, .bold), Span(": slot \(slot), "))
        for (rank, id) in order.enumerated() {
            guard let index = nodes.firstIndex(where: { $0.id == id }) else { continue }
            if rank > 0 { row.spans.append(Span(" → ", .dim)) }
            let isUp = health[index].isReady
            row.spans.append(Span(nodes[index].name + (isUp ? "" : " (away)"), isUp ? .green : .red))
        }
        return row
    }

    /// One decimal, rounded.
    static func percent(_ part: Int, of whole: Int) -> String {
        let permille = (part * 1_000 + whole / 2) / whole
        return "\(permille / 10).\(permille % 10) %"
    }

    /// Eighths of a column, so that a small difference can be seen.
    static func bar(_ part: Int, of whole: Int) -> String {
        let eighths = (part * barColumns * 8 + whole / 2) / whole
        let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
        return String(repeating: "█", count: eighths / 8) + parts[eighths % 8]
    }

    private static func hex(_ number: UInt64) -> String { HexDigits.sixteen(number) }
}

public enum HexDigits {
    /// All sixteen digits of a 64-bit number.
    public static func sixteen(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }

    /// Two digits a byte.
    public static func text(_ bytes: [UInt8]) -> String {
        bytes.map { String(Unicode.Scalar(digits[Int($0 >> 4)])) + String(Unicode.Scalar(digits[Int($0 & 15)])) }.joined()
    }

    private static let digits = Array("0123456789abcdef".utf8)
}
