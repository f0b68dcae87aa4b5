// bench micro: the operations that every message passes, alone and many times over: the two codecs, the frames of the
// WebSocket, those between services, the ring. Each is also checked once: what was rendered must read back as it was.

import ClientProtocol
import Messages
import Primitives
import RPC
import Ring
import WebSocket

/// An operation that can be repeated.
public struct MicroOperation {
    public let name: String
    /// Does it so many times. What it returns depends on every result, so that nothing can be left out by the compiler.
    public let run: (_ count: Int) -> UInt64
    /// Does it once and judges the result.
    public let isRight: () -> Bool
}

public enum MicroOperations {
    /// - Parameter bodyBytes: of the message in the frames.
    public static func all(bodyBytes: Int) -> [MicroOperation] {
        let mark = MessageMark(random: 1, bodyBytes: max(bodyBytes, MessageMark.bodyBytesMin))
        let send = ClientFrame.send(id: mark.id(chat: 7, number: 42), to: mark.user(1), body: mark.body(chat: 7, number: 42), after: nil)
        let message = ServerFrame.message(
            number: 42, from: mark.user(0), id: mark.id(chat: 7, number: 42), at: Stamp(microseconds: 1_767_225_600_000_000),
            body: mark.body(chat: 7, number: 42))
        var operations: [MicroOperation] = []
        for encoding in ClientEncoding.allCases {
            operations += codecs(send, message, encoding)
        }
        let origin = Origin(
            gateway: NodeID(rawValue: 1), connection: ConnectionID(rawValue: 1_767_225_600_000_000), user: mark.user(0), device: .unnamed,
            encoding: .binary, isAttached: true, hasSiblings: false)
        let deliver = Message.deliver(
            Deliver(origin: origin, to: mark.user(1), id: mark.id(chat: 7, number: 42), after: nil, body: mark.body(chat: 7, number: 42)))
        let appended = Message.appended(Appended(outcome: .stored, number: 42, stamp: Stamp(microseconds: 1_767_225_600_000_000)))
        return operations + frames(payloadBytes: message.encoded(as: .binary)) + rpc("a message on its way", deliver)
            + rpc("that it is stored", appended) + ring()
    }

    private static func codecs(_ send: ClientFrame, _ message: ServerFrame, _ encoding: ClientEncoding) -> [MicroOperation] {
        var sendBytes: [UInt8] = []
        send.encode(as: encoding, into: &sendBytes)
        let bytes = sendBytes
        let messageBytes = message.encoded(as: encoding)
        return [
            MicroOperation(
                name: "\(encoding): read a send",
                run: { count in
                    var sum: UInt64 = 0
                    for _ in 0..<count {
                        if case .send(_, _, let body, _, _)? = try? ClientFrame.decode(bytes, as: encoding) { sum += UInt64(body.count) }
                    }
                    return sum
                },
                isRight: { (try? ClientFrame.decode(bytes, as: encoding)) == send }),
            MicroOperation(
                name: "\(encoding): render a message",
                run: { count in
                    var sum: UInt64 = 0
                    var out: [UInt8] = []
                    for _ in 0..<count {
                        out.removeAll(keepingCapacity: true)
                        message.encode(as: encoding, into: &out)
                        sum += UInt64(out.count)
                    }
                    return sum
                },
                isRight: { message.encoded(as: encoding) == messageBytes }),
            MicroOperation(
                name: "\(encoding): read a message (client)",
                run: { count in
                    var sum: UInt64 = 0
                    for _ in 0..<count {
                        if case .message(let number, _, _, _, _)? = try? ServerFrame.decode(messageBytes, as: encoding) { sum += number }
                    }
                    return sum
                },
                isRight: { (try? ServerFrame.decode(messageBytes, as: encoding)) == message }),
        ]
    }

