// Connections in memory: what gets through, and who is turned away.

import Testing
import TLS

@Suite struct StreamTests {
    @Test(arguments: [1, 7, 1_000, TLSLimits.readBytesMax])
    func bytesComeThroughInEveryPiece(piece: Int) throws {
        let folder = try PaperFolder()
        let pair = Pair(try folder.trust(), try TLSContext(serving: folder.server(), now: today), piece: piece)
        pair.settle()
        #expect(pair.client.isOpen)
        #expect(pair.server.isOpen)
        let question = (0..<5_000).map { UInt8(truncatingIfNeeded: $0) }
        pair.say(question, fromClient: true)
        pair.settle()
        #expect(pair.serverHeard == question)
        let answer = (0..<(piece == 1 ? 20_000 : 200_000)).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        pair.say(answer, fromClient: false)
        pair.settle()
        #expect(pair.clientHeard == answer)
    }

    @Test(arguments: [5, 20, 60, 104])
    func aRecordThatSomebodyChangedEndsTheConnection(place: Int) throws {
        let folder = try PaperFolder()
        let pair = Pair(try folder.trust(), try TLSContext(serving: folder.server(), now: today))
        pair.settle()
        pair.say([1, 2, 3], fromClient: true)
        pair.settle()
        [UInt8](repeating: 7, count: 100).withUnsafeBytes { pair.client.seal($0) }
        pair.clientWire.sealed[place] ^= 1
        pair.say([], fromClient: true)
        pair.settle()
        #expect(pair.server.failure != nil)
        #expect(pair.serverHeard == [1, 2, 3])
    }

    @Test func anEndIsTold() throws {
        let folder = try PaperFolder()
        let pair = Pair(try folder.trust(), try TLSContext(serving: folder.server(), now: today))
        pair.settle()
        pair.say([1, 2, 3], fromClient: true)
        pair.end(fromClient: true)
        pair.settle()
        #expect(pair.serverHeard == [1, 2, 3])
        #expect(pair.server.isEnded)
        #expect(pair.server.failure == nil)
    }

    @Test(arguments: ["127.0.0.1", "localhost"])
    func anAddressAndANameMayBeAskedFor(name: String) throws {
        let folder = try PaperFolder()
        let pair = Pair(try folder.trust(), try TLSContext(serving: folder.server(), now: today), name: name)
        pair.settle()
        #expect(pair.client.isOpen)
    }

    @Test(arguments: ["example.org", "127.0.0.2", "server"])
    func anotherNameIsNotAccepted(name: String) throws {
        let folder = try PaperFolder()
        let pair = Pair(try folder.trust(), try TLSContext(serving: folder.server(), now: today), name: name)
        pair.settle()
        #expect(pair.client.failure?.reason == .certificate)
        #expect(pair.server.failure?.reason == .refused)
    }

    @Test func anotherAuthorityIsNotBelieved() throws {
        let folder = try PaperFolder()
        let pair = Pair(try folder.trust(Papers.otherAuthority), try TLSContext(serving: folder.server(), now: today))
        pair.settle()
        #expect(!pair.client.isOpen)
        #expect(pair.client.failure?.reason == .certificate)
    }

    @Test func peersShowWhoTheyAre() throws {
        let folder = try PaperFolder()
        let gateway = try TLSContext(peers: folder.peer("gateway-1", Papers.gateway, Papers.gatewayKey), now: today)
        let session = try TLSContext(peers: folder.peer("session-1", Papers.session, Papers.sessionKey), now: today)
        let pair = Pair(gateway, session, name: "session-1")
        pair.settle()
        #expect(pair.server.isOpen)
        #expect(pair.server.peerIsNamed("gateway-1"))
        #expect(!pair.server.peerIsNamed("gateway-2"))
        #expect(pair.client.peerIsNamed("session-1"))
    }

    @Test func aPeerUnderAnotherNameIsNotDialled() throws {
        let folder = try PaperFolder()
        let gateway = try TLSContext(peers: folder.peer("gateway-1", Papers.gateway, Papers.gatewayKey), now: today)
        let session = try TLSContext(peers: folder.peer("session-1", Papers.session, Papers.sessionKey), now: today)
        let pair = Pair(gateway, session, name: "session-2")
        pair.settle()
        #expect(pair.client.failure?.reason == .certificate)
    }

    @Test func aPeerWithoutACertificateIsRefused() throws {
        let folder = try PaperFolder()
        let session = try TLSContext(peers: folder.peer("session-1", Papers.session, Papers.sessionKey), now: today)
        // Believes the authority, and shows nothing; it offers another protocol, too, which is refused first.
        let pair = Pair(try folder.trust(), session, name: "session-1")
        pair.settle()
        #expect(!pair.server.isOpen)
        #expect(pair.server.failure != nil)
    }

    @Test func aPeerOfAnotherAuthorityIsRefused() throws {
        let (ours, theirs) = (try PaperFolder(), try PaperFolder())
        let session = try TLSContext(peers: ours.peer("session-1", Papers.session, Papers.sessionKey), now: today)
        let foreign = try TLSContext(
            peers: TLSFiles(
                certificate: theirs.file("g.crt", Papers.foreign), key: theirs.file("g.key", Papers.foreignKey),
                authority: theirs.file("both.crt", Papers.authority + "\n" + Papers.otherAuthority)), now: today)
        let pair = Pair(foreign, session, name: "session-1")
        pair.settle()
        #expect(!pair.server.isOpen)
        #expect(pair.server.failure?.reason == .certificate)
    }

    @Test func plainHTTPIsRecognised() throws {
        let folder = try PaperFolder()
        let context = try TLSContext(serving: folder.server(), now: today)
        #expect(reaction(to: Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8), of: context).failure?.reason == .plainHTTP)
        #expect(reaction(to: Array("hello, is there anybody?".utf8), of: context).failure?.reason == .notTLS)
    }

    @Test func aHelloWithoutEndIsCut() throws {
        let folder = try PaperFolder()
        let context = try TLSContext(serving: folder.server(), now: today)
        // A hello that says that it has 100,000 bytes, in records of 4 KiB.
        var bytes: [UInt8] = []
        for number in 0..<24 {
            bytes += [0x16, 3, 1, 0x10, 0]
            var body = [UInt8](repeating: 0, count: 4_096)
            if number == 0 { body.replaceSubrange(0..<6, with: [1, 1, 0x86, 0xA0, 3, 3]) }
            bytes += body
        }
        let (failure, said) = reaction(to: bytes, of: context)
        #expect(failure?.reason == .tooLong)
        #expect(said < 100)
    }

    @Test func whatTheKernelDoesNotTakeIsKeptInOrder() throws {
        let folder = try PaperFolder()
        let pair = Pair(try folder.trust(), try TLSContext(serving: folder.server(), now: today))
        pair.serverWire.sealed = [1, 2, 3, 4]
        pair.server.keepUnsent(from: 1)
        #expect(pair.serverWire.sealed.isEmpty)
        pair.server.dropUnsent(1)
        pair.serverWire.sealed = [5]
        pair.server.keepUnsent()
        #expect(pair.server.withUnsent { Array($0) } == [3, 4, 5])
        pair.server.dropUnsent(3)
        #expect(pair.server.unsentBytes == 0)
    }
}
