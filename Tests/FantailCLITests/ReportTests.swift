import Cluster
import FantailCLI
import Primitives
import Testing

@Suite struct ReportTests {
    let map = try! ClusterMap.local(LocalCounts(gateways: 1, parsers: 1, sessions: 3, groups: 1, lastSeens: 1))
    let up = NodeHealth(isUp: true, isReady: true, sentence: "ready", pid: 42, uptimeSeconds: 61)
    let down = NodeHealth(isUp: false, isReady: false, sentence: "connection refused")

    @Test func theRingShowsSharesAndStates() {
        let rows = RingReport.rows(map, role: .session, [up, down, NodeHealth(isUp: true, isReady: false, sentence: "waits")])
        #expect(rows.count == 5)
        #expect(rows[0].text.hasPrefix("session ring of local: epoch 1, 65536 slots, table "))
        #expect(rows[2].text.hasPrefix("session-1  up") && rows[3].text.hasPrefix("session-2  down") && rows[4].text.hasPrefix("session-3  not ready"))
        let slots = rows[2...].map { Int($0.text.split(separator: " ").first { Int($0) ?? 0 > 1_000 } ?? "0")! }
        #expect(slots.reduce(0, +) == 65_536)
        #expect(rows[2...].allSatisfy { $0.text.contains(" 33.") && $0.text.contains("███████████████████████") })
    }

    @Test func aUserHasAnOwnerAndStandIns() {
        let row = RingReport.row(of: "ana", map, role: .session, [up, up, up])
        let owner = map.node(map.ring(of: .session).owner(ofKey: Array("ana".utf8)))?.name ?? "nobody"
        #expect(row.text.hasPrefix("ana: slot \(map.ring(of: .session).slot(of: Array("ana".utf8))), \(owner) → "))
        #expect(RingReport.row(of: "ana", map, role: .session, [down, down, down]).text.contains("\(owner) (away) → "))
    }

    @Test func theStatusTellsWhoIsNotReadyAndWhy() {
        var health = map.nodes.map { _ in up }
        health[2] = down
        health[3] = NodeHealth(isUp: true, isReady: false, sentence: "waiting for persistence-1")
        let text = StatusReport.rows(map, health).map(\.text)
        #expect(text[1].contains("gateway-1") && text[1].contains("42  1 min 1 s  ready"))
        #expect(text[3].hasSuffix("down: connection refused"))
        #expect(text[4].hasSuffix("not ready: waiting for persistence-1"))
        #expect(text.last == "6 of 8 nodes are ready; cluster local, epoch 1, temporary.")
        let silence = StatusReport.rows(map, map.nodes.map { _ in down }).last?.text
        #expect(silence == "No node answers on its admin port. On one machine, deploy/run.sh starts them.")
    }

    @Test func aTraceIsToldInTheOrderOfTime() throws {
        let lines = [
            #"{"time_us":1795465860001500,"node":"session-2","stage":"stored","detail":17}"#,
            #"{"detail":0,"stage":"parsed","node":"parser-1","time_us":1795465860000000,"more":true}"#,
        ]
        let rows = TraceReport.rows(try lines.map { try #require(TraceStep(json: $0)) }, clock: utc).map(\.text)
        #expect(rows.count == 3)
        #expect(rows[1].hasPrefix("20:31:00.000000  0.000 ms  0.000 ms  parser-1   decoded and checked"))
        #expect(rows[2].hasPrefix("20:31:00.001500  1.500 ms  1.500 ms  session-2  number 17 of the inbox"))
    }

    @Test(arguments: ["", "{}", "[]", #"{"time_us":1}"#, #"{"time_us":-1,"node":"a","stage":"b"}"#, #"{"time_us":1,"node":"a","stage":"b"} x"#, #"{"time_us":1,"node":{},"stage":"b"}"#, #"{"time_us":1,"node":"a"#])
    func otherLinesAreNoSteps(line: String) { #expect(TraceStep(json: line) == nil) }

    @Test func anAdminAnswerIsTakenApart() throws {
        let ready = try #require(AdminAnswer(Array("HTTP/1.1 200 OK\r\nA: b\r\n\r\n# HELP x\nfantail_process_start_time_seconds 12.5\nother{a=\"b\"} 3\n".utf8)))
        #expect(ready.status == 200)
        #expect(ready.figure(endingWith: "process_start_time_seconds") == 12.5)
        #expect(ready.figure(endingWith: "other") == 3)
        #expect(ready.figure(endingWith: "nothing") == nil)
        let no = try #require(AdminAnswer(Array("HTTP/1.1 503 Service Unavailable\r\n\r\n{\"ready\":false,\"reason\":\"waiting for persistence-1\"}\n".utf8)))
        #expect(no.status == 503 && no.sentence == "waiting for persistence-1")
        #expect(try #require(AdminAnswer(Array("HTTP/1.1 401 Unauthorized\r\n\r\nThe token has \u{1B}expired.\n".utf8))).sentence == "The token has �expired.")
        for bad in ["", "HTTP/1.1 200 OK\r\n", "SSH-2.0\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 99 x\r\n\r\n"] { #expect(AdminAnswer(Array(bad.utf8)) == nil) }
    }
}

@Suite struct LocalPlanTests {
    func arguments(_ words: String...) throws -> Arguments { try Arguments(words, options: LocalPlan.options) }

    @Test func theDefaultIsTheSmallCluster() throws {
        #expect(try LocalPlan.map(try arguments()) == ClusterMap.local())
    }

    @Test func countsStoreAndPortsAreFollowed() throws {
        let map = try LocalPlan.map(try arguments("--gateways", "1", "--sessions=5", "--archive", "--port-base", "9000"))
        #expect(map.nodes(of: .gateway).map { "\($0.client!) \($0.rpc)" } == ["127.0.0.1:10080 127.0.0.1:9101"])
        #expect(map.nodes(of: .session).count == 5 && map.storageMode == .archive)
    }

    @Test func whatWasNotNamedStaysAsItIs() throws {
        let existing = try LocalPlan.map(try arguments("--sessions", "5", "--port-base", "9000"))
        func difference(_ arguments: Arguments) throws -> String? {
            LocalPlan.difference(existing: existing, wanted: try LocalPlan.map(arguments, existing: existing))
        }
        #expect(try difference(try arguments()) == nil)
        #expect(try difference(try arguments("--sessions", "5")) == nil)
        #expect(try difference(try arguments("--sessions", "4", "--archive")) == "5 session, not 4; store temporary, not archive")
        #expect(try difference(try arguments("--port-base", "7100")) == "port base 9000, not 7100")
    }

    @Test func countsHaveBounds() throws {
        let zero = try arguments("--sessions", "0")
        #expect(failure { () throws(CommandFailure) in _ = try LocalPlan.map(zero) }?.exitCode == 64)
    }

    @Test func secretsAreWhatTheServicesRead() {
        #expect(String(decoding: LocalPlan.clusterKey(random: (0..<32).map { $0 }), as: UTF8.self) == "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n")
        let keys = String(decoding: LocalPlan.tokenKeys(random: [UInt8](repeating: 0, count: 32)), as: UTF8.self)
        #expect(keys.hasSuffix("\nlocal-1 HS256 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA sign\n"))
    }
}
