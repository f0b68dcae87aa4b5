// fantail settings and fantail presence: what is typed, and what is printed.

import ClientProtocol
import FantailCLI
import Primitives
import Privacy
import Testing

@Suite struct SettingsOrderTests {
    private func order(_ words: String..., except: String? = nil) throws(CommandFailure) -> SettingsOrder {
        try SettingsOrder(words, except: except, me: ana)
    }

    @Test func verbsAreOrders() throws {
        #expect(try order("show") == .change())
        #expect(try order("last-seen", "nobody") == .change(lastSeen: .nobody))
        #expect(try order("last-seen", "everyone", except: "bob,zoe") == .change(lastSeen: .everyone, exceptions: [bob, zoe]))
        #expect(try order("last-seen", "nobody", except: "") == .change(lastSeen: .nobody, exceptions: []))
        #expect(try order("read-receipts", "off") == .change(readReceipts: false))
        #expect(try order("block", "bob") == .block(bob, isOn: true))
        #expect(try order("unblock", "bob") == .block(bob, isOn: false))
    }

    @Test(arguments: [
        [], ["dance"], ["show", "all"], ["last-seen"], ["last-seen", "friends"], ["read-receipts", "maybe"], ["block"], ["block", "b b"],
        ["block", "g:team"], ["block", "ana"], ["block", "bob", "zoe"],
    ])
    func whatIsTypedWronglyIsToldSo(words: [String]) {
        #expect(throws: CommandFailure.self) { try SettingsOrder(words, except: nil, me: ana) }
    }

    @Test func exceptionsAreNamesAndNotTooMany() {
        #expect(throws: CommandFailure.self) { try order("block", "bob", except: "zoe") }
        #expect(throws: CommandFailure.self) { try order("last-seen", "nobody", except: "g:team") }
        #expect(throws: CommandFailure.self) { try order("last-seen", "nobody", except: (0...256).map { "u\($0)" }.joined(separator: ",")) }
    }

    @Test func settingsArePrintedALineEach() {
        #expect(
            SettingsOrder.rows(UserSettings()).map(\.text) == [
                "SETTING        VALUE", "last-seen      everyone", "read-receipts  on", "blocked        nobody",
            ])
        let settings = UserSettings(lastSeen: .nobody, exceptions: [bob], readReceipts: false, blocked: [bob, zoe])
        #expect(
            SettingsOrder.rows(settings).map(\.text) == [
                "SETTING        VALUE", "last-seen      nobody", "  except       bob", "read-receipts  off", "blocked        bob zoe",
            ])
    }
}

@Suite struct PresenceTextTests {
    @Test func presenceIsATable() {
        let lines = [
            PresenceLine(user: bob, isOnline: true, lastSeen: at(0)), PresenceLine(user: zoe, isOnline: false, lastSeen: nil),
            PresenceLine(user: ana, isOnline: false, lastSeen: at(0)),
        ]
        #expect(
            PresenceText.rows(lines, clock: utc, now: at(0)).map(\.text) == [
                "USER  PRESENCE", "bob   online", "zoe   not seen", "ana   last seen 20:31",
            ])
    }

    @Test func lastSeenInTheFutureIsToday() {
        let ahead = PresenceLine(user: bob, isOnline: false, lastSeen: at(0) + .seconds(86_400))
        #expect(PresenceText.text(ahead, clock: utc, now: at(0)) == "last seen 20:31")
    }

    @Test func threeInAGroupAreNamed() {
        #expect(PresenceText.typing([ana, bob, zoe], isGroup: true) == "ana, bob and zoe are typing…")
        #expect(PresenceText.typing([bob], isGroup: true) == "bob is typing…")
        #expect(PresenceText.typing([], isGroup: true) == nil)
    }

    @Test func linesTellEachChangeOnce() {
        var mode = LineMode(me: ana, peer: bob)
        func line(_ isOnline: Bool, _ at: Stamp?) -> [PresenceLine] { [PresenceLine(user: bob, isOnline: isOnline, lastSeen: at)] }
        #expect(mode.lines(for: line(true, at(0)), clock: utc, now: at(0)) == ["  bob is online"])
        #expect(mode.lines(for: line(true, at(1)), clock: utc, now: at(1)) == [])
        #expect(mode.lines(for: line(false, at(1)), clock: utc, now: at(2)) == ["  bob was last seen 20:31"])
        #expect(mode.lines(for: line(false, nil), clock: utc, now: at(3)) == [])
        #expect(mode.lines(for: [PresenceLine(user: zoe, isOnline: true, lastSeen: nil)], clock: utc, now: at(3)) == [])
        #expect(mode.lines(typing: bob, in: nil, isOn: true) == ["  bob is typing"])
        #expect(mode.lines(typing: bob, in: nil, isOn: false) == ["  bob is not typing any more"])
        #expect(mode.lines(typing: zoe, in: nil, isOn: true) == [])
        #expect(mode.lines(typing: bob, in: UserID("g:team")!, isOn: true) == [])
    }
}
