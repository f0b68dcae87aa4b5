// What the loop knows about itself, and the pages it makes of it.

import CoreKit
import Messages
import Monitor
import Primitives
import RPC
import TLS

/// Figures that the loop keeps about its own work.
struct LoopFigures {
    /// From the end of waiting to the next waiting.
    var tick = Histogram()
    /// How much later than its deadline a timer could run.
    var lag = Histogram()
    /// Indexed by `SocketKind`.
    var acceptedCounts: [UInt64] = [0, 0, 0]
    var acceptPauseCount: UInt64 = 0
    var dialFailureCount: UInt64 = 0
    /// Cluster files taken up, and refused; and why the last one was.
    var reloadCount: UInt64 = 0
    var reloadRefusedCount: UInt64 = 0
    var reloadRefusal: String?
    /// The last time that accepting was paused.
    var pausedAt: Instant?
}

extension ServiceLoop {
    /// The page that was asked for.
    func page(_ request: AdminRequest, _ now: Now) -> AdminAnswer {
        switch request {
        case .home: AdminAnswer(302, .text, "The page is at /status\n", location: "/status")
        case .file(let name): StatusFiles.answer(name)
        case .status: AdminAnswer(200, .json, gather.json ?? "{}")
        case .look: AdminAnswer(200, .text, lookPage(now))
        case .metrics: AdminAnswer(200, .metrics, metrics(now))
        case .health: AdminAnswer(200, .text, "ok\n")
        case .readiness: status.readinessAnswer
        case .peers: status.peersAnswer
        case .load, .pin: AdminAnswer(200, .json, loadPage)
        case .cluster, .reload: AdminAnswer(200, .json, clusterPage())
        case .backup, .startBackup:
            setup.store.map { AdminAnswer(200, .json, backupPage($0.backup)) } ?? AdminAnswer(404, .text, "This node keeps no store.\n")
        case .trace(let key): AdminAnswer(200, .jsonLines, trace.lines(for: key, node: setup.node.name))
        }
    }

    private var status: NodeStatus {
        NodeStatus(
            cluster: setup.cluster.name, epoch: setup.cluster.epoch, service: setup.node.role.name, node: setup.node.name,
            startedAt: setup.startedAt, unreadiness: departureSentence ?? node.core.unreadiness,
            peers: node.mesh.peerStates.map { .init(name: $0.peer.name, service: $0.peer.service, isUp: $0.isUp) })
    }

    /// One flat object, so that the simplest of readers will do.
    private var loadPage: String {
        let load = node.core.load
        var members = [
            "\"node\":\(PlainText.json(setup.node.name))", "\"level\":\(load.effective.level.rawValue)",
            "\"admit_permille\":\(load.effective.admitPermille)", "\"own_level\":\(load.own.level.rawValue)",
            "\"worst_level\":\(load.worst.level.rawValue)", "\"pinned\":\(load.pinned == nil ? "false" : "true")",
            "\"wait_us\":\(load.wait.microseconds)", "\"changes\":\(load.changes)",
        ]
        for work in WorkClass.allCases {
            for outcome in WorkOutcome.allCases { members.append("\"\(work.name)_\(outcome.name)\":\(load.counts[work, outcome])") }
        }
        return "{\(members.joined(separator: ","))}\n"
    }

    private func backupPage(_ backup: BackupState) -> String {
        switch backup {
        case .none: "{\"state\":\"none\"}\n"
        case .wanted: "{\"state\":\"running\",\"left\":1,\"all\":1}\n"
        case .running(_, let left, let all): "{\"state\":\"running\",\"left\":\(left),\"all\":\(all)}\n"
        case .done(let path): "{\"state\":\"done\",\"path\":\(PlainText.json(path))}\n"
        case .failed(let text): "{\"state\":\"failed\",\"error\":\(PlainText.json(text))}\n"
        }
    }

    /// What the status page of another node needs of this one.
    func lookPage(_ now: Now) -> String { LookPage.text(warnings: log.warnings, metrics: metrics(now)) }

