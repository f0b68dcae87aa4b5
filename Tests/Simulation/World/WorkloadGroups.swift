// What people do in groups: make them, write, read, bring others in, throw them out, fight over roles, and try what they may
// not.
//
// Everybody may try everything, member or not: refusals are part of life, and the judge knows which were just.

import ChatClient
import ClientProtocol
import Groups
import Messages
import Primitives

/// A group that may come to be in a run.
struct GroupPlan: Sendable {
    /// Who makes it, some time.
    let creator: Int
    let reference: MessageID
    let id: UserID

    init(creator: Int, user: UserID, number: Int) {
        self.creator = creator
        reference = MessageID("group-\(number)")!
        id = UserID.group(of: user, reference: reference)
    }
}

extension World {
    private var clientNow: Instant { Instant(nanoseconds: moment) }

    /// True when the device did something in a group, or tried.
    func actInGroup(_ device: SimulatedDevice) -> Bool {
        guard !shape.groups.isEmpty, device.dice.percent(45) else { return false }
        let index = device.dice.pick(0..<shape.groups.count)
        let group = shape.groups[index]
        guard checker.groups[index].wasAsked else {
            guard group.creator == device.plan.user else { return false }
            create(index, device)
            return true
        }
        // Strangers try now and then; mostly they have nothing to say here.
        let isMember = checker.groups[index].state.members[device.user] != nil
        guard isMember || device.dice.percent(25) else { return false }
        if device.dice.oneIn(4) {
            askAboutGroup(device, index)
            return true
        }
        switch device.dice.pick(0..<100) {
        case 0..<50: writeToGroup(index, device)
        case 50..<72: markGroupRead(device, index)
        case 72..<74: create(index, device)
        default: change(index, device)
        }
        return true
    }

    /// Sometimes asked for by two devices of one person, under the same reference.
    private func create(_ index: Int, _ device: SimulatedDevice) {
        guard shape.groups[index].creator == device.plan.user else { return }
        if checker.groups[index].wasAsked {
            // The same once more, as an app does that forgot: the same reference, the same content.
            guard let change = checker.groups[index].creation else { return }
            device.client.change(ref: shape.groups[index].reference, group: nil, change, now: clientNow)
            return settle(device)
        }
        let everybody = shape.users.indices.filter { $0 != device.plan.user }
        let users = device.dice.percent(60) ? everybody : everybody.filter { _ in device.dice.oneIn(2) }
        let change = GroupChange.create(title: "Group \(index)", users: users.map { shape.users[$0] })
        checker.onGroupAsked(index, change)
        ask(index, device, shape.groups[index].reference, change, isNew: true)
    }

    private func change(_ index: Int, _ device: SimulatedDevice) {
        let some = shape.users.indices.filter { _ in device.dice.oneIn(3) }.map { shape.users[$0] }
        let one = shape.users[device.dice.pick(0..<shape.users.count)]
        let change: GroupChange
        switch device.dice.pick(0..<100) {
        case 0..<42: change = .add(device.dice.oneIn(2) ? [one] : some)
        case 42..<54: change = .remove(device.dice.oneIn(2) ? [one] : some)
        case 54..<58: change = .leave
        case 58..<70: change = .role(.admin, [one])
        case 70..<76: change = .role(.member, [one])
        case 76..<80: change = .role(.owner, [one])
        case 80..<88: change = .rename("Name \(device.dice.pick(0..<5))")
        case 88..<92: change = .describe("What for \(device.dice.pick(0..<5))")
        case 92..<99:
            let sharesHistory = shape.cluster.storageMode == .archive && device.dice.oneIn(2)
            change = .settings(
                GroupSettings(
                    isAnnouncement: device.dice.oneIn(5), showsReceipts: device.dice.oneIn(2), sharesHistory: sharesHistory))
        default: change = device.dice.oneIn(4) ? .delete : .rename("Last name")
        }
        ask(index, device, MessageID("c\(device.index)-\(checker.changes.count)")!, change, isNew: true)
    }

    private func ask(_ index: Int, _ device: SimulatedDevice, _ ref: MessageID, _ change: GroupChange, isNew: Bool) {
        checker.onChangeAsked(
            AskedChange(device: device.index, group: index, ref: ref, change: change, askedAt: moment))
        let group: UserID? = if case .create = change { nil } else { shape.groups[index].id }
        trace.write(moment, device.name, .event) { "somebody asks \(ref): \(Trace.text(change)) in \(shape.groups[index].id)" }
        device.client.change(ref: ref, group: group, change, now: clientNow)
        settle(device)
    }

    private func writeToGroup(_ index: Int, _ device: SimulatedDevice) {
        let count = device.dice.oneIn(4) ? device.dice.pick(2..<20) : 1
        for _ in 0..<count where checker.groupMessages.count < workload.messageCountMax {
            let body = workload.body(&device.dice)
            let id = MessageID("\(device.index)-g\(checker.groupMessages.count)")!
            checker.onGroupWritten(
                GroupMessage(device: device.index, group: index, id: id, body: body, writtenAt: moment))
            trace.write(moment, device.name, .event) { "somebody writes \(id) to \(shape.groups[index].id), \(body.count) bytes" }
            device.client.send(id: id, to: shape.groups[index].id, body: body, now: clientNow)
        }
        settle(device)
    }

    /// The person opens the group.
    func markGroupRead(_ device: SimulatedDevice, _ index: Int) {
        guard let at = device.newestShownInGroup[index], at > device.markedInGroup[index] ?? .zero else { return }
        device.markedInGroup[index] = at
        checker.onGroupMarked(user: device.plan.user, group: index, at: at)
        trace.write(moment, device.name, .event) { "somebody reads \(shape.groups[index].id) up to \(Trace.text(at))" }
        device.client.markRead(with: shape.groups[index].id, at: at, now: clientNow)
        settle(device)
    }
}
