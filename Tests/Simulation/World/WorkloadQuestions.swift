// What people ask about groups: who is in it, which am I in, who has read this, what was written before?
//
// Members and strangers ask, sometimes about a message that was never written. An answer has a moment: the judge holds it
// against everything that was so between the question and the answer.

import ClientProtocol
import Groups
import Messages
import Primitives

/// A question about groups that waits for its answer. It is asked once; an answer that is lost does not come.
struct GroupAsk: Sendable {
    enum Subject: Sendable {
        case info(group: Int)
        /// The person's groups, behind this one.
        case list(after: UserID?)
        case receipts(group: Int, at: Stamp)
        /// `head`: of the log, when it was asked.
        case history(group: Int, before: UInt64?, limit: Int, head: UInt64)
    }

    let subject: Subject
    let askedAt: Moment
    /// Of a question about receipts: who had come so far already, as the disk had it.
    var hadDelivered: Set<Int> = []
    var hadRead: Set<Int> = []

    init(_ subject: Subject, askedAt: Moment) {
        self.subject = subject
        self.askedAt = askedAt
    }
}

extension World {
    /// The person looks something up.
    func askAboutGroup(_ device: SimulatedDevice, _ index: Int) {
        guard device.client.isLive else { return }
        device.groupAskCount += 1
        let ref = MessageID("q\(device.index)-\(device.groupAskCount)")!
        let group = shape.groups[index].id
        switch device.dice.pick(0..<(isArchive ? 14 : 10)) {
        case 0..<4:
            device.groupAsks[ref] = GroupAsk(.info(group: index), askedAt: moment)
            device.client.requestGroupInfo(ref: ref, group: group)
        case 4..<7:
            let after = device.dice.percent(30) ? group : nil
            device.groupAsks[ref] = GroupAsk(.list(after: after), askedAt: moment)
            device.client.requestGroupList(ref: ref, after: after)
        case 10...:
            let head = UInt64(checker.groups[index].entries.count)
            let before: UInt64? = device.dice.oneIn(2) ? UInt64(device.dice.pick(0..<Int(head) + 2)) : nil
            let limit = device.dice.pick(1..<20)
            device.groupAsks[ref] = GroupAsk(.history(group: index, before: before, limit: limit, head: head), askedAt: moment)
            device.client.requestGroupHistory(ref: ref, group: group, before: before, limit: limit)
        default:
            let at = stampToAskAbout(device, index)
            var ask = GroupAsk(.receipts(group: index, at: at), askedAt: moment)
            for user in shape.users.indices {
                let member = log(of: index)?.members[shape.users[user]]
                if let member, member.upTo(.delivered) >= at { ask.hadDelivered.insert(user) }
                if let member, member.upTo(.read) >= at { ask.hadRead.insert(user) }
            }
            device.groupAsks[ref] = ask
            device.client.requestReceipts(ref: ref, with: group, at: at)
        }
        settle(device)
    }

    private var isArchive: Bool { shape.cluster.storageMode == .archive }

    /// Mostly of the person's own message, or of somebody's; seldom of none.
    private func stampToAskAbout(_ device: SimulatedDevice, _ index: Int) -> Stamp {
        let messages = checker.groups[index].entries.filter { $0.kind == .message }
        let own = messages.filter { $0.author == device.user }
        let some = own.isEmpty || device.dice.oneIn(3) ? messages : own
        guard !some.isEmpty, !device.dice.oneIn(20) else {
            return Stamp(microseconds: Self.epochMicroseconds + Int64(device.dice.pick(0..<60_000_000)))
        }
        return some[device.dice.pick(0..<some.count)].stamp
    }
}
