// The machinery of these tests: one shard, the people around it, a clock that only moves when it is told to.
//
// A test is a transcript. Each line is an event, and the list that it is compared with is everything the shard did about it,
// in order. Calls are answered oldest first; the scene remembers which number each call had.

import ClientProtocol
import Cluster
import CoreKit
import Messages
import Primitives
import RPC
import SessionCore
import Testing

let ana = UserID("ana")!
let bob = UserID("bob")!
let cem = UserID("cem")!
let phone = DeviceID("phone")!
let laptop = DeviceID("laptop")!

/// An effect as a reader of a transcript wants it: without call numbers, frames decoded; logs and traces are left out.
enum Did: Equatable {
    case call(NodeID, Message)
    case send(NodeID, Message)
    case answer(UInt32, Message)
    case refuse(UInt32, Refusal)
    /// A frame for a client's connection.
    case tell(UInt64, ServerFrame)
    case close(UInt64, UInt16)
    case attached(UInt64, hasSiblings: Bool, revision: Int64 = 0)
}

/// Building rings takes a while; the four that are needed are built once.
private enum Maps {
    static let one = try! ClusterMap.local(LocalCounts(sessions: 1))
    static let three = try! ClusterMap.local(LocalCounts(sessions: 3))
    static let twoPartitions = try! ClusterMap.local(LocalCounts(sessions: 1, persistences: 2))
    static let hooked = try! ClusterMap.parse(
        try! ClusterMap.local(LocalCounts(sessions: 1, apis: 1)).render() + "webhooks http://127.0.0.1:9/ events=offline,stored,delivered\n")
    static let archive = try! ClusterMap.local(LocalCounts(sessions: 1), storageMode: .archive)

    static func of(_ sessions: Int, _ partitions: Int, _ mode: StorageMode) -> ClusterMap {
        switch (sessions, partitions, mode) {
        case (1, 2, _): twoPartitions
        case (1, _, .temporary): one
        case (1, _, .archive): archive
        default: three
        }
    }
}

struct Scene {
    let map: ClusterMap
    let selfID: NodeID
    var core: SessionCore
    private(set) var milliseconds: Int64 = 0
    private var calls: [CallID] = []

    var gateway: NodeID { map.nodes(of: .gateway)[0].id }
    var otherGateway: NodeID { map.nodes(of: .gateway)[1].id }
    var parser: NodeID { map.nodes(of: .parser)[0].id }
    var store: NodeID { map.nodes(of: .persistence)[0].id }
    var callCount: Int { calls.count }

