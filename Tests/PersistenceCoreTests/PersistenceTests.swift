// The persistence service's transcripts: what is in a batch, when answers leave, and what a full disk changes.

import Cluster
import CoreKit
import Messages
import PersistenceCore
import Primitives
import RPC
import Storage
import Testing

let ana = UserID("ana")!
let bob = UserID("bob")!

enum Did: Equatable {
    case answer(UInt32, Message)
    case refuse(UInt32, Refusal)
    case commit([StoreRequest])
    case call(NodeID, Message)
}

struct Scene {
    static let one = try! ClusterMap.local()
    static let two = try! ClusterMap.local(LocalCounts(persistences: 2))

    let map: ClusterMap
    let selfID: NodeID
    var core: PersistenceCore
    private(set) var milliseconds: Int64 = 0
    private(set) var calls: [CallID] = []

    var sessions: [NodeID] { map.nodes(of: .session).map(\.id) }

    /// Past its first look for old entries, which found nothing.
    init(_ map: ClusterMap = Scene.one) {
        self.map = map
        selfID = map.nodes(of: .persistence)[0].id
        core = PersistenceCore(selfID: selfID, cluster: map, dice: SeededGenerator(seed: 1))
        for session in sessions { #expect(on(.peerUp(session)) == []) }
        #expect(wait(0) == [.commit([sweep()])])
        #expect(on(.committed([swept()])) == [])
    }

    /// One tick with these events.
    mutating func on(_ events: Event...) -> [Did] { tick(events) }

    mutating func tick(_ events: [Event]) -> [Did] {
        var effects: [Effect] = []
        let now = Now(instant: Instant(nanoseconds: milliseconds * 1_000_000), stamp: Stamp(microseconds: milliseconds * 1_000))
        for event in events + [.flush] { core.on(event, now: now, effects: &effects) }
        return effects.compactMap { effect in
            switch effect {
            case .answer(let call, let message): return .answer(call.call, message)
            case .refuse(let call, let refusal): return .refuse(call.call, refusal)
            case .commit(let requests): return .commit(requests)
            case .call(let node, let id, let message):
                calls.append(id)
                return .call(node, message)
            case .log, .trace: return nil
            case .send, .writeClient, .closeClient, .disk:
                Issue.record("persistence speaks only when it is asked: \(effect)")
                return nil
            }
        }
    }

    mutating func wait(_ duration: Int64) -> [Did] {
        let end = milliseconds + duration
        var done: [Did] = []
        while let due = core.deadline(), due <= Instant(nanoseconds: end * 1_000_000) {
            milliseconds = max(milliseconds, (due.nanoseconds + 999_999) / 1_000_000)
            done += tick([.deadline])
        }
        milliseconds = end
        return done
    }
}

func request(_ call: UInt32, _ message: Message) -> Event {
    .requested(RemoteCall(node: NodeID(rawValue: 4), socket: SocketID(rawValue: 1), call: call), message)
}

func append(_ id: String, owner: UserID = bob) -> Append {
    Append(owner: owner, kind: .message, author: ana, chat: ana, id: MessageID(id)!, after: nil, body: [1])
}

func appended(_ number: UInt64) -> Appended {
    Appended(outcome: .stored, number: number, stamp: Stamp(microseconds: Int64(number)))
}

let readHead = ReadHead(owner: bob)
let headAnswer = InboxHead(head: 4, headStamp: Stamp(microseconds: 4), revision: .zero)

func sweep(_ position: Sweep.Position = .start) -> StoreRequest {
    .sweep(Sweep(position: position, limit: StoreLimits.sweepEntryCountMax))
}

func swept(next: Sweep.Position = .start, _ expired: [ExpiredReport] = []) -> StoreAnswer {
    .swept(Swept(next: next, expired: expired, purgedCount: 0))
}

let full = Refusal(.storageFull, retryAfterMs: 1000)

@Suite struct BatchTests {
    @Test func anAnswerLeavesOnlyAfterTheCommit() {
        var s = Scene()
        #expect(s.on(request(1, .append(append("a")))) == [.commit([.append(append("a"))])])
        #expect(s.wait(5_000) == [])
        #expect(s.on(.committed([.appended(appended(1))])) == [.answer(1, .appended(appended(1)))])
    }

