// Inboxes: appending, cursors, watermarks, settings. The rules are those of the contract; see SQLiteStore for their reasons.

import Messages
import Primitives
import Privacy
import Storage

extension PostgresStore {
    /// The head after one more entry.
    func next(after last: Head, now: Stamp) -> Head {
        Head(number: last.number + 1, stamp: max(now, Stamp(microseconds: last.stamp.microseconds + 1)))
    }

    func append(_ request: Append, now: Stamp) throws(PostgresError) -> Appended {
        precondition(!request.kind.isOfGroup, "these come by `GroupBatch`")
        let digest = ContentDigest.of(request.body)
        let name = EntryName(owner: request.owner, kind: request.kind, author: request.author, id: request.id)
        var state = try inbox(request.owner)
        let isBlocked = request.kind == .message && state.settings.blocks(request.author)
        if let known = isLooking || isBlocked ? try entry(name) : recent[name] ?? looked[name] ?? nil {
            return known.answer(chat: request.chat, digest: digest)
        }
        if isBlocked {
            return Appended(outcome: .blocked, number: 0, stamp: next(after: state.head, now: now).stamp)
        }
        if let after = request.after {
            let predecessor = EntryName(owner: request.owner, kind: request.kind, author: request.author, id: after)
            if try entry(predecessor) == nil {
                // What is stored is stored, whatever was purged since: a repeat is recognised first.
                if let known = try entry(name) { return known.answer(chat: request.chat, digest: digest) }
                return Appended(outcome: .predecessorMissing, number: 0, stamp: .zero)
            }
        }
        state.head = next(after: state.head, now: now)
        inboxes[request.owner] = state
        writes.insert(request, state.head, digest: digest)
        recent[name] = KnownEntry(number: state.head.number, stamp: state.head.stamp, chat: request.chat, digest: digest)
        return Appended(outcome: .stored, number: state.head.number, stamp: state.head.stamp)
    }

    func readHead(_ request: ReadHead) throws(PostgresError) -> InboxHead {
        let state = try inbox(request.owner)
        return InboxHead(head: state.head.number, headStamp: state.head.stamp, revision: state.revision)
    }

    // MARK: Devices

    func openDevice(_ request: OpenDevice, now: Stamp) throws(PostgresError) -> DeviceOpened {
        let owner = request.owner
        var state = try inbox(owner)
        let delivered = state.devices.delivered

        func answer(_ outcome: DeviceOpened.Outcome, cursor: UInt64) -> DeviceOpened {
            DeviceOpened(
                outcome: outcome, cursor: cursor, head: state.head.number, headStamp: state.head.stamp, delivered: delivered,
                revision: state.revision, deviceCount: state.devices.devices.count, settings: state.settings)
        }

        let index = state.devices.index(of: request.device)
        if let issuedAt = request.issuedAt, issuedAt < state.settings.revokedBefore { return answer(.revoked, cursor: 0) }
        if let claim = request.cursor, claim > state.head.number {
            return answer(.cursorAhead, cursor: index.map { state.devices.devices[$0].cursor } ?? 0)
        }
        if let index {
            let device = state.devices.devices[index]
            if policy.refreshes(device.opened, now: now) {
                state.devices.devices[index].opened = max(device.opened, now)
                writes.put(device.name, of: owner, cursor: device.cursor, opened: state.devices.devices[index].opened)
                inboxes[owner] = state
            }
            return answer(.opened, cursor: device.cursor)
        }
        if state.devices.devices.count >= MessageLimits.deviceCountMax {
            state = try forgetUnused(of: owner, now: now)
            guard state.devices.devices.count < MessageLimits.deviceCountMax else { return answer(.tooManyDevices, cursor: 0) }
        }
        let cursor =
            if let claim = request.cursor { min(claim, delivered) } else {
                try startOfNewDevice(of: owner, delivered: delivered, head: state.head.number)
            }
        state.devices.devices.append(DeviceSet.Device(name: request.device, cursor: cursor, opened: now))
        writes.put(request.device, of: owner, cursor: cursor, opened: now)
        inboxes[owner] = state
        return answer(.opened, cursor: cursor)
    }

    /// Just before the first text that no device has; the head when there is none.
    private func startOfNewDevice(of owner: UserID, delivered: UInt64, head: UInt64) throws(PostgresError) -> UInt64 {
        guard delivered < head else { return delivered }
        return try firstText(of: owner, after: delivered).map { $0 - 1 } ?? head
    }

    /// The number of the first entry with a text behind `after`.
    func firstText(of owner: UserID, after: UInt64) throws(PostgresError) -> UInt64? {
        let rows = try query(.firstText, [.parameter(owner.text), .parameter(Int64(clamping: after))])
        return rows.count > 0 ? rows.uint64(0, 0) : nil
    }

