// A file that is served as it is: to whom the whole of it goes, to whom its head, and who is told that nothing changed.

import Testing
import WebSocket

@Suite struct HTTPFileTests {
    private let file = HTTPFile(
        path: "/app.js", contentType: "text/javascript", headers: [("X-Rule", "strict")], body: Array("let a = 1\n".utf8),
        sha1: { bytes in [UInt8](repeating: UInt8(bytes.count), count: 20) })
    private let tag = "\"0a0a0a0a0a0a0a0a0a0a\""

    private func answer(_ line: String, _ headers: String...) throws -> String {
        let text = ([line, "Host: h"] + headers).joined(separator: "\r\n") + "\r\n\r\n"
        return String(decoding: try file.answer(to: try #require(try parse(text).get())), as: UTF8.self)
    }

    @Test func getBringsTheWhole() throws {
        let text = try answer("GET /app.js HTTP/1.1")
        #expect(
            text == "HTTP/1.1 200 OK\r\nConnection: close\r\nX-Rule: strict\r\nETag: \(tag)\r\nCache-Control: no-cache\r\n"
                + "X-Content-Type-Options: nosniff\r\nContent-Type: text/javascript\r\nContent-Length: 10\r\n\r\nlet a = 1\n")
    }

    @Test func headBringsTheSameWithoutTheBody() throws {
        let whole = try answer("GET /app.js HTTP/1.1")
        #expect(try answer("HEAD /app.js HTTP/1.1") + "let a = 1\n" == whole)
    }

    @Test func whoHasItIsToldSo() throws {
        for known in [tag, "W/\(tag)", "\"x\", \(tag)", "*"] {
            for method in ["GET", "HEAD"] {
                let text = try answer("\(method) /app.js HTTP/1.1", "If-None-Match: \(known)")
                #expect(text.hasPrefix("HTTP/1.1 304 Not Modified\r\nConnection: close\r\nX-Rule: strict\r\nETag: \(tag)\r\n"))
                #expect(text.hasSuffix("\r\n\r\n") && !text.contains("Content-Length"))
            }
        }
        for other in ["\"x\"", "0a0a0a0a0a0a0a0a0a0a", ""] {
            #expect(try answer("GET /app.js HTTP/1.1", "If-None-Match: \(other)").hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test func otherMethodsAreRefused() {
        for method in ["POST", "PUT", "DELETE", "get"] {
            #expect(throws: HTTPRefusal.methodNotAllowed(.getAndHead)) { try answer("\(method) /app.js HTTP/1.1") }
        }
    }
}

@Suite struct OfThisMachineTests {
    private func isOfThisMachine(_ host: String, origin: String? = nil) throws -> Bool {
        let origin = origin.map { "Origin: \($0)\r\n" } ?? ""
        return try #require(try parse("POST /v1/login HTTP/1.1\r\nHost: \(host)\r\n\(origin)\r\n").get()).isOfThisMachine
    }

    @Test func whoNamesThisMachineIsHere() throws {
        for host in ["127.0.0.1:8080", "localhost:8080", "LOCALHOST", "[::1]:8080", "127.0.0.1"] {
            #expect(try isOfThisMachine(host))
            for scheme in ["http", "https"] { #expect(try isOfThisMachine(host, origin: "\(scheme)://\(host)")) }
        }
    }

    @Test func aNameThatOnlyMeansThisMachineIsNot() throws {
        for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8080", "127.0.0.11", "127.0.0.2", "[::11]", "10.0.0.1"] {
            #expect(try !isOfThisMachine(host))
            #expect(try !isOfThisMachine(host, origin: "http://\(host)"))
        }
    }

    @Test func anotherPageIsNot() throws {
        for origin in ["null", "ftp://localhost:8080", "https://localhost:8081", "http://localhost", "http://localhost:8081", "http://localhost:8080.evil.example", "http://127.0.0.1:8080"] {
            #expect(try !isOfThisMachine("localhost:8080", origin: origin))
        }
    }
}
