// Every bound of the cluster file, with its reason.

import Primitives
import Ring

/// Bounds of what a cluster file may say.
public enum ClusterLimits {
    /// Largest file, bytes. 1,000 nodes with long names take about 300 KB; more is not a cluster file.
    public static let fileBytesMax = 1_048_576
    /// Longest line, bytes. The origins are the longest line that makes sense: 64 names of 63 bytes.
    public static let lineBytesMax = 4_096
    /// Nodes in all. The ring sets the bound, since all nodes might have one role; at 1,000 names one pair in 8,600 clusters
    /// shares a `NodeID`, and is refused.
    public static let nodeCountMax = RingLimits.memberCountMax
    /// Longest name of a cluster, bytes: it appears in every log line and metric.
    public static let clusterNameBytesMax = 32
    /// Longest name of a node, bytes: a DNS label, so that a container or pod may bear it.
    public static let nodeNameBytesMax = 63
    /// Longest host name, bytes (RFC 1035, section 2.3.4, without the dots at the ends).
    public static let hostBytesMax = 253
    /// Allowed origins of browsers. A product has a few; a longer list wants a proxy in front.
    public static let originCountMax = 64
    /// Longest origin, bytes: `https://`, a host name, a port.
    public static let originBytesMax = 267
    /// How long an undelivered message may be kept, seconds: a minute to ten years. Less would lose messages in a lunch
    /// break; more is what the archive is for.
    public static let expirySecondsRange = 60...(3_650 * 86_400)
    /// Default of the above: thirty days, as users of messengers expect.
    public static let expirySecondsDefault = 30 * 86_400
    /// Tries to reach an inbox before an author hears of trouble. One would cry at every restart; 20 take minutes.
    public static let groupTriesRange = 1...20
    /// Milliseconds before the first repeat: below 10 a dead store would be hammered, above a minute a live one not used.
    public static let groupRetryMsRange = 10...60_000
    /// Milliseconds for which somebody counts as online after an act. Below two seconds the half-second steps of last-seen would
    /// show; above ten minutes "online" means nothing.
    public static let onlineMsRange = 2_000...600_000
    /// Frames a second of one user. A gateway takes about 100,000 from everybody.
    public static let framesMax = 1_000_000
    /// KiB a second of one user: less would keep out the largest frame for ever, more than a gigabyte no socket gives.
    public static let kibRange = 400...1_048_576
    /// Connections a second from one address: more than a gateway accepts.
    public static let connectsMax = 1_000_000
    /// What links begin with, bytes: `https://`, a host name, a port, a path. The rest of a link takes up to 450 of
    /// `MediaLimits.urlBytesMax`.
    public static let publicURLBytesMax = 400
    /// Name of a bucket, bytes (the rules of Amazon S3).
    public static let bucketBytesRange = 3...63
    /// Name of a region, bytes: those of Amazon have at most 14.
    public static let regionBytesMax = 32
    /// How long links and files that nobody keeps may wait, seconds: in less than one nobody follows a link, and after thirty days
    /// they are no passing things.
    public static let fileSecondsRange = 1...(30 * 86_400)
    /// MiB that one user may announce in a day: less than 100 would refuse the largest file for ever, a tebibyte is no limit.
    public static let dayMiBRange = 100...1_048_576
    /// URL of a database, bytes: eight servers with long names and some options.
    public static let databaseURLBytesMax = 2_048
    /// Tries before a webhook is a dead letter: with pauses that double up to an hour, forty are a day and a half.
    public static let hookTriesRange = 1...40
    /// Milliseconds before the first repeat of a webhook: less would be no pause, more than an hour is the longest there is.
    public static let hookRetryMsRange = 10...3_600_000
    /// Highest port of a layout made for one machine. Linux takes ports of outgoing connections from 32,768 upwards.
    public static let localPortMax = 32_767
}
