// Log lines, traces and the small notations they are written in.

import CoreKit
import Foundation
import Primitives
import ServiceKit
import Testing

@Suite struct PlainTextTests {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000000Z"),
        (951_782_399_999_999, "2000-02-28T23:59:59.999999Z"),
        (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
        (1_709_164_800_000_001, "2024-02-29T00:00:00.000001Z"),
        (4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z"),
        (1_767_225_599_000_000, "2025-12-31T23:59:59.000000Z"),
    ])
    func stampsFollowTheCalendar(microseconds: Int64, text: String) {
        #expect(PlainText.rfc3339(Stamp(microseconds: microseconds)) == text)
    }

    @Test func jsonStringsReadBackToTheSameText() throws {
        let text = "a\"\\/\n\r\t\u{0}\u{1F}\u{7F}é漢👍"
        let back = try JSONSerialization.jsonObject(with: Data(PlainText.json(text).utf8), options: .fragmentsAllowed)
        #expect(back as? String == text)
        #expect(PlainText.json(text).unicodeScalars.allSatisfy { $0.value >= 0x20 })
    }

    @Test func clippingNeverCutsACharacterAndKeepsTheBound() {
        #expect(PlainText.clipped("short", limitBytes: 5) == "short")
        for limit in 3...20 {
            let clipped = PlainText.clipped(String(repeating: "é", count: 100), limitBytes: limit)
            #expect(clipped.utf8.count <= limit)
            #expect(clipped.hasSuffix("…"))
        }
    }
}

@Suite struct LogWriterTests {
    var log = LogWriter(levelMin: .info, service: "parser", node: "parser-1")
    func at(_ second: Int64) -> Stamp { Stamp(microseconds: second * 1_000_000) }

    @Test mutating func aLineIsOneJSONObject() {
        let line = log.line(for: LogRecord(.warning, "link_down", ["peer": "session-1", "fault": "a \"b\"\n"]), at: at(0))
        #expect(
            line.map { String(decoding: $0, as: UTF8.self) }
                == #"{"time":"1970-01-01T00:00:00.000000Z","level":"warning","service":"parser","node":"parser-1","#
                + #""event":"link_down","peer":"session-1","fault":"a \"b\"\n"}"# + "\n")
    }

    @Test mutating func whatIsBelowTheLevelIsNotWritten() {
        #expect(log.line(for: LogRecord(.debug, "detail"), at: at(0)) == nil)
        #expect(log.line(for: LogRecord(.info, "news"), at: at(0)) != nil)
    }

    @Test mutating func aLineStaysBelowThePipeBound() throws {
        var record = LogRecord(.error, "long")
        for index in 0..<100 { record.fields.append(.init("f\(index)", String(repeating: "\u{1}", count: 5000))) }
        let line = log.line(for: record, at: at(0)) ?? []
        #expect(line.count <= 4000)
        #expect(line.count { $0 == 0x0A } == 1)
        let object = try JSONSerialization.jsonObject(with: Data(line)) as? [String: String]
        #expect(object?["event"] == "long")
    }

    @Test mutating func anEventThatRepeatsItselfIsCountedInstead() {
        let storm = LogRecord(.warning, "storm")
        let written = (0..<50).count { _ in log.line(for: storm, at: at(7)) != nil }
        #expect(written == 20)
        #expect(log.line(for: LogRecord(.warning, "other"), at: at(7)) != nil)
        // The second is not over yet.
        #expect(log.takeSuppressed(at: at(7)) == [])
        #expect(
            log.takeSuppressed(at: at(8))
                == [LogRecord(.warning, "log_suppressed", ["suppressed_event": "storm", "count": "30"])])
        #expect(log.takeSuppressed(at: at(8)) == [])
        #expect(log.line(for: storm, at: at(8)) != nil)
    }

    @Test mutating func aNewSecondBeginsANewCount() {
        for second in Int64(0)..<5 {
            for _ in 0..<20 { #expect(log.line(for: LogRecord(.info, "steady"), at: at(second)) != nil) }
        }
        #expect(log.takeSuppressed(at: at(9)) == [])
    }
}

@Suite struct TraceRingTests {
    let ours = TraceKey(rawValue: 1)
    let others = TraceKey(rawValue: 2)
    func at(_ microseconds: Int64) -> Stamp { Stamp(microseconds: microseconds) }

    @Test func stepsOfOneMessageComeOldestFirst() {
        var ring = TraceRing()
        ring.add(TraceRecord(ours, .parsed), at: at(10))
        ring.add(TraceRecord(others, .parsed), at: at(11))
        ring.add(TraceRecord(ours, .stored, 17), at: at(12))
        #expect(
            ring.lines(for: ours, node: "n")
                == "{\"time_us\":10,\"node\":\"n\",\"stage\":\"parsed\",\"detail\":0}\n"
                + "{\"time_us\":12,\"node\":\"n\",\"stage\":\"stored\",\"detail\":17}\n")
        #expect(ring.lines(for: TraceKey(rawValue: 3), node: "n") == "")
    }

    @Test func theOldestStepMakesRoom() {
        var ring = TraceRing(capacity: 3)
        for step in 0..<5 { ring.add(TraceRecord(ours, .pushed, UInt64(step)), at: at(Int64(step))) }
        let details = ring.lines(for: ours, node: "n").split(separator: "\n").map { $0.suffix(2).first! }
        #expect(details == ["2", "3", "4"])
    }

    @Test func anAnswerIsBounded() {
        var ring = TraceRing(capacity: 5000)
        for _ in 0..<5000 { ring.add(TraceRecord(ours, .pushed), at: at(0)) }
        #expect(ring.lines(for: ours, node: "n").split(separator: "\n").count == 1000)
    }
}
