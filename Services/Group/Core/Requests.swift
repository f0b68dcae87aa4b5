// Somebody writes to a group, or changes it.
//
// Requests to a group are taken in the order in which they came. Messages are appended without waiting for each other; a
// change holds back what comes behind it, because that has to be judged by the rules that the change leaves.
//
// A request that the rules refuse may be a repeat of one that they allowed: the store is asked first whether it knows the id.

import ClientProtocol
import CoreKit
import Groups
import Messages
import Primitives
import RPC

extension GroupCore {
    mutating func submit(_ submission: Submission, to group: UserID, now: Now, _ effects: inout [Effect]) {
        guard group.isGroup else { return refuse(submission, .noSuchGroup, &effects) }
        guard var record = groups[group] else {
            guard groups.count < GroupServiceLimits.groupCountMax else {
                return refuse(submission, Refusal(.overloaded, retryAfterMs: unavailableRetryMs), &effects)
            }
            serialNext &+= 1
            var record = GroupRecord(generation: serialNext, now: now.instant)
            record.waiting = [submission]
            groups[group] = record
            return read(group, &effects)
        }
        record.lastUsed = now.instant
        guard record.waiting.count < GroupServiceLimits.waitingCountMax else {
            return refuse(submission, Refusal(.overloaded, retryAfterMs: unavailableRetryMs), &effects)
        }
        guard record.isReady, record.waiting.isEmpty, !record.isEventInFlight else {
            record.waiting.append(submission)
            groups[group] = record
            return
        }
        groups[group]!.lastUsed = now.instant
        if case .query = submission.request {
            groups[group]!.waiting.append(submission)
            return check(group, &effects)
        }
        take(submission, group, now: now, &effects)
    }

    /// Goes on with what has waited.
    mutating func drain(_ group: UserID, now: Now, _ effects: inout [Effect]) {
        let waiting = groups[group]?.waiting ?? []
        guard !waiting.isEmpty else { return }
        groups[group]!.waiting = []
        for (index, submission) in waiting.enumerated() {
            take(submission, group, now: now, &effects)
            guard let record = groups[group] else {
                for left in waiting[(index + 1)...] { refuse(left, .noSuchGroup, &effects) }
                return
            }
            if !record.isReady || record.isEventInFlight {
                groups[group]!.waiting += waiting[(index + 1)...]
                return
            }
        }
    }

    private mutating func take(_ submission: Submission, _ group: UserID, now: Now, _ effects: inout [Effect]) {
        switch submission.request {
        case .message(let send): take(send, submission, now: now, &effects)
        case .act(let act): take(act, submission, now: now, &effects)
        case .query(let query): answer(query, &effects)
        case .receipts(let call, let receipts): take(receipts, call, submission, now: now, &effects)
        }
    }

    private mutating func take(_ send: GroupSend, _ submission: Submission, now: Now, _ effects: inout [Effect]) {
        let record = groups[send.group]!
        let refusal = record.state.judgeMessage(by: send.origin.user)
        guard refusal != nil || !record.isFull else {
            return refuse(submission, Refusal(.overloaded, retryAfterMs: unavailableRetryMs), &effects)
        }
        if refusal == .noSuchGroup && !record.state.wasMade { return refuseUnmade(submission, send.group, &effects) }
        append(
            AppendGroup(
                group: send.group, kind: .message, author: send.origin.user, id: send.id, after: send.after,
                eventNumber: refusal == nil ? record.eventNumber : AppendGroup.neverCurrent, body: send.body),
            submission, &effects)
    }

    private mutating func take(_ act: GroupAct, _ submission: Submission, now: Now, _ effects: inout [Effect]) {
        let record = groups[act.group]!
        if !record.state.wasMade {
            guard case .create = act.change else { return refuseUnmade(submission, act.group, &effects) }
        }
        var eventNumber = record.eventNumber
        var change = act.change
        switch record.state.judge(act.change, by: act.origin.user, memberCountMax: rules.memberCountMax) {
        case .success(.settings(let settings)) where settings.sharesHistory && !isArchive:
            return refuse(submission, .noArchive(ref: act.id), &effects)
        case .success(let left): change = left
        case .failure: eventNumber = AppendGroup.neverCurrent
        }
        groups[act.group]!.isEventInFlight = true
        append(
            AppendGroup(
                group: act.group, kind: .event, author: act.origin.user, id: act.id, after: nil, eventNumber: eventNumber,
                body: change.bytes, asked: change == act.change ? nil : act.change.bytes),
            submission, &effects)
    }

