// A member asks: what is the group like, who has a message, what was written before?
//
// Before the answer the store is asked whether the group has changed elsewhere (`submit`), so that nobody who was put out is
// answered by a shard that has not heard of it. What the group is like then decides: by the time the store has looked for the
// rest, the shard may be reading the group anew.

import ClientProtocol
import CoreKit
import Groups
import Messages
import Primitives
import RPC

extension GroupCore {
    mutating func answer(_ query: GroupQuery, _ effects: inout [Effect]) {
        let state = groups[query.group]!.state
        guard state.exists else { return refuse(query, .noSuchGroup, &effects) }
        guard let member = state.members[query.origin.user] else { return refuse(query, .notMember, &effects) }
        switch query.question {
        case .info:
            let info = GroupInfo(
                group: query.group, title: state.title, description: state.description, settings: state.settings,
                members: state.roster.map { GroupInfo.Member(user: $0, role: state.members[$0]!.role) })
            effects.append(.tell(query.origin, .groupInfo(ref: query.reference, info)))
        case .receipts(let at):
            let read = ReadGroupMarks(group: query.group, after: nil, at: at)
            ask(query.group, .readGroupMarks(read), .receiptList(query, state, at: at, []), &effects)
        case .history(let before, let limit):
            guard isArchive else {
                return refuse(Submission(request: .query(query)), .noArchive(ref: query.reference), &effects)
            }
            let limit = min(max(limit, 1), MessageLimits.historyEntryCountMax)
            let read = ReadGroup(group: query.group, .newest(before: before ?? .max), limit: limit)
            // Everything where history is shared, otherwise what came with her and after.
            let from = state.settings.sharesHistory ? .zero : member.joinedAt
            ask(query.group, .readGroup(read), .history(query, from: from), &effects)
        }
    }

    mutating func onReceiptList(
        _ query: GroupQuery, _ state: GroupState, at: Stamp, _ items: [GroupMarks.Item], _ result: Result<Message, Refusal>,
        _ effects: inout [Effect]
    ) {
        let page: GroupMarks
        switch result {
        case .success(.groupMarks(let marks)): page = marks
        case .success: return refuse(query, Refusal(.unsupported), &effects)
        case .failure(let refusal): return refuse(query, refusal, &effects)
        }
        guard page.author == query.origin.user || state.settings.showsReceipts else {
            return refuse(query, .notAllowed, &effects)
        }
        let items = items + page.items
        if page.hasMore, let last = page.items.last {
            let read = ReadGroupMarks(group: query.group, after: last.member, at: at)
            return ask(query.group, .readGroupMarks(read), .receiptList(query, state, at: at, items), &effects)
        }
        let times = Dictionary(items.map { ($0.member, $0) }) { first, _ in first }
        let entries = state.people.filter { $0 != page.author && state.members[$0]!.joinedAt < at }.map { member in
            let time = times[member]
            return ReceiptEntry(
                user: member, delivered: time.flatMap { $0.delivered == .zero ? nil : $0.delivered },
                read: time.flatMap { $0.read == .zero ? nil : $0.read })
        }
        effects.append(.tell(query.origin, .receipts(ref: query.reference, with: query.group, at: at, entries: entries)))
    }

    /// - Parameter from: nothing that is older is shown.
    mutating func onHistory(
        _ query: GroupQuery, from: Stamp, _ result: Result<Message, Refusal>, _ effects: inout [Effect]
    ) {
        let page: GroupPage
        switch result {
        case .success(.groupPage(let entries)): page = entries
        case .success: return refuse(query, Refusal(.unsupported), &effects)
        case .failure(let refusal): return refuse(query, refusal, &effects)
        }
        let entries = page.entries.filter { $0.stamp >= from }
        effects.append(
            .tell(
                query.origin,
                .history(
                    ref: query.reference, entries: entries.compactMap { ServerFrame($0, of: query.group) },
                    more: page.hasMore && entries.count == page.entries.count)))
    }

    private mutating func refuse(_ query: GroupQuery, _ refusal: GroupRefusal, _ effects: inout [Effect]) {
        refuse(Submission(request: .query(query)), refusal, &effects)
    }

    private mutating func refuse(_ query: GroupQuery, _ refusal: Refusal, _ effects: inout [Effect]) {
        refuse(Submission(request: .query(query)), refusal, &effects)
    }
}

extension ServerFrame {
    /// An entry of a group's log as a client sees it outside of any inbox: its `n` is 0. Nil: a kind of change that only a newer
    /// release knows.
    fileprivate init?(_ entry: GroupEntry, of group: UserID) {
        switch entry.kind {
        case .message:
            self = .groupMessage(
                number: 0, group: group, groupNumber: entry.number, from: entry.author, id: entry.id, at: entry.stamp,
                body: entry.body)
        case .event:
            guard let change = GroupChange(bytes: entry.body) else { return nil }
            self = .groupEvent(
                number: 0, group: group, groupNumber: entry.number, from: entry.author, id: entry.id, at: entry.stamp,
                change: change)
        }
    }
}