    private func metrics(_ now: Now) -> String {
        var page = MetricsPage()
        page.gauge(
            "fantail_build_info", "The release, the service and the node; always 1.", 1,
            labels: ["version": FantailVersion.text, "service": setup.node.role.name, "node": setup.node.name])
        page.gauge("fantail_cluster_epoch", "Epoch of the cluster file in use.", Int(setup.cluster.epoch))
        page.gauge("fantail_cluster_epoch_heard", "The highest epoch that this process or a peer of it goes by.", Int(clamping: node.mesh.epochHeard))
        page.counter("fantail_cluster_reloads_total", "Cluster files taken up since the start.", figures.reloadCount)
        page.counter("fantail_cluster_reloads_refused_total", "Cluster files that were not taken up.", figures.reloadRefusedCount)
        page.gauge("fantail_cluster_draining", "1 while this node is to leave.", setup.node.isDraining ? 1 : 0)
        page.gauge("fantail_cluster_holding", "1 while a node holds something that is to move before it may be stopped.", node.core.remainder == nil ? 0 : 1)
        page.counter(
            "fantail_cluster_moved_total",
            "Messages of peers with an older cluster file that were passed on to the new owner, or refused for it.", node.movedCount)
        page.gauge(
            "fantail_ready", "1 when the service can do its work.", status.unreadiness == nil ? 1 : 0)
        node.core.report(into: &page)
        node.core.load.report(into: &page)
        reportMesh(into: &page)
        reportSockets(into: &page)
        if !certificates.isEmpty { reportTLS(into: &page) }
        reportProcess(into: &page, now)
        return page.text
    }

    private func reportMesh(into page: inout MetricsPage) {
        let counters = node.mesh.counters
        for (peer, isUp) in node.mesh.peerStates {
            page.gauge(
                "fantail_rpc_peer_up", "1 while the link to a peer is open and heard.", isUp ? 1 : 0,
                labels: ["peer": peer.name, "service": peer.service])
        }
        reportAnswerTimes(into: &page)
        page.gauge("fantail_rpc_calls_in_flight", "Calls that wait for their answer.", node.mesh.callsInFlight)
        page.counter("fantail_rpc_frames_received_total", "Frames from peers.", counters.framesReceived)
        page.counter("fantail_rpc_calls_made_total", "Calls made to peers.", counters.callsMade)
        page.counter("fantail_rpc_calls_timed_out_total", "Calls that nobody answered in time.", counters.callsTimedOut)
        page.counter(
            "fantail_rpc_calls_refused_here_total", "Calls refused because the way to the peer was full.",
            counters.callsRefusedHere)
        page.counter(
            "fantail_rpc_one_ways_dropped_total", "One-way messages for peers that were down.", counters.oneWaysDropped)
        page.counter("fantail_rpc_link_faults_total", "Links closed because the other side broke a rule.", counters.faults)
        page.counter("fantail_rpc_dial_failures_total", "Connections to peers that did not come about.", figures.dialFailureCount)
    }

    /// By service and not by peer: a cluster has few of these, and the slowest of them is seen all the same.
    private func reportAnswerTimes(into page: inout MetricsPage) {
        var times: [(service: String, times: Histogram)] = []
        for (peer, more) in node.mesh.answerTimes {
            if let index = times.firstIndex(where: { $0.service == peer.service }) {
                times[index].times.add(more)
            } else {
                times.append((peer.service, more))
            }
        }
        for (service, times) in times where times.count > 0 {
            page.histogram("fantail_rpc_answer_seconds", "From a call to its answer.", times, labels: ["service": service])
        }
    }

    private func reportSockets(into page: inout MetricsPage) {
        let kinds: [(SocketKind, String)] = [(.peer, "peer"), (.client, "client"), (.admin, "admin")]
        for (kind, name) in kinds {
            page.gauge("fantail_sockets", "Open connections.", sockets.count(kind), labels: ["kind": name])
        }
        for (kind, name) in kinds {
            page.counter(
                "fantail_sockets_accepted_total", "Connections accepted.", figures.acceptedCounts[Int(kind.rawValue)],
                labels: ["kind": name])
        }
        let counters = sockets.counters
        page.counter("fantail_socket_received_bytes_total", "Bytes read from sockets.", counters.bytesReceived)
        page.counter("fantail_socket_sent_bytes_total", "Bytes written to sockets.", counters.bytesSent)
        page.counter("fantail_socket_reads_total", "Calls that read.", counters.readCount)
        page.counter("fantail_socket_writes_total", "Calls that wrote.", counters.writeCount)
        page.counter("fantail_sockets_cut_total", "Connections cut because they did not read.", counters.cutCount)
        page.counter("fantail_accept_pauses_total", "Times that nobody was accepted for lack of descriptors.", figures.acceptPauseCount)
    }