    /// There is no such group, says the store; what one shard remembers is not enough, for it may have been made elsewhere.
    private mutating func refuseUnmade(_ submission: Submission, _ group: UserID, _ effects: inout [Effect]) {
        guard submission.tries == 0 else { return refuse(submission, .noSuchGroup, &effects) }
        queueAgain(submission, of: group)
        check(group, &effects)
    }

    /// In front: it came before those that wait.
    private mutating func queueAgain(_ submission: Submission, of group: UserID) {
        var again = submission
        again.tries += 1
        let place = groups[group]!.waiting.firstIndex { $0.tries == 0 } ?? groups[group]!.waiting.count
        groups[group]!.waiting.insert(again, at: place)
    }

    private mutating func append(_ append: AppendGroup, _ submission: Submission, _ effects: inout [Effect]) {
        groups[append.group]!.appendsInFlight += 1
        if append.kind == .message {
            effects.append(.trace(TraceRecord(TraceKey(author: append.author, id: append.id), .storing)))
        }
        ask(
            append.group, .appendGroup(append),
            .append(append.group, generation: groups[append.group]!.generation, submission), &effects)
    }

    mutating func onAppended(
        _ group: UserID, _ generation: UInt32, _ submission: Submission, _ result: Result<Message, Refusal>, now: Now,
        _ effects: inout [Effect]
    ) {
        let isCurrent = groups[group]?.generation == generation
        var isEvent = false
        if case .act = submission.request { isEvent = true }
        if isCurrent {
            groups[group]!.appendsInFlight -= 1
            if isEvent { groups[group]!.isEventInFlight = false }
        }
        switch result {
        case .success(.groupAppended(let appended)):
            onAppended(group, isCurrent, submission, appended, now: now, &effects)
        case .success: refuse(submission, Refusal(.unsupported), &effects)
        case .failure(let refusal):
            refuse(submission, refusal, &effects)
            // Perhaps it is stored, and only the answer was lost.
            if isCurrent, refusal.code == .timedOut || refusal.code == .peerDown { reload(group, now: now, &effects) }
        }
        if isEvent, isCurrent, groups[group]?.isReady == true { drain(group, now: now, &effects) }
    }

    private mutating func onAppended(
        _ group: UserID, _ isCurrent: Bool, _ submission: Submission, _ appended: GroupAppended, now: Now,
        _ effects: inout [Effect]
    ) {
        switch appended.outcome {
        case .stored:
            confirm(submission, appended, &effects)
            guard isCurrent else { return }
            guard appended.number == groups[group]!.head + 1 else { return reload(group, now: now, &effects) }
            switch submission.request {
            case .message(let send):
                counters.messagesStored += 1
                groups[group]!.hear(appended.revision, isOurs: false)
                // Whoever has written types no more, and is shown at once when she begins again.
                groups[group]!.typing.shown.remove(send.origin.user)
                take(
                    GroupEntry(
                        number: appended.number, stamp: appended.stamp, kind: .message, author: send.origin.user, id: send.id,
                        body: send.body), into: group)
            case .act(let act):
                counters.eventsStored += 1
                guard case .success(let change) = groups[group]!.state.judge(
                    act.change, by: act.origin.user, memberCountMax: rules.memberCountMax)
                else { return reload(group, now: now, &effects) }
                take(
                    GroupEntry(
                        number: appended.number, stamp: appended.stamp, kind: .event, author: act.origin.user, id: act.id,
                        body: change.bytes), into: group)
                groups[group]!.hear(appended.revision, isOurs: true)
            case .query, .receipts: break
            }
            // Who goes does not hold a tick back any more; and another shard may have taken marks.
            if groups[group]!.told < groups[group]!.revisionHeard {
                timers.armIfIdle(.ticks(group), at: now.instant + GroupServiceLimits.tickWindow)
            }
            fanOut(group, now: now, &effects)
        case .duplicate: confirm(submission, appended, &effects)
        case .conflict, .predecessorMissing: refuse(submission, appended.outcome, &effects)
        case .stale: onStale(group, isCurrent, submission, now: now, &effects)
        }
    }

    /// Refused by our own rules and no repeat; or else the group has changed elsewhere.
    private mutating func onStale(
        _ group: UserID, _ isCurrent: Bool, _ submission: Submission, now: Now, _ effects: inout [Effect]
    ) {
        guard let record = groups[group], submission.tries < GroupServiceLimits.staleTryCountMax else {
            return refuse(submission, Refusal(.unavailable, retryAfterMs: unavailableRetryMs), &effects)
        }
        let refusal = isCurrent && record.isReady ? judge(submission, by: record.state) : nil
        // Whoever is told no for good is told so by what the store knows, not by what one shard remembers.
        if let refusal, submission.tries > 0 { return refuse(submission, refusal, &effects) }
        if isCurrent, record.isReady {
            if refusal != nil { check(group, &effects) } else { reload(group, now: now, &effects) }
        }
        queueAgain(submission, of: group)
        if groups[group]!.isReady && !groups[group]!.isEventInFlight { drain(group, now: now, &effects) }
    }

