// The contract of engines, part 4: what time does.

import Messages
import Primitives
import Storage
import Testing

@Suite("Housekeeping")
struct StoreContractSweep {
    @Test("Remains are purged once their ids are older than promised, the newest entry never", arguments: Setup.temporary)
    func purge(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.open(phone)
        try bench.appendMessages(1...3)
        try bench.acknowledge(3, on: phone)
        bench.wait(hour * 25)
        #expect(try bench.sweep().purgedCount == 0)
        bench.wait(.seconds(1))
        #expect(try bench.sweep().purgedCount == 2)
        #expect(try bench.sweep().purgedCount == 0)
        #expect(try bench.append("m3").outcome == .duplicate)
        #expect(try bench.append("m1").number == 4)
        try bench.reopen()
        #expect(try bench.append("m5").number == 5)
    }

    @Test("What waits is neither purged nor dropped before its expiry", arguments: Setup.temporary)
    func waiting(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.appendMessages(1...2)
        bench.wait(day * 29)
        #expect(try bench.sweep() == Swept(next: .start, expired: [], purgedCount: 0))
        #expect(try bench.read().entries.count == 2)
    }

    @Test("Expired messages are reported until their authors know, then dropped", arguments: Setup.temporary)
    func expiry(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.append("m1")
        try bench.append("m2", from: cleo)
        bench.wait(day * 20)
        try bench.append("m3")
        bench.wait(day * 11)
        let report = ExpiredReport(
            owner: ana,
            items: [
                ExpiredReport.Item(number: 1, author: ben, id: id("m1")),
                ExpiredReport.Item(number: 2, author: cleo, id: id("m2")),
            ])
        #expect(try bench.sweep().expired == [report])
        #expect(try bench.sweep().expired == [report])
        #expect(try bench.read().entries.count == 3)
        try bench.dropExpired([1, 2])
        #expect(try bench.read().entries.map(\.number) == [3])
        let swept = try bench.sweep()
        #expect(swept.expired.isEmpty)
        #expect(swept.purgedCount == 2)
    }

    @Test("What some device has expires without a report: its author has the tick", arguments: Setup.temporary)
    func expiryOfDelivered(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.appendMessages(1...3)
        try bench.open(phone)
        try bench.open(laptop)
        bench.wait(day * 20)
        try bench.acknowledge(2, on: phone)
        try bench.open(laptop)
        bench.wait(day * 11)
        let swept = try bench.sweep()
        #expect(swept.expired.map { $0.items.map(\.number) } == [[3]])
        #expect(try bench.read().entries.map(\.number) == [3])
        #expect(try bench.open(laptop).cursor == 0)
    }

    @Test("Copies and notices of expiry have no author to tell and just go", arguments: Setup.temporary)
    func expiryOfNotices(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.append("m1", from: ana, kind: .copy, chat: ben)
        try bench.append("m2", from: ana, kind: .expired, chat: ben, body: [])
        bench.wait(day * 31)
        #expect(try bench.sweep().expired.isEmpty)
        #expect(try bench.read().entries.isEmpty)
    }

    @Test("A device that was not used for the expiry time is forgotten, and holds nothing back", arguments: Setup.temporary)
    func forgottenDevice(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.open(phone)
        try bench.open(laptop)
        bench.wait(day * 25)
        try bench.appendMessages(1...2)
        try bench.acknowledge(1, on: phone)
        #expect(try bench.read().entries.count == 2)
        bench.wait(day * 6)
        try bench.sweep()
        #expect(try bench.read().entries.map(\.number) == [2])
        #expect(try bench.open(phone).deviceCount == 1)
    }

