// The last steps of the last messages, for the question "where is my message?".
//
// A ring of fixed size that takes no memory before the first step and never asks for more afterwards. Looking something up
// walks it whole: a person asks seldom, messages come often.

import CoreKit
import Primitives

package struct TraceRing {
    private struct Entry {
        var stamp: Stamp
        var record: TraceRecord
    }

    private let capacity: Int
    private var entries: [Entry] = []
    private var next = 0

    package init(capacity: Int = ServiceLimits.traceRecordCountMax) {
        precondition(capacity > 0)
        self.capacity = capacity
    }

    /// O(1); the oldest step makes room.
    package mutating func add(_ record: TraceRecord, at stamp: Stamp) {
        let entry = Entry(stamp: stamp, record: record)
        if entries.count < capacity {
            if entries.isEmpty { entries.reserveCapacity(capacity) }
            entries.append(entry)
        } else {
            entries[next] = entry
            next = (next + 1) % capacity
        }
    }

    /// The steps of one message, oldest first, as JSON lines; at most `ServiceLimits.traceAnswerCountMax`. O(capacity).
    package func lines(for key: TraceKey, node: String) -> String {
        var text = ""
        var count = 0
        for offset in 0..<entries.count {
            let entry = entries[(next + offset) % entries.count]
            guard entry.record.key == key else { continue }
            text += "{\"time_us\":\(entry.stamp.microseconds),\"node\":\(PlainText.json(node)),"
            text += "\"stage\":\"\(entry.record.stage.name)\",\"detail\":\(entry.record.detail)}\n"
            count += 1
            if count == ServiceLimits.traceAnswerCountMax { break }
        }
        return text
    }
}
