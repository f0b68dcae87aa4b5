// Who is up and who is down: dialling, backoff, heartbeats, restarts and strangers.

import Messages
import Primitives
import RPC
import Testing

@Suite struct MeshLinkTests {
    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func theLowerDialsAndBothAreUp(seed: UInt64) {
        var net = Net(seed: seed)
        net.start()
        #expect(net.events(a) == [.peerUp(b)])
        #expect(net.events(b) == [.peerUp(a)])
        #expect(net.notices(a) == [.linkUp(b)])
        #expect(net.notices(b) == [.linkUp(a)])
        let dials = net.takeTrace().filter { if case .dial = $0.effect { true } else { false } }
        #expect(dials.map(\.node) == [a])
        #expect(net.meshes[a]!.peerStates.map(\.isUp) == [true])
    }

    @Test func theTranscriptOfADial() {
        var mesh = Net.mesh(a, among: [a, b])
        let s1 = SocketID(rawValue: 1)
        mesh.start(now: .zero)
        #expect(mesh.takeEffects() == [.dial(b)])
        mesh.onDialed(b, s1, now: ms(1))
        #expect(mesh.takeEffects() == [])
        mesh.flush()
        let effects = mesh.takeEffects()
        guard case .write(s1, let hello) = effects.first else { return #expect(Bool(false), "no hello: \(effects)") }
        #expect(effects.count == 1)
        #expect(kinds(hello) == [.hello])
        #expect(mesh.owns(s1))
        mesh.onClosed(s1, now: ms(2))
        #expect(!mesh.owns(s1))
        // Never up, so never down.
        #expect(mesh.takeEvents() == [])
        #expect(mesh.takeNotices() == [])
    }

    @Test func aConnectionThatNobodyDialledForIsClosed() {
        var mesh = Net.mesh(a, among: [a, b])
        mesh.onDialed(b, SocketID(rawValue: 1), now: .zero)
        #expect(mesh.takeEffects() == [.close(SocketID(rawValue: 1))])
        mesh.onDialed(NodeID(rawValue: 50), SocketID(rawValue: 2), now: .zero)
        #expect(mesh.takeEffects() == [.close(SocketID(rawValue: 2))])
    }

    // MARK: Backoff

    @Test(arguments: 1...5 as ClosedRange<UInt64>)
    func aPeerThatIsAwayIsDialledWithGrowingWaits(seed: UInt64) {
        var net = Net(seed: seed)
        net.unreachable = [b]
        net.start()
        net.run(20_000)
        let times = net.dialTimes(a)
        #expect(times.count > 8)
        var base: Int64 = 50
        for (former, next) in zip(times, times.dropFirst()) {
            let wait = next - former
            #expect(wait >= base / 2 - 1)
            #expect(wait <= base * 3 / 2 + 1)
            base = min(base * 2, 1_000)
        }
        // The wait stops growing at its bound.
        #expect(base == 1_000)
        net.unreachable = []
        net.run(1_501)
        #expect(net.isUp(a, b))
        #expect(net.isUp(b, a))
    }

    @Test func aLinkThatLastedIsDialledAgainAtOnce() {
        var net = Net.up()
        net.run(2_000)
        net.cut(a, b)
        #expect(!net.isUp(a, b))
        net.run(75)
        #expect(net.isUp(a, b))
    }

    @Test func aPeerThatShowsUsOutAfterTheHandshakeIsDialledEverMoreSeldom() {
        // b has never heard of a: it learns the name, and closes. To a the link was open for a moment.
        var net = Net()
        net.restart(b, as: Net.mesh(b, among: [b, c]))
        net.start()
        net.run(20_000)
        let times = net.dialTimes(a)
        #expect(times.count < 25)
        #expect(times.last! - times[times.count - 2] >= 999)
        #expect(net.notices(b).contains(.strangerRefused(.wrongName("a"))))
        #expect(!net.isUp(a, b))
    }

    @Test func theOneThatIsDialledNeverDials() {
        var net = Net.up()
        net.unreachable = [b]
        net.cut(a, b)
        net.run(5_000)
        #expect(net.dialTimes(b) == [])
    }

    // MARK: Heartbeats

    @Test func anIdleLinkIsPingedEverySecondAndStaysUp() {
        var net = Net.up()
        net.run(60_000)
        #expect(net.isUp(a, b))
        #expect(net.isUp(b, a))
        #expect(net.events(a) == [])
        #expect(net.events(b) == [])
        var frames = 0
        for (_, _, effect) in net.takeTrace() {
            guard case .write(_, let bytes) = effect else { return #expect(Bool(false), "\(effect)") }
            for kind in kinds(bytes) {
                #expect(kind == .ping || kind == .pong)
                frames += 1
            }
        }
        // Two ends, a ping and a pong each second at most; and not silence either.
        #expect((60...240).contains(frames))
    }

    @Test func aSilentPeerIsCutAfterThreeSecondsAndWithinFour() {
        var net = Net.up()
        net.call(1, readHead("ana"))
        _ = net.events(b)
        net.blackhole = [b]
        net.run(2_999)
        #expect(net.isUp(a, b))
        net.run(1_001)
        #expect(!net.isUp(a, b))
        #expect(net.events(a) == [.peerDown(b), .refused(CallID(rawValue: 1), Refusal(.peerDown))])
        #expect(net.notices(a) == [.linkDown(b, .silent)])
        #expect(net.counters(a).faults >= 1)
    }

    @Test func afterTheSilenceThePeerComesBack() {
        var net = Net.up()
        net.blackhole = [b]
        net.run(10_000)
        net.blackhole = []
        net.run(6_000)
        #expect(net.isUp(a, b))
        #expect(net.isUp(b, a))
        net.send(poke("ana"))
        #expect(net.events(b).last == .received(a, poke("ana")))
    }

    @Test func aHandshakeThatStallsIsCut() {
        var net = Net()
        net.blackhole = [b]
        net.start()
        let socket = net.socket(a, to: b)!
        net.run(2_900)
        #expect(net.meshes[a]!.owns(socket))
        net.run(1_200)
        #expect(!net.meshes[a]!.owns(socket))
        #expect(net.notices(a).first == .linkDown(b, .handshakeTimeout))
        #expect(net.events(a) == [])
    }

    // MARK: Restarts and doubles

    @Test func aRestartedPeerTakesTheFormerOnesPlace() {
        // b does not see the end of the old connection: only the new one tells it.
        var net = Net.up()
        let former = net.socket(b, to: a)!
        net.call(1, readHead("ana"), from: b, to: a)
        _ = net.events(a)
        var twin = Net.mesh(a, among: [a, b], seed: 99)
        let door = SocketID(rawValue: 1)
        net.on(b) { mesh, now in mesh.onAccepted(door, now: now) }
        shake(&twin, &net, door)
        #expect(net.events(b) == [.peerDown(a), .refused(CallID(rawValue: 1), Refusal(.peerDown)), .peerUp(a)])
        #expect(net.notices(b) == [.linkReplaced(a), .linkDown(a, nil), .linkUp(a)])
        #expect(!net.meshes[b]!.owns(former))
        #expect(net.meshes[b]!.owns(door))
        // The old end was closed, and is told so.
        #expect(net.events(a).first == .peerDown(b))
    }

    /// Carries a handshake between `twin`, outside the network, and b's socket `door`.
    private func shake(_ twin: inout Mesh, _ net: inout Net, _ door: SocketID) {
        let own = SocketID(rawValue: 2)
        twin.start(now: net.now)
        twin.onDialed(b, own, now: net.now)
        _ = net.takeTrace()
        for _ in 0..<3 {
            twin.flush()
            for effect in twin.takeEffects() {
                if case .write(own, let bytes) = effect { net.on(b) { $0.onReceived(door, bytes[...], now: $1) } }
            }
            for (_, node, effect) in net.takeTrace() {
                if node == b, case .write(door, let bytes) = effect { twin.onReceived(own, bytes[...], now: net.now) }
            }
        }
    }

    @Test func aRestartedProcessIsUpAgain() {
        var net = Net.up([a, b, c])
        net.restart(b, as: Net.mesh(b, among: [a, b, c], seed: 5))
        net.run(200)
        #expect(net.events(a) == [.peerDown(b), .peerUp(b)])
        #expect(net.events(c) == [.peerDown(b), .peerUp(b)])
        #expect(net.isUp(b, a))
        #expect(net.isUp(b, c))
    }

    @Test func anotherEpochIsNoticedAndWelcome() {
        var net = Net()
        net.restart(b, as: Net.mesh(b, among: [a, b], as: identity("b", epoch: 2)))
        net.start()
        #expect(net.notices(a) == [.linkUp(b), .epochDiffers(b, 2)])
        #expect(net.notices(b) == [.linkUp(a), .epochDiffers(a, 1)])
        #expect(net.isUp(a, b))
    }

    // MARK: Strangers

    @Test func anotherSecretAnotherClusterAndAnotherServiceDoNotComeIn() {
        for (stranger, fault) in [
            (identity("a", secret: [1]), nil),
            (identity("a", cluster: "staging"), LinkFault.wrongCluster("staging")),
            (identity("a", service: "gateway"), .wrongName("a")),
            (identity("z"), .wrongName("z")),
        ] as [(LinkIdentity, LinkFault?)] {
            var net = Net()
            net.restart(a, as: Net.mesh(a, among: [a, b], as: stranger))
            net.start()
            net.run(300)
            #expect(!net.isUp(b, a), "\(stranger)")
            #expect(net.events(b) == [])
            // With the wrong secret it is the dialer who notices first; the acceptor hears `forbidden`.
            #expect(net.notices(b).first == .strangerRefused(fault ?? .refused(.forbidden)))
        }
    }

    @Test func aPeerThatWeDialDoesNotComeInByTheDoor() {
        // b knocks at a's door, although a is the one that dials.
        var mesh = Net.mesh(a, among: [a, b])
        let door = SocketID(rawValue: 1)
        mesh.onAccepted(door, now: .zero)
        var knocker = Link(dialing: "a", identity: identity("b"), nonce: nonce(1), now: .zero)
        var heard: [LinkEvent] = []
        for _ in 0..<2 {
            mesh.onReceived(door, knocker.takeOutbound()[...], now: .zero)
            mesh.flush()
            for effect in mesh.takeEffects() {
                if case .write(door, let bytes) = effect { try? knocker.receive(bytes[...], now: .zero, into: &heard) }
            }
        }
        #expect(mesh.takeNotices() == [.strangerRefused(.wrongName("b"))])
        #expect(mesh.takeEvents() == [])
        #expect(!mesh.owns(door))
    }

    @Test(arguments: [([], false), (["b"], false), (["a"], true), (["b", "a"], true)])
    func aCertificateMustNameWhoComesInByTheDoor(names: [String], comesIn: Bool) {
        var mesh = Net.mesh(b, among: [a, b])
        let door = SocketID(rawValue: 1)
        mesh.onAccepted(door, now: .zero)
        mesh.onCertified(door, names: names)
        var knocker = Link(dialing: "b", identity: identity("a"), nonce: nonce(1), now: .zero)
        var heard: [LinkEvent] = []
        for _ in 0..<3 {
            mesh.onReceived(door, knocker.takeOutbound()[...], now: .zero)
            mesh.flush()
            for effect in mesh.takeEffects() {
                if case .write(door, let bytes) = effect { try? knocker.receive(bytes[...], now: .zero, into: &heard) }
            }
        }
        #expect(mesh.isUp(a) == comesIn)
        #expect(mesh.takeNotices() == [comesIn ? .linkUp(a) : .strangerRefused(.wrongCertificate("a"))])
        #expect(mesh.takeEvents() == (comesIn ? [.peerUp(a)] : []))
    }

    @Test func strangersAreBoundedAndEachLeavesWithinFourSeconds() {
        var mesh = Net.mesh(b, among: [a, b])
        mesh.start(now: .zero)
        for number in 1...70 as ClosedRange<UInt64> { mesh.onAccepted(SocketID(rawValue: number), now: ms(1)) }
        let refused = (65...70 as ClosedRange<UInt64>).map { TransportEffect.close(SocketID(rawValue: $0)) }
        #expect(mesh.takeEffects() == refused)
        while let deadline = mesh.deadline(), deadline <= ms(4_001) { mesh.onDeadline(now: deadline) }
        #expect(mesh.takeEffects() == (1...64 as ClosedRange<UInt64>).map { .close(SocketID(rawValue: $0)) })
        #expect(mesh.takeNotices() == Array(repeating: .strangerRefused(.handshakeTimeout), count: 64))
        mesh.onAccepted(SocketID(rawValue: 71), now: ms(4_001))
        #expect(mesh.takeEffects() == [])
    }

    @Test func aFaultOnAnOpenLinkEndsItAndWhatCameBeforeStands() {
        var net = Net.up()
        let socket = net.socket(b, to: a)!
        let good = rawFrame(.oneWay, method: 21, payload: [3, 0x61, 0x6E, 0x61])
        net.on(b) { $0.onReceived(socket, (good + rawFrame(version: 9, kind: 1))[...], now: $1) }
        #expect(net.events(b) == [.received(a, poke("ana")), .peerDown(a)])
        #expect(net.notices(b) == [.linkDown(a, .frame(.badVersion(9)))])
        #expect(net.events(a) == [.peerDown(b)])
    }

    @Test func anUnknownOneWayMessageIsNoticed() {
        var net = Net.up()
        let socket = net.socket(b, to: a)!
        net.on(b) { $0.onReceived(socket, rawFrame(.oneWay, method: 999)[...], now: $1) }
        #expect(net.notices(b) == [.unknownMethod(a, 999)])
        #expect(net.events(b) == [])
        #expect(net.isUp(a, b))
    }

    @Test func noncesDifferFromDialToDialAndProcessToProcess() {
        var nonces: [[UInt8]] = []
        for seed in 1...3 as ClosedRange<UInt64> {
            for name in ["a", "z"] {
                var mesh = Net.mesh(a, among: [a, b], as: identity(name), seed: seed)
                mesh.start(now: .zero)
                for round in 1...5 as ClosedRange<UInt64> {
                    mesh.onDialed(b, SocketID(rawValue: round), now: .zero)
                    mesh.flush()
                    for case .write(_, let bytes) in mesh.takeEffects() { nonces.append(Array(bytes.suffix(Hello.nonceBytes))) }
                    mesh.onClosed(SocketID(rawValue: round), now: .zero)
                    while let deadline = mesh.deadline(), mesh.effects.isEmpty { mesh.onDeadline(now: deadline) }
                }
            }
        }
        #expect(nonces.count == 30)
        #expect(Set(nonces).count == 30)
        // The plain numbers of the dice are not in them: those could be foretold.
        var dice = SeededGenerator(seed: 1)
        let first = dice.next()
        #expect(!nonces.contains { $0.prefix(8).elementsEqual((0..<8).map { UInt8(truncatingIfNeeded: first >> (8 * UInt64($0))) }) })
    }

    @Test func aSeedReplaysByteForByte() {
        func run() -> [String] {
            var net = Net([a, b, c], seed: 42)
            net.start()
            net.call(1, readHead("ana"), to: c)
            net.cut(a, b)
            net.run(5_000)
            return net.takeTrace().map { "\($0)" }
        }
        #expect(run() == run())
    }
}