    @Test func whatComesInOneTickIsOneBatchInOrder() {
        var s = Scene()
        #expect(
            s.on(request(1, .append(append("a"))), request(2, .readHead(readHead)), request(3, .append(append("b")))) == [
                .commit([.append(append("a")), .readHead(readHead), .append(append("b"))])
            ])
        #expect(
            s.on(.committed([.appended(appended(1)), .inboxHead(headAnswer), .appended(appended(2))])) == [
                .answer(1, .appended(appended(1))), .answer(2, .inboxHead(headAnswer)), .answer(3, .appended(appended(2))),
            ])
    }

    @Test func whatComesDuringACommitIsTheNextBatch() {
        var s = Scene()
        #expect(s.on(request(1, .append(append("a")))).count == 1)
        #expect(s.on(request(2, .append(append("b")))) == [])
        #expect(s.on(request(3, .append(append("c")))) == [])
        #expect(
            s.on(.committed([.appended(appended(1))])) == [
                .answer(1, .appended(appended(1))), .commit([.append(append("b")), .append(append("c"))]),
            ])
    }

    @Test func aBatchHasABound() {
        var s = Scene()
        _ = s.on(request(0, .append(append("first"))))
        let count = StoreLimits.batchRequestCountMax + 3
        #expect(s.tick((1...count).map { request(UInt32($0), .append(append("m-\($0)"))) }) == [])
        let done = s.on(.committed([.appended(appended(1))]))
        #expect(done.last == .commit((1...StoreLimits.batchRequestCountMax).map { .append(append("m-\($0)")) }))
        let answers = (1...StoreLimits.batchRequestCountMax).map { StoreAnswer.appended(appended(UInt64($0))) }
        #expect(s.on(.committed(answers)).last == .commit((count - 2...count).map { .append(append("m-\($0)")) }))
    }

    @Test func everyKindOfRequestHasItsAnswer() {
        var s = Scene()
        let device = DeviceID("phone")!
        let messages: [Message] = [
            .openDevice(OpenDevice(owner: bob, device: device, cursor: 3)),
            .readInbox(ReadInbox(owner: bob, after: 3, limit: 5, headersOnly: false)),
            .storeCursor(StoreCursor(owner: bob, device: device, number: 4)),
            .storeWatermark(StoreWatermark(owner: bob, peer: ana, kind: .read, upTo: Stamp(microseconds: 9))),
            .readWatermarks(ReadWatermarks(owner: bob, after: .zero)),
            .readHistory(ReadHistory(owner: bob, chat: nil, before: nil, limit: 9)),
        ]
        let watermark = Watermark(peer: ana, kind: .read, upTo: Stamp(microseconds: 9), revision: Stamp(microseconds: 9))
        let opened = DeviceOpened(
            outcome: .opened, cursor: 3, head: 4, headStamp: .zero, delivered: 3, revision: .zero, deviceCount: 1)
        let answers: [(StoreAnswer, Message)] = [
            (.deviceOpened(opened), .deviceOpened(opened)),
            (.inboxPage(InboxPage(entries: [], through: 4, head: 4)), .inboxPage(InboxPage(entries: [], through: 4, head: 4))),
            (.done, .done),
            (
                .watermarkStored(WatermarkStored(watermark: watermark, previous: .zero)),
                .watermarkStored(WatermarkStored(watermark: watermark, previous: .zero))
            ),
            (
                .watermarkPage(WatermarkPage(watermarks: [watermark], hasMore: false)),
                .watermarkPage(WatermarkPage(watermarks: [watermark], hasMore: false))
            ),
            (.historyPage(HistoryPage(entries: [], hasMore: false)), .historyPage(HistoryPage(entries: [], hasMore: false))),
        ]
        #expect(s.tick(messages.enumerated().map { request(UInt32($0.offset), $0.element) }).count == 1)
        #expect(
            s.on(.committed(answers.map(\.0))) == answers.enumerated().map { .answer(UInt32($0.offset), $0.element.1) })
    }

    @Test func anInboxOfAnotherPartitionIsNotTouched() {
        var s = Scene(Scene.two)
        let ring = Scene.two.ring(of: .persistence)
        let users = (0..<100).map { UserID("user-\($0)")! }
        let own = users.first { ring.owner(ofKey: $0.text.utf8) == s.selfID }!
        let foreign = users.first { ring.owner(ofKey: $0.text.utf8) != s.selfID }!
        #expect(s.on(request(1, .append(append("a", owner: foreign)))) == [.refuse(1, Refusal(.forbidden))])
        #expect(s.on(request(2, .readHead(ReadHead(owner: foreign)))) == [.refuse(2, Refusal(.forbidden))])
        #expect(s.on(request(3, .append(append("a", owner: own)))) == [.commit([.append(append("a", owner: own))])])
    }

    @Test func aGroupOfAnotherPartitionAndInboxesOfSeveralAreNotTouched() {
        var s = Scene(Scene.two)
        let ring = Scene.two.ring(of: .persistence)
        let users = (0..<100).map { UserID("g:\($0)")! }
        let own = users.filter { ring.owner(ofKey: $0.text.utf8) == s.selfID }
        let foreign = users.first { ring.owner(ofKey: $0.text.utf8) != s.selfID }!
        func read(_ group: UserID) -> ReadGroup { ReadGroup(group: group, .entries(after: 0), limit: 9) }
        func share(_ recipients: [UserID]) -> GroupBatch {
            GroupBatch(group: foreign, entries: [], recipients: recipients, mark: .none)
        }
        #expect(s.on(request(1, .readGroup(read(foreign)))) == [.refuse(1, Refusal(.forbidden))])
        #expect(s.on(request(2, .appendShared(share([own[0], foreign])))) == [.refuse(2, Refusal(.forbidden))])
        // The group itself may live elsewhere; and every partition may be asked what it has to finish.
        let pending = ReadPendingGroups(after: nil)
        #expect(
            s.on(
                request(3, .appendShared(share([own[0], own[1]]))), request(4, .readPendingGroups(pending)),
                request(5, .readGroup(read(own[0])))) == [
                    .commit([.appendShared(share([own[0], own[1]])), .readPendingGroups(pending), .readGroup(read(own[0]))])
                ])
    }

    @Test func whileTheDiskIsFullGroupsAreReadAndNotWritten() {
        var s = Scene()
        _ = s.on(request(1, .append(append("a"))))
        #expect(s.on(.commitFailed(.full)) == [.refuse(1, full)])
        let writes: [Message] = [
            .appendGroup(
                AppendGroup(group: bob, kind: .message, author: ana, id: MessageID("a")!, after: nil, eventNumber: 0, body: [])),
            .settleGroup(SettleGroup(group: bob, fannedOut: 1, told: 0)), .storeGroupMarks(GroupMarkBatch(group: bob, marks: [])),
            .appendShared(GroupBatch(group: bob, entries: [], recipients: [bob], mark: .none)),
        ]
        for write in writes { #expect(s.on(request(2, write)) == [.refuse(2, full)]) }
        let read = ReadGroupMarks(group: bob, after: nil, at: nil)
        #expect(s.on(request(3, .readGroupMarks(read))) == [.commit([.readGroupMarks(read)])])
    }

    @Test func whatIsNoRequestIsRefused() {
        var s = Scene()
        #expect(s.on(request(1, .poke(Poke(owner: bob)))) == [.refuse(1, Refusal(.unsupported))])
        #expect(s.on(.received(s.sessions[0], .done)) == [])
    }

    @Test func aQueueThatIsFullRefuses() {
        var s = Scene()
        _ = s.on(request(0, .append(append("first"))))
        var refused = 0
        for call in 1...33_000 as ClosedRange<UInt32> {
            let done = s.on(request(call, .readHead(readHead)))
            if done != [] {
                #expect(done == [.refuse(call, Refusal(.overloaded, retryAfterMs: 1000))])
                refused += 1
            }
        }
        #expect(refused == 33_000 - 32_768)
        // The batch ends, and there is room again.
        #expect(s.on(.committed([.appended(appended(1))])).count == 2)
        #expect(s.on(request(40_000, .readHead(readHead))) == [])
    }
}

