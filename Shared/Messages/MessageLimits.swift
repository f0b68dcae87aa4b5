// The bounds of what services say to each other, in one place, with reasons and relations.

public enum MessageLimits {
    /// Text of one chat message, bytes. Promised to users in docs/protocol.md; larger things travel as media.
    public static let bodyBytesMax = 64 * 1024

    /// A frame from a client, bytes. A body of control characters grows sixfold as JSON escapes (`\u0001`); the rest
    /// of the frame, names and numbers, stays below 1 KiB.
    public static let clientFrameBytesMax = 6 * bodyBytesMax + 1024

    /// A frame to a client, bytes. The largest is a page of history: one page of bodies with every byte escaped, and
    /// `historyEntryCountMax` times 400 bytes of names and numbers.
    public static let clientOutputBytesMax = 6 * pageBodyBytesMax + 64 * 1024

    /// Entries in one page of history for a client.
    public static let historyEntryCountMax = 100

    /// Payload of one frame between services, bytes: a page of inbox entries or one client frame, whichever is larger,
    /// with room for names. Twice that would only make a slow link hold more memory.
    public static let payloadBytesMax = 512 * 1024

    /// Entries in one page of an inbox or of a history. With 100-byte bodies a page is then about 80 KiB.
    public static let pageEntryCountMax = 512

    /// Entries whose text goes in one step when a user's data is erased: of the largest texts 16 MiB that are overwritten in one
    /// commit, while others wait at the store. As many as a step of housekeeping looks at.
    public static let eraseEntryCountMax = 256

    /// Bodies in one page, bytes. One entry always fits, so that a page is never empty while something is left.
    public static let pageBodyBytesMax = 64 * 1024

    /// Watermarks in one message. A person with more chats than that gets several pages.
    public static let watermarkCountMax = 512

    /// Expired messages reported in one call.
    public static let expiredCountMax = 256

    /// Devices a user may have at once. Each holds back the deletion of temporary messages until it has them.
    public static let deviceCountMax = 8

    /// Entries of a group that travel to its members in one batch: what a busy group gathers while the batch before is stored.
    /// Bodies in it: `pageBodyBytesMax`, one entry always fits.
    public static let fanOutEntryCountMax = 64

    /// Receipts of members of one group in one message: one from everybody in the largest group.
    public static let groupMarkCountMax = 4_096

    /// Members of the largest group in which typing is shown. In a larger one somebody always types, and what one writes would
    /// be told to everybody every three seconds: a tenth of what a message costs, and nobody reads it.
    public static let typingMemberCountMax = 256

    /// Groups in one page of a user's list. Titles are the largest part: 100 of them are 45 KiB.
    public static let membershipCountMax = 100

    /// People in one batch of activity, of connections that ended or of stamps to be stored: of the longest names 300 KB. A
    /// mass disconnect of a whole gateway is a few of these.
    public static let seenCountMax = 4_096

    /// People asked about at once. The same number as a client may name.
    public static let presenceUserCountMax = 256

    /// Settings in one page for a last-seen shard, bytes as they travel: a page stops behind the entry that went over it. The
    /// largest settings have 86 KB, so a page stays below 350 KB.
    public static let presencePageBytesMax = 256 * 1024

    /// Name of a feature in a request, bytes.
    public static let featureBytesMax = 32

    /// Text of a message in a webhook, bytes: what a phone shows of a notification is a tenth of it.
    static let hookBodyBytesMax = 4 * 1024

    /// Events of webhooks in one message; together their texts have `pageBodyBytesMax`.
    public static let hookCountMax = 128

    /// Free text inside a refusal or a close, bytes: RFC 6455, section 5.5, allows 123 in a close frame.
    public static let reasonBytesMax = 120
}
