// What a browser gets of the gateway beside its WebSocket: the page's files, and tokens where the cluster file allows it.

import CoreKit
import GatewayCore
import Messages
import Primitives
import RPC
import Testing
import Tokens
import WebSocket

@Suite struct PageTests {
    private func request(_ line: String, _ headers: String...) -> [UInt8] {
        Array(([line, "Host: localhost:8080"] + headers).joined(separator: "\r\n").utf8) + Array("\r\n\r\n".utf8)
    }

    @Test func filesAreServedUnderTheirNames() {
        var s = Scene()
        #expect(s.comes(1, request("GET / HTTP/1.1")) == [.http(1, 200), .end(1)])
        #expect(s.comes(2, request("GET /app.js?v=1 HTTP/1.1")) == [.http(2, 200), .end(2)])
        #expect(s.comes(3, request("HEAD /app.js HTTP/1.1")) == [.http(3, 200), .end(3)])
        #expect(s.comes(4, request("GET /app.js HTTP/1.1", "If-None-Match: *")) == [.http(4, 304), .end(4)])
        #expect(s.comes(5, request("GET /index.html HTTP/1.1")) == [.http(5, 404, "no_such_path"), .end(5)])
        #expect(s.comes(6, request("POST /app.js HTTP/1.1")) == [.http(6, 405, "only_get_and_head"), .end(6)])
        #expect(s.comes(7, request("POST /nothing HTTP/1.1")) == [.http(7, 404, "no_such_path"), .end(7)])
    }

    @Test func thePolicyNamesMediaWhereItMustAndNobodyElse() {
        var s = Scene()
        let answer = s.text(1, request("GET / HTTP/1.1"))
        #expect(answer.contains("connect-src 'self' http://10.0.0.7:8082;"))
        #expect(answer.contains("media-src blob: http://10.0.0.7:8082;"))
        #expect(answer.contains("img-src 'self' blob:;"))
        #expect(answer.contains("default-src 'none'; script-src 'self'; style-src 'self';"))
    }

    @Test func aPageIsServedWhileNothingStandsBehindTheGateway() {
        var s = Scene(allUp: false)
        #expect(s.comes(1, request("GET / HTTP/1.1")) == [.http(1, 200), .end(1)])
    }

    @Test func theSameArrayGoesToEveryReader() {
        var core = Scene().core
        var addresses: Set<Int> = []
        // All are held at once, as the loop holds them while somebody reads slowly.
        var held: [[UInt8]] = []
        for socket in 1...3 as ClosedRange<UInt64> {
            var effects: [Effect] = []
            core.on(.clientAccepted(SocketID(rawValue: socket)), now: Scene().now, effects: &effects)
            core.on(.clientReceived(SocketID(rawValue: socket), request("GET / HTTP/1.1")[...]), now: Scene().now, effects: &effects)
            if case .writeClient(_, let bytes)? = effects.first { held.append(bytes) }
        }
        for bytes in held { bytes.withUnsafeBytes { _ = addresses.insert(Int(bitPattern: $0.baseAddress)) } }
        #expect(held.count == 3)
        #expect(addresses.count == 1)
    }

    @Test func nobodyMintsTokensByDefault() {
        var s = Scene()
        #expect(s.text(1, request("GET /v1/login HTTP/1.1")).hasSuffix("{\"development\":false}\n"))
        #expect(s.comes(2, request("POST /v1/login?user=ana HTTP/1.1")) == [.http(2, 405, "only_get"), .end(2)])
    }

    @Test func aMintedTokenOpensAWebSocket() throws {
        var s = Scene(hasLogin: true)
        #expect(s.text(1, request("GET /v1/login HTTP/1.1")).hasSuffix("{\"development\":true}\n"))
        let answer = s.text(2, request("POST /v1/login?user=ana&device=web-1 HTTP/1.1", "Origin: http://localhost:8080"))
        let token = try #require(answer.split(separator: "\"token\":\"").last?.split(separator: "\"").first)
        #expect(s.comes(3, s.request(String(token))) == [.http(3, 101)])
        for case .send(_, .clientInput(let input)) in s.sends(3, "{}") {
            #expect(input.origin.user == ana)
            #expect(input.origin.device.text == "web-1")
        }
        // It ends by itself.
        _ = s.wait(12 * 3_600_000)
        #expect(s.comes(4, s.request(String(token))) == [.http(4, 401, "token_expired"), .end(4)])
    }

    @Test func strangersGetNoToken() {
        var s = Scene(hasLogin: true)
        #expect(
            s.comes(1, request("POST /v1/login?user=ana HTTP/1.1", "Origin: https://evil.example"))
                == [.http(1, 403, "origin_not_allowed"), .end(1)])
        let rebound = Array("POST /v1/login?user=ana HTTP/1.1\r\nHost: evil.example:8080\r\nOrigin: http://evil.example:8080\r\n\r\n".utf8)
        #expect(s.comes(2, rebound) == [.http(2, 403, "origin_not_allowed"), .end(2)])
        #expect(s.comes(3, request("POST /v1/login?user=g:team HTTP/1.1")) == [.http(3, 400, "user_invalid"), .end(3)])
        #expect(s.comes(4, request("POST /v1/login HTTP/1.1")) == [.http(4, 400, "user_invalid"), .end(4)])
        #expect(s.comes(5, request("POST /v1/login?user=ana&device= HTTP/1.1")) == [.http(5, 400, "device_invalid"), .end(5)])
        #expect(s.comes(6, request("PUT /v1/login?user=ana HTTP/1.1")) == [.http(6, 405, "only_get_and_post"), .end(6)])
    }

    @Test func aTokenIsJudgedForWhoeverShowsIt() {
        var s = Scene()
        func verdict(_ socket: UInt64, _ token: String) -> String {
            s.text(socket, request("GET /v1/login HTTP/1.1", "Authorization: Bearer \(token)"))
        }
        #expect(verdict(1, s.token()).hasSuffix("{\"development\":false,\"token\":\"ok\"}\n"))
        #expect(verdict(2, s.token(key: strangeKey)).hasSuffix("\"token\":\"token_bad_signature\"}\n"))
        #expect(verdict(3, "x").hasSuffix("\"token\":\"token_malformed\"}\n"))
    }
}
