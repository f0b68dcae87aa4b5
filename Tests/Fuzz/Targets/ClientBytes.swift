// Bytes of clients, who may be anybody: HTTP, WebSocket, frames, tokens.

import ClientProtocol
import Crypto
import Primitives
import Tokens
import WebSocket

extension FuzzTarget {
    static func clientTargets(_ examples: ProtocolExamples) -> [FuzzTarget] {
        [
            FuzzTarget("client-json", seeds: examples.json) { clientFrame($0, .json) },
            FuzzTarget("client-binary", seeds: examples.binary) { clientFrame($0, .binary) },
            FuzzTarget("server-json", seeds: examples.json) { serverFrame($0, .json) },
            FuzzTarget("server-binary", seeds: examples.binary) { serverFrame($0, .binary) },
            FuzzTarget("websocket", seeds: webSocketSeeds, run: webSocket),
            FuzzTarget("http-request", seeds: requestSeeds, run: request),
            FuzzTarget("http-answer", seeds: [Array(ascii: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n"), Array(ascii: "HTTP/1.1 503 Away\r\nContent-Length: 4\r\nRetry-After: 1\r\n\r\naway")], run: answer),
            FuzzTarget("token", seeds: tokenSeeds, run: token),
        ]
    }

    /// What was understood means the same after it was said again, in either encoding.
    private static func clientFrame(_ bytes: [UInt8], _ encoding: ClientEncoding) {
        guard let frame = try? ClientFrame.decode(bytes, as: encoding) else { return }
        for other in [ClientEncoding.json, .binary] {
            var again: [UInt8] = []
            frame.encode(as: other, into: &again)
            demand((try? ClientFrame.decode(again, as: other)) == frame, "a client's frame survives \(other)")
        }
    }

    private static func serverFrame(_ bytes: [UInt8], _ encoding: ClientEncoding) {
        guard let frame = try? ServerFrame.decode(bytes, as: encoding) else { return }
        for other in [ClientEncoding.json, .binary] {
            demand((try? ServerFrame.decode(frame.encoded(as: other), as: other)) == frame, "a server's frame survives \(other)")
        }
    }

    // MARK: WebSocket

    private static let webSocketSeeds: [[UInt8]] = {
        var text: [UInt8] = []
        FrameEncoder.appendText(Array(ascii: "{\"type\":\"ping\"}"), mask: 0x1234_5678, to: &text)
        FrameEncoder.appendPing([1, 2, 3], mask: 1, to: &text)
        FrameEncoder.appendClose(code: 1000, reason: "bye", mask: 2, to: &text)
        var binary: [UInt8] = []
        FrameEncoder.appendBinary([UInt8](repeating: 7, count: 300), mask: 0xFFFF_FFFF, to: &binary)
        var unmasked: [UInt8] = []
        FrameEncoder.appendText(Array(ascii: "hello"), to: &unmasked)
        return [text, binary, unmasked]
    }()

    /// Any split of the stream says the same, and little is held.
    private static func webSocket(_ bytes: [UInt8]) {
        for role in [WebSocketRole.server, .client] {
            var whole: [WebSocketEvent] = []
            var one = FrameDecoder(role: role)
            one.receive(bytes, into: &whole)
            var parts: [WebSocketEvent] = []
            var other = FrameDecoder(role: role)
            for piece in bytes.pieces { other.receive(piece, into: &parts) }
            demand(whole == parts, "a split stream says the same")
            demand(one.bufferedBytesCount <= WebSocketLimits.standard.messageBytesMax + 125, "no more than a message is held")
            for case .close(let code?, _) in whole { demand(CloseCode.mayTravel(code), "the close code \(code) may travel") }
        }
    }

    // MARK: HTTP

    private static let requestSeeds = [
        Array(ascii: "GET /v1/ws?access_token=a.b.c HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: fantail.json, token.a\r\n\r\n\u{81}"),
        Array(ascii: "PUT /v1/media/up/00112233445566778899aabb?user=ana%2Bx&until=1767229200&sig=c2ln HTTP/1.1\r\nHost: x:1\r\nContent-Length: 10\r\nUpload-Offset: 3\r\n\r\n0123456789"),
        Array(ascii: "GET / HTTP/1.1\r\nHost: x\r\nIf-None-Match: \"a\", W/\"b\"\r\nRange: bytes=-5\r\n\r\n"),
    ]

    private static func request(_ bytes: [UInt8]) {
        for mayHaveBody in [false, true] {
            let whole = parse(mayHaveBody, [bytes[...]])
            let parts = parse(mayHaveBody, bytes.pieces)
            demand(whole?.0 == parts?.0 && whole?.1 == parts?.1, "a split request is the same request")
            guard let request = whole?.1 else { continue }
            for name in ["user", "until", "sig", "access_token", ""] { _ = request.queryValue(name) }
            _ = Upgrade.decide(request, policy: UpgradePolicy(chatPath: "/v1/ws", origins: ["https://example.org"]))
        }
    }

    /// The refusal's answer, or the request; nil: more is needed.
    private static func parse(_ mayHaveBody: Bool, _ pieces: [ArraySlice<UInt8>]) -> ([UInt8]?, HTTPRequest?)? {
        var parser = HTTPRequestParser(mayHaveBody: mayHaveBody)
        for piece in pieces {
            do throws(HTTPRefusal) {
                if let (request, _) = try parser.receive(piece) { return (nil, request) }
            } catch {
                return (error.responseBytes(), nil)
            }
        }
        return nil
    }

    private static func answer(_ bytes: [UInt8]) {
        guard var handshake = try? ClientHandshake(host: "x", path: "/v1/ws", nonce: [UInt8](repeating: 0, count: 16)) else { return }
        for piece in bytes.pieces {
            do throws(ClientHandshakeFailure) {
                if try handshake.receive(piece, sha1: OpenSSLCrypto().sha1) != nil { return }
            } catch {
                return
            }
        }
        _ = handshake.receivedEnd()
    }

    // MARK: Tokens

    private static let secret = try! TokenKey(kid: "k", material: .secret([UInt8](repeating: 7, count: 32)), maySign: true)
    private static let tokenSeeds = ["ana", "bob"].map { name in
        Array(try! TokenMinter(signatures: OpenSSLCrypto()).mint(sub: UserID(name)!, ttlSeconds: 60, nowSeconds: 1_000, key: secret).utf8)
    }

    /// Nothing passes but what was minted.
    private static func token(_ bytes: [UInt8]) {
        let keys = try! TokenKeySet(parsing: secret.fileLine)
        guard let claims = try? TokenVerifier(keys: keys, signatures: OpenSSLCrypto()).verify(bytes, nowSeconds: 1_010) else { return }
        demand(tokenSeeds.contains(bytes), "a token of \(claims.user) was not minted")
    }
}
