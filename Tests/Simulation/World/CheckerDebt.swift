// What is still owed when everything has healed: the end of a run.

import Messages
import Primitives
import Storage

/// Something that is owed to somebody.
struct Debt {
    var rule: Rule
    var expected: String
    var found: String
    var message: MessageID?
    /// How long after the last fault it may be owed.
    var patience: Moment

    init(_ rule: Rule, _ expected: String, _ found: String, _ message: MessageID? = nil, patience: Moment = World.recoveryMax) {
        self.patience = patience
        self.rule = rule
        self.expected = expected
        self.found = found
        self.message = message
    }
}

extension Checker {
    /// What is still owed to somebody; nil when everything is as it must be.
    func debt(_ world: World) -> Debt? {
        for device in world.devices where isOwed(device) && screens[device.index].start == nil {
            return Debt(.recovery, "\(device.name) is welcomed", "it never was")
        }
        if let debt = debtOfCrowds(world) { return debt }
        if let debt = debtOfConnections(world) { return debt }
        for process in world.processes where (process.machine?.outOfTurnCount ?? 0) > 0 {
            return Debt(.recovery, "everybody sits at the shard that owns them", "\(process.node.name) holds users of another")
        }
        for device in world.devices {
            if let sign = screens[device.index].typing.keys.first {
                return Debt(.passing, "nobody types any more", "\(device.name) shows that \(sign.from) does")
            }
        }
        for message in messages {
            if let debt = debt(message, world) { return debt }
        }
        if let debt = debtOfGroups(world, isOwed: isOwed) { return debt }
        // Also of rude ones: who is done writes no more, so that nothing new is owed to anybody.
        for device in world.devices where !device.hasLeft && !isShutOut(device) && device.client.hasWork {
            return Debt(.recovery, "the outbox of \(device.name) is empty", "\(device.client.memory.outbox.count) messages and perhaps read marks wait", device.client.memory.outbox.first?.id)
        }
        if world.workload.isLooking, let debt = debtOfPresence(world, isOwed: isOwed) { return debt }
        return (shape.policy.isArchive ? debtOfArchive(world) : debtOfErasure(world)) ?? debtOfLoad(world)
    }

    /// Something is owed to those who keep coming and keep the rules; of a crowd, to those who were let in.
    private func isOwed(_ device: SimulatedDevice) -> Bool {
        !device.hasLeft && !isRude(device.index) && !isShutOut(device)
    }

    /// One of too many. Where unused devices are forgotten within a run, one that was let in before may have lost its place.
    private func isShutOut(_ device: SimulatedDevice) -> Bool {
        let screen = screens[device.index]
        return shape.isCrowded(device.plan.user) && (screen.start == nil || shape.isBrief && screen.liveSince == nil)
    }

    /// Where messages expire within a run, a notice is a new entry, and its receipt is on its way for a moment. Where unused
    /// devices are forgotten, one of too many counts as shut out while it is away: when it comes after all, it begins to be owed
    /// what it has asked for.
    func hasLatecomer(since moment: Moment) -> Bool {
        guard shape.isBrief else { return false }
        return expiredAt >= moment
            || shape.devices.indices.contains { shape.isCrowded(shape.devices[$0].user) && (screens[$0].liveSince ?? 0) >= moment }
    }

    /// Of too many devices as many are let in as may be, no more. One that went before it heard that it was let in has its
    /// place all the same.
    private func debtOfCrowds(_ world: World) -> Debt? {
        guard !shape.isBrief else { return nil }
        for user in shape.users.indices where shape.isCrowded(user) && !shape.isRude(user) {
            let devices = world.devices.filter { $0.plan.user == user }
            let served = devices.count { screens[$0.index].start != nil }
            let lost = devices.count { screens[$0.index].start == nil && $0.hasLeft }
            if served > MessageLimits.deviceCountMax {
                return Debt(.bounded, "\(MessageLimits.deviceCountMax) devices of \(shape.users[user]) are served", "\(served) were")
            }
            if served + lost < MessageLimits.deviceCountMax {
                return Debt(.recovery, "\(MessageLimits.deviceCountMax) devices of \(shape.users[user]) are served", "\(served) were, \(lost) went before")
            }
        }
        return nil
    }

    private func debt(_ message: SentMessage, _ world: World) -> Debt? {
        let author = world.devices[message.device]
        // Nobody waits for what was never answered to a device that is gone.
        if message.sentAt == nil, !isOwed(author) { return nil }
        guard message.sentAt != nil, let stamp = message.stamp else {
            return Debt(.recovery, "\(message.id) is stored and its author told", "she waits still", message.id)
        }
        guard !shape.isRude(message.to) else { return nil }
        if message.wasUnkept, message.shownBy.isEmpty { return debtOfCopies(message, world) }
        let readers = world.devices.filter { $0.plan.user == message.to && isOwed($0) }
        guard !readers.isEmpty else { return nil }
        if message.shownBy.isEmpty, isExcused(message, author) { return nil }
        guard let number = message.number else {
            return Debt(.loss, "\(message.id) reaches \(shape.users[message.to])", "no device has shown it", message.id)
        }
        for reader in readers {
            let screen = screens[reader.index]
            guard message.shownBy.contains(reader.index) || number <= screen.start ?? 0 || shape.isBrief && screen.isGap(number) else {
                return Debt(.loss, "\(message.id), number \(number), reaches \(reader.name), whose stream began after \(screen.start ?? 0)", "it is at \(screen.last) without having shown it", message.id)
            }
        }
        return debtToAuthor(message, stamp, readers, world)
    }