@Suite struct FailureTests {
    /// A batch of one append has met a full disk.
    private func fullScene() -> Scene {
        var s = Scene()
        _ = s.on(request(1, .append(append("a"))))
        #expect(s.on(.commitFailed(.full)) == [.refuse(1, full)])
        return s
    }

    @Test func aFullDiskRefusesWritesAndReadsGoOn() {
        var s = fullScene()
        #expect(s.core.unreadiness == "the disk is full: nothing is accepted until there is room")
        #expect(s.on(request(2, .append(append("b")))) == [.refuse(2, full)])
        #expect(s.on(request(3, .readHead(readHead))) == [.commit([.readHead(readHead)])])
        #expect(s.on(.committed([.inboxHead(headAnswer)])) == [.answer(3, .inboxHead(headAnswer))])
        #expect(s.on(request(4, .append(append("b")))) == [.refuse(4, full)])
        // Ticks are asked for by a mark that raises nothing.
        func mark(_ upTo: Int64) -> StoreWatermark {
            StoreWatermark(owner: bob, peer: ana, kind: .read, upTo: Stamp(microseconds: upTo))
        }
        #expect(s.on(request(5, .storeWatermark(mark(1)))) == [.refuse(5, full)])
        #expect(s.on(request(6, .storeWatermark(mark(0)))) == [.commit([.storeWatermark(mark(0))])])
    }

