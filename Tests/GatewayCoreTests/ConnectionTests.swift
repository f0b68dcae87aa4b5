// An open connection: bytes up, bytes down, its clocks, its ends.

import CoreKit
import GatewayCore
import Messages
import Primitives
import RPC
import Testing
import WebSocket

@Suite struct ConnectionTests {
    // MARK: Up

    @Test func aConnectionSticksToItsParser() {
        var s = Scene()
        s.opens(1)
        let first = passed(s.sends(1, "a"))
        #expect(first.map(\.bytes) == ["a"])
        for letter in ["b", "c", "d"] { #expect(passed(s.sends(1, letter)).map(\.parser) == [first[0].parser]) }
    }

    @Test func connectionsAreSpreadOverParsers() {
        var s = Scene()
        let parsers = (1...4 as ClosedRange<UInt64>).map { socket -> NodeID in
            s.opens(socket)
            return passed(s.sends(socket, "a"))[0].parser
        }
        #expect(Set(parsers) == Set(s.parsers))
    }

    @Test func aLostParserIsReplacedAndNotMissed() {
        var s = Scene()
        s.opens(1)
        let lost = passed(s.sends(1, "a"))[0].parser
        #expect(s.on(.peerDown(lost)) == [])
        let other = passed(s.sends(1, "b"))[0].parser
        #expect(other != lost)
        // It comes back; the connection stays where it is.
        #expect(s.on(.peerUp(lost)) == [])
        #expect(passed(s.sends(1, "c")) == [Passed(parser: other, user: ana, bytes: "c")])
    }

    @Test func withoutAnyParserTheConnectionIsSentAway() {
        var s = Scene()
        s.isSeated(1)
        let connection = s.connection(1)
        for parser in s.parsers { _ = s.on(.peerDown(parser)) }
        #expect(
            s.sends(1, "a") == [.frames(1, [goodbye(.tryAgainLater)]), s.detach(ana, connection, to: s.home(ana))])
    }

    @Test func framesOfOneReadStayInOrder() {
        var s = Scene()
        s.opens(1)
        #expect(passed(s.sends(1, frame("a") + frame("b") + frame("c"))).map(\.bytes) == ["a", "b", "c"])
    }

    @Test func theKindOfDataMustBeThatOfTheSubprotocol() {
        var s = Scene()
        s.opens(1, subprotocol: "fantail.json.v1")
        s.opens(2, subprotocol: "fantail.binary.v1")
        var binary: [UInt8] = []
        FrameEncoder.appendBinary([1, 2], mask: 9, to: &binary)
        #expect(s.sends(1, binary).first == .frames(1, [goodbye(.unsupportedData)]))
        #expect(passed(s.sends(2, binary)).count == 1)
        #expect(s.sends(2, "a").first == .frames(2, [goodbye(.unsupportedData)]))
    }

    @Test func aBrokenRuleOfWebSocketEndsTheConnection() {
        var s = Scene()
        s.isSeated(1)
        let connection = s.connection(1)
        // A frame without a mask; what was sent before it counts, what comes behind it does not.
        let done = s.sends(1, frame("a") + [0x81, 0x01, 0x61] + frame("b"))
        #expect(passed(done).map(\.bytes) == ["a"])
        let failure = WebSocketEvent.close(code: 1002, reason: Array("unmasked_frame".utf8))
        #expect(done.dropFirst() == [.frames(1, [failure]), .end(1), s.detach(ana, connection, to: s.home(ana))])
    }

    @Test func aMessageBeyondTheBoundIsRefused() {
        var s = Scene()
        s.opens(1)
        let largest = [UInt8](repeating: 0x78, count: MessageLimits.clientFrameBytesMax)
        var bytes: [UInt8] = []
        FrameEncoder.appendText(largest, mask: 5, to: &bytes)
        #expect(passed(s.sends(1, bytes)).count == 1)
        bytes = []
        FrameEncoder.appendText(largest + [0x78], mask: 5, to: &bytes)
        #expect(s.sends(1, bytes).first == .frames(1, [.close(code: 1009, reason: Array("message_too_big".utf8))]))
    }

    // MARK: Down

