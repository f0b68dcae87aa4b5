// The door between the media service and where files lie: a folder, and where one is set, a bucket behind a network.
//
// Orders have a lane, and each lane a thread that may wait: for the disk, for what goes into the bucket, for what comes out of it.
// In a lane one order at a time is carried out; outcomes come back in the order in which they came about. What an outcome says is
// durable.
//
// Puts and removals share a lane, and this is what keeps a bucket true: what the folder's lane decided first is carried out first.

import Primitives

/// What an outcome belongs to; the core's own number.
public struct MediaTicket: Hashable, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// An open file that somebody must close.
public struct FileHandle: Hashable, Sendable {
    public let rawValue: Int32
    public init(rawValue: Int32) { self.rawValue = rawValue }
}

/// One thing asked of the store. Each gets one `MediaOutcome`, in the order in which they were asked.
public struct MediaOrder: Equatable, Sendable {
    public enum Work: Equatable, Sendable {
        /// Begins an upload: `.opened`, `.quotaExceeded`, `.tooManyUploads` or `.full`.
        case open(owner: UserID, file: MediaFile)
        /// How far an upload is: `.upload` or `.unknown`.
        case look(upload: String)
        /// Bytes behind what is there already: `.appended`, `.misplaced`, `.unknown` or `.full`, and then nothing was written.
        case append(upload: String, offset: UInt64, bytes: [UInt8])
        /// All bytes are there. Checks and stores them: `.upload` with its reference; `.hashDiffers` or `.typeDiffers`, and then the
        /// upload is gone; `.unknown`, `.full`. `.hashing`: order it again. `.placing`: order a put, and then `.placed` or `.notPlaced`.
        case finish(upload: String)
        /// Is this the reference of a file? Then it is kept: `.kept` or `.unknown`.
        case keep(MediaReference)
        /// Opens a file to read it: `.reading` or `.unknown`.
        case read(id: String)
        /// Collects what is over: `.swept`.
        case sweep
        /// Behind `.placing`: the bucket has it, so the row may be written. `.upload`, `.unknown`.
        case placed(upload: String)
        /// Behind `.placing`: it has not; the upload stays as it is: `.done`.
        case notPlaced(upload: String)
        /// These are gone from the bucket: `.done`.
        case forget(hashes: [String])
        /// Puts an upload into the bucket: `.done`, `.away`, `.forbidden`, `.full`.
        case put(upload: String, hash: String, size: UInt64)
        /// Takes files out of the bucket: `.removed`, those that are gone.
        case remove(hashes: [String])
        /// A part of a file in the bucket, 1...`MediaLimits.fetchBytesMax` bytes: `.fetched`, `.unknown`, `.away`, `.forbidden`.
        case fetch(hash: String, range: Range<UInt64>)
    }

    /// Threads, and which orders are theirs.
    public enum Lane: Int, CaseIterable, Sendable {
        case folder
        case bucket
        case fetching
    }

    public var ticket: MediaTicket
    public var work: Work

    public var lane: Lane {
        switch work {
        case .open, .look, .append, .finish, .keep, .read, .sweep, .placed, .notPlaced, .forget: .folder
        case .put, .remove: .bucket
        case .fetch: .fetching
        }
    }

    public init(_ ticket: MediaTicket, _ work: Work) {
        self.ticket = ticket
        self.work = work
    }
}

/// What came of an order.
public struct MediaOutcome: Equatable, Sendable {
    public enum Result: Equatable, Sendable {
        case opened(upload: String)
        /// `reference`: it is finished, and this opens it.
        case upload(UploadState)
        case appended
        /// The offset is not the end of what is there.
        case misplaced
        case hashDiffers
        /// There is more to hash than one turn allows.
        case hashing
        /// What is announced is true; the bucket must have it before there is a reference.
        case placing(hash: String, size: UInt64)
        case typeDiffers
        case kept
        case reading(StoredFile)
        /// `remove`: must be taken out of the bucket.
        case swept(count: Int, remove: [String])
        case removed([String])
        /// An open file with what was asked for, from its beginning.
        case fetched(FileHandle)
        case done
        case unknown
        case quotaExceeded
        case tooManyUploads
        /// No room, or the file system refuses writes.
        case full
        /// The object store does not answer, or says that it cannot just now; the text is for the log.
        case away(String)
        /// It answers, and refuses us; likewise.
        case forbidden(String)
        /// Reading or writing failed otherwise; the text is for the log.
        case broken(String)
    }

    public var ticket: MediaTicket
    public var result: Result

    public init(_ ticket: MediaTicket, _ result: Result) {
        self.ticket = ticket
        self.result = result
    }
}

/// How far an upload is.
public struct UploadState: Equatable, Sendable {
    public var offset: UInt64
    public var size: UInt64
    public var reference: MediaReference?

    public init(offset: UInt64, size: UInt64, reference: MediaReference?) {
        self.offset = offset
        self.size = size
        self.reference = reference
    }
}

/// A file that may be read.
public struct StoredFile: Equatable, Sendable {
    public var file: MediaFile
    /// Nil: the bucket has it.
    public var handle: FileHandle?

    public init(file: MediaFile, handle: FileHandle?) {
        self.file = file
        self.handle = handle
    }
}

/// What carries out the orders of a lane. Used in one thread.
public protocol MediaStore {
    mutating func carryOut(_ order: MediaOrder, now: Stamp) -> MediaOutcome
    /// Nothing is asked afterwards.
    mutating func close()
}
