// What a device must not forget, as a file: small, replaced as a whole, never changed in place.
//
//     fantail-memory  1
//     cursor  17
//     ticks   1763936001009000
//     attempt 1763936000500003
//     out     bob  IDENTIFIER  a message without an answer
//     change  g:…  REFERENCE   a change of a group without an answer, as bytes

import ChatClient
import Groups
import Primitives

public enum MemoryFile {
    /// - Complexity: O(what waits).
    public static func render(_ memory: ClientMemory) -> [UInt8] {
        var bytes = Array("fantail-memory\t1\n".utf8)
        if let cursor = memory.cursor { bytes += Array("cursor\t\(cursor)\n".utf8) }
        if let ticks = memory.ticks { bytes += Array("ticks\t\(ticks.microseconds)\n".utf8) }
        if memory.attempt > 0 { bytes += Array("attempt\t\(memory.attempt)\n".utf8) }
        for message in memory.outbox {
            var line = FieldLine()
            line.words("out", message.to.text, message.id.text)
            line.field(message.body)
            bytes += line.bytes + [0x0A]
        }
        for change in memory.changes {
            var line = FieldLine()
            // A dash, which is no group, where one is to be made.
            line.words("change", change.group?.text ?? "-", change.ref.text)
            line.field(change.change.bytes)
            bytes += line.bytes + [0x0A]
        }
        return bytes
    }

    /// Nil when the file is not one of ours: the file is replaced as a whole, so a damaged one was damaged by somebody else,
    /// and nothing should be guessed.
    public static func parse(_ bytes: [UInt8]) -> ClientMemory? {
        var memory = ClientMemory()
        guard bytes.last == 0x0A else { return nil }
        let lines = bytes.dropLast().split(separator: 0x0A, omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            guard var fields = FieldReader(line), let key = fields.word() else { return nil }
            guard (key == "fantail-memory") == (index == 0) else { return nil }
            switch key {
            case "fantail-memory":
                guard fields.number() == 1 else { return nil }
            case "cursor":
                guard let cursor = fields.number() else { return nil }
                memory.cursor = cursor
            case "ticks":
                guard let ticks = fields.stamp() else { return nil }
                memory.ticks = ticks
            case "attempt":
                guard let attempt = fields.number() else { return nil }
                memory.attempt = attempt
            case "out":
                guard let to = fields.user(), let id = fields.message(), let body = fields.next() else { return nil }
                memory.outbox.append(OutgoingMessage(id: id, to: to, body: body))
            case "change":
                guard let group = fields.user(), let ref = fields.message(),
                    let change = fields.next().flatMap({ GroupChange(bytes: $0) })
                else { return nil }
                memory.changes.append(OutgoingChange(ref: ref, group: group.isGroup ? group : nil, change: change))
            default: return nil
            }
            guard fields.isAtEnd else { return nil }
        }
        return memory
    }
}
