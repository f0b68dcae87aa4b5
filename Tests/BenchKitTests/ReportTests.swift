import BenchKit
import Cluster
import FantailCLI
import Primitives
import Testing

@Suite("Marks, words, JSON and charts")
struct ReportTests {
    @Test func marksReadBack() {
        let mark = MessageMark(random: 99, bodyBytes: 100)
        for (chat, number) in [(0, 0), (35, 36), (9_499, 4_294_967_295)] as [(Int, UInt32)] {
            let body = mark.body(chat: chat, number: number)
            #expect(body.count == 100)
            #expect(mark.parse(body)! == (chat, number))
            #expect(mark.parse(mark.id(chat: chat, number: number))! == (chat, number))
            #expect(mark.id(chat: chat, number: number).text.utf8.count <= 15)
        }
        #expect(mark.member(mark.user(18_999)) == 18_999)
        #expect(mark.member(UserID("ana")!) == nil)
        #expect(mark.member(UserID(mark.user(1).text + "x")!) == nil)
        #expect(MessageMark(random: 98, bodyBytes: 100).member(mark.user(1)) == nil)
    }

    @Test func everyByteOfABodyCounts() {
        let mark = MessageMark(random: 3, bodyBytes: MessageMark.bodyBytesMin)
        let body = mark.body(chat: 9_499, number: 4_294_967_295)
        #expect(mark.parse(body) != nil)
        for index in body.indices {
            var other = body
            other[index] = UInt8(ascii: "!")
            #expect(mark.parse(other) == nil, "byte \(index)")
        }
        #expect(mark.parse(Array(body.dropLast())) == nil)
        #expect(mark.parse(body + [0x61]) == nil)
    }

    @Test func wordsForNumbers() {
        #expect(Words.fixed(1234567.891, places: 2) == "1,234,567.89")
        #expect(Words.fixed(0.05, places: 1) == "0.1")
        #expect(Words.fixed(-0.5, places: 2) == "-0.50")
        #expect(Words.fixed(12, places: 3, keepsZeros: false) == "12")
        #expect(Words.fixed(.infinity, places: 1) == "-")
        #expect(Words.count(1_000) == "1,000")
        #expect(Words.milliseconds(nil) == "-")
        #expect(Words.milliseconds(1_234) == "1.23")
        #expect(Words.key("json: read a send") == "json_read_a_send")
    }

