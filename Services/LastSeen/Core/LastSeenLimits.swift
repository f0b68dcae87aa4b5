// The bounds of the last-seen service, in one place, with reasons.

import Messages
import Primitives

public enum LastSeenLimits {
    /// People whose stamp is in memory, per generation of two: 64 bytes each, so a shard stays below 64 MB. Whoever falls out is
    /// read from persistence when somebody asks.
    static let knownCountMax = 500_000

    /// People whose settings are in memory, likewise: some 100 bytes each while they are plain.
    static let profileCountMax = 50_000

    /// How often stamps go to persistence. A crash loses as much of last seen, and nobody looks so closely; twice as often
    /// would cost the store twice as many rows for people who are here all day.
    static let storeInterval = Interval.seconds(5)

    /// Stamps in one request to persistence; the next one waits for the answer, so messages always come in between. 512 rows
    /// are about two milliseconds of the writer's time.
    static let storeCountMax = 512

    /// The length of a bucket of people who will count as away: "online" lasts up to that much longer.
    static let fadeStep = Interval.milliseconds(500)

    /// The shortest time between two pushes about one person to one watcher. People see no difference; a person who comes and
    /// goes ten times a second costs no more than one who does once.
    static let newsInterval = Interval.seconds(1)

    /// How often pushes leave, and how many at once: 20,000 a second and shard, some 4 % of a core, whoever is watched by how
    /// many. Double would let one popular person be felt by the shard's other work.
    static let roundPause = Interval.milliseconds(50)
    static let roundPushCount = 1_000

    /// Watchers of one person: a shard keeps 100 bytes of each. The next one is told `too_many_users`, and may still ask.
    static let watcherCountMax = 100_000

    /// Watches that a shard keeps for its people, over all of them: 100 MB. Beyond it the answer is `overloaded`.
    static let watchCountMax = 1_000_000

    /// Questions that wait for other shards or the store. At 5,000 a second that is more than the five seconds after which a
    /// call ends by itself; beyond it the answer is `overloaded`.
    static let questionCountMax = 32_768

    /// How long watches for a shard that is out of reach are kept. It is restarted within seconds and tells them again; when
    /// it stays away, its watchers do too.
    static let lease = Interval.seconds(60)

    /// How long a watch lasts that is not said again, and how often that is looked after. Clients say it once a minute: three times
    /// missed is a connection whose end was never told, or one that does not want it any more.
    static let watchLapse = Interval.seconds(180)
    static let lapseStep = Interval.seconds(30)

    /// Changes of settings that a peer out of reach has not heard of. It hears them when it is back; what is forgotten here
    /// it finds in the store when the user's device comes again.
    static let missedCountMax = 4_096

    /// People whose settings are asked for again because the answer to a change was lost, and the pause before. As many changes
    /// as are made in seconds while a store is away; who is beyond is read anew when somebody asks after the profile was forgotten.
    static let doubtfulCountMax = 4_096
    static let doubtPause = Interval.seconds(1)

    /// Before settings are told again to somebody in reach who did not take them.
    static let missedPause = Interval.seconds(1)

    /// Watch lists told again, and people read again, in one step when a shard came or went; a pause of `roundPause` lies behind
    /// it, so that news and messages come in between.
    static let resumeCount = 256

    /// What clients are told to wait, milliseconds.
    static let retryMs: UInt32 = 1_000
}
