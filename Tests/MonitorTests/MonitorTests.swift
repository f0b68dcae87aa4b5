// What is worked out of the pages of nodes.

import Cluster
import Foundation
import Monitor
import Testing

@Suite struct MetricsSnapshotTests {
    private func snapshot(fast: Int, slow: Int, service: String? = nil) -> MetricsSnapshot {
        let label = service.map { "service=\"\($0)\"," } ?? ""
        return MetricsSnapshot(
            """
            # HELP h_seconds A time.
            h_seconds_bucket{\(label)le="0.001"} \(fast)
            h_seconds_bucket{\(label)le="0.01"} \(fast + slow)
            h_seconds_bucket{\(label)le="+Inf"} \(fast + slow)
            up{peer="a",service="b"} 1
            up{peer="c",service="d"} 0
            plain 2.5

            """)
    }

    @Test func figuresAreFoundByNameAndLabels() {
        let page = snapshot(fast: 0, slow: 0)
        #expect(page["plain"] == 2.5)
        #expect(page[#"up{peer="a",service="b"}"#] == 1)
        #expect(page.all("up") == [#"{peer="a",service="b"}"#: 1, #"{peer="c",service="d"}"#: 0])
        #expect(page["nothing"] == nil)
    }

    @Test func aHistogramWithLabelsIsOneOfItsOwn() {
        let before = snapshot(fast: 10, slow: 0, service: "session")
        let now = snapshot(fast: 109, slow: 1, service: "session")
        #expect(now.quantile(0.99, of: #"h_seconds{service="session"}"#, since: before) == 0.001)
        #expect(now.quantile(1, of: #"h_seconds{service="session"}"#, since: before) == 0.01)
        #expect(now.quantile(0.5, of: "h_seconds", since: before) == nil)
    }

    @Test func whatWasStartedAnewCountsFromItsStart() {
        let now = snapshot(fast: 3, slow: 0)
        #expect(now.distribution("h_seconds", since: snapshot(fast: 100, slow: 5)).count == 3)
    }

    @Test func distributionsOfSeveralAddUp() {
        let zero = snapshot(fast: 0, slow: 0)
        var all = snapshot(fast: 60, slow: 0).distribution("h_seconds", since: zero)
        all.add(snapshot(fast: 0, slow: 40).distribution("h_seconds", since: zero))
        #expect(all.count == 100 && all.quantile(0.6) == 0.001 && all.quantile(0.61) == 0.01)
        all.add(Distribution())
        #expect(all.count == 100)
    }

    @Test(arguments: [
        "", " ", "a", "a b", "a nan", "a inf", "a 1e999", "_bucket{le=\"1\"} 1", "x_bucket{le=\"\"} 1", "x_bucket{} 1", "x_bucket{le=} 1",
        "x_bucket{le=\"1\" 1", "le= 1", "}{ 1", "x_bucket{a=\"le=\"} 1", "\u{0}\u{FFFD} 1",
    ])
    func nothingStopsIt(line: String) {
        let page = MetricsSnapshot(line + "\n")
        #expect(page["a"] == nil)
        #expect(page.quantile(0.5, of: "x", since: page) == nil)
    }
}