    func storeCursor(_ request: StoreCursor, now: Stamp) throws(PostgresError) {
        var state = try inbox(request.owner)
        let cursor = min(request.number, state.head.number)
        let lowest = state.devices.lowest
        if let index = state.devices.index(of: request.device) {
            guard cursor > state.devices.devices[index].cursor else { return }
            let opened = max(state.devices.devices[index].opened, now)
            state.devices.devices[index].cursor = cursor
            state.devices.devices[index].opened = opened
            writes.put(request.device, of: request.owner, cursor: cursor, opened: opened)
        } else {
            guard cursor > 0, state.devices.devices.count < MessageLimits.deviceCountMax else { return }
            state.devices.devices.append(DeviceSet.Device(name: request.device, cursor: cursor, opened: now))
            writes.put(request.device, of: request.owner, cursor: cursor, opened: now)
        }
        inboxes[request.owner] = state
        drop(of: request.owner, after: lowest, through: state.devices.lowest)
    }

    /// Forgets the owner's unused devices and drops what now every remaining device has.
    @discardableResult
    func forgetUnused(of owner: UserID, now: Stamp) throws(PostgresError) -> InboxState {
        var state = try inbox(owner)
        let unused = state.devices.devices.filter { policy.isUnused($0.opened, now: now) }
        guard !unused.isEmpty else { return state }
        let lowest = state.devices.lowest
        let delivered = state.devices.delivered
        for device in unused { writes.forget(device.name, of: owner) }
        writes.remember(owner, forgotten: delivered)
        state.devices.devices.removeAll { policy.isUnused($0.opened, now: now) }
        state.devices.forgotten = delivered
        inboxes[owner] = state
        drop(of: owner, after: lowest, through: state.devices.lowest)
        return state
    }

    /// Drops text in temporary mode.
    func drop(of owner: UserID, after: UInt64, through: UInt64) {
        guard !policy.isArchive, through > after else { return }
        writes.blank(owner, after: after, through: through)
    }

    // MARK: Watermarks

    func storeWatermark(_ request: StoreWatermark, now: Stamp) throws(PostgresError) -> WatermarkStored {
        var state = try inbox(request.owner)
        let name = WatermarkName(owner: request.owner, peer: request.peer, kind: request.kind)
        var watermark = try watermark(name)
        let previous = state.revision
        let isWanted = request.kind != .read || request.peer.isGroup || state.settings.readReceipts
        guard isWanted, request.upTo > watermark.upTo else { return WatermarkStored(watermark: watermark, previous: previous) }
        watermark.upTo = request.upTo
        watermark.revision = max(now, Stamp(microseconds: previous.microseconds + 1))
        state.revision = watermark.revision
        inboxes[request.owner] = state
        watermarks[name] = watermark
        writes.put(watermark, name)
        return WatermarkStored(watermark: watermark, previous: previous)
    }

    func readWatermarks(_ request: ReadWatermarks) throws(PostgresError) -> Pending {
        let limit = MessageLimits.watermarkCountMax
        return try ask(
            .readWatermarks,
            [.parameter(request.owner.text), .parameter(request.after.microseconds), .parameter(Int64(limit + 1))]
        ) { rows throws(PostgresError) in
            var page = WatermarkPage(watermarks: [], hasMore: rows.count > limit)
            for row in 0..<min(rows.count, limit) {
                guard let kind = ReceiptKind(rawValue: UInt8(clamping: rows.int64(row, 1))) else {
                    throw .badRow("no kind of receipt has the number \(rows.int64(row, 1))")
                }
                page.watermarks.append(
                    Watermark(peer: try rows.user(row, 0), kind: kind, upTo: rows.stamp(row, 2), revision: rows.stamp(row, 3)))
            }
            return .watermarkPage(page)
        }
    }

    // MARK: Settings and last seen

    func changeSettings(_ request: ChangeSettings) throws(PostgresError) -> SettingsStored {
        var state = try inbox(request.owner)
        let outcome = state.settings.apply(request.change)
        guard outcome == .changed else { return SettingsStored(outcome: outcome, settings: state.settings) }
        if case .erase = request.change { try eraseProfile(of: request.owner, &state) }
        var writer = ByteWriter()
        state.settings.encode(into: &writer)
        writes.put(writer.bytes, settingsOf: request.owner)
        inboxes[request.owner] = state
        return SettingsStored(outcome: .changed, settings: state.settings)
    }

    func readPresence(_ request: ReadPresence) throws(PostgresError) -> Pending {
        try ask(.readPresence, [Self.column(request.users)]) { rows throws(PostgresError) in
            var page = PresencePage(items: [])
            var bytes = 0
            for row in 0..<rows.count where bytes < MessageLimits.presencePageBytesMax {
                let item = PresencePage.Item(
                    lastSeen: rows.isNull(row, 0) ? nil : rows.stamp(row, 0),
                    settings: rows.isNull(row, 1) ? UserSettings() : try Self.settings(rows.bytes(row, 1)))
                bytes += item.settings.byteCount
                page.items.append(item)
            }
            return .presencePage(page)
        }
    }
}