    private func judge(_ submission: Submission, by state: GroupState) -> GroupRefusal? {
        switch submission.request {
        case .message(let send): return state.judgeMessage(by: send.origin.user)
        case .act(let act):
            guard case .failure(let refusal) = state.judge(
                act.change, by: act.origin.user, memberCountMax: rules.memberCountMax)
            else { return nil }
            return refusal
        case .query, .receipts: return nil
        }
    }

    // MARK: Answers

    private mutating func confirm(_ submission: Submission, _ appended: GroupAppended, _ effects: inout [Effect]) {
        switch submission.request {
        case .message(let send):
            let key = TraceKey(author: send.origin.user, id: send.id)
            effects.append(.trace(TraceRecord(key, .stored, appended.number)))
            effects.append(.tell(send.origin, .sent(id: send.id, to: send.group, at: appended.stamp)))
            effects.append(.trace(TraceRecord(key, .sentAnswered)))
        case .act(let act):
            effects.append(
                .tell(
                    act.origin,
                    .groupDone(ref: act.id, group: act.group, groupNumber: appended.number, at: appended.stamp)))
        case .query, .receipts: break
        }
    }

    private mutating func refuse(
        _ submission: Submission, _ outcome: GroupAppended.Outcome, _ effects: inout [Effect]
    ) {
        let ref = submission.request.reference
        refuse(
            submission,
            outcome == .conflict
                ? ErrorFrame(.idConflict, "this id was used for something else", ref: ref)
                : ErrorFrame(.predecessorMissing, "the message named by after is not there", ref: ref), &effects)
    }

    mutating func refuse(_ submission: Submission, _ refusal: GroupRefusal, _ effects: inout [Effect]) {
        if case .receipts(let call, let receipts) = submission.request {
            let outcomes = receipts.marks.map { _ in GroupMarked.Outcome.notMember }
            return effects.append(.answer(call, .groupMarked(GroupMarked(outcomes: outcomes))))
        }
        refuse(submission, ErrorFrame(refusal, ref: submission.request.reference), &effects)
    }

    mutating func refuse(_ submission: Submission, _ refusal: Refusal, _ effects: inout [Effect]) {
        if case .receipts(let call, _) = submission.request { return effects.append(.refuse(call, refusal)) }
        refuse(submission, ErrorFrame(refusal, ref: submission.request.reference), &effects)
    }

    mutating func refuse(_ submission: Submission, _ error: ErrorFrame, _ effects: inout [Effect]) {
        counters.refused += 1
        switch submission.request {
        case .message(let send):
            let key = TraceKey(author: send.origin.user, id: send.id)
            effects.append(.trace(TraceRecord(key, .refused, UInt64(error.code.rawValue))))
            effects.append(.tell(send.origin, .error(error)))
        case .act(let act): effects.append(.tell(act.origin, .error(error)))
        case .query(let query): effects.append(.tell(query.origin, .error(error)))
        case .receipts: break
        }
    }
}

extension GroupRequest {
    /// What a client matches an answer by.
    var reference: MessageID? {
        switch self {
        case .message(let send): send.id
        case .act(let act): act.id
        case .query(let query): query.reference
        case .receipts: nil
        }
    }
}

extension ErrorFrame {
    /// What is asked for needs messages that a temporary cluster drops.
    static func noArchive(ref: MessageID?) -> ErrorFrame {
        ErrorFrame(.unsupported, "this cluster keeps no archive: what was written before cannot be shared", ref: ref)
    }

    /// A refusal by the rules of a group, as a client is told.
    init(_ refusal: GroupRefusal, ref: MessageID?) {
        switch refusal {
        case .noSuchGroup: self.init(.noSuchGroup, "there is no such group", ref: ref)
        case .notMember: self.init(.notMember, "you are not a member of this group", ref: ref)
        case .notAllowed: self.init(.notAllowed, "your role in this group does not allow it", ref: ref)
        case .full: self.init(.groupFull, "the group would have more members than the limit", ref: ref)
        case .noChange: self.init(.noChange, "it is so already", ref: ref)
        case .badUsers: self.init(.badUsers, "name members, as many as the change takes", ref: ref)
        }
    }
}
