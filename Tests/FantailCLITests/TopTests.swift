import Cluster
import FantailCLI
import Monitor
import Testing

@Suite struct TopTests {
    private let map = try! ClusterMap.parse(
        """
        cluster t
        epoch 3
        store temporary
        gateway gateway-1 127.0.0.1:7101 127.0.0.1:7201 client=127.0.0.1:8080
        session session-1 127.0.0.1:7121 127.0.0.1:7221
        persistence persistence-1 127.0.0.1:7151 127.0.0.1:7251
        parser parser-1 127.0.0.1:7111 127.0.0.1:7211
        group group-1 127.0.0.1:7131 127.0.0.1:7231
        last-seen last-seen-1 127.0.0.1:7141 127.0.0.1:7241

        """)

    private func page(_ stored: Int, cpu: Double, fast: Int, slow: Int) -> MetricsSnapshot {
        MetricsSnapshot(
            """
            # HELP fantail_ready Whether.
            fantail_ready 1
            fantail_load_level 0
            fantail_session_users 7
            fantail_session_messages_stored_total \(stored)
            fantail_process_cpu_seconds_total \(cpu)
            fantail_process_resident_bytes 10485760
            fantail_load_wait_seconds_bucket{le="0.0001"} \(fast)
            fantail_load_wait_seconds_bucket{le="0.01"} \(fast + slow)
            fantail_load_wait_seconds_bucket{le="+Inf"} \(fast + slow)
            fantail_rpc_peer_up{peer="gateway-1",service="gateway"} 1
            fantail_rpc_peer_up{peer="parser-1",service="parser"} 1
            fantail_rpc_peer_up{peer="persistence-1",service="persistence"} 0
            """)
    }

    @Test func whatLiesBetweenTwoLooks() {
        let before = page(100, cpu: 1, fast: 50, slow: 0)
        let now = page(150, cpu: 1.5, fast: 149, slow: 1)
        #expect(now.gain("fantail_session_messages_stored_total", since: before) == 50)
        #expect(now.gain("nothing", since: before) == 0)
        #expect(before.gain("fantail_session_messages_stored_total", since: now) == 0, "started anew")
        #expect(now.quantile(0.99, of: "fantail_load_wait_seconds", since: before) == 0.0001)
        #expect(now.quantile(1, of: "fantail_load_wait_seconds", since: before) == 0.01)
        #expect(now.quantile(0.99, of: "fantail_load_wait_seconds", since: now) == nil)
        #expect(now.quantile(0.99, of: "nothing", since: before) == nil)
    }

    @Test func aTableOfNodes() {
        let look = NodeLook(now: page(150, cpu: 1.5, fast: 60, slow: 1), before: page(100, cpu: 1, fast: 50, slow: 0))
        let away = NodeLook(now: nil, before: nil)
        let rows = TopReport.rows(map, [away, away, look, away, away, away], seconds: 2).map(\.text)
        #expect(rows[0] == "t, epoch 3, temporary: 1 of 6 ready, 0 clients, 25/s messages, 0/s deliveries")
        #expect(rows.contains { $0.hasPrefix("gateway-1") && $0.contains("no answer") })
        let session = rows.first { $0.hasPrefix("session-1") }!
        for part in ["ready", "25 %", "10 MiB", "10 ms", "2/5", "7 users, 25/s messages, 0/s deliveries"] { #expect(session.contains(part)) }
    }

    @Test func theFirstLookHasNothingToCompareWith() {
        let look = NodeLook(now: page(150, cpu: 1.5, fast: 60, slow: 1), before: nil)
        let rows = TopReport.rows(map, [NodeLook](repeating: look, count: 6), seconds: 0).map(\.text)
        #expect(rows[0].hasPrefix("t, epoch 3, temporary: 6 of 6 ready"))
        #expect(rows.allSatisfy { !$0.contains("nan") && !$0.contains("inf") })
    }
}
