import BenchKit
import Primitives
import Testing

@Suite("The histogram")
struct LatencyHistogramTests {
    @Test func anEmptyOneHasNoPercentiles() {
        #expect(LatencyHistogram().percentile(0.5) == nil)
        #expect(LatencyHistogram().maxUs == 0)
    }

    @Test(arguments: [0, 1, 77, 127, 128, 129, 255, 256, 1_000, 65_535, 1_234_567, 60_000_000, 3_600_000_000] as [Int64])
    func aValueComesBackWithinOnePercent(_ value: Int64) {
        var histogram = LatencyHistogram()
        histogram.record(us: value)
        histogram.record(us: 40_000_000_000)
        let found = histogram.percentile(0)!
        #expect(abs(Double(found - value)) <= Double(value) / 100, "\(found)")
    }

    @Test func percentilesAgreeWithSortingWithinOnePercent() {
        var dice = SeededGenerator(seed: 7)
        var histogram = LatencyHistogram()
        var values: [Int64] = []
        for _ in 0..<20_000 {
            let value = Int64(1) << Int64(dice.pick(0..<24)) + Int64(dice.pick(0..<5_000))
            values.append(value)
            histogram.record(us: value)
        }
        values.sort()
        for q in [0.0, 0.5, 0.9, 0.99, 0.999] {
            let wanted = values[Int(Double(values.count - 1) * q)]
            let found = histogram.percentile(q)!
            #expect(abs(Double(found - wanted)) <= Double(wanted) / 100 + 1, "\(q): \(found) instead of \(wanted)")
        }
        #expect(histogram.percentile(1) == values.last)
        #expect(histogram.count == 20_000)
    }

    @Test func noPercentileIsAboveTheLongest() {
        var histogram = LatencyHistogram()
        histogram.record(us: 1_025)
        #expect(histogram.percentile(0.99) == 1_025)
        #expect(histogram.percentile(1) == 1_025)
    }

    @Test func negativeDurationsCountAsNone() {
        var histogram = LatencyHistogram()
        histogram.record(us: -5)
        #expect(histogram.percentile(0.5) == 0)
    }

    @Test func addingIsRecordingBoth() {
        var one = LatencyHistogram()
        var other = LatencyHistogram()
        var both = LatencyHistogram()
        for value in [3, 500, 70_000] as [Int64] { one.record(us: value); both.record(us: value) }
        for value in [9, 900_000] as [Int64] { other.record(us: value); both.record(us: value) }
        one.add(other)
        #expect(one == both)
    }
}
