// What happened, in lines for people. Written only when somebody wants to read it: a run is repeated for its trace.
//
// A line has a time, the one it happened to, a sign, and words:
//
//        2.868959  session-2      <  persistence-1 answers 29: stored as 12, at +2.785969
//        2.868959  session-2      >  gateway-1: to c1 sent 4-21 to u2, at +2.785969
//
// `<` is an event, something that reached a core or a device; `>` is an effect, something it did about it; `!` is a fault.
// Stamps are written as seconds since the clock of the run began. What TCP and the mesh do among themselves (handshakes,
// heartbeats) is left out.

import CoreKit
import Messages
import Primitives
import RPC

struct Trace {
    enum Sign: String {
        case event = "<"
        case effect = ">"
        case fault = "!"
    }

    let limit: Int
    let prints: Bool
    private(set) var lines: [String] = []
    /// RPC streams, cut into frames for reading. By connection, side and direction.
    fileprivate var splitters: [Int: [FrameSplitter]] = [:]
    fileprivate var idOfKey: [TraceKey: String] = [:]
    fileprivate var namedCount = 0

    init(limit: Int, prints: Bool) {
        self.limit = limit
        self.prints = prints
    }

    var isOn: Bool { limit > 0 || prints }

    mutating func write(_ moment: Moment, _ who: @autoclosure () -> String, _ sign: Sign, _ text: () -> String) {
        guard isOn else { return }
        let who = who()
        let line = Self.time(moment) + "  " + who + String(repeating: " ", count: Swift.max(0, 13 - who.utf8.count)) + "  \(sign.rawValue)  " + text()
        if prints { print(line) }
        lines.append(line)
        if lines.count > 2 * limit + 16 { lines.removeFirst(lines.count - limit) }
    }

    /// Seconds and microseconds.
    static func time(_ moment: Moment) -> String {
        let micros = moment / 1_000
        let fraction = String(1_000_000 + micros % 1_000_000).dropFirst()
        let seconds = String(micros / 1_000_000)
        return String(repeating: " ", count: Swift.max(0, 4 - seconds.utf8.count)) + seconds + "." + fraction
    }

    /// The last lines that speak of `message` and the faults between them; without a message the last lines of all.
    func excerpt(_ message: MessageID?, count: Int) -> [String] {
        guard let message else { return Array(lines.suffix(count)) }
        let about = lines.indices.filter { Self.speaks(lines[$0], of: message.text) }.suffix(count)
        guard let first = about.first else { return Array(lines.suffix(count)) }
        let kept = Set(about)
        return lines.indices.filter { kept.contains($0) || $0 >= first && lines[$0].contains("  !  ") }.suffix(count).map { lines[$0] }
    }

    private static func speaks(_ line: String, of id: String) -> Bool {
        guard line.contains(id) else { return false }
        return line.split { !($0.isLetter || $0.isNumber || $0 == "-") }.contains { $0 == id }
    }
}

extension World {
    public var traceLines: [String] { trace.lines }

    func traceLog(_ record: LogRecord, _ process: SimulatedProcess) {
        trace.write(moment, process.node.name, .effect) {
            "log: \(record.event)" + record.fields.map { " \($0.name)=\($0.value)" }.joined()
        }
    }

    func traceStep(_ record: TraceRecord, _ process: SimulatedProcess) {
        guard trace.isOn else { return }
        for message in checker.messages[trace.namedCount...] {
            let author = shape.users[shape.devices[message.device].user]
            trace.idOfKey[TraceKey(author: author, id: message.id)] = message.id.text
        }
        trace.namedCount = checker.messages.count
        let id = trace.idOfKey[record.key] ?? "\(record.key.rawValue)"
        trace.write(moment, process.node.name, .effect) { "trace: \(record.stage.name) \(id) (\(record.detail))" }
    }

    /// What processes say to each other, message by message: told by the end at `side`, which has written it or got it.
    func traceWire(_ connection: Int, at side: Side, _ sign: Trace.Sign, _ bytes: [UInt8]) {
        guard trace.isOn else { return }
        let ends = network.connections[connection].ends
        guard case .process(let here) = ends[side.rawValue].party, case .process(let there) = ends[side.other.rawValue].party
        else { return }
        var splitters = trace.splitters[connection] ?? [FrameSplitter(), FrameSplitter(), FrameSplitter(), FrameSplitter()]
        let stream = side.rawValue * 2 + (sign == .event ? 1 : 0)
        splitters[stream].append(bytes[...])
        let peer = processes[there].node.name
        while let (header, reader) = try? splitters[stream].next(limitBytes: RPCLimits.frameBytesMax) {
            var reader = reader
            let message = { () -> String in
                var reader = reader
                return (try? Message(method: header.method, from: &reader)).flatMap { $0 }.map(Trace.text) ?? "method \(header.method)"
            }
            let words: String
            switch header.kind {
            case .ping, .pong, .hello, .proof: continue
            case .refusal: words = "refuses \(header.call): \((try? Refusal(from: &reader)).map { "\($0.code)" } ?? "?")"
            case .request: words = "asks \(header.call): \(message())"
            case .answer: words = "answers \(header.call): \(message())"
            case .oneWay: words = message()
            }
            trace.write(moment, processes[here].node.name, sign) { sign == .event ? "\(peer) \(words)" : "to \(peer) \(words)" }
        }
        trace.splitters[connection] = splitters
    }
}
