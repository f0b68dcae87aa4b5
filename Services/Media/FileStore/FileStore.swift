// Files in a folder of this machine, and what is known of them in a table beside it.
//
//     DATA/index.db          who uploaded what, and which reference opens it
//     DATA/uploads/ID        what has come in of an upload that is not finished
//     DATA/files/ab/HASH     a file by its hash, once, however many references open it
//
// The order of steps makes it safe to end anywhere. An upload is synced, gets its place by one rename, the folder is synced, and only
// then the row is committed that the answer tells of. Ended in between, the upload begins anew, finds its file in place and takes
// it. What is over is taken from the folder first and from the table then; the row that is left is over too.
//
// With a bucket the place is there: `finish` says what must be put, `placed` writes the row when it is. Until then the upload stays
// in the folder, so whatever ends in between is asked for again. What is over leaves the table at once and stands in the table of
// removals until the bucket has let it go; a file that is being put is never in what must be removed.
//
// Names that people give are metadata. Every path here is made of hexadecimal digits of our own.

import Crypto
import Media
import Primitives
import SQLiteStore
import Storage

public struct FileStore: MediaStore {
    private let folder: Folder
    private let table: Table
    /// How the ids of this node begin.
    private let tag: String
    private let rules: MediaRules
    /// Files go into a bucket, and not into the folder.
    private let hasBucket: Bool
    private var hashes = Hashes()
    /// By upload: the hash that is being put, and how often. Twice when whoever waited for it came again.
    private var placing: [String: (hash: String, count: Int)] = [:]
    private let crypto = OpenSSLCrypto()

    /// - Parameters:
    ///   - path: the folder, which is there.
    /// - Throws: `StoreFailure` when the folder or the table cannot be used.
    public init(path: String, tag: String, rules: MediaRules, hasBucket: Bool = false) throws(StoreFailure) {
        folder = try Folder(path)
        self.tag = tag
        self.rules = rules
        self.hasBucket = hasBucket
        do throws(SQLiteError) {
            table = try Table(path: "\(path)/index.db")
            // Where a crash came between the row and the folder, the row has decided.
            for id in folder.uploadIDs where try !table.isOpen(id) { folder.removeUpload(id) }
        } catch {
            throw error.failure
        }
    }

    public mutating func close() { table.close() }

    public mutating func carryOut(_ order: MediaOrder, now: Stamp) -> MediaOutcome {
        do throws(StoreFailure) {
            return MediaOutcome(order.ticket, try result(of: order.work, now))
        } catch {
            switch error {
            case .full: return MediaOutcome(order.ticket, .full)
            case .broken(let text): return MediaOutcome(order.ticket, .broken(text))
            }
        }
    }

    private mutating func result(of work: MediaOrder.Work, _ now: Stamp) throws(StoreFailure) -> MediaOutcome.Result {
        do throws(SQLiteError) {
            switch work {
            case .open(let owner, let file): return try open(owner, file, now)
            case .look(let upload): return try look(upload, now)
            case .append(let upload, let offset, let bytes): return try append(upload, offset, bytes, now)
            case .finish(let upload): return try finish(upload, now)
            case .keep(let reference): return try keep(reference, now)
            case .read(let id): return try read(id, now)
            case .sweep: return try sweep(now)
            case .placed(let upload): return try placed(upload, now)
            case .notPlaced(let upload):
                endPlacing(upload)
                return .done
            case .forget(let hashes): return try forget(hashes)
            case .put, .remove, .fetch: preconditionFailure("this lane is the folder's")
            }
        } catch {
            throw error.failure
        }
    }

    // MARK: Uploads

    private func open(_ owner: UserID, _ file: MediaFile, _ now: Stamp) throws(SQLiteError) -> MediaOutcome.Result {
        let use = try table.use(of: owner, since: Self.dayBefore(now), now: now)
        guard use.openCount < MediaLimits.openUploadCountMax else { return .tooManyUploads }
        let cost = max(file.size, MediaLimits.userBytesPerFileMin)
        guard use.bytes + cost <= rules.userBytesPerDayMax else { return .quotaExceeded }
        guard folder.freeBytes >= file.size + MediaLimits.reserveBytes else { return .full }
        let id = newID()
        try table.insertUpload(id, owner, file, made: now, expires: now + rules.uploadTimeout)
        return .opened(upload: id)
    }

    private func look(_ id: String, _ now: Stamp) throws(SQLiteError) -> MediaOutcome.Result {
        guard let upload = try table.upload(id, now) else { return .unknown }
        if let reference = upload.reference {
            return .upload(UploadState(offset: upload.file.size, size: upload.file.size, reference: reference))
        }
        return .upload(UploadState(offset: folder.uploadSize(id), size: upload.file.size, reference: nil))
    }

    private mutating func append(_ id: String, _ offset: UInt64, _ bytes: [UInt8], _ now: Stamp) throws(SQLiteError) -> MediaOutcome.Result {
        guard let upload = try table.upload(id, now), upload.reference == nil else { return .unknown }
        guard offset + UInt64(bytes.count) <= upload.file.size else { return .misplaced }
        // Others were promised the same room when they began.
        guard folder.freeBytes >= UInt64(bytes.count) + MediaLimits.reserveBytes else { return .full }
        switch folder.append(id, offset, bytes) {
        case .done:
            hashes.add(id, offset, bytes)
            return .appended
        case .misplaced: return .misplaced
        case .full: return .full
        case .failed(let text): return .broken(text)
        }
    }