    private func debtOfCopies(_ message: SentMessage, _ world: World) -> Debt? {
        for sibling in message.siblings where isOwed(world.devices[sibling]) && !message.copiedTo.contains(sibling) {
            // Where devices are forgotten within a run, nobody may know of the sibling any more.
            if shape.isBrief { continue }
            return Debt(.loss, "a copy of \(message.id) reaches \(name(sibling))", "it has shown none", message.id)
        }
        return nil
    }

    private func debtToAuthor(_ message: SentMessage, _ stamp: Stamp, _ readers: [SimulatedDevice], _ world: World) -> Debt? {
        if let debt = debtOfCopies(message, world) { return debt }
        let screen = screens[message.device]
        guard isOwed(world.devices[message.device]), readers.contains(where: { message.shownBy.contains($0.index) }) else { return nil }
        if isExcused(message, world.devices[message.device]) { return nil }
        guard screen.delivered[message.to] >= stamp else {
            return Debt(.recovery, "\(name(message.device)) is told that \(message.id) was delivered", "it has a tick up to \(screen.delivered[message.to].microseconds), the message is stamped \(stamp.microseconds)", message.id)
        }
        let mark = readers.compactMap { $0.marked[author(message)] }.max() ?? .zero
        if mark >= stamp, screen.read[message.to] < stamp, !mayLackReceipts(message, world.moment) {
            return Debt(.recovery, "\(name(message.device)) is told that \(message.id) was read", "it has a tick up to \(screen.read[message.to].microseconds), the message is stamped \(stamp.microseconds)", message.id)
        }
        return nil
    }

    /// It expired, and that is no loss: its author was told, or was away so long that the notice expired in turn. Whoever
    /// should have had it was told of a gap, or has shown it and could not tell the store in time.
    private func isExcused(_ message: SentMessage, _ author: SimulatedDevice) -> Bool {
        guard shape.isBrief else { return false }
        guard isOwed(author) else { return true }
        if message.expiredAt.contains(author.index) { return true }
        return screens[author.index].gapAt.map { $0 > message.writtenAt } ?? false
    }

    // MARK: Stores

    /// Temporary mode: what every device has is gone.
    private func debtOfErasure(_ world: World) -> Debt? {
        for (index, user) in shape.users.enumerated() where !shape.isRude(index) {
            // A device that went for ever holds the text back until it is forgotten.
            if world.devices.contains(where: { $0.plan.user == index && $0.hasLeft }) { continue }
            let count = world.processes[shape.partition(of: user)].disk!.durable.textCount(of: user)
            guard count > 0 else { continue }
            return Debt(.temporary, "no text is kept for \(user), all of whose devices have everything", "\(count) entries have theirs")
        }
        return nil
    }

    private func debtOfArchive(_ world: World) -> Debt? {
        var kept: [MessageName: [UInt8]] = [:]
        for (index, user) in shape.users.enumerated() {
            var before: UInt64?
            while true {
                let (lines, hasMore) = world.archived(user, with: nil, before: before, limit: MessageLimits.pageEntryCountMax)
                for line in lines where line.kind == .message { kept[MessageName(id: line.id, to: index)] = line.body }
                guard hasMore, let last = lines.last else { break }
                before = last.number
            }
        }
        for message in messages where message.sentAt != nil && !message.wasUnkept && kept[MessageName(id: message.id, to: message.to)] != message.body {
            return Debt(.loss, "the archive keeps \(message.id)", "it does not", message.id)
        }
        return nil
    }
}

extension World {
    /// How long after the last fault everything has to be in order: the client's silence bound (90 s), a reconnect, a retry.
    static let recoveryMax = Interval.seconds(120).nanoseconds
    /// How long it is watched after that: late duplicates come late.
    static let watchTime = Interval.seconds(4).nanoseconds

    func examine() {
        let sinceHeal = moment - healedAt
        checker.judgeDelay(self)
        // Everybody looks at everything once, so that the last ticks can be asked for.
        if sinceHeal > Interval.seconds(5).nanoseconds, !workload.hasReadAll, checker.debt(self) == nil {
            workload.hasReadAll = true
            for device in devices where !device.hasLeft { 
                for peer in shape.users.indices { markRead(device, peer) }
                for group in shape.groups.indices { markGroupRead(device, group) }
            }
            return plan(.examine, after: Interval.milliseconds(500).nanoseconds)
        }
        if workload.hasReadAll { lookAtEverybody() }
        let debt = checker.debt(self)
        if debt == nil, workload.hasReadAll {
            if workload.settledAt == nil { workload.settledAt = moment }
            if moment - workload.settledAt! >= Self.watchTime { isFinished = true; return }
        } else if let settled = workload.settledAt, sinceHeal <= Self.recoveryMax, checker.hasLatecomer(since: settled) {
            workload.settledAt = nil
        } else if let debt, workload.settledAt != nil || sinceHeal > debt.patience {
            return checker.fail(debt.rule, moment, debt.expected, debt.found, debt.message)
        }
        plan(.examine, after: Interval.milliseconds(500).nanoseconds)
    }
}
