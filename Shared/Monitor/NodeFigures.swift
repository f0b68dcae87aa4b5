// What one node does, worked out of two looks at it: the same for `fantail top` and for the page /status.

import Cluster

/// One node between two looks.
public struct NodeLook: Equatable, Sendable {
    /// Nil: it did not answer.
    public var now: MetricsSnapshot?
    /// The look before; nil: there was none.
    public var before: MetricsSnapshot?
    /// Its last warnings, lines of its log, the oldest first.
    public var warnings: [String]

    public init(now: MetricsSnapshot?, before: MetricsSnapshot?, warnings: [String] = []) {
        self.now = now
        self.before = before
        self.warnings = warnings
    }

    /// The next look, with this one before it.
    public func followed(by next: LookPage?) -> NodeLook {
        NodeLook(now: next?.metrics, before: now, warnings: next?.warnings ?? warnings)
    }
}

/// A figure of a node's own work.
public struct WorkFigure: Equatable, Sendable {
    public enum Unit: String, Sendable {
        case count
        /// A second.
        case rate
        /// Bytes a second.
        case bytes
        /// Seconds.
        case time
    }

    public var name: String
    /// Nil: nothing to compare with yet, or nothing was measured.
    public var value: Double?
    public var unit: Unit
}

/// What is shown of a node.
public struct NodeFigures: Equatable, Sendable {
    public enum State: String, Sendable {
        case ready
        case unready
        case away
    }

    public struct Link: Equatable, Sendable {
        public var peer: Node
        public var isUp: Bool
    }

    public struct Trouble: Equatable, Sendable {
        public var name: String
        public var count: Double
    }

    public var node: Node
    public var state: State
    /// Of load, 0 to 4.
    public var level: Int
    /// An operator holds the level.
    public var isPinned: Bool
    /// Seconds since 1970 at which the process was started.
    public var startedAt: Double?
    /// Part of one processor.
    public var cpu: Double?
    public var memoryBytes: Double
    /// How long work waited for its turn, seconds.
    public var waitMedian: Double?
    public var wait99: Double?
    /// How long a turn of the loop took, seconds.
    public var turn99: Double?
    /// Of the peers it should have, whom it reaches.
    public var links: [Link]
    public var work: [WorkFigure]
    /// Since the process was started: links that broke a rule, dials and calls that failed, connections cut, messages refused.
    public var troubles: [Trouble]

    public init(_ node: Node, _ look: NodeLook, _ map: ClusterMap, seconds: Double) {
        self.node = node
        guard let now = look.now else {
            state = .away
            level = 0
            isPinned = false
            memoryBytes = 0
            links = []
            work = []
            troubles = []
            return
        }
        let before = look.before
        state = now["fantail_ready"] == 1 ? .ready : .unready
        level = Int(min(4, max(0, now["fantail_load_level"] ?? 0)))
        isPinned = now["fantail_load_pinned"] == 1
        startedAt = now["fantail_process_start_time_seconds"]
        if let before, seconds > 0 { cpu = now.gain("fantail_process_cpu_seconds_total", since: before) / seconds }
        memoryBytes = now["fantail_process_resident_bytes"] ?? 0
        let waits = now.distribution("fantail_load_wait_seconds", since: before ?? now)
        waitMedian = waits.quantile(0.5)
        wait99 = waits.quantile(0.99)
        turn99 = now.quantile(0.99, of: "fantail_loop_tick_seconds", since: before ?? now)
        links = map.peers(of: node.id).map { Link(peer: $0, isUp: now["fantail_rpc_peer_up{peer=\"\($0.name)\",service=\"\($0.role.name)\"}"] == 1) }
        work = Self.work(node.role, now, before, seconds)
        troubles = Self.troubleNames.compactMap { name, figures in
            let count = figures.reduce(0) { $0 + (now[$1] ?? 0) }
            return count > 0 ? Trouble(name: name, count: count) : nil
        }
    }

    public var linksUpCount: Int { links.count { $0.isUp } }

    /// What a node of this role is there for, in its own figures.
    private static func work(_ role: Role, _ now: MetricsSnapshot, _ before: MetricsSnapshot?, _ seconds: Double) -> [WorkFigure] {
        func has(_ figure: String, _ name: String) -> WorkFigure { WorkFigure(name: name, value: now[figure] ?? 0, unit: .count) }
        func does(_ figure: String, _ name: String, _ unit: WorkFigure.Unit = .rate) -> WorkFigure {
            guard let before, seconds > 0 else { return WorkFigure(name: name, value: nil, unit: unit) }
            return WorkFigure(name: name, value: now.gain(figure, since: before) / seconds, unit: unit)
        }
        switch role {
        case .gateway:
            return [
                has("fantail_gateway_connections", "clients"), does("fantail_gateway_frames_received_total", "frames in"),
                does("fantail_gateway_frames_sent_total", "frames out"),
            ]
        case .parser:
            return [does("fantail_parser_frames_total", "frames"), does("fantail_parser_messages_routed_total", "messages")]
        case .session:
            return [
                has("fantail_session_users", "users"), does("fantail_session_messages_stored_total", "messages"),
                does("fantail_session_entries_pushed_total", "deliveries"),
            ]
        case .group:
            return [
                has("fantail_group_groups", "groups"), does("fantail_group_messages_stored_total", "messages"),
                does("fantail_group_deliveries_total", "deliveries"),
            ]
        case .lastSeen:
            return [
                has("fantail_last_seen_users_online", "online"), does("fantail_last_seen_acts_total", "acts"),
                does("fantail_last_seen_pushes_total", "pushes"),
            ]
        case .persistence:
            let commit = now.quantile(0.99, of: "fantail_persistence_commit_seconds", since: before ?? now)
            return [
                has("fantail_persistence_queue_requests", "wait"), does("fantail_persistence_syncs_total", "syncs"),
                WorkFigure(name: "commit p99", value: commit, unit: .time),
            ]
        case .api:
            return [
                has("fantail_api_requests_waiting", "in work"), does("fantail_api_requests_total", "requests"),
                does("fantail_api_requests_refused_total", "refused"),
            ]
        case .media:
            return [
                does("fantail_media_links_total", "links"), does("fantail_media_bytes_in_total", "in", .bytes),
                does("fantail_media_bytes_out_total", "out", .bytes),
            ]
        }
    }

    private static let troubleNames: [(String, [String])] = [
        ("links that broke a rule", ["fantail_rpc_link_faults_total"]),
        ("dials that failed", ["fantail_rpc_dial_failures_total"]),
        ("calls without an answer", ["fantail_rpc_calls_timed_out_total"]),
        ("calls refused, way full", ["fantail_rpc_calls_refused_here_total"]),
        ("connections cut", ["fantail_sockets_cut_total"]),
        ("pauses without descriptors", ["fantail_accept_pauses_total"]),
        ("messages refused", ["fantail_load_work_total{class=\"messages\",outcome=\"refused\"}"]),
        ("commits that failed", ["fantail_persistence_failures_total"]),
        ("log lines dropped", ["fantail_log_lines_dropped_total"]),
    ]
}
