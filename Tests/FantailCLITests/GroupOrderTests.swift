// What is typed behind `fantail group`, and what is printed of groups.

import ClientProtocol
import FantailCLI
import Groups
import Primitives
import Testing

@Suite struct GroupOrderTests {
    static let orders: [(words: String, order: GroupOrder)] = [
        ("create bob zoe", .change(group: nil, [.create(title: "ana, bob and zoe", users: [bob, zoe])])),
        ("create", .change(group: nil, [.create(title: "ana", users: [])])),
        ("add g:team bob", .change(group: team, [.add([bob])])),
        ("remove g:team bob zoe", .change(group: team, [.remove([bob, zoe])])),
        ("leave g:team", .change(group: team, [.leave])),
        ("rename g:team The Crew", .change(group: team, [.rename("The Crew")])),
        ("describe g:team who we are", .change(group: team, [.describe("who we are")])),
        ("role g:team admin bob", .change(group: team, [.role(.admin, [bob])])),
        ("role g:team member bob zoe", .change(group: team, [.role(.member, [bob, zoe])])),
        ("owner g:team bob", .change(group: team, [.role(.owner, [bob])])),
        ("announce g:team on", .settings(team, announcement: true)),
        ("announce g:team off", .settings(team, announcement: false)),
        ("receipts-for g:team members", .settings(team, receipts: true)),
        ("receipts-for g:team author", .settings(team, receipts: false)),
        ("share-history g:team on", .settings(team, history: true)),
        ("share-history g:team off", .settings(team, history: false)),
        ("history g:team", .history(team, count: 50)),
        ("history g:team 10000", .history(team, count: 10_000)),
        ("delete g:team", .change(group: team, [.delete])),
        ("list", .list),
        ("info g:team", .info(team)),
        ("receipts g:team", .receipts(team, nil)),
        ("receipts g:team m1", .receipts(team, id("m1"))),
        ("receipts g:team ana/m1", .receipts(team, id("m1"))),
    ]

    func words(_ text: String) -> [String] { text.split(separator: " ").map(String.init) }

    @Test(arguments: orders)
    func aVerbIsAnOrder(row: (words: String, order: GroupOrder)) throws {
        #expect(try GroupOrder(words(row.words), title: nil, me: ana) == row.order)
    }

    @Test(arguments: [
        "", "dance g:team", "add", "add bob zoe", "add g:team", "add g:team b/b", "add g:team g:other", "leave", "leave g:team bob",
        "leave bob", "rename g:team", "describe g:team", "role g:team", "role g:team admin", "role g:team king bob",
        "role g:team owner bob", "owner g:team", "owner g:team bob zoe", "announce g:team", "announce g:team maybe",
        "receipts-for g:team everybody", "delete", "list g:team", "info", "info bob", "receipts", "receipts g:team a b c",
        "create g:team", "create b/b", "share-history g:team", "share-history g:team yes", "history", "history bob", "history g:team 0",
        "history g:team 10001", "history g:team all", "history g:team 5 5",
    ])
    func whatIsTypedWronglyIsRefused(text: String) {
        let refused = failure { () throws(CommandFailure) in _ = try GroupOrder(words(text), title: nil, me: ana) }
        #expect(refused?.exitCode == 64)
    }

    @Test func aTitleHasBoundsAndBelongsToANewGroup() throws {
        #expect(try GroupOrder(["create", "bob"], title: "T", me: ana) == .change(group: nil, [.create(title: "T", users: [bob])]))
        for title in ["", String(repeating: "x", count: 401)] {
            #expect(failure { () throws(CommandFailure) in _ = try GroupOrder(["create"], title: title, me: ana) }?.exitCode == 64)
        }
        #expect(failure { () throws(CommandFailure) in _ = try GroupOrder(["list"], title: "T", me: ana) }?.exitCode == 64)
        #expect(try GroupOrder(["describe", "g:team", ""], title: nil, me: ana) == .change(group: team, [.describe("")]))
    }