    private static func frames(payloadBytes payload: [UInt8]) -> [MicroOperation] {
        let mask: UInt32 = 0x1234_5678
        var masked: [UInt8] = []
        FrameEncoder.appendBinary(payload, mask: mask, to: &masked)
        let wire = masked
        return [
            MicroOperation(
                name: "WebSocket: render a frame",
                run: { count in
                    var sum: UInt64 = 0
                    var out: [UInt8] = []
                    for _ in 0..<count {
                        out.removeAll(keepingCapacity: true)
                        FrameEncoder.appendBinary(payload, to: &out)
                        sum += UInt64(out.count)
                    }
                    return sum
                },
                isRight: {
                    var out: [UInt8] = []
                    FrameEncoder.appendBinary(payload, to: &out)
                    return out.count == FrameEncoder.frameBytesCount(payloadBytesCount: payload.count)
                }),
            MicroOperation(
                name: "WebSocket: read a masked frame",
                run: { count in
                    var sum: UInt64 = 0
                    var decoder = FrameDecoder(role: .server)
                    var events: [WebSocketEvent] = []
                    for _ in 0..<count {
                        events.removeAll(keepingCapacity: true)
                        decoder.receive(wire[...], into: &events)
                        sum += UInt64(events.count)
                    }
                    return sum
                },
                isRight: {
                    var decoder = FrameDecoder(role: .server)
                    var events: [WebSocketEvent] = []
                    decoder.receive(wire[...], into: &events)
                    return events == [.binary(payload)]
                }),
        ]
    }

    /// A frame between services: what a link does with it, the socket aside.
    private static func rpc(_ name: String, _ message: Message) -> [MicroOperation] {
        var writer = ByteWriter()
        writer.frame(.request, call: 1, message)
        let wire = writer.bytes
        let isSame = {
            var reader = ByteReader(wire, start: 4 + RPCLimits.headerBytes)
            return (try? Message(method: message.method, from: &reader)) == message
        }
        return [
            MicroOperation(
                name: "rpc: write \(name)",
                run: { count in
                    var sum: UInt64 = 0
                    var out = ByteWriter()
                    for _ in 0..<count {
                        out.bytes.removeAll(keepingCapacity: true)
                        out.frame(.request, call: 1, message)
                        sum += UInt64(out.count)
                    }
                    return sum
                },
                isRight: isSame),
            MicroOperation(
                name: "rpc: read \(name)",
                run: { count in
                    var sum: UInt64 = 0
                    for _ in 0..<count {
                        var reader = ByteReader(wire, start: 4 + RPCLimits.headerBytes)
                        if let read = try? Message(method: message.method, from: &reader) { sum += UInt64(read.method) }
                    }
                    return sum
                },
                isRight: isSame),
        ]
    }

    private static func ring() -> [MicroOperation] {
        guard let table = try? RingTable((1...8).map { RingMember(name: "session-\($0)") }) else { return [] }
        let users = (0..<1024).map { Array("user\($0)@example.org".utf8) }
        let slots = users.map { table.slot(of: $0) }
        return [
            MicroOperation(
                name: "ring: slot of a user",
                run: { count in
                    var sum: UInt64 = 0
                    for index in 0..<count { sum += UInt64(table.slot(of: users[index & 1023])) }
                    return sum
                },
                isRight: { Set(slots).count > 900 }),
            MicroOperation(
                name: "ring: owner of a slot",
                run: { count in
                    var sum: UInt64 = 0
                    for index in 0..<count { sum += UInt64(table.owner(of: slots[index & 1023])) }
                    return sum
                },
                isRight: { Set(slots.map { table.owner(of: $0) }).count == table.members.count }),
            MicroOperation(
                name: "ring: owner of a user",
                run: { count in
                    var sum: UInt64 = 0
                    for index in 0..<count { sum += UInt64(table.owner(ofKey: users[index & 1023])) }
                    return sum
                },
                isRight: { zip(users, slots).allSatisfy { table.owner(ofKey: $0) == table.owner(of: $1) } }),
        ]
    }
}
