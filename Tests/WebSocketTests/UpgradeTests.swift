// The server's half of the handshake: which requests become a WebSocket, and what the others are told.
import Testing
import WebSocket

@Suite struct UpgradeTests {
    /// A good upgrade request; `replacing` changes a header, nil removes it, `adding` appends lines.
    private func request(
        _ line: String = "GET /chat HTTP/1.1", replacing: [String: String?] = [:], adding: [String] = []
    ) throws -> HTTPRequest {
        var lines = [line]
        for (name, value) in [
            ("Host", "server.example.com"), ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Key", exampleKey),
            ("Sec-WebSocket-Version", "13"),
        ] {
            if let replaced = replacing[name] {
                if let replaced { lines.append("\(name): \(replaced)") }
            } else {
                lines.append("\(name): \(value)")
            }
        }
        let text = (lines + adding).joined(separator: "\r\n") + "\r\n\r\n"
        return try #require(try parse(text).get())
    }

    private func decide(_ request: HTTPRequest, origins: [String] = []) -> UpgradeDecision {
        Upgrade.decide(request, policy: UpgradePolicy(chatPath: "/chat", origins: origins))
    }

    private func upgrade(_ request: HTTPRequest) throws -> Upgrade {
        guard case .upgrade(let upgrade) = decide(request) else {
            Issue.record("not upgraded: \(decide(request))")
            throw HTTPRefusal.notFound
        }
        return upgrade
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    // MARK: Yes

    @Test func theExampleOfTheStandardIsAnsweredAsInTheStandard() throws {
        let upgrade = try upgrade(try request(adding: ["Origin: http://server.example.com", "Sec-WebSocket-Protocol: chat, superchat"]))
        #expect(upgrade.key == exampleKey)
        #expect(upgrade.subprotocol == nil)
        #expect(upgrade.bearerToken == nil)
        #expect(
            text(upgrade.responseBytes(sha1: exampleSHA1))
                == "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Accept: \(exampleAccept)\r\n\r\n")
    }

    @Test func listsAndCaseInTheHeadersAreUnderstood() throws {
        _ = try upgrade(try request(replacing: ["Connection": "keep-alive, UPGRADE", "Upgrade": "h2c, WebSocket"]))
        _ = try upgrade(try request(replacing: ["Connection": "keep-alive"], adding: ["Connection: upgrade"]))
    }

    @Test func theFirstOfferedProtocolThatIsKnownIsChosen() throws {
        func chosen(_ lines: String...) throws -> Subprotocol? {
            try upgrade(try request(adding: lines.map { "Sec-WebSocket-Protocol: \($0)" })).subprotocol
        }
        #expect(try chosen("fantail.binary.v1, fantail.json.v1") == .binary)
        #expect(try chosen("fantail.json.v1, fantail.binary.v1") == .json)
        #expect(try chosen("other", "fantail.binary.v1") == .binary)
        #expect(try chosen("fantail.json.v2") == nil)
        #expect(try chosen("Fantail.Json.V1") == nil)
    }

    @Test func theChosenProtocolIsNamedAndTheTokenIsNot() throws {
        let upgrade = try upgrade(try request(adding: ["Sec-WebSocket-Protocol: fantail.token.aa.bb.cc, fantail.json.v1"]))
        let response = text(upgrade.responseBytes(sha1: exampleSHA1))
        #expect(response.contains("\r\nSec-WebSocket-Protocol: fantail.json.v1\r\n"))
        #expect(!response.contains("aa.bb.cc"))
        #expect(upgrade.bearerToken == "aa.bb.cc")
    }

    // MARK: Token

    @Test func theTokenIsTakenFromHeaderThenProtocolThenQuery() throws {
        let header = "Authorization: bearer  h.h.h"
        let names = "Sec-WebSocket-Protocol: fantail.json.v1, fantail.token.p.p.p"
        let line = "GET /chat?access_token=q.q.q HTTP/1.1"
        #expect(try upgrade(try request(line, adding: [names, header])).bearerToken == "h.h.h")
        #expect(try upgrade(try request(line, adding: [names])).bearerToken == "p.p.p")
        #expect(try upgrade(try request(line)).bearerToken == "q.q.q")
        #expect(try upgrade(try request()).bearerToken == nil)
    }

