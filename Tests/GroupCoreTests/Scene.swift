// The machinery of these tests: group shards over one store in memory, with session shards that store what they are given.
//
// A test says what people do and reads what they are told. The store is the simulator's, so that what is durable is durable
// across the death of a shard; either kind of neighbour can be away.

import ClientProtocol
import Cluster
import CoreKit
import GroupCore
import Groups
import Messages
import Primitives
import RPC
import Simulation
import Storage
import Testing

let ana = UserID("ana")!
let bob = UserID("bob")!
let cem = UserID("cem")!
let dora = UserID("dora")!
let eve = UserID("eve")!
func id(_ text: String) -> MessageID { MessageID(text)! }

/// A cluster of one partition, two session shards and two group shards.
let map = try! ClusterMap.local(
    LocalCounts(gateways: 1, parsers: 1, sessions: 2, groups: 2), groupRules: GroupRules(memberCountMax: 4, tryCountMax: 2))
/// The same with a store that drops nothing.
let archiveMap = try! ClusterMap.local(
    LocalCounts(gateways: 1, parsers: 1, sessions: 2, groups: 2), storageMode: .archive,
    groupRules: GroupRules(memberCountMax: 4, tryCountMax: 2))
/// The same with room for larger groups.
func roomyMap(_ memberCountMax: Int) -> ClusterMap {
    try! ClusterMap.local(
        LocalCounts(gateways: 1, parsers: 1, sessions: 2, groups: 2),
        groupRules: GroupRules(memberCountMax: memberCountMax, tryCountMax: 2))
}
let gateway = map.nodes(of: .gateway)[0].id
let storeNode = map.nodes(of: .persistence)[0].id
let sessionNodes = map.nodes(of: .session).map(\.id)

/// What somebody was told.
struct Told: Equatable {
    let user: UserID
    let frame: ServerFrame
}

struct Scene {
    var cores: [GroupCore]
    private let cluster: ClusterMap
    var store: MemoryStore
    private(set) var milliseconds: Int64 = 0
    /// Nobody answers for the store, or for the session shards: calls fail.
    var isStoreAway = false
    var areSessionsAway = false
    /// Ticks reach a session shard that cannot make them durable.
    var areTicksLost = false
    /// Calls are kept instead of answered, until `release`.
    var holdsStore = false
    private var held: [(core: Int, call: CallID, message: Message)] = []
    private(set) var told: [Told] = []
    private(set) var fanOuts: [GroupBatch] = []
    private(set) var ticks: [Receipt] = []
    private(set) var notices: [GroupNotice] = []
    private(set) var signs: [GroupTyping] = []
    private(set) var marked: [GroupMarked] = []
    private(set) var refusedCalls: [Refusal] = []
    private var connections: [UserID: UInt64] = [:]

    /// - Parameter shards: how many of the two group shards take part.
    init(shards: Int = 1, isArchive: Bool = false, memberCountMax: Int? = nil) {
        cores = []
        cluster = memberCountMax.map(roomyMap) ?? (isArchive ? archiveMap : map)
        store = MemoryStore(policy: StorePolicy(isArchive: isArchive))
        for index in 0..<shards { cores.append(makeCore(index)) }
        for index in cores.indices { greet(index) }
    }

    private func makeCore(_ index: Int) -> GroupCore {
        GroupCore(
            selfID: cluster.nodes(of: .group)[index].id, cluster: cluster, dice: SeededGenerator(seed: UInt64(index) + 1))
    }

    private mutating func greet(_ index: Int) {
        for node in [gateway, storeNode] + sessionNodes { feed(.peerUp(node), index) }
        advance(milliseconds: 0)
    }

    /// The shard dies with all it knew and starts again.
    mutating func restart(_ index: Int = 0) {
        cores[index] = makeCore(index)
        held.removeAll { $0.core == index }
        greet(index)
    }

    var now: Now {
        Now(instant: Instant(nanoseconds: milliseconds * 1_000_000), stamp: Stamp(microseconds: 1_000_000 + milliseconds * 1_000))
    }

    // MARK: What people do

