// A whole process without its system calls: what a tick is, what a core says to itself, what becomes of sockets.

import CoreKit
import Crypto
import Messages
import Primitives
import RPC
import Storage
import Testing

/// A core that writes down what it is told and does what the test has laid out for the event.
private struct DiaryCore: ServiceCore {
    var load = LoadBook()
    var diary: [Event] = []
    var plan: @Sendable (Event) -> [Effect]
    var due: Instant?
    /// Who owns messages that are not ours.
    var owner: NodeID?
    /// What the next flush does.
    var sayOnFlush: [Effect] = []

    mutating func on(_ event: Event, now: Now, effects: inout [Effect]) {
        diary.append(event)
        if event == .deadline { due = nil }
        effects += plan(event)
        if event == .flush {
            effects += sayOnFlush
            sayOnFlush = []
        }
    }

    mutating func deadline() -> Instant? { due }
    func newOwner(of message: Message) -> NodeID? { owner }
    var unreadiness: String? { nil }
    func report(into page: inout MetricsPage) {}
}

extension ServiceNode {
    fileprivate var diary: [Event] { (core as! DiaryCore).diary }
}

@Suite struct ServiceNodeTests {
    private let me = NodeID(rawValue: 3)
    private let ana = UserID("ana")!
    private let client = SocketID(rawValue: 1)

    private func now(_ milliseconds: Int64 = 0) -> Now {
        Now(instant: Instant(nanoseconds: milliseconds * 1_000_000), stamp: .zero)
    }

    private func node(
        due: Instant? = nil, sayOnFlush: [Effect] = [], _ plan: @escaping @Sendable (Event) -> [Effect]
    ) -> ServiceNode {
        let identity = LinkIdentity(
            cluster: "c", service: "session", node: "session-1", epoch: 1, incarnation: 1, secret: [1],
            authenticator: OpenSSLCrypto())
        let mesh = Mesh(selfID: me, identity: identity, peers: [], dice: SeededGenerator(seed: 1))
        return ServiceNode(core: DiaryCore(plan: plan, due: due, sayOnFlush: sayOnFlush), mesh: mesh)
    }

    @Test func aTickWithoutFactsIsNotFlushed() {
        var node = node { _ in [] }
        node.start(now: now())
        #expect(node.takeOutput(now: now()).isEmpty)
        #expect(node.diary == [])
    }

    @Test func aTickEndsWithOneFlush() {
        var node = node { _ in [] }
        node.on(.accepted(client, .clients), now: now())
        node.on(.received(client, [7]), now: now())
        #expect(node.takeOutput(now: now()).isEmpty)
        #expect(node.diary == [.clientAccepted(client), .clientReceived(client, [7]), .flush])
        _ = node.takeOutput(now: now())
        #expect(node.diary.count == 3)
    }

    @Test func whatACoreTellsItselfArrivesInTheSameTick() {
        let (me, poke) = (me, Message.poke(Poke(owner: ana)))
        var node = node { event in if case .clientAccepted = event { [.send(me, poke)] } else { [] } }
        node.on(.accepted(client, .clients), now: now())
        _ = node.takeOutput(now: now())
        #expect(node.diary == [.clientAccepted(client), .received(me, poke), .flush])
    }

    @Test func aCallToOneselfEndsOnce() {
        let (me, poke) = (me, Message.poke(Poke(owner: ana)))
        let id = CallID(rawValue: 9)
        var node = node { event in
            switch event {
            case .clientAccepted: [.call(me, id, poke)]
            case .requested(let call, _): [.answer(call, .done), .refuse(call, Refusal(.unavailable))]
            default: []
            }
        }
        node.on(.accepted(client, .clients), now: now())
        _ = node.takeOutput(now: now())
        let call = RemoteCall(node: me, socket: SocketID(rawValue: 0), call: 9)
        #expect(node.diary == [.clientAccepted(client), .requested(call, poke), .answered(id, .done), .flush])
    }

