// One request in, whole and byte by byte: understood, or refused with the rule that it broke.
import Testing
import WebSocket

/// What the parser says to a stream in pieces.
func parse(_ pieces: [ArraySlice<UInt8>]) -> Result<HTTPRequest?, HTTPRefusal> {
    var parser = HTTPRequestParser()
    for piece in pieces {
        do {
            if let (request, _) = try parser.receive(piece) { return .success(request) }
        } catch {
            return .failure(error)
        }
    }
    return .success(nil)
}

/// Whole and byte by byte; the two must agree.
func parse(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) -> Result<HTTPRequest?, HTTPRefusal> {
    let bytes = Array(text.utf8)
    let whole = parse([bytes[...]])
    #expect(whole == parse(singleBytes(bytes)), "whole and byte by byte", sourceLocation: sourceLocation)
    return whole
}

@Suite struct HTTPRequestTests {
    @Test func aRequestIsTakenApart() throws {
        let request = try #require(
            try parse("GET /chat?a=1&access_token=x%2Ey HTTP/1.1\r\nHost: h:80\r\nX-One:  two words \t\r\nx-one: b,, c\r\n\r\n").get())
        #expect(request.method == "GET")
        #expect(request.path == "/chat")
        #expect(request.query == "a=1&access_token=x%2Ey")
        #expect(request.queryValue("access_token") == "x.y")
        #expect(request.queryValue("a") == "1")
        #expect(request.queryValue("b") == nil)
        #expect(request.headers["x-one"] == "two words")
        #expect(request.headers.list("x-one") == ["two words", "b", "c"])
        #expect(request.headers["host"] == "h:80")
    }

    @Test func bytesBehindTheHeadAreGivenBack() throws {
        var parser = HTTPRequestParser()
        let head = Array("GET / HTTP/1.1\r\nHost: h\r\n\r\n".utf8)
        let result = try #require(try parser.receive((head + [0x81, 0x80, 0])[...]))
        #expect(Array(result.rest) == [0x81, 0x80, 0])
    }

    @Test func nothingIsSaidBeforeTheEmptyLine() {
        #expect(parse("GET / HTTP/1.1\r\nHost: h\r\n\r") == .success(nil))
        #expect(parse("") == .success(nil))
    }

    @Test func anAbsoluteTargetLosesItsAuthority() throws {
        for (target, path) in [
            ("http://h/chat?q", "/chat"), ("WSS://h:1/chat", "/chat"), ("https://h", "/"), ("ws://h?q", "/"), ("/a//b", "/a//b"),
        ] {
            #expect(try parse("GET \(target) HTTP/1.1\r\nHost: h\r\n\r\n").get()?.path == path)
        }
    }

    @Test func oneEmptyLineMayStandFirst() throws {
        #expect(try parse("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n").get()?.path == "/")
    }

    @Test func aBrokenPercentSignIsNoToken() throws {
        for query in ["access_token=%", "access_token=%4", "access_token=%zz"] {
            #expect(try parse("GET /?\(query) HTTP/1.1\r\nHost: h\r\n\r\n").get()?.queryValue("access_token") == nil)
        }
    }

    static let bad: [(String, HTTPRule)] = [
        ("GET / HTTP/1.1\nHost: h\r\n\r\n", .bareLineFeed),
        ("GET / HTTP/1.1\r\nHost: h\n\r\n", .bareLineFeed),
        ("GET / HTTP/1.1\r\nHost: h\r\n\n", .bareLineFeed),
        ("GET / HTTP/1.1\rHost: h\r\n\r\n", .bareCarriageReturn),
        ("GET / HTTP/1.1\r\r\nHost: h\r\n\r\n", .bareCarriageReturn),
        ("GET / HTTP/1.1\r\nHost: h\0\r\n\r\n", .controlByte),
        ("GET / HTTP/1.1\r\nHost: h\r\nX: \u{7F}\r\n\r\n", .controlByte),
        ("\u{16}\u{03}\u{01}", .controlByte),
        ("\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", .emptyStartLine),
        ("GET /\r\nHost: h\r\n\r\n", .requestLine),
        ("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", .requestLine),
        ("GET / HTTP/1.1 \r\nHost: h\r\n\r\n", .requestLine),
        ("G(T / HTTP/1.1\r\nHost: h\r\n\r\n", .method),
        (" / HTTP/1.1\r\nHost: h\r\n\r\n", .method),
        ("GET chat HTTP/1.1\r\nHost: h\r\n\r\n", .target),
        ("GET * HTTP/1.1\r\nHost: h\r\n\r\n", .target),
        ("GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", .target),
        ("GET /é HTTP/1.1\r\nHost: h\r\n\r\n", .target),
        ("GET http:// HTTP/1.1\r\nHost: h\r\n\r\n", .target),
        ("GET http:///chat HTTP/1.1\r\nHost: h\r\n\r\n", .target),
        ("GET  HTTP/1.1\r\nHost: h\r\n\r\n", .target),
        ("GET / HTTP/1.0\r\nHost: h\r\n\r\n", .version),
        ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", .version),
        ("GET / http/1.1\r\nHost: h\r\n\r\n", .version),
        ("GET / HTTP/1.1\r\nHost h\r\n\r\n", .headerName),
        ("GET / HTTP/1.1\r\nHost : h\r\n\r\n", .headerName),
        ("GET / HTTP/1.1\r\n: h\r\n\r\n", .headerName),
        ("GET / HTTP/1.1\r\nH\u{E9}: h\r\n\r\n", .headerName),
        ("GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", .obsoleteFolding),
        ("GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n\tb\r\n\r\n", .obsoleteFolding),
        ("GET / HTTP/1.1\r\n Host: h\r\n\r\n", .obsoleteFolding),
        ("GET / HTTP/1.1\r\nX: h\r\n\r\n", .hostMissing),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", .hostInvalid),
        ("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", .hostInvalid),
        ("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", .hostInvalid),
        ("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", .bodyNotAllowed),
        ("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: -0\r\n\r\n", .bodyNotAllowed),
        ("GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", .bodyNotAllowed),
        ("GET / HTTP/1.1\r\nHost: h\r\nHOST: h\r\n\r\n", .duplicateHeader),
    ]

    @Test func everyBrokenRuleHasItsName() {
        for (text, rule) in Self.bad {
            #expect(parse(text) == .failure(.badRequest(rule)), "\(text.debugDescription)")
        }
    }

    @Test(arguments: [
        "Host", "Content-Length", "Transfer-Encoding", "Origin", "Authorization", "Sec-WebSocket-Key", "Sec-WebSocket-Version",
        "Sec-WebSocket-Accept",
    ])
    func aHeaderThatDecidesStandsOnce(name: String) {
        let other = name == "Host" ? "" : "Host: h\r\n"
        #expect(
            parse("GET / HTTP/1.1\r\n\(other)\(name): 0\r\n\(name.lowercased()): 0\r\n\r\n") == .failure(.badRequest(.duplicateHeader)))
    }

    @Test func aContentLengthOfZeroIsNoBody() throws {
        #expect(try parse("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n").get() != nil)
    }

    @Test func theHeadMayHaveExactlyTheLimit() throws {
        let frame = "GET / HTTP/1.1\r\nHost: h\r\nX: \r\n\r\n"
        let room = HTTPLimits.headBytesMax - frame.utf8.count
        func request(_ count: Int) -> String {
            "GET / HTTP/1.1\r\nHost: h\r\nX: " + String(repeating: "a", count: count) + "\r\n\r\n"
        }
        #expect(try parse(request(room)).get() != nil)
        #expect(parse(request(room + 1)) == .failure(.headTooLarge(.headTooLarge)))
        #expect(parse(String(repeating: "a", count: HTTPLimits.headBytesMax + 1)) == .failure(.headTooLarge(.headTooLarge)))
    }

    @Test func sixtyFourHeadersPassAndSixtyFiveDoNot() throws {
        func request(_ count: Int) -> String {
            "GET / HTTP/1.1\r\nHost: h\r\n" + (1..<count).map { "X\($0): y\r\n" }.joined() + "\r\n"
        }
        #expect(try parse(request(64)).get()?.headers.fields.count == 64)
        #expect(parse(request(65)) == .failure(.headTooLarge(.tooManyHeaders)))
    }

    @Test func garbageIsRefusedOrWaitedForTheSameInEveryCut() {
        var dice = SeededDice(seed: 7)
        let parts = ["GET", " ", "/", "HTTP/1.1", "\r\n", "\n", "\r", "Host", ":", "h", "\t", "\0", ",", "é", "?", "=", "%", "Upgrade"]
        let start = "GET / HTTP/1.1\r\nHost: h\r\n"
        var understoodCount = 0
        for _ in 0..<5000 {
            let text = (dice.chance(50) ? start : "") + (0..<dice.below(12)).map { _ in parts[dice.below(parts.count)] }.joined() + "\r\n\r\n"
            if case .success(.some) = parse(text) { understoodCount += 1 }
        }
        #expect(understoodCount > 100)
    }
}