    @Test func oneWriteAConnectionAndTick() {
        var s = Scene()
        s.isSeated(1)
        s.isSeated(2, bob)
        let (a, b) = (s.connection(1), s.connection(2, bob))
        #expect(
            s.on(s.output(a, "1"), s.output(b, "2"), s.output(a, "3")) == [
                .frames(1, [text("1"), text("3")]), .frames(2, [text("2")]),
            ])
        #expect(s.on(s.output(a, "4")) == [.frames(1, [text("4")])])
        #expect(s.on() == [])
    }

    @Test func binaryConnectionsGetBinaryFrames() {
        var s = Scene()
        s.opens(1, subprotocol: "fantail.binary.v1")
        var bytes: [UInt8] = []
        FrameEncoder.appendBinary([6, 0], mask: 9, to: &bytes)
        guard case .send(_, .clientInput(let input)) = s.sends(1, bytes).first else { return #expect(Bool(false), "no input") }
        #expect(input.origin.encoding == .binary)
        #expect(s.on(s.output(input.origin.connection, "x")) == [.frames(1, [.binary([0x78])])])
    }

    @Test func whatIsMeantForAnUnknownConnectionIsIgnored() {
        var s = Scene()
        s.isSeated(1)
        let connection = s.connection(1)
        #expect(s.on(s.output(ConnectionID(rawValue: 5), "x")) == [])
        _ = s.ends(1)
        #expect(s.on(s.output(connection, "x")) == [])
        let order = CloseConnection(connection: connection, code: 4003, reason: "replaced")
        #expect(s.on(.received(s.sessions[0], .closeConnection(order))) == [])
    }

    // MARK: Ends

    @Test func aShardClosesAConnectionAndItsLastWordsGoFirst() {
        var s = Scene()
        s.isSeated(1)
        let connection = s.connection(1)
        let order = CloseConnection(connection: connection, code: 4003, reason: "replaced")
        #expect(
            s.on(s.output(connection, "x"), .received(s.sessions[0], .closeConnection(order))) == [
                .frames(1, [text("x"), goodbye(.replaced)]), s.detach(ana, connection, to: s.home(ana)),
            ])
        #expect(s.sends(1, "a") == [])
        #expect(s.wait(1_999) == [])
        #expect(s.wait(1) == [.end(1)])
    }

    @Test func aCodeThatMayNotTravelIsNotSent() {
        var s = Scene()
        s.isSeated(1)
        let order = CloseConnection(connection: s.connection(1), code: 1005, reason: "?")
        #expect(s.on(.received(s.sessions[0], .closeConnection(order))).first == .frames(1, [.close(code: 1011, reason: [0x3F])]))
    }

    @Test func aGoodbyeIsReturned() {
        var s = Scene()
        s.isSeated(1)
        let connection = s.connection(1)
        var bytes: [UInt8] = []
        FrameEncoder.appendClose(.normal, mask: 4, to: &bytes)
        #expect(
            s.sends(1, bytes) == [
                .frames(1, [.close(code: 1000, reason: [])]), .end(1), s.detach(ana, connection, to: s.home(ana)),
            ])
    }

    @Test func aLostConnectionIsDetached() {
        var s = Scene()
        s.isSeated(1)
        let connection = s.connection(1)
        #expect(s.ends(1) == [s.detach(ana, connection, to: s.home(ana))])
        #expect(s.wait(600_000) == [])
    }

    // MARK: Clocks

    private func ping(_ s: inout Scene, _ socket: UInt64 = 1) -> [Did] {
        var bytes: [UInt8] = []
        FrameEncoder.appendPing([1], mask: 4, to: &bytes)
        return s.sends(socket, bytes)
    }

    @Test func aPingIsAnswered() {
        var s = Scene()
        s.opens(1)
        #expect(ping(&s) == [.frames(1, [.pong([1])])])
    }

    @Test func theSilentArePingedAndThenLeft() {
        var s = Scene()
        s.isSeated(1)
        let connection = s.connection(1)
        #expect(s.wait(29_999) == [])
        #expect(s.wait(1) == [.frames(1, [.ping([])])])
        #expect(s.wait(59_999) == [])
        #expect(s.wait(1) == [.frames(1, [goodbye(.goingAway)]), s.detach(ana, connection, to: s.home(ana))])
    }

    @Test func whoeverIsSilentForNearlyAsLongIsPingedInTheSameMoment() {
        var s = Scene()
        s.isSeated(1)
        #expect(s.wait(60) == [])
        s.isSeated(2)
        #expect(s.wait(120) == [])
        s.isSeated(3)
        #expect(s.wait(29_820) == [.frames(1, [.ping([])])])
        #expect(s.wait(249) == [])
        #expect(s.wait(1) == [.frames(2, [.ping([])]), .frames(3, [.ping([])])])
    }

    @Test func whoAnswersThePingStays() {
        var s = Scene()
        s.isSeated(1)
        for _ in 0..<10 {
            #expect(s.wait(30_000) == [.frames(1, [.ping([])])])
            var bytes: [UInt8] = []
            FrameEncoder.appendPong(mask: 4, to: &bytes)
            #expect(s.sends(1, bytes) == [])
        }
    }

    @Test func whoTalksIsNotPinged() {
        var s = Scene()
        s.isSeated(1)
        for _ in 0..<10 {
            #expect(s.wait(20_000) == [])
            #expect(passed(s.sends(1, "a")).count == 1)
        }
    }

    @Test func whoSaysNoHelloIsLeftAfterThirtySeconds() {
        var s = Scene()
        s.opens(1)
        #expect(s.wait(20_000) == [])
        let connection = s.connection(1)
        #expect(s.wait(9_999) == [])
        #expect(s.wait(1) == [.frames(1, [goodbye(.policyViolation)]), s.detach(ana, connection, to: s.home(ana))])
    }

    @Test func theConnectionEndsWithItsToken() {
        var s = Scene()
        s.isSeated(1, seconds: 40)
        #expect(s.wait(39_999) == [.frames(1, [.ping([])])])
        #expect(s.wait(1).first == .frames(1, [goodbye(.tokenExpired)]))
    }

    @Test func aMessageHasSixtySeconds() {
        var s = Scene()
        s.isSeated(1)
        let bytes = frame("a long message that drips in, byte by byte")
        _ = s.wait(7_000)
        var done: [Did] = []
        for byte in bytes[..<12] {
            done += s.sends(1, [byte])
            done += s.wait(5_000)
        }
        #expect(done.first == .frames(1, [goodbye(.policyViolation)]))
    }

    @Test func manyMessagesMayTakeTheirTimeTogether() {
        var s = Scene()
        s.isSeated(1)
        // Every read ends inside a message, and every message is done within ten seconds.
        let bytes = frame("a")
        #expect(s.sends(1, Array(bytes[..<3])) == [])
        for _ in 0..<20 {
            #expect(s.wait(10_000) == [])
            #expect(passed(s.sends(1, Array(bytes[3...] + bytes[..<3]))).count == 1)
        }
    }

    @Test func requestsOfPeersAreRefused() {
        var s = Scene()
        let call = RemoteCall(node: s.sessions[0], socket: SocketID(rawValue: 1), call: 1)
        #expect(s.on(.requested(call, .done)) == [.refuse(Refusal(.unsupported))])
    }
}