@Suite struct LookPageTests {
    @Test func writerAndReaderAreMirrorImages() throws {
        let text = LookPage.text(warnings: [#"{"event":"a"}"#, "b"], metrics: "plain 1\n")
        let page = try #require(LookPage(Array(text.utf8)[...]))
        #expect(page.warnings == [#"{"event":"a"}"#, "b"])
        #expect(page.metrics["plain"] == 1)
        #expect(LookPage(Array("\n".utf8)[...]) == LookPage(Array(LookPage.text(warnings: [], metrics: "").utf8)[...]))
    }

    @Test func whatIsNoSuchPageIsRefused() {
        let many = String(repeating: "w\n", count: MonitorLimits.warningCountMax + 1) + "\n"
        let long = String(repeating: "w", count: MonitorLimits.warningBytesMax + 1) + "\n\n"
        for text in ["", "a", "a\nb", many, long] { #expect(LookPage(Array(text.utf8)[...]) == nil) }
    }
}

@Suite struct ClusterFiguresTests {
    private let map = try! ClusterMap.parse(
        """
        cluster t
        epoch 3
        store temporary
        gateway gateway-1 127.0.0.1:7101 127.0.0.1:7201 client=127.0.0.1:8080
        session session-1 127.0.0.1:7121 127.0.0.1:7221
        session session-2 127.0.0.1:7122 127.0.0.1:7222
        persistence persistence-1 127.0.0.1:7151 127.0.0.1:7251
        parser parser-1 127.0.0.1:7111 127.0.0.1:7211
        group group-1 127.0.0.1:7131 127.0.0.1:7231
        last-seen last-seen-1 127.0.0.1:7141 127.0.0.1:7241

        """)

    private func page(_ stored: Int, _ answers: Int) -> MetricsSnapshot {
        MetricsSnapshot(
            """
            fantail_ready 1
            fantail_load_level 2
            fantail_session_messages_stored_total \(stored)
            fantail_rpc_dial_failures_total 3
            fantail_rpc_peer_up{peer="gateway-1",service="gateway"} 1
            fantail_rpc_answer_seconds_bucket{service="persistence",le="0.001"} \(answers)
            fantail_rpc_answer_seconds_bucket{service="persistence",le="+Inf"} \(answers)

            """)
    }

    private func looks() -> [NodeLook] {
        map.nodes.map { node in
            node.role == .session
                ? NodeLook(now: page(30, 20), before: page(10, 0), warnings: ["{\"event\":\"link_down\",\"fault\":\"a \\\"b\\\"\"}"])
                : NodeLook(now: nil, before: nil)
        }
    }

    @Test func nodesAddUpToACluster() throws {
        let figures = ClusterFigures(map, looks(), seconds: 2)
        #expect(figures.messageRate == 20 && figures.readyCount == 2 && figures.level == 2)
        let hop = try #require(figures.hops.first)
        #expect(figures.hops.count == 1 && hop.from == .session && hop.to == .persistence)
        #expect(hop.rate == 20 && hop.median == 0.001 && hop.p99 == 0.001)
        #expect(abs(figures.shares(of: .session).reduce(0) { $0 + $1.part } - 1) < 1e-9)
        let session = try #require(figures.nodes.first { $0.node.name == "session-1" })
        #expect(session.state == .ready && session.linksUpCount == 1 && session.links.count == map.peers(of: session.node.id).count)
        #expect(session.troubles.map { "\($0.count) \($0.name)" } == ["3.0 dials that failed"])
        #expect(figures.nodes.first { $0.node.name == "parser-1" }?.state == .away)
    }

    @Test func theJSONIsOneAndSaysTheSame() throws {
        let text = ClusterFigures(map, looks(), seconds: 2).json(seenFrom: map.nodes[0], release: "0.1", stampSeconds: 1.5)
        let json = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(json["viewer"] as? String == "gateway-1" && json["messages"] as? Double == 20)
        let nodes = try #require(json["nodes"] as? [[String: Any]])
        #expect(nodes.map { $0["name"] as? String } == map.nodes.map(\.name))
        let warnings = try #require(nodes.first { $0["name"] as? String == "session-1" }?["warnings"] as? [String])
        #expect(warnings == [#"{"event":"link_down","fault":"a \"b\""}"#])
    }

    @Test func theFirstLookHasNoRates() throws {
        let first = looks().map { NodeLook(now: $0.now, before: nil) }
        let text = ClusterFigures(map, first, seconds: 0).json(seenFrom: map.nodes[0], release: "0.1", stampSeconds: 1.5)
        let json = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(json["messages"] is NSNull && (json["hops"] as? [Any])?.isEmpty == true)
    }

    @Test func aPageOfSomebodyElseDoesNoHarm() throws {
        let hostile = MetricsSnapshot("fantail_load_level 1e300\nfantail_ready -1e308\nfantail_process_resident_bytes -1e308\n")
        let looks = map.nodes.map { _ in NodeLook(now: hostile, before: hostile, warnings: ["\u{0}\u{1}\"\\\u{7F}"]) }
        let figures = ClusterFigures(map, looks, seconds: 1e-9)
        #expect(figures.level == 4)
        let text = figures.json(seenFrom: map.nodes[0], release: "0.1", stampSeconds: 1.5)
        #expect(try JSONSerialization.jsonObject(with: Data(text.utf8)) is [String: Any])
    }
}
