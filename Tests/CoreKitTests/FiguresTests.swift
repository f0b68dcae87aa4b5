// What people and machines read about a process: metrics, distributions, the names of traces.

import CoreKit
import Primitives
import Testing

@Suite struct FiguresTests {
    @Test func aHistogramMayHaveLabels() {
        var times = Histogram(), more = Histogram()
        times.record(.microseconds(60))
        more.record(.microseconds(40))
        more.add(times)
        var page = MetricsPage()
        page.histogram("fantail_c_seconds", "Time.", more, labels: ["service": "parser"])
        #expect(page.text.contains("\nfantail_c_seconds_bucket{service=\"parser\",le=\"5e-05\"} 1\n"))
        #expect(page.text.contains("\nfantail_c_seconds_bucket{service=\"parser\",le=\"+Inf\"} 2\n"))
        #expect(page.text.hasSuffix("\nfantail_c_seconds_sum{service=\"parser\"} 0.0001\nfantail_c_seconds_count{service=\"parser\"} 2\n"))
    }

    @Test func timesAreSeconds() {
        var page = MetricsPage()
        page.counter("fantail_a_seconds_total", "Time.", microseconds: 1_500_000)
        page.gauge("fantail_b_seconds", "Time.", microseconds: 250)
        #expect(page.text.contains("\nfantail_a_seconds_total 1.5\n"))
        #expect(page.text.hasSuffix("\nfantail_b_seconds 0.00025\n"))
    }

    @Test func aPageDescribesEachNameOnce() {
        var page = MetricsPage()
        page.counter("a_total", "Things done.", 7)
        page.gauge("b", "Things open.", -2, labels: ["peer": "x"])
        page.gauge("b", "Things open.", 3, labels: ["peer": "y", "door": "z"])
        #expect(
            page.text == """
                # HELP a_total Things done.
                # TYPE a_total counter
                a_total 7
                # HELP b Things open.
                # TYPE b gauge
                b{peer="x"} -2
                b{peer="y",door="z"} 3

                """)
    }

    @Test func aLabelCannotBreakOut() {
        var page = MetricsPage()
        page.gauge("b", "B.", 1, labels: ["text": "a\"b\\c\nd"])
        #expect(page.text.hasSuffix(#"b{text="a\"b\\c\nd"} 1"# + "\n"))
    }

    @Test func durationsFallIntoTheBucketTheyDoNotExceed() {
        var histogram = Histogram()
        histogram.record(.microseconds(-5))
        histogram.record(.microseconds(50))
        histogram.record(.microseconds(51))
        histogram.record(.microseconds(100))
        histogram.record(Interval(nanoseconds: 26_214_400_000))
        histogram.record(.seconds(27))
        #expect(Histogram.bounds.count == 20)
        #expect(Histogram.bounds.first == 50)
        #expect(Histogram.bounds.last == 26_214_400)
        #expect(histogram.counts == [2, 2] + [UInt64](repeating: 0, count: 17) + [1])
        #expect(histogram.count == 6)
        #expect(histogram.sum == 50 + 51 + 100 + 26_214_400 + 27_000_000)
    }

    @Test func aDistributionIsCumulatedAndInSeconds() {
        var histogram = Histogram()
        histogram.record(.microseconds(70))
        histogram.record(.milliseconds(1))
        histogram.record(.seconds(60))
        var page = MetricsPage()
        page.histogram("t_seconds", "Time.", histogram)
        let lines = page.text.split(separator: "\n")
        #expect(lines.count == 2 + 20 + 3)
        #expect(lines[1] == "# TYPE t_seconds histogram")
        #expect(lines[2] == "t_seconds_bucket{le=\"5e-05\"} 0")
        #expect(lines[3] == "t_seconds_bucket{le=\"0.0001\"} 1")
        #expect(lines[7] == "t_seconds_bucket{le=\"0.0016\"} 2")
        #expect(lines[21] == "t_seconds_bucket{le=\"26.2144\"} 2")
        #expect(lines[22...] == ["t_seconds_bucket{le=\"+Inf\"} 3", "t_seconds_sum 60.00107", "t_seconds_count 3"])
    }

    @Test func aTraceHasTheSameNameInEveryProcessAndRelease() {
        let key = TraceKey(author: UserID("ana")!, id: MessageID("m-1")!)
        #expect(key.rawValue == 0x7FE2_B66E_20AC_2E0C)
        // The slash stands in no name: another cut of the same letters is another message.
        #expect(TraceKey(author: UserID("an")!, id: MessageID("am-1")!) != key)
    }

    @Test func stagesKeepTheirNumbersAndNames() {
        #expect(TraceStage.allCases.map(\.rawValue) == Array(1...11))
        #expect(Set(TraceStage.allCases.map(\.name)).count == 11)
        #expect(LogLevel.debug < .info && LogLevel.info < .warning && LogLevel.warning < .error)
    }
}
