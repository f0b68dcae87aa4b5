// The goldens of groups; docs/protocol.md shows the same lines. A real group's id is longer than `g:team`.

import ClientProtocol
import Groups
import Primitives

let cem = UserID("cem")!
let team = UserID("g:team")!

extension Goldens {
    static let groupClient: [Golden<ClientFrame>] = [
        Golden(
            "groupCreate",
            .group(ref: id("r-1"), group: nil, change: .create(title: "Team", users: [bob])),
            json: #"{"type":"group","ref":"r-1","change":"create","title":"Team","users":["bob"]}"#,
            hex: "07 03722d31 00 01 045465616d 0103626f62"),
        Golden(
            "groupRename",
            .group(ref: id("r-1"), group: team, change: .rename("Crew")),
            json: #"{"type":"group","ref":"r-1","group":"g:team","change":"rename","title":"Crew"}"#,
            hex: "07 03722d31 0106673a7465616d 02 0443726577"),
        Golden(
            "groupDescribe",
            .group(ref: id("r-1"), group: team, change: .describe("\"us\"")),
            json: #"{"type":"group","ref":"r-1","group":"g:team","change":"describe","text":"\"us\""}"#,
            hex: "07 03722d31 0106673a7465616d 03 0422757322"),
        Golden(
            "groupAdd",
            .group(ref: id("r-1"), group: team, change: .add([bob, cem])),
            json: #"{"type":"group","ref":"r-1","group":"g:team","change":"add","users":["bob","cem"]}"#,
            hex: "07 03722d31 0106673a7465616d 04 0203626f620363656d"),
        Golden(
            "groupRemove",
            .group(ref: id("r-1"), group: team, change: .remove([bob])),
            json: #"{"type":"group","ref":"r-1","group":"g:team","change":"remove","users":["bob"]}"#,
            hex: "07 03722d31 0106673a7465616d 05 0103626f62"),
        Golden(
            "groupLeave",
            .group(ref: id("r-1"), group: team, change: .leave),
            json: #"{"type":"group","ref":"r-1","group":"g:team","change":"leave"}"#,
            hex: "07 03722d31 0106673a7465616d 06"),
        Golden(
            "groupRole",
            .group(ref: id("r-1"), group: team, change: .role(.admin, [bob])),
            json: #"{"type":"group","ref":"r-1","group":"g:team","change":"role","role":"admin","users":["bob"]}"#,
            hex: "07 03722d31 0106673a7465616d 07 02 0103626f62"),
        Golden(
            "groupSettings",
            .group(ref: id("r-1"), group: team, change: .settings(GroupSettings(isAnnouncement: true, showsReceipts: false))),
            json: #"{"type":"group","ref":"r-1","group":"g:team","change":"settings","announce":true,"receipts":false,"history":false}"#,
            hex: "07 03722d31 0106673a7465616d 08 01 00 00"),
        Golden(
            "groupDelete",
            .group(ref: id("r-1"), group: team, change: .delete),
            json: #"{"type":"group","ref":"r-1","group":"g:team","change":"delete"}"#,
            hex: "07 03722d31 0106673a7465616d 09"),
        Golden(
            "groupInfo",
            .groupInfo(ref: id("r-2"), group: team),
            json: #"{"type":"group.info","ref":"r-2","group":"g:team"}"#,
            hex: "08 0103722d32 06673a7465616d"),
        Golden(
            "groupList",
            .groupList(ref: nil, after: team),
            json: #"{"type":"group.list","after":"g:team"}"#,
            hex: "09 00 0106673a7465616d"),
        Golden(
            "receipts",
            .receipts(ref: id("r-3"), with: team, at: Stamp(microseconds: 1_767_225_600_000_000)),
            json: #"{"type":"receipts","ref":"r-3","with":"g:team","at":1767225600000000}"#,
            hex: "0a 0103722d33 06673a7465616d 808081b184e99103"),
        Golden(
            "groupHistory",
            .groupHistory(ref: id("r-4"), group: team, before: 40, limit: 50),
            json: #"{"type":"group.history","ref":"r-4","group":"g:team","before":40,"limit":50}"#,
            hex: "0b 0103722d34 06673a7465616d 0128 32"),
    ]

