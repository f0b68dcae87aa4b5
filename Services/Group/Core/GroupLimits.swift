// The bounds of the group service, in one place, with reasons.

import Primitives
import RPC

public enum GroupServiceLimits {
    /// Groups kept in memory. An idle one with 100 members takes some 20 KiB; more would be evicted before they are idle.
    static let groupCountMax = 10_000

    /// After so long without a request a group that owes nothing is forgotten; it is read again in a few milliseconds.
    static let idleMax = Interval.seconds(60)

    /// Requests to one group that wait while it is read or changed. At a thousand a second that is a quarter of a second.
    static let waitingCountMax = 256

    /// Entries of one group that are not in every inbox yet. Beyond that nobody may write until some are: 1,024 of 64 KiB
    /// each would be 64 MiB.
    static let pendingCountMax = 1_024
    static let pendingBytesMax = 4 * 1024 * 1024

    /// Inbox entries in one batch to a session shard, recipients times entries: about 20 ms of a store's time.
    static let batchDeliveryCountMax = 8_192

    /// How often a request is tried again because the group had changed elsewhere. Twice means that two shards fight over it.
    static let staleTryCountMax = 3

    /// The longest wait before a fan-out is tried again, spread by jitter. The first one is a setting (`GroupRules`), and
    /// each is twice the one before. One and a half times that stays below the five seconds that a message may wait when the fault is over.
    static let retryMax = Interval.seconds(3)

    /// How often a shard looks for groups that owe entries or ticks, since it or another shard died.
    static let scanInterval = Interval.seconds(10)

    /// How long the store may not know that ticks were told: a busy group says it with its next entry, a quiet one in a write of
    /// its own. What is not known is told once more after a crash, which costs as much as telling it once.
    static let settleDelay = Interval.seconds(1)

    /// Receipts of members that come within this time reach authors as one tick.
    static let tickWindow = Interval.milliseconds(50)

    /// Counts of who has a message go out so often at most: what an eye can follow.
    static let countWindow = Interval.milliseconds(500)

    /// The newest messages of a group whose counts are told by themselves; of older ones authors ask.
    static let countedMessageCountMax = 16

    /// Members of a group who are shown as typing at once: what a line of a screen can name. What one more writes is not shown.
    static let typistCountMax = 3

    /// Members whose typing waits while the group is read or checked; as many as could be shown.
    static let typistWaitingCountMax = typistCountMax

    /// How long what is known of a group is good enough to show who types in it. A group in which somebody types and that only
    /// one shard holds costs the store one small read in this time; somebody who was removed at another shard can be
    /// shown for so long at most.
    static let typingTrust = Interval.seconds(5)

    /// Typing brings a group into memory only while fewer than this are there: messages come first.
    static let typingGroupCountMax = groupCountMax / 2

    /// Messages of a group whose authors are remembered: nobody is told of ticks for what she did not write.
    static let knownMessageCountMax = 256
}
