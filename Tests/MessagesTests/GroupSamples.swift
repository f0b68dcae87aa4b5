// Samples of what services say about groups, and dice that make more.

import Groups
import Messages
import Primitives

/// The group `g:1`.
let team = UserID("g:1")!
private let teamBytes = "03673a31"
private let at300 = Stamp(microseconds: 300)

private let written = GroupEntry(number: 5, stamp: at300, kind: .message, author: ana, id: m1, body: hi)
private let writtenBytes = "05 ac02 01 03616e61 026d31 02 6869"

let groupSamples: [Sample] = [
    Sample(
        23, .groupSend(GroupSend(origin: origin, group: team, id: m2, after: m1, body: hi)),
        originBytes + teamBytes + "026d32 01 026d31 02 6869"),
    Sample(
        24, .groupAct(GroupAct(origin: origin, group: team, id: m1, change: .create(title: "T", users: [bob]))),
        originBytes + teamBytes + "026d31 01 0154 01 03626f62"),
    Sample(24, .groupAct(GroupAct(origin: origin, group: team, id: m1, change: .leave)), originBytes + teamBytes + "026d31 06"),
    Sample(
        25, .groupQuery(GroupQuery(origin: origin, reference: m1, group: team, question: .receipts(at: at300))),
        originBytes + "01 026d31" + teamBytes + "01 ac02"),
    Sample(
        25, .groupQuery(GroupQuery(origin: origin, reference: nil, group: team, question: .info)),
        originBytes + "00" + teamBytes + "00"),
    Sample(
        26, .membershipQuery(MembershipQuery(origin: origin, reference: m1, after: team)),
        originBytes + "01 026d31 01" + teamBytes),
    Sample(
        27, .fanOut(GroupBatch(group: team, entries: [written], recipients: [ana, bob], mark: .none)),
        teamBytes + "01" + writtenBytes + "02 03616e61 03626f62 00"),
    Sample(
        27, .fanOut(GroupBatch(group: team, entries: [], recipients: [], mark: .joined(title: "T"))), teamBytes + "00 00 01 0154"),
    Sample(
        28, .groupReceipts(GroupMarkBatch(group: team, marks: [GroupMark(member: bob, kind: .read, upTo: at300)])),
        teamBytes + "01 03626f62 02 ac02"),
    Sample(
        29,
        .groupNotice(GroupNotice(author: ana, group: team, at: at300, content: .counts(delivered: 5, read: 3, of: 7))),
        "03616e61" + teamBytes + "ac02 01 05 03 07"),
    Sample(
        29, .groupNotice(GroupNotice(author: ana, group: team, at: at300, content: .late(count: 7))),
        "03616e61" + teamBytes + "ac02 02 07"),
    Sample(30, .typing(Typing(origin: origin, to: team, isOn: true)), originBytes + teamBytes + "01"),
    Sample(
        31, .groupTyping(GroupTyping(group: team, author: ana, isOn: true, recipients: [bob])),
        teamBytes + "03616e61 01 01 03626f62"),
    Sample(
        40,
        .appendGroup(
            AppendGroup(group: team, kind: .message, author: ana, id: m2, after: m1, eventNumber: 5, body: hi, asked: hi + hi)),
        teamBytes + "01 03616e61 026d32 01 026d31 05 02 6869 01 04 68696869"),
    Sample(41, .readGroup(ReadGroup(group: team, .events(after: 5), limit: 300)), teamBytes + "02 05 ac02"),
    Sample(41, .readGroup(ReadGroup(group: team, .newest(before: 300), limit: 9)), teamBytes + "03 ac02 09"),
    Sample(42, .settleGroup(SettleGroup(group: team, fannedOut: 300, told: 5)), teamBytes + "ac02 05"),
    Sample(43, .readPendingGroups(ReadPendingGroups(after: team)), "01" + teamBytes),
    Sample(43, .readPendingGroups(ReadPendingGroups(after: nil)), "00"),
    Sample(
        44,
        .storeGroupMarks(GroupMarkBatch(group: team, marks: [GroupMark(member: bob, kind: .delivered, upTo: at300)])),
        teamBytes + "01 03626f62 01 ac02"),
    Sample(
        45, .readGroupMarks(ReadGroupMarks(group: team, after: bob, at: at300)), teamBytes + "01 03626f62 01 ac02"),
    Sample(45, .readGroupMarks(ReadGroupMarks(group: team, after: nil, at: nil)), teamBytes + "00 00"),
    Sample(
        46, .appendShared(GroupBatch(group: team, entries: [written], recipients: [bob], mark: .renamed(title: "T"))),
        teamBytes + "01" + writtenBytes + "01 03626f62 02 0154"),
    Sample(
        46, .appendShared(GroupBatch(group: team, entries: [], recipients: [], mark: .left)), teamBytes + "00 00 03"),
    Sample(47, .readMemberships(ReadMemberships(owner: ana, after: team)), "03616e61 01" + teamBytes),
    Sample(
        72, .groupAppended(GroupAppended(outcome: .stale, number: 0, stamp: at300, revision: 7)), "05 00 ac02 07"),
    Sample(
        73,
        .groupPage(
            GroupPage(entries: [written], hasMore: true, head: 300, headStamp: at300, eventNumber: 5, fannedOut: 4)),
        "01" + writtenBytes + "01 ac02 ac02 05 04"),
    Sample(74, .pendingGroups(PendingGroups(groups: [team], hasMore: false)), "01" + teamBytes + "00"),
    Sample(
        75,
        .groupMarks(GroupMarks(items: [.init(member: bob, wrote: at300, delivered: .zero, read: at300)], hasMore: true)),
        "01 03626f62 ac02 00 ac02 01 00 00 00 00"),
    Sample(
        75, .groupMarks(GroupMarks(items: [], hasMore: false, author: bob, revision: 300, told: 5, eventNumber: 4)),
        "00 00 01 03626f62 ac02 05 04"),
    Sample(82, .groupMarksStored(GroupMarksStored(revision: 300, hasRisen: true)), "ac02 01"),
    Sample(
        76, .sharedAppended(SharedAppended(items: [.init(storedCount: 2, firstNumber: 300, isBehind: false)])),
        "01 02 ac02 00"),
    Sample(
        77, .membershipPage(MembershipPage(items: [.init(group: team, title: "T")], hasMore: false)),
        "01" + teamBytes + "0154 00"),
    Sample(78, .fannedOut(FannedOut(behind: [bob])), "01 03626f62"),
    Sample(79, .groupMarked(GroupMarked(outcomes: [.taken, .notMember, .ahead])), "03 01 02 03"),
]

