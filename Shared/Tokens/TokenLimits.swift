// Every bound of a token and of a key file, with its reason.
//
// All of this is read before anybody has proved anything, so each number also says how much work a stranger can cause. The
// bounds of user and device names are those of `UserID` and `DeviceID`.

/// Bounds of tokens and key files.
public enum TokenLimits {
    /// Longest token, bytes. Real tokens have 150 to 400; 4 KiB leaves room for an issuer's extra claims and still fits the
    /// usual 8 KiB bound of an HTTP head. Doubling it doubles what a stranger can make us decode and hash per connection.
    public static let tokenBytesMax = 4 * 1024

    /// Longest key id, bytes.
    public static let kidBytesMax = 64

    /// Most keys in one set. Rotation needs two or three, an issuer per product some more. Lookup is a linear search, which
    /// is fair for this many and no more.
    public static let keyCountMax = 64

    /// Shortest HS256 secret, bytes: the hash's own size. Source: RFC 7518, section 3.2.
    public static let secretBytesMin = 32

    /// Longest HS256 secret, bytes. Beyond the hash's 64-byte block a longer secret adds no strength.
    public static let secretBytesMax = 128

    /// Size of an Ed25519 public key and of a seed, bytes. Source: RFC 8032, section 5.1.5.
    public static let ed25519KeyBytes = 32

    /// Size of an Ed25519 signature, bytes. Source: RFC 8032, section 5.1.6.
    public static let ed25519SignatureBytes = 64

    /// Size of an HS256 signature, bytes.
    public static let hs256SignatureBytes = 32

    /// Longest key file, bytes: `keyCountMax` lines of the greatest length are about 17 KiB, the rest is for comments.
    public static let keyFileBytesMax = 64 * 1024

    /// Deepest nesting of objects and arrays in a header or claims, the outer object included. We read flat values only;
    /// 4 lets an issuer's nested claim pass. It also bounds the reader's recursion.
    public static let jsonDepthMax = 4

    /// Most members of one JSON object. Duplicates are found by comparing all pairs, so this bounds that work: 64 members
    /// cost 2,016 comparisons, which is less than one signature check.
    public static let jsonMemberCountMax = 64

    /// How far the issuer's clock may run ahead of ours, seconds; applies to `nbf` and `iat`. Servers without good time
    /// synchronisation drift by seconds, not minutes. `exp` has no leeway: an expired token is expired.
    public static let clockLeewaySeconds: Int64 = 60

    /// Greatest magnitude of a time claim, seconds: 2^53, up to which a JSON number is an exact integer everywhere.
    public static let timeSecondsMax: Int64 = 1 << 53

    /// Longest life that the minter gives a token, seconds: ten years, for a machine's account. It catches a caller that
    /// counts in milliseconds.
    public static let lifeSecondsMax: Int64 = 10 * 366 * 24 * 3600
}
