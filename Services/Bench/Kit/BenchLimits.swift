// The bounds of the load tool, in one place, with reasons.

import Primitives

public enum BenchLimits {
    /// Users of one run. A process has at most 20,000 descriptors on common systems.
    public static let usersMax = 19_000

    /// Clients that share an address on loopback. From a single one the kernel would search among 28,000 ports, of which ended
    /// connections keep thousands for a minute: behind two storms of 15,000 users that took 76 % of the load tool's CPU.
    public static let usersPerAddress = 500

    /// Files of one run of `bench media`: each needs a link, which the chat gives one after the other.
    public static let filesMax = 4_096

    /// KiB of all these files: they are kept in memory, so that no disk of the load is measured.
    public static let mediaKiBMax: UInt64 = 2 * 1024 * 1024

    /// Connections of `bench media`, a thread each.
    public static let transferThreadsMax = 64

    /// Longest measuring of downloads, seconds: links end after five minutes.
    public static let linkSecondsMax = 240

    /// Handshakes on their way at once: as the loader for other servers has it, so that connecting costs the same.
    public static let handshakesInFlightMax = 100

    /// Messages that one author may keep without a receipt, or one group without some member. More would measure a queue and
    /// nothing else.
    public static let windowMax = 1024

    /// Messages a second over all authors. The generator is one thread; it cannot do more than this anyhow.
    public static let rateMax = 1_000_000

    /// Longest measured interval, seconds: a day.
    public static let secondsMax = 86_400

    /// How long all members together have to come for the first time. A cluster takes a thousand a second.
    public static let arrivalTimeout = Interval.seconds(120)

    /// How long making the groups may take: a few changes each, and thousands of entries.
    public static let joinTimeout = Interval.seconds(120)

    /// Quiet time between the last arrival and the first message: what connecting left behind is done by then.
    public static let settleTime = Interval.seconds(1)

    /// A message of the open loop that left this much after its time counts as late.
    public static let lateAfter = Interval.milliseconds(5)

    /// Messages of the open loop issued in one round, so that a generator that fell behind still reads its sockets.
    public static let burstCountMax = 256

    /// Messages of an open loop that are offered in one round, those included that nobody may write yet.
    public static let offersCountMax = 20_000

    /// Of so many messages that are offered in a storm one has its author type, and one its addressee ask who is online. Primes,
    /// so that everybody's turn comes; clients repeat typing every three seconds at most, whatever they are told.
    public static let typingEvery: Int64 = 31
    public static let presenceEvery: Int64 = 61

    /// How many times the peak may be offered: more than this only tests the generator.
    public static let factorMax = 100

    /// Time between two looks at the load of all services; about a window of their gauges.
    public static let loadEvery = Interval.milliseconds(200)

    /// Seconds that the curve remembers: a day has more, and no chart shows them.
    public static let curvePointsMax = 20_000

    /// How long the last answers of the store may take behind the end of a run.
    public static let lastWordTimeout = Interval.milliseconds(500)

    /// Quiet time before idle connections are watched: what connecting left behind is freed by then.
    public static let idleSettleTime = Interval.seconds(5)

    /// How long pairs write before and after a storm.
    public static let stormTrafficTime = Interval.seconds(5)

    /// A storm of reconnects may make a service's memory grow so much.
    public static let stormMemoryRatioMax = 2.0

    /// Messages of one offline run. Each is remembered until it is delivered: some 30 bytes.
    public static let offlineMessagesMax = 10_000_000

    /// How many times the cheapest point of a curve its dearest one may cost, unless something else is asked for.
    public static let scaleRatioMax = 1.3

    /// Session nodes of one cluster on this machine, each a process: more of them than this only measure the scheduler.
    public static let scaleSessionsMax = 64

    /// Entries that a store is filled with: some 20 GB of files in $TMPDIR, and a quarter of an hour.
    public static let scaleEntriesMax = 100_000_000

    /// How long a measurement waits for what is still open, seconds: a machine that others use may stand still for a while, and
    /// one message without its answer breaks the verdict on all runs.
    public static let scaleDrainSeconds = 60

    /// Measurements of a point: a median of more is not better, and they take hours.
    public static let scaleRoundsMax = 99

    /// How long storing may make no progress before it is given up.
    public static let storeStallTimeout = Interval.seconds(30)
}