extension MessageDice {
    mutating func change() -> GroupChange {
        switch dice.pick(0..<9) {
        case 0: .create(title: name(GroupLimits.titleBytesMax), users: users(GroupLimits.changeUserCountMax))
        case 1: .rename(name(GroupLimits.titleBytesMax))
        case 2: .describe(name(GroupLimits.descriptionBytesMax))
        case 3: .add(users(GroupLimits.changeUserCountMax))
        case 4: .remove(users(GroupLimits.changeUserCountMax))
        case 5: .leave
        case 6: .role(one(GroupRole.self), users(GroupLimits.changeUserCountMax))
        case 7: .settings(GroupSettings(isAnnouncement: flag(), showsReceipts: flag(), sharesHistory: flag()))
        default: .delete
        }
    }

    mutating func users(_ limit: Int) -> [UserID] { list(limit) { $0.user() } }

    mutating func mark() -> MembershipMark {
        switch dice.pick(0..<4) {
        case 0: .none
        case 1: .joined(title: name(GroupLimits.titleBytesMax))
        case 2: .renamed(title: name(GroupLimits.titleBytesMax))
        default: .left
        }
    }

    mutating func groupEntry() -> GroupEntry {
        GroupEntry(number: number(), stamp: stamp(), kind: one(GroupEntry.Kind.self), author: user(), id: id(), body: bytes(500))
    }

    mutating func groupMarks() -> [GroupMark] {
        list(MessageLimits.groupMarkCountMax) { GroupMark(member: $0.user(), kind: $0.one(ReceiptKind.self), upTo: $0.stamp()) }
    }

    mutating func count() -> Int { dice.pick(0..<GroupLimits.memberCountMax + 1) }

    mutating func question() -> GroupQuery.Question {
        switch dice.pick(0..<3) {
        case 0: .info
        case 1: .receipts(at: stamp())
        default: .history(before: maybe { $0.number() }, limit: limit())
        }
    }

    mutating func part() -> ReadGroup.Part {
        switch dice.pick(0..<3) {
        case 0: .entries(after: number())
        case 1: .events(after: number())
        default: .newest(before: number())
        }
    }

