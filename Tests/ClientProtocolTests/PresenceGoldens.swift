// The goldens of presence and settings; docs/protocol.md shows the same lines.

import ClientProtocol
import Primitives
import Privacy

let eve = UserID("eve")!

extension Goldens {
    static let presenceClient: [Golden<ClientFrame>] = [
        Golden("active", .active(on: true), json: #"{"type":"active","on":true}"#, hex: "0d 01"),
        Golden("inactive", .active(on: false), json: #"{"type":"active","on":false}"#, hex: "0d 00"),
        Golden(
            "presence", .presence(ref: id("p-1"), users: [bob, cem]),
            json: #"{"type":"presence","ref":"p-1","users":["bob","cem"]}"#,
            hex: "0e 0103702d31 0203626f620363656d"),
        Golden(
            "presenceWatch", .presenceWatch(ref: id("w-1"), users: [bob]),
            json: #"{"type":"presence.watch","ref":"w-1","users":["bob"]}"#,
            hex: "30 0103772d31 0103626f62"),
        Golden(
            "presenceWatchNobody", .presenceWatch(ref: nil, users: []),
            json: #"{"type":"presence.watch","users":[]}"#,
            hex: "30 00 00"),
        Golden(
            "settingsQuestion", .settings(ref: id("s-1"), lastSeen: nil, exceptions: nil, readReceipts: nil),
            json: #"{"type":"settings","ref":"s-1"}"#,
            hex: "31 0103732d31 00 00 00"),
        Golden(
            "settingsChange", .settings(ref: id("s-2"), lastSeen: .nobody, exceptions: [bob], readReceipts: false),
            json: #"{"type":"settings","ref":"s-2","last_seen":"nobody","except":["bob"],"read_receipts":false}"#,
            hex: "31 0103732d32 0102 010103626f62 0100"),
        Golden(
            "block", .block(ref: id("b-1"), user: eve, on: true),
            json: #"{"type":"block","ref":"b-1","user":"eve","on":true}"#,
            hex: "32 0103622d31 03657665 01"),
    ]

    static let presenceServer: [Golden<ServerFrame>] = [
        Golden(
            "presenceAnswer",
            .presence(
                ref: id("p-1"),
                users: [
                    PresenceLine(user: bob, isOnline: true, lastSeen: Stamp(microseconds: 1_767_225_600_000_000)),
                    PresenceLine(user: cem, isOnline: false, lastSeen: nil),
                ]),
            json: #"{"type":"presence","ref":"p-1","users":[{"user":"bob","online":true,"last":1767225600000000},{"user":"cem","online":false}]}"#,
            hex: "25 0103702d31 02 03626f6201 01808081b184e99103 0363656d00 00"),
        Golden(
            "presenceNews",
            .presence(
                ref: nil, users: [PresenceLine(user: bob, isOnline: false, lastSeen: Stamp(microseconds: 1_767_225_600_000_000))]),
            json: #"{"type":"presence","users":[{"user":"bob","online":false,"last":1767225600000000}]}"#,
            hex: "25 00 01 03626f6200 01808081b184e99103"),
        Golden(
            "settings",
            .settings(
                ref: id("s-2"),
                UserSettings(lastSeen: .nobody, exceptions: [bob], readReceipts: false, blocked: [eve], revision: 7)),
            json: #"{"type":"settings","ref":"s-2","last_seen":"nobody","except":["bob"],"read_receipts":false,"blocked":["eve"],"rev":7}"#,
            hex: "26 0103732d32 02 0103626f62 00 0103657665 07"),
    ]
}
