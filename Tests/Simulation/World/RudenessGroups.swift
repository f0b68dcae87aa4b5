// What a rude device does to groups: it repeats, takes one name for two things, writes and asks where there is nothing, claims
// to have read what it never got and what nobody wrote, and asks for changes that no rule allows.
//
// What it does so must leave no trace, but for what it wrote or asked for before and says again. The judge finds the trace: an
// entry that nobody wrote is in a log, or somebody else's tick, list or mark is wrong.

import ClientProtocol
import Groups
import Messages
import Primitives

extension World {
    func rudeGroupFrames(_ device: SimulatedDevice) -> [ClientFrame] {
        let index = device.dice.pick(0..<shape.groups.count)
        let group = shape.groups[index].id
        let number = device.dice.pick(0..<1_000_000)
        let nothing = MessageID("\(device.index)-nothing-\(number)")!
        switch device.dice.pick(0..<12) {
        case 0: return [.send(id: nothing, to: UserID("g:nobody-made-\(number)")!, body: [110], after: nil)]
        case 1: return [.send(id: nothing, to: group, body: [110], after: MessageID("nobody-wrote-this")!)]
        case 2:
            guard let message = formerGroupMessage(device) else { return [] }
            let frame = ClientFrame.send(id: message.id, to: shape.groups[message.group].id, body: message.body, after: nil)
            return [frame, frame, frame]
        case 3:
            guard let message = formerGroupMessage(device), message.sentAt != nil else { return [] }
            return [.send(id: message.id, to: shape.groups[message.group].id, body: message.body + [112], after: nil)]
        case 4:
            // A message under the name of a change, a change under the name of a message, and under that of another change.
            guard let entry = ownEntry(device, index) else { return [] }
            if entry.kind == .event, device.dice.oneIn(2) { return [.send(id: entry.id, to: group, body: [113], after: nil)] }
            return [.group(ref: entry.id, group: group, change: .rename("Rude \(number)"))]
        case 5:
            let own = checker.changes.filter { $0.device == device.index }
            guard !own.isEmpty else { return [] }
            let asked = own[device.dice.pick(0..<own.count)]
            let to: UserID? = if case .create = asked.change { nil } else { shape.groups[asked.group].id }
            let frame = ClientFrame.group(ref: asked.ref, group: to, change: asked.change)
            return [frame, frame, frame]
        case 6:
            // A group made twice, the second time as another.
            guard shape.groups[index].creator == device.plan.user, !checker.groups[index].entries.isEmpty else { return [] }
            return [.group(ref: shape.groups[index].reference, group: nil, change: .create(title: "Rude \(number)", users: []))]
        case 7:
            // What no rule allows anybody.
            let changes: [GroupChange] = [
                .add([group]), .add([]), .remove([device.user]), .role(.owner, [device.user]), .role(.admin, []),
                .remove([UserID("nobody")!]),
            ]
            return [.group(ref: nothing, group: group, change: changes[device.dice.pick(0..<changes.count)])]
        case 8:
            let future = Stamp(microseconds: Self.epochMicroseconds + Int64(device.dice.pick(0..<2_000_000_000)))
            return [.read(with: group, at: future), .read(with: UserID("g:nobody-made-\(number)")!, at: future)]
        case 9:
            // The newest entry there is, which it may never have got, and then an older one.
            let entries = checker.groups[index].entries
            guard let newest = entries.last else { return [.read(with: group, at: .zero)] }
            return [.read(with: group, at: newest.stamp), .read(with: group, at: entries[entries.count / 2].stamp)]
        case 10:
            return [
                .groupInfo(ref: nothing, group: UserID("g:nobody-made-\(number)")!), .groupInfo(ref: nothing, group: device.user),
                .groupList(ref: nothing, after: UserID("g:zzz")!),
            ]
        default:
            let stamp = checker.groups[index].entries.last?.stamp ?? .zero
            let question = ClientFrame.receipts(ref: nothing, with: group, at: stamp)
            return [question, question, .receipts(ref: nil, with: group, at: Stamp(microseconds: Int64(number)))]
        }
    }

    private func formerGroupMessage(_ device: SimulatedDevice) -> GroupMessage? {
        let own = checker.groupMessages.filter { $0.device == device.index }
        return own.isEmpty ? nil : own[device.dice.pick(0..<own.count)]
    }

    /// An entry of this person in the log of a group.
    private func ownEntry(_ device: SimulatedDevice, _ index: Int) -> GroupStory.Entry? {
        let own = checker.groups[index].entries.filter { $0.author == device.user }
        return own.isEmpty ? nil : own[device.dice.pick(0..<own.count)]
    }
}