    private func reportTLS(into page: inout MetricsPage) {
        let handshakes = sockets.handshakes
        let kinds: [(SocketKind, String)] = [(.peer, "peer"), (.client, "client")]
        page.gauge("fantail_tls_handshakes", "TLS handshakes under way.", handshakes.count)
        for (kind, name) in kinds {
            page.counter(
                "fantail_tls_handshakes_total", "TLS handshakes that were done.", handshakes.finished[Int(kind.rawValue)], labels: ["kind": name])
        }
        for (kind, name) in kinds {
            for reason in TLSFailure.Reason.allCases {
                page.counter(
                    "fantail_tls_handshakes_failed_total", "TLS handshakes that failed.", handshakes.failed[Int(kind.rawValue)][reason] ?? 0,
                    labels: ["kind": name, "reason": reason.rawValue])
            }
        }
        for state in certificates.states {
            page.gauge(
                "fantail_tls_certificate_expiry_time_seconds", "When the certificate in use is over, seconds since 1970.",
                Int(state.expirySeconds), labels: ["use": state.use.rawValue])
        }
        for state in certificates.states {
            page.gauge(
                "fantail_tls_certificate_refused", "1 while the files are no good and the former certificate is in use.", state.isRefused ? 1 : 0,
                labels: ["use": state.use.rawValue])
        }
        page.counter(
            "fantail_tls_certificates_refused_total", "Times that new files of certificates were no good, and the former ones stayed.",
            certificates.refusedCount)
    }

    private func reportConnection(_ figures: ConnectionFigures, into page: inout MetricsPage) {
        page.counter("fantail_store_round_trips_total", "Times that the database was waited for.", figures.roundTripCount)
        page.counter("fantail_store_reconnects_total", "Connections to the database after the first one.", figures.reconnectCount)
        page.counter(
            "fantail_store_repeated_batches_total", "Batches done again because a message was known already.", figures.repeatedCount)
        page.gauge("fantail_store_connected", "1 while the database is connected.", figures.isConnected ? 1 : 0)
        page.gauge(
            "fantail_store_fenced", "1 when another process took this partition over: nothing is written here any more.",
            figures.isFenced ? 1 : 0)
    }

    private func reportProcess(into page: inout MetricsPage, _ now: Now) {
        page.histogram("fantail_loop_tick_seconds", "Work between two waits of the loop.", figures.tick)
        page.histogram("fantail_loop_lag_seconds", "How late timers ran.", figures.lag)
        page.counter(
            "fantail_process_cpu_seconds_total", "CPU time, user and kernel.", microseconds: UInt64(SystemCalls.cpuMicroseconds()))
        page.gauge("fantail_process_resident_bytes", "Memory in use.", SystemCalls.residentBytes())
        page.gauge("fantail_process_open_descriptors", "Open descriptors.", SystemCalls.openDescriptorCount())
        page.gauge("fantail_process_descriptors_max", "Descriptors that may be open.", setup.descriptorCountMax)
        page.gauge(
            "fantail_process_start_time_seconds", "Start of the process, seconds since 1970.", Int(setup.startedAt.seconds))
        page.gauge(
            "fantail_process_uptime_seconds", "Age of the process.",
            Int(max(0, now.stamp.seconds - setup.startedAt.seconds)))
        page.counter("fantail_log_lines_dropped_total", "Lines that stderr did not take.", log.droppedCount)
        if let store = setup.store {
            page.counter(
                "fantail_store_idle_failures_total", "Times that the engine could not tidy up.", store.idleFailureCount)
            page.counter(
                "fantail_store_inline_commits_total", "Batches that the loop carried out without the writer thread.",
                store.inlineCount)
            if let figures = store.figures { reportConnection(figures, into: &page) }
        }
    }
}
