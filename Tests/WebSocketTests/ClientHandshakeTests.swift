// The client's half of the handshake, against our own server half and against servers that misbehave.
import Testing
import WebSocket

@Suite struct ClientHandshakeTests {
    private func handshake(
        token: String? = nil, placement: TokenPlacement = .header, subprotocol: Subprotocol? = .json, path: String = "/chat"
    ) throws -> ClientHandshake {
        try ClientHandshake(
            host: "127.0.0.1:8080", path: path, nonce: exampleNonce, token: token, tokenPlacement: placement, subprotocol: subprotocol)
    }

    private enum Outcome: Equatable {
        case agreed(rest: [UInt8])
        case waiting
        case failed(ClientHandshakeFailure)
    }

    private func outcome(_ pieces: [ArraySlice<UInt8>], subprotocol: Subprotocol?, end: Bool) throws -> Outcome {
        var handshake = try handshake(subprotocol: subprotocol)
        for piece in pieces {
            do {
                if let rest = try handshake.receive(piece, sha1: exampleSHA1) { return .agreed(rest: Array(rest)) }
            } catch {
                return .failed(error)
            }
        }
        return end ? .failed(handshake.receivedEnd()) : .waiting
    }

    /// Whole and byte by byte; the two must agree.
    private func outcome(_ text: String, subprotocol: Subprotocol? = .json, end: Bool = false) throws -> Outcome {
        let bytes = Array(text.utf8)
        let whole = try outcome([bytes[...]], subprotocol: subprotocol, end: end)
        #expect(try outcome(singleBytes(bytes), subprotocol: subprotocol, end: end) == whole)
        return whole
    }

    private let agreement =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: \(exampleAccept)\r\n"
    private let json = "Sec-WebSocket-Protocol: fantail.json.v1\r\n"

    @Test func theRequestIsWhatTheServerHalfAccepts() throws {
        for placement in TokenPlacement.allCases {
            for path in ["/chat", "/chat?device=1"] {
                let client = try handshake(token: "aa.bb-_.cc", placement: placement, subprotocol: .binary, path: path)
                let request = try #require(try parse(String(decoding: client.requestBytes, as: UTF8.self)).get())
                let decision = Upgrade.decide(request, policy: UpgradePolicy(chatPath: "/chat"))
                guard case .upgrade(let upgrade) = decision else {
                    Issue.record("\(placement): \(decision)")
                    continue
                }
                #expect(upgrade.bearerToken == "aa.bb-_.cc")
                #expect(upgrade.subprotocol == .binary)
                var answered = client
                let rest = try answered.receive((upgrade.responseBytes(sha1: exampleSHA1) + [1, 2])[...], sha1: exampleSHA1)
                #expect(rest.map(Array.init) == [1, 2])
            }
        }
    }

    @Test func theRequestIsPlain() throws {
        let client = try ClientHandshake(
            host: "h", path: "/chat", nonce: exampleNonce, token: "t", subprotocol: nil, origin: "http://h")
        #expect(
            String(decoding: client.requestBytes, as: UTF8.self)
                == "GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                + "Sec-WebSocket-Key: \(exampleKey)\r\nAuthorization: Bearer t\r\nOrigin: http://h\r\n\r\n")
    }

