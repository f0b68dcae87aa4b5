// Calls and messages between processes: each call ends once, whatever the network does.

import Messages
import Primitives
import RPC
import Testing

@Suite struct MeshCallTests {
    private func id(_ number: UInt32) -> CallID { CallID(rawValue: number) }

    /// The request that `node` was asked last.
    private func asked(_ net: inout Net, _ node: NodeID = b) -> [RemoteCall] {
        net.events(node).compactMap { if case .requested(let call, _) = $0 { call } else { nil } }
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func aCallIsAskedThereAndAnsweredHere(seed: UInt64) {
        var net = Net.up(seed: seed)
        let head = Message.inboxHead(InboxHead(head: 5, headStamp: .zero, revision: .zero))
        net.call(1, readHead("ana"))
        let call = RemoteCall(node: a, socket: net.socket(b, to: a)!, call: 1)
        #expect(net.events(b) == [.requested(call, readHead("ana"))])
        #expect(net.meshes[a]!.callsInFlight == 1)
        net.on(b) { mesh, _ in mesh.answer(call, head) }
        #expect(net.events(a) == [.answered(id(1), head)])
        #expect(net.meshes[a]!.callsInFlight == 0)
        #expect(net.meshes[a]!.answerTimes.filter { $0.times.count == 1 }.map(\.peer.id) == [b])
    }

    @Test func bothEndsAskOverTheOneConnection() {
        var net = Net.up()
        net.call(1, readHead("ana"), from: a, to: b)
        net.call(1, readHead("bob"), from: b, to: a)
        let (atB, atA) = (asked(&net, b)[0], asked(&net, a)[0])
        net.on(b) { mesh, _ in mesh.refuse(atB, Refusal(.storageFull, retryAfterMs: 9)) }
        net.on(a) { mesh, _ in mesh.answer(atA, .done) }
        #expect(net.events(a) == [.refused(id(1), Refusal(.storageFull, retryAfterMs: 9))])
        #expect(net.events(b) == [.answered(id(1), .done)])
    }

    @Test func answersMayComeInAnyOrder() {
        var net = Net.up()
        for number in 1...5 as ClosedRange<UInt32> { net.call(number, readHead("ana")) }
        let calls = asked(&net)
        for call in calls.reversed() { net.on(b) { mesh, _ in mesh.answer(call, .done) } }
        #expect(net.events(a) == [5, 4, 3, 2, 1].map { .answered(id($0), .done) })
    }

    @Test func oneWayMessagesKeepTheirOrderAndAreDroppedAndCountedWhenThePeerIsDown() {
        var net = Net.up()
        for name in ["ana", "bob", "cid"] { net.send(poke(name)) }
        #expect(net.events(b) == ["ana", "bob", "cid"].map { .received(a, poke($0)) })
        net.unreachable = [b]
        net.cut(a, b)
        net.send(poke("ana"))
        #expect(net.events(b) == [.peerDown(a)])
        #expect(net.counters(a).oneWaysDropped == 1)
        #expect(net.counters(a).callsMade == 0)
    }

    @Test func aCallToAPeerThatIsDownOrUnknownIsRefusedAtOnce() {
        var net = Net()
        net.call(1, readHead("ana"), to: b)
        net.call(2, readHead("ana"), to: NodeID(rawValue: 77))
        #expect(net.events(a) == [.refused(id(1), Refusal(.peerDown)), .refused(id(2), Refusal(.peerDown))])
        #expect(net.meshes[a]!.callsInFlight == 0)
    }

    // MARK: Time-out

    @Test func aCallWithoutAnAnswerTimesOutExactlyOnce() {
        var net = Net.up()
        net.call(1, readHead("ana"))
        net.run(4_999)
        #expect(net.events(a) == [])
        net.run(1)
        #expect(net.events(a) == [.refused(id(1), Refusal(.timedOut))])
        net.run(20_000)
        #expect(net.events(a) == [])
        #expect(net.counters(a).callsTimedOut == 1)
        // The link is in good health: its heartbeats were answered.
        #expect(net.isUp(a, b))
    }

    @Test func eachCallHasItsOwnFiveSecondsAndAtMostATenthMore() {
        var net = Net.up()
        net.call(1, readHead("ana"))
        net.run(30)
        net.call(2, readHead("ana"))
        net.run(3_000)
        net.call(3, readHead("ana"))
        net.run(1_970)
        #expect(net.events(a) == [.refused(id(1), Refusal(.timedOut))])
        net.run(100)
        #expect(net.events(a) == [.refused(id(2), Refusal(.timedOut))])
        net.run(2_899)
        #expect(net.events(a) == [])
        net.run(131)
        #expect(net.events(a) == [.refused(id(3), Refusal(.timedOut))])
    }

    @Test func aLateAnswerIsIgnored() {
        var net = Net.up()
        net.call(1, readHead("ana"))
        let call = asked(&net)[0]
        net.run(5_000)
        #expect(net.events(a) == [.refused(id(1), Refusal(.timedOut))])
        net.on(b) { mesh, _ in mesh.answer(call, .done) }
        net.on(b) { mesh, _ in mesh.refuse(call, Refusal(.overloaded)) }
        #expect(net.events(a) == [])
        #expect(net.isUp(a, b))
    }

    @Test func aSecondAnswerIsIgnored() {
        var net = Net.up()
        net.call(1, readHead("ana"))
        let call = asked(&net)[0]
        for _ in 0..<2 { net.on(b) { mesh, _ in mesh.answer(call, .done) } }
        #expect(net.events(a) == [.answered(id(1), .done)])
    }

    @Test func onlyThePeerThatWasAskedCanAnswer() {
        var net = Net.up([a, b, c])
        net.call(1, readHead("ana"), from: a, to: b)
        let forged = RemoteCall(node: a, socket: net.socket(c, to: a)!, call: 1)
        net.on(c) { mesh, _ in mesh.answer(forged, .done) }
        #expect(net.events(a) == [])
        #expect(net.meshes[a]!.callsInFlight == 1)
    }

    @Test func aNumberUsedAgainHasAFullTimeOutOfItsOwn() {
        var net = Net.up()
        net.call(1, readHead("ana"))
        let first = asked(&net)[0]
        net.on(b) { mesh, _ in mesh.answer(first, .done) }
        _ = net.events(a)
        net.run(3_000)
        net.call(1, readHead("bob"))
        // The first call's time is up here; the second has three seconds left.
        net.run(2_500)
        #expect(net.events(a) == [])
        net.run(2_600)
        #expect(net.events(a) == [.refused(id(1), Refusal(.timedOut))])
    }

    // MARK: Loss of a peer

    @Test func whenAPeerIsLostItsCallsFailInTheirOrderAndNoOthers() {
        var net = Net.up([a, b, c])
        net.call(3, readHead("ana"), to: b)
        net.call(9, readHead("ana"), to: c)
        net.call(1, readHead("bob"), to: b)
        net.call(2, readHead("cid"), to: b)
        net.unreachable = [b]
        net.cut(a, b)
        #expect(net.events(a) == [.peerDown(b)] + [3, 1, 2].map { .refused(id($0), Refusal(.peerDown)) })
        #expect(net.meshes[a]!.callsInFlight == 1)
        net.run(10_000)
        #expect(net.events(a) == [.refused(id(9), Refusal(.timedOut))])
    }

    @Test func anAnswerToAConnectionThatIsGoneIsNotGivenToItsSuccessor() {
        var net = Net.up()
        net.call(1, readHead("ana"))
        let call = asked(&net)[0]
        net.cut(a, b)
        net.run(200)
        #expect(net.isUp(a, b))
        #expect(net.events(a) == [.peerDown(b), .refused(id(1), Refusal(.peerDown)), .peerUp(b)])
        net.call(1, readHead("bob"))
        net.on(b) { mesh, _ in mesh.answer(call, .done) }
        #expect(net.events(a) == [])
        #expect(net.meshes[a]!.callsInFlight == 1)
    }

    // MARK: Ourselves

    @Test func messagesToOneselfTakeTheSameRoadWithoutTheBytes() {
        var net = Net.up()
        net.send(poke("ana"), from: a, to: a)
        net.call(1, readHead("ana"), from: a, to: a)
        net.call(2, readHead("ana"), from: a, to: a)
        let (one, two) = (
            RemoteCall(node: a, socket: SocketID(rawValue: 0), call: 1), RemoteCall(node: a, socket: SocketID(rawValue: 0), call: 2)
        )
        #expect(net.events(a) == [.received(a, poke("ana")), .requested(one, readHead("ana")), .requested(two, readHead("ana"))])
        net.on(a) { mesh, _ in
            mesh.answer(one, .done)
            mesh.refuse(two, Refusal(.storageFull))
            mesh.answer(two, .done)
        }
        #expect(net.events(a) == [.answered(id(1), .done), .refused(id(2), Refusal(.storageFull))])
        #expect(net.takeTrace().isEmpty)
        #expect(net.isUp(a, a))
    }

    @Test func aCallToOneselfTimesOutToo() {
        var net = Net.up()
        net.call(1, readHead("ana"), from: a, to: a)
        _ = net.events(a)
        net.run(5_100)
        #expect(net.events(a) == [.refused(id(1), Refusal(.timedOut))])
    }

    // MARK: Bounds

    @Test func aCongestedLinkRefusesCallsUntilItHasDrained() {
        var net = Net.up()
        let socket = net.socket(a, to: b)!
        net.on(a) { mesh, _ in mesh.onCongested(socket, true) }
        net.call(1, readHead("ana"))
        #expect(net.events(a) == [.refused(id(1), Refusal(.overloaded, retryAfterMs: 1000))])
        #expect(net.counters(a).callsRefusedHere == 1)
        #expect(net.takeTrace().isEmpty)
        net.on(a) { mesh, _ in mesh.onCongested(socket, false) }
        net.call(2, readHead("ana"))
        #expect(net.events(a) == [])
        #expect(asked(&net).map(\.call) == [2])
    }

    @Test func aNewConnectionIsNotCongestedBecauseTheOldOneWas() {
        var net = Net.up()
        let socket = net.socket(a, to: b)!
        net.on(a) { mesh, _ in mesh.onCongested(socket, true) }
        net.cut(a, b)
        net.run(200)
        _ = net.events(a)
        net.call(1, readHead("ana"))
        #expect(net.events(a) == [])
    }

    @Test func callsInFlightAreBounded() {
        var mesh = Net.up().meshes[a]!
        for number in 1...UInt32(RPCLimits.callsInFlightMax) { mesh.call(id(number), poke("ana"), to: b, now: .zero) }
        #expect(mesh.takeEvents() == [])
        #expect(mesh.callsInFlight == RPCLimits.callsInFlightMax)
        let over = UInt32(RPCLimits.callsInFlightMax + 1)
        mesh.call(id(over), poke("ana"), to: b, now: .zero)
        mesh.call(id(over), poke("ana"), to: a, now: .zero)
        let refusal = MeshEvent.refused(id(over), Refusal(.overloaded, retryAfterMs: 1000))
        #expect(mesh.takeEvents() == [refusal, refusal])
        #expect(mesh.callsInFlight == RPCLimits.callsInFlightMax)
    }

    @Test func oneWriteALinkAndTick() {
        var mesh = Net.up([a, b, c]).meshes[a]!
        for number in 1...10 as ClosedRange<UInt32> {
            mesh.call(id(number), readHead("ana"), to: number % 2 == 0 ? b : c, now: .zero)
            mesh.send(poke("ana"), to: b)
        }
        #expect(mesh.effects == [])
        mesh.flush()
        let writes = mesh.takeEffects().compactMap { if case .write(_, let bytes) = $0 { kinds(bytes).count } else { nil } }
        #expect(writes.sorted() == [5, 15])
        mesh.flush()
        #expect(mesh.takeEffects() == [])
    }

    // MARK: Everything at once

    @Test(arguments: 1...30 as ClosedRange<UInt64>)
    func inAnyWeatherEveryCallEndsExactlyOnce(seed: UInt64) {
        var net = Net.up([a, b, c], seed: seed)
        var dice = SeededGenerator(seed: seed)
        var made: Set<CallID> = []
        var ended: [CallID: Int] = [:]
        var open: [(NodeID, RemoteCall)] = []
        func collect() {
            for node in [a, b, c] {
                for event in net.events(node) {
                    switch event {
                    case .requested(let call, _): open.append((node, call))
                    case .answered(let id, _), .refused(let id, _): ended[id, default: 0] += 1
                    case .peerUp, .peerDown, .epoch, .received: break
                    }
                }
            }
        }
        for number in 1...400 as ClosedRange<UInt32> {
            switch dice.pick(0..<20) {
            case 0: net.cut(a, dice.oneIn(2) ? b : c)
            case 1: net.blackhole = dice.oneIn(2) ? [c] : []
            case 2: net.unreachable = dice.oneIn(2) ? [b] : []
            case 3, 4: net.run(Int64(dice.pick(0..<2_000)))
            case 5..<10 where !open.isEmpty:
                let (node, call) = open.remove(at: dice.pick(0..<open.count))
                net.on(node) { mesh, _ in mesh.answer(call, .done) }
            default:
                // Only `a` calls here, so that every number is one call's.
                made.insert(id(number))
                net.call(number, readHead("ana"), to: [a, b, c][dice.pick(0..<3)])
            }
            collect()
        }
        net.blackhole = []
        net.unreachable = []
        net.run(20_000)
        collect()
        #expect(Set(ended.keys) == made)
        #expect(ended.values.allSatisfy { $0 == 1 })
        #expect(net.meshes[a]!.callsInFlight == 0)
        #expect(net.isUp(a, b))
        #expect(net.isUp(b, c))
    }
}
