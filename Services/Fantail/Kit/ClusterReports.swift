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
        if !health.contains(where: \.isUp) { rows.append(Row(Span("Nothing runs here; start it with deploy/run.sh"))) }
        return rows
    }
}

/// The table of `fantail ring`.
public enum RingReport {
    private static let barColumns = 24

    /// - Parameters:
    ///   - role: one with a ring.
    ///   - health: for each node of the role, in its order.
    public static func rows(_ map: ClusterMap, role: Role, _ health: [NodeHealth]) -> [Row] {
        let table = map.ring(of: role).table
        let shares = table.shares
        let largest = max(1, shares.max() ?? 1)
        var text = TextTable(["NODE", "STATE", "WEIGHT", "SLOTS", "SHARE", ""], rightAligned: [2, 3, 4])
        for (index, node) in map.nodes(of: role).enumerated() {
            let state = health[index].isReady ? Span("up", .green) : health[index].isUp ? Span("not ready", .yellow) : Span("down", .red)
            text.add([
                Span(node.name, .bold), state, Span("\(node.weight)"), Span("\(shares[index])"),
                Span(percent(shares[index], of: RingLimits.slotCount)), Span(bar(shares[index], of: largest), .blue),
            ])
        }
        let title = "\(role.name) ring of \(map.name): epoch \(map.epoch), \(RingLimits.slotCount) slots, table \(hex(table.fingerprint))"
        return [Row(Span(title))] + text.lines
    }

    /// Who serves a user: the owner first, then its stand-ins.
    public static func row(of user: String, _ map: ClusterMap, role: Role, _ health: [NodeHealth]) -> Row {
        let ring = map.ring(of: role)
        let slot = ring.slot(of: Array(user.utf8))
        let order = ring.table.preferenceOrder(of: slot)
        var row = Row(Span(user, .bold), Span(": slot \(slot), "))
        for (rank, index) in order.enumerated() {
            if rank > 0 { row.spans.append(Span(" → ", .dim)) }
            let isUp = health[index].isReady
            row.spans.append(Span(map.nodes(of: role)[index].name + (isUp ? "" : " (away)"), isUp ? .green : .red))
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