    static let groupServer: [Golden<ServerFrame>] = [
        Golden(
            "groupMessage",
            .groupMessage(number: 43, group: team, groupNumber: 5, from: ana, id: id("m-1"), at: Stamp(microseconds: 1_767_225_600_000_000), body: text("hi")),
            json: #"{"type":"group.message","n":43,"group":"g:team","seq":5,"from":"ana","id":"m-1","at":1767225600000000,"body":"hi"}"#,
            hex: "1c 2b 06673a7465616d 05 03616e61 036d2d31 808081b184e99103 026869"),
        Golden(
            "groupEvent",
            .groupEvent(number: 42, group: team, groupNumber: 4, from: ana, id: id("r-1"), at: Stamp(microseconds: 1_767_225_600_000_000), change: .add([bob, cem])),
            json: #"{"type":"group.event","n":42,"group":"g:team","seq":4,"from":"ana","id":"r-1","at":1767225600000000,"change":"add","users":["bob","cem"]}"#,
            hex: "1d 2a 06673a7465616d 04 03616e61 03722d31 808081b184e99103 04 0203626f620363656d"),
        Golden(
            "groupDone",
            .groupDone(ref: id("r-1"), group: team, groupNumber: 4, at: Stamp(microseconds: 1_767_225_600_000_000)),
            json: #"{"type":"group.done","ref":"r-1","group":"g:team","seq":4,"at":1767225600000000}"#,
            hex: "1e 03722d31 06673a7465616d 04 808081b184e99103"),
        Golden(
            "groupInfoAnswer",
            .groupInfo(ref: id("r-2"), GroupInfo(group: team, title: "Team", description: "", settings: GroupSettings(), members: [.init(user: ana, role: .owner), .init(user: bob, role: .member)])),
            json: #"{"type":"group.info","ref":"r-2","group":"g:team","title":"Team","text":"","announce":false,"receipts":false,"history":false,"members":[{"user":"ana","role":"owner"},{"user":"bob","role":"member"}]}"#,
            hex: "1f 0103722d32 06673a7465616d 045465616d 00 00 00 00 02 03616e6103 03626f6201"),
        Golden(
            "groupListAnswer",
            .groupList(ref: nil, groups: [GroupTitle(group: team, title: "Team")], more: false),
            json: #"{"type":"group.list","groups":[{"group":"g:team","title":"Team"}],"more":false}"#,
            hex: "20 00 01 06673a7465616d045465616d 00"),
        Golden(
            "groupCounts",
            .groupCounts(group: team, at: Stamp(microseconds: 1_767_225_600_000_000), delivered: 199, read: 12, of: 300),
            json: #"{"type":"group.counts","group":"g:team","at":1767225600000000,"got":199,"read":12,"of":300}"#,
            hex: "21 06673a7465616d 808081b184e99103 c701 0c ac02"),
        Golden(
            "groupLate",
            .groupLate(group: team, at: Stamp(microseconds: 1_767_225_600_000_000), count: 3),
            json: #"{"type":"group.late","group":"g:team","at":1767225600000000,"count":3}"#,
            hex: "22 06673a7465616d 808081b184e99103 03"),
        Golden(
            "receiptsAnswer",
            .receipts(ref: id("r-3"), with: team, at: Stamp(microseconds: 1_767_225_600_000_000), entries: [ReceiptEntry(user: bob, delivered: Stamp(microseconds: 1_767_225_600_000_000), read: nil)]),
            json: #"{"type":"receipts","ref":"r-3","with":"g:team","at":1767225600000000,"entries":[{"user":"bob","got":1767225600000000}]}"#,
            hex: "23 0103722d33 06673a7465616d 808081b184e99103 01 03626f6201808081b184e9910300"),
        Golden(
            "groupTyping", .typing(from: ana, group: team, isOn: false),
            json: #"{"type":"typing","from":"ana","group":"g:team","on":false}"#,
            hex: "24 03616e61 0106673a7465616d 00"),
    ]
}
