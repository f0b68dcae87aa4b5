// What happened, in lines for people. Written only when somebody wants to read it: a run is repeated for its trace.

import ChatClient
import ClientProtocol
import CoreKit
import Messages
import Primitives
import RPC

struct Trace {
    let limit: Int
    let prints: Bool
    private(set) var lines: [String] = []
    /// RPC streams, cut into frames for reading: [connection][side].
    fileprivate var splitters: [Int: [FrameSplitter]] = [:]
    fileprivate var idOfKey: [TraceKey: String] = [:]

    init(limit: Int, prints: Bool) {
        self.limit = limit
        self.prints = prints
    }

    var isOn: Bool { limit > 0 || prints }

    mutating func write(_ moment: Moment, _ text: () -> String) {
        guard isOn else { return }
        let line = Self.time(moment) + "  " + text()
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

    static func text(_ frame: ClientFrame) -> String {
        if case .send(let id, let to, let body, let after) = frame {
            return "send \(id) to \(to), \(body.count) bytes\(after.map { ", after \($0)" } ?? "")"
        }
        return "\(frame)"
    }

    static func text(_ frame: ServerFrame) -> String {
        switch frame {
        case .message(let number, let from, let id, let at, let body):
            "message \(number) from \(from) \(id) at \(at.microseconds), \(body.count) bytes"
        case .copy(let number, let to, let id, let at, let body):
            "copy \(number) to \(to) \(id) at \(at.microseconds), \(body.count) bytes"
        default: "\(frame)"
        }
    }

    static func text(_ news: ClientNews) -> String {
        if case .entry(let frame) = news { text(frame) } else { "\(news)" }
    }

    /// The last lines that speak of `message`, or the last lines of all.
    func excerpt(_ message: MessageID?, count: Int) -> [String] {
        guard let message else { return Array(lines.suffix(count)) }
        return Array(lines.filter { $0.contains("\"\(message.text)\"") || $0.contains(" \(message.text) ") || $0.contains(" \(message.text),") || $0.contains(": \(message.text),") || $0.contains("(\(message.text))") }.suffix(count))
    }
}

extension World {
    public var traceLines: [String] { trace.lines }

    func traceLog(_ record: LogRecord, _ process: SimulatedProcess) {
        trace.write(moment) {
            "\(process.node.name) logs \(record.event)" + record.fields.map { " \($0.name)=\($0.value)" }.joined()
        }
    }

    func traceStep(_ record: TraceRecord, _ process: SimulatedProcess) {
        guard trace.isOn else { return }
        if trace.idOfKey.count < checker.messages.count {
            for message in checker.messages[trace.idOfKey.count...] {
                let author = shape.users[shape.devices[message.device].user]
                trace.idOfKey[TraceKey(author: author, id: message.id)] = message.id.text
            }
        }
        let id = trace.idOfKey[record.key] ?? "\(record.key.rawValue)"
        trace.write(moment) { "\(process.node.name) \(record.stage.name) \(id) (\(record.detail))" }
    }

    /// What processes say to each other, message by message.
    func traceWire(_ connection: Int, from side: Side, _ bytes: [UInt8]) {
        guard trace.isOn else { return }
        let ends = network.connections[connection].ends
        guard case .process(let from) = ends[side.rawValue].party, case .process(let to) = ends[side.other.rawValue].party
        else { return }
        var splitters = trace.splitters[connection] ?? [FrameSplitter(), FrameSplitter()]
        splitters[side.rawValue].append(bytes[...])
        while let (header, reader) = try? splitters[side.rawValue].next(limitBytes: RPCLimits.frameBytesMax) {
            var reader = reader
            let what: String
            switch header.kind {
            case .ping, .pong, .hello, .proof: continue
            case .refusal: what = (try? Refusal(from: &reader)).map { "\($0)" } ?? "?"
            case .request, .answer, .oneWay:
                let message = try? Message(method: header.method, from: &reader)
                what = message.flatMap { $0 }.map { Self.brief("\($0)") } ?? "method \(header.method)"
            }
            trace.write(moment) {
                "\(processes[from].node.name) -> \(processes[to].node.name) \(header.kind) \(header.call) \(what)"
            }
        }
        trace.splitters[connection] = splitters
    }

    /// Bodies as their length, names of types left out.
    private static func brief(_ text: String) -> String {
        var out = ""
        var rest = text[...]
        while let open = rest.firstIndex(of: "[") {
            out += rest[..<open]
            guard let close = rest[open...].firstIndex(of: "]") else { break }
            let inside = rest[rest.index(after: open)..<close]
            out += inside.first?.isNumber == true ? "[\(inside.split(separator: ",").count) bytes]" : "[\(inside)]"
            rest = rest[rest.index(after: close)...]
        }
        out += rest
        for name in ["Messages.", "Primitives.", "InboxEntry."] { out = out.split(separator: name, omittingEmptySubsequences: false).joined() }
        return out
    }
}
