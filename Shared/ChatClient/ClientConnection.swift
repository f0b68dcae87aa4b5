// A client's WebSocket, pure: bytes on one side, frames of the client protocol on the other.

import ClientProtocol
import Primitives
import WebSocket

/// What a connection makes of received bytes.
public enum ClientConnectionEvent: Equatable, Sendable {
    /// The handshake is done.
    case open
    case frame(ServerFrame)
    /// The server asks whether we live; the answer is queued already.
    case pinged
    /// The connection is of no use any more; the sentence says why.
    case ended(code: UInt16?, String)
}

public struct ClientConnection: Sendable {
    private enum State: Sendable {
        case handshake(ClientHandshake)
        case open(FrameDecoder)
        case ended
    }

    private var state: State
    private var dice: SeededGenerator
    private let encoding: ClientEncoding
    private let sha1: @Sendable ([UInt8]) -> [UInt8]
    private var outbound: [UInt8]
    private var events: [WebSocketEvent] = []

    /// - Parameters:
    ///   - host: name and port as in a URL.
    ///   - token: a JWT.
    /// - Throws: `ClientHandshakeFailure.invalidArgument`.
    public init(
        host: String, path: String = "/v1/ws", token: String?, encoding: ClientEncoding, dice: SeededGenerator,
        sha1: @escaping @Sendable ([UInt8]) -> [UInt8]
    ) throws(ClientHandshakeFailure) {
        var dice = dice
        let nonce = (0..<16).map { _ in UInt8(truncatingIfNeeded: dice.next()) }
        let handshake = try ClientHandshake(
            host: host, path: path, nonce: nonce, token: token, subprotocol: encoding == .json ? .json : .binary)
        outbound = handshake.requestBytes
        state = .handshake(handshake)
        self.dice = dice
        self.encoding = encoding
        self.sha1 = sha1
    }

    /// Everything to write since the last call.
    public mutating func takeOutbound() -> [UInt8] {
        defer { outbound = [] }
        return outbound
    }

    public mutating func transmit(_ frame: ClientFrame) {
        guard case .open = state else { return }
        var payload: [UInt8] = []
        frame.encode(as: encoding, into: &payload)
        let mask = UInt32(truncatingIfNeeded: dice.next())
        switch encoding {
        case .json: FrameEncoder.appendText(payload, mask: mask, to: &outbound)
        case .binary: FrameEncoder.appendBinary(payload, mask: mask, to: &outbound)
        }
    }

    /// Says goodbye.
    public mutating func close() {
        guard case .open = state else { return }
        FrameEncoder.appendClose(.normal, mask: UInt32(truncatingIfNeeded: dice.next()), to: &outbound)
        state = .ended
    }

    /// Feeds received bytes; any split of the stream is fine.
    public mutating func receive(_ bytes: ArraySlice<UInt8>, into out: inout [ClientConnectionEvent]) {
        switch state {
        case .handshake(var handshake):
            do throws(ClientHandshakeFailure) {
                let rest = try handshake.receive(bytes, sha1: sha1)
                guard let rest else {
                    state = .handshake(handshake)
                    return
                }
                state = .open(FrameDecoder(role: .client, limits: WebSocketLimits(messageBytesMax: 4 * 1024 * 1024)))
                out.append(.open)
                if !rest.isEmpty { receive(rest, into: &out) }
            } catch {
                state = .ended
                out.append(.ended(code: nil, "\(error)"))
            }
        case .open(var decoder):
            decoder.receive(bytes, into: &events)
            state = .open(decoder)
            for event in events { on(event, into: &out) }
            events.removeAll(keepingCapacity: true)
        case .ended:
            break
        }
    }

    /// The TCP connection ended.
    public mutating func receivedEnd(into out: inout [ClientConnectionEvent]) {
        switch state {
        case .handshake(var handshake): out.append(.ended(code: nil, "\(handshake.receivedEnd())"))
        case .open: out.append(.ended(code: nil, "connection lost"))
        case .ended: break
        }
        state = .ended
    }

    private mutating func on(_ event: WebSocketEvent, into out: inout [ClientConnectionEvent]) {
        guard case .open = state else { return }
        switch event {
        case .text(let payload): decode(payload, as: .json, into: &out)
        case .binary(let payload): decode(payload, as: .binary, into: &out)
        case .ping(let payload):
            FrameEncoder.appendPong(payload, mask: UInt32(truncatingIfNeeded: dice.next()), to: &outbound)
            out.append(.pinged)
        case .pong:
            out.append(.pinged)
        case .close(let code, let reason):
            FrameEncoder.appendClose(code: code, mask: UInt32(truncatingIfNeeded: dice.next()), to: &outbound)
            state = .ended
            out.append(.ended(code: code, String(decoding: reason, as: UTF8.self)))
        case .failure(let failure):
            FrameEncoder.appendClose(failure, mask: UInt32(truncatingIfNeeded: dice.next()), to: &outbound)
            state = .ended
            out.append(.ended(code: failure.closeCode.rawValue, failure.rawValue))
        }
    }

    private mutating func decode(_ payload: [UInt8], as encoding: ClientEncoding, into out: inout [ClientConnectionEvent]) {
        do {
            // A type of a newer release is nothing to us.
            if let frame = try ServerFrame.decode(payload, as: encoding) { out.append(.frame(frame)) }
        } catch {
            state = .ended
            out.append(.ended(code: CloseCode.protocolError.rawValue, "unreadable frame: \(error.error.text)"))
        }
    }
}
