// The bounds of media, in one place, with reasons. docs/protocol.md promises them to users.

import Primitives

public enum MediaLimits {
    // MARK: Files

    /// One file, bytes: a minute of video from a phone. Twice that would keep a phone uploading for longer than people wait.
    public static let fileBytesMax: UInt64 = 100 * 1024 * 1024

    /// Name of a file, bytes: what file systems allow (NAME_MAX), though it is never one of ours.
    public static let nameBytesMax = 255

    /// Type of a file, bytes. The longest registered ones have about 75.
    public static let mimeBytesMax = 100

    /// Bytes from the beginning of a file by which its type is told: WebM has its word within the first 64.
    public static let headBytesMax = 64

    // MARK: Names

    /// Digits of a SHA-256.
    public static let hashDigitCount = 64

    /// Digits that name a node. 32 bits: two of a handful of nodes hardly ever share one.
    public static let tagDigitCount = 8

    /// Digits of a reference's id: the node's and 64 random bits.
    public static let idDigitCount = 24

    /// Digits of a reference's secret. 128 bits, which nobody guesses.
    public static let secretDigitCount = 32

    /// A link, bytes. Ours have about 250.
    public static let urlBytesMax = 1024

    // MARK: One user

    /// Bytes announced by one user in 24 hours: ten of the largest files, hundreds of pictures. Beyond it: `media_quota`.
    public static let userBytesPerDayMax: UInt64 = 1024 * 1024 * 1024

    /// What the smallest file costs of that, bytes: the row, the inode and the block that it takes. So nobody can make more than
    /// 16,384 files a day.
    public static let userBytesPerFileMin: UInt64 = 64 * 1024

    /// Uploads of one user that were begun and not finished: an album of pictures at once. Beyond it: `too_many_uploads`.
    public static let openUploadCountMax: Int64 = 32

    /// Of this span `userBytesPerDayMax` counts.
    public static let quotaSpan = Interval.seconds(24 * 3600)

    // MARK: Times. The first three, and the quota, may be set in the cluster file (`MediaRules`).

    /// A link for an upload: as long as the part that has come in is kept.
    public static let uploadTimeout = Interval.seconds(3600)

    /// A link for a download: to begin one, and to begin it again where it broke.
    public static let linkTimeout = Interval.seconds(300)

    /// How long a file waits for somebody to keep it: a device that was offline a day long still gets its message sent.
    public static let orphanTimeout = Interval.seconds(24 * 3600)

    /// Between two rounds of collecting, and rows that one round looks at: a few milliseconds of the store's thread. Where the
    /// cluster file has shorter times, half of the shortest, and never less than `sweepPauseMin`.
    public static let sweepPause = Interval.seconds(30)

    /// See `sweepPause`.
    public static let sweepPauseMin = Interval.seconds(1)

    /// See `sweepPause`.
    public static let sweepCountMax: Int64 = 256

    // MARK: The HTTP door

    /// Connections at once: each holds at most `pieceCountMax` pieces of 64 KiB, so all together 256 MiB at worst.
    public static let connectionCountMax = 1024

    /// Of one user: an album that is looked at on all of her devices. Beyond it: `too_many_connections`.
    public static let userConnectionCountMax = 64

    /// From accept, or the end of the answer before, to the whole head of a request, which has at most 8 KiB (`HTTPLimits`). While
    /// more than half of `connectionCountMax` are there, no connection is kept for another request.
    public static let headTimeout = Interval.seconds(10)

    /// Pieces of an upload on their way to the disk, of one connection; then it is not read from until half are there.
    public static let pieceCountMax = 4

    /// How often an upload is looked at, and the bytes that must have come in since: 1 KiB a second is a phone at the edge of
    /// the net; whoever sends less holds a connection for nothing.
    public static let paceInterval = Interval.seconds(10)

    /// See `paceInterval`.
    public static let paceBytesMin = 10 * 1024

    /// A download must be over after this and a second more for each `sendBytesPerSecondMin`.
    public static let sendTimeout = Interval.seconds(30)

    /// See `sendTimeout`: a slower reader begins again where it broke, with `Range`.
    public static let sendBytesPerSecondMin: UInt64 = 8 * 1024

    /// One `sendfile`, bytes: what the loop may have to wait for a cold disk.
    public static let sendBytesMax = 256 * 1024

    /// One turn of hashing an upload that was not hashed as it came in, bytes: 20 ms of the store's thread, and then others have
    /// their turn.
    public static let hashBytesMax: UInt64 = 8 * 1024 * 1024

    /// Uploads whose hash is carried on as pieces come in: one for each connection. An upload beyond it is hashed at its end.
    public static let hashCountMax = connectionCountMax

    /// Orders that the store's thread has not carried out yet: a second of its work. Beyond it: `overloaded`.
    public static let orderCountMax = 8192

    /// Room that is left to the disk, bytes: an upload that would take it is refused before it begins.
    public static let reserveBytes: UInt64 = 64 * 1024 * 1024

    // MARK: The object store

    /// Piece of a download that is fetched at once, bytes: held in memory until the client has it.
    public static let fetchBytesMax: UInt64 = 1024 * 1024

    /// Downloads from the object store at once: each holds a piece, so all together 256 MiB at worst. Beyond it: `overloaded`.
    public static let fetchCountMax = 256

    /// Until a connection to it is there, and without a byte moving on it, milliseconds: in one room it answers in a few.
    public static let storeConnectTimeoutMs: Int32 = 3_000
    public static let storeSilenceTimeoutMs = 10_000

    /// After it could not be reached it is not asked again for so long: who waits hears at once that it is away.
    public static let storeAwayPause = Interval.seconds(2)

    /// Head of one of its answers, and the text of a refusal, bytes; ours have a tenth.
    public static let storeHeadBytesMax = 16 * 1024
    public static let storeTextBytesMax = 16 * 1024

    /// File with its keys, bytes: two words.
    public static let storeKeysBytesMax = 1024

    /// When to try again after it was away, milliseconds: it may only have been started again.
    public static let awayRetryMs: UInt32 = 5_000

    /// When to try again after the disk was full, milliseconds: an operator needs longer, and nobody is helped by more tries.
    public static let fullRetryMs: UInt32 = 30_000

    /// When to try again after the quota was used up, milliseconds: a day's oldest uploads leave it by the hour.
    public static let quotaRetryMs: UInt32 = 3_600_000

    /// When to try again after too much was open, milliseconds: an upload takes about that long.
    public static let openRetryMs: UInt32 = 60_000
}
