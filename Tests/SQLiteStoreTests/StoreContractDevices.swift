// The contract of engines, part 2: devices, cursors, and how text goes.

import Messages
import Primitives
import Storage
import Testing

@Suite("Devices and their cursors")
struct StoreContractDevices {
    @Test("The first device of an empty inbox starts at 0", arguments: Setup.all)
    func firstDevice(setup: Setup) throws {
        let bench = try Bench(setup)
        #expect(
            try bench.open(phone)
                == DeviceOpened(
                    outcome: .opened, cursor: 0, head: 0, headStamp: .zero, delivered: 0, revision: .zero, deviceCount: 1))
    }

    @Test("The first device gets all that waited", arguments: Setup.all)
    func waitingMessages(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.appendMessages(1...3)
        let watermark = try bench.raise(.read, of: ana, by: ben, to: 9)
        let opened = try bench.open(phone)
        #expect(opened.cursor == 0)
        #expect(opened.head == 3)
        #expect(opened.headStamp == bench.now + .microseconds(2))
        #expect(opened.delivered == 0)
        #expect(opened.revision == watermark.revision)
        #expect(try bench.read().entries.map(\.number) == [1, 2, 3])
    }

    @Test("A new device starts after what any other device has", arguments: Setup.all)
    func newDevice(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.appendMessages(1...9)
        try bench.open(phone)
        try bench.open(laptop)
        try bench.acknowledge(7, on: phone)
        try bench.acknowledge(2, on: laptop)
        let opened = try bench.open(tablet)
        #expect(opened.cursor == 7)
        #expect(opened.delivered == 7)
        #expect(opened.deviceCount == 3)
    }

    @Test("A new device starts just before the first text that is left", arguments: Setup.temporary)
    func newDeviceAfterExpiry(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.appendMessages(1...4)
        try bench.dropExpired([1, 2])
        #expect(try bench.open(phone).cursor == 2)
        try bench.dropExpired([3, 4])
        #expect(try bench.open(laptop).cursor == 4)
    }

    @Test("A claim above the head belongs to another history and changes nothing", arguments: Setup.all)
    func cursorAhead(setup: Setup) throws {
        let bench = try Bench(setup)
        #expect(try bench.open(phone, cursor: 1).outcome == .cursorAhead)
        try bench.appendMessages(1...2)
        let refused = try bench.open(phone, cursor: 3)
        #expect(refused.outcome == .cursorAhead)
        #expect(refused.cursor == 0)
        #expect(refused.head == 2)
        #expect(refused.deviceCount == 0)
        #expect(try bench.open(phone, cursor: 0).deviceCount == 1)
        try bench.acknowledge(1, on: phone)
        let again = try bench.open(phone, cursor: 3)
        #expect(again.outcome == .cursorAhead)
        #expect(again.cursor == 1)
        #expect(again.deviceCount == 1)
    }

    @Test("The claim of a known device does not move its cursor", arguments: Setup.all, [nil, 0, 2, 5] as [UInt64?])
    func claimOfKnownDevice(setup: Setup, claim: UInt64?) throws {
        let bench = try Bench(setup)
        try bench.appendMessages(1...5)
        try bench.open(phone)
        try bench.acknowledge(3, on: phone)
        let opened = try bench.open(phone, cursor: claim)
        #expect(opened.outcome == .opened)
        #expect(opened.cursor == 3)
        #expect(opened.delivered == 3)
        #expect(try bench.open(phone).cursor == 3)
    }

    @Test("The claim of a new device counts up to what was delivered, so that no receipt is skipped", arguments: Setup.all)
    func claimOfNewDevice(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.appendMessages(1...5)
        let first = try bench.open(phone, cursor: 4)
        #expect(first.outcome == .opened)
        #expect(first.cursor == 0)
        #expect(first.delivered == 0)
        #expect(try bench.open(phone).delivered == 0)
        try bench.acknowledge(3, on: phone)
        #expect(try bench.open(laptop, cursor: 2).cursor == 2)
        #expect(try bench.open(tablet, cursor: 5).cursor == 3)
        #expect(try bench.open(tablet).delivered == 3)
    }

    @Test("The ninth device is refused and changes nothing", arguments: Setup.all)
    func tooManyDevices(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.appendMessages(1...1)
        for number in 1...MessageLimits.deviceCountMax { try bench.open(device(number)) }
        let refused = try bench.open(device(9))
        #expect(refused.outcome == .tooManyDevices)
        #expect(refused.deviceCount == MessageLimits.deviceCountMax)
        #expect(refused.head == 1)
        #expect(try bench.open(device(8)).outcome == .opened)
        #expect(try bench.open(device(9)).outcome == .tooManyDevices)
    }

    @Test("A ninth device takes the place of one that was not used for the expiry time", arguments: Setup.all)
    func ninthDeviceAfterExpiry(setup: Setup) throws {
        let bench = try Bench(setup)
        for number in 1...4 { try bench.open(device(number)) }
        bench.wait(day * 31)
        for number in 5...8 { try bench.open(device(number)) }
        #expect(try bench.open(device(9)).deviceCount == 5)
    }

    @Test("Cursors rise, never fall, and end at the head", arguments: Setup.all)
    func cursorsRise(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.appendMessages(1...3)
        try bench.open(phone)
        try bench.acknowledge(2, on: phone)
        try bench.acknowledge(1, on: phone)
        #expect(try bench.open(phone).cursor == 2)
        try bench.acknowledge(.max, on: phone)
        #expect(try bench.open(phone).cursor == 3)
        try bench.appendMessages(4...4)
        #expect(try bench.open(phone).cursor == 3)
    }

    @Test("The acknowledgement of an unknown user is ignored", arguments: Setup.all)
    func unknownUser(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.acknowledge(1, on: phone, of: cleo)
        try bench.appendMessages(1...1, to: cleo)
        let opened = try bench.open(laptop, of: cleo)
        #expect(opened.cursor == 0)
        #expect(opened.deviceCount == 1)
    }

    @Test("A device that was forgotten while it was connected is remembered by its acknowledgement", arguments: Setup.all)
    func forgottenWhileConnected(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.open(phone)
        bench.wait(.seconds(31 * 24 * 3600))
        try bench.sweep()
        try bench.appendMessages(1...2)
        try bench.acknowledge(2, on: phone)
        #expect(try bench.read().entries.count == (setup.isArchive ? 2 : 0))
        try bench.reopen()
        let opened = try bench.open(phone)
        #expect(opened.cursor == 2)
        #expect(opened.delivered == 2)
        #expect(opened.deviceCount == 1)
    }

    @Test("Text goes when the last device has it, and not before", arguments: Setup.temporary)
    func textGoes(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.appendMessages(1...5)
        try bench.open(phone)
        try bench.open(laptop)
        try bench.acknowledge(4, on: phone)
        #expect(try bench.read().entries.map(\.number) == [1, 2, 3, 4, 5])
        try bench.acknowledge(3, on: laptop)
        #expect(try bench.read().entries.map(\.number) == [4, 5])
        try bench.acknowledge(5, on: laptop)
        #expect(try bench.read().entries.map(\.number) == [5])
        #expect(try bench.head().head == 5)
    }

    @Test("A new device that is behind does not bring text back", arguments: Setup.temporary)
    func newDeviceBehind(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.appendMessages(1...4)
        try bench.open(phone)
        try bench.acknowledge(2, on: phone)
        #expect(try bench.open(laptop, cursor: 1).cursor == 1)
        #expect(try bench.read(after: 1).entries.map(\.number) == [3, 4])
        try bench.acknowledge(4, on: laptop)
        try bench.acknowledge(3, on: phone)
        #expect(try bench.read().entries.map(\.number) == [4])
    }

    @Test("An archive keeps what every device has", arguments: Setup.archive)
    func archiveKeeps(setup: Setup) throws {
        let bench = try Bench(setup)
        try bench.appendMessages(1...3)
        try bench.open(phone)
        try bench.acknowledge(3, on: phone)
        try bench.dropExpired([1, 2, 3])
        #expect(try bench.read().entries.map(\.number) == [1, 2, 3])
    }

    @Test("Devices are listed by name with what each has, and reading them makes nobody known", arguments: Setup.all)
    func listed(setup: Setup) throws {
        let bench = try Bench(setup)
        let began = bench.now
        #expect(try bench.ask([.readDevices(ReadDevices(owner: ana))]) == [.devicePage(DevicePage(devices: []))])
        try bench.appendMessages(1...3)
        try bench.open(phone)
        try bench.open(laptop)
        bench.wait(.seconds(5))
        try bench.acknowledge(2, on: phone)
        let devices = [
            DevicePage.Item(device: laptop, cursor: 0, opened: began), DevicePage.Item(device: phone, cursor: 2, opened: bench.now),
        ]
        for _ in 0..<2 {
            #expect(try bench.ask([.readDevices(ReadDevices(owner: ana))]) == [.devicePage(DevicePage(devices: devices))])
            try bench.reopen()
        }
    }
}