    @Test func manyNamesAreSeveralChanges() throws {
        let names = (0..<1_100).map { "user-\($0)" }
        guard case .change(nil, let changes) = try GroupOrder(["create"] + names, title: "T", me: ana) else {
            Issue.record("no change")
            return
        }
        #expect(changes.map(\.users.count) == [512, 512, 76])
        #expect(changes.flatMap(\.users).map(\.text) == names)
        #expect(changes.map(\.name) == ["create", "add", "add"])
    }

    @Test func theLongestNamesMakeATitleThatFits() throws {
        let names = (0..<40).map { String(repeating: "n", count: 62) + "\(10 + $0)" }
        guard case .change(nil, let changes) = try GroupOrder(["create"] + names, title: nil, me: ana), case .create(let title, _) = changes[0]
        else {
            Issue.record("no change")
            return
        }
        #expect(title.utf8.count <= GroupLimits.titleBytesMax)
    }
}

@Suite struct GroupSentenceTests {
    static let sentences: [(change: GroupChange, text: String)] = [
        (.create(title: "T\n\u{1B}", users: []), "ana made the group “T ⏎ \u{FFFD}”"),
        (.create(title: "T", users: [bob, zoe]), "ana made the group “T” with bob and zoe"),
        (.rename("T"), "ana named the group “T”"),
        (.describe("x"), "ana described the group: x"),
        (.describe(""), "ana took the description away"),
        (.add([bob]), "ana added bob"),
        (.remove([bob, zoe]), "ana removed bob and zoe"),
        (.leave, "ana left"),
        (.role(.owner, [bob]), "ana made bob the owner"),
        (.role(.admin, [bob]), "ana made bob an admin"),
        (.role(.admin, [bob, zoe]), "ana made bob and zoe admins"),
        (.role(.member, [bob]), "ana made bob a member again"),
        (.settings(GroupSettings(isAnnouncement: true, showsReceipts: true)), "ana changed the settings: only admins write, every member may ask who has read"),
        (.settings(GroupSettings()), "ana changed the settings: everybody writes, only authors may ask who has read"),
        (.delete, "ana deleted the group"),
    ]

    @Test(arguments: sentences)
    func whatHappenedIsASentence(row: (change: GroupChange, text: String)) {
        #expect(GroupSentence.text(row.change, by: ana) == row.text)
    }

    @Test func longListsAreCounted() {
        let users = (0..<512).map { UserID("u\($0)")! }
        #expect(GroupSentence.names(users) == "u0, u1, u2, u3, u4 and 507 others")
        #expect(GroupSentence.names(Array(users.prefix(6))) == "u0, u1, u2, u3, u4 and 1 other")
        #expect(GroupSentence.names(Array(users.prefix(5))) == "u0, u1, u2, u3 and u4")
        #expect(GroupSentence.names([]) == "nobody")
    }
}

@Suite struct GroupReportTests {
    @Test func aGroupIsATable() {
        let info = GroupInfo(
            group: team, title: "Team\u{1B}", description: "all\nof us", settings: GroupSettings(isAnnouncement: true),
            members: [.init(user: ana, role: .owner), .init(user: bob, role: .member)])
        #expect(
            GroupReports.rows(info).map(\.text) == [
                "Team\u{FFFD}  g:team", "all ⏎ of us", "2 members; only admins write, only authors may ask who has read", "USER  ROLE",
                "ana   owner", "bob   member",
            ])
    }

    @Test func groupsAndReceiptsAreTables() {
        #expect(GroupReports.rows([GroupTitle(group: team, title: "Team")]).map(\.text) == ["GROUP   TITLE", "g:team  Team"])
        let receipts = [ReceiptEntry(user: bob, delivered: at(0), read: nil), ReceiptEntry(user: zoe, delivered: nil, read: nil)]
        #expect(
            GroupReports.rows(receipts, clock: utc).map(\.text) == [
                "USER  DELIVERED        READ", "bob   20:31:00.000000  not yet", "zoe   not yet          not yet",
            ])
    }
}
