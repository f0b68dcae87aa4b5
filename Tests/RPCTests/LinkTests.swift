// One connection from both ends: who proves what, and what happens to everybody else.

import Messages
import Primitives
import RPC
import Testing

/// Two ends of one connection, and what each has been told.
struct Pair {
    var dialer: Link
    var acceptor: Link
    var dialerEvents: [LinkEvent] = []
    var acceptorEvents: [LinkEvent] = []

    init(
        dialer: LinkIdentity = identity("a"), acceptor: LinkIdentity = identity("b"), dialing: String = "b",
        dialerNonce: UInt8 = 1, acceptorNonce: UInt8 = 2
    ) {
        self.dialer = Link(dialing: dialing, identity: dialer, nonce: nonce(dialerNonce), now: .zero)
        self.acceptor = Link(acceptingWith: acceptor, nonce: nonce(acceptorNonce), now: .zero)
    }

    /// Carries what the dialer has to say; returns the acceptor's fault.
    @discardableResult
    mutating func toAcceptor(seed: UInt64 = 0) -> LinkFault? { give(dialer.takeOutbound(), to: \.acceptor, \.acceptorEvents, seed) }

    @discardableResult
    mutating func toDialer(seed: UInt64 = 0) -> LinkFault? { give(acceptor.takeOutbound(), to: \.dialer, \.dialerEvents, seed) }

    mutating func give(
        _ bytes: [UInt8], to end: WritableKeyPath<Pair, Link>, _ events: WritableKeyPath<Pair, [LinkEvent]>, _ seed: UInt64 = 0
    ) -> LinkFault? {
        for piece in pieces(bytes, seed: seed) {
            do throws(LinkFault) {
                var heard: [LinkEvent] = []
                defer { self[keyPath: events] += heard }
                try self[keyPath: end].receive(piece, now: ms(5), into: &heard)
            } catch {
                return error
            }
        }
        return nil
    }

    @discardableResult
    mutating func toAcceptor(_ bytes: [UInt8]) -> LinkFault? { give(bytes, to: \.acceptor, \.acceptorEvents) }
    @discardableResult
    mutating func toDialer(_ bytes: [UInt8]) -> LinkFault? { give(bytes, to: \.dialer, \.dialerEvents) }

    /// Both ends open.
    static func open(seed: UInt64 = 0) -> Pair {
        var pair = Pair()
        pair.toAcceptor(seed: seed)
        pair.toDialer(seed: seed)
        pair.toAcceptor(seed: seed)
        pair.dialerEvents = []
        pair.acceptorEvents = []
        return pair
    }
}

@Suite struct LinkTests {
    private func hello(_ node: String, _ nonceByte: UInt8) -> Hello {
        Hello(cluster: "test", service: "session", node: node, epoch: 1, incarnation: 9, nonce: nonce(nonceByte))
    }

    private func bytes(_ hello: Hello) -> [UInt8] {
        var writer = ByteWriter()
        hello.encode(into: &writer)
        return writer.bytes
    }

    /// As docs/rpc.md says it: label, dialer's hello, acceptor's hello, each behind its length.
    private func proof(_ label: String, _ dialer: [UInt8], _ acceptor: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.string(label)
        writer.blob(dialer)
        writer.blob(acceptor)
        return [32] + FakeHMAC().hmacSHA256(key: secret, message: writer.bytes)
    }

    @Test func theHandshakeIsHelloThenHelloAndProofThenProof() {
        var pair = Pair()
        let mine = bytes(hello("a", 1))
        let theirs = bytes(hello("b", 2))

        let first = pair.dialer.takeOutbound()
        #expect(first == rawFrame(.hello, payload: mine))
        #expect(pair.acceptor.takeOutbound() == [])

        #expect(pair.toAcceptor(first) == nil)
        let second = pair.acceptor.takeOutbound()
        #expect(
            second == rawFrame(.hello, payload: theirs)
                + rawFrame(.proof, payload: proof("fantail rpc 1 acceptor", mine, theirs)))
        #expect(pair.acceptorEvents == [])
        #expect(pair.acceptor.peer == nil)

        #expect(pair.toDialer(second) == nil)
        #expect(pair.dialerEvents == [.opened(hello("b", 2))])
        let third = pair.dialer.takeOutbound()
        #expect(third == rawFrame(.proof, payload: proof("fantail rpc 1 dialer", mine, theirs)))

