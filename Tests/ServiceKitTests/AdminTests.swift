// The admin door: what it understands, and what its pages say.

import CoreKit
import Primitives
import ServiceKit
import Testing

private func parse(_ text: String) throws(AdminRequest.Refusal) -> AdminRequest? {
    try AdminRequest.parse(Array(text.utf8))?.request
}

@Suite struct AdminRequestTests {
    @Test(arguments: [
        ("/", AdminRequest.home), ("/metrics", .metrics), ("/healthz", .health), ("/readyz?verbose", .readiness),
        ("/status", .file("status.html")), ("/status.js", .file("status.js")), ("/status.json?x", .status), ("/look", .look),
        ("/peers", .peers), ("/trace?x=1&key=00fF", .trace(TraceKey(rawValue: 255))),
        ("/trace?key=ffffffffffffffff", .trace(TraceKey(rawValue: .max))), ("/load", .load),
    ])
    func everyPageHasAPath(target: String, page: AdminRequest) throws {
        #expect(try parse("GET \(target) HTTP/1.1\r\nHost: x\r\n\r\n") == page)
    }

    @Test func theHeadMayArriveByteByByte() throws {
        let bytes = Array("GET /peers HTTP/1.1\r\nHost: a\r\nUser-Agent: b\r\n\r\n".utf8)
        for count in 0..<bytes.count { #expect(try AdminRequest.parse(Array(bytes.prefix(count))) == nil) }
        #expect(try AdminRequest.parse(bytes)?.request == .peers)
    }

    @Test func headAsksForNoBody() throws {
        #expect(try AdminRequest.parse(Array("HEAD /healthz HTTP/1.0\n\n".utf8))?.wantsBody == false)
        #expect(try AdminRequest.parse(Array("GET /healthz HTTP/1.0\n\n".utf8))?.wantsBody == true)
    }

    @Test(arguments: [
        ("POST /metrics", AdminRequest.Refusal.methodNotAllowed), ("GET /nothing", .unknownPath), ("GET /status.jso", .unknownPath), ("POST /status.json", .methodNotAllowed),
        ("GET metrics", .malformed), ("GET", .malformed), ("GET  /", .malformed), ("/ GET", .malformed),
        ("GET /trace", .badTraceKey), ("GET /trace?key=", .badTraceKey), ("GET /trace?key=12g", .badTraceKey),
        ("GET /trace?key=+1", .badTraceKey), ("GET /trace?key=00112233445566778", .badTraceKey),
    ])
    func whatIsNotUnderstoodHasItsOwnRefusal(words: String, refusal: AdminRequest.Refusal) {
        #expect(throws: refusal) { try parse("\(words) HTTP/1.1\r\n\r\n") }
    }

    @Test func aLevelIsHeldByAPostWithOurHeader() throws {
        func post(_ target: String, _ header: String = "x-fantail-admin: me") throws(AdminRequest.Refusal) -> AdminRequest? {
            try parse("POST \(target) HTTP/1.1\r\nHost: x\r\n\(header)\r\n\r\n")
        }
        #expect(try post("/load?pin=3") == .pin(.behind))
        #expect(try post("/load?pin=0", "X-Fantail-Admin:") == .pin(.calm))
        #expect(try post("/load?x=1&pin=auto") == .pin(nil))
        for target in ["/load", "/load?pin=", "/load?pin=5", "/load?pin=-1", "/load?pin=04", "/load?pin=on"] {
            #expect(throws: AdminRequest.Refusal.badLevel) { try post(target) }
        }
        // What a web page can make a browser send.
        #expect(throws: AdminRequest.Refusal.notByHand) { try post("/load?pin=4", "Content-Type: text/plain") }
        #expect(try post("/backup") == .startBackup)
        #expect(throws: AdminRequest.Refusal.notByHand) { try post("/backup", "Content-Type: text/plain") }
        #expect(throws: AdminRequest.Refusal.notByHand) { try post("/load?pin=4&x-fantail-admin:=1", "Origin: x-fantail-admin") }
        #expect(throws: AdminRequest.Refusal.methodNotAllowed) { try post("/metrics?pin=4") }
        #expect(throws: AdminRequest.Refusal.methodNotAllowed) { try parse("PUT /load?pin=4 HTTP/1.1\r\nx-fantail-admin: 1\r\n\r\n") }
    }

    @Test func anotherProtocolIsMalformed() {
        #expect(throws: AdminRequest.Refusal.malformed) { try parse("GET / HTTP/2\r\n\r\n") }
        #expect(throws: AdminRequest.Refusal.malformed) { try parse("\r\n\r\n") }
    }

    @Test func fourKibibytesAreTheLimitWholeOrNot() throws {
        let fitting = "GET / HTTP/1.1\r\nX: " + String(repeating: "a", count: 4096 - 23) + "\r\n\r\n"
        #expect(fitting.utf8.count == 4096)
        #expect(try parse(fitting) == .home)
        #expect(throws: AdminRequest.Refusal.tooLarge) { try parse(fitting.replacing("X: ", with: "X: a")) }
        #expect(throws: AdminRequest.Refusal.tooLarge) { try parse(String(repeating: "a", count: 4097)) }
    }
}

@Suite struct AdminAnswerTests {
    @Test func anAnswerIsWholeAndSaysThatItIsTheLast() {
        #expect(
            String(decoding: AdminAnswer(200, .text, "hé\n").encoded(), as: UTF8.self)
                == "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 4\r\nConnection: close\r\n"
                + "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\nhé\n")
    }

