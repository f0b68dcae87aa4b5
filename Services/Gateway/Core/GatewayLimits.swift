// The bounds of the gateway, in one place, with reasons.

import Primitives

public enum GatewayLimits {
    /// Where the WebSocket lives.
    public static let chatPath = "/v1/ws"

    /// Where a page asks about tokens.
    static let loginPath = "/v1/login"

    /// One file of the page, bytes. Up to here the loop sends a file from the one copy that all its readers share; beyond
    /// `ServiceLimits.readBytesMax` it would move the rest of it to the front, in a copy for each reader.
    static let pageFileBytesMax = 48 * 1024

    /// How long a token of the development log-in holds, seconds. A working day; the page gets itself a new one.
    static let developmentTokenSeconds: Int64 = 12 * 3600

    /// From the first byte of TCP to the end of the HTTP head. A phone on a bad network needs a few round trips, not more.
    static let handshakeTimeout = Interval.seconds(10)

    /// Handshakes in progress. The oldest silent one makes room for the newest, so that ten thousand silent sockets keep nobody out.
    static let handshakeCountMax = 2_048

    /// But not before it has had this long: two round trips of a phone. Until then newcomers wait in the kernel's queue. Without
    /// that, thousands who come in the same instant threw each other out, and came again.
    static let handshakeGrace = Interval.seconds(1)

    /// Upgrades in one tick of the loop. Each costs the check of a signature, and whatever else is read in that tick waits behind all of
    /// them: with 16 the others' p99 grew to 3.7 times in a storm, with 4 to 1.5 to 2.3 times.
    static let upgradesPerTickMax = 4

    /// Hellos on their way through the cluster. While there are so many, nobody else may come in: each costs all services
    /// together a few hundred microseconds, and whoever writes to somebody stands behind them.
    static let greetingCountMax = 64

    /// Unless the oldest of them has waited for so long: then something stands still, and keeping the others out helps nobody.
    static let greetingGrace = Interval.seconds(1)

    /// When those who wait for their turn are looked at again: 8,000 a second may come in.
    static let requestPause = Interval.microseconds(500)

    /// What may come before the answer to a request, bytes: a hello has a hundred.
    static let earlyBytesMax = 16 * 1024

    /// From the upgrade to the `welcome`. Longer than the client's own patience.
    static let helloTimeout = Interval.seconds(30)

    /// Silence after which a ping goes out, and after which the connection counts as dead.
    static let pingAfter = Interval.seconds(30)
    static let silenceMax = Interval.seconds(90)

    /// Timers of connections stand at multiples of this, so that what is due at nearly the same time is done in one tick: 15,000 silent
    /// clients are pinged a hundred at a time, and their answers come together. Nobody notices so much at any of them.
    static let timerGrid = Interval.milliseconds(250)

    /// How long a message may take from its first frame to its last: a byte a second does not hold memory for ever.
    static let messageTimeout = Interval.seconds(60)

    /// A shard that was asked to hold a connection answers in milliseconds; after this it is asked again.
    static let attachRetry = Interval.seconds(1)

    /// Connections that ended before they were attached, remembered in case a shard takes their `hello` after all: about
    /// 100 bytes each. One that falls out costs a shard a few bytes until the device comes again.
    static let departedCountMax = 1_024

    /// After a close frame the peer has this long to answer before the socket is closed anyway.
    static let closeTimeout = Interval.seconds(2)

    /// A draining gateway spreads the leave of its clients: 500 a second, a tenth of what another one greets, so that 15,000 take
    /// half a minute; few go within `drainWindowMin`. And how often some of them are told.
    static let drainSpacing = Interval.milliseconds(2)
    static let drainWindowMin = Interval.seconds(2)
    static let drainStep = Interval.milliseconds(50)

    /// Silence after which a connection may go on with another parser, where its own is draining: whatever it sent before has
    /// long been read, so nothing can overtake.
    static let parserChangeAfter = Interval.seconds(1)

    /// Seconds told to clients that come while nothing stands behind the gateway.
    static let unavailableRetrySeconds = 1

    /// How many seconds' worth of frames and bytes a user may have saved up: a device that comes back sends what it wrote on
    /// the way. Twice that would let a client with a bug run on for as long again.
    static let rateBurstSeconds: Int64 = 2

    /// How many seconds' worth of connections an address may have saved up: the clients of a whole office, cut at once.
    static let connectBurstSeconds: Int64 = 5

    /// Addresses that are told apart: 64 bytes each. A bucket is forgotten when it is full again, after seconds.
    static let addressCountMax = 4_096

    /// How often a user is told that frames are dropped, and the pause that is asked for.
    static let rateToldEvery = Interval.milliseconds(250)
    static let rateRetryMs: UInt32 = 1_000

    /// Seconds told to an address that connects too often.
    static let connectRetrySeconds = 2
}
