// What the tests of groups add to the scene: a group, its entries, and both of its roads.

import ClientProtocol
import Cluster
import CoreKit
import Messages
import Primitives
import RPC
import Testing

let team = UserID("g:team")!
let crew = UserID("g:crew")!

/// The stamp of the group's entry of that number; inboxes have stamps of their own.
func groupStamp(_ number: UInt64) -> Stamp { Stamp(microseconds: 500_000 + Int64(number)) }

func post(_ number: UInt64, from author: UserID = ana) -> GroupEntry {
    GroupEntry(
        number: number, stamp: groupStamp(number), kind: .message, author: author, id: MessageID("t-\(number)")!,
        body: Array("t-\(number)".utf8))
}

/// The frame in which a device gets an entry of a group, as entry `number` of its inbox.
func posted(_ number: UInt64, _ post: UInt64, in group: UserID = team) -> ServerFrame {
    .groupMessage(
        number: number, group: group, groupNumber: post, from: ana, id: MessageID("t-\(post)")!, at: groupStamp(post),
        body: Array("t-\(post)".utf8))
}

func batch(
    _ posts: ClosedRange<UInt64>, to recipients: [UserID], of group: UserID = team, mark: MembershipMark = .none
) -> GroupBatch {
    GroupBatch(group: group, entries: posts.map { post($0) }, recipients: recipients, mark: mark)
}

/// What the store says of one recipient.
enum Kept {
    case new(_ count: Int, from: UInt64)
    case known
    case behind

    var item: SharedAppended.Item {
        switch self {
        case .new(let count, let first): SharedAppended.Item(storedCount: count, firstNumber: first, isBehind: false)
        case .known: SharedAppended.Item(storedCount: 0, firstNumber: 0, isBehind: false)
        case .behind: SharedAppended.Item(storedCount: 0, firstNumber: 0, isBehind: true)
        }
    }
}

func shared(_ kept: Kept...) -> Message { .sharedAppended(SharedAppended(items: kept.map(\.item))) }

func fannedOut(_ call: UInt32 = 5, behind: [UserID] = []) -> Did { .answer(call, .fannedOut(FannedOut(behind: behind))) }

func delivered(_ post: UInt64, by member: UserID = bob) -> GroupMark {
    GroupMark(member: member, kind: .delivered, upTo: groupStamp(post))
}

func read(_ post: UInt64, by member: UserID = bob) -> GroupMark {
    GroupMark(member: member, kind: .read, upTo: groupStamp(post))
}

func marked(_ outcomes: GroupMarked.Outcome...) -> Message { .groupMarked(GroupMarked(outcomes: outcomes)) }

extension Scene {
    /// The shard that a group belongs to, and the other one.
    func shard(of group: UserID = team) -> NodeID { map.ring(of: .group).owner(ofKey: group.text.utf8) }
    func otherShard(of group: UserID = team) -> NodeID { map.nodes(of: .group).map(\.id).first { $0 != shard(of: group) }! }

    /// The group's shard sends a batch.
    mutating func fanOut(_ batch: GroupBatch, call: UInt32 = 5) -> [Did] {
        on(.requested(RemoteCall(node: shard(of: batch.group), socket: SocketID(rawValue: 1), call: call), .fanOut(batch)))
    }

    func share(_ batch: GroupBatch, at partition: NodeID? = nil) -> Did { .call(partition ?? store, .appendShared(batch)) }

    func marks(_ marks: [GroupMark], of group: UserID = team, at node: NodeID? = nil) -> Did {
        .call(node ?? shard(of: group), .groupReceipts(GroupMarkBatch(group: group, marks: marks)))
    }

    func markRead(_ post: UInt64, of group: UserID = team, _ origin: Origin? = nil) -> Message {
        .markRead(MarkRead(origin: origin ?? self.origin(), with: group, stamp: groupStamp(post)))
    }

    /// Entries come to Bob, who is live, as his own `number`, and he has them.
    mutating func isPosted(_ posts: ClosedRange<UInt64>, as number: UInt64, of group: UserID = team) {
        _ = fanOut(batch(posts, to: [bob], of: group))
        _ = answerNewest(shared(.new(posts.count, from: number)))
    }

    /// As `wait`, with the end of a tick after each event, as the loop has it.
    mutating func pass(_ milliseconds: Int64) -> [Did] {
        var done = on(.flush)
        for _ in 0..<milliseconds { done += wait(1) + on(.flush) }
        return done
    }
}
