// The cluster at work, as `fantail top` shows it: two looks at the metrics of every node, and what lies between them.

import Cluster

/// The page /metrics of a node, read once. Labels stay part of the name.
public struct MetricsSnapshot: Equatable, Sendable {
    private let figures: [String: Double]

    /// - Complexity: O(page).
    public init(_ page: String) {
        var figures: [String: Double] = [:]
        for line in page.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
            guard let blank = line.lastIndex(of: " "), let value = Double(line[line.index(after: blank)...]) else { continue }
            figures[String(line[..<blank])] = value
        }
        self.figures = figures
    }

    public subscript(name: String) -> Double? { figures[name] }

    /// What came to a counter since `earlier`; 0 when the process was started anew in between.
    public func gain(_ name: String, since earlier: MetricsSnapshot) -> Double {
        guard let now = figures[name], let then = earlier[name] else { return 0 }
        return max(0, now - then)
    }

    /// Below which this part of what a histogram saw since `earlier` lies, as its buckets tell; nil: it saw nothing.
    /// - Parameter part: 0...1.
    /// - Complexity: O(names of the page).
    public func quantile(_ part: Double, of name: String, since earlier: MetricsSnapshot) -> Double? {
        let prefix = "\(name)_bucket{le=\""
        var buckets: [(bound: Double, count: Double)] = []
        for key in figures.keys where key.hasPrefix(prefix) {
            let text = key.dropFirst(prefix.count).prefix { $0 != "\"" }
            buckets.append((text == "+Inf" ? .infinity : Double(text) ?? .infinity, gain(key, since: earlier)))
        }
        buckets.sort { $0.bound < $1.bound }
        guard let all = buckets.last?.count, all > 0 else { return nil }
        return buckets.first { $0.count >= all * part }?.bound
    }
}

/// One node between two looks.
public struct NodeLook: Equatable, Sendable {
    /// Nil: it did not answer.
    public var now: MetricsSnapshot?
    /// The look before; nil: there was none.
    public var before: MetricsSnapshot?

    public init(now: MetricsSnapshot?, before: MetricsSnapshot?) {
        self.now = now
        self.before = before
    }
}

/// The table of `fantail top`.
public enum TopReport {
    /// - Parameters:
    ///   - looks: for each node of the map, in its order.
    ///   - seconds: between the two looks.
    public static func rows(_ map: ClusterMap, _ looks: [NodeLook], seconds: Double) -> [Row] {
        var table = TextTable(["NODE", "STATE", "CPU", "MEMORY", "WAIT p99", "PEERS", "WORK"], rightAligned: [2, 3, 4, 5])
        for (node, look) in zip(map.nodes, looks) { table.add(cells(node, look, map, seconds)) }
        return [head(map, looks, seconds), Row()] + table.lines
    }

    private static func head(_ map: ClusterMap, _ looks: [NodeLook], _ seconds: Double) -> Row {
        let ready = looks.count { $0.now?["fantail_ready"] == 1 }
        let clients = sum(looks, "fantail_gateway_connections")
        let level = Int(looks.compactMap { $0.now?["fantail_load_level"] }.max() ?? 0)
        var row = Row(
            Span("\(map.name)", .bold), Span(", epoch \(map.epoch), \(map.storageMode.rawValue): "),
            Span("\(ready) of \(looks.count) ready", ready == looks.count ? .green : .red),
            Span(", \(whole(clients)) clients, \(rate(sumOfGains(looks, "fantail_session_messages_stored_total"), seconds)) messages"),
            Span(", \(rate(sumOfGains(looks, "fantail_session_entries_pushed_total"), seconds)) deliveries"))
        if level > 0 { row.spans.append(Span(", \(LoadReport.meanings[min(level, 4)])", .yellow)) }
        return row
    }