    @Test func withoutBodyTheLengthIsStillTold() {
        let text = String(decoding: AdminAnswer(200, .text, "ok\n").encoded(wantsBody: false), as: UTF8.self)
        #expect(text.contains("Content-Length: 3\r\n"))
        #expect(text.hasSuffix("\r\n\r\n"))
    }

    @Test(arguments: [
        (AdminRequest.Refusal.malformed, 400), (.badTraceKey, 400), (.unknownPath, 404), (.methodNotAllowed, 405),
        (.tooLarge, 431), (.badLevel, 400), (.notByHand, 403),
    ])
    func refusalsHaveTheirStatus(refusal: AdminRequest.Refusal, status: Int) {
        #expect(AdminAnswer(refusal).status == status)
    }

    @Test func aForbiddenMethodLearnsWhichAreAllowed() {
        let text = String(decoding: AdminAnswer(.methodNotAllowed).encoded(), as: UTF8.self)
        #expect(text.hasPrefix("HTTP/1.1 405 Method Not Allowed\r\n"))
        #expect(text.contains("\r\nAllow: GET, HEAD\r\n"))
    }
}

@Suite struct NodeStatusTests {
    func status(unreadiness: String?) -> NodeStatus {
        NodeStatus(
            cluster: "local", epoch: 3, service: "parser", node: "parser-1", startedAt: Stamp(microseconds: 0),
            unreadiness: unreadiness,
            peers: [
                .init(name: "gateway-1", service: "gateway", isUp: true),
                .init(name: "session-1", service: "session", isUp: false),
            ])
    }

    @Test func readinessIsAStatusAndASentence() {
        #expect(status(unreadiness: nil).readinessAnswer == AdminAnswer(200, .json, "{\"ready\":true}\n"))
        #expect(
            status(unreadiness: "no \"session\" is up").readinessAnswer
                == AdminAnswer(503, .json, "{\"ready\":false,\"reason\":\"no \\\"session\\\" is up\"}\n"))
    }

    @Test func everyPeerIsListedUpOrDown() {
        #expect(
            status(unreadiness: nil).peersAnswer.body
                == "{\"node\":\"parser-1\",\"service\":\"parser\",\"epoch\":3,\"peers\":["
                + "{\"name\":\"gateway-1\",\"service\":\"gateway\",\"up\":true},"
                + "{\"name\":\"session-1\",\"service\":\"session\",\"up\":false}]}\n")
    }

}
