// The log: one JSON object a line, on stderr, for people with `grep` and for collectors.
//
// A line says when, how bad, who, what, and the fields of the event. A process in trouble repeats itself, so each event may
// speak a bounded number of times a second and is only counted beyond that; the count follows as a line of its own.

import CoreKit
import Monitor
import Primitives

/// Decides what is written, and how it looks. The caller puts the lines out.
package struct LogWriter {
    private struct Repeats {
        var second: Int64
        var written = 1
        var suppressed = 0
    }

    private let levelMin: LogLevel
    private let identity: String
    private var repeats: [String: Repeats] = [:]
    private var hasSuppressed = false
    private(set) var droppedCount: UInt64 = 0
    /// The last warnings and errors as they were written, without their ends, the oldest first: for the status page.
    package private(set) var warnings: [String] = []

    package init(levelMin: LogLevel, service: String, node: String) {
        self.levelMin = levelMin
        identity = "\"service\":\(PlainText.json(service)),\"node\":\(PlainText.json(node))"
    }

    /// Writes a record to stderr, if its level and its frequency allow.
    mutating func write(_ record: LogRecord, at stamp: Stamp) {
        if let line = line(for: record, at: stamp), !SystemCalls.log(line) { droppedCount += 1 }
    }

    /// Says what was kept back in seconds that are over. Cheap when there is nothing.
    mutating func settle(at stamp: Stamp) {
        guard hasSuppressed else { return }
        for record in takeSuppressed(at: stamp) {
            if !SystemCalls.log(render(record, at: stamp)) { droppedCount += 1 }
        }
    }

    /// The line for a record, nil when it is not to be written.
    package mutating func line(for record: LogRecord, at stamp: Stamp) -> [UInt8]? {
        guard record.level >= levelMin, mayRepeat(record.event, second: stamp.seconds) else { return nil }
        let line = render(record, at: stamp)
        if record.level >= .warning { remember(line) }
        return line
    }

    /// One record for each event of which lines were kept back before this second, by name.
    package mutating func takeSuppressed(at stamp: Stamp) -> [LogRecord] {
        var records: [LogRecord] = []
        hasSuppressed = false
        for name in repeats.keys.sorted() where repeats[name]!.suppressed > 0 {
            if repeats[name]!.second == stamp.seconds {
                hasSuppressed = true
                continue
            }
            records.append(
                LogRecord(.warning, "log_suppressed", ["suppressed_event": name, "count": "\(repeats[name]!.suppressed)"]))
            repeats[name] = nil
        }
        return records
    }

    private mutating func mayRepeat(_ event: String, second: Int64) -> Bool {
        guard var entry = repeats[event] else {
            if repeats.count >= ServiceLimits.logEventNameCountMax { repeats.removeAll() }
            repeats[event] = Repeats(second: second)
            return true
        }
        // While a count is owed the event stays silent until `takeSuppressed` has paid it.
        if entry.second != second && entry.suppressed == 0 { entry = Repeats(second: second, written: 0) }
        let mayWrite = entry.written < ServiceLimits.logSameEventCountMax
        if mayWrite {
            entry.written += 1
        } else {
            entry.suppressed += 1
            hasSuppressed = true
        }
        repeats[event] = entry
        return mayWrite
    }

    private mutating func remember(_ line: [UInt8]) {
        if warnings.count == MonitorLimits.warningCountMax { warnings.removeFirst() }
        warnings.append(String(decoding: line.dropLast(), as: UTF8.self))
    }

    private func render(_ record: LogRecord, at stamp: Stamp) -> [UInt8] {
        var text = "{\"time\":\"\(PlainText.rfc3339(stamp))\",\"level\":\"\(record.level.name)\",\(identity)"
        text += ",\"event\":\(PlainText.json(record.event))"
        for field in record.fields {
            let value = PlainText.clipped(field.value, limitBytes: ServiceLimits.logValueBytesMax)
            let addition = ",\(PlainText.json(field.name)):\(PlainText.json(value))"
            if text.utf8.count + addition.utf8.count + 2 > ServiceLimits.logLineBytesMax { break }
            text += addition
        }
        return Array((text + "}\n").utf8)
    }
}