    mutating func write(_ author: UserID, _ name: String, to group: UserID, after: MessageID? = nil, body: String = "hi", shard: Int = 0) {
        let send = GroupSend(origin: origin(author), group: group, id: id(name), after: after, body: Array(body.utf8))
        feed(.received(gateway, .groupSend(send)), shard)
    }

    mutating func change(_ author: UserID, _ name: String, _ group: UserID, _ change: GroupChange, shard: Int = 0) {
        let act = GroupAct(origin: origin(author), group: group, id: id(name), change: change)
        feed(.received(gateway, .groupAct(act)), shard)
    }

    /// Ana makes a group of her and these.
    mutating func make(_ users: [UserID], title: String = "Team") -> UserID {
        let group = UserID.group(of: ana, reference: id("make"))
        change(ana, "make", group, .create(title: title, users: users))
        return group
    }

    mutating func ask(_ user: UserID, _ group: UserID, receiptsAt: Stamp? = nil, shard: Int = 0) {
        ask(user, group, receiptsAt.map { .receipts(at: $0) } ?? .info, shard: shard)
    }

    mutating func ask(_ user: UserID, _ group: UserID, _ question: GroupQuery.Question, shard: Int = 0) {
        let query = GroupQuery(origin: origin(user), reference: id("q"), group: group, question: question)
        feed(.received(gateway, .groupQuery(query)), shard)
    }

    /// The session shard of these members reports.
    mutating func mark(_ group: UserID, _ kind: ReceiptKind, _ members: [UserID], upTo: Stamp, shard: Int = 0) {
        let marks = members.map { GroupMark(member: $0, kind: kind, upTo: upTo) }
        let call = RemoteCall(node: sessionNodes[0], socket: SocketID(rawValue: 1), call: 7)
        feed(.requested(call, .groupReceipts(GroupMarkBatch(group: group, marks: marks))), shard)
    }

    /// Somebody's client says that she types, or has stopped.
    mutating func type(_ author: UserID, in group: UserID, isOn: Bool = true, shard: Int = 0) {
        feed(.received(gateway, .typing(Typing(origin: origin(author), to: group, isOn: isOn))), shard)
    }

    private mutating func origin(_ user: UserID) -> Origin {
        let connection = connections[user] ?? UInt64(connections.count + 1)
        connections[user] = connection
        return Origin(
            gateway: gateway, connection: ConnectionID(rawValue: connection), user: user, device: DeviceID("d")!,
            encoding: .binary, isAttached: true, hasSiblings: false)
    }

    // MARK: Time and neighbours

    mutating func advance(milliseconds step: Int64) {
        let end = milliseconds + step
        // Timers are met one after the other, as in life.
        for _ in 0..<10_000 {
            var due: (index: Int, at: Instant)?
            for index in cores.indices {
                if let at = cores[index].deadline(), at.nanoseconds <= end * 1_000_000, due == nil || at < due!.at { due = (index, at) }
            }
            guard let due else { break }
            milliseconds = max(milliseconds, (due.at.nanoseconds + 999_999) / 1_000_000)
            feed(.deadline, due.index)
        }
        milliseconds = end
    }

    /// Held calls to the store are answered now, in order.
    mutating func release() {
        holdsStore = false
        let waiting = held
        held = []
        for (core, call, message) in waiting { answer(core, call, message) }
    }

    /// One held call is answered, by its place among them.
    mutating func release(at index: Int) {
        let (core, call, message) = held.remove(at: index)
        answer(core, call, message)
    }

    mutating func clear() { (told, fanOuts, ticks, notices, signs, marked) = ([], [], [], [], [], []) }

    var heldCount: Int { held.count }

    /// The log as it is stored.
    mutating func log(_ group: UserID) -> GroupPage {
        let read = ReadGroup(group: group, .entries(after: 0), limit: MessageLimits.pageEntryCountMax)
        guard case .groupPage(let page) = try! store.apply([.readGroup(read)], stamp: now.stamp)[0] else { fatalError() }
        return page
    }