    /// A shard of a cluster with `sessions` shards; everybody is up.
    /// - Parameter shard: its place among the shards.
    init(sessions: Int = 1, shard: Int = 0, partitions: Int = 1, mode: StorageMode = .temporary, hasWebhooks: Bool = false) {
        map = hasWebhooks ? Maps.hooked : Maps.of(sessions, partitions, mode)
        selfID = map.nodes(of: .session)[shard].id
        core = SessionCore(selfID: selfID, cluster: map, dice: SeededGenerator(seed: 1))
        for peer in map.peers(of: selfID) { #expect(on(.peerUp(peer.id)) == []) }
        // The other shards came into reach: that passes, with nobody here yet.
        #expect(wait(sessions > 1 ? 4_000 : 0) == [])
    }

    var now: Now {
        Now(instant: Instant(nanoseconds: milliseconds * 1_000_000), stamp: Stamp(microseconds: milliseconds * 1_000))
    }

    // MARK: Events

    mutating func on(_ event: Event) -> [Did] {
        var effects: [Effect] = []
        core.on(event, now: now, effects: &effects)
        return effects.compactMap { read($0) }
    }

    /// A one-way message.
    mutating func gets(_ message: Message, from node: NodeID? = nil) -> [Did] { on(.received(node ?? parser, message)) }

    /// The answer to the oldest call that has none.
    mutating func answer(_ message: Message) -> [Did] { on(.answered(calls.removeFirst(), message)) }

    mutating func refuse(_ code: Refusal.Code, retryMs: UInt32 = 0) -> [Did] {
        on(.refused(calls.removeFirst(), Refusal(code, retryAfterMs: retryMs)))
    }

    /// Answers the newest call, ahead of its turn.
    mutating func answerNewest(_ message: Message) -> [Did] { on(.answered(calls.removeLast(), message)) }

    /// Time passes; timers fire when they are due.
    mutating func wait(_ duration: Int64) -> [Did] {
        let end = milliseconds + duration
        var done: [Did] = []
        while let due = core.deadline(), due <= Instant(nanoseconds: end * 1_000_000) {
            milliseconds = max(milliseconds, (due.nanoseconds + 999_999) / 1_000_000)
            done += on(.deadline)
        }
        milliseconds = end
        return done
    }

    private mutating func read(_ effect: Effect) -> Did? {
        switch effect {
        case .call(let node, let id, let message):
            calls.append(id)
            return .call(node, message)
        case .send(_, .clientOutput(let output)):
            return .tell(output.connection.rawValue, try! ServerFrame.decode(output.bytes, as: .json)!)
        case .send(_, .closeConnection(let order)):
            return .close(order.connection.rawValue, order.code)
        case .send(_, .attached(let attached)):
            return .attached(
                attached.connection.rawValue, hasSiblings: attached.hasSiblings, revision: attached.revision.microseconds)
        case .send(let node, let message): return .send(node, message)
        case .answer(let call, let message): return .answer(call.call, message)
        case .refuse(let call, let refusal): return .refuse(call.call, refusal)
        case .log, .trace: return nil
        case .writeClient, .closeClient, .commit, .disk:
            Issue.record("a session shard has no sockets and no store: \(effect)")
            return nil
        }
    }

    // MARK: Shorthand

    func origin(
        _ user: UserID = bob, _ device: DeviceID = phone, _ connection: UInt64 = 1, at gateway: NodeID? = nil,
        hasSiblings: Bool = false
    ) -> Origin {
        Origin(
            gateway: gateway ?? self.gateway, connection: ConnectionID(rawValue: connection), user: user, device: device,
            encoding: .json, isAttached: true, hasSiblings: hasSiblings)
    }

    /// - Parameter attempt: which of the device's connections this is, by its own count.
    func hello(_ origin: Origin, cursor: UInt64? = nil, revision: Int64? = nil, attempt: UInt64? = nil) -> Message {
        .attach(
            Attach(
                origin: origin, cursor: cursor, revision: revision.map { Stamp(microseconds: $0) }, isResume: false,
                attempt: attempt))
    }

    /// What a gateway says for a connection that it wants to be held here now.
    func resume(_ origin: Origin, revision: Int64 = 0, attempt: UInt64? = nil) -> Message {
        .attach(
            Attach(origin: origin, cursor: nil, revision: Stamp(microseconds: revision), isResume: true, attempt: attempt))
    }

    /// Ana's message to Bob, from her connection 9.
    func deliver(_ id: String, after: String? = nil, hasSiblings: Bool = false) -> Message {
        .deliver(
            Deliver(
                origin: origin(ana, phone, 9, hasSiblings: hasSiblings), to: bob, id: MessageID(id)!,
                after: after.map { MessageID($0)! }, body: Array(id.utf8)))
    }

    func ack(_ number: UInt64, _ origin: Origin? = nil) -> Message {
        .acknowledge(Acknowledge(origin: origin ?? self.origin(), number: number))
    }

    func append(_ id: String, after: String? = nil) -> Did {
        .call(
            store,
            .append(
                Append(
                    owner: bob, kind: .message, author: ana, chat: ana, id: MessageID(id)!,
                    after: after.map { MessageID($0)! }, body: Array(id.utf8))))
    }

    /// - Parameter issuedAt: nil where a gateway has judged the token.
    func open(_ user: UserID = bob, _ device: DeviceID = phone, cursor: UInt64? = nil, issuedAt: Stamp? = nil) -> Did {
        .call(store, .openDevice(OpenDevice(owner: user, device: device, cursor: cursor, issuedAt: issuedAt)))
    }

    func read(after: UInt64, limit: Int = 512, headersOnly: Bool = false) -> Did {
        .call(store, .readInbox(ReadInbox(owner: bob, after: after, limit: limit, headersOnly: headersOnly)))
    }

    /// Last-seen hears that a connection has ended.
    func departed(_ user: UserID, _ connection: UInt64) -> Did {
        let place = ConnectionPlace(gateway: gateway, connection: ConnectionID(rawValue: connection))
        return .send(map.ring(of: .lastSeen).owner(ofKey: user.text.utf8), .presenceGone(PresenceGone(items: [.init(user: user, place: place)])))
    }

    func readHead(_ user: UserID = bob) -> Did { .call(store, .readHead(ReadHead(owner: user))) }

    func storeCursor(_ number: UInt64, _ device: DeviceID = phone) -> Did {
        .call(store, .storeCursor(StoreCursor(owner: bob, device: device, number: number)))
    }

    /// The receipt for what `author` wrote to Bob, up to the entry of that number.
    func receipt(_ author: UserID = ana, upTo number: UInt64, at node: NodeID? = nil) -> Did {
        .call(node ?? selfID, .receipt(Receipt(author: author, peer: bob, kind: .delivered, upTo: stamp(number))))
    }

    /// Bob's connection says hello with a cursor, and is live.
    mutating func isLive(
        _ device: DeviceID = phone, _ connection: UInt64 = 1, cursor: UInt64 = 0, head: UInt64 = 0, devices: Int = 1,
        attempt: UInt64? = nil
    ) {
        let hello = hello(origin(bob, device, connection), cursor: cursor, attempt: attempt)
        #expect(gets(hello) == [open(bob, device, cursor: cursor)])
        let done = answerNewest(opened(cursor: cursor, head: head, delivered: cursor, devices: devices))
        #expect(done.first == .attached(connection, hasSiblings: devices > 1))
    }

    /// A message of Ana's is stored as Bob's entry `number`.
    mutating func arrives(_ number: UInt64) -> [Did] {
        _ = gets(deliver("m-\(number)"))
        return answerNewest(stored(number)).filter { $0 != .tell(9, sent(number)) }
    }
}

// MARK: Values

/// The stamp of Bob's entry of that number.
func stamp(_ number: UInt64) -> Stamp { Stamp(microseconds: 1_000 + Int64(number)) }

func stored(_ number: UInt64, _ outcome: Appended.Outcome = .stored) -> Message {
    .appended(Appended(outcome: outcome, number: number, stamp: stamp(number)))
}

func refused(_ outcome: Appended.Outcome) -> Message {
    .appended(Appended(outcome: outcome, number: 0, stamp: .zero))
}

func opened(
    _ outcome: DeviceOpened.Outcome = .opened, cursor: UInt64 = 0, head: UInt64 = 0, delivered: UInt64 = 0,
    revision: Int64 = 0, devices: Int = 1
) -> Message {
    .deviceOpened(
        DeviceOpened(
            outcome: outcome, cursor: cursor, head: head, headStamp: head == 0 ? .zero : stamp(head), delivered: delivered,
            revision: Stamp(microseconds: revision), deviceCount: devices))
}

func entry(_ number: UInt64, from author: UserID = ana, bytes: Int? = nil) -> InboxEntry {
    InboxEntry(
        number: number, stamp: stamp(number), kind: .message, author: author, chat: author, id: MessageID("m-\(number)")!,
        body: bytes.map { [UInt8](repeating: 0x78, count: $0) } ?? Array("m-\(number)".utf8))
}

/// The entries of these numbers, and the page is complete up to the head unless it says otherwise.
func page(_ numbers: ClosedRange<UInt64>, through: UInt64? = nil, head: UInt64? = nil) -> Message {
    page(numbers.map { entry($0) }, through: through ?? numbers.upperBound, head: head ?? numbers.upperBound)
}

func page(_ entries: [InboxEntry], through: UInt64, head: UInt64) -> Message {
    .inboxPage(InboxPage(entries: entries, through: through, head: head))
}

func headers(_ numbers: ClosedRange<UInt64>, head: UInt64) -> Message {
    let entries = numbers.map { number in
        var header = entry(number)
        header.body = []
        return header
    }
    return page(entries, through: numbers.upperBound, head: head)
}

func head(_ number: UInt64, revision: Int64 = 0) -> Message {
    .inboxHead(InboxHead(head: number, headStamp: stamp(number), revision: Stamp(microseconds: revision)))
}

/// The frame in which a device gets an entry.
func message(_ number: UInt64, from author: UserID = ana) -> ServerFrame {
    .message(
        number: number, from: author, id: MessageID("m-\(number)")!, at: stamp(number), body: Array("m-\(number)".utf8))
}

/// What the author of Bob's entry hears.
func sent(_ number: UInt64) -> ServerFrame { .sent(id: MessageID("m-\(number)")!, to: bob, at: stamp(number)) }

func welcome(
    _ user: UserID = bob, _ device: DeviceID = phone, cursor: UInt64 = 0, head: UInt64 = 0, ticks: Int64 = 0,
    milliseconds: Int64 = 0, archive: Bool = false
) -> ServerFrame {
    .welcome(
        user: user, device: device, cursor: cursor, head: head, ticks: Stamp(microseconds: ticks),
        time: Stamp(microseconds: milliseconds * 1_000), archive: archive)
}

func watermark(
    _ kind: ReceiptKind = .delivered, upTo number: UInt64, revision: Int64, peer: UserID = bob
) -> Watermark {
    Watermark(peer: peer, kind: kind, upTo: stamp(number), revision: Stamp(microseconds: revision))
}

/// The error frames among what was done: which connection, code, reference, wait.
struct Complaint: Equatable {
    var connection: UInt64
    var code: ErrorCode
    var ref: String?
    var retryMs: UInt32?

    init(_ connection: UInt64, _ code: ErrorCode, ref: String? = nil, retryMs: UInt32? = nil) {
        self.connection = connection
        self.code = code
        self.ref = ref
        self.retryMs = retryMs
    }
}

func complaints(_ done: [Did]) -> [Complaint] {
    done.compactMap {
        guard case .tell(let connection, .error(let error)) = $0 else { return nil }
        return Complaint(connection, error.code, ref: error.ref?.text, retryMs: error.retryMs)
    }
}
