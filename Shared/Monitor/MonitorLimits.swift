// The bounds of looking at a cluster, in one place, with reasons.

import Primitives

public enum MonitorLimits {
    /// Warnings that a node remembers and shows. An operator wants the last ones; the log has all.
    public static let warningCountMax = 16

    /// One of them, bytes: a line of the log is not longer (`ServiceLimits.logLineBytesMax`).
    public static let warningBytesMax = 4_000

    /// A node's page /look, bytes: its metrics are some 30 KiB, its warnings 64 KiB at most. More comes from somebody else, who
    /// listens where the node should.
    public static let lookBytesMax = 512 * 1024

    /// How long the other nodes are waited for. Healthy ones answer within milliseconds; a page that is drawn each second must
    /// not wait longer for one that hangs.
    public static let patience = Interval.milliseconds(700)

    /// A look that is younger than this is shown again: several people who look cost what one costs.
    public static let ageMin = Interval.milliseconds(400)

    /// A look that is older than this is forgotten, and nothing is compared with it: nobody looks any more.
    public static let ageMax = Interval.seconds(10)
}