    /// The inbox of somebody: the numbers that entries of the group have in its log.
    mutating func inbox(_ user: UserID) -> [UInt64] {
        let read = ReadInbox(owner: user, after: 0, limit: MessageLimits.pageEntryCountMax, headersOnly: false)
        guard case .inboxPage(let page) = try! store.apply([.readInbox(read)], stamp: now.stamp)[0] else { fatalError() }
        return page.entries.map(\.groupNumber)
    }

    /// What one person was told, as error codes and the like.
    func answers(_ user: UserID) -> [ServerFrame] { told.filter { $0.user == user }.map(\.frame) }

    func errors(_ user: UserID) -> [ErrorCode] {
        answers(user).compactMap { if case .error(let error) = $0 { error.code } else { nil } }
    }

    // MARK: The machine

    private mutating func feed(_ event: Event, _ index: Int) {
        var effects: [Effect] = []
        cores[index].on(event, now: now, effects: &effects)
        cores[index].on(.flush, now: now, effects: &effects)
        for effect in effects { obey(effect, index) }
    }

    private mutating func obey(_ effect: Effect, _ index: Int) {
        switch effect {
        case .call(let node, let call, let message) where node == storeNode:
            guard !isStoreAway else {
                feed(.refused(call, Refusal(.peerDown)), index)
                return
            }
            if holdsStore { held.append((index, call, message)) } else { answer(index, call, message) }
        case .call(_, let call, .fanOut(let fanOut)):
            fanOuts.append(fanOut)
            guard !areSessionsAway else {
                feed(.refused(call, Refusal(.unavailable)), index)
                return
            }
            let append = GroupBatch(
                group: fanOut.group, entries: fanOut.entries, recipients: fanOut.recipients, mark: fanOut.mark)
            guard case .sharedAppended(let stored) = try! store.apply([.appendShared(append)], stamp: now.stamp)[0] else { return }
            let behind = zip(fanOut.recipients, stored.items).filter { $0.1.isBehind }.map(\.0)
            feed(.answered(call, .fannedOut(FannedOut(behind: behind))), index)
        case .call(_, let call, .receipt(let receipt)):
            ticks.append(receipt)
            feed(areTicksLost ? .refused(call, Refusal(.unavailable)) : .answered(call, .done), index)
        case .call(let node, _, let message): Issue.record("a call to \(node): \(message)")
        case .send(_, .clientOutput(let output)):
            let user = connections.first { $0.value == output.connection.rawValue }!.key
            told.append(Told(user: user, frame: try! ServerFrame.decode(output.bytes, as: .binary)!))
        case .send(_, .groupNotice(let notice)): notices.append(notice)
        case .send(_, .groupTyping(let sign)): signs.append(sign)
        case .answer(_, .groupMarked(let answer)): marked.append(answer)
        case .refuse(_, let refusal): refusedCalls.append(refusal)
        default: break
        }
    }

    private mutating func answer(_ index: Int, _ call: CallID, _ message: Message) {
        let request: StoreRequest
        switch message {
        case .appendGroup(let payload): request = .appendGroup(payload)
        case .readGroup(let payload): request = .readGroup(payload)
        case .settleGroup(let payload): request = .settleGroup(payload)
        case .readPendingGroups(let payload): request = .readPendingGroups(payload)
        case .storeGroupMarks(let payload): request = .storeGroupMarks(payload)
        case .readGroupMarks(let payload): request = .readGroupMarks(payload)
        default:
            Issue.record("asked of the store: \(message)")
            return
        }
        switch try! store.apply([request], stamp: now.stamp)[0] {
        case .groupAppended(let payload): feed(.answered(call, .groupAppended(payload)), index)
        case .groupPage(let payload): feed(.answered(call, .groupPage(payload)), index)
        case .pendingGroups(let payload): feed(.answered(call, .pendingGroups(payload)), index)
        case .groupMarks(let payload): feed(.answered(call, .groupMarks(payload)), index)
        case .groupMarksStored(let payload): feed(.answered(call, .groupMarksStored(payload)), index)
        default: feed(.answered(call, .done), index)
        }
    }
}