    private static func cells(_ node: Node, _ look: NodeLook, _ map: ClusterMap, _ seconds: Double) -> [Span] {
        guard let now = look.now else {
            return [Span(node.name, .bold), Span("no answer", .red)] + [Span](repeating: Span("-"), count: 4) + [Span("")]
        }
        let before = look.before ?? now
        let level = Int(now["fantail_load_level"] ?? 0)
        let state = now["fantail_ready"] != 1 ? Span("not ready", .yellow) : level > 0 ? Span("level \(level)", .yellow) : Span("ready", .green)
        let peers = map.peers(of: node.id)
        let up = peers.count { now["fantail_rpc_peer_up{peer=\"\($0.name)\",service=\"\($0.role.name)\"}"] == 1 }
        let wait = now.quantile(0.99, of: "fantail_load_wait_seconds", since: before)
        return [
            Span(node.name, .bold), state,
            Span(percent(now.gain("fantail_process_cpu_seconds_total", since: before), of: seconds)),
            Span("\(whole((now["fantail_process_resident_bytes"] ?? 0) / 1_048_576)) MiB"),
            Span(wait.map { milliseconds($0) } ?? "-"), Span("\(up)/\(peers.count)", up == peers.count ? .plain : .red),
            Span(work(node.role, now, before, seconds)),
        ]
    }

    /// What a node of this role is there for, in its own figures.
    private static func work(_ role: Role, _ now: MetricsSnapshot, _ before: MetricsSnapshot, _ seconds: Double) -> String {
        func has(_ name: String) -> String { whole(now[name] ?? 0) }
        func does(_ name: String) -> String { rate(now.gain(name, since: before), seconds) }
        switch role {
        case .gateway:
            return "\(has("fantail_gateway_connections")) clients, \(does("fantail_gateway_frames_received_total")) frames in, "
                + "\(does("fantail_gateway_frames_sent_total")) out"
        case .parser: return "\(does("fantail_parser_frames_total")) frames, \(does("fantail_parser_messages_routed_total")) messages"
        case .session:
            return "\(has("fantail_session_users")) users, \(does("fantail_session_messages_stored_total")) messages, "
                + "\(does("fantail_session_entries_pushed_total")) deliveries"
        case .group:
            return "\(has("fantail_group_groups")) groups, \(does("fantail_group_messages_stored_total")) messages, "
                + "\(does("fantail_group_deliveries_total")) deliveries"
        case .lastSeen:
            return "\(has("fantail_last_seen_users_online")) online, \(does("fantail_last_seen_acts_total")) acts, "
                + "\(does("fantail_last_seen_pushes_total")) pushes"
        case .persistence:
            let commit = now.quantile(0.99, of: "fantail_persistence_commit_seconds", since: before)
            return "\(has("fantail_persistence_queue_requests")) wait, \(does("fantail_persistence_syncs_total")) syncs"
                + (commit.map { ", commit p99 \(milliseconds($0))" } ?? "")
        case .media:
            return "\(does("fantail_media_links_total")) links, \(bytes(now.gain("fantail_media_bytes_in_total", since: before), seconds)) in, "
                + "\(bytes(now.gain("fantail_media_bytes_out_total", since: before), seconds)) out"
        }
    }

    // MARK: Words

    private static func sum(_ looks: [NodeLook], _ name: String) -> Double { looks.reduce(0) { $0 + ($1.now?[name] ?? 0) } }

    private static func sumOfGains(_ looks: [NodeLook], _ name: String) -> Double {
        looks.reduce(0) { sum, look in
            guard let now = look.now, let before = look.before else { return sum }
            return sum + now.gain(name, since: before)
        }
    }

    private static func whole(_ number: Double) -> String { "\(Int(number.rounded()))" }

    /// A second; below ten with a digit behind the point.
    private static func rate(_ gain: Double, _ seconds: Double) -> String {
        guard seconds > 0 else { return "0/s" }
        let tenths = Int((gain / seconds * 10).rounded())
        return tenths >= 100 || tenths % 10 == 0 ? "\((tenths + 5) / 10)/s" : "\(tenths / 10).\(tenths % 10)/s"
    }

    private static func bytes(_ gain: Double, _ seconds: Double) -> String {
        guard seconds > 0 else { return "0 KiB/s" }
        let kib = Int((gain / seconds / 1_024).rounded())
        return kib < 10 * 1_024 ? "\(kib) KiB/s" : "\(kib / 1_024) MiB/s"
    }

    private static func percent(_ part: Double, of whole: Double) -> String {
        whole > 0 ? "\(Int((part / whole * 100).rounded())) %" : "-"
    }

    private static func milliseconds(_ seconds: Double) -> String {
        guard seconds.isFinite else { return "> 27 s" }
        let hundredths = Int((seconds * 100_000).rounded())
        return hundredths >= 1_000 ? "\(hundredths / 100) ms" : "\(hundredths / 100).\(hundredths % 100 / 10)\(hundredths % 10) ms"
    }
}
