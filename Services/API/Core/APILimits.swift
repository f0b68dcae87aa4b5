// The bounds of the product's door, in one place, with reasons.

import Messages
import Primitives

public enum APILimits {
    /// The file of keys, bytes, and the keys in it. Two are enough to rotate; more are for backends that are told apart.
    public static let keyFileBytesMax = 64 * 1024
    static let keyCountMax = 64

    /// One key, bytes: 32 of base64url hold 24 random ones. Longer than 256 nobody needs, and each request compares with all.
    static let keyBytesRange = 32...256

    /// Connections at once. A backend keeps a pool of some; each holds at most a head and a body.
    static let connectionCountMax = 1_024

    /// Body of a request, bytes: as a client's frame may have.
    static let bodyBytesMax = MessageLimits.clientFrameBytesMax

    /// A body that is too long, or that nobody may send, is read to its end up to here, so that its sender hears the answer and not
    /// a broken pipe; beyond it the connection ends.
    static let bodyBytesDropped = 4 * 1024 * 1024

    /// What came in behind a request that is in work. A backend that asks ahead has a few small ones there; more ends the
    /// connection behind the answer.
    static let heldBytesMax = 64 * 1024

    /// From the first byte of a connection, or from an answer, to the end of the next request.
    static let requestTimeout = Interval.seconds(30)

    /// From a request to its answer. A shard that is away is known within a second, a store that restarts takes a few; a backend
    /// that waits longer has given up.
    static let answerTimeout = Interval.seconds(10)

    /// Between the revocation of a user's tokens and the first step of erasing: sockets are cut by then, also at a shard that was
    /// too busy and is told a second later (`LastSeenLimits.missedPause`), and what their end writes (a last acknowledgement, when the
    /// person was here) is stored before the rest begins.
    static let erasureSettling = Interval.seconds(2)

    /// Before the groups of a user who has just left them are listed again: the word of each group about it comes to the inbox a little later.
    static let erasurePause = Interval.milliseconds(50)

    /// After so many of them a group that says that she is no member is believed, whatever the list says: its log may have been lost.
    static let erasurePauseCountMax = 60

    /// Webhooks that wait: 100 bytes each in memory, up to 5 KiB each on the disk. A receiver that is away for an hour misses as many at
    /// 27 a second; beyond it shards keep what they have, and then lose it.
    static let hookCountMax = 100_000

    /// Dead letters that are kept; the oldest go.
    public static let deadCountMax = 10_000

    /// Dead letters in one answer; fewer when they are long (`HookStoreLimits.pageBytesMax`).
    static let deadPageCountMax = 100

    /// The longest pause between two tries of a webhook, milliseconds, before it is spread.
    static let hookPauseMsMax: Int64 = 3_600_000

    /// Before the queue is read again that could not be.
    static let hookTableRetry = Interval.seconds(1)

    /// The file of keys for webhooks, bytes, and the keys in it: the one in use, and the next.
    public static let webhookKeyFileBytesMax = 4 * 1024
    static let webhookKeyCountMax = 2

    /// How many seconds of its rate a key may ask for in one moment.
    static let rateBurstSeconds: Int64 = 1

    /// What a key that asks too much is told to wait, seconds.
    static let rateRetrySeconds = 1
}