    @Test func theReadsOfAFailedBatchAreReadAgain() {
        var s = Scene()
        _ = s.on(request(1, .readHead(readHead)), request(2, .append(append("a"))))
        // Behind it: a write that would fail as well, and a read.
        #expect(s.on(request(3, .append(append("b")))) == [])
        #expect(s.on(request(4, .readHead(ReadHead(owner: ana)))) == [])
        #expect(
            s.on(.commitFailed(.full)) == [
                .refuse(2, full), .refuse(3, full), .commit([.readHead(readHead), .readHead(ReadHead(owner: ana))]),
            ])
        #expect(
            s.on(.committed([.inboxHead(headAnswer), .inboxHead(headAnswer)])) == [
                .answer(1, .inboxHead(headAnswer)), .answer(4, .inboxHead(headAnswer)),
            ])
    }

    /// Known devices open without a write; one that is new fails its batch and only itself.
    @Test func aFullDiskLetsDevicesTryToOpen() {
        var s = fullScene()
        let open = OpenDevice(owner: bob, device: DeviceID("phone")!, cursor: 3)
        let opened = DeviceOpened(
            outcome: .opened, cursor: 3, head: 4, headStamp: Stamp(microseconds: 4), delivered: 3, revision: .zero, deviceCount: 1)
        #expect(s.on(request(2, .openDevice(open))) == [.commit([.openDevice(open)])])
        #expect(s.on(.committed([.deviceOpened(opened)])) == [.answer(2, .deviceOpened(opened))])

        #expect(
            s.on(request(3, .openDevice(open)), request(4, .readHead(readHead))) == [
                .commit([.openDevice(open), .readHead(readHead)])
            ])
        #expect(s.on(.commitFailed(.full)) == [.refuse(3, full), .commit([.readHead(readHead)])])
        #expect(s.on(.committed([.inboxHead(headAnswer)])) == [.answer(4, .inboxHead(headAnswer))])
    }

    @Test func aDeviceIsNotRefusedForTheWriteThatSharedItsBatch() {
        var s = Scene()
        let open = OpenDevice(owner: bob, device: DeviceID("phone")!, cursor: 3)
        _ = s.on(request(1, .append(append("a"))), request(2, .openDevice(open)))
        #expect(s.on(.commitFailed(.full)) == [.refuse(1, full), .commit([.openDevice(open)])])
        #expect(s.on(.commitFailed(.full)) == [.refuse(2, full)])
    }

    @Test func readsThatMeetAFullDiskThemselvesAreRefused() {
        var s = Scene()
        _ = s.on(request(1, .readHead(readHead)))
        #expect(s.on(.commitFailed(.full)) == [.refuse(1, full)])
    }

    @Test func aProbeASecondFindsRoom() {
        var s = fullScene()
        #expect(s.wait(999) == [])
        #expect(s.wait(1) == [.commit([.probe])])
        #expect(s.on(.commitFailed(.full)) == [])
        #expect(s.on(request(2, .append(append("b")))) == [.refuse(2, full)])
        #expect(s.wait(1_000) == [.commit([.probe])])
        #expect(s.on(.committed([.done])) == [])
        #expect(s.core.unreadiness == nil)
        #expect(s.on(request(3, .append(append("b")))) == [.commit([.append(append("b"))])])
        _ = s.on(.committed([.appended(appended(1))]))
        #expect(s.wait(50_000) == [])
    }

    @Test func housekeepingWaitsForRoom() {
        var s = fullScene()
        for _ in 0..<90 {
            for done in s.wait(1_000) {
                #expect(done == .commit([.probe]))
                #expect(s.on(.commitFailed(.full)) == [])
            }
        }
        _ = s.wait(1_000)
        #expect(s.on(.committed([.done])) == [])
        #expect(s.wait(60_000) == [.commit([sweep()])])
    }

    @Test func aBrokenStoreRefusesTheBatchAndIsAskedAgain() {
        var s = Scene()
        let away = Refusal(.unavailable, retryAfterMs: 1000)
        _ = s.on(request(1, .append(append("a"))), request(2, .readHead(readHead)))
        #expect(s.on(.commitFailed(.broken("I/O error"))) == [.refuse(1, away), .refuse(2, away)])
        #expect(s.core.unreadiness == "the store fails: I/O error")
        #expect(s.on(request(3, .append(append("a")))) == [.commit([.append(append("a"))])])
        #expect(s.on(.committed([.appended(appended(1))])) == [.answer(3, .appended(appended(1)))])
        #expect(s.core.unreadiness == nil)
    }
}

