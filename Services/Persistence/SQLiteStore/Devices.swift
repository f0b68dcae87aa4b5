// Devices and what they have: the rules of cursors, and how text goes.
//
// Two numbers of an owner follow from the cursors. `delivered`, the highest: up to here the authors have been told. It never
// falls, so a forgotten device leaves its cursor in the owner's row. `lowest`: up to here every device has it, so in
// temporary mode no text is left. Whatever raises `lowest` drops the text in between in the same transaction.
//
// A new device may claim more than any other device has. That claim is not stored: `delivered` would rise before the
// authors' receipts are durable, and after a crash nobody would remember to send them. The device begins at `delivered` at
// most; the shard pushes from the claim on all the same, and the acknowledgement that follows raises the cursor once the
// receipts are out. A cursor that is too low costs a repeated look, one that is too high loses ticks.

import Messages
import Primitives
import Privacy
import Storage

extension SQLiteStore {
    func devices(of owner: Int64) throws(SQLiteError) -> DeviceSet {
        if let set = deviceSets[owner] { return set }
        var set = DeviceSet(devices: [], forgotten: 0)
        defer {
            sql.devices.reset()
            sql.deliveredOfUser.reset()
        }
        sql.deliveredOfUser.bind(1, owner)
        if try sql.deliveredOfUser.step() { set.forgotten = UInt64(clamping: sql.deliveredOfUser.int64(0)) }
        sql.devices.bind(1, owner)
        while try sql.devices.step() {
            let name = sql.devices.text(0)
            guard let device = DeviceID(name) else { throw .badRow("not a device's name: \(name)") }
            set.devices.append(
                DeviceSet.Device(
                    name: device, cursor: UInt64(clamping: sql.devices.int64(1)), opened: sql.devices.stamp(2)))
        }
        deviceSets[owner] = set
        return set
    }

    func readDevices(_ request: ReadDevices) throws(SQLiteError) -> DevicePage {
        guard let owner = try findUser(request.owner) else { return DevicePage(devices: []) }
        return DevicePage(try devices(of: owner))
    }

    func openDevice(_ request: OpenDevice, now: Stamp) throws(SQLiteError) -> DeviceOpened {
        let known = try findUser(request.owner)
        let head = try known.map { id throws(SQLiteError) in try self.head(of: id) } ?? .empty
        var set = try known.map { id throws(SQLiteError) in try devices(of: id) } ?? DeviceSet(devices: [], forgotten: 0)
        let revision = try known.map { id throws(SQLiteError) in try self.revision(of: id) } ?? .zero
        let delivered = set.delivered
        let settings = try known.map { id throws(SQLiteError) in try self.settings(of: id) } ?? UserSettings()

        func answer(_ outcome: DeviceOpened.Outcome, cursor: UInt64) -> DeviceOpened {
            DeviceOpened(
                outcome: outcome, cursor: cursor, head: head.number, headStamp: head.stamp, delivered: delivered,
                revision: revision, deviceCount: set.devices.count, settings: settings)
        }

        let index = set.index(of: request.device)
        if let issuedAt = request.issuedAt, issuedAt < settings.revokedBefore { return answer(.revoked, cursor: 0) }
        if let claim = request.cursor, claim > head.number {
            return answer(.cursorAhead, cursor: index.map { set.devices[$0].cursor } ?? 0)
        }
        if let index, let owner = known {
            let device = set.devices[index]
            if policy.refreshes(device.opened, now: now) {
                try move(device.name, in: &set, at: index, of: owner, to: device.cursor, now: now)
                deviceSets[owner] = set
            }
            return answer(.opened, cursor: device.cursor)
        }
        if set.devices.count >= MessageLimits.deviceCountMax, let owner = known {
            set = try forgetUnused(of: owner, now: now)
            guard set.devices.count < MessageLimits.deviceCountMax else { return answer(.tooManyDevices, cursor: 0) }
        }
        let owner = try makeUser(request.owner)
        let cursor =
            if let claim = request.cursor { min(claim, delivered) } else {
                try startOfNewDevice(of: owner, delivered: delivered, head: head.number)
            }
        try insert(request.device, in: &set, of: owner, at: cursor, now: now)
        deviceSets[owner] = set
        return answer(.opened, cursor: cursor)
    }

