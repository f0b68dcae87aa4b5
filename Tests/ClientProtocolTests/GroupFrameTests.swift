// What is refused of the frames of groups, and how cheap that is.

import ClientProtocol
import Groups
import Primitives
import Testing

struct GroupFrameTests {
    static let head = #"{"type":"group","ref":"r","group":"g:team","change":"#
    static let long = String(repeating: "x", count: GroupLimits.titleBytesMax + 1)
    static let json: [RefusalTests.Case] = [
        (#"{"type":"group"}"#, .missingField, nil, "`ref`"),
        (#"{"type":"group","ref":"a b"}"#, .badField, nil, "`ref`"),
        (#"{"type":"group","ref":"r"}"#, .missingField, "r", "`change`"),
        (#"{"type":"group","ref":"r","change":"leave"}"#, .missingField, "r", "`group`"),
        (#"{"type":"group","ref":"r","change":"leave","group":"ana"}"#, .badField, "r", "begins with g:"),
        (#"{"type":"group","ref":"r","change":"create","title":"T","users":[],"group":"g:t"}"#, .badField, "r", "`group`"),
        (#"{"type":"group","ref":"r","change":"create","users":[]}"#, .missingField, "r", "`title`"),
        (#"{"type":"group","ref":"r","change":"create","title":"T"}"#, .missingField, "r", "`users`"),
        (head + "7}", .badField, "r", "one of create"),
        (head + #""Leave"}"#, .badField, "r", "one of create"),
        (head + #""rename"}"#, .missingField, "r", "`title`"),
        (head + #""rename","title":""}"#, .badField, "r", "1 to 400"),
        (head + #""rename","title":"\#(long)"}"#, .badField, "r", "1 to 400"),
        (head + #""rename","title":["T"]}"#, .badField, "r", "`title`"),
        (head + #""describe"}"#, .missingField, "r", "`text`"),
        (head + #""describe","text":1}"#, .badField, "r", "`text`"),
        (head + #""add"}"#, .missingField, "r", "`users`"),
        (head + #""add","users":null}"#, .missingField, "r", "`users`"),
        (head + #""add","users":"bob"}"#, .badField, "r", "a list of at most 512 user ids"),
        (head + #""add","users":{"bob":1}}"#, .badField, "r", "a list of at most 512 user ids"),
        (head + #""add","users":["bob",1]}"#, .badField, "r", "a list of at most 512 user ids"),
        (head + #""add","users":["bob",null]}"#, .badField, "r", "a list of at most 512 user ids"),
        (head + #""add","users":["bob","a/b"]}"#, .badField, "r", "a list of at most 512 user ids"),
        (head + #""add","users":["bob",]}"#, .malformed, "r", "value"),
        (head + #""remove","users":[["bob"]]}"#, .badField, "r", "`users`"),
        (head + #""role","users":["bob"]}"#, .missingField, "r", "`role`"),
        (head + #""role","role":"king","users":["bob"]}"#, .badField, "r", "one of member admin owner"),
        (head + #""settings","announce":true}"#, .missingField, "r", "`receipts`"),
        (head + #""settings","announce":1,"receipts":true}"#, .badField, "r", "`announce`"),
        (#"{"type":"group.info","ref":"r"}"#, .missingField, "r", "`group`"),
        (#"{"type":"group.info","ref":"r","group":"bob"}"#, .badField, "r", "`group`"),
        (#"{"type":"group.list","ref":"r","after":"bob"}"#, .badField, "r", "`after`"),
        (#"{"type":"receipts","ref":"r","at":1}"#, .missingField, "r", "`with`"),
        (#"{"type":"receipts","ref":"r","with":"bob","at":1}"#, .badField, "r", "`with`"),
        (#"{"type":"receipts","ref":"r","with":"g:team"}"#, .missingField, "r", "`at`"),
    ]

    @Test(arguments: json)
    func jsonFrameIsRefused(_ row: RefusalTests.Case) {
        let error = refusal { try ClientFrame.decode(text(row.json), as: .json) }
        #expect(error?.code == row.code)
        #expect(error?.ref?.text == row.ref)
        #expect(error?.text.contains(row.says) == true, "\(error?.text ?? "accepted")")
    }

    static let binary: [(hex: String, code: ErrorCode, ref: String?, says: String)] = [
        ("07", .malformed, nil, "`ref`"),
        ("07 00", .badField, nil, "`ref`"),
        ("07 0172 02", .badField, "r", "`group`"),
        ("07 0172 01 03616e61 06", .badField, "r", "begins with g:"),
        ("07 0172 00 06", .missingField, "r", "`group`"),
        ("07 0172 01 06673a7465616d 01 0154 00", .badField, "r", "`group`"),
        ("07 0172 00", .malformed, "r", "`change`"),
        ("07 0172 00 00", .badField, "r", "`change`"),
        ("07 0172 00 0a", .badField, "r", "`change`"),
        ("07 0172 00 01 00 00", .badField, "r", "`title`"),
        ("07 0172 00 01 9103", .badField, "r", "`title`"),
        ("07 0172 00 01 01ff 00", .badField, "r", "`title`"),
        // A count beyond the bound is enough: no name is looked at.
        ("07 0172 00 01 0154 8104", .badField, "r", "a list of at most 512 user ids"),
        ("07 0172 00 01 0154 02 0162", .malformed, "r", "`users`"),
        ("07 0172 00 01 0154 01 0120", .badField, "r", "`users`"),
        ("07 0172 01 06673a7465616d 07 00 00", .badField, "r", "`role`"),
        ("07 0172 01 06673a7465616d 07 04 00", .badField, "r", "`role`"),
        ("07 0172 01 06673a7465616d 08 02 00", .badField, "r", "`announce`"),
        ("07 0172 01 06673a7465616d 08 01 02", .badField, "r", "`receipts`"),
        ("07 0172 01 06673a7465616d 09 00", .malformed, "r", "behind"),
        ("08 01 0172 03626f62", .badField, "r", "`group`"),
        ("09 00 01 03626f62", .badField, nil, "`after`"),
        ("0a 01 0172 03626f62 01", .badField, "r", "`with`"),
    ]

    @Test(arguments: binary)
    func binaryFrameIsRefused(_ row: (hex: String, code: ErrorCode, ref: String?, says: String)) {
        let error = refusal { try ClientFrame.decode(fromHex(row.hex), as: .binary) }
        #expect(error?.code == row.code)
        #expect(error?.ref?.text == row.ref)
        #expect(error?.text.contains(row.says) == true, "\(error?.text ?? "accepted")")
    }

    @Test func aListHasItsBoundInBothEncodings() throws {
        func frame(_ count: Int) -> ClientFrame {
            .group(ref: id("r"), group: team, change: .add((0..<count).map { UserID("user-\($0)")! }))
        }
        for encoding in ClientEncoding.allCases {
            let most = frame(GroupLimits.changeUserCountMax)
            #expect(try ClientFrame.decode(most.encoded(as: encoding), as: encoding) == most)
            for count in [GroupLimits.changeUserCountMax + 1, 10_000] {
                let error = refusal { try ClientFrame.decode(frame(count).encoded(as: encoding), as: encoding) }
                #expect(error?.code == .badField)
                #expect(error?.ref == id("r"))
                #expect(error?.text.contains("a list of at most 512 user ids") == true)
            }
        }
    }

    @Test func spacesAndEscapesInAListAreJSON() throws {
        let json = #"{"type":"group","ref":"r","group":"g:team","change":"add","users": [ "b\u006fb" , "cem" ] }"#
        #expect(try ClientFrame.decode(text(json), as: .json) == .group(ref: id("r"), group: team, change: .add([bob, cem])))
        let none = #"{"type":"group","ref":"r","change":"create","group":null,"title":"T","users":[ ]}"#
        #expect(try ClientFrame.decode(text(none), as: .json) == .group(ref: id("r"), group: nil, change: .create(title: "T", users: [])))
    }

    @Test func theBytesOfAChangeAreThoseOfTheStore() {
        var dice = SeededGenerator(seed: 11)
        for _ in 0..<500 {
            let change = dice.change()
            let bytes = ClientFrame.group(ref: id("r"), group: team, change: change).encoded(as: .binary)
            #expect(Array(bytes.suffix(change.bytes.count)) == change.bytes)
        }
    }

    @Test func theLargestGroupFitsInAFrame() throws {
        let most = UserID(String(repeating: "u", count: UserID.bytesMax))!
        let ref = id(String(repeating: "r", count: 64))
        let title = String(repeating: "\u{1}", count: GroupLimits.titleBytesMax)
        let frames: [ServerFrame] = [
            .groupInfo(
                ref: ref,
                GroupInfo(
                    group: most, title: title, description: String(repeating: "\u{1}", count: GroupLimits.descriptionBytesMax),
                    settings: GroupSettings(),
                    members: [GroupInfo.Member](repeating: .init(user: most, role: .member), count: GroupLimits.memberCountMax))),
            .receipts(
                ref: ref, with: most, at: .max,
                entries: [ReceiptEntry](
                    repeating: ReceiptEntry(user: most, delivered: .max, read: .max), count: GroupLimits.memberCountMax)),
            .groupList(
                ref: ref,
                groups: [GroupTitle](repeating: GroupTitle(group: most, title: title), count: ClientLimits.groupTitleCountMax),
                more: true),
            .groupEvent(
                number: ClientLimits.numberMax, group: most, groupNumber: ClientLimits.numberMax, from: most, id: ref, at: .max,
                change: .create(title: title, users: [UserID](repeating: most, count: GroupLimits.changeUserCountMax))),
        ]
        for frame in frames {
            for encoding in ClientEncoding.allCases {
                let bytes = frame.encoded(as: encoding)
                #expect(bytes.count <= ClientLimits.serverFrameBytesMax)
                #expect(try ServerFrame.decode(bytes, as: encoding) == frame)
            }
        }
    }

    @Test func eventsAndMessagesStandInAPageOfHistory() throws {
        var dice = SeededGenerator(seed: 12)
        for _ in 0..<200 {
            let event = ServerFrame.groupEvent(
                number: 2, group: team, groupNumber: 1, from: ana, id: id("r"), at: .zero, change: dice.change())
            let message = ServerFrame.groupMessage(
                number: 3, group: team, groupNumber: 2, from: ana, id: id("m"), at: .zero, body: dice.body())
            let page = ServerFrame.history(ref: nil, entries: [message, event], more: false)
            #expect(message.isEntry && event.isEntry)
            for encoding in ClientEncoding.allCases {
                #expect(try ServerFrame.decode(page.encoded(as: encoding), as: encoding) == page)
            }
        }
    }
}
