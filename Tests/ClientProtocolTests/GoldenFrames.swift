// One frame of each kind, as JSON and as bytes. docs/protocol.md shows the same lines; a test compares them.
//
// In the hexadecimal column a space stands between two fields: type, then the fields in their order. A text is its length and
// its UTF-8, a number is a varint, what may be absent begins with 00 or 01. 1767225600000000 is the first moment of 2026.

import ClientProtocol
import Primitives
import Testing

let ana = UserID("ana")!
let bob = UserID("bob")!
func id(_ text: String) -> MessageID { MessageID(text)! }
func text(_ body: String) -> [UInt8] { Array(body.utf8) }

/// A frame and what it must look like.
struct Golden<Frame: Sendable>: Sendable, CustomTestStringConvertible {
    let name: String
    let frame: Frame
    let json: String
    let hex: String

    init(_ name: String, _ frame: Frame, json: String, hex: String) {
        self.name = name
        self.frame = frame
        self.json = json
        self.hex = hex
    }

    var testDescription: String { name }
    var bytes: [UInt8] { fromHex(hex) }
}

func fromHex(_ hex: String) -> [UInt8] {
    let digits = hex.filter { $0 != " " }.map { UInt8($0.hexDigitValue!) }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

enum Goldens {
    static let client: [Golden<ClientFrame>] = [
        Golden(
            "hello", .hello(cursor: 41, ticks: .zero, attempt: 7),
            json: #"{"type":"hello","cursor":41,"ticks":0,"attempt":7}"#,
            hex: "01 0129 0100 0107"),
        Golden(
            "helloNew", .hello(cursor: nil, ticks: nil, attempt: nil),
            json: #"{"type":"hello"}"#,
            hex: "01 00 00 00"),
        Golden(
            "send", .send(id: id("m-1"), to: bob, body: text("hi"), after: nil),
            json: #"{"type":"send","id":"m-1","to":"bob","body":"hi"}"#,
            hex: "02 036d2d31 03626f62 00 026869"),
        Golden(
            "sendAfter", .send(id: id("m-2"), to: bob, body: text("\"ça\"\n"), after: id("m-1")),
            json: #"{"type":"send","id":"m-2","to":"bob","body":"\"ça\"\n","after":"m-1"}"#,
            hex: "02 036d2d32 03626f62 01036d2d31 0622c3a761220a"),
        Golden(
            "ack", .ack(upTo: 300),
            json: #"{"type":"ack","n":300}"#,
            hex: "03 ac02"),
        Golden(
            "sendAuto", .send(id: id("m-1"), to: bob, body: text("hi"), after: nil, isAuto: true),
            json: #"{"type":"send","id":"m-1","to":"bob","body":"hi","auto":true}"#,
            hex: "02 036d2d31 03626f62 00 026869 01"),
        Golden(
            "readAuto", .read(with: ana, at: Stamp(microseconds: 1_767_225_600_000_000), isAuto: true),
            json: #"{"type":"read","with":"ana","at":1767225600000000,"auto":true}"#,
            hex: "04 03616e61 808081b184e99103 01"),
        Golden(
            "read", .read(with: ana, at: Stamp(microseconds: 1_767_225_600_000_000)),
            json: #"{"type":"read","with":"ana","at":1767225600000000}"#,
            hex: "04 03616e61 808081b184e99103"),
        Golden(
            "history", .history(ref: id("h1"), with: ana, before: 40, limit: 50),
            json: #"{"type":"history","ref":"h1","with":"ana","before":40,"limit":50}"#,
            hex: "05 01026831 0103616e61 0128 32"),
        Golden(
            "ping", .ping(ref: id("p1")),
            json: #"{"type":"ping","ref":"p1"}"#,
            hex: "06 01027031"),
        Golden(
            "typing", .typing(to: bob, isOn: true),
            json: #"{"type":"typing","to":"bob","on":true}"#,
            hex: "0c 03626f62 01"),
        Golden(
            "feature", .feature(name: "media.beam", ref: nil),
            json: #"{"type":"media.beam"}"#,
            hex: "0f 0a6d656469612e6265616d 00"),
    ] + groupClient + presenceClient + mediaClient

    static let server: [Golden<ServerFrame>] = [
        Golden(
            "welcome", .welcome(
                user: bob, device: DeviceID("main")!, cursor: 41, head: 43, ticks: .zero, time: Stamp(microseconds: 1_767_225_600_000_000),
                archive: false),
            json: #"{"type":"welcome","user":"bob","device":"main","cursor":41,"head":43,"ticks":0,"time":1767225600000000,"archive":false}"#,
            hex: "10 03626f62 046d61696e 29 2b 00 808081b184e99103 00"),
        Golden(
            "sent", .sent(id: id("m-1"), to: bob, at: Stamp(microseconds: 1_767_225_600_000_000)),
            json: #"{"type":"sent","id":"m-1","to":"bob","at":1767225600000000}"#,
            hex: "11 036d2d31 03626f62 808081b184e99103"),
        Golden(
            "message", .message(number: 42, from: ana, id: id("m-1"), at: Stamp(microseconds: 1_767_225_600_000_000), body: text("hi")),
            json: #"{"type":"message","n":42,"from":"ana","id":"m-1","at":1767225600000000,"body":"hi"}"#,
            hex: "12 2a 03616e61 036d2d31 808081b184e99103 026869"),
        Golden(
            "copy", .copy(number: 7, to: bob, id: id("m-1"), at: Stamp(microseconds: 1_767_225_600_000_000), body: text("hi")),
            json: #"{"type":"copy","n":7,"to":"bob","id":"m-1","at":1767225600000000,"body":"hi"}"#,
            hex: "13 07 03626f62 036d2d31 808081b184e99103 026869"),
        Golden(
            "expired", .expired(number: 8, to: bob, id: id("m-1"), at: Stamp(microseconds: 1_767_225_600_000_000)),
            json: #"{"type":"expired","n":8,"to":"bob","id":"m-1","at":1767225600000000}"#,
            hex: "14 08 03626f62 036d2d31 808081b184e99103"),
        Golden(
            "gap", .gap(from: 1, to: 40),
            json: #"{"type":"gap","from":1,"to":40}"#,
            hex: "15 01 28"),
        Golden(
            "delivered", .delivered(with: bob, at: Stamp(microseconds: 1_767_225_600_000_000), rev: Stamp(microseconds: 1_767_225_600_000_005)),
            json: #"{"type":"delivered","with":"bob","at":1767225600000000,"rev":1767225600000005}"#,
            hex: "16 03626f62 808081b184e99103 858081b184e99103"),
        Golden(
            "readReceipt", .read(with: bob, at: Stamp(microseconds: 1_767_225_600_000_000), rev: Stamp(microseconds: 1_767_225_600_000_009)),
            json: #"{"type":"read","with":"bob","at":1767225600000000,"rev":1767225600000009}"#,
            hex: "17 03626f62 808081b184e99103 898081b184e99103"),
        Golden(
            "noted", .noted(with: ana, at: Stamp(microseconds: 1_767_225_600_000_000)),
            json: #"{"type":"noted","with":"ana","at":1767225600000000}"#,
            hex: "18 03616e61 808081b184e99103"),
        Golden(
            "page", .history(
                ref: id("h1"),
                entries: [.message(number: 42, from: ana, id: id("m-1"), at: Stamp(microseconds: 1_767_225_600_000_000), body: text("hi"))],
                more: true),
            json: #"{"type":"history","ref":"h1","entries":[{"type":"message","n":42,"from":"ana","id":"m-1","at":1767225600000000,"body":"hi"}],"more":true}"#,
            hex: "19 01026831 01 15 122a03616e61036d2d31808081b184e99103026869 01"),
        Golden(
            "pong", .pong(ref: id("p1"), time: Stamp(microseconds: 1_767_225_600_000_000)),
            json: #"{"type":"pong","ref":"p1","time":1767225600000000}"#,
            hex: "1a 01027031 808081b184e99103"),
        Golden(
            "typingShown", .typing(from: ana, group: nil, isOn: true),
            json: #"{"type":"typing","from":"ana","on":true}"#,
            hex: "24 03616e61 00 01"),
        Golden(
            "error", .error(ErrorFrame(.overloaded, "busy", ref: id("m-1"), retryMs: 250)),
            json: #"{"type":"error","code":"overloaded","text":"busy","ref":"m-1","retry_ms":250}"#,
            hex: "1b 0f 0462757379 01036d2d31 01fa01"),
        Golden(
            "error without ref", .error(ErrorFrame(.rateLimited, "slow down", retryMs: 1_000)),
            json: #"{"type":"error","code":"rate_limited","text":"slow down","retry_ms":1000}"#,
            hex: "1b 1a 09736c6f7720646f776e 00 01e807"),
    ] + groupServer + presenceServer + mediaServer
}