    @Test("A device in use is remembered", arguments: Setup.all)
    func usedDevice(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.append("m1")
        try bench.open(phone)
        try bench.open(laptop)
        for _ in 1...5 {
            bench.wait(day * 20)
            try bench.open(phone)
            try bench.sweep()
        }
        #expect(try bench.open(phone).deviceCount == 1)
        bench.wait(day * 20)
        try bench.append("m2")
        try bench.acknowledge(2, on: phone)
        bench.wait(day * 20)
        try bench.sweep()
        #expect(try bench.open(phone).cursor == 2)
    }

    @Test("What was delivered stays delivered when its device is forgotten", arguments: Setup.all)
    func deliveredIsRemembered(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.appendMessages(1...3)
        try bench.open(phone)
        try bench.acknowledge(2, on: phone)
        bench.wait(day * 31)
        let swept = try bench.sweep()
        #expect(swept.expired.flatMap { $0.items.map(\.number) } == (setup.isArchive ? [] : [3]))
        try bench.reopen()
        let opened = try bench.open(phone, cursor: 3)
        #expect(opened.deviceCount == 1)
        #expect(opened.delivered == 2)
        #expect(opened.cursor == 2)
        #expect(try bench.open(laptop).cursor == 2)
    }

    @Test("An archive reports, drops and purges nothing", arguments: Setup.archive)
    func archive(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.appendMessages(1...3)
        try bench.open(phone)
        try bench.acknowledge(2, on: phone)
        bench.wait(day * 400)
        #expect(try bench.sweep() == Swept(next: .start, expired: [], purgedCount: 0))
        #expect(try bench.history().entries.map(\.number) == [3, 2, 1])
        #expect(try bench.append("m1").outcome == .duplicate)
    }

    @Test("Steps of any size do the same as one round", arguments: Setup.temporary, [1, 2, 3, 7, 100])
    func steps(setup: Setup, limit: Int) throws {
        let bench = try Bench(setup)
        for owner in [ana, ben, cleo] { try bench.appendMessages(1...3, to: owner, from: UserID("dora")!) }
        try bench.open(phone)
        try bench.acknowledge(2, on: phone)
        bench.wait(day * 31)
        let swept = try bench.sweep(limit: limit)
        #expect(swept.purgedCount == 2)
        let items = swept.expired.flatMap { report in report.items.map { "\(report.owner) \($0.number)" } }
        #expect(items == ["ana 3", "ben 1", "ben 2", "ben 3", "cleo 1", "cleo 2", "cleo 3"])
    }

    @Test("A step looks at no more than its limit and says where it stopped", arguments: Setup.temporary)
    func oneStep(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.appendMessages(1...3)
        try bench.appendMessages(1...2, to: cleo)
        bench.wait(day * 31)
        let step = try bench.sweepStep(limit: 4)
        #expect(step.expired.map(\.owner) == [ana, cleo])
        #expect(step.expired.flatMap(\.items).count == 4)
        #expect(step.next != .start)
        #expect(step.next.number == 1)
        let next = try bench.sweepStep(from: step.next, limit: 4)
        #expect(next.expired.flatMap(\.items).map(\.number) == [2])
        #expect(next.next == .start)
    }

    @Test("A report has no more items than a message holds", arguments: Setup.temporary)
    func reportBound(setup: Setup) throws {
        let bench = try Bench(setup)
        let count = MessageLimits.expiredCountMax + 5
        let requests = (1...count).map {
            StoreRequest.append(
                Append(owner: ana, kind: .message, author: ben, chat: ben, id: id("m\($0)"), after: nil, body: [1]))
        }
        _ = try bench.ask(requests)
        bench.wait(day * 31)
        #expect(try bench.sweepStep(limit: 1000).expired.map(\.items.count) == [count - 5, 5])
    }

    @Test("Dropping what is not there is no error", arguments: Setup.all)
    func dropNothing(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.dropExpired([1], of: cleo)
        try bench.appendMessages(1...1)
        try bench.dropExpired([0, 2, .max])
        #expect(try bench.read().entries.count == 1)
        #expect(try bench.sweepStep(from: Sweep.Position(owner: .max, number: .max)).next == .start)
    }
}
