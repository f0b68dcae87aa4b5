// The bounds of the loop, in one place, with reasons and relations.

import Messages
import Primitives
import RPC

package enum ServiceLimits {
    // MARK: The tick

    /// Ready sockets taken in one tick. More would only lengthen the tick; what is left is ready again in the next.
    static let eventCountMax = 512

    /// One read of one socket in one tick, bytes. A flood on one socket so costs the others at most this much copying.
    static let readBytesMax = 64 * 1024

    /// Connections accepted at one door in one tick: a storm of clients must not keep those who are already in waiting. With
    /// TLS each brings a handshake of most of a millisecond; the next tick follows at once.
    static let acceptCountMax = 4

    /// Connections that the kernel holds for us until we accept them; it lowers this to net.core.somaxconn by itself.
    static let backlogCountMax: Int32 = 4096

    /// How long no client is accepted after the core wanted none: some milliseconds of its work.
    static let crowdPause = Interval.milliseconds(5)

    /// How long nobody is accepted after the descriptors ran out. Without it a level-triggered door would spin.
    static let acceptPause = Interval.milliseconds(100)

    /// Descriptors that clients may not take: peers, admin connections, the store's files and the loop's own.
    static let descriptorReserve = 256

    /// The longest sleep, milliseconds. The mesh wakes the loop every second anyhow.
    static let sleepMsMax: Int64 = 60_000

    // MARK: Sending

    /// Bytes queued for one client, behind what the kernel took, beyond which it counts as congested.
    static let clientQueueBytesSoft = 256 * 1024

    /// Bytes beyond which a client is cut: it does not read. Holds the largest frame (384 KiB), so that no healthy client
    /// is cut for one message; a cut client comes back and resumes from its cursor. 10,000 such clients would hold 5 GB,
    /// which is why this is not larger.
    static let clientQueueBytesMax = 512 * 1024

    /// How long a socket that was ordered to close may take to drain and to be closed by the other side too.
    static let closeTimeout = Interval.seconds(2)

    /// How long the process may take to empty its queues after SIGTERM. A commit in flight is waited for in any case.
    static let stopTimeout = Interval.seconds(1)

    /// How long a connect may be undecided. The kernel alone would try a silent address for two minutes.
    static let connectTimeout = RPCLimits.handshakeTimeout

    // MARK: Names

    /// How long the C library waits for a name server, seconds, and how often it asks each of them. A name server of our own
    /// network answers within milliseconds, and a dial that fails is repeated anyhow (`RPCLimits.redialMax`); by itself the
    /// library would wait 5 s, twice. `RES_OPTIONS` in the environment overrules both (resolv.conf(5)).
    static let lookupSeconds = 1
    static let lookupTries = 2

    /// Names that are looked up at once. Eight that nobody has cost every other name one such wait at most, and a thread takes
    /// some 100 KiB while it lives.
    package static let lookupThreadCountMax = 8

    // MARK: The store

    /// Quiet time after which the store may tidy up: long enough not to hit between two batches under load.
    static let storeQuietMs: Int32 = 1000

    /// Mean time of a commit, microseconds, up to which the loop waits for small ones itself. Ten times what a good disk
    /// takes; the loop then stands still for no longer than a large tick takes anyhow.
    static let storeQuickUsMax: Int64 = 2_000

    /// Requests up to which a batch is small. More than this is work for another core, and then the two wake-ups are cheap.
    static let storeInlineRequestCountMax = 16

    // MARK: The admin door

    /// A request, bytes: a browser's GET with a few cookies of the same host.
    static let adminRequestBytesMax = 4 * 1024

    /// Connections at once. A scraper, a health check and a few people need less than ten.
    static let adminConnectionCountMax = 64

    /// From accept to the whole request.
    static let adminTimeout = Interval.seconds(5)

    /// An answer waiting to be read, bytes; a page of metrics is about 20 KiB, a full trace answer 200 KiB.
    static let adminQueueBytesMax = 1024 * 1024

    // MARK: The cluster file

    /// How often it is read again while a peer goes by a newer one. An operator copies a file to forty machines in a minute; a
    /// message may wait five seconds.
    package static let reloadPause = Interval.seconds(2)

    /// For how long so often, and how often after that: by then whoever copies has finished, or has forgotten us and looks at
    /// `FantailEpochsDiffer`. A minute more then costs nothing that waiting had not cost already, and 30 times fewer reads.
    package static let reloadPatience = Interval.seconds(60)
    package static let reloadPauseLong = Interval.seconds(60)

    // MARK: Trace and log

    /// Steps remembered: some seconds at full load, 2 MiB. Twice that would be worth little: a trace is looked at soon.
    static let traceRecordCountMax = 65_536

    /// Steps in one answer of `/trace`. A message has about ten in each process.
    static let traceAnswerCountMax = 1000

    /// One line, bytes. At most PIPE_BUF (4096), so that a pipe that takes a line at all takes it whole.
    static let logLineBytesMax = 4000

    /// One value in a line, bytes.
    static let logValueBytesMax = 512

    /// Lines of one event in one second; the rest is counted. A reconnect storm says the same thing over and over.
    static let logSameEventCountMax = 20

    /// Event names watched for repetition; names are constants of the program, there are some fifty.
    static let logEventNameCountMax = 256

    // MARK: Files

    /// The cluster's secret, bytes: as long as the hash that uses it (RFC 2104, section 3, advises no less).
    static let secretBytesMin = 32

    /// The secret's file, bytes. Anything longer is some other file.
    static let secretFileBytesMax = 4096

    /// What must hold between them.
    static func check() {
        precondition(clientQueueBytesSoft < clientQueueBytesMax)
        precondition(clientQueueBytesMax > MessageLimits.clientFrameBytesMax)
        precondition(logValueBytesMax < logLineBytesMax)
        precondition(logLineBytesMax < 4096)
    }
}
