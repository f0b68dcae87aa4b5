// Every no has its code, names its field, and carries the id that the client can match it by.

import ClientProtocol
import Primitives
import Testing

struct RefusalTests {
    /// Frame, code, the id or ref that comes back, and a word that the text must have.
    typealias Case = (json: String, code: ErrorCode, ref: String?, says: String)

    static let long = String(repeating: "x", count: 65)
    static let deep = String(repeating: "[", count: 8) + String(repeating: "]", count: 8)
    static let json: [Case] = [
        // No JSON.
        ("", .malformed, nil, "object"),
        (" ", .malformed, nil, "object"),
        ("[]", .malformed, nil, "object"),
        ("null", .malformed, nil, "object"),
        (#""ack""#, .malformed, nil, "object"),
        ("{", .malformed, nil, "string"),
        (#"{"type"}"#, .malformed, nil, "colon"),
        (#"{"type":}"#, .malformed, nil, "value"),
        (#"{"type":"ack","n":1"#, .malformed, nil, "comma"),
        (#"{"type":"ack","n":1,}"#, .malformed, nil, "string"),
        (#"{"type":"ack" "n":1}"#, .malformed, nil, "comma"),
        (#"{"type":"ack","n":1} x"#, .malformed, nil, "behind"),
        (#"{"type":"ack","n":1}{}"#, .malformed, nil, "behind"),
        ("{'type':'ack'}", .malformed, nil, "string"),
        ("{type:1}", .malformed, nil, "string"),
        (#"{"type":"ack","n":01}"#, .malformed, nil, "comma"),
        (#"{"type":"ack","n":+1}"#, .malformed, nil, "value"),
        (#"{"type":"ack","n":-}"#, .malformed, nil, "digit"),
        (#"{"type":"ack","n":1.}"#, .malformed, nil, "digit"),
        (#"{"type":"ack","n":.5}"#, .malformed, nil, "value"),
        (#"{"type":"ack","n":1e}"#, .malformed, nil, "digit"),
        (#"{"type":"ack","n":0x10}"#, .malformed, nil, "comma"),
        (#"{"type":"ack","n":NaN}"#, .malformed, nil, "value"),
        (#"{"type":"ack","n":1,"x":tru}"#, .malformed, nil, "value"),
        (#"{"type":"ack","n":1,"x":nulll}"#, .malformed, nil, "comma"),
        (#"{"type":"ack","n":1,"x":[1,]}"#, .malformed, nil, "value"),
        (#"{"type":"ack","n":1,"x":[1}"#, .malformed, nil, "comma"),
        (#"{"type":"ack","n":1,"x":{"a":1,}}"#, .malformed, nil, "string"),
        (#"{"type":"ack","n":1,"x":{"a" 1}}"#, .malformed, nil, "colon"),
        (#"{"type":"ack","n":1,"x":\#(deep)}"#, .malformed, nil, "deep"),
        ("\u{FEFF}{}", .malformed, nil, "object"),
        // Twice.
        (#"{"type":"ack","n":1,"n":1}"#, .malformed, nil, "`n` stands twice"),
        (#"{"type":"ack","n":null,"n":1}"#, .malformed, nil, "`n` stands twice"),
        (#"{"type":"ack","type":"ack","n":1}"#, .malformed, nil, "`type` stands twice"),
        (#"{"type":"ack","n":1,"x":1,"x":2}"#, .malformed, nil, "twice"),
        (#"{"type":"ack","n":1,"xy":1,"\u0078y":2}"#, .malformed, nil, "twice"),
        (#"{"type":"ping","ref":"r","re\u0066":"s"}"#, .malformed, "r", "`ref` stands twice"),
        // Type.
        ("{}", .unknownType, nil, "missing"),
        (#"{"n":1}"#, .unknownType, nil, "missing"),
        (#"{"type":null}"#, .unknownType, nil, "missing"),
        (#"{"type":1}"#, .badField, nil, "`type`"),
        (#"{"type":"nope","id":"m"}"#, .unknownType, "m", "not known"),
        (#"{"type":"Ack","n":1}"#, .unknownType, nil, "not known"),
        (#"{"type":"","ref":"r"}"#, .unknownType, "r", "not known"),
        (#"{"type":"welcome"}"#, .unknownType, nil, "not known"),
        (#"{"type":"typing.x"}"#, .unknownType, nil, "not known"),
        (#"{"type":"groups"}"#, .unknownType, nil, "not known"),
        (#"{"type":"group.Create"}"#, .unknownType, nil, "not known"),
        (#"{"type":"group.create1"}"#, .unknownType, nil, "not known"),
        (#"{"type":"group.abcdefghijklmnopqrstuvwxyz_"}"#, .unknownType, nil, "not known"),
        // Missing.
        (#"{"type":"send"}"#, .missingField, nil, "`id`"),
        (#"{"type":"send","id":"m"}"#, .missingField, "m", "`to`"),
        (#"{"type":"send","id":"m","to":"bob"}"#, .missingField, "m", "`body`"),
        (#"{"type":"send","id":"m","to":null,"body":""}"#, .missingField, "m", "`to`"),
        (#"{"type":"ack"}"#, .missingField, nil, "`n`"),
        (#"{"type":"read","at":1}"#, .missingField, nil, "`with`"),
        (#"{"type":"read","with":"bob"}"#, .missingField, nil, "`at`"),
        // Wrong.
        (#"{"type":"send","id":1,"to":"bob","body":""}"#, .badField, nil, "`id`"),
        (#"{"type":"send","id":"","to":"bob","body":""}"#, .badField, nil, "`id`"),
        (#"{"type":"send","id":"a b","to":"bob","body":""}"#, .badField, nil, "`id`"),
        (#"{"type":"send","id":"\#(long)","to":"bob","body":""}"#, .badField, nil, "`id`"),
        (#"{"type":"send","id":"m","to":"","body":""}"#, .badField, "m", "`to`"),
        (#"{"type":"send","id":"m","to":"bób","body":""}"#, .badField, "m", "`to`"),
        (#"{"type":"send","id":"m","to":"b\u0000","body":""}"#, .badField, "m", "`to`"),
        (#"{"type":"send","id":"m","to":["bob"],"body":""}"#, .badField, "m", "`to`"),
        (#"{"type":"send","id":"m","to":"\#(long)","body":""}"#, .badField, "m", "`to`"),
        (#"{"type":"send","id":"m","to":"bob","body":1}"#, .badField, "m", "`body`"),
        (#"{"type":"send","id":"m","to":"bob","body":{}}"#, .badField, "m", "`body`"),
        (#"{"type":"send","id":"m","to":"bob","body":"","after":""}"#, .badField, "m", "`after`"),
        (#"{"type":"ack","n":"1"}"#, .badField, nil, "`n`"),
        (#"{"type":"ack","n":1.0}"#, .badField, nil, "`n`"),
        (#"{"type":"ack","n":1e3}"#, .badField, nil, "`n`"),
        (#"{"type":"ack","n":-1}"#, .badField, nil, "`n`"),
        (#"{"type":"ack","n":-0}"#, .badField, nil, "`n`"),
        (#"{"type":"ack","n":true}"#, .badField, nil, "`n`"),
        (#"{"type":"ack","n":9007199254740992}"#, .badField, nil, "`n`"),
        (#"{"type":"ack","n":18446744073709551617}"#, .badField, nil, "`n`"),
        (#"{"type":"hello","cursor":"x"}"#, .badField, nil, "`cursor`"),
        (#"{"type":"hello","ticks":1.5}"#, .badField, nil, "`ticks`"),
        (#"{"type":"read","with":"a/b","at":1}"#, .badField, nil, "`with`"),
        (#"{"type":"history","ref":"r","limit":0}"#, .badField, "r", "`limit`"),
        (#"{"type":"history","ref":"r","limit":101}"#, .badField, "r", "`limit`"),
        (#"{"type":"history","ref":"r","before":-3}"#, .badField, "r", "`before`"),
        (#"{"type":"ping","ref":5}"#, .badField, nil, "`ref`"),
        (#"{"type":"media.beam","ref":"a b"}"#, .badField, nil, "`ref`"),
        (#"{"type":"typing","on":true}"#, .missingField, nil, "`to`"),
        (#"{"type":"typing","to":"bob"}"#, .missingField, nil, "`on`"),
        (#"{"type":"typing","to":"b b","on":true}"#, .badField, nil, "`to`"),
        (#"{"type":"typing","to":"bob","on":1}"#, .badField, nil, "`on`"),
        // The id comes back even when the rest is no JSON.
        (#"{"type":"send","id":"m","to":"bob","body":"x"#, .malformed, "m", "string"),
    ]

    @Test(arguments: json)
    func jsonFrameIsRefused(_ row: Case) {
        let error = refusal { try ClientFrame.decode(text(row.json), as: .json) }
        #expect(error?.code == row.code)
        #expect(error?.ref?.text == row.ref)
        #expect(error?.text.contains(row.says) == true, "\(error?.text ?? "accepted")")
    }

    static let binary: [(hex: String, code: ErrorCode, ref: String?, says: String)] = [
        ("", .malformed, nil, "empty"),
        ("00", .unknownType, nil, "type"),
        ("3f", .unknownType, nil, "type"),
        ("0c 03626f62", .malformed, nil, "`on`"),
        ("0c 03626f62 02", .badField, nil, "`on`"),
        ("0c 03626f62 01 00", .malformed, nil, "behind the last field"),
        ("10", .unknownType, nil, "type"),
        ("ff", .unknownType, nil, "type"),
        // hello: a flag that is neither 0 nor 1; a number over 2^53-1; a varint with a spare zero byte; one that never ends.
        ("01 02 00", .badField, nil, "`cursor`"),
        ("01 01 80808080808080 10 00", .badField, nil, "`cursor`"),
        ("01 01 8000 00", .badField, nil, "`cursor`"),
        ("01 01 ffffffffffffffffffff 00", .badField, nil, "`cursor`"),
        ("01 00 01 80808080808080 10", .badField, nil, "`ticks`"),
        // send: bad names, a flag, a body beyond its bound (a length alone is enough), a body that is not UTF-8.
        ("02 00", .badField, nil, "`id`"),
        ("02 0161 0120 00 00", .badField, "a", "`to`"),
        ("02 0161 41", .badField, "a", "`to`"),
        ("02 0161 01ff 00 00", .badField, "a", "`to`"),
        ("02 0161 0162 02", .badField, "a", "`after`"),
        ("02 0161 0162 01 00", .badField, "a", "`after`"),
        ("02 0161 0162 00 818004", .bodyTooLong, "a", "65536"),
        ("02 0161 0162 00 01ff", .malformed, "a", "UTF-8"),
        ("02 0161 0162 00 0568", .malformed, "a", "`body`"),
        ("02 0161 0162 00 0168 00 00", .malformed, "a", "behind"),
        ("03", .malformed, nil, "`n`"),
        ("03 01 01", .malformed, nil, "behind"),
        ("04 00 01", .badField, nil, "`with`"),
        ("05 01 0172 00 00 00", .badField, "r", "`limit`"),
        ("05 01 0172 00 00 8104", .badField, "r", "`limit`"),
        ("06 01 0120", .badField, nil, "`ref`"),
        ("0f 04 6e6f7065 00", .unknownType, nil, "`name`"),
        ("0f 04 6e6f7065 01 0172", .unknownType, "r", "`name`"),
        ("0f 21", .badField, nil, "`name`"),
        // A type that has its own number has no second way in.
        ("0f 0a67726f75702e696e666f 00", .unknownType, nil, "`name`"),
    ]

    @Test(arguments: binary)
    func binaryFrameIsRefused(_ row: (hex: String, code: ErrorCode, ref: String?, says: String)) {
        let error = refusal { try ClientFrame.decode(fromHex(row.hex), as: .binary) }
        #expect(error?.code == row.code)
        #expect(error?.ref?.text == row.ref)
        #expect(error?.text.contains(row.says) == true, "\(error?.text ?? "accepted")")
    }

    @Test(arguments: ClientEncoding.allCases)
    func aBodyOneByteTooLongIsRefusedByItsOwnCode(encoding: ClientEncoding) {
        for byte in [0x61, 0x0A] as [UInt8] {
            let body = [UInt8](repeating: byte, count: ClientLimits.bodyBytesMax + 1)
            let bytes = ClientFrame.send(id: id("m"), to: bob, body: body, after: nil).encoded(as: encoding)
            let error = refusal { try ClientFrame.decode(bytes, as: encoding) }
            #expect(error?.code == .bodyTooLong)
            #expect(error?.ref == id("m"))
        }
    }

    @Test(arguments: ClientEncoding.allCases)
    func aFrameOverItsBoundIsRefused(encoding: ClientEncoding) {
        let bytes = [UInt8](repeating: 0x20, count: ClientLimits.clientFrameBytesMax + 1)
        #expect(refusal { try ClientFrame.decode(bytes, as: encoding) }?.code == .malformed)
    }

    @Test func fieldsAreBoundedInNumber() {
        func frame(extra count: Int) -> [UInt8] {
            text(#"{"type":"ack","n":1"# + (0..<count).map { ",\"x\($0)\":0" }.joined() + "}")
        }
        let room = ClientLimits.jsonMemberCountMax - 2
        #expect(refusal { try ClientFrame.decode(frame(extra: room), as: .json) } == nil)
        #expect(refusal { try ClientFrame.decode(frame(extra: room + 1), as: .json) }?.code == .malformed)
    }
}

struct ToleranceTests {
    static let accepted: [(json: String, frame: ClientFrame)] = [
        (#"{"n":5,"type":"ack"}"#, .ack(upTo: 5)),
        (" \t\r\n{ \"type\" : \"ack\" ,\n\"n\" : 5 } \n", .ack(upTo: 5)),
        (#"{"type":"ack","n":9007199254740991}"#, .ack(upTo: 9_007_199_254_740_991)),
        (#"{"type":"ack","n":0}"#, .ack(upTo: 0)),
        // Null is absent.
        (#"{"type":"hello","cursor":null,"ticks":null}"#, .hello(cursor: nil, ticks: nil, attempt: nil)),
        (#"{"type":"ping","ref":null}"#, .ping(ref: nil)),
        // Unknown fields of any kind, and fields of other frames with any value.
        (#"{"type":"ack","n":5,"x":[1,-2.5e+3,"\n",{"x":{},"x":[]},true,false,null,0.1E-2],"":0}"#, .ack(upTo: 5)),
        (#"{"type":"ack","n":5,"to":7,"body":{"at":[]},"limit":-1,"id":"a b"}"#, .ack(upTo: 5)),
        (#"{"type":"ack","n":5,"x":[[[[[[[]]]]]]]}"#, .ack(upTo: 5)),
        (#"{"type":"history"}"#, .history(ref: nil, with: nil, before: nil, limit: 50)),
        (#"{"type":"history","limit":100}"#, .history(ref: nil, with: nil, before: nil, limit: 100)),
        (#"{"type":"presence.beam","ref":"r"}"#, .feature(name: "presence.beam", ref: id("r"))),
        (#"{"type":"group.abcdefghijklmnopqrstuvwxyz"}"#, .feature(name: "group.abcdefghijklmnopqrstuvwxyz", ref: nil)),
        (#"{"type":"send","id":"\u006d","to":"b\u006fb","body":""}"#, .send(id: id("m"), to: bob, body: [], after: nil)),
    ]

    @Test(arguments: accepted)
    func jsonFrameIsAccepted(_ row: (json: String, frame: ClientFrame)) throws {
        #expect(try ClientFrame.decode(text(row.json), as: .json) == row.frame)
    }

    @Test func aClientIgnoresTypesItDoesNotKnow() throws {
        #expect(try ServerFrame.decode(text(#"{"type":"sparkle","n":{}}"#), as: .json) == nil)
        #expect(try ServerFrame.decode([47, 1, 2, 3], as: .binary) == nil)
        #expect(try ServerFrame.decode([2, 1, 2, 3], as: .binary) == nil)
    }

    @Test(arguments: Goldens.server)
    func aClientIgnoresFieldsOfANewerRelease(_ golden: Golden<ServerFrame>) throws {
        let json = golden.json.dropLast() + #","sparkle":[{"deep":true}]}"#
        #expect(try ServerFrame.decode(text(String(json)), as: .json) == golden.frame)
        #expect(try ServerFrame.decode(golden.bytes + [1, 2, 3], as: .binary) == golden.frame)
    }

    @Test func anErrorOfANewerReleaseIsStillANo() throws {
        let once = #"{"type":"error","code":"moon_phase","text":"wait","retry_ms":100}"#
        let never = #"{"type":"error","code":"moon_phase","text":"no"}"#
        #expect(try ServerFrame.decode(text(once), as: .json) == .error(ErrorFrame(.unavailable, "wait", retryMs: 100)))
        #expect(try ServerFrame.decode(text(never), as: .json) == .error(ErrorFrame(.unsupported, "no")))
        #expect(try ServerFrame.decode(fromHex("1b 7f 026e6f 00 00"), as: .binary) == .error(ErrorFrame(.unsupported, "no")))
        #expect(
            try ServerFrame.decode(fromHex("1b 7f 026e6f 00 01 64"), as: .binary)
                == .error(ErrorFrame(.unavailable, "no", retryMs: 100)))
    }

    @Test func entriesOfUnknownTypesAreLeftOutOfAPage() throws {
        let gap = #"{"type":"gap","from":1,"to":2}"#
        let nested = #"{"type":"history","entries":[],"more":false}"#
        let entry = #"{"type":"expired","n":8,"to":"bob","id":"m-1","at":3}"#
        let json = #"{"type":"history","entries":[\#(gap), \#(entry),\#(nested),{"type":"new"}],"more":false}"#
        let page = ServerFrame.history(
            ref: nil, entries: [.expired(number: 8, to: bob, id: id("m-1"), at: Stamp(microseconds: 3))], more: false)
        #expect(try ServerFrame.decode(text(json), as: .json) == page)
        #expect(try ServerFrame.decode(fromHex("19 00 03 03 150102 0b 1408 03626f62 036d2d31 03 04 19000000 00"), as: .binary) == page)
    }

    @Test(arguments: [
        #"{"type":"history","more":false}"#, #"{"type":"history","entries":{},"more":false}"#,
        #"{"type":"history","entries":[1],"more":false}"#, #"{"type":"history","entries":[],"more":0}"#,
        #"{"type":"history","entries":[{"type":"message","n":1}],"more":false}"#, #"{"type":"sent","id":"m","to":"bob"}"#,
        #"{"type":"welcome","user":"bob"}"#, #"{"type":"error","text":"x"}"#,
    ])
    func aClientRefusesAFrameThatLacksItsFields(json: String) {
        let code = refusal { try ServerFrame.decode(text(json), as: .json) }?.code
        #expect(code == .missingField || code == .badField)
    }
}
