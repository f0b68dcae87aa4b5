// Receipts, as two numbers a chat: delivered and read up to which stamp. They only rise, and every rise gets a revision, so
// that an author who comes back asks for what changed since.
//
// An author who has read receipts off gets none from people, and what they read in that time stays without blue ticks when she
// turns them on again: so it is decided here, where it is durable.

import Groups
import Messages
import Primitives
import Storage

extension SQLiteStore {
    /// Revision of the owner's newest watermark; zero without any.
    func revision(of owner: Int64) throws(SQLiteError) -> Stamp {
        if let revision = revisions[owner] { return revision }
        defer { sql.lastRevision.reset() }
        sql.lastRevision.bind(1, owner)
        let revision = try sql.lastRevision.step() ? sql.lastRevision.stamp(0) : .zero
        revisions[owner] = revision
        return revision
    }

    /// A watermark that was never stored stands at zero.
    func storeWatermark(_ request: StoreWatermark, now: Stamp) throws(SQLiteError) -> WatermarkStored {
        var watermark = Watermark(peer: request.peer, kind: request.kind, upTo: .zero, revision: .zero)
        let known = try findUser(request.owner)
        let previous = try known.map { id throws(SQLiteError) in try revision(of: id) } ?? .zero
        if let known, let peer = try findUser(request.peer) {
            defer { sql.findWatermark.reset() }
            sql.findWatermark.bind(1, known)
            sql.findWatermark.bind(2, peer)
            sql.findWatermark.bind(3, Int64(request.kind.rawValue))
            if try sql.findWatermark.step() {
                watermark.upTo = sql.findWatermark.stamp(0)
                watermark.revision = sql.findWatermark.stamp(1)
            }
        }
        let isWanted =
            if let known, request.kind == .read, !request.peer.isGroup { try settings(of: known).readReceipts } else { true }
        guard isWanted, request.upTo > watermark.upTo else {
            return WatermarkStored(watermark: watermark, previous: previous)
        }

        let owner = try makeUser(request.owner)
        let peer = try makeUser(request.peer)
        watermark.upTo = request.upTo
        watermark.revision = max(now, Stamp(microseconds: previous.microseconds + 1))
        sql.putWatermark.bind(1, owner)
        sql.putWatermark.bind(2, peer)
        sql.putWatermark.bind(3, Int64(request.kind.rawValue))
        sql.putWatermark.bind(4, watermark.upTo)
        sql.putWatermark.bind(5, watermark.revision)
        try sql.putWatermark.run()
        revisions[owner] = watermark.revision
        return WatermarkStored(watermark: watermark, previous: previous)
    }

    /// O(chats of the owner): one walk over neighbouring rows.
    func readWatermarks(_ request: ReadWatermarks) throws(SQLiteError) -> WatermarkPage {
        var page = WatermarkPage(watermarks: [], hasMore: false)
        guard let owner = try findUser(request.owner), try revision(of: owner) > request.after else { return page }
        let rows = sql.readWatermarks
        defer { rows.reset() }
        rows.bind(1, owner)
        rows.bind(2, request.after)
        rows.bind(3, Int64(MessageLimits.watermarkCountMax + 1))
        while try rows.step() {
            if page.watermarks.count == MessageLimits.watermarkCountMax {
                page.hasMore = true
                break
            }
            guard let kind = ReceiptKind(rawValue: UInt8(clamping: rows.int64(1))) else {
                throw .badRow("no kind of receipt has the number \(rows.int64(1))")
            }
            page.watermarks.append(
                Watermark(
                    peer: try nameUser(rows.int64(0)), kind: kind, upTo: rows.stamp(2), revision: rows.stamp(3)))
        }
        return page
    }
}
