// A device that breaks the rules of the protocol, as a careless or a hostile client would.
//
// It acknowledges what it never got, acknowledges twice and backwards, says hello again with an invented cursor, repeats
// frames, uses one id for two messages, claims to have read the future, names predecessors that do not exist. Its own inbox
// and its own ticks need not be right after that. But nobody else may suffer: what others write still arrives at others,
// once and in order; what it wrote arrives as it wrote it or not at all; and no process may stop or spin.

import ClientProtocol
import Messages
import Primitives

extension World {
    func misbehave(_ device: SimulatedDevice) {
        guard device.client.isLive, device.link != nil else { return }
        let isInGroup = !shape.groups.isEmpty && device.dice.oneIn(2)
        misbehave(device, isInGroup ? rudeGroupFrames(device) : rudeFrames(device))
    }

    func misbehave(_ device: SimulatedDevice, _ frames: [ClientFrame]) {
        for frame in frames {
            trace.write(moment, device.name, .effect) { "rudely: \(Trace.text(frame))" }
            checker.onSaid(frame, device: device.index, moment)
            device.connection?.transmit(frame)
        }
        flushOutbound(device)
    }

    private func rudeFrames(_ device: SimulatedDevice) -> [ClientFrame] {
        let cursor = Int(device.client.memory.cursor ?? 0)
        let dice: (Range<Int>) -> Int = { device.dice.pick($0) }
        switch dice(0..<10) {
        case 0: return [.ack(upTo: UInt64(cursor + dice(1..<40)))]
        case 1: return [.ack(upTo: UInt64(dice(0..<cursor + 1)))]
        case 2: return [.ack(upTo: UInt64(cursor)), .ack(upTo: UInt64(cursor)), .ack(upTo: UInt64(cursor))]
        case 3: return [.hello(cursor: UInt64(dice(0..<cursor + 10)), ticks: .zero, attempt: nil)]
        case 4: return [.read(with: shape.users[addressee(device)], at: Stamp(microseconds: Self.epochMicroseconds + Int64(dice(0..<2_000_000_000))))]
        case 5:
            // A predecessor that nobody wrote: to be refused, so it is no message.
            let id = MessageID("\(device.index)-nothing-\(dice(0..<1_000_000))")!
            return [.send(id: id, to: shape.users[addressee(device)], body: [110], after: MessageID("nobody-wrote-this")!)]
        case 6: return [.send(id: newID(device), to: device.user, body: [111], after: nil), .ping(ref: nil)]
        case 7:
            guard let message = formerMessage(device) else { return [] }
            let frame = ClientFrame.send(id: message.id, to: shape.users[message.to], body: message.body, after: nil)
            return [frame, frame, frame]
        case 8:
            // One id, two bodies: the first is stored, so the second is to be refused.
            guard let message = formerMessage(device), message.sentAt != nil else { return [] }
            return [.send(id: message.id, to: shape.users[message.to], body: message.body + [112], after: nil)]
        default:
            // One id, two addressees: two messages.
            guard let message = formerMessage(device) else { return [] }
            let to = addressee(device)
            guard to != message.to, !checker.isWritten(message.id, to: to) else { return [] }
            checker.onWritten(SentMessage(device: device.index, to: to, id: message.id, body: message.body, writtenAt: moment))
            return [.send(id: message.id, to: shape.users[to], body: message.body, after: nil)]
        }
    }

    private func formerMessage(_ device: SimulatedDevice) -> SentMessage? {
        let own = checker.messages.filter { $0.device == device.index }
        return own.isEmpty ? nil : own[device.dice.pick(0..<own.count)]
    }
}
