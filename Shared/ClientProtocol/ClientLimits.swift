// The bounds of the client protocol, in one place, with reasons and relations. docs/protocol.md promises them to users.

/// Bounds of frames and of their fields.
public enum ClientLimits {
    /// Text of one chat message, bytes of UTF-8, after JSON escapes are undone. Twice that would double what one slow device
    /// can hold in every queue on the way; larger things travel as media. The same number as between services.
    public static let bodyBytesMax = 64 * 1024

    /// A frame from a client, bytes. A body of control characters grows sixfold as JSON escapes (`\u0001`); the rest of the
    /// frame, names and numbers, stays below 1 KiB.
    public static let clientFrameBytesMax = 6 * bodyBytesMax + 1024

    /// A frame to a client, bytes: a page of history, 64 KiB of bodies as escapes and 100 entries of at most 400 bytes of
    /// names and numbers around them. The list of who has a message of the largest group, 2,048 members of 123 bytes, is
    /// smaller. The same number as between services.
    public static let serverFrameBytesMax = 6 * bodyBytesMax + 64 * 1024

    /// Entries in one page of history, and the largest `limit` that a client may ask for: what a person scrolls at once. The
    /// same number as between services.
    public static let historyEntryCountMax = 100

    /// Entries in a page when the client names no `limit`: a screen and a little more.
    public static let historyEntryCountDefault = 50

    /// Groups in one `group.list`: titles of 400 bytes, as escapes at worst, fit in a frame.
    public static let groupTitleCountMax = 100

    /// People in one `presence` and in its answer: a screen of chats, many times over. Each costs the shard of the one who asks a
    /// look-up, perhaps at another shard and in the store; ten thousand in one frame would hold up everybody behind it.
    public static let presenceUserCountMax = 256

    /// People that one connection watches. A chat that is open and a list of chats on a screen are twenty; each may cost a push
    /// a second.
    public static let watchUserCountMax = 64

    /// Type of a frame that belongs to another service, bytes: `presence.subscribe` has 18.
    public static let featureBytesMax = 32

    /// Text of an error frame that a client keeps, bytes. Ours are below 200.
    public static let errorTextBytesMax = 1024

    /// Largest number in a frame, 2^53 - 1: every JSON reader keeps it whole. Both encodings have the same bound, so that no
    /// number can pass one and be refused by the other. As microseconds it lasts until the year 2255.
    public static let numberMax: UInt64 = (1 << 53) - 1

    /// Deepest nesting of objects and arrays in a JSON frame, the frame itself included. Our own frames need 4; the rest lets
    /// fields of a newer release pass, and bounds the reader's recursion.
    public static let jsonDepthMax = 8

    /// Most members of one JSON frame. Ours have at most 10. Unknown names are compared pairwise to find duplicates, so 64
    /// bound that work at about 2,000 short comparisons.
    public static let jsonMemberCountMax = 64
}