@Suite struct HousekeepingTests {
    private let report = ExpiredReport(
        owner: bob,
        items: [
            ExpiredReport.Item(number: 3, author: ana, id: MessageID("m-3")!),
            ExpiredReport.Item(number: 5, author: ana, id: MessageID("m-5")!),
        ])

    @Test func aRoundGoesInStepsAndThenRests() {
        var s = Scene()
        #expect(s.wait(59_999) == [])
        #expect(s.wait(1) == [.commit([sweep()])])
        let middle = Sweep.Position(owner: 7, number: 3)
        #expect(s.on(.committed([swept(next: middle)])) == [])
        #expect(s.wait(99) == [])
        #expect(s.wait(1) == [.commit([sweep(middle)])])
        #expect(s.on(.committed([swept()])) == [])
        #expect(s.wait(59_999) == [])
        #expect(s.wait(1) == [.commit([sweep()])])
    }

    @Test func aStepThatFailedIsTakenAgain() {
        var s = Scene()
        _ = s.wait(60_000)
        #expect(s.on(.commitFailed(.broken("x"))) == [])
        #expect(s.wait(60_000) == [.commit([sweep()])])
    }

    @Test func aSweepTravelsWithTheOthers() {
        var s = Scene()
        _ = s.wait(59_999)
        _ = s.on(request(1, .append(append("a"))))
        #expect(s.wait(1) == [])
        #expect(s.on(.committed([.appended(appended(1))])) == [.answer(1, .appended(appended(1))), .commit([sweep()])])
    }

    @Test func expiredMessagesAreDroppedOnlyWhenTheirAuthorsKnow() {
        var s = Scene()
        _ = s.wait(60_000)
        let shard = s.map.ring(of: .session).owner(ofKey: bob.text.utf8)
        #expect(s.on(.committed([swept([report])])) == [.call(shard, .expiredReport(report))])
        #expect(s.wait(2_000) == [])
        #expect(
            s.on(.answered(s.calls[0], .done)) == [.commit([.dropExpired(DropExpired(owner: bob, numbers: [3, 5]))])])
        #expect(s.on(.committed([.done])) == [])
        // The answer counts once.
        #expect(s.on(.answered(s.calls[0], .done)) == [])
    }

    @Test func aRefusedReportDropsNothing() {
        var s = Scene()
        _ = s.wait(60_000)
        _ = s.on(.committed([swept([report])]))
        #expect(s.on(.refused(s.calls[0], Refusal(.unavailable))) == [])
        #expect(s.on(.answered(s.calls[0], .done)) == [])
        // The next round reports the same again.
        _ = s.wait(60_000)
        #expect(s.on(.committed([swept([report])])).count == 1)
    }

    @Test func withoutAShardNobodyIsToldAndNothingIsDropped() {
        var s = Scene()
        for session in s.sessions { _ = s.on(.peerDown(session)) }
        _ = s.wait(60_000)
        #expect(s.on(.committed([swept([report])])) == [])
        #expect(s.wait(60_000) == [.commit([sweep()])])
    }
}