    @Test func anEmptyTokenIsNoToken() throws {
        #expect(try upgrade(try request("GET /chat?access_token= HTTP/1.1", adding: ["Authorization: Bearer"])).bearerToken == nil)
        #expect(try upgrade(try request(adding: ["Sec-WebSocket-Protocol: fantail.token."])).bearerToken == nil)
        #expect(try upgrade(try request(adding: ["Authorization: Basic aaaa"])).bearerToken == nil)
    }

    // MARK: No

    @Test func aRequestThatIsNoUpgradeIsToldWhy() throws {
        func refusal(_ replacing: [String: String?], adding: [String] = []) throws -> UpgradeDecision {
            decide(try request(replacing: replacing, adding: adding))
        }
        #expect(try refusal(["Upgrade": nil]) == .refused(.upgradeRequired))
        #expect(try refusal(["Upgrade": "h2c"]) == .refused(.upgradeRequired))
        #expect(try refusal(["Connection": nil]) == .refused(.badRequest(.connectionNotUpgrade)))
        #expect(try refusal(["Connection": "keep-alive"]) == .refused(.badRequest(.connectionNotUpgrade)))
        #expect(try refusal(["Sec-WebSocket-Version": nil]) == .refused(.webSocketVersion))
        #expect(try refusal(["Sec-WebSocket-Version": "8"]) == .refused(.webSocketVersion))
        #expect(try refusal(["Sec-WebSocket-Key": nil]) == .refused(.badRequest(.keyMissing)))
        #expect(decide(try request("POST /chat HTTP/1.1")) == .refused(.methodNotAllowed(.get)))
        #expect(decide(try request("get /chat HTTP/1.1")) == .refused(.methodNotAllowed(.get)))
        #expect(decide(try request("GET /other HTTP/1.1")) == .refused(.notFound))
        #expect(decide(try request("GET /chat/ HTTP/1.1")) == .refused(.notFound))
    }

    @Test(arguments: [
        "", "AAECAwQFBgcICQoLDA0O", "AAECAwQFBgcICQoLDA0ODxA=", "dGhlIHNhbXBsZSBub25jZR==", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZE==", "dGhlIHNhbXBsZSBub25jZI==", "dGhlIHNhbXBsZSBub25jZ*==", "dGhlIHNhbXBsZSBub25jZQ=A", "dGhl-HNhbXBsZSBub25jZQ==",
    ])
    func aKeyOfAnythingButSixteenBytesIsRefused(key: String) throws {
        #expect(decide(try request(replacing: ["Sec-WebSocket-Key": key])) == .refused(.badRequest(.keyInvalid)))
        #expect(!HandshakeKey.isValid(key))
    }

    @Test func everyKeyThatIsMadeIsValid() {
        var dice = SeededDice(seed: 9)
        for _ in 0..<200 { #expect(HandshakeKey.isValid(HandshakeKey.key(nonce: dice.bytes(16)))) }
        #expect(HandshakeKey.key(nonce: Array(0..<16)) == "AAECAwQFBgcICQoLDA0ODw==")
        #expect(HandshakeKey.key(nonce: exampleNonce) == exampleKey)
        #expect(HandshakeKey.accept(for: exampleKey, sha1: exampleSHA1) == exampleAccept)
    }

    @Test func malformedProtocolNamesAreRefused() throws {
        for names in ["a b", "a, a", "a/b", (0...16).map { "n\($0)" }.joined(separator: ",")] {
            #expect(
                decide(try request(adding: ["Sec-WebSocket-Protocol: \(names)"])) == .refused(.badRequest(.subprotocolInvalid)), "\(names)")
        }
    }

    @Test func aPlainGetOfAnotherPathIsHandedOn() throws {
        let plain = try request("GET /?x=1 HTTP/1.1", replacing: ["Upgrade": nil, "Connection": nil])
        #expect(decide(plain) == .plain(plain))
        let post = try request("POST /elsewhere HTTP/1.1", replacing: ["Upgrade": nil, "Connection": nil])
        #expect(decide(post) == .plain(post))
        let chat = try request(replacing: ["Upgrade": nil, "Connection": nil])
        #expect(decide(chat) == .refused(.upgradeRequired))
    }

    // MARK: Origin

