// A client's WebSocket: the server's bytes whole and byte by byte, and what is said in return.

import ChatClient
import ClientProtocol
import Crypto
import Primitives
import Testing
import WebSocket

@Suite struct ClientConnectionTests {
    private func connection(_ encoding: ClientEncoding = .json) -> ClientConnection {
        try! ClientConnection(
            host: "localhost:8080", token: "a.b.c", encoding: encoding, dice: SeededGenerator(seed: 5),
            sha1: { OpenSSLCrypto().sha1($0) })
    }

    /// The server's answer to the request that waits in `connection`.
    private func upgrade(_ connection: inout ClientConnection) -> [UInt8] {
        var parser = HTTPRequestParser()
        guard let (request, rest) = try! parser.receive(connection.takeOutbound()[...]), rest.isEmpty,
            case .upgrade(let upgrade) = Upgrade.decide(request, policy: UpgradePolicy(chatPath: "/v1/ws"))
        else {
            Issue.record("no upgrade was asked for")
            return []
        }
        #expect(upgrade.bearerToken == "a.b.c")
        return upgrade.responseBytes(sha1: { OpenSSLCrypto().sha1($0) })
    }

    private func receive(_ connection: inout ClientConnection, _ bytes: [UInt8], wholly: Bool = true) -> [ClientConnectionEvent] {
        var events: [ClientConnectionEvent] = []
        if wholly {
            connection.receive(bytes[...], into: &events)
        } else {
            for byte in bytes { connection.receive([byte], into: &events) }
        }
        return events
    }

    private func heard(_ bytes: [UInt8]) -> [WebSocketEvent] {
        var decoder = FrameDecoder(role: .server)
        var events: [WebSocketEvent] = []
        decoder.receive(bytes, into: &events)
        return events
    }

    private func open(_ encoding: ClientEncoding = .json) -> ClientConnection {
        var connection = connection(encoding)
        let answer = upgrade(&connection)
        #expect(receive(&connection, answer) == [.open])
        return connection
    }

    @Test(arguments: ClientEncoding.allCases, [true, false])
    func framesArriveHoweverTheyAreCut(_ encoding: ClientEncoding, _ wholly: Bool) {
        var connection = connection(encoding)
        let frames = [ServerFrame.gap(from: 1, to: 4), .pong(ref: nil, time: Stamp(microseconds: 8))]
        var bytes = upgrade(&connection)
        for frame in frames {
            switch encoding {
            case .json: FrameEncoder.appendText(frame.encoded(as: .json), to: &bytes)
            case .binary: FrameEncoder.appendBinary(frame.encoded(as: .binary), to: &bytes)
            }
        }
        #expect(receive(&connection, bytes, wholly: wholly) == [.open] + frames.map { .frame($0) })
    }

    @Test(arguments: ClientEncoding.allCases)
    func whatIsTransmittedIsMaskedAndReadable(_ encoding: ClientEncoding) throws {
        var connection = open(encoding)
        connection.transmit(.ack(upTo: 7))
        connection.transmit(.ack(upTo: 8))
        let events = heard(connection.takeOutbound())
        let frames = try events.map { event -> ClientFrame in
            switch event {
            case .text(let payload) where encoding == .json: try ClientFrame.decode(payload, as: .json)
            case .binary(let payload) where encoding == .binary: try ClientFrame.decode(payload, as: .binary)
            default: throw FrameRefusal(ErrorFrame(.malformed, "\(event)"))
            }
        }
        #expect(frames == [.ack(upTo: 7), .ack(upTo: 8)])
        #expect(connection.takeOutbound() == [])
    }

    @Test func nothingIsSaidBeforeTheHandshake() {
        var connection = connection()
        _ = connection.takeOutbound()
        connection.transmit(.ack(upTo: 7))
        #expect(connection.takeOutbound() == [])
    }

    @Test func aPingIsAnsweredAndToldAsASignOfLife() {
        var connection = open()
        var bytes: [UInt8] = []
        FrameEncoder.appendPing([3], to: &bytes)
        #expect(receive(&connection, bytes) == [.pinged])
        #expect(heard(connection.takeOutbound()) == [.pong([3])])
    }

    @Test func aCloseIsReturnedAndEndsIt() {
        var connection = open()
        var bytes: [UInt8] = []
        FrameEncoder.appendClose(.replaced, to: &bytes)
        #expect(receive(&connection, bytes) == [.ended(code: 4003, "replaced")])
        #expect(heard(connection.takeOutbound()) == [.close(code: 4003, reason: [])])
        #expect(receive(&connection, bytes) == [])
    }

    @Test func aFrameThatNobodyCanReadEndsIt() {
        var connection = open()
        var bytes: [UInt8] = []
        FrameEncoder.appendText(Array("{".utf8), to: &bytes)
        FrameEncoder.appendText(ServerFrame.gap(from: 1, to: 2).encoded(as: .json), to: &bytes)
        let events = receive(&connection, bytes)
        #expect(events.count == 1)
        if case .ended(code: 1002, _) = events.first {} else { Issue.record("\(events)") }
    }

    @Test func aTypeOfANewerReleaseIsPassedOver() {
        var connection = open()
        var bytes: [UInt8] = []
        FrameEncoder.appendText(Array(#"{"type":"weather","is":"fine"}"#.utf8), to: &bytes)
        #expect(receive(&connection, bytes) == [])
    }

    @Test func aRefusedUpgradeIsToldInTheServersWords() {
        var connection = connection()
        _ = connection.takeOutbound()
        let events = receive(&connection, HTTPRefusal.unauthorized(reason: "token_expired").responseBytes(), wholly: false)
        guard case .ended(code: nil, let text) = events.first else { return #expect(Bool(false), "\(events)") }
        #expect(text.contains("401") && text.contains("token_expired"))
    }

    @Test func aLostConnectionIsToldOnce() {
        var connection = open()
        var events: [ClientConnectionEvent] = []
        connection.receivedEnd(into: &events)
        connection.receivedEnd(into: &events)
        #expect(events == [.ended(code: nil, "connection lost")])
    }
}
