// The contract of engines, part 9: what goes when a user's data is erased, and what stays right all the same.

import Messages
import Primitives
import Privacy
import SQLiteStore
import Storage
import Testing

@Suite("Erasing a user's data")
struct StoreContractErasure {
    @Test("Texts go step by step, devices or not, and nothing is read any more", arguments: Setup.all)
    func texts(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.open(phone)
        try bench.appendMessages(1...7)
        try bench.acknowledge(2, on: phone)
        // In a temporary store the first two have gone already.
        let first: UInt64 = setup.isArchive ? 3 : 5
        #expect(try bench.erase(after: 0, limit: 3) == InboxErased(through: first, hasMore: true))
        #expect(try bench.read(after: first).entries.first?.number == first + 1)
        #expect(try bench.erase(after: first, limit: 3) == InboxErased(through: min(7, first + 3), hasMore: first + 3 < 7))
        #expect(try bench.erase(after: 0, limit: 100).hasMore == false)
        try bench.reopen()
        #expect(try bench.read().entries == [])
        #expect(try bench.erase(after: 0, limit: 1) == InboxErased(through: 7, hasMore: false))
        #expect(try bench.erase(after: 9, limit: 1) == InboxErased(through: 9, hasMore: false))
        #expect(try bench.history().entries == [])
    }

    @Test("Numbers go on, a late repeat is recognised, and in a day the ids are forgotten", arguments: Setup.all)
    func numbers(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.appendMessages(1...3)
        let last = try bench.append("m4")
        _ = try bench.erase(after: 0, limit: 100)
        try bench.reopen()
        #expect(try bench.append("m4") == Appended(outcome: .duplicate, number: 4, stamp: last.stamp))
        #expect(try bench.append("m1", body: [1]).outcome == .conflict)
        #expect(try bench.append("m5").number == 5)
        #expect(try bench.read().entries.map(\.number) == [5])
        bench.wait(day * 2)
        #expect(try bench.sweep().purgedCount == 4)
        #expect(try bench.append("m1").number == 6)
    }

    @Test("A text that a group's members share goes for the one only", arguments: Setup.all)
    func shared(setup: Setup) throws {
        let bench = try Bench(setup)
        _ = try bench.share([.made(1)], with: [ana, cleo], .joined(title: "Team"))
        _ = try bench.erase(after: 0, limit: 100)
        #expect(try bench.read().entries == [])
        #expect(try bench.read(of: cleo).entries.map(\.body) == [GroupEntry.made(1).body])
        _ = try bench.erase(after: 0, limit: 100, of: cleo)
        #expect(try bench.read(of: cleo).entries == [])
    }

    @Test("A list of groups goes, whatever the groups think", arguments: Setup.all)
    func memberships(setup: Setup) throws {
        let bench = try Bench(setup)
        _ = try bench.share([.made(1)], with: [ana], .joined(title: "Team"))
        try bench.change(.erase(before: .zero))
        #expect(try bench.memberships().items == [])
        // What it got of the group stays known, so nothing comes twice.
        #expect(try bench.share([.made(1)], with: [ana], .joined(title: "Team")).map(\.storedCount) == [0])
    }

