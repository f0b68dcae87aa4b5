// The bounds of the RPC, in one place, with reasons and relations.

import Messages
import Primitives

public enum RPCLimits {
    /// Major version of the frame layout. A peer that speaks another one is refused at once.
    public static let version: UInt8 = 1

    /// `version u8, kind u8, method u16, call id u32` behind the length.
    public static let headerBytes = 8

    /// What the length field may say, bytes.
    public static let frameBytesMax = headerBytes + MessageLimits.payloadBytesMax

    /// A hello: names and numbers only. What arrives before the proof is held to this, so that a stranger costs little.
    public static let helloBytesMax = 512

    /// A handshake that takes longer is cut: on a healthy network it takes two round trips.
    public static let handshakeTimeout = Interval.seconds(3)

    /// How often a link is looked at; a ping goes out when it was silent that long.
    public static let heartbeat = Interval.seconds(1)

    /// Silence after which a peer counts as down. Three missed heartbeats: shorter would mistake a slow disk sync for a death,
    /// longer would let messages wait.
    public static let silenceMax = Interval.seconds(3)

    /// How long a caller waits for an answer. Longer than `silenceMax`, so that a dead peer is noticed as such.
    public static let callTimeout = Interval.seconds(5)

    /// Calls in flight to all peers together. At 20,000 messages a second that is more than a second of work.
    public static let callsInFlightMax = 65_536

    /// First wait before a peer is dialled again, and the longest. Each wait is twice the one before, spread by jitter over
    /// half to one and a half times; a link that lasted `redialMax` begins again with the first. A partition of any length is over a
    /// second and a half after its end: an answer whose way was still down then comes with the client's repeat, 5 s later. Half of
    /// it would have a hundred nodes dial one that is switched off a hundred times a second more.
    public static let redialFirst = Interval.milliseconds(50)
    public static let redialMax = Interval.seconds(1)

    /// Bytes waiting in one link's send queue beyond which new calls are refused as `overloaded`.
    public static let sendQueueBytesSoft = 4 * 1024 * 1024

    /// Bytes beyond which the link is cut: the peer has not read for a long time.
    public static let sendQueueBytesMax = 16 * 1024 * 1024

    /// Connections that have not proved themselves yet. A process has fewer peers than that; the rest is noise.
    public static let strangerCountMax = 64
}