    private mutating func finish(_ id: String, _ now: Stamp) throws(SQLiteError) -> MediaOutcome.Result {
        guard let upload = try table.upload(id, now) else { return .unknown }
        let file = upload.file
        if let reference = upload.reference {
            return .upload(UploadState(offset: file.size, size: file.size, reference: reference))
        }
        guard folder.uploadSize(id) == file.size else { return .misplaced }
        let state = hashes.take(id, of: file.size)
        while state.count < file.size {
            guard state.turnBytes < MediaLimits.hashBytesMax else {
                hashes.put(id, state)
                return .hashing
            }
            guard let piece = folder.readUpload(id, from: state.count) else { return .broken("the upload \(id) cannot be read") }
            state.add(piece)
        }
        let (hash, head) = state.end()
        guard hash == file.hash else { return try refuse(id, .hashDiffers) }
        guard file.isOpaque || MediaKind(rawValue: file.mime)?.accepts(head) == true else { return try refuse(id, .typeDiffers) }
        if hasBucket, !folder.hasFile(hash), try table.referenceCount(hash) == 0 {
            placing[id] = (hash, (placing[id]?.count ?? 0) + 1)
            return .placing(hash: hash, size: file.size)
        }
        if hasBucket, !folder.hasFile(hash) {
            let outcome = try commit(id, upload, now)
            folder.removeUpload(id)
            return outcome
        }
        if let problem = folder.place(id, hash: hash) { return problem }
        return try commit(id, upload, now)
    }

    /// The bucket has it.
    private mutating func placed(_ id: String, _ now: Stamp) throws(SQLiteError) -> MediaOutcome.Result {
        defer { endPlacing(id) }
        // Its hour may have ended meanwhile: what was put is collected then.
        guard let upload = try table.upload(id, now) else { return .unknown }
        if let reference = upload.reference {
            return .upload(UploadState(offset: upload.file.size, size: upload.file.size, reference: reference))
        }
        let outcome = try commit(id, upload, now)
        folder.removeUpload(id)
        return outcome
    }

    private mutating func endPlacing(_ id: String) {
        guard let (hash, count) = placing[id] else { return }
        placing[id] = count > 1 ? (hash, count - 1) : nil
    }

    private func commit(_ id: String, _ upload: UploadRow, _ now: Stamp) throws(SQLiteError) -> MediaOutcome.Result {
        let file = upload.file
        let reference = MediaReference(id: newID(), secret: HexName.text(crypto.randomBytes(MediaLimits.secretDigitCount / 2)))!
        try table.finish(id, as: reference, upload, made: now, expires: now + rules.orphanTimeout)
        return .upload(UploadState(offset: file.size, size: file.size, reference: reference))
    }

    private func refuse(_ id: String, _ why: MediaOutcome.Result) throws(SQLiteError) -> MediaOutcome.Result {
        try table.refuse(id)
        folder.removeUpload(id)
        return why
    }

    private func newID() -> String {
        tag + HexName.text(crypto.randomBytes((MediaLimits.idDigitCount - MediaLimits.tagDigitCount) / 2))
    }

    // MARK: Files

    private func keep(_ reference: MediaReference, _ now: Stamp) throws(SQLiteError) -> MediaOutcome.Result {
        guard let stored = try table.stored(reference.id, now), constantTimeEquals(stored.secret, reference.secret) else { return .unknown }
        if !stored.isKept { try table.keep(reference.id, expires: rules.keptFor.map { stored.made + $0 } ?? .max) }
        return .kept
    }

    private func read(_ id: String, _ now: Stamp) throws(SQLiteError) -> MediaOutcome.Result {
        guard let stored = try table.stored(id, now) else { return .unknown }
        let handle = folder.openFile(stored.file.hash)
        // Too many are open, or somebody was at the folder: no answer that holds for ever.
        guard handle != nil || hasBucket else { return .broken("the file \(stored.file.hash) cannot be opened") }
        return .reading(StoredFile(file: stored.file, handle: handle))
    }

    private static func dayBefore(_ now: Stamp) -> Stamp {
        Stamp(microseconds: now.microseconds - MediaLimits.quotaSpan.microseconds)
    }

    // MARK: What is over

    private mutating func sweep(_ now: Stamp) throws(SQLiteError) -> MediaOutcome.Result {
        var count = 0
        for (id, hash) in try table.uploadsOver(now) {
            // It is on its way into the bucket: the next round finds it.
            if placing[id] != nil { continue }
            folder.removeUpload(id)
            hashes.forget(id)
            // It may have ended between getting its place and getting its row.
            if try table.referenceCount(hash) == 0 { folder.removeFile(hash) }
            try table.endUpload(id, removing: hasBucket ? hash : nil)
            count += 1
        }
        for (id, hash) in try table.filesOver(now) {
            if try table.referenceCount(hash) == 1 { folder.removeFile(hash) }
            try table.removeFile(id, removing: hasBucket ? hash : nil)
            count += 1
        }
        try table.forgetUploads(before: Self.dayBefore(now))
        guard hasBucket else { return .swept(count: count, remove: []) }
        let busy = Set(placing.values.map(\.hash))
        var remove: [String] = []
        for hash in try table.removals() where !busy.contains(hash) {
            if try table.referenceCount(hash) == 0 { remove.append(hash) } else { try table.forgetRemoval(hash) }
        }
        return .swept(count: count, remove: remove)
    }

    private func forget(_ hashes: [String]) throws(SQLiteError) -> MediaOutcome.Result {
        for hash in hashes { try table.forgetRemoval(hash) }
        return .done
    }
}