    /// Just before the first text that no device has; the head when there is none.
    private func startOfNewDevice(of owner: Int64, delivered: UInt64, head: UInt64) throws(SQLiteError) -> UInt64 {
        guard delivered < head else { return delivered }
        return try firstText(of: owner, after: delivered).map { $0 - 1 } ?? head
    }

    /// The number of the first entry with a text behind `after`.
    func firstText(of owner: Int64, after: UInt64) throws(SQLiteError) -> UInt64? {
        defer { sql.firstWithText.reset() }
        sql.firstWithText.bind(1, EntryKey.of(owner: owner, number: after))
        sql.firstWithText.bind(2, EntryKey.last(of: owner))
        return try sql.firstWithText.step() ? EntryKey.number(sql.firstWithText.int64(0)) : nil
    }

    /// A device that was forgotten while it was connected (nobody wrote to it for the expiry time) is remembered again: else
    /// the text that it has would wait for it until it expired. One of a user who is not known is ignored.
    func storeCursor(_ request: StoreCursor, now: Stamp) throws(SQLiteError) {
        guard let owner = try findUser(request.owner) else { return }
        var set = try devices(of: owner)
        let cursor = min(request.number, try head(of: owner).number)
        let lowest = set.lowest
        if let index = set.index(of: request.device) {
            guard cursor > set.devices[index].cursor else { return }
            try move(request.device, in: &set, at: index, of: owner, to: cursor, now: now)
        } else {
            guard cursor > 0, set.devices.count < MessageLimits.deviceCountMax else { return }
            try insert(request.device, in: &set, of: owner, at: cursor, now: now)
        }
        deviceSets[owner] = set
        try drop(of: owner, after: lowest, through: set.lowest)
    }

    private func insert(
        _ device: DeviceID, in set: inout DeviceSet, of owner: Int64, at cursor: UInt64, now: Stamp
    ) throws(SQLiteError) {
        sql.insertDevice.bind(1, owner)
        sql.insertDevice.bind(2, device.text)
        sql.insertDevice.bind(3, Int64(cursor))
        sql.insertDevice.bind(4, now)
        try sql.insertDevice.run()
        set.devices.append(DeviceSet.Device(name: device, cursor: cursor, opened: now))
    }

    private func move(
        _ device: DeviceID, in set: inout DeviceSet, at index: Int, of owner: Int64, to cursor: UInt64, now: Stamp
    ) throws(SQLiteError) {
        let opened = max(set.devices[index].opened, now)
        sql.moveDevice.bind(1, owner)
        sql.moveDevice.bind(2, device.text)
        sql.moveDevice.bind(3, Int64(cursor))
        sql.moveDevice.bind(4, opened)
        try sql.moveDevice.run()
        set.devices[index].cursor = cursor
        set.devices[index].opened = opened
    }

    /// Forgets the owner's unused devices and drops what now every remaining device has.
    func forgetUnused(of owner: Int64, now: Stamp) throws(SQLiteError) -> DeviceSet {
        var set = try devices(of: owner)
        let unused = set.devices.filter { policy.isUnused($0.opened, now: now) }
        guard !unused.isEmpty else { return set }
        let lowest = set.lowest
        let delivered = set.delivered
        for device in unused {
            sql.deleteDevice.bind(1, owner)
            sql.deleteDevice.bind(2, device.name.text)
            try sql.deleteDevice.run()
        }
        sql.rememberDelivered.bind(1, owner)
        sql.rememberDelivered.bind(2, Int64(delivered))
        try sql.rememberDelivered.run()
        set.devices.removeAll { policy.isUnused($0.opened, now: now) }
        set.forgotten = delivered
        deviceSets[owner] = set
        try drop(of: owner, after: lowest, through: set.lowest)
        return set
    }

    /// Drops text in temporary mode. O(`through` - `after`).
    func drop(of owner: Int64, after: UInt64, through: UInt64) throws(SQLiteError) {
        guard !policy.isArchive, through > after else { return }
        try blank(after: EntryKey.of(owner: owner, number: after), through: EntryKey.of(owner: owner, number: through))
    }
}
