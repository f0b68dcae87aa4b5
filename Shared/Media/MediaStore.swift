// The door between the media service and where files lie. A folder today; a store behind a network fits as well.
//
// One order at a time is carried out, in a thread that may wait for a disk. What an outcome says is durable.

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
        /// upload is gone; `.unknown`, `.full`.
        case finish(upload: String)
        /// Is this the reference of a file? Then it is kept: `.kept` or `.unknown`.
        case keep(MediaReference)
        /// Opens a file to read it: `.reading` or `.unknown`.
        case read(id: String)
        /// Collects what is over: `.swept`.
        case sweep
    }

    public var ticket: MediaTicket
    public var work: Work

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
        case typeDiffers
        case kept
        case reading(StoredFile)
        case swept(count: Int)
        case unknown
        case quotaExceeded
        case tooManyUploads
        /// No room, or the file system refuses writes.
        case full
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
    public var handle: FileHandle

    public init(file: MediaFile, handle: FileHandle) {
        self.file = file
        self.handle = handle
    }
}

/// Where files lie. Used in one thread.
public protocol MediaStore {
    mutating func carryOut(_ order: MediaOrder, now: Stamp) -> MediaOutcome
    /// Nothing is asked afterwards.
    mutating func close()
}