        #expect(pair.toAcceptor(third) == nil)
        #expect(pair.acceptorEvents == [.opened(hello("a", 1))])
        #expect(pair.acceptor.takeOutbound() == [])
        #expect(pair.dialer.peer == hello("b", 2))
        #expect(pair.acceptor.peer == hello("a", 1))
        #expect(pair.acceptor.receivedAt == ms(5))
    }

    @Test func aHelloIsWrittenAsDocumented() {
        var expected: [UInt8] = [0, 0, 4] + Array("test".utf8) + [7] + Array("session".utf8) + [1, 0x61]
        expected += [1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 32] + nonce(1)
        #expect(bytes(hello("a", 1)) == expected)
        let name = String(repeating: "n", count: 64)
        let longest = Hello(cluster: name, service: name, node: name, epoch: .max, incarnation: .max, nonce: nonce(1))
        #expect(RPCLimits.headerBytes + bytes(longest).count <= RPCLimits.helloBytesMax)
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func anyCutOfTheStreamOpensTheLink(seed: UInt64) {
        var pair = Pair()
        #expect(pair.toAcceptor(seed: seed) == nil)
        #expect(pair.toDialer(seed: seed) == nil)
        pair.dialer.send(poke("ana"))
        #expect(pair.toAcceptor(seed: seed) == nil)
        #expect(pair.dialerEvents == [.opened(hello("b", 2))])
        // The dialer may speak right behind its proof.
        #expect(pair.acceptorEvents == [.opened(hello("a", 1)), .oneWay(poke("ana"))])
    }

    @Test func aDialerWithAnotherSecretFindsTheAcceptorsProofWrong() {
        var pair = Pair(dialer: identity("a", secret: [1]))
        pair.toAcceptor()
        #expect(pair.toDialer() == .wrongProof)
        #expect(pair.dialerEvents == [])
        #expect(kinds(pair.dialer.takeOutbound()) == [.refusal])
    }

    @Test func anAcceptorRefusesAProofUnderAnotherSecret() {
        var pair = Pair()
        pair.toAcceptor()
        let theirs = bytes(hello("b", 2))
        var writer = ByteWriter()
        writer.string("fantail rpc 1 dialer")
        writer.blob(bytes(hello("a", 1)))
        writer.blob(theirs)
        let forged = FakeHMAC().hmacSHA256(key: [1], message: writer.bytes)
        _ = pair.acceptor.takeOutbound()
        #expect(pair.toAcceptor(rawFrame(.proof, payload: [32] + forged)) == .wrongProof)
        // Told why before the door shuts: forbidden, no wait.
        #expect(pair.acceptor.takeOutbound() == rawFrame(.refusal, payload: [6, 0, 0, 0, 0]))
        #expect(pair.acceptorEvents == [])
    }

    @Test func theAcceptorsOwnProofSentBackIsNoProof() {
        var pair = Pair()
        pair.toAcceptor()
        let mirrored = proof("fantail rpc 1 acceptor", bytes(hello("a", 1)), bytes(hello("b", 2)))
        #expect(pair.toAcceptor(rawFrame(.proof, payload: mirrored)) == .wrongProof)
    }

    @Test func aProofThatIsShortIsWrong() {
        var pair = Pair()
        pair.toAcceptor()
        let proof = proof("fantail rpc 1 dialer", bytes(hello("a", 1)), bytes(hello("b", 2)))
        #expect(pair.toAcceptor(rawFrame(.proof, payload: [31] + proof[1..<32])) == .wrongProof)
        var empty = Pair()
        empty.toAcceptor()
        #expect(empty.toAcceptor(rawFrame(.proof, payload: [0])) == .wrongProof)
        var long = Pair()
        long.toAcceptor()
        #expect(long.toAcceptor(rawFrame(.proof, payload: [33] + proof)) == .decode(.tooLong(limitBytes: 32)))
    }

    @Test func aCapturedConversationOpensNothingTheNextTime() {
        var captured = Pair()
        let helloBytes = captured.dialer.takeOutbound()
        captured.toAcceptor(helloBytes)
        let answer = captured.acceptor.takeOutbound()
        captured.toDialer(answer)
        let proofBytes = captured.dialer.takeOutbound()

        // Replayed to an acceptor with a fresh nonce: the old proof covers the old one.
        var again = Pair(acceptorNonce: 3)
        #expect(again.toAcceptor(helloBytes) == nil)
        #expect(again.toAcceptor(proofBytes) == .wrongProof)
        // Replayed to a dialer with a fresh nonce, by somebody who plays the acceptor.
        var redialed = Pair(dialerNonce: 4)
        #expect(redialed.toDialer(answer) == .wrongProof)
        #expect(redialed.dialerEvents == [])
    }

    @Test func aChangedHelloIsNoticedByTheProof() {
        // Somebody on the way raises the epoch in the dialer's hello.
        var pair = Pair()
        var other = hello("a", 1)
        other.epoch = 99
        pair.toAcceptor(rawFrame(.hello, payload: bytes(other)))
        #expect(pair.toDialer() == .wrongProof)
    }

    @Test func fieldsThatANewerReleaseAppendsToItsHelloAreCoveredAndIgnored() {
        // The newer end proves over the bytes it sent; the older one must hash those bytes and not what it understood.
        var pair = Pair()
        _ = pair.dialer.takeOutbound()
        let newer = bytes(hello("a", 1)) + [0xCA, 0xFE]
        #expect(pair.toAcceptor(rawFrame(.hello, payload: newer)) == nil)
        let theirs = bytes(hello("b", 2))
        #expect(
            pair.acceptor.takeOutbound() == rawFrame(.hello, payload: theirs)
                + rawFrame(.proof, payload: proof("fantail rpc 1 acceptor", newer, theirs)))
        #expect(pair.toAcceptor(rawFrame(.proof, payload: proof("fantail rpc 1 dialer", newer, theirs))) == nil)
        #expect(pair.acceptorEvents == [.opened(hello("a", 1))])

        var dialing = Pair()
        let mine = bytes(hello("a", 1))
        let newerTheirs = theirs + [0xCA, 0xFE]
        #expect(
            dialing.toDialer(
                rawFrame(.hello, payload: newerTheirs)
                    + rawFrame(.proof, payload: proof("fantail rpc 1 acceptor", mine, newerTheirs))) == nil)
        #expect(dialing.dialerEvents == [.opened(hello("b", 2))])
    }

    @Test func anotherClusterIsRefusedByName() {
        var pair = Pair(dialer: identity("a", cluster: "staging"))
        #expect(pair.toAcceptor() == .wrongCluster("staging"))
        #expect(pair.toDialer() == .refused(.forbidden))
    }

    @Test func aDialerHangsUpOnAnotherClusterOrAnotherName() {
        var cluster = Pair()
        let foreign = Hello(cluster: "staging", service: "session", node: "b", epoch: 1, incarnation: 9, nonce: nonce(2))
        #expect(cluster.toDialer(rawFrame(.hello, payload: bytes(foreign))) == .wrongCluster("staging"))
        var name = Pair(dialing: "c")
        name.toAcceptor()
        #expect(name.toDialer() == .wrongName("b"))
        #expect(name.dialerEvents == [])
    }

    @Test func ourOwnNameIsNotAPeer() {
        var pair = Pair(dialer: identity("b"))
        #expect(pair.toAcceptor() == .wrongName("b"))
        #expect(kinds(pair.acceptor.takeOutbound()) == [.refusal])
    }

    @Test(arguments: [FrameKind.proof, .request, .answer, .oneWay, .ping, .pong])
    func nothingIsSaidBeforeTheHello(kind: FrameKind) {
        var pair = Pair()
        #expect(pair.toAcceptor(rawFrame(kind, method: 21, payload: [3, 0x61, 0x6E, 0x61])) == .outOfTurn(kind))
        #expect(pair.toDialer(rawFrame(kind, method: 21, payload: [3, 0x61, 0x6E, 0x61])) == .outOfTurn(kind))
        #expect(pair.acceptorEvents == [])
        #expect(pair.dialerEvents == [])
    }

    @Test(arguments: [FrameKind.hello, .request, .answer, .oneWay, .ping, .pong])
    func nothingIsSaidBetweenHelloAndProof(kind: FrameKind) {
        var pair = Pair()
        pair.toAcceptor()
        #expect(pair.toAcceptor(rawFrame(kind, method: 21, payload: [3, 0x61, 0x6E, 0x61])) == .outOfTurn(kind))
        var dialing = Pair()
        dialing.toDialer(rawFrame(.hello, payload: bytes(hello("b", 2))))
        #expect(dialing.toDialer(rawFrame(kind, method: 21, payload: [3, 0x61, 0x6E, 0x61])) == .outOfTurn(kind))
        #expect(pair.acceptorEvents == [])
        #expect(dialing.dialerEvents == [])
    }

    @Test func aSecondHandshakeOnAnOpenLinkIsAFault() {
        var pair = Pair.open()
        #expect(pair.toAcceptor(rawFrame(.hello, payload: bytes(hello("a", 1)))) == .outOfTurn(.hello))
        #expect(pair.toDialer(rawFrame(.proof, payload: [0])) == .outOfTurn(.proof))
    }

    @Test func aStrangersFramesAreHeldToTheHellosBound() {
        var pair = Pair()
        let length = UInt32(RPCLimits.helloBytesMax + 1)
        #expect(pair.toAcceptor(rawFrame(kind: 1, length: length)) == .frame(.badLength(length)))
        // The same length is fine once the link is open.
        var open = Pair.open()
        #expect(open.toAcceptor(rawFrame(kind: 6, length: length)) == nil)
    }

    @Test func aHelloWithABrokenNonceOrNameIsRefused() {
        var short = hello("a", 1)
        short.nonce = [1, 2, 3]
        var pair = Pair()
        #expect(pair.toAcceptor(rawFrame(.hello, payload: bytes(short))) == .decode(.badValue(field: "nonce")))
        let good = bytes(hello("a", 1))
        for end in good.indices {
            var cut = Pair()
            #expect(cut.toAcceptor(rawFrame(.hello, payload: Array(good[..<end]))) == .decode(.truncated))
        }
    }

    // MARK: Open

    @Test func messagesRequestsAnswersAndRefusalsCross() {
        var pair = Pair.open()
        pair.dialer.send(poke("ana"))
        pair.dialer.request(7, readHead("ana"))
        pair.acceptor.answer(8, .done)
        pair.acceptor.refuse(9, Refusal(.overloaded, retryAfterMs: 250))
        #expect(pair.toAcceptor() == nil)
        #expect(pair.toDialer() == nil)
        #expect(pair.acceptorEvents == [.oneWay(poke("ana")), .request(call: 7, readHead("ana"))])
        #expect(pair.dialerEvents == [.answer(call: 8, .done), .refusal(call: 9, Refusal(.overloaded, retryAfterMs: 250))])
    }

    @Test func aPingIsAnsweredWithAPongAndAPongWithNothing() {
        var pair = Pair.open()
        pair.dialer.ping()
        pair.toAcceptor()
        let answer = pair.acceptor.takeOutbound()
        #expect(kinds(answer) == [.pong])
        pair.toDialer(answer)
        #expect(pair.dialer.takeOutbound() == [])
        #expect(pair.dialerEvents == [])
        #expect(pair.acceptorEvents == [])
    }

    @Test func anUnknownRequestIsRefusedAndAnUnknownOneWayNoticed() {
        var pair = Pair.open()
        #expect(pair.toAcceptor(rawFrame(.request, method: 999, call: 5, payload: [1, 2, 3])) == nil)
        #expect(pair.acceptor.takeOutbound() == rawFrame(.refusal, call: 5, payload: [1, 0, 0, 0, 0]))
        #expect(pair.toAcceptor(rawFrame(.oneWay, method: 999, payload: [1, 2, 3])) == nil)
        #expect(pair.acceptorEvents == [.unknownOneWay(method: 999)])
        // An answer that we cannot read is no answer.
        #expect(pair.toDialer(rawFrame(.answer, method: 999, call: 6)) == nil)
        #expect(pair.dialerEvents == [.refusal(call: 6, Refusal(.unsupported))])
    }

    @Test func aMalformedRequestIsRefusedAndTheLinkLivesOn() {
        var pair = Pair.open()
        #expect(pair.toAcceptor(rawFrame(.request, method: 38, call: 5, payload: [200])) == nil)
        #expect(pair.acceptor.takeOutbound() == rawFrame(.refusal, call: 5, payload: [2, 0, 0, 0, 0]))
        pair.dialer.send(poke("ana"))
        #expect(pair.toAcceptor() == nil)
        #expect(pair.acceptorEvents == [.oneWay(poke("ana"))])
    }

    @Test func aMalformedOneWayAnswerOrRefusalEndsTheLink() {
        for (kind, method) in [(.oneWay, 21), (.answer, 70), (.refusal, 0)] as [(FrameKind, UInt16)] {
            var pair = Pair.open()
            pair.dialer.send(poke("ana"))
            let good = pair.dialer.takeOutbound()
            #expect(pair.toAcceptor(good + rawFrame(kind, method: method)) == .decode(.truncated))
            // What came before the fault stands.
            #expect(pair.acceptorEvents == [.oneWay(poke("ana"))])
        }
    }

    @Test func framesOfOneTickLeaveInOneWriteInTheirOrder() {
        var pair = Pair.open()
        pair.dialer.send(poke("ana"))
        pair.dialer.request(1, readHead("ana"))
        pair.dialer.ping()
        #expect(pair.dialer.outboundBytes == 16 + 16 + 12)
        #expect(kinds(pair.dialer.takeOutbound()) == [.oneWay, .request, .ping])
        #expect(pair.dialer.outboundBytes == 0)
    }

    @Test func spoiltBytesEndInAFaultOrInNothingButNeverTrap() {
        var dice = SeededGenerator(seed: 8)
        var faults = 0
        for _ in 0..<1_000 {
            var pair = Pair.open()
            pair.dialer.send(poke("ana"))
            pair.dialer.request(1, readHead("ana"))
            var bytes = pair.dialer.takeOutbound()
            bytes[dice.pick(0..<bytes.count)] = UInt8(truncatingIfNeeded: dice.next())
            if pair.toAcceptor(bytes) != nil { faults += 1 }
        }
        #expect(faults > 100)
    }
}