    @Test func argumentsThatWouldBreakTheRequestAreRefused() {
        func failure(host: String = "h", path: String = "/", token: String? = nil, origin: String? = nil) -> ClientHandshakeFailure? {
            do {
                _ = try ClientHandshake(host: host, path: path, nonce: exampleNonce, token: token, origin: origin)
                return nil
            } catch {
                return error
            }
        }
        #expect(failure() == nil)
        for host in ["", "a b", "a\r\nX: y", "a/b"] { #expect(failure(host: host) == .invalidArgument("host")) }
        for path in ["", "chat", "/a b", "/a\r\n", "/a#b"] { #expect(failure(path: path) == .invalidArgument("path")) }
        for token in ["", "a b", "a\n", "a,b"] { #expect(failure(token: token) == .invalidArgument("token")) }
        for origin in ["", "a b", "a\r\n"] { #expect(failure(origin: origin) == .invalidArgument("origin")) }
    }

    @Test func anAgreementEndsTheHandshake() throws {
        #expect(try outcome(agreement + json + "\r\n") == .agreed(rest: []))
        #expect(try outcome(agreement + "\r\n", subprotocol: nil) == .agreed(rest: []))
        #expect(try outcome(agreement + json + "\r") == .waiting)
    }

    @Test func anAgreementThatProvesNothingIsNotBelieved() throws {
        let accept = "Sec-WebSocket-Accept: \(exampleAccept)\r\n"
        let up = "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        let line = "HTTP/1.1 101 Switching Protocols\r\n"
        #expect(try outcome(line + accept + "\r\n") == .failed(.upgradeMissing))
        #expect(try outcome(line + "Upgrade: websocket\r\n" + accept + "\r\n") == .failed(.upgradeMissing))
        #expect(try outcome(line + "Connection: Upgrade\r\n" + accept + "\r\n") == .failed(.upgradeMissing))
        #expect(try outcome(line + up + "\r\n") == .failed(.acceptWrong))
        #expect(try outcome(line + up + "Sec-WebSocket-Accept: \(exampleKey)\r\n\r\n") == .failed(.acceptWrong))
        #expect(try outcome(agreement + "\r\n") == .failed(.subprotocolMismatch(nil)))
        #expect(
            try outcome(agreement + "Sec-WebSocket-Protocol: fantail.binary.v1\r\n\r\n")
                == .failed(.subprotocolMismatch("fantail.binary.v1")))
        #expect(try outcome(agreement + json + "\r\n", subprotocol: nil) == .failed(.subprotocolMismatch("fantail.json.v1")))
        #expect(
            try outcome(agreement + json + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
                == .failed(.extensionUnexpected("permessage-deflate")))
    }

    @Test func aResponseThatBreaksHTTPIsNamed() throws {
        for (text, rule) in [
            ("HTTP/2 200\r\n\r\n", HTTPRule.version), ("HTTP/1.1 20 OK\r\n\r\n", .statusLine), ("HTTP/1.1\r\n\r\n", .statusLine),
            ("HTTP/1.1 abc x\r\n\r\n", .statusLine), ("SSH-2.0-x\r\n\n", .bareLineFeed), (agreement + " x: y\r\n\r\n", .obsoleteFolding),
            (agreement + agreement + "\r\n", .headerName), (agreement + "sec-websocket-accept: x\r\n\r\n", .duplicateHeader),
        ] {
            #expect(try outcome(text) == .failed(.malformed(rule)), "\(text.debugDescription)")
        }
        #expect(try outcome(String(repeating: "a", count: 9000)) == .failed(.malformed(.headTooLarge)))
    }

    @Test func aRefusalKeepsItsStatusAndWords() throws {
        let ours = String(decoding: HTTPRefusal.unauthorized(reason: "token_expired").responseBytes(), as: UTF8.self)
        let failure = ClientHandshakeFailure.refused(
            status: 401, reason: "Unauthorized", body: "{\"error\":\"unauthorized\",\"reason\":\"token_expired\"}\n")
        #expect(try outcome(ours) == .failed(failure))
        #expect(try outcome(ours + "surplus") == .failed(failure))
        #expect(
            try outcome("HTTP/1.0 502\r\nContent-Length: 0\r\n\r\n") == .failed(.refused(status: 502, reason: "", body: "")))
        #expect(
            try outcome("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello")
                == .failed(.refused(status: 200, reason: "OK", body: "")))
    }

    @Test func aRefusalWithoutLengthEndsWithTheConnection() throws {
        let text = "HTTP/1.1 503 Service Unavailable\r\n\r\ncome back"
        #expect(try outcome(text) == .waiting)
        #expect(
            try outcome(text, end: true) == .failed(.refused(status: 503, reason: "Service Unavailable", body: "come back")))
        #expect(
            try outcome("HTTP/1.1 400 Bad Request\r\nContent-Length: 100\r\n\r\ncut", end: true)
                == .failed(.refused(status: 400, reason: "Bad Request", body: "cut")))
        for length in ["-1", "-9223372036854775808", "99999999999999999999", "x"] {
            #expect(
                try outcome("HTTP/1.1 400 No\r\nContent-Length: \(length)\r\n\r\nwhy", end: true)
                    == .failed(.refused(status: 400, reason: "No", body: "why")))
        }
    }

    @Test func aLongRefusalIsCut() throws {
        let body = String(repeating: "b", count: HTTPLimits.refusalBodyBytesMax)
        let cut = Outcome.failed(.refused(status: 500, reason: "No", body: body))
        #expect(try outcome("HTTP/1.1 500 No\r\n\r\n" + body + "more") == cut)
        #expect(try outcome("HTTP/1.1 500 No\r\nContent-Length: 9223372036854775807\r\n\r\n" + body + "more") == cut)
    }

    @Test func anEndBeforeTheResponseIsNamed() throws {
        #expect(try outcome("", end: true) == .failed(.closedEarly))
        #expect(try outcome("HTTP/1.1 101 Switching", end: true) == .failed(.closedEarly))
    }
}
