// The life of one message, put together from what each process remembers of it.
//
// Every node answers `/trace?key=…` with a line of JSON for each step:
// `{"time_us":1763936001002000,"node":"session-2","stage":"stored","detail":17}`. Clocks of different boxes differ by some
// milliseconds; on one box the order is true.

import Cluster
import Primitives

public struct TraceStep: Equatable, Sendable {
    public var at: Stamp
    public var node: String
    public var stage: String
    public var detail: UInt64

    public init(at: Stamp, node: String, stage: String, detail: UInt64) {
        self.at = at
        self.node = node
        self.stage = stage
        self.detail = detail
    }

    /// Reads a line; nil when it is none. Fields may stand in any order, others are ignored.
    public init?(json line: String) {
        guard let fields = FlatJSON.fields(line), let time = fields["time_us"].flatMap({ Int64($0) }), time >= 0,
            let node = fields["node"], let stage = fields["stage"]
        else { return nil }
        self.init(
            at: Stamp(microseconds: time), node: Printable.line(node), stage: Printable.line(stage),
            detail: fields["detail"].flatMap { UInt64($0) } ?? 0)
    }
}

public enum TraceReport {
    /// - Parameters:
    ///   - steps: in any order; equal times keep the given order.
    ///   - nodes: of the cluster; one that is none of them is not named.
    public static func rows(_ steps: [TraceStep], clock: ClockText, nodes: [Node] = []) -> [Row] {
        let names = Dictionary(nodes.map { (UInt64($0.id.rawValue), $0.name) }, uniquingKeysWith: { first, _ in first })
        let sorted = steps.enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }.map(\.element)
        guard let first = sorted.first else { return [] }
        var table = TextTable(["TIME", "+STEP", "+TOTAL", "NODE", "WHAT HAPPENED"], rightAligned: [1, 2])
        var last = first.at
        for step in sorted {
            table.add([
                Span(clock.preciseTime(step.at), .dim), Span(milliseconds(step.at.microseconds - last.microseconds)),
                Span(milliseconds(step.at.microseconds - first.at.microseconds)), Span(step.node, .bold),
                Span(words(step, names)),
            ])
            last = step.at
        }
        return table.lines
    }

    /// `1.234 ms`
    static func milliseconds(_ microseconds: Int64) -> String {
        "\(microseconds / 1_000).\(String(1_000 + microseconds % 1_000).dropFirst()) ms"
    }

    private static func words(_ step: TraceStep, _ names: [UInt64: String]) -> String {
        switch step.stage {
        case "parsed": "decoded and checked" + (names[step.detail].map { ", for \($0)" } ?? "")
        case "storing": "asked the store to append it"
        case "stored": "number \(step.detail) of the inbox"
        case "committed": "on disk"
        case "sent_answered": "told the author: sent ✓"
        case "refused": "refused, code \(step.detail)"
        case "pushed": "pushed to a device"
        case "acknowledged": "a device has it"
        case "receipt_stored": "receipt stored"
        case "receipt_pushed": "told the author: delivered ✓✓"
        case "read": "read"
        default: step.detail == 0 ? step.stage : "\(step.stage) \(step.detail)"
        }
    }
}

/// One JSON object without anything nested: what admin pages write a line of.
enum FlatJSON {
    /// Names and values as text; nil when the line is not such an object.
    /// - Complexity: O(line).
    static func fields(_ line: String) -> [String: String]? {
        var fields: [String: String] = [:]
        var rest = Substring(line)
        func skip() { rest = rest.drop { $0 == " " || $0 == "\t" || $0 == "\r" } }
        func take(_ character: Character) -> Bool {
            skip()
            guard rest.first == character else { return false }
            rest.removeFirst()
            return true
        }
        func string() -> String? {
            guard take("\"") else { return nil }
            var text = ""
            while let character = rest.popFirst() {
                switch character {
                case "\"": return text
                case "\\":
                    // Names and stages need no other escape than these two.
                    guard let escaped = rest.popFirst(), escaped == "\"" || escaped == "\\" else { return nil }
                    text.append(escaped)
                default: text.append(character)
                }
            }
            return nil
        }
        guard take("{") else { return nil }
        if !take("}") {
            repeat {
                guard let name = string(), take(":") else { return nil }
                skip()
                if rest.first == "\"" {
                    guard let value = string() else { return nil }
                    fields[name] = value
                } else {
                    let value = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0)) }
                    guard !value.isEmpty else { return nil }
                    fields[name] = String(value)
                    rest = rest[value.endIndex...]
                }
            } while take(",")
            guard take("}") else { return nil }
        }
        skip()
        return rest.isEmpty ? fields : nil
    }
}
