// What a group owes is written down with it: entries that are not in every inbox yet, and ticks that authors do not know yet.
//
// The store counts both, and is told how far they are done: entries at once, because their texts go with it, ticks with the
// next entry or a little later. So a shard that dies leaves behind which groups still owe something. Every shard looks for
// them now and then: its own it takes up at once, and what seems to be another's affair when nobody has done it by the next
// time.

import CoreKit
import Messages
import Primitives
import RPC

extension GroupCore {
    /// Drops what every lane has done, and tells the store, one word at a time.
    /// - Parameter withTicks: also when there is nothing to say but that ticks were told.
    mutating func settle(_ group: UserID, withTicks: Bool = false, _ effects: inout [Effect]) {
        guard let record = groups[group], record.isLoaded, !record.lanes.isEmpty else { return }
        let through = min(record.head, record.lanes.values.map { $0.next - 1 }.min()!)
        let count = record.pending.firstIndex { $0.entry.number > through } ?? record.pending.count
        if count > 0 {
            groups[group]!.pendingBytes -= record.pending[..<count].reduce(0) { $0 + $1.entry.body.count }
            groups[group]!.pending.removeFirst(count)
        }
        guard !record.isSettling, through > record.fannedOut || withTicks && record.told > record.toldStored else { return }
        groups[group]!.isSettling = true
        let settled = SettleGroup(group: group, fannedOut: through, told: record.told)
        ask(group, .settleGroup(settled), .settle(settled, generation: record.generation), &effects)
    }

    /// The store may hear of ticks with the next entry, and soon in any case.
    mutating func settleLater(_ group: UserID, now: Now) {
        guard let record = groups[group], record.told > record.toldStored else { return }
        timers.armIfIdle(.settle(group), at: now.instant + GroupServiceLimits.settleDelay)
    }

    mutating func onSettled(
        _ settled: SettleGroup, _ generation: UInt32, _ result: Result<Message, Refusal>, now: Now, _ effects: inout [Effect]
    ) {
        let group = settled.group
        guard let record = groups[group], record.generation == generation else { return }
        groups[group]!.isSettling = false
        guard case .success(.done) = result else { return retryLater(group, now: now) }
        groups[group]!.fannedOut = max(record.fannedOut, settled.fannedOut)
        groups[group]!.toldStored = max(record.toldStored, settled.told)
        settle(group, &effects)
        settleLater(group, now: now)
    }

    // MARK: Looking for what was left

    mutating func scan(now: Now, _ effects: inout [Effect]) {
        owingElsewhereBefore = owingElsewhere
        owingElsewhere = []
        for node in stores.up {
            call(node, .readPendingGroups(ReadPendingGroups(after: nil)), .pendingGroups(node), &effects)
        }
        for (group, record) in groups where record.isIdle && record.lastUsed + GroupServiceLimits.idleMax < now.instant {
            groups[group] = nil
            timers.cancel(.retry(group))
            timers.cancel(.ticks(group))
            timers.cancel(.counts(group))
            timers.cancel(.settle(group))
        }
    }

    mutating func onPendingGroups(
        _ node: NodeID, _ result: Result<Message, Refusal>, now: Now, _ effects: inout [Effect]
    ) {
        guard case .success(.pendingGroups(let page)) = result else { return }
        for group in page.groups {
            let known = groups[group]
            // What is known here to be owed is on its way.
            if let known, !known.isIdle { continue }
            if known != nil || ring.owner(ofKey: group.text.utf8) != selfID {
                owingElsewhere.insert(group)
                guard owingElsewhereBefore.contains(group) else { continue }
            }
            if known != nil {
                reload(group, now: now, &effects)
            } else {
                guard groups.count < GroupServiceLimits.groupCountMax else { return }
                serialNext &+= 1
                groups[group] = GroupRecord(generation: serialNext, now: now.instant)
                read(group, &effects)
            }
        }
        if page.hasMore, let last = page.groups.last {
            call(node, .readPendingGroups(ReadPendingGroups(after: last)), .pendingGroups(node), &effects)
        }
    }

    /// Takes up what rested.
    mutating func resume(_ group: UserID, now: Now, _ effects: inout [Effect]) {
        guard let record = groups[group] else { return }
        if case .events = record.phase, record.generation == 0 { return reload(group, now: now, &effects) }
        guard record.isLoaded else { return }
        fanOut(group, now: now, &effects)
        settle(group, withTicks: true, &effects)
        timers.armIfIdle(.ticks(group), at: now.instant + GroupServiceLimits.tickWindow)
    }
}
