// Entries of a group's log come into the inboxes of its members.
//
// For each partition of the store there is a lane, and in each lane one batch at a time: whatever gathered meanwhile is the
// next batch, so that a busy group pays for one round trip with many messages. Within a batch every session shard gets one
// call, with the text once and the names of its members.
//
// A batch that fails is sent again as a whole after a pause: an inbox takes each number once. The other lanes go on. When the
// tries are used up the authors are told; the tries go on, slowly, because the log still owes the members its entries.

import CoreKit
import Groups
import Messages
import Primitives
import RPC

extension GroupCore {
    /// Sends what may go.
    mutating func fanOut(_ group: UserID, now: Now, _ effects: inout [Effect]) {
        guard groups[group]?.isLoaded == true else { return }
        for partition in stores.ring.nodeIDs { advance(group, partition, now: now, &effects) }
        settle(group, &effects)
    }

    /// Starts the next batch of a lane, if it is idle and there is one.
    private mutating func advance(_ group: UserID, _ partition: NodeID, now: Now, _ effects: inout [Effect]) {
        guard var lane = groups[group]!.lanes[partition], lane.flight == nil else { return }
        if let restsUntil = lane.restsUntil, restsUntil > now.instant {
            // The timer may have stood for another lane, which rested less.
            return timers.armIfIdle(.retry(group), at: restsUntil)
        }
        while let batch = nextBatch(group, partition, from: lane.next) {
            let calls = batch.parts.flatMap { part in
                shards(part.members).map { (mark: part.mark, node: $0.key, members: $0.value) }
            }
            guard !calls.isEmpty else {
                lane.next = batch.entries.last!.number + 1
                continue
            }
            serialNext &+= 1
            lane.flight = Lane.Flight(serial: serialNext, through: batch.entries.last!.number, outstanding: calls.count)
            groups[group]!.lanes[partition] = lane
            for call in calls {
                counters.batches += 1
                let message = GroupBatch(group: group, entries: batch.entries, recipients: call.members, mark: call.mark)
                self.call(
                    call.node, .fanOut(message),
                    .fanOut(group, partition: partition, serial: serialNext, memberCount: call.members.count), &effects)
            }
            return
        }
        groups[group]!.lanes[partition] = lane
    }

    private struct Batch {
        var entries: [GroupEntry]
        var parts: [(mark: MembershipMark, members: [UserID])]
    }

    private func nextBatch(_ group: UserID, _ partition: NodeID, from number: UInt64) -> Batch? {
        let pending = groups[group]!.pending
        guard let base = pending.first?.entry.number, number >= base, number - base < UInt64(pending.count) else { return nil }
        let start = Int(number - base)
        let audience = pending[start].audience
        var batch = Batch(
            entries: [pending[start].entry],
            parts: audience.parts.compactMap { part in part.members[partition].map { (part.mark, $0) } })
        guard audience.isPlain, let members = batch.parts.first?.members else { return batch }
        let countMax = min(
            MessageLimits.fanOutEntryCountMax, max(1, GroupServiceLimits.batchDeliveryCountMax / members.count))
        var bytes = pending[start].entry.body.count
        for next in pending[(start + 1)...] {
            bytes += next.entry.body.count
            guard batch.entries.count < countMax, bytes <= MessageLimits.pageBodyBytesMax, next.audience.isPlain,
                next.audience.version == audience.version
            else { break }
            batch.entries.append(next.entry)
        }
        return batch
    }

    /// Members by the session shard that serves them now; without any, the partition's turn comes later.
    private func shards(_ members: [UserID]) -> [(key: NodeID, value: [UserID])] {
        let fallback = sessions.ring.nodeIDs[0]
        return Dictionary(grouping: members) { sessions.route($0) ?? fallback }.sorted { $0.key < $1.key }
    }

    mutating func onFannedOut(
        _ group: UserID, _ partition: NodeID, _ serial: UInt32, _ memberCount: Int, _ result: Result<Message, Refusal>,
        now: Now, _ effects: inout [Effect]
    ) {
        guard var lane = groups[group]?.lanes[partition], var flight = lane.flight, flight.serial == serial else { return }
        flight.outstanding -= 1
        switch result {
        case .success(.fannedOut(let done)):
            if !done.behind.isEmpty { flight.isBehind = true }
            counters.deliveries += UInt64(memberCount - done.behind.count) * (flight.through - lane.next + 1)
        case .success, .failure: flight.failedCount += memberCount
        }
        lane.flight = flight
        if flight.outstanding == 0 {
            lane.flight = nil
            if flight.failedCount == 0 && !flight.isBehind {
                lane.next = flight.through + 1
                lane.tryCount = 0
                lane.isLateTold = false
                lane.restsUntil = nil
            } else {
                counters.batchesFailed += 1
                rest(&lane, flight, group, now: now, &effects)
            }
        }
        groups[group]!.lanes[partition] = lane
        guard flight.outstanding == 0 else { return }
        if flight.isBehind {
            // Somebody else's fan-out of what comes before is not done, or ours was forgotten: the store knows from where.
            groups[group]!.generation = 0
            groups[group]!.phase = .events(after: 0)
            return
        }
        fanOut(group, now: now, &effects)
    }

    /// After a failure: a pause, longer each time, and at some point a word to the authors.
    private mutating func rest(
        _ lane: inout Lane, _ flight: Lane.Flight, _ group: UserID, now: Now, _ effects: inout [Effect]
    ) {
        let wait = min(
            retryFirst * Int64(1 << min(lane.tryCount, 10)), max(retryFirst, GroupServiceLimits.retryMax))
        lane.tryCount += 1
        let pause = dice.jittered(wait)
        lane.restsUntil = now.instant + pause
        timers.armIfIdle(.retry(group), at: now.instant + pause)
        guard lane.tryCount >= rules.tryCountMax, !lane.isLateTold, flight.failedCount > 0 else { return }
        lane.isLateTold = true
        effects.append(
            .log(LogRecord(.warning, "fan_out_late", ["group": "\(group)", "members": "\(flight.failedCount)"])))
        let next = lane.next
        for pending in groups[group]!.pending where pending.entry.number >= next && pending.entry.number <= flight.through {
            counters.late += 1
            notify(pending.entry.author, group, pending.entry.stamp, .late(count: flight.failedCount), &effects)
        }
    }

    func notify(
        _ author: UserID, _ group: UserID, _ at: Stamp, _ content: GroupNotice.Content, _ effects: inout [Effect]
    ) {
        guard let node = sessions.route(author) else { return }
        effects.append(.send(node, .groupNotice(GroupNotice(author: author, group: group, at: at, content: content))))
    }
}
