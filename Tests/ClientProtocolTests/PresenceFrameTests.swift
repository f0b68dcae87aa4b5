// What is refused of the frames of presence and settings, and how cheap that is.

import ClientProtocol
import Primitives
import Privacy
import Testing

struct PresenceFrameTests {
    static let json: [RefusalTests.Case] = [
        (#"{"type":"active"}"#, .missingField, nil, "`on`"),
        (#"{"type":"active","on":1}"#, .badField, nil, "true or false"),
        (#"{"type":"presence","ref":"r"}"#, .missingField, "r", "`users`"),
        (#"{"type":"presence","ref":"r","users":[]}"#, .badField, "r", "at least one person"),
        (#"{"type":"presence","ref":"r","users":"bob"}"#, .badField, "r", "`users`"),
        (#"{"type":"presence","ref":"r","users":["bob",1]}"#, .badField, "r", "`users`"),
        (#"{"type":"presence","ref":"r","users":["g:team"]}"#, .badField, "r", "none beginning with g:"),
        (#"{"type":"presence.watch","ref":"r"}"#, .missingField, "r", "`users`"),
        (#"{"type":"presence.watch","ref":"r","users":[""]}"#, .badField, "r", "`users`"),
        (#"{"type":"settings","ref":"r","last_seen":"friends"}"#, .badField, "r", "one of everyone nobody"),
        (#"{"type":"settings","ref":"r","last_seen":true}"#, .badField, "r", "`last_seen`"),
        (#"{"type":"settings","ref":"r","last_seen":"nobody","last_seen":"nobody"}"#, .malformed, "r", "`last_seen` stands twice"),
        (#"{"type":"settings","ref":"r","except":{}}"#, .badField, "r", "`except`"),
        (#"{"type":"settings","ref":"r","read_receipts":"no"}"#, .badField, "r", "`read_receipts`"),
        (#"{"type":"block","ref":"r","on":true}"#, .missingField, "r", "`user`"),
        (#"{"type":"block","ref":"r","user":"g:team","on":true}"#, .badField, "r", "`user`"),
        (#"{"type":"block","ref":"r","user":"eve"}"#, .missingField, "r", "`on`"),
        (#"{"type":"send","id":"m","to":"bob","body":"","auto":1}"#, .badField, "m", "`auto`"),
    ]

    @Test(arguments: json)
    func jsonFrameIsRefused(_ row: RefusalTests.Case) {
        let error = refusal { try ClientFrame.decode(text(row.json), as: .json) }
        #expect(error?.code == row.code)
        #expect(error?.ref?.text == row.ref)
        #expect(error?.text.contains(row.says) == true, "\(error?.text ?? "accepted")")
    }

    static let binary: [(hex: String, code: ErrorCode, ref: String?, says: String)] = [
        ("0d", .malformed, nil, "`on`"),
        ("0d 02", .badField, nil, "`on`"),
        ("0d 01 00", .malformed, nil, "behind"),
        ("0e 01 0172 00", .badField, "r", "at least one person"),
        ("0e 01 0172 01 06673a7465616d", .badField, "r", "none beginning with g:"),
        // A count beyond the bound is enough: no name is looked at.
        ("0e 01 0172 8102", .tooManyUsers, "r", "more than 256"),
        ("30 01 0172 41", .tooManyUsers, "r", "more than 64"),
        ("31 01 0172 01 03 00 00", .badField, "r", "`last_seen`"),
        ("31 01 0172 00 01 8102", .tooManyUsers, "r", "more than 256"),
        ("32 01 0172 06673a7465616d 01", .badField, "r", "`user`"),
        ("32 01 0172 03657665 02", .badField, "r", "`on`"),
        // `auto` is a flag, and nothing stands behind it.
        ("04 03616e61 01 02", .badField, nil, "`auto`"),
        ("04 03616e61 01 01 01", .malformed, nil, "behind"),
    ]

    @Test(arguments: binary)
    func binaryFrameIsRefused(_ row: (hex: String, code: ErrorCode, ref: String?, says: String)) {
        let error = refusal { try ClientFrame.decode(fromHex(row.hex), as: .binary) }
        #expect(error?.code == row.code)
        #expect(error?.ref?.text == row.ref)
        #expect(error?.text.contains(row.says) == true, "\(error?.text ?? "accepted")")
    }

    @Test func aListHasItsBoundInBothEncodings() throws {
        let bounds: [(limit: Int, frame: ([UserID]) -> ClientFrame)] = [
            (ClientLimits.presenceUserCountMax, { .presence(ref: id("r"), users: $0) }),
            (ClientLimits.watchUserCountMax, { .presenceWatch(ref: id("r"), users: $0) }),
            (PrivacyLimits.exceptionCountMax, { .settings(ref: id("r"), lastSeen: nil, exceptions: $0, readReceipts: nil) }),
        ]
        for bound in bounds {
            func frame(_ count: Int) -> ClientFrame { bound.frame((0..<count).map { UserID("user-\($0)")! }) }
            for encoding in ClientEncoding.allCases {
                let most = frame(bound.limit)
                #expect(try ClientFrame.decode(most.encoded(as: encoding), as: encoding) == most)
                for count in [bound.limit + 1, 10_000] {
                    let error = refusal { try ClientFrame.decode(frame(count).encoded(as: encoding), as: encoding) }
                    #expect(error?.code == .tooManyUsers)
                    #expect(error?.ref == id("r"))
                    #expect(error?.text.contains("more than \(bound.limit) users") == true)
                }
            }
        }
    }

    @Test func aFlagThatIsFalseCountsAsAbsent() throws {
        let said = #"{"type":"read","with":"ana","at":1,"auto":false}"#
        let frame = ClientFrame.read(with: ana, at: Stamp(microseconds: 1))
        #expect(try ClientFrame.decode(text(said), as: .json) == frame)
        #expect(try ClientFrame.decode(fromHex("04 03616e61 01 00"), as: .binary) == frame)
    }

    @Test func theLargestAnswersFitInAFrame() throws {
        func names(_ count: Int) -> [UserID] {
            (0..<count).map { UserID(String(repeating: "u", count: UserID.bytesMax - 6) + String(100_000 + $0))! }
        }
        let ref = id(String(repeating: "r", count: 64))
        let frames: [ServerFrame] = [
            .presence(
                ref: ref,
                users: names(ClientLimits.presenceUserCountMax).map { PresenceLine(user: $0, isOnline: false, lastSeen: .max) }),
            .settings(
                ref: ref,
                UserSettings(
                    lastSeen: .everyone, exceptions: names(PrivacyLimits.exceptionCountMax),
                    blocked: names(PrivacyLimits.blockCountMax), revision: ClientLimits.numberMax)),
        ]
        for frame in frames {
            for encoding in ClientEncoding.allCases {
                let bytes = frame.encoded(as: encoding)
                #expect(bytes.count <= ClientLimits.serverFrameBytesMax)
                #expect(try ServerFrame.decode(bytes, as: encoding) == frame)
            }
        }
    }
}
