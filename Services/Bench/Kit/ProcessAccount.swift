// What the processes of a cluster used, summed up across restarts: a service that was killed and started again goes on
// in the same account.

/// One reading of a process.
public struct ProcessReading: Equatable, Sendable {
    public var pid: Int
    /// When it started, clock ticks since the machine did: tells a new process from an old one with the same pid.
    public var startTicks: UInt64
    /// CPU time so far, user and system, clock ticks.
    public var cpuTicks: UInt64

    public init(pid: Int, startTicks: UInt64, cpuTicks: UInt64) {
        self.pid = pid
        self.startTicks = startTicks
        self.cpuTicks = cpuTicks
    }

    /// Reads `/proc/PID/stat`; nil when it is something else. Source: proc(5), fields 14, 15 and 22.
    public init?(pid: Int, stat: [UInt8]) {
        // The name in brackets may hold blanks and brackets: what follows the last one counts.
        guard let end = stat.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let words = stat[(end + 1)...].split { $0 == 0x20 || $0 == 0x0A }
        guard words.count > 19, let user = Self.number(words[11]), let system = Self.number(words[12]),
            let start = Self.number(words[19])
        else { return nil }
        self.init(pid: pid, startTicks: start, cpuTicks: user + system)
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> UInt64? { UInt64(String(decoding: digits, as: UTF8.self)) }
}

/// CPU time of nodes, by their place in the cluster file.
public struct ProcessAccount: Sendable {
    private var last: [ProcessReading?]
    /// CPU ticks of all processes that each node was, since the first reading.
    public private(set) var cpuTicks: [UInt64]
    /// Processes that took another's place.
    public private(set) var restartCount: UInt64 = 0

    public init(nodeCount: Int) {
        last = [ProcessReading?](repeating: nil, count: nodeCount)
        cpuTicks = [UInt64](repeating: 0, count: nodeCount)
    }

    /// Whether a process of that node was ever seen; without one nothing is known about its CPU time.
    public func knows(_ node: Int) -> Bool { last[node] != nil }

    /// A process that is not there is not told: its account waits for the next one.
    public mutating func saw(_ node: Int, _ reading: ProcessReading) {
        if let before = last[node] {
            if before.pid == reading.pid && before.startTicks == reading.startTicks {
                cpuTicks[node] += reading.cpuTicks - min(before.cpuTicks, reading.cpuTicks)
            } else {
                // A new process: everything that it used, it used since we looked.
                cpuTicks[node] += reading.cpuTicks
                restartCount += 1
            }
        }
        last[node] = reading
    }
}

/// What of a process is in memory, bytes, pages that it shares included.
public struct ResidentMemory: Equatable, Sendable {
    public var bytes: Int
    /// The most that it was since the process started.
    public var peakBytes: Int

    public init(bytes: Int, peakBytes: Int) {
        self.bytes = bytes
        self.peakBytes = peakBytes
    }

    /// Reads `/proc/PID/status`; nil when it is something else. Source: proc(5), VmRSS and VmHWM.
    public init?(status text: [UInt8]) {
        var found: [String: Int] = [:]
        for line in text.split(separator: 0x0A) {
            let words = line.split { $0 == 0x20 || $0 == 0x09 }
            guard words.count >= 2, let kibibytes = Int(String(decoding: words[1], as: UTF8.self)) else { continue }
            found[String(decoding: words[0], as: UTF8.self)] = kibibytes * 1024
        }
        guard let bytes = found["VmRSS:"], let peakBytes = found["VmHWM:"] else { return nil }
        self.init(bytes: bytes, peakBytes: peakBytes)
    }
}

public enum MemoryReading {
    /// Reads `/proc/PID/smaps_rollup`: pages that no other process shares, bytes; nil when it is something else.
    /// Source: proc(5).
    public static func privateBytes(smapsRollup text: [UInt8]) -> Int? {
        var kibibytes: Int?
        for line in text.split(separator: 0x0A) {
            let words = line.split(separator: 0x20)
            guard words.count >= 2, let number = Int(String(decoding: words[1], as: UTF8.self)) else { continue }
            let name = String(decoding: words[0], as: UTF8.self)
            if name == "Private_Clean:" || name == "Private_Dirty:" { kibibytes = (kibibytes ?? 0) + number }
        }
        return kibibytes.map { $0 * 1024 }
    }
}
