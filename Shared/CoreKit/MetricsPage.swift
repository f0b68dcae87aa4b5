// A page of figures in the Prometheus text format (version 0.0.4).

import Primitives

/// Builds the answer to `/metrics`. Names follow `fantail_<service>_<noun>_<unit>[_total]`.
public struct MetricsPage: Sendable {
    public private(set) var text = ""
    private var described: Set<String> = []

    public init() {}

    /// A number that only rises.
    public mutating func counter(_ name: String, _ help: String, _ value: UInt64, labels: KeyValuePairs<String, String> = [:]) {
        describe(name, help, "counter")
        sample(name, labels, String(value))
    }

    /// A number that rises and falls.
    public mutating func gauge(_ name: String, _ help: String, _ value: Int, labels: KeyValuePairs<String, String> = [:]) {
        describe(name, help, "gauge")
        sample(name, labels, String(value))
    }

    /// Time that only adds up; the page says seconds.
    public mutating func counter(_ name: String, _ help: String, microseconds: UInt64) {
        describe(name, help, "counter")
        sample(name, [:], String(Double(microseconds) / 1_000_000))
    }

    /// A time; the page says seconds.
    public mutating func gauge(_ name: String, _ help: String, microseconds: Int64) {
        describe(name, help, "gauge")
        sample(name, [:], String(Double(microseconds) / 1_000_000))
    }

    /// A distribution; `histogram` counts microseconds, the page says seconds.
    public mutating func histogram(_ name: String, _ help: String, _ histogram: Histogram, labels: KeyValuePairs<String, String> = [:]) {
        describe(name, help, "histogram")
        let words = Self.words(labels)
        let before = words.isEmpty ? "" : "\(words),"
        var cumulated: UInt64 = 0
        for (index, bound) in Histogram.bounds.enumerated() {
            cumulated += histogram.counts[index]
            text += "\(name)_bucket{\(before)le=\"\(Double(bound) / 1_000_000)\"} \(cumulated)\n"
        }
        text += "\(name)_bucket{\(before)le=\"+Inf\"} \(histogram.count)\n"
        sample("\(name)_sum", labels, String(Double(histogram.sum) / 1_000_000))
        sample("\(name)_count", labels, String(histogram.count))
    }

    private mutating func describe(_ name: String, _ help: String, _ type: String) {
        guard described.insert(name).inserted else { return }
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    private mutating func sample(_ name: String, _ labels: KeyValuePairs<String, String>, _ value: String) {
        text += labels.isEmpty ? name : "\(name){\(Self.words(labels))}"
        text += " \(value)\n"
    }

    private static func words(_ labels: KeyValuePairs<String, String>) -> String {
        labels.map { "\($0.key)=\"\(escape($0.value))\"" }.joined(separator: ",")
    }

    private static func escape(_ value: String) -> String {
        var out = ""
        for character in value {
            switch character {
            case "\\": out += "\\\\"
            case "\"": out += "\\\""
            case "\n": out += "\\n"
            default: out.append(character)
            }
        }
        return out
    }
}