    /// A message about groups like `sample`, with other contents; nil for all others.
    mutating func groupMessage(like sample: Message) -> Message? {
        typealias L = MessageLimits
        switch sample {
        case .groupSend:
            return .groupSend(.init(origin: origin(), group: user(), id: id(), after: maybe { $0.id() }, body: bytes(L.bodyBytesMax)))
        case .groupAct: return .groupAct(.init(origin: origin(), group: user(), id: id(), change: change()))
        case .groupQuery:
            return .groupQuery(
                .init(origin: origin(), reference: maybe { $0.id() }, group: user(), question: question()))
        case .membershipQuery:
            return .membershipQuery(.init(origin: origin(), reference: maybe { $0.id() }, after: maybe { $0.user() }))
        case .fanOut:
            return .fanOut(
                .init(
                    group: user(), entries: list(L.fanOutEntryCountMax) { $0.groupEntry() },
                    recipients: users(GroupLimits.memberCountMax), mark: mark()))
        case .groupReceipts: return .groupReceipts(.init(group: user(), marks: groupMarks()))
        case .groupNotice:
            let content: GroupNotice.Content =
                flag() ? .counts(delivered: count(), read: count(), of: count()) : .late(count: count())
            return .groupNotice(.init(author: user(), group: user(), at: stamp(), content: content))
        case .typing: return .typing(.init(origin: origin(), to: user(), isOn: flag()))
        case .groupTyping:
            return .groupTyping(
                .init(group: user(), author: user(), isOn: flag(), recipients: users(MessageLimits.typingMemberCountMax)))
        case .appendGroup:
            return .appendGroup(
                .init(
                    group: user(), kind: one(GroupEntry.Kind.self), author: user(), id: id(), after: maybe { $0.id() },
                    eventNumber: number(), body: bytes(L.bodyBytesMax), asked: maybe { $0.bytes(L.bodyBytesMax) }))
        case .readGroup: return .readGroup(.init(group: user(), part(), limit: limit()))
        case .settleGroup: return .settleGroup(.init(group: user(), fannedOut: number(), told: number()))
        case .readPendingGroups: return .readPendingGroups(.init(after: maybe { $0.user() }))
        case .storeGroupMarks: return .storeGroupMarks(.init(group: user(), marks: groupMarks()))
        case .readGroupMarks: return .readGroupMarks(.init(group: user(), after: maybe { $0.user() }, at: maybe { $0.stamp() }))
        case .appendShared:
            return .appendShared(
                .init(
                    group: user(), entries: list(L.fanOutEntryCountMax) { $0.groupEntry() },
                    recipients: users(GroupLimits.memberCountMax), mark: mark()))
        case .readMemberships: return .readMemberships(.init(owner: user(), after: maybe { $0.user() }))
        default: return groupAnswer(like: sample)
        }
    }

    private mutating func groupAnswer(like sample: Message) -> Message? {
        typealias L = MessageLimits
        switch sample {
        case .groupAppended:
            return .groupAppended(.init(outcome: one(GroupAppended.Outcome.self), number: number(), stamp: stamp(), revision: number()))
        case .groupPage:
            return .groupPage(
                .init(
                    entries: list(L.pageEntryCountMax) { $0.groupEntry() }, hasMore: flag(), head: number(), headStamp: stamp(),
                    eventNumber: number(), fannedOut: number()))
        case .pendingGroups: return .pendingGroups(.init(groups: users(L.pageEntryCountMax), hasMore: flag()))
        case .groupMarks:
            return .groupMarks(
                .init(
                    items: list(L.pageEntryCountMax) {
                        .init(member: $0.user(), wrote: $0.stamp(), delivered: $0.stamp(), read: $0.stamp())
                    }, hasMore: flag(), author: maybe { $0.user() }, revision: number(), told: number(), eventNumber: number()))
        case .groupMarksStored: return .groupMarksStored(.init(revision: number(), hasRisen: flag()))
        case .sharedAppended:
            return .sharedAppended(
                .init(
                    items: list(GroupLimits.memberCountMax) {
                        .init(
                            storedCount: $0.dice.pick(0..<L.fanOutEntryCountMax + 1), firstNumber: $0.number(), isBehind: $0.flag())
                    }))
        case .membershipPage:
            return .membershipPage(
                .init(
                    items: list(L.membershipCountMax) { .init(group: $0.user(), title: $0.name(GroupLimits.titleBytesMax)) },
                    hasMore: flag()))
        case .fannedOut: return .fannedOut(.init(behind: users(GroupLimits.memberCountMax)))
        case .groupMarked:
            return .groupMarked(.init(outcomes: list(L.groupMarkCountMax) { $0.one(GroupMarked.Outcome.self) }))
        default: return nil
        }
    }
}