    @Test func jsonIsWellFormed() {
        let value = JSONValue.object([
            .init("a", .text("quote \" and \\ and \n and \u{1}")), .init("b", .array([.whole(1), .null, .bool(true)])),
            .init("c", .number(1.5)), .init("d", .figure(.nan)), .init("e", .object([])),
        ])
        #expect(
            value.rendered == """
                {
                  "a": "quote \\" and \\\\ and \\n and \\u0001",
                  "b": [1, null, true],
                  "c": 1.5,
                  "d": null,
                  "e": {}
                }

                """)
    }

    /// A report of a run that never was, with everything in it.
    private func report(lost: UInt64) throws -> Report {
        let cluster = try ClusterMap.local(
            LocalCounts(), epoch: 1, storageMode: .temporary, clientPortBase: 8080, rpcPortBase: 7100)
        let nodes = cluster.nodes.count
        func sample(_ seconds: Int64, us: Int64, receipts: UInt64) -> Sample {
            var counts = LedgerCounts()
            counts.receipts = receipts
            return Sample(
                atNs: seconds * 1_000_000_000, cpuUs: [Int64?](repeating: us, count: nodes), ownCpuUs: us, counts: counts,
                privateBytes: [Int?](repeating: 1_048_576, count: nodes))
        }
        var report = Report(scenario: "chat", headline: "a <run>", settings: [.init("users", .whole(2))])
        let begin = sample(1, us: 0, receipts: 0)
        let end = sample(11, us: 1_000, receipts: 100)
        report.costs = [Cost(noun: "exchange", count: 100, from: begin, to: end, memory: end, cluster: cluster)]
        var histogram = LatencyHistogram()
        for us in 1...1_000 { histogram.record(us: Int64(us)) }
        report.latencies = [LatencyRow("receipt", "send to receipt", histogram)]
        report.curve = (1...5).map {
            SecondPoint(at: Double($0), phase: .measuring, rate: 100, p50Us: 400, p99Us: 900, liveCount: $0 == 3 ? 1 : 2)
        }
        var balance = LedgerBalance()
        balance.lost = lost
        report.groups = [RunFindings.messages(LedgerCounts(), balance)]
        report.verdict = Verdict(Verdict.ledger(LedgerCounts(), balance))
        return report
    }

    @Test func theReportTellsTheSameInJSONAndTable() throws {
        let report = try report(lost: 0)
        #expect(report.exitCode == 0)
        #expect(report.json["kept"] == .bool(true))
        #expect(report.json["lost"] == .number(0))
        #expect(report.json["latency_us"]?["receipt"]?["max"] == .whole(1_000))
        // Two gateways with 1000 us each over 100 exchanges.
        #expect(report.json["cpu_us_per_exchange"]?["gateway"] == .number(20))
        #expect(report.json["cpu_us_per_exchange"]?["bench"] == .number(10))
        #expect(report.json["memory_bytes"]?["gateway"] == .number(2_097_152))
        let text = ReportTable.rows(report).map(\.text).joined(separator: "\n")
        #expect(text.contains("send to receipt"))
        #expect(text.contains("p99.9"))
        #expect(!text.contains("BROKEN"))
    }

    @Test func aBrokenVerdictIsLoud() throws {
        let report = try report(lost: 3)
        #expect(report.exitCode == 1)
        #expect(report.json["kept"] == .bool(false))
        #expect(report.json["verdict"]?["lost"]?["kept"] == .bool(false))
        #expect(ReportTable.rows(report).contains { $0.text.contains("BROKEN") && $0.text.contains("lost") })
    }

    @Test func unknownCostsAreNotZero() throws {
        let cluster = try ClusterMap.local(
            LocalCounts(), epoch: 1, storageMode: .temporary, clientPortBase: 8080, rpcPortBase: 7100)
        let nothing = [Int64?](repeating: nil, count: cluster.nodes.count)
        let begin = Sample(atNs: 0, cpuUs: nothing, ownCpuUs: 0, counts: LedgerCounts(), privateBytes: [])
        let end = Sample(atNs: 1_000_000_000, cpuUs: nothing, ownCpuUs: 0, counts: LedgerCounts(), privateBytes: [])
        let cost = Cost(noun: "exchange", count: 5, from: begin, to: end, memory: nil, cluster: cluster)
        #expect(cost.cpuUs == nil)
        #expect(cost.each(cost.cpuUs) == nil)
        #expect(!cost.hasMemory)
    }

    @Test func chartsAreDrawnWithoutScript() throws {
        let svg = RunChart.svg(try report(lost: 0))
        #expect(svg.hasPrefix("<svg"))
        #expect(svg.hasSuffix("</svg>\n"))
        #expect(!svg.contains("<script"))
        #expect(svg.contains("prefers-color-scheme: dark"))
        #expect(svg.contains("a &lt;run&gt;"))
        #expect(svg.components("<polyline") == 5, "latency, rate, p50 and p99, clients")
        for bad in ["nan", "inf", "\"-\""] { #expect(!svg.contains(bad)) }
    }

    @Test func anEmptyReportDrawsNothingAndDoesNotFail() {
        let svg = RunChart.svg(Report(scenario: "chat", headline: "", settings: []))
        #expect(svg.components("<polyline") == 0)
    }
}

extension String {
    /// How often `part` occurs.
    fileprivate func components(_ part: String) -> Int {
        var count = 0
        var rest = self[...]
        while let range = rest.firstRange(of: part) {
            count += 1
            rest = rest[range.upperBound...]
        }
        return count
    }
}