    @Test func aCallToSomebodyUnknownIsRefused() {
        let poke = Message.poke(Poke(owner: ana))
        var node = node { event in
            if case .clientAccepted = event { [.call(NodeID(rawValue: 8), CallID(rawValue: 1), poke)] } else { [] }
        }
        node.on(.accepted(client, .clients), now: now())
        _ = node.takeOutput(now: now())
        #expect(
            node.diary == [.clientAccepted(client), .refused(CallID(rawValue: 1), Refusal(.peerDown)), .flush])
    }

    @Test func whatAFlushSaysToItselfIsFlushedToo() {
        let (me, poke, client) = (me, Message.poke(Poke(owner: ana)), client)
        // The first flush speaks to itself; what arrives is a fact like any other, and its work leaves in the same tick.
        var node = node(sayOnFlush: [.send(me, poke)]) { event in
            if case .received = event { [.writeClient(client, [5])] } else { [] }
        }
        node.on(.accepted(client, .clients), now: now())
        #expect(node.takeOutput(now: now()).transport == [.write(client, [5])])
        #expect(node.diary == [.clientAccepted(client), .flush, .received(me, poke), .flush])
    }

    @Test func aCommitLeavesOnceAndItsEndIsAFact() {
        var node = node { event in if case .clientAccepted = event { [.commit([.probe])] } else { [] } }
        node.on(.accepted(client, .clients), now: now())
        #expect(node.takeOutput(now: now()).commit == [.probe])
        #expect(node.takeOutput(now: now()).commit == nil)
        node.onCommitted(.success([.done]), now: now())
        node.onCommitted(.failure(.full), now: now())
        _ = node.takeOutput(now: now())
        #expect(node.diary.suffix(3) == [.committed([.done]), .commitFailed(.full), .flush])
    }

    @Test func aClosedClientIsWrittenToNoMore() {
        let client = client
        var node = node { event in
            if case .clientReceived = event { [.writeClient(client, [1]), .closeClient(client), .writeClient(client, [2])] } else { [] }
        }
        node.on(.accepted(client, .clients), now: now())
        node.on(.received(client, [7]), now: now())
        #expect(node.takeOutput(now: now()).transport == [.write(client, [1]), .close(client)])
        // What the machine still has of that socket is nobody's business.
        node.on(.received(client, [8]), now: now())
        node.on(.closed(client), now: now())
        #expect(node.takeOutput(now: now()).isEmpty)
        #expect(node.diary == [.clientAccepted(client), .clientReceived(client, [7]), .flush])
    }

    @Test func aClientThatLeftIsToldOnce() {
        var node = node { _ in [] }
        node.on(.accepted(client, .clients), now: now())
        node.on(.closed(client), now: now())
        node.on(.closed(client), now: now())
        #expect(node.diary == [.clientAccepted(client), .clientClosed(client)])
    }

    @Test func theDeadlineIsTheEarlierOfMeshAndCore() {
        var node = node(due: Instant(nanoseconds: 300_000_000)) { _ in [] }
        #expect(node.deadline() == Instant(nanoseconds: 300_000_000))
        node.start(now: now())
        #expect(node.deadline() == Instant(nanoseconds: 300_000_000))
        node.onTime(now: now(299))
        #expect(node.diary == [])
        node.onTime(now: now(300))
        #expect(node.diary == [.deadline])
        // What is left is the heartbeat of the mesh.
        #expect(node.deadline() == Instant(nanoseconds: RPCLimits.heartbeat.nanoseconds))
        node.onTime(now: now(1_000))
        #expect(node.diary == [.deadline])
    }

    @Test func logsAndTracesLeaveWithTheTick() {
        let record = LogRecord(.warning, "odd", ["peer": "x"])
        let trace = TraceRecord(TraceKey(author: ana, id: MessageID("m-1")!), .parsed, 3)
        var node = node { event in if case .clientAccepted = event { [.log(record), .trace(trace)] } else { [] } }
        node.on(.accepted(client, .clients), now: now())
        let output = node.takeOutput(now: now())
        #expect(output.logs == [record])
        #expect(output.traces == [trace])
        #expect(node.takeOutput(now: now()).isEmpty)
    }
}