    @Test("Settings, devices, receipts and last seen go at once; revocations stay", arguments: Setup.all)
    func profile(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.appendMessages(1...4)
        try bench.open(phone)
        try bench.open(laptop)
        try bench.acknowledge(3, on: phone)
        try bench.change(.block(cleo))
        try bench.change(.revokeTokens(before: Stamp(microseconds: 700)))
        let seen = SeenBatch(items: [.init(user: ana, at: bench.now)])
        let mark = StoreWatermark(owner: ana, peer: ben, kind: .delivered, upTo: Stamp(microseconds: 5))
        _ = try bench.ask([.storeLastSeen(seen), .storeWatermark(mark)])

        let plain = UserSettings(revokedBefore: Stamp(microseconds: 700), revision: 3)
        #expect(try bench.change(.erase(before: Stamp(microseconds: 600))) == SettingsStored(outcome: .changed, settings: plain))
        for _ in 0..<2 {
            #expect(try bench.ask([.readPresence(ReadPresence(users: [ana]))])
                == [.presencePage(PresencePage(items: [.init(lastSeen: nil, settings: plain)]))])
            #expect(try bench.ask([.readWatermarks(ReadWatermarks(owner: ana, after: .zero))])
                == [.watermarkPage(WatermarkPage(watermarks: [], hasMore: false))])
            #expect(try bench.head().revision == .zero)
            try bench.reopen()
        }
        // What was delivered stays delivered, and a new device begins behind it.
        let opened = try bench.open(tablet)
        #expect(opened.deviceCount == 1 && opened.delivered == 3 && opened.cursor == 3 && opened.head == 4)
        #expect(try bench.read(after: opened.cursor).entries.map(\.number) == [4])
        // It may be done again, and counts each time.
        #expect(try bench.change(.erase(before: Stamp(microseconds: 800))).settings.revision == 4)
        #expect(try bench.open(tablet).deviceCount == 1)
    }

    /// Else a phone that comes with its old token, and is sent away a moment later, would be a device again.
    @Test("A token that was revoked opens no device, and changes nothing", arguments: Setup.all)
    func revoked(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.appendMessages(1...2)
        try bench.open(phone)
        let moment = Stamp(microseconds: 700)
        try bench.change(.revokeTokens(before: moment))
        func open(_ device: DeviceID, _ issuedAt: Stamp?, cursor: UInt64? = 2) throws -> DeviceOpened {
            try bench.ask(.openDevice(OpenDevice(owner: ana, device: device, cursor: cursor, issuedAt: issuedAt))) {
                if case .deviceOpened(let opened) = $0 { opened } else { nil }
            }
        }
        for device in [phone, laptop] {
            let refused = try open(device, Stamp(microseconds: 699), cursor: 9)
            #expect(refused.outcome == .revoked && refused.cursor == 0 && refused.deviceCount == 1)
        }
        #expect(try open(laptop, .zero).outcome == .revoked)
        try bench.reopen()
        #expect(try open(laptop, .zero).outcome == .revoked)
        #expect(try open(phone, nil).deviceCount == 1)
        #expect(try bench.read().entries.map(\.number) == [1, 2])
        #expect(try open(laptop, moment).outcome == .opened)
    }

    @Test("Receipts begin anew behind an erasure", arguments: Setup.all)
    func receipts(setup: Setup) throws {
        let bench = try Bench(setup)
        func raise(_ upTo: Int64) throws -> WatermarkStored {
            try bench.ask(
                .storeWatermark(StoreWatermark(owner: ana, peer: ben, kind: .delivered, upTo: Stamp(microseconds: upTo)))
            ) { if case .watermarkStored(let stored) = $0 { stored } else { nil } }
        }
        let before = try raise(5).watermark.revision
        try bench.change(.erase(before: .zero))
        bench.wait(.seconds(1))
        let after = try raise(3)
        #expect(after.previous == .zero && after.watermark.upTo == Stamp(microseconds: 3) && after.watermark.revision > before)
    }

    @Test("Erasing somebody who is not there leaves somebody plain", arguments: Setup.all)
    func nobody(setup: Setup) throws {
        let bench = try Bench(setup)
        #expect(try bench.erase(after: 0, limit: 1) == InboxErased(through: 0, hasMore: false))
        #expect(try bench.change(.erase(before: .zero)).settings == UserSettings(revision: 1))
        #expect(try bench.append("m1").number == 1)
    }
}

extension Bench {
    func erase(after: UInt64, limit: Int, of owner: UserID = ana) throws -> InboxErased {
        try ask(.eraseInbox(EraseInbox(owner: owner, after: after, limit: limit))) { if case .inboxErased(let erased) = $0 { erased } else { nil } }
    }
}