    @Test func originsAreCheckedForBrowsersOnly() throws {
        let none = try request()
        let same = try request(adding: ["Origin: https://server.example.com"])
        let app = try request(adding: ["Origin: https://APP.example.com"])
        let null = try request(adding: ["Origin: null"])
        func allowed(_ request: HTTPRequest, _ origins: [String]) -> Bool {
            if case .upgrade = decide(request, origins: origins) { return true }
            #expect(decide(request, origins: origins) == .refused(.forbiddenOrigin))
            return false
        }
        for origins in [[], ["*"], ["https://app.example.com"]] { #expect(allowed(none, origins)) }
        for request in [same, app, null] { #expect(allowed(request, ["*"])) }
        // Without a list: pages of this host.
        #expect(allowed(same, []))
        #expect(!allowed(app, []))
        #expect(!allowed(null, []))
        // With a list: exactly that.
        let list = ["http://localhost:3000", "https://app.example.com"]
        #expect(allowed(app, list))
        #expect(!allowed(same, list))
        #expect(!allowed(null, list))
        #expect(!allowed(try request(adding: ["Origin: https://app.example.com.evil.example"]), list))
        #expect(!allowed(try request(adding: ["Origin: http://app.example.com"]), list))
    }

    // MARK: Bytes of a refusal

    @Test func everyRefusalIsAShortCompleteResponse() {
        let table: [(HTTPRefusal, String, String, String)] = [
            (.badRequest(.keyInvalid), "400 Bad Request", "bad_request", "key_invalid"),
            (.unauthorized(reason: "token_expired"), "401 Unauthorized", "unauthorized", "token_expired"),
            (.forbiddenOrigin, "403 Forbidden", "forbidden", "origin_not_allowed"),
            (.notFound, "404 Not Found", "not_found", "no_such_path"),
            (.methodNotAllowed(.get), "405 Method Not Allowed", "method_not_allowed", "only_get"),
            (.methodNotAllowed(.getAndHead), "405 Method Not Allowed", "method_not_allowed", "only_get_and_head"),
            (.upgradeRequired, "426 Upgrade Required", "upgrade_required", "websocket_expected"),
            (.webSocketVersion, "426 Upgrade Required", "upgrade_required", "websocket_version_13_expected"),
            (.headTooLarge(.tooManyHeaders), "431 Request Header Fields Too Large", "request_header_fields_too_large", "too_many_headers"),
            (.unavailable(reason: "overloaded", retryAfterSeconds: 3), "503 Service Unavailable", "service_unavailable", "overloaded"),
        ]
        for (refusal, status, error, reason) in table {
            let response = text(refusal.responseBytes())
            let body = "{\"error\":\"\(error)\",\"reason\":\"\(reason)\"}\n"
            #expect(response.hasPrefix("HTTP/1.1 \(status)\r\n"))
            #expect(response.hasSuffix("\r\n\r\n" + body))
            #expect(response.contains("\r\nConnection: close"))
            #expect(response.contains("\r\nContent-Length: \(body.utf8.count)\r\n"))
            #expect(status.hasPrefix(String(refusal.status)))
        }
    }

    @Test func refusalsTellTheClientWhatToDo() {
        #expect(text(HTTPRefusal.webSocketVersion.responseBytes()).contains("\r\nSec-WebSocket-Version: 13\r\n"))
        #expect(text(HTTPRefusal.upgradeRequired.responseBytes()).contains("\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"))
        #expect(text(HTTPRefusal.methodNotAllowed(.getAndPost).responseBytes()).contains("\r\nAllow: GET, POST\r\n"))
        #expect(text(HTTPRefusal.unauthorized(reason: "x").responseBytes()).contains("\r\nWWW-Authenticate: Bearer\r\n"))
        #expect(text(HTTPRefusal.unavailable(reason: "x", retryAfterSeconds: 7).responseBytes()).contains("\r\nRetry-After: 7\r\n"))
    }

    @Test func aReasonCannotBreakOutOfTheBody() {
        let response = text(HTTPRefusal.unauthorized(reason: "a\"}\r\nX: é").responseBytes())
        #expect(response.hasSuffix("\"reason\":\"a____X____\"}\n"))
    }

    @Test func anAnswerIsWholeAndTheConnectionCloses() {
        let response = text(HTTPResponse.answer(json: "{}\n"))
        #expect(response.hasPrefix("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 3\r\n"))
        #expect(response.hasSuffix("\r\n\r\n{}\n"))
    }
}
