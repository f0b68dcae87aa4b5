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
    /// How long a kept file stays; nil: for ever.
    private let keptFor: Interval?
    private let crypto = OpenSSLCrypto()

    /// - Parameters:
    ///   - path: the folder, which is there.
    ///   - keptFor: in a temporary cluster as long as a message may wait, and as long as it may have waited to be sent.
    /// - Throws: `StoreFailure` when the folder or the table cannot be used.
    public init(path: String, tag: String, keptFor: Interval?) throws(StoreFailure) {
        folder = try Folder(path)
        self.tag = tag
        self.keptFor = keptFor
        do throws(SQLiteError) {
            table = try Table(path: "\(path)/index.db")
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

    private func result(of work: MediaOrder.Work, _ now: Stamp) throws(StoreFailure) -> MediaOutcome.Result {
        do throws(SQLiteError) {
            switch work {
            case .open(let owner, let file): return try open(owner, file, now)
            case .look(let upload): return try look(upload, now)
            case .append(let upload, let offset, let bytes): return try append(upload, offset, bytes, now)
            case .finish(let upload): return try finish(upload, now)
            case .keep(let reference): return try keep(reference, now)
            case .read(let id): return try read(id, now)
            case .sweep: return try sweep(now)
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
        guard use.bytes + cost <= MediaLimits.userBytesPerDayMax else { return .quotaExceeded }
        guard folder.freeBytes >= file.size + MediaLimits.reserveBytes else { return .full }
        let id = newID()
        try table.insertUpload(id, owner, file, made: now, expires: now + MediaLimits.uploadTimeout)
        return .opened(upload: id)
    }

    private func look(_ id: String, _ now: Stamp) throws(SQLiteError) -> MediaOutcome.Result {
        guard let upload = try table.upload(id, now) else { return .unknown }
        if let reference = upload.reference {
            return .upload(UploadState(offset: upload.file.size, size: upload.file.size, reference: reference))
        }
        return .upload(UploadState(offset: folder.uploadSize(id), size: upload.file.size, reference: nil))
    }

    private func append(_ id: String, _ offset: UInt64, _ bytes: [UInt8], _ now: Stamp) throws(SQLiteError) -> MediaOutcome.Result {
        guard let upload = try table.upload(id, now), upload.reference == nil else { return .unknown }
        guard offset + UInt64(bytes.count) <= upload.file.size else { return .misplaced }
        switch folder.append(id, offset, bytes) {
        case .done: return .appended
        case .misplaced: return .misplaced
        case .full: return .full
        case .failed(let text): return .broken(text)
        }
    }

    private func finish(_ id: String, _ now: Stamp) throws(SQLiteError) -> MediaOutcome.Result {
        guard let upload = try table.upload(id, now) else { return .unknown }
        let file = upload.file
        if let reference = upload.reference {
            return .upload(UploadState(offset: file.size, size: file.size, reference: reference))
        }
        guard folder.uploadSize(id) == file.size else { return .misplaced }
        guard let (hash, head) = folder.digest(id) else { return .broken("the upload \(id) cannot be read") }
        guard hash == file.hash else { return try refuse(id, .hashDiffers) }
        guard file.isOpaque || MediaKind(rawValue: file.mime)?.accepts(head) == true else { return try refuse(id, .typeDiffers) }
        if let problem = folder.place(id, hash: hash) { return problem }
        let reference = MediaReference(id: newID(), secret: HexName.text(crypto.randomBytes(MediaLimits.secretDigitCount / 2)))!
        try table.finish(id, as: reference, upload, made: now, expires: now + MediaLimits.orphanTimeout)
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
        if !stored.isKept { try table.keep(reference.id, expires: keptFor.map { stored.made + $0 } ?? .max) }
        return .kept
    }

    private func read(_ id: String, _ now: Stamp) throws(SQLiteError) -> MediaOutcome.Result {
        guard let stored = try table.stored(id, now), let handle = folder.openFile(stored.file.hash) else { return .unknown }
        return .reading(StoredFile(file: stored.file, handle: handle))
    }

    private static func dayBefore(_ now: Stamp) -> Stamp {
        Stamp(microseconds: now.microseconds - MediaLimits.orphanTimeout.microseconds)
    }

    // MARK: What is over

    private func sweep(_ now: Stamp) throws(SQLiteError) -> MediaOutcome.Result {
        var count = 0
        for (id, hash) in try table.uploadsOver(now) {
            folder.removeUpload(id)
            // It may have ended between getting its place and getting its row.
            if try table.referenceCount(hash) == 0 { folder.removeFile(hash) }
            try table.removeUpload(id)
            count += 1
        }
        for (id, hash) in try table.filesOver(now) {
            if try table.referenceCount(hash) == 1 { folder.removeFile(hash) }
            try table.removeFile(id)
            count += 1
        }
        try table.forgetUploads(before: Self.dayBefore(now))
        return .swept(count: count)
    }
}
